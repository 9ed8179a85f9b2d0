/* Everything that is a statement and no query: the table utility.def says what it does; this file adds what
 * depends on its fields, and which relations it names where they are not RangeVars. A statement within
 * another (EXPLAIN, PREPARE, a rule's actions, a function's body) is read here too, at its depth. */
#include "sql/names.h"

struct utility {
    const char *tag;
    uint32_t effects;
    bool known;
};
static const struct utility utilities[] = {
#define UTILITY(T, tag, effects) [T_##T] = { tag, effects, true },
#include "sql/utility.def"
#undef UTILITY
};

enum object_name { NAME_NONE, NAME_RELATION, NAME_ON_RELATION };
static const enum object_name object_names[] = {
#define OBJECT(TYPE, words, how) [OBJECT_##TYPE] = NAME_##how,
#include "sql/objects.def"
#undef OBJECT
};

/* An object that is named by a list: as the relation that it is or belongs to, where it does. */
static void note_object(struct walk *walk, ObjectType type, const Node *object, struct walk_at at)
{
    struct tree_name name;
    if (!object || tree_tag(object) != T_List || (size_t)type >= sizeof(object_names) / sizeof(*object_names))
        return;
    enum object_name how = object_names[type];
    if (how == NAME_NONE || !tree_name_before((const List *)object, how == NAME_ON_RELATION, &name)) return;
    relations_add(walk, name, at.access, false, (enum walk_naming)at.naming, NULL);
}

static void note_objects(struct walk *walk, ObjectType type, const List *objects, struct walk_at at)
{
    for (int i = 0; i < tree_length(objects); i++)
        note_object(walk, type, tree_item(objects, i), at);
}

/* The relation that a statement makes; NULL: none. */
static const RangeVar *created_relation(const Node *node)
{
    switch (tree_tag(node)) {
    case T_CreateStmt: return ((const CreateStmt *)node)->relation;
    case T_CreateForeignTableStmt: return ((const CreateForeignTableStmt *)node)->base.relation;
    case T_CreateSeqStmt: return ((const CreateSeqStmt *)node)->sequence;
    case T_ViewStmt: return ((const ViewStmt *)node)->view;
    case T_CreateTableAsStmt: return ((const CreateTableAsStmt *)node)->into->rel;
    default: return NULL;
    }
}

/* IF EXISTS. */
static bool may_be_missing(const Node *node)
{
    switch (tree_tag(node)) {
    case T_DropStmt: return ((const DropStmt *)node)->missing_ok;
    case T_AlterTableStmt: return ((const AlterTableStmt *)node)->missing_ok;
    case T_RenameStmt: return ((const RenameStmt *)node)->missing_ok;
    case T_AlterObjectSchemaStmt: return ((const AlterObjectSchemaStmt *)node)->missing_ok;
    case T_AlterSeqStmt: return ((const AlterSeqStmt *)node)->missing_ok;
    default: return false;
    }
}

static void act(struct walk *walk, enum sql_action action, const char *subject)
{
    struct sql_statement *s = walk->statement;
    if (s->action != SQL_ACTION_NONE) return;
    s->action = action;
    s->subject = walk_text(walk, subject);
}

static void visit_copy(struct walk *walk, const CopyStmt *copy, struct walk_at at)
{
    bool file = copy->filename || copy->is_program;
    at.access = copy->is_from ? EFFECT_WRITE : EFFECT_READ;
    if (file)
        at.access |= EFFECT_UNSAFE_IO;
    else
        at.access |= copy->is_from ? EFFECT_BULK_IN : EFFECT_BULK_OUT;
    walk_effect(walk, at.access);
    if (!file) act(walk, copy->is_from ? SQL_ACTION_COPY_IN : SQL_ACTION_COPY_OUT, NULL);
    struct walk_at inside = at;
    inside.access = EFFECT_READ;
    walk_push(walk, copy->options, inside);
    walk_push(walk, copy->whereClause, inside);
    inside.beside = true;
    walk_push(walk, copy->query, inside);
    if (copy->query) walk->spread |= at.access & ~(uint32_t)EFFECT_READ;
    /* COPY (query) has no relation of its own; COPY t FROM writes it, whatever CTE stands outside. */
    at.target = true;
    at.naming = NAMING_QUERY;
    walk_push(walk, copy->relation, at);
}

