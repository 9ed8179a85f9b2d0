/* Code that a statement makes, changes, or gives a name to. What a policy trusts by its name must not be made
 * by whom the policy lets call nothing else: whether it is such a name is for the policy to say. */
#include "sql/names.h"

static bool belongs_to_extension(struct walk *walk, struct bytes schema, struct bytes name)
{
    struct catalog_functions functions = catalog_functions_in(walk->view, name);
    struct catalog_operators operators = catalog_operators_in(walk->view, name);
    for (size_t i = 0; i < functions.n; i++)
        if (functions.items[i]->extension.n && (!schema.n || bytes_equal(functions.items[i]->schema, schema)))
            return true;
    for (size_t i = 0; i < operators.n; i++)
        if (operators.items[i]->extension.n && (!schema.n || bytes_equal(operators.items[i]->schema, schema)))
            return true;
    return false;
}

/* schema empty: any. */
static void note(struct walk *walk, struct bytes schema, struct bytes name)
{
    struct sql_statement *s = walk->statement;
    if (belongs_to_extension(walk, schema, name)) walk_effect(walk, EFFECT_PROCEDURE);
    s->made_code = (struct sql_made_code){ .any = true,
                                           .schema = walk_copy(walk, schema),
                                           .name = walk_copy(walk, name) };
}

static void note_name(struct walk *walk, const List *list, bool created)
{
    struct tree_name name;
    if (!tree_name(list, &name)) {
        walk_effect(walk, EFFECT_PROCEDURE);
        return;
    }
    struct bytes schema = bytes_of(name.schema);
    bool path_known = !walk->names->moved.n && !walk->names->loose.n;
    if (created && !schema.n && path_known) schema = names_creation_schema(walk->view);
    note(walk, schema, bytes_of(name.name));
}

static bool is_code(ObjectType type)
{
    switch (type) {
    case OBJECT_FUNCTION:
    case OBJECT_PROCEDURE:
    case OBJECT_ROUTINE:
    case OBJECT_AGGREGATE:
    case OBJECT_OPERATOR: return true;
    default: return false;
    }
}

/* RENAME TO, SET SCHEMA: it is called otherwise from now on. */
static void note_renamed(struct walk *walk, const Node *object, const char *schema, const char *name)
{
    struct tree_name was;
    const ObjectWithArgs *with = (const ObjectWithArgs *)object;
    if (!with || tree_tag(object) != T_ObjectWithArgs || !tree_name(with->objname, &was)) {
        walk_effect(walk, EFFECT_PROCEDURE);
        return;
    }
    note(walk, bytes_of(schema ? schema : was.schema), bytes_of(name ? name : was.name));
}

void made_read(struct walk *walk, const Node *node)
{
    switch (tree_tag(node)) {
    case T_CreateFunctionStmt: note_name(walk, ((const CreateFunctionStmt *)node)->funcname, true); return;
    case T_DefineStmt: {
        const DefineStmt *s = (const DefineStmt *)node;
        if (is_code(s->kind)) note_name(walk, s->defnames, true);
        return;
    }
    case T_AlterFunctionStmt:
        note_name(walk, ((const AlterFunctionStmt *)node)->func->objname, false);
        return;
    case T_AlterOperatorStmt:
        note_name(walk, ((const AlterOperatorStmt *)node)->opername->objname, false);
        return;
    case T_RenameStmt: {
        const RenameStmt *s = (const RenameStmt *)node;
        if (is_code(s->renameType)) note_renamed(walk, s->object, NULL, s->newname);
        if (s->renameType == OBJECT_SCHEMA) note(walk, bytes_of(s->newname), (struct bytes){ 0 });
        return;
    }
    case T_AlterObjectSchemaStmt: {
        const AlterObjectSchemaStmt *s = (const AlterObjectSchemaStmt *)node;
        if (is_code(s->objectType)) note_renamed(walk, s->object, s->newschema, NULL);
        if (s->objectType == OBJECT_EXTENSION) note(walk, bytes_of(s->newschema), (struct bytes){ 0 });
        return;
    }
    case T_CreateCastStmt: walk->statement->made_code.any = walk->statement->made_code.cast = true; return;
    default: return;
    }
}
