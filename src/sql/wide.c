/* Relations that a statement means without naming them: a whole schema, all, or what a cascade takes along
 * that only the server knows. */
#include "sql/names.h"

/* Whether dropping one with CASCADE takes along what only the server knows: a function its triggers, defaults
 * and views, a type its columns, a language its functions. Relations tell themselves (ties_cascade); an index
 * takes foreign keys along; on triggers, rules and policies hangs nothing. */
static bool takes_unseen(ObjectType type)
{
    switch (type) {
    case OBJECT_TABLE:
    case OBJECT_VIEW:
    case OBJECT_MATVIEW:
    case OBJECT_FOREIGN_TABLE:
    case OBJECT_TRIGGER:
    case OBJECT_RULE:
    case OBJECT_POLICY: return false;
    default: return true;
    }
}

/* Each of them, and what comes later, needs its own allow. */
static void widen_publication(struct walk *walk, const List *objects, bool all, uint32_t access)
{
    if (all) names_any(walk, access);
    for (int i = 0; i < tree_length(objects); i++) {
        const PublicationObjSpec *o = tree_item(objects, i);
        struct bytes schema = { 0 };
        switch (o->pubobjtype) {
        case PUBLICATIONOBJ_TABLE: continue;
        case PUBLICATIONOBJ_TABLES_IN_SCHEMA: schema = walk_text(walk, o->name); break;
        case PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA:
            if (!walk->names->moved.n && !walk->names->loose.n) schema = names_creation_schema(walk->view);
            break;
        case PUBLICATIONOBJ_CONTINUATION: break;
        }
        names_any_in(walk, schema, access);
    }
}

void wide_read(struct walk *walk, const Node *node)
{
    if (tree_tag(node) == T_DropStmt) {
        const DropStmt *s = (const DropStmt *)node;
        for (int i = 0; s->removeType == OBJECT_SCHEMA && i < tree_length(s->objects); i++) {
            const char *schema = tree_string(tree_item(s->objects, i));
            if (schema) ties_schema(walk, bytes_of(schema), EFFECT_SCHEMA_DROP);
        }
        walk->names->cascades = walk->names->drops = s->behavior == DROP_CASCADE;
        if (s->behavior == DROP_CASCADE && takes_unseen(s->removeType))
            names_any(walk, EFFECT_SCHEMA_DROP | EFFECT_SCHEMA_ALTER);
        else if (s->removeType == OBJECT_STATISTIC_EXT) /* of a table that it does not name */
            names_any(walk, EFFECT_SCHEMA_ALTER);
    } else if (tree_tag(node) == T_AlterTableStmt) {
        const AlterTableStmt *s = (const AlterTableStmt *)node;
        for (int i = 0; i < tree_length(s->cmds); i++)
            walk->names->drops |= ((const AlterTableCmd *)tree_item(s->cmds, i))->behavior == DROP_CASCADE;
        walk->names->cascades = walk->names->drops;
        if (walk->names->drops && s->objtype == OBJECT_TYPE) names_any(walk, EFFECT_SCHEMA_ALTER);
    } else if (tree_tag(node) == T_AlterStatsStmt) {
        names_any(walk, EFFECT_SCHEMA_ALTER);
    } else if (tree_tag(node) == T_TruncateStmt) {
        walk->names->cascades = ((const TruncateStmt *)node)->behavior == DROP_CASCADE;
    } else if (tree_tag(node) == T_GrantStmt) {
        const GrantStmt *s = (const GrantStmt *)node;
        bool all = s->targtype == ACL_TARGET_ALL_IN_SCHEMA;
        for (int i = 0; all && i < tree_length(s->objects); i++) {
            const char *schema = tree_string(tree_item(s->objects, i));
            if (schema) ties_schema(walk, bytes_of(schema), EFFECT_PRIVILEGE);
        }
    } else if (tree_tag(node) == T_RenameStmt) {
        const RenameStmt *s = (const RenameStmt *)node;
        if (s->renameType == OBJECT_SCHEMA && s->subname)
            ties_schema(walk, bytes_of(s->subname), EFFECT_SCHEMA_ALTER);
        /* Tables of that type. */
        if (s->renameType == OBJECT_ATTRIBUTE && s->behavior == DROP_CASCADE)
            names_any(walk, EFFECT_SCHEMA_ALTER);
    } else if (tree_tag(node) == T_CreatePublicationStmt) {
        const CreatePublicationStmt *s = (const CreatePublicationStmt *)node;
        widen_publication(walk, s->pubobjects, s->for_all_tables, EFFECT_SCHEMA_CREATE | EFFECT_REPLICATION);
    } else if (tree_tag(node) == T_AlterPublicationStmt) {
        const AlterPublicationStmt *s = (const AlterPublicationStmt *)node;
        widen_publication(walk, s->pubobjects, s->for_all_tables, EFFECT_SCHEMA_ALTER | EFFECT_REPLICATION);
    } else if (tree_tag(node) == T_ReindexStmt) {
        const ReindexStmt *s = (const ReindexStmt *)node;
        if (s->kind == REINDEX_OBJECT_SCHEMA && s->name)
            ties_schema(walk, bytes_of(s->name), EFFECT_MAINTENANCE);
    }
}

static bool is_named_relation(ObjectType type)
{
    switch (type) {
    case OBJECT_TABLE:
    case OBJECT_VIEW:
    case OBJECT_MATVIEW:
    case OBJECT_FOREIGN_TABLE:
    case OBJECT_SEQUENCE: return true;
    default: return false;
    }
}

/* through: also what is only reached, as in ALTER SCHEMA. */
static void mark(struct walk *walk, bool relation, bool column, bool through)
{
    struct sql_statement *s = walk->statement;
    for (size_t i = 0; i < s->n_relations; i++) {
        if (s->relations[i].through && !through) continue;
        s->relations[i].renamed |= relation;
        s->relations[i].columns_renamed |= column;
    }
}

/* The relation that the statement names, as it is called from now on. */
static void add_renamed(struct walk *walk, const char *schema, const char *name)
{
    const struct sql_statement *s = walk->statement;
    if (s->n_relations == 0) return;
    struct sql_relation one = { .schema = s->relations[0].schema,
                                .name = s->relations[0].name,
                                .access = EFFECT_SCHEMA_ALTER };
    if (schema) one.schema = bytes_of(schema);
    if (name) one.name = bytes_of(name);
    one.made = one.resolved = one.schema.n > 0;
    relations_add_through(walk, &one);
}

void wide_rename(struct walk *walk, const Node *node)
{
    if (tree_tag(node) == T_RenameStmt) {
        const RenameStmt *s = (const RenameStmt *)node;
        if (is_named_relation(s->renameType)) {
            mark(walk, true, false, false);
            add_renamed(walk, NULL, s->newname);
        } else if (s->renameType == OBJECT_COLUMN || s->renameType == OBJECT_ATTRIBUTE) {
            mark(walk, false, true, true);
        } else if (s->renameType == OBJECT_SCHEMA) {
            mark(walk, true, false, true);
        }
    } else if (tree_tag(node) == T_AlterObjectSchemaStmt) {
        const AlterObjectSchemaStmt *s = (const AlterObjectSchemaStmt *)node;
        if (is_named_relation(s->objectType)) {
            mark(walk, true, false, false);
            add_renamed(walk, s->newschema, NULL);
        } else if (s->objectType == OBJECT_EXTENSION) { /* and its tables */
            names_any(walk, EFFECT_SCHEMA_ALTER);
            mark(walk, true, false, true);
        }
    }
}
