/* Joins. Without USING, NATURAL or an alias, both sides stay as they are; else the join is a row of its own:
 * merged columns first, then what is left of either side. Each column named in USING decides. */
#include "sql/scan.h"

static void add_side(struct lineage *l, const struct scope *scope, size_t from, size_t to, struct row *out)
{
    for (size_t i = from; i < to; i++) {
        if (!scope->items[i].columns) continue;
        struct row row = lineage_live(l, scope->items[i].range);
        for (size_t k = 0; k < row.n; k++)
            if (!lineage_append(l, out, row.fields[k])) return;
        if (!row.open) continue;
        out->open = true;
        out->rest = lineage_union(l, out->rest, row.rest);
    }
}

/* Which side's value a merged column has; both where a cast could stand on either. */
static struct value merged(struct lineage *l, JoinType type, struct value left, struct value right)
{
    struct value both = lineage_union(l, left, right);
    if (type == JOIN_FULL) {
        lineage_computed(l, both);
        return both;
    }
    if (type == JOIN_RIGHT) return right;
    if (type == JOIN_LEFT) return left;
    return left.type != 0 && left.type == right.type ? left : both;
}

/* Moves a column of that name from each side to the merged ones; false where a side does not have it. */
static void merge_column(struct lineage *l, JoinType type, struct bytes name, struct row *left,
                         struct row *right, struct row *out)
{
    struct row *sides[] = { left, right };
    struct value values[2];
    l->walk->place = -1; /* the server gives none either */
    for (int side = 0; side < 2; side++) {
        size_t n;
        struct field *field = lineage_named(sides[side], name, &n);
        values[side] = field ? lineage_take(l, field) : sides[side]->rest;
        lineage_use(l, values[side], SQL_USE_PREDICATE);
        if (!field && !sides[side]->open) {
            lineage_unresolved(
                l, "42703", (const char *)name.p,
                arena_printf(l->walk->arena,
                             "column \"%.*s\" specified in USING clause does not exist in %s table",
                             BYTES_FMT(name), side == 0 ? "left" : "right"));
            l->gave_up = true;
        }
        if (!field) continue;
        size_t at = (size_t)(field - sides[side]->fields);
        memmove(field, field + 1, (sides[side]->n - at - 1) * sizeof(*field));
        sides[side]->n--;
    }
    lineage_append(l, out, (struct field){ .name = name, .value = merged(l, type, values[0], values[1]) });
}

/* Columns of one name on both sides, in the order of the left one. */
static void merge_natural(struct lineage *l, JoinType type, struct row *left, struct row *right,
                          struct row *out)
{
    size_t ignored;
    /* What is not known may be common as well: all of it decides then. */
    if (left->open || right->open) {
        for (size_t i = 0; i < left->n; i++)
            lineage_use(l, lineage_take(l, &left->fields[i]), SQL_USE_PREDICATE);
        for (size_t i = 0; i < right->n; i++)
            lineage_use(l, lineage_take(l, &right->fields[i]), SQL_USE_PREDICATE);
        lineage_use(l, left->rest, SQL_USE_PREDICATE);
        lineage_use(l, right->rest, SQL_USE_PREDICATE);
        out->open = true;
        out->rest = lineage_union(l, left->rest, right->rest);
    }
    for (size_t i = 0; i < left->n;) {
        struct bytes name = left->fields[i].name;
        if (!lineage_spend(l, right->n / 8 + 1)) return;
        if (lineage_named(right, name, &ignored))
            merge_column(l, type, name, left, right, out);
        else
            i++;
    }
}

static void append_all(struct lineage *l, struct row *out, const struct row *more)
{
    for (size_t i = 0; i < more->n; i++)
        if (!lineage_append(l, out, more->fields[i])) return;
    if (!more->open) return;
    out->open = true;
    out->rest = lineage_union(l, out->rest, more->rest);
}

/* The join's row; *n_merged_out of its fields are merged ones. */
static struct row joined(struct lineage *l, const JoinExpr *join, struct row *left, struct row *right,
                         size_t *n_merged_out)
{
    struct row out = { 0 };
    if (join->isNatural) merge_natural(l, join->jointype, left, right, &out);
    for (int i = 0; i < tree_length(join->usingClause); i++)
        merge_column(l, join->jointype, lineage_string(join->usingClause, i), left, right, &out);
    *n_merged_out = out.n;
    append_all(l, &out, left);
    append_all(l, &out, right);
    return out;
}

static void using_alias(struct lineage *l, struct scope *scope, const JoinExpr *join, struct row row,
                        size_t n_merged)
{
    if (!join->join_using_alias) return;
    row.n = n_merged;
    scope_push(l, scope, scope_of_row(l, row, join->join_using_alias), true, false);
}

/* One join whose left side's items are already in the scope, from `from` on. */
static void join_right(struct lineage *l, struct scope *scope, size_t from, const JoinExpr *join)
{
    size_t middle = scope->n, n_merged = 0;
    scope_from(l, scope, join->rarg);
    bool merges = join->isNatural || join->usingClause;
    if (join->quals) {
        /* ON sees the two sides, and what is outside the query. */
        struct scope both = { .outer = scope->outer,
                              .with = scope->with,
                              .items = scope->items + from,
                              .n = scope->n - from,
                              .size = scope->n - from };
        lineage_predicate(l, &both, join->quals);
    }
    if (!merges && !join->alias) return;
    scan_whole(l, scope->items + from, scope->n - from);
    struct row left = { 0 }, right = { 0 };
    add_side(l, scope, from, middle, &left);
    add_side(l, scope, middle, scope->n, &right);
    struct row row = joined(l, join, &left, &right, &n_merged);
    if (join->alias) scope->n = from;
    for (size_t i = from; i < scope->n; i++)
        scope->items[i].columns = false;
    using_alias(l, scope, join, row, n_merged);
    scope_push(l, scope, scope_of_row(l, row, join->alias), join->alias != NULL, true);
}

void scope_join(struct lineage *l, struct scope *scope, const JoinExpr *join)
{
    const JoinExpr *first = join;
    size_t from = scope->n, n = 1;
    /* A chain of joins leans to the left: it is gone through from its far end, without nesting. */
    for (; first->larg && tree_tag(first->larg) == T_JoinExpr; n++)
        first = (const JoinExpr *)first->larg;
    const JoinExpr **chain = LINEAGE_ARRAY(l, const JoinExpr *, n);
    if (!chain) return;
    for (size_t i = n; i > 0; i--, join = (const JoinExpr *)join->larg)
        chain[i - 1] = join;
    scope_from(l, scope, first->larg);
    for (size_t i = 0; i < n && lineage_spend(l, 1); i++)
        join_right(l, scope, from, chain[i]);
}
