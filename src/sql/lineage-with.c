/* CTEs. Each is read once, where it is defined, in the scope of what stands before it (with RECURSIVE: of its
 * whole clause, and then also when it is first met). A recursive one is read again until its row does not
 * grow any more. The server refuses mutual recursion; here it is given up. */
#include "sql/lineage.h"

/* What SEARCH and CYCLE add: made of the columns they name, which also decide. */
static void add_made(struct lineage *l, struct with *with, const char *name, struct value value)
{
    if (name) lineage_append(l, &with->row, (struct field){ .name = bytes_of(name), .value = value });
}

static struct value named_columns(struct lineage *l, const struct row *row, const List *names)
{
    struct sum sum = lineage_sum(l);
    size_t n;
    for (int i = 0; i < tree_length(names); i++) {
        const struct field *field = lineage_named(row, lineage_string(names, i), &n);
        lineage_add(l, &sum, field ? lineage_take(l, field) : row->rest);
    }
    struct value value = lineage_total(l, &sum);
    lineage_use(l, value, SQL_USE_PREDICATE);
    return value;
}

/* The CTE's row from that of its query. */
static void set_row(struct lineage *l, struct with *with, const struct row *row)
{
    const CommonTableExpr *tree = with->tree;
    const CTESearchClause *search = tree->search_clause;
    const CTECycleClause *cycle = tree->cycle_clause;
    const Alias alias = { .aliasname = tree->ctename, .colnames = tree->aliascolnames };
    struct range *range = scope_of_row(l, *row, &alias);
    if (!range) return;
    with->row = range->row;
    if (search)
        add_made(l, with, search->search_seq_column, named_columns(l, &with->row, search->search_col_list));
    if (cycle) {
        struct value value = named_columns(l, &with->row, cycle->cycle_col_list);
        add_made(l, with, cycle->cycle_mark_column, value);
        add_made(l, with, cycle->cycle_path_column, value);
    }
}

void lineage_with_begins(struct lineage *l, struct with *with, const struct row *row)
{
    struct row known = { 0 };
    bool started = with->started;
    with->started = true;
    if (!started) {
        set_row(l, with, row);
        return;
    }
    /* A later round, or a later arm: what was known stays. */
    struct row now = with->row;
    set_row(l, with, row);
    for (size_t i = 0; i < with->row.n; i++)
        lineage_append(l, &known, with->row.fields[i]);
    known.open = with->row.open;
    known.rest = with->row.rest;
    lineage_join_rows(l, &known, &now);
    with->row = known;
}

/* How much a row is made of; a round that adds nothing does not change it. */
static size_t weight(struct lineage *l, const struct row *row)
{
    size_t sum = row->rest.ids.n + row->open + row->rest.opaque;
    for (size_t i = 0; i < row->n; i++) {
        struct value value = lineage_take(l, &row->fields[i]);
        sum += value.ids.n + value.opaque + !value.plain;
    }
    return sum;
}

static void read_query(struct lineage *l, struct with *with)
{
    const CommonTableExpr *tree = with->tree;
    const Node *query = tree->ctequery;
    bool operation = tree_tag(query) == T_SelectStmt && ((const SelectStmt *)query)->op != SETOP_NONE;
    for (int round = 0; lineage_spend(l, 1); round++) {
        size_t before = with->started ? weight(l, &with->row) : 0;
        l->recursing = operation ? with : NULL;
        struct row row = lineage_query(l, query, with->scope, with->inside);
        l->recursing = NULL;
        if (!with->met) {
            with->started = false;
            set_row(l, with, &row);
            return;
        }
        lineage_with_begins(l, with, &row);
        if (round > 0 && weight(l, &with->row) == before) return;
        if (round >= LINEAGE_ROUNDS) l->gave_up = true;
    }
}

static void read_one(struct lineage *l, struct with *with)
{
    struct with *before = with->group ? with->group->current : NULL;
    struct with *recursing = l->recursing;
    if (with->state != WITH_NEW) return;
    with->state = WITH_BUSY;
    if (with->group) with->group->current = with;
    read_query(l, with);
    if (with->group) with->group->current = before;
    l->recursing = recursing;
    with->state = WITH_DONE;
}

static struct with *define(struct lineage *l, const CommonTableExpr *tree, const struct scope *scope,
                           const struct with *outer)
{
    struct with *with = LINEAGE_ARRAY(l, struct with, 1);
    if (with) *with = (struct with){ .outer = outer, .tree = tree, .scope = scope, .inside = outer };
    return with;
}

const struct with *lineage_with(struct lineage *l, const WithClause *clause, const struct scope *outer,
                                const struct with *with)
{
    int n = clause ? tree_length(clause->ctes) : 0;
    if (n == 0) return with;
    struct with_group *group = LINEAGE_ARRAY(l, struct with_group, 1);
    struct with **all = LINEAGE_ARRAY(l, struct with *, (size_t)n);
    struct with *recursing = l->recursing;
    if (!group || !all) return with;
    l->recursing = NULL;
    for (int i = 0; i < n; i++) {
        struct with *one = define(l, tree_item(clause->ctes, i), outer, with);
        if (!one) return with;
        all[i] = one;
        if (!clause->recursive) read_one(l, one);
        with = one;
    }
    for (int i = 0; clause->recursive && i < n; i++) {
        all[i]->inside = with;
        all[i]->group = group;
    }
    for (int i = 0; clause->recursive && i < n; i++)
        read_one(l, all[i]);
    l->recursing = recursing;
    return with;
}

/* NULL: the name is no CTE's here. */
struct range *lineage_with_range(struct lineage *l, const struct scope *scope, const RangeVar *var)
{
    if (var->schemaname) return NULL;
    for (const struct with *at = scope->with; at; at = at->outer) {
        if (!at->tree->ctename || strcmp(at->tree->ctename, var->relname) != 0) continue;
        struct with *with = (struct with *)(uintptr_t)at;
        if (with->state == WITH_NEW) read_one(l, with);
        if (with->state == WITH_BUSY) {
            /* Before its row has a beginning, or from within another of its clause. */
            if (!with->started || (with->group && with->group->current != with)) l->gave_up = true;
            with->met = true;
        }
        const Alias named = { .aliasname = var->relname };
        return scope_of_row(l, with->row, var->alias ? var->alias : &named);
    }
    return NULL;
}
