/* The command tag of a statement, as the server would give it (tcop/utility.c, CreateCommandTag), with four
 * exceptions that make patterns like TRUNCATE or GRANT say what they seem to: TRUNCATE and LOCK without
 * TABLE, GRANT and REVOKE without ROLE; and SELECT INTO keeps its name. */
#include "sql/walk.h"

static const struct {
    const char *tag;
} utilities[] = {
#define UTILITY(T, tag, effects) [T_##T] = { tag },
#include "sql/utility.def"
#undef UTILITY
};
static const char *const objects[] = {
#define OBJECT(TYPE, words, how) [OBJECT_##TYPE] = words,
#include "sql/objects.def"
#undef OBJECT
};

static const char *transaction_tag(const TransactionStmt *s)
{
    switch (s->kind) {
    case TRANS_STMT_BEGIN: return "BEGIN";
    case TRANS_STMT_START: return "START TRANSACTION";
    case TRANS_STMT_COMMIT: return "COMMIT";
    case TRANS_STMT_ROLLBACK:
    case TRANS_STMT_ROLLBACK_TO: return "ROLLBACK";
    case TRANS_STMT_SAVEPOINT: return "SAVEPOINT";
    case TRANS_STMT_RELEASE: return "RELEASE";
    case TRANS_STMT_PREPARE: return "PREPARE TRANSACTION";
    case TRANS_STMT_COMMIT_PREPARED: return "COMMIT PREPARED";
    case TRANS_STMT_ROLLBACK_PREPARED: return "ROLLBACK PREPARED";
    }
    return "?";
}

static const char *discard_tag(const DiscardStmt *s)
{
    switch (s->target) {
    case DISCARD_ALL: return "DISCARD ALL";
    case DISCARD_PLANS: return "DISCARD PLANS";
    case DISCARD_SEQUENCES: return "DISCARD SEQUENCES";
    case DISCARD_TEMP: return "DISCARD TEMP";
    }
    return "?";
}

static const char *set_tag(const VariableSetStmt *s)
{
    return s->kind == VAR_RESET || s->kind == VAR_RESET_ALL ? "RESET" : "SET";
}

static const char *into_tag(const CreateTableAsStmt *s)
{
    return s->objtype == OBJECT_MATVIEW ? "CREATE MATERIALIZED VIEW" : "CREATE TABLE AS";
}

/* The INTO of a UNION stands in its first leaf. */
static const char *select_tag(const SelectStmt *s)
{
    while (s->larg)
        s = s->larg;
    return s->intoClause ? "SELECT INTO" : "SELECT";
}

/* Tags that depend on a field; NULL for a node that has no such tag. */
static const char *field_tag(const Node *node)
{
    switch (tree_tag(node)) {
    case T_SelectStmt: return select_tag((const SelectStmt *)node);
    case T_InsertStmt: return "INSERT";
    case T_UpdateStmt: return "UPDATE";
    case T_DeleteStmt: return "DELETE";
    case T_MergeStmt: return "MERGE";
    case T_TransactionStmt: return transaction_tag((const TransactionStmt *)node);
    case T_DiscardStmt: return discard_tag((const DiscardStmt *)node);
    case T_VariableSetStmt: return set_tag((const VariableSetStmt *)node);
    case T_CreateTableAsStmt: return into_tag((const CreateTableAsStmt *)node);
    case T_GrantStmt: return ((const GrantStmt *)node)->is_grant ? "GRANT" : "REVOKE";
    case T_GrantRoleStmt: return ((const GrantRoleStmt *)node)->is_grant ? "GRANT" : "REVOKE";
    case T_ClosePortalStmt:
        return ((const ClosePortalStmt *)node)->portalname ? "CLOSE CURSOR" : "CLOSE CURSOR ALL";
    case T_DeallocateStmt: return ((const DeallocateStmt *)node)->name ? "DEALLOCATE" : "DEALLOCATE ALL";
    case T_FetchStmt: return ((const FetchStmt *)node)->ismove ? "MOVE" : "FETCH";
    case T_VacuumStmt: return ((const VacuumStmt *)node)->is_vacuumcmd ? "VACUUM" : "ANALYZE";
    case T_CreateFunctionStmt:
        return ((const CreateFunctionStmt *)node)->is_procedure ? "CREATE PROCEDURE" : "CREATE FUNCTION";
    default: return NULL;
    }
}

static ObjectType renamed_type(const RenameStmt *s)
{
    return s->renameType == OBJECT_COLUMN ? s->relationType : s->renameType;
}

/* The kind of object that "CREATE ", "ALTER " or "DROP " is about. */
static const char *object_words(const Node *node)
{
    ObjectType type;
    switch (tree_tag(node)) {
    case T_AlterTableStmt: type = ((const AlterTableStmt *)node)->objtype; break;
    case T_DefineStmt: type = ((const DefineStmt *)node)->kind; break;
    case T_DropStmt: type = ((const DropStmt *)node)->removeType; break;
    case T_AlterFunctionStmt: type = ((const AlterFunctionStmt *)node)->objtype; break;
    case T_RenameStmt: type = renamed_type((const RenameStmt *)node); break;
    case T_AlterObjectDependsStmt: type = ((const AlterObjectDependsStmt *)node)->objectType; break;
    case T_AlterObjectSchemaStmt: type = ((const AlterObjectSchemaStmt *)node)->objectType; break;
    case T_AlterOwnerStmt: type = ((const AlterOwnerStmt *)node)->objectType; break;
    case T_AlterTableMoveAllStmt: type = ((const AlterTableMoveAllStmt *)node)->objtype; break;
    default: return "?";
    }
    return (size_t)type < sizeof(objects) / sizeof(*objects) && objects[type] ? objects[type] : "?";
}

struct bytes utility_tag(struct walk *walk, const Node *node)
{
    const char *text = field_tag(node);
    enum NodeTag tag = tree_tag(node);
    if (!text && (size_t)tag < sizeof(utilities) / sizeof(*utilities)) text = utilities[tag].tag;
    if (!text || !*text) return BYTES_LITERAL("?");
    struct bytes words = bytes_of(text);
    if (words.p[words.n - 1] != ' ') return words;
    struct bytes both = arena_printf(walk->arena, "%s%s", text, object_words(node));
    if (!both.p) walk->trouble = WALK_FULL;
    return both;
}
