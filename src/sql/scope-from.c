/* What stands in FROM: relations, CTEs, sub-selects, samples; functions and joins have files of their own. */
#include "sql/lineage.h"

/* A row under an alias, its first fields renamed by the alias' column names. */
struct range *scope_of_row(struct lineage *l, struct row row, const Alias *alias)
{
    struct range *range = LINEAGE_ARRAY(l, struct range, 1);
    if (!range) return NULL;
    range->aliased = true;
    range->alias = bytes_of(alias ? alias->aliasname : NULL);
    range->row = (struct row){ .open = row.open, .rest = row.rest };
    size_t names = alias ? (size_t)tree_length(alias->colnames) : 0;
    if (row.open && names > 0) {
        /* Which field a name stands for is not known: each is made of everything. */
        range->row.rest = lineage_row_value(l, &row);
        for (size_t i = 0; i < names; i++)
            lineage_append(
                l, &range->row,
                (struct field){ .name = lineage_string(alias->colnames, (int)i), .value = range->row.rest });
        return range;
    }
    for (size_t i = 0; i < row.n; i++) {
        struct field field = row.fields[i];
        if (i < names) field.name = lineage_string(alias->colnames, (int)i);
        if (!lineage_append(l, &range->row, field)) return range;
    }
    return range;
}

static void from_sub_select(struct lineage *l, struct scope *scope, const RangeSubselect *sub)
{
    /* Without LATERAL it does not see what stands beside it. */
    const struct scope *outer = sub->lateral ? scope : scope->outer;
    struct row row = lineage_query(l, sub->subquery, outer, scope->with);
    scope_push(l, scope, scope_of_row(l, row, sub->alias), sub->alias != NULL, true);
}

static void from_relation(struct lineage *l, struct scope *scope, const RangeVar *var)
{
    struct range *range = lineage_with_range(l, scope, var);
    scope_push(l, scope, range ? range : lineage_range(l, var), true, true);
}

void scope_from(struct lineage *l, struct scope *scope, const Node *node)
{
    if (!node || !lineage_enter(l)) return;
    switch (tree_tag(node)) {
    case T_RangeVar: from_relation(l, scope, (const RangeVar *)node); break;
    case T_RangeSubselect: from_sub_select(l, scope, (const RangeSubselect *)node); break;
    case T_JoinExpr: scope_join(l, scope, (const JoinExpr *)node); break;
    case T_RangeFunction: scope_function(l, scope, (const RangeFunction *)node); break;
    case T_RangeTableFunc: scope_table_function(l, scope, (const RangeTableFunc *)node); break;
    case T_RangeTableSample: {
        const RangeTableSample *sample = (const RangeTableSample *)node;
        lineage_predicate(l, scope, sample->args);
        lineage_predicate(l, scope, sample->repeatable);
        scope_from(l, scope, sample->relation);
        break;
    }
    default: l->gave_up = true;
    }
    lineage_leave(l);
}