static uint32_t alter_effects(const AlterTableCmd *command)
{
    switch (command->subtype) {
    case AT_ChangeOwner:
    case AT_EnableRowSecurity:
    case AT_DisableRowSecurity:
    case AT_ForceRowSecurity:
    case AT_NoForceRowSecurity: return EFFECT_PRIVILEGE;
    case AT_DropColumn:
    case AT_DropConstraint: return EFFECT_SCHEMA_DROP;
    default: return 0;
    }
}

static void visit_alter_table(struct walk *walk, const AlterTableStmt *s, struct walk_at at)
{
    uint32_t more = 0;
    for (int i = 0; i < tree_length(s->cmds); i++)
        more |= alter_effects(tree_item(s->cmds, i));
    walk_effect(walk, more);
    for (int i = 0; s->objtype == OBJECT_TYPE && i < tree_length(s->cmds); i++)
        walk->statement->cascades |= ((const AlterTableCmd *)tree_item(s->cmds, i))->behavior == DROP_CASCADE;
    walk_push(walk, s->cmds, at);
    at.access |= more;
    if (s->objtype != OBJECT_TYPE) {
        walk_push(walk, s->relation, at);
    } else if (walk->names) {
        struct tree_name name = { s->relation->catalogname, s->relation->schemaname, s->relation->relname };
        types_object(walk, name, at.access);
    }
}

static void visit_transaction(struct walk *walk, const TransactionStmt *s)
{
    switch (s->kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START: act(walk, SQL_ACTION_BEGIN, NULL); return;
    case TRANS_STMT_COMMIT: act(walk, SQL_ACTION_COMMIT, NULL); return;
    case TRANS_STMT_ROLLBACK: act(walk, SQL_ACTION_ROLLBACK, NULL); return;
    case TRANS_STMT_SAVEPOINT:
    case TRANS_STMT_RELEASE:
    case TRANS_STMT_ROLLBACK_TO: act(walk, SQL_ACTION_SAVEPOINT, s->savepoint_name); return;
    case TRANS_STMT_PREPARE:
    case TRANS_STMT_COMMIT_PREPARED:
    case TRANS_STMT_ROLLBACK_PREPARED: act(walk, SQL_ACTION_TWO_PHASE, s->gid); return;
    }
    walk_effect(walk, EFFECT_UNKNOWN);
}

static const char *discard_words(DiscardMode mode)
{
    switch (mode) {
    case DISCARD_ALL: return "all";
    case DISCARD_PLANS: return "plans";
    case DISCARD_SEQUENCES: return "sequences";
    case DISCARD_TEMP: return "temp";
    }
    return "all";
}

static void visit_rename(struct walk *walk, const RenameStmt *s, struct walk_at at)
{
    /* ALTER TYPE t RENAME ATTRIBUTE and ALTER TYPE t RENAME name the type like a relation. */
    bool type = s->renameType == OBJECT_ATTRIBUTE || s->renameType == OBJECT_TYPE;
    if (s->renameType == OBJECT_ROLE) walk_effect(walk, EFFECT_PRIVILEGE);
    if (s->relation && !type) walk_push(walk, s->relation, at);
    note_object(walk, s->renameType, s->object, at);
}

