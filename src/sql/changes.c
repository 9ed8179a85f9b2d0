/* What a statement does to the names of those behind it in the same text. The view is of before the text, so
 * that whatever moves a name has to be told here: what is created is known by its name alone, what is changed
 * is not known any more. */
#include "sql/names.h"

void names_make(struct walk *walk, struct bytes schema, struct bytes name, bool over)
{
    struct names_made *made = ARENA_NEW(walk->arena, struct names_made);
    struct bytes in = arena_copy(walk->arena, schema), last = arena_copy(walk->arena, name);
    if (!made || !in.p || !last.p) {
        walk->trouble = WALK_FULL;
        return;
    }
    *made = (struct names_made){ walk->names->making, in, last, over };
    walk->names->making = made;
}

/* What is being created is there from now on. */
static void settle_made(struct walk *walk)
{
    struct names *names = walk->names;
    while (names->making) {
        struct names_made *made = names->making;
        names->making = made->older;
        made->older = names->made;
        names->made = made;
    }
}

static void touch(struct walk *walk, struct bytes name)
{
    struct names *names = walk->names;
    struct names_touched *touched = ARENA_NEW(walk->arena, struct names_touched);
    struct bytes copy = arena_copy(walk->arena, name);
    struct names_made **link = &names->made;
    if (!touched || !copy.p) {
        walk->trouble = WALK_FULL;
        return;
    }
    *touched = (struct names_touched){ names->touched, copy, walk->statement->tag };
    names->touched = touched;
    /* What the text made under this name before is as uncertain. */
    while (*link) {
        if (bytes_equal((*link)->name, name))
            *link = (*link)->older;
        else
            link = &(*link)->older;
    }
}

static void touch_relations(struct walk *walk)
{
    for (size_t i = 0; i < walk->statement->n_relations; i++)
        if (!walk->statement->relations[i].through) touch(walk, walk->statement->relations[i].name);
}

/* Its columns are not known any more. */
static void alter_relations(struct walk *walk)
{
    for (size_t i = 0; i < walk->statement->n_relations; i++) {
        const struct sql_relation *r = &walk->statement->relations[i];
        if (r->resolved && !r->through) names_make(walk, r->schema, r->name, r->oid != 0);
    }
}

static void move(struct walk *walk)
{
    if (!walk->names->moved.n) walk->names->moved = walk->statement->tag;
}

static void shake(struct walk *walk)
{
    if (!walk->names->shaky.n) walk->names->shaky = walk->statement->tag;
}

static void move_all(struct walk *walk)
{
    move(walk);
    walk->names->moved_all = true;
}

static bool is_relation_type(ObjectType type)
{
    switch (type) {
    case OBJECT_TABLE:
    case OBJECT_VIEW:
    case OBJECT_MATVIEW:
    case OBJECT_SEQUENCE:
    case OBJECT_INDEX:
    case OBJECT_FOREIGN_TABLE: return true;
    default: return false;
    }
}

static void change_drop(struct walk *walk, const DropStmt *s)
{
    if (s->behavior == DROP_CASCADE) shake(walk);
    if (is_relation_type(s->removeType)) touch_relations(walk);
    if (s->removeType == OBJECT_SCHEMA) move_all(walk);
    if (s->removeType == OBJECT_EXTENSION) move(walk);
}

static void change_rename(struct walk *walk, const RenameStmt *s)
{
    if (is_relation_type(s->renameType)) {
        touch_relations(walk);
        touch(walk, bytes_of(s->newname));
    } else if (s->renameType == OBJECT_SCHEMA) {
        move_all(walk);
    } else if (s->renameType == OBJECT_COLUMN || s->renameType == OBJECT_ATTRIBUTE) {
        alter_relations(walk);
    } else {
        walk->names->code_made = walk->names->types_made = true;
    }
}

/* What hangs on what is changed with these: a partition, a parent, a foreign key that acts. */
static bool moves_ties(const AlterTableCmd *command)
{
    switch (command->subtype) {
    case AT_AddInherit:
    case AT_DropInherit:
    case AT_AttachPartition:
    case AT_DetachPartition:
    case AT_AddConstraint: return true;
    default: return false;
    }
}

static void change_table(struct walk *walk, const AlterTableStmt *s)
{
    for (int i = 0; i < tree_length(s->cmds); i++)
        if (moves_ties(tree_item(s->cmds, i))) {
            const AlterTableCmd *command = tree_item(s->cmds, i);
            const Constraint *constraint = (const Constraint *)command->def;
            if (command->subtype == AT_AddConstraint &&
                (!constraint || tree_tag(constraint) != T_Constraint ||
                 constraint->contype != CONSTR_FOREIGN))
                continue;
            touch_relations(walk);
            return;
        }
    alter_relations(walk);
}

