/* SELECT, VALUES and set operations: the row that comes out, and what decides it. */
#include "sql/scan.h"

static void use_row(struct lineage *l, const struct row *row, uint32_t uses)
{
    for (size_t i = 0; i < row->n; i++)
        lineage_use(l, lineage_take(l, &row->fields[i]), uses);
    lineage_use(l, row->rest, uses);
}

/* A place in the output: ORDER BY 2, GROUP BY 1. */
static bool by_place(struct lineage *l, const struct row *row, const Node *node)
{
    if (tree_tag(node) != T_A_Const) return false;
    const A_Const *constant = (const A_Const *)node;
    if (constant->isnull || constant->val.node.type != T_Integer) return false;
    int at = constant->val.ival.ival;
    if (row->open)
        use_row(l, row, SQL_USE_PREDICATE);
    else if (at > 0 && (size_t)at <= row->n)
        lineage_use(l, lineage_take(l, &row->fields[at - 1]), SQL_USE_PREDICATE);
    return true;
}

/* A name of an output; all outputs of that name. */
static bool by_name(struct lineage *l, const struct row *row, const Node *node)
{
    if (tree_tag(node) != T_ColumnRef) return false;
    const ColumnRef *ref = (const ColumnRef *)node;
    const char *name = tree_length(ref->fields) == 1 ? tree_string(tree_item(ref->fields, 0)) : NULL;
    bool found = false;
    for (size_t i = 0; name && i < row->n; i++) {
        if (!bytes_is(row->fields[i].name, name)) continue;
        lineage_use(l, lineage_take(l, &row->fields[i]), SQL_USE_PREDICATE);
        found = true;
    }
    if (found && !row->open) scan_saw(l, ref);
    return found;
}

/* ORDER BY and DISTINCT ON take an output's name before a column's. */
static void decide_by_outputs(struct lineage *l, const struct scope *scope, const struct row *row,
                              const List *list)
{
    for (int i = 0; i < tree_length(list); i++) {
        const Node *node = tree_item(list, i);
        if (node && tree_tag(node) == T_SortBy) node = ((const SortBy *)node)->node;
        if (!node || by_place(l, row, node)) continue;
        if (by_name(l, row, node) && !row->open) continue;
        lineage_predicate(l, scope, node);
    }
}

/* What groups by several things; NULL for one thing. */
static const List *group_list(const Node *node)
{
    if (tree_tag(node) == T_List) return (const List *)node;
    if (tree_tag(node) == T_GroupingSet) return ((const GroupingSet *)node)->content;
    if (tree_tag(node) == T_RowExpr && ((const RowExpr *)node)->row_format == COERCE_IMPLICIT_CAST)
        return ((const RowExpr *)node)->args;
    return NULL;
}

/* GROUP BY takes a column's name before an output's. */
static void group_by(struct lineage *l, const struct scope *scope, const struct row *row, const Node *node)
{
    if (!node || !lineage_enter(l)) return;
    const List *list = group_list(node);
    if (list || tree_tag(node) == T_GroupingSet) {
        for (int i = 0; i < tree_length(list); i++)
            group_by(l, scope, row, tree_item(list, i));
    } else if (!by_place(l, row, node)) {
        const ColumnRef *ref = tree_tag(node) == T_ColumnRef ? (const ColumnRef *)node : NULL;
        bool column = !ref || tree_length(ref->fields) != 1 ||
                      scope_has_column(l, scope, lineage_string(ref->fields, 0));
        if (column || !by_name(l, row, node) || row->open) lineage_predicate(l, scope, node);
    }
    lineage_leave(l);
}

/* SELECT DISTINCT without ON is a list of one NULL. */
static bool is_plain_distinct(const List *distinct)
{
    return tree_length(distinct) == 1 && !tree_item(distinct, 0);
}

static struct row plain_select(struct lineage *l, const SelectStmt *s, const struct scope *outer,
                               const struct with *with, struct scope **scope_out)
{
    struct row row = { 0 };
    struct scope *scope = LINEAGE_ARRAY(l, struct scope, 1);
    *scope_out = scope;
    if (!scope) return row;
    *scope = (struct scope){ .outer = outer, .with = with };
    for (int i = 0; i < tree_length(s->fromClause); i++)
        scope_from(l, scope, tree_item(s->fromClause, i));
    lineage_targets(l, scope, s->targetList, &row);
    lineage_predicate(l, scope, s->whereClause);
    group_by(l, scope, &row, (const Node *)s->groupClause);
    lineage_predicate(l, scope, s->havingClause);
    for (int i = 0; i < tree_length(s->windowClause); i++)
        lineage_window(l, scope, tree_item(s->windowClause, i));
    if (is_plain_distinct(s->distinctClause))
        use_row(l, &row, SQL_USE_PREDICATE);
    else
        decide_by_outputs(l, scope, &row, s->distinctClause);
    return row;
}

static bool has_star(const List *lists)
{
    for (int i = 0; i < tree_length(lists); i++) {
        const List *list = tree_item(lists, i);
        for (int k = 0; k < tree_length(list); k++)
            if (lineage_is_star(tree_item(list, k))) return true;
    }
    return false;
}