/* What the gateway keeps track of. */
static void note_action(struct walk *walk, const Node *node)
{
    switch (tree_tag(node)) {
    case T_TransactionStmt: visit_transaction(walk, (const TransactionStmt *)node); return;
    case T_VariableShowStmt: act(walk, SQL_ACTION_SHOW, ((const VariableShowStmt *)node)->name); return;
    case T_PrepareStmt: act(walk, SQL_ACTION_PREPARE, ((const PrepareStmt *)node)->name); return;
    case T_ExecuteStmt: act(walk, SQL_ACTION_EXECUTE, ((const ExecuteStmt *)node)->name); return;
    case T_DeallocateStmt: act(walk, SQL_ACTION_DEALLOCATE, ((const DeallocateStmt *)node)->name); return;
    case T_DeclareCursorStmt:
        act(walk, SQL_ACTION_DECLARE, ((const DeclareCursorStmt *)node)->portalname);
        return;
    case T_FetchStmt: act(walk, SQL_ACTION_FETCH, ((const FetchStmt *)node)->portalname); return;
    case T_ClosePortalStmt: act(walk, SQL_ACTION_CLOSE, ((const ClosePortalStmt *)node)->portalname); return;
    case T_DiscardStmt:
        act(walk, SQL_ACTION_DISCARD, discard_words(((const DiscardStmt *)node)->target));
        return;
    case T_ListenStmt: act(walk, SQL_ACTION_LISTEN, ((const ListenStmt *)node)->conditionname); return;
    case T_UnlistenStmt: act(walk, SQL_ACTION_UNLISTEN, ((const UnlistenStmt *)node)->conditionname); return;
    case T_NotifyStmt: act(walk, SQL_ACTION_NOTIFY, ((const NotifyStmt *)node)->conditionname); return;
    default: return;
    }
}

/* The relations that are to be made here, under the names that they have there. */
static void visit_import(struct walk *walk, const ImportForeignSchemaStmt *s, struct walk_at at)
{
    at.naming = walk->names ? NAMING_CREATED : at.naming;
    for (int i = 0; i < tree_length(s->table_list); i++) {
        const RangeVar *there = tree_item(s->table_list, i);
        struct tree_name here = { NULL, walk->names ? s->local_schema : there->schemaname, there->relname };
        if (walk->names && s->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO) continue;
        relations_add(walk, here, at.access, false, (enum walk_naming)at.naming, NULL);
    }
}

/* CREATE or ALTER SEQUENCE … OWNED BY table.column: the sequence goes with the table from now on. */
static void note_owner(struct walk *walk, const List *options, struct walk_at at)
{
    for (int i = 0; i < tree_length(options); i++) {
        const DefElem *option = tree_item(options, i);
        struct tree_name table;
        if (strcmp(option->defname, "owned_by") != 0 || !option->arg || tree_tag(option->arg) != T_List)
            continue;
        if (tree_length((const List *)option->arg) < 2) continue; /* NONE */
        if (!tree_name_before((const List *)option->arg, 1, &table))
            walk_effect(walk, EFFECT_UNKNOWN);
        else
            relations_add(walk, table, at.access, false, NAMING_OBJECT, NULL);
    }
}

static void note_type(struct walk *walk, const List *list, struct walk_at at, bool created)
{
    struct tree_name name;
    if (!walk->names || !tree_name(list, &name)) return;
    if (created)
        types_created(walk, name, at.access);
    else
        types_object(walk, name, at.access);
}

static void note_dropped_types(struct walk *walk, const DropStmt *s, struct walk_at at)
{
    if (s->removeType != OBJECT_TYPE && s->removeType != OBJECT_DOMAIN) return;
    for (int i = 0; i < tree_length(s->objects); i++) {
        const TypeName *type = tree_item(s->objects, i);
        if (type && tree_tag(type) == T_TypeName && type->names) note_type(walk, type->names, at, false);
    }
}

/* The statements that name objects by lists, or whose RangeVars are no relations. False: its children may be
 * walked as they are. */
