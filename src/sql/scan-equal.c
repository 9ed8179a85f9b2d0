/* predicates: equality. `WHERE ssn = $1` needs the column as it is: the condition moves into the sub-select,
 * and in its own place stands `$1 = $1`, which is true unless it is NULL. Only a condition that stands alone
 * or with AND, of one value, on a column that is unique, of a table whose rows no outer join fills up. */
#include "sql/names.h"
#include "sql/scan.h"
#include "sql/token.h"

enum { EQUAL_CEILING = 64, JOINS_CEILING = 64 };

/* Whether WHERE may filter the rows of `node` before they are joined. */
static bool is_kept(const Node *from, const RangeVar *node, int joins)
{
    if ((const void *)from == (const void *)node) return true;
    if (!from || joins == 0 || tree_tag(from) != T_JoinExpr) return false;
    const JoinExpr *join = (const JoinExpr *)from;
    bool left = join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT;
    bool right = join->jointype == JOIN_INNER || join->jointype == JOIN_RIGHT;
    return (left && is_kept(join->larg, node, joins - 1)) || (right && is_kept(join->rarg, node, joins - 1));
}

static bool is_one_of(const struct scans *scans, size_t at, const char *const *words)
{
    for (; *words; words++)
        if (scan_word(scans, at, *words)) return true;
    return false;
}

/* Behind `::type`, of a type that leaves a value as it is; the grammar has told that it is a cast. */
static size_t cast_end(const struct scans *scans, size_t at)
{
    static const char *const types[] = { "text",   "varchar",  "int",  "integer", "int4",
                                         "bigint", "int8",     "int2", "uuid",    "numeric",
                                         "date",   "smallint", NULL };
    while (scan_mark(scans, at, ':'))
        at++;
    return is_one_of(scans, at, types) ? at + 1 : scans->n_tokens + 1;
}

/* The token of a literal or a parameter. It may have a cast, which need not move; what stands behind it
 * cannot be part of the value. */
static bool find_value(const struct scans *scans, const Node *node, size_t at, struct bytes *text_out)
{
    static const char *const words[] = { "and", "group", "order",  "limit", "offset",
                                         "for", "fetch", "having", "union", NULL };
    bool cast = node && tree_tag(node) == T_TypeCast;
    const Node *value = cast ? ((const TypeCast *)node)->arg : node;
    int location = !value                          ? -1
                   : tree_tag(value) == T_A_Const  ? ((const A_Const *)value)->location
                   : tree_tag(value) == T_ParamRef ? ((const ParamRef *)value)->location
                                                   : -1;
    if (location < 0 || at >= scans->n_tokens || (int64_t)scans->tokens[at].from != location) return false;
    if (tree_tag(value) == T_A_Const && ((const A_Const *)value)->isnull) return false;
    uint8_t kind = scans->tokens[at].kind;
    if (kind != TOKEN_STRING && kind != TOKEN_NUMBER && kind != TOKEN_PARAMETER) return false;
    size_t end = cast ? cast_end(scans, at + 1) : at + 1;
    *text_out =
        bytes_slice(scans->text, scans->tokens[at].from, scans->tokens[at].to - scans->tokens[at].from);
    if (end > scans->n_tokens) return false;
    return end == scans->n_tokens || scan_mark(scans, end, ')') || scan_mark(scans, end, ';') ||
           is_one_of(scans, end, words);
}

/* What the reference means, if it is one thing. */
static const struct scan_found *meant(const struct scans *scans, const ColumnRef *ref)
{
    const struct scan_found *found = NULL;
    for (size_t i = 0; i < scans->n_found; i++) {
        if (scans->found[i].ref != ref) continue;
        if (found) return NULL;
        found = &scans->found[i];
    }
    return found;
}

static bool may_be_asked_for(const struct scan_item *item, const struct scan_found *found)
{
    if (!item || item->target || found->attribute < 1) return false;
    const struct catalog_column *column = &item->relation->columns[found->attribute - 1];
    return item->masked[found->attribute - 1] & SQL_MASKED_EQUAL && column->unique &&
           catalog_is_own(column->type);
}

static bool any_may(const struct scans *scans)
{
    for (size_t i = 0; i < scans->n_items; i++)
        for (size_t k = 0; k < scans->items[i].relation->n_columns; k++)
            if (scans->items[i].masked[k] & SQL_MASKED_EQUAL) return true;
    return false;
}

/* The column whose value is asked for; NULL: the condition is something else. */
static const ColumnRef *asked(const struct walk *walk, const Node *condition)
{
    const struct sql_statement *s = walk->statement;
    struct tree_name name;
    if (s->action != SQL_ACTION_NONE || bytes_is(s->tag, "EXPLAIN")) return NULL;
    if (!condition || tree_tag(condition) != T_A_Expr) return NULL;
    const A_Expr *e = (const A_Expr *)condition;
    if (e->kind != AEXPR_OP || !e->lexpr || tree_tag(e->lexpr) != T_ColumnRef) return NULL;
    if (!tree_name(e->name, &name) || name.schema || strcmp(name.name, "=") != 0) return NULL;
    return (const ColumnRef *)e->lexpr;
}

static void move(struct walk *walk, const ColumnRef *ref, const struct scan_place *place,
                 struct scan_item *item, int attribute, struct bytes value)
{
    struct bytes name = scan_quoted(walk, item->relation->columns[attribute - 1].name);
    struct bytes inside = arena_printf(walk->arena, "(%.*s)", BYTES_FMT(value));
    if (walk->trouble) return;
    item->equal = arena_printf(walk->arena, "%.*s%s%.*s OPERATOR(pg_catalog.=) %.*s", BYTES_FMT(item->equal),
                               item->equal.n ? " AND " : "", BYTES_FMT(name), BYTES_FMT(inside));
    if (!item->equal.p) walk->trouble = WALK_FULL;
    scan_edit_add(walk, place->from, place->to - place->from, SCAN_RANK_BEFORE, inside);
    scan_node_add(walk, (struct proof_edit){ .kind = PROOF_VALUE, .node = ref }, inside);
    walk->statement->n_lookups++;
}

bool scan_equal(struct lineage *l, const struct scope *scope, const SelectStmt *s, const Node *condition)
{
    struct walk *walk = l->walk;
    struct scans *scans = walk->names ? walk->names->scans : NULL;
    struct scan_place place;
    struct bytes value;
    if (!scans || l->lenient || walk->trouble || !any_may(scans)) return false;
    const ColumnRef *ref = asked(walk, condition);
    if (!ref || scans->n_equal >= EQUAL_CEILING || !scan_place_of(walk, ref, &place)) return false;
    scans->n_equal++;
    size_t at = place.end;
    if (!scan_mark(scans, at, '=') || !find_value(scans, ((const A_Expr *)condition)->rexpr, at + 1, &value))
        return false;
    struct value column = lineage_expression(l, scope, ref);
    const struct scan_found *found = meant(scans, ref);
    struct scan_item *item = found ? scan_item_of(scans, found->range->node) : NULL;
    bool kept = false;
    for (int i = 0; found && !kept && i < tree_length(s->fromClause); i++)
        kept = is_kept(tree_item(s->fromClause, i), found->range->node, JOINS_CEILING);
    if (!kept || !may_be_asked_for(item, found)) return false;
    int attribute = found->attribute;
    if (!scan_is_done(walk, ref)) move(walk, ref, &place, item, attribute, value);
    lineage_use(l, column, SQL_USE_EQUAL);
    return true;
}