/* VALUES: column by column, so that a long one costs one set for each. */
static struct row values(struct lineage *l, const List *lists, const struct scope *outer,
                         const struct with *with)
{
    struct row row = { 0 };
    struct scope scope = { .outer = outer, .with = with };
    const List *first = tree_item(lists, 0);
    if (has_star(lists)) {
        row.open = true;
        row.rest = lineage_expression(l, &scope, lists);
        return row;
    }
    for (int k = 0; k < tree_length(first); k++) {
        struct field field = { .name = arena_printf(l->walk->arena, "column%d", k + 1) };
        struct sum sum = lineage_sum(l);
        struct value only = { 0 };
        for (int i = 0; i < tree_length(lists) && !l->gave_up; i++) {
            const List *list = tree_item(lists, i);
            if (k >= tree_length(list)) continue;
            only = lineage_expression(l, &scope, tree_item(list, k));
            lineage_add(l, &sum, only);
        }
        field.value = lineage_total(l, &sum);
        if (tree_length(lists) == 1) field.value = only;
        if (!lineage_append(l, &row, field)) break;
    }
    return row;
}

static bool same_ids(struct value a, struct value b)
{
    return a.ids.n == b.ids.n && a.opaque == b.opaque;
}

bool lineage_join_rows(struct lineage *l, struct row *into, const struct row *more)
{
    bool grew = false;
    if (into->open || more->open || into->n != more->n) {
        /* Places are not known: everything may be anywhere. */
        struct value before = into->open ? into->rest : (struct value){ 0 };
        struct value all = lineage_union(l, lineage_row_value(l, into), lineage_row_value(l, more));
        grew = !into->open || !same_ids(before, all);
        all.plain = false;
        for (size_t i = 0; i < into->n; i++)
            into->fields[i] = (struct field){ .name = into->fields[i].name, .value = all };
        into->open = true;
        into->rest = all;
        return grew;
    }
    for (size_t i = 0; i < into->n; i++) {
        struct value before = lineage_take(l, &into->fields[i]);
        struct value both = lineage_union(l, before, lineage_take(l, &more->fields[i]));
        grew |= !same_ids(before, both) || before.plain != both.plain;
        into->fields[i] = (struct field){ .name = into->fields[i].name, .value = both };
    }
    return grew;
}

/* What makes a set operation's node a query of its own, and not only a link in a chain. */
static bool is_link(const SelectStmt *s)
{
    return s->op != SETOP_NONE && !s->withClause && !s->sortClause && !s->limitOffset && !s->limitCount &&
           !s->lockingClause;
}

static void join_arm(struct lineage *l, const SelectStmt *s, struct row *row, const struct row *arm)
{
    if (!(s->op == SETOP_UNION && s->all)) {
        use_row(l, row, SQL_USE_PREDICATE);
        use_row(l, arm, SQL_USE_PREDICATE);
    }
    /* EXCEPT takes rows away by its right side, and gives none of it. */
    if (s->op != SETOP_EXCEPT || row->open || arm->open) lineage_join_rows(l, row, arm);
}

/* A chain of set operations leans to the left. */
static struct row set_operation(struct lineage *l, const SelectStmt *s, const struct scope *outer,
                                const struct with *with)
{
    struct with *recursing = l->recursing;
    size_t n = 1;
    l->recursing = NULL;
    const SelectStmt *at = s;
    for (; is_link(at->larg); n++)
        at = at->larg;
    const SelectStmt **chain = LINEAGE_ARRAY(l, const SelectStmt *, n);
    if (!chain) return (struct row){ 0 };
    at = s;
    for (size_t i = n; i > 0; i--, at = at->larg)
        chain[i - 1] = at;
    struct row row = lineage_query(l, (const Node *)chain[0]->larg, outer, with), copy = { 0 };
    for (size_t i = 0; i < row.n; i++)
        lineage_append(l, &copy, row.fields[i]);
    copy.open = row.open;
    copy.rest = row.rest;
    for (size_t i = 0; i < n && lineage_spend(l, 1); i++) {
        if (recursing) lineage_with_begins(l, recursing, &copy);
        struct row arm = lineage_query(l, (const Node *)chain[i]->rarg, outer, with);
        join_arm(l, chain[i], &copy, &arm);
    }
    return copy;
}

struct row lineage_select(struct lineage *l, const SelectStmt *s, const struct scope *outer,
                          const struct with *with)
{
    struct scope *scope = NULL, nothing = { .outer = outer };
    struct row row;
    with = lineage_with(l, s->withClause, outer, with);
    nothing.with = with;
    if (s->op != SETOP_NONE)
        row = set_operation(l, s, outer, with);
    else if (s->valuesLists)
        row = values(l, s->valuesLists, outer, with);
    else
        row = plain_select(l, s, outer, with, &scope);
    if (!scope) {
        scope = &nothing;
        if (s->sortClause) scope_push(l, scope, scope_of_row(l, row, NULL), false, true);
    }
    decide_by_outputs(l, scope, &row, s->sortClause);
    lineage_predicate(l, scope, s->limitCount);
    lineage_predicate(l, scope, s->limitOffset);
    if (s->groupClause || s->lockingClause) scan_group(l, scope, s);
    return row;
}

struct row lineage_query(struct lineage *l, const Node *node, const struct scope *outer,
                         const struct with *with)
{
    struct row row = { 0 };
    if (!node || !lineage_enter(l)) return (struct row){ .open = true };
    switch (tree_tag(node)) {
    case T_SelectStmt: row = lineage_select(l, (const SelectStmt *)node, outer, with); break;
    case T_InsertStmt: row = lineage_insert(l, (const InsertStmt *)node, outer, with); break;
    case T_UpdateStmt: row = lineage_update(l, (const UpdateStmt *)node, outer, with); break;
    case T_DeleteStmt: row = lineage_delete(l, (const DeleteStmt *)node, outer, with); break;
    case T_MergeStmt: row = lineage_merge_into(l, (const MergeStmt *)node, outer, with); break;
    default: l->gave_up = true; row.open = true;
    }
    lineage_leave(l);
    return row;
}