static bool visit_named(struct walk *walk, const Node *node, struct walk_at at)
{
    switch (tree_tag(node)) {
    case T_CopyStmt: visit_copy(walk, (const CopyStmt *)node, at); return true;
    case T_AlterTableStmt: visit_alter_table(walk, (const AlterTableStmt *)node, at); return true;
    case T_RenameStmt: visit_rename(walk, (const RenameStmt *)node, at); return true;
    case T_ImportForeignSchemaStmt:
        visit_import(walk, (const ImportForeignSchemaStmt *)node, at);
        return true;
    case T_VariableSetStmt: setting_visit(walk, (const VariableSetStmt *)node, at.depth == 1); return true;
    /* Names of constraints. */
    case T_ConstraintsSetStmt: return true;
    case T_CompositeTypeStmt: {
        const CompositeTypeStmt *s = (const CompositeTypeStmt *)node;
        struct tree_name name = { s->typevar->catalogname, s->typevar->schemaname, s->typevar->relname };
        if (walk->names) types_created(walk, name, at.access);
        walk_push(walk, s->coldeflist, at);
        return true;
    }
    case T_CreateEnumStmt: note_type(walk, ((const CreateEnumStmt *)node)->typeName, at, true); return false;
    case T_CreateRangeStmt:
        note_type(walk, ((const CreateRangeStmt *)node)->typeName, at, true);
        return false;
    case T_CreateDomainStmt:
        note_type(walk, ((const CreateDomainStmt *)node)->domainname, at, true);
        return false;
    case T_AlterEnumStmt: note_type(walk, ((const AlterEnumStmt *)node)->typeName, at, false); return false;
    case T_AlterDomainStmt:
        note_type(walk, ((const AlterDomainStmt *)node)->typeName, at, false);
        return false;
    case T_DropStmt: {
        walk->statement->cascades = ((const DropStmt *)node)->behavior == DROP_CASCADE;
        const DropStmt *s = (const DropStmt *)node;
        if (s->removeType == OBJECT_POLICY) {
            at.access |= EFFECT_PRIVILEGE;
            walk_effect(walk, EFFECT_PRIVILEGE);
        }
        note_objects(walk, s->removeType, s->objects, at);
        note_dropped_types(walk, s, at);
        return true;
    }
    case T_CreateSeqStmt: note_owner(walk, ((const CreateSeqStmt *)node)->options, at); return false;
    case T_AlterSeqStmt: note_owner(walk, ((const AlterSeqStmt *)node)->options, at); return false;
    case T_CommentStmt: {
        const CommentStmt *s = (const CommentStmt *)node;
        note_object(walk, s->objtype, s->object, at);
        return true;
    }
    case T_SecLabelStmt: {
        const SecLabelStmt *s = (const SecLabelStmt *)node;
        note_object(walk, s->objtype, s->object, at);
        return true;
    }
    case T_AlterExtensionContentsStmt: {
        const AlterExtensionContentsStmt *s = (const AlterExtensionContentsStmt *)node;
        note_object(walk, s->objtype, s->object, at);
        return true;
    }
    default: return false;
    }
}

bool utility_visit(struct walk *walk, const Node *node, struct walk_at at)
{
    enum NodeTag tag = tree_tag(node);
    if ((size_t)tag >= sizeof(utilities) / sizeof(*utilities) || !utilities[tag].known) {
        /* A statement that no table names. RETURN stands in a function's body, the others in ALTER TABLE. */
        if (tag < T_RawStmt || tag > T_AlterStatsStmt || tag == T_ReturnStmt || tag == T_AlterTableCmd ||
            tag == T_ReplicaIdentityStmt)
            return false;
        walk->unknown = tag;
        walk_effect(walk, EFFECT_UNKNOWN);
        return true;
    }
    walk_effect(walk, utilities[tag].effects);
    at.access = utilities[tag].effects;
    at.target = at.quiet = false;
    at.naming = may_be_missing(node) ? NAMING_OPTIONAL : NAMING_OBJECT;
    at.creates = created_relation(node);
    if (tag != T_PrepareStmt && tag != T_DeclareCursorStmt) at.beside = true;
    note_action(walk, node);
    if (!visit_named(walk, node, at)) walk_push_children(walk, node, at);
    return true;
}