static bool moves_names(struct bytes setting)
{
    return bytes_equal_nocase(setting, BYTES_LITERAL("search_path")) ||
           bytes_equal_nocase(setting, BYTES_LITERAL("role")) ||
           bytes_equal_nocase(setting, BYTES_LITERAL("session_authorization"));
}

/* Whether what the statement calls is called now, and not kept for whoever reads a view or fires a default.
 */
static bool runs_now(const struct sql_statement *s)
{
    static const char *const tags[] = { "SELECT",  "INSERT",  "UPDATE",         "DELETE", "MERGE",
                                        "EXPLAIN", "PREPARE", "DECLARE CURSOR", "COPY",   "CREATE TABLE AS",
                                        "EXECUTE", "CALL",    "SELECT INTO" };
    for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
        if (bytes_is(s->tag, tags[i])) return true;
    return false;
}

void names_setting(struct walk *walk, struct bytes name)
{
    if (name.n && !moves_names(name)) return;
    walk->names->sets_path = true;
    if (!runs_now(walk->statement)) walk_effect(walk, EFFECT_PROCEDURE);
}

static void change_setting(struct walk *walk, const VariableSetStmt *s)
{
    if (s->kind == VAR_RESET_ALL || (s->name && moves_names(bytes_of(s->name)))) move(walk);
}

static void change_transaction(struct walk *walk, const TransactionStmt *s)
{
    switch (s->kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START:
    case TRANS_STMT_SAVEPOINT:
    case TRANS_STMT_RELEASE: return;
    /* SET LOCAL ends, or what was set and created is undone. */
    case TRANS_STMT_COMMIT:
    case TRANS_STMT_ROLLBACK:
    case TRANS_STMT_ROLLBACK_TO:
    case TRANS_STMT_PREPARE:
    case TRANS_STMT_COMMIT_PREPARED:
    case TRANS_STMT_ROLLBACK_PREPARED: move(walk); return;
    }
    move_all(walk);
}

/* An index's name stands among those of relations, in its table's schema. */
static void change_index(struct walk *walk, const IndexStmt *s)
{
    const struct sql_statement *statement = walk->statement;
    if (s->idxname && statement->n_relations > 0 && statement->relations[0].resolved)
        names_make(walk, statement->relations[0].schema, bytes_of(s->idxname), true);
}

static void change_discard(struct walk *walk, const DiscardStmt *s)
{
    if (s->target == DISCARD_ALL || s->target == DISCARD_TEMP) move(walk);
}

static void change_moved_object(struct walk *walk, const AlterObjectSchemaStmt *s)
{
    walk->names->code_made = walk->names->types_made = true;
    if (is_relation_type(s->objectType))
        touch_relations(walk);
    else if (s->objectType == OBJECT_EXTENSION)
        move(walk);
}

static void change(struct walk *walk, const Node *node)
{
    struct names *names = walk->names;
    switch (tree_tag(node)) {
    case T_DropStmt: change_drop(walk, (const DropStmt *)node); return;
    case T_RenameStmt: change_rename(walk, (const RenameStmt *)node); return;
    case T_AlterTableStmt: change_table(walk, (const AlterTableStmt *)node); return;
    case T_AlterObjectSchemaStmt: change_moved_object(walk, (const AlterObjectSchemaStmt *)node); return;
    case T_VariableSetStmt: change_setting(walk, (const VariableSetStmt *)node); return;
    case T_TransactionStmt: change_transaction(walk, (const TransactionStmt *)node); return;
    case T_DiscardStmt: change_discard(walk, (const DiscardStmt *)node); return;
    case T_IndexStmt: change_index(walk, (const IndexStmt *)node); return;
    case T_DropOwnedStmt: move_all(walk); return;
    case T_CreateSchemaStmt: move(walk); return;
    case T_CreateExtensionStmt:
    case T_AlterExtensionStmt:
    case T_ImportForeignSchemaStmt:
        move(walk);
        names->code_made = names->types_made = true;
        return;
    case T_CreateEnumStmt:
    case T_CompositeTypeStmt: names->types_made = true; return;
    case T_DoStmt:
    case T_CallStmt: shake(walk); return;
    case T_CreateFunctionStmt:
    case T_AlterFunctionStmt:
    case T_DefineStmt:
    case T_CreateCastStmt:
    case T_CreateTransformStmt:
    case T_CreateDomainStmt:
    case T_AlterDomainStmt:
    case T_AlterTypeStmt:
    case T_CreateRangeStmt:
    case T_CreateOpClassStmt:
    case T_CreateTrigStmt:
    case T_RuleStmt:
    case T_CreatePolicyStmt:
    case T_AlterPolicyStmt:
    case T_AlterOperatorStmt: names->code_made = names->types_made = true; return;
    default: return;
    }
}

static const RangeVar *made_in_schema(const Node *element)
{
    switch (tree_tag(element)) {
    case T_CreateStmt: return ((const CreateStmt *)element)->relation;
    case T_ViewStmt: return ((const ViewStmt *)element)->view;
    case T_CreateSeqStmt: return ((const CreateSeqStmt *)element)->sequence;
    default: return NULL;
    }
}

/* The view with the new schema in its path, where the server puts it: behind what the path has without
 * naming it. */
static bool look_in_schema(struct walk *walk, struct bytes schema)
{
    const struct catalog_view *view = walk->view;
    struct catalog_view *inside = ARENA_NEW(walk->arena, struct catalog_view);
    struct bytes *path = ARENA_ARRAY(walk->arena, struct bytes, view->n_path + 1);
    size_t n = 0;
    if (!inside || !path) {
        walk->trouble = WALK_FULL;
        return false;
    }
    while (n < view->n_path &&
           (bytes_starts_with(view->path[n], "pg_temp_") || bytes_is(view->path[n], "pg_catalog"))) {
        path[n] = view->path[n];
        n++;
    }
    path[n] = schema;
    for (size_t i = n; i < view->n_path; i++)
        path[i + 1] = view->path[i];
    *inside = *view;
    inside->path = path;
    inside->n_path = view->n_path + 1;
    walk->view = inside;
    return true;
}

/* What stands in CREATE SCHEMA is made in the new schema, tables first, whatever their order in the text.
 * Where the schema's name or the role that makes it is not told, what stands in it is not either. */
void names_begin(struct walk *walk, const Node *statement)
{
    const CreateSchemaStmt *s = (const CreateSchemaStmt *)statement;
    if (tree_tag(statement) != T_CreateSchemaStmt || !s->schemaElts) return;
    if (!s->schemaname || s->authrole || walk->names->moved.n || walk->names->loose.n) {
        move(walk);
        return;
    }
    struct bytes schema = walk_text(walk, s->schemaname);
    if (walk->trouble || !look_in_schema(walk, schema)) return;
    for (int i = 0; i < tree_length(s->schemaElts); i++) {
        const RangeVar *relation = made_in_schema(tree_item(s->schemaElts, i));
        if (relation && !relation->schemaname && relation->relpersistence != 't')
            names_make(walk, schema, bytes_of(relation->relname), false);
    }
    settle_made(walk);
}

/* A cursor that is held runs its query at COMMIT. */
static void finish_cursor(struct walk *walk, const Node *statement)
{
    const DeclareCursorStmt *s = (const DeclareCursorStmt *)statement;
    if (tree_tag(statement) != T_DeclareCursorStmt || !(s->options & CURSOR_OPT_HOLD)) return;
    walk->statement->writes_late |= walk->statement->runs_unseen;
}

void names_finish(struct walk *walk, const Node *statement)
{
    const struct sql_statement *s = walk->statement;
    size_t before;
    wide_read(walk, statement);
    made_read(walk, statement);
    do { /* what goes takes others along, and these others */
        before = s->n_relations;
        if (walk->names->drops) ties_cascade(walk);
        ties_follow(walk);
    } while (walk->names->drops && s->n_relations != before && !walk->trouble);
    wide_rename(walk, statement);
    types_finish(walk);
    finish_cursor(walk, statement);
    if (walk->names->code_made && (s->n_relations || s->n_functions))
        code_add(walk, (struct bytes){ 0 }, BYTES_LITERAL("(earlier in this text)"),
                 BYTES_LITERAL("(made by an earlier statement of the same text)"), (struct bytes){ 0 });
}

void names_change(struct walk *walk, const Node *statement)
{
    struct names *names = walk->names;
    if (names->sets_path) move(walk);
    if (names->runs) {
        shake(walk);
        if (!names->loose.n) names->loose = walk->statement->tag;
    }
    change(walk, statement);
    settle_made(walk);
    names->sets_path = names->runs = names->sorts = names->cascades = names->drops = false;
    names->n_types = 0;
    names->operators = NULL;
    names->put_off = NULL;
}
