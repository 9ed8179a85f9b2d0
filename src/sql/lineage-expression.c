/* What an expression is made of: every column in it, whatever is done with them. A few kinds of nodes say
 * more: a name that is a column alone, a field of a row, a call whose FILTER, ORDER BY or OVER only decides,
 * a sub-select. Expressions are walked on a stack of their own; only rows' fields and sub-selects nest
 * calls. */
#include "sql/functions.h"
#include "sql/lineage.h"

static void push(struct lineage *l, const void *node)
{
    if (!node || tree_tag(node) == T_A_Const || tree_tag(node) == T_ParamRef || !lineage_spend(l, 1)) return;
    if (l->n_nodes == l->nodes_size) {
        const Node **more = lineage_larger(l, l->nodes, l->n_nodes, &l->nodes_size, sizeof(const Node *));
        if (!more) return;
        l->nodes = more;
    }
    l->nodes[l->n_nodes++] = node;
}

/* What is pushed last is looked at first. */
static void push_list(struct lineage *l, const List *list)
{
    for (int i = tree_length(list); i > 0; i--)
        push(l, tree_item(list, i - 1));
}

static void push_children(struct lineage *l, const Node *node)
{
    const uint16_t *offsets = tree_children(tree_tag(node));
    size_t n = 0;
    if (!offsets) {
        l->gave_up = true;
        return;
    }
    while (offsets[n])
        n++;
    while (n > 0) {
        const void *child;
        memcpy(&child, (const char *)node + offsets[--n], sizeof(child));
        push(l, child);
    }
}

static void decide_sorts(struct lineage *l, const struct scope *scope, const List *sorts, uint32_t uses)
{
    for (int i = 0; i < tree_length(sorts); i++) {
        const SortBy *sort = tree_item(sorts, i);
        const Node *by = tree_tag(sort) == T_SortBy ? sort->node : (const Node *)sort;
        lineage_use(l, lineage_expression(l, scope, by), uses);
    }
}

void lineage_window(struct lineage *l, const struct scope *scope, const WindowDef *window)
{
    lineage_predicate(l, scope, window->partitionClause);
    decide_sorts(l, scope, window->orderClause, SQL_USE_PREDICATE | SQL_USE_RANKED);
    lineage_predicate(l, scope, window->startOffset);
    lineage_predicate(l, scope, window->endOffset);
}

/* f(x) where no function is called f is x.f, if x has that field; else it is what nobody knows. */
static bool is_attribute(const FuncCall *call, const struct lineage_shape *shape)
{
    return !shape->exists && tree_length(call->funcname) == 1 && tree_length(call->args) == 1 &&
           !call->agg_filter && !call->over && !call->agg_order;
}

static struct value of_attribute(struct lineage *l, const struct scope *scope, const FuncCall *call)
{
    size_t n;
    struct value value = lineage_expression(l, scope, tree_item(call->args, 0));
    const struct row *row = lineage_fields(l, value);
    const struct field *field = row ? lineage_named(row, lineage_string(call->funcname, 0), &n) : NULL;
    if (field) return lineage_take(l, field);
    lineage_computed(l, value);
    return (struct value){ .ids = value.ids, .opaque = true };
}

/* A function that is known to do something keeps, sends or writes what it is given. */
static bool keeps(struct tree_name name)
{
    return strcmp(name.name, "set_config") == 0 ||
           (functions_effects(name.schema, name.name) & ~(uint32_t)EFFECT_PROCEDURE) != 0;
}

static void visit_call(struct lineage *l, const struct scope *scope, const FuncCall *call, struct sum *sum)
{
    struct lineage_shape shape = lineage_function(l, call->funcname);
    struct tree_name name;
    if (is_attribute(call, &shape)) {
        lineage_add(l, sum, of_attribute(l, scope, call));
        return;
    }
    sum->opaque |= shape.opaque;
    lineage_predicate(l, scope, call->agg_filter);
    if (call->over) lineage_window(l, scope, call->over);
    if (call->agg_within_group)
        for (int i = tree_length(call->agg_order); i > 0; i--)
            push(l, ((const SortBy *)tree_item(call->agg_order, i - 1))->node);
    else
        decide_sorts(l, scope, call->agg_order, SQL_USE_PREDICATE);
    /* How many rows a set has, its arguments decide; what a function keeps somewhere is stored. */
    uint32_t uses = shape.set ? SQL_USE_PREDICATE : 0;
    if (tree_name(call->funcname, &name) && keeps(name)) uses |= SQL_USE_STORED;
    if (!uses) {
        push_list(l, call->args);
        return;
    }
    struct value value = lineage_expression(l, scope, call->args);
    lineage_use(l, value, uses);
    lineage_add(l, sum, value);
}

/* The first column of a sub-select, or all of them. */
static struct value of_sub_select(struct lineage *l, const struct scope *scope, const SubLink *link)
{
    struct row row = lineage_query(l, link->subselect, scope, scope ? scope->with : NULL);
    struct value value = { 0 };
    if (link->subLinkType == EXISTS_SUBLINK) return value;
    if (row.n == 1 && !row.open && link->subLinkType == EXPR_SUBLINK) return lineage_take(l, &row.fields[0]);
    return lineage_row_value(l, &row);
}

static void visit(struct lineage *l, const struct scope *scope, const Node *node, struct sum *sum)
{
    switch (tree_tag(node)) {
    case T_List: push_list(l, (const List *)node); return;
    case T_ColumnRef: lineage_add(l, sum, scope_column(l, scope, (const ColumnRef *)node)); return;
    case T_FuncCall: visit_call(l, scope, (const FuncCall *)node, sum); return;
    case T_A_Indirection: lineage_add(l, sum, lineage_expression(l, scope, node)); return;
    case T_SubLink: {
        const SubLink *link = (const SubLink *)node;
        if (link->operName) sum->opaque |= lineage_operator_is_opaque(l, link->operName);
        push(l, link->testexpr);
        lineage_add(l, sum, of_sub_select(l, scope, link));
        return;
    }
    case T_A_Expr:
        sum->opaque |= lineage_operator_is_opaque(l, ((const A_Expr *)node)->name);
        push(l, ((const A_Expr *)node)->rexpr);
        push(l, ((const A_Expr *)node)->lexpr);
        return;
    case T_TypeCast:
        sum->opaque |= lineage_cast_is_opaque(l, lineage_type(l, ((const TypeCast *)node)->typeName));
        push(l, ((const TypeCast *)node)->arg);
        return;
    case T_SelectStmt:
    case T_InsertStmt:
    case T_UpdateStmt:
    case T_DeleteStmt:
    case T_MergeStmt: {
        struct row row = lineage_query(l, node, scope, scope ? scope->with : NULL);
        lineage_add(l, sum, lineage_row_value(l, &row));
        return;
    }
    default: push_children(l, node);
    }
}

/* The general case. */
static struct value gather(struct lineage *l, const struct scope *scope, const Node *node)
{
    struct sum sum = lineage_sum(l);
    size_t base = l->n_nodes;
    push(l, node);
    while (l->n_nodes > base && !l->walk->trouble && !l->gave_up)
        visit(l, scope, l->nodes[--l->n_nodes], &sum);
    l->n_nodes = base;
    struct value value = lineage_total(l, &sum);
    lineage_computed(l, value);
    return value;
}

static struct value field_of(struct lineage *l, struct value value, struct bytes name)
{
    size_t n;
    const struct row *row = lineage_fields(l, value);
    const struct field *field = row ? lineage_named(row, name, &n) : NULL;
    if (field && n == 1) return lineage_take(l, field);
    /* It may be a function of the row; what it returns may have fields again. */
    value.opaque |= lineage_is_function(l, name);
    value.plain = false;
    value.row = NULL;
    value.type = 0;
    return value;
}

/* (expression).field[subscript]… */
static struct value of_indirection(struct lineage *l, const struct scope *scope, const A_Indirection *node)
{
    struct value value = lineage_expression(l, scope, node->arg);
    for (int i = 0; i < tree_length(node->indirection); i++) {
        const Node *part = tree_item(node->indirection, i);
        if (tree_string(part)) {
            value = field_of(l, value, bytes_of(tree_string(part)));
            continue;
        }
        if (tree_tag(part) == T_A_Star) continue;
        struct sum sum = lineage_sum(l);
        lineage_add(l, &sum, value);
        lineage_add(l, &sum, gather(l, scope, part));
        value = lineage_total(l, &sum);
        lineage_computed(l, value);
    }
    return value;
}

static struct value of_row(struct lineage *l, const struct scope *scope, const RowExpr *expression)
{
    struct row *row = LINEAGE_ARRAY(l, struct row, 1);
    struct sum sum = lineage_sum(l);
    if (!row) return (struct value){ 0 };
    for (int i = 0; i < tree_length(expression->args); i++) {
        const Node *node = tree_item(expression->args, i);
        if (lineage_is_star(node)) {
            lineage_star(l, scope, node, row);
            continue;
        }
        lineage_append(l, row, (struct field){ .value = lineage_expression(l, scope, node) });
    }
    for (size_t i = 0; i < row->n; i++) {
        lineage_add(l, &sum, lineage_take(l, &row->fields[i]));
        row->fields[i].name = arena_printf(l->walk->arena, "f%zu", i + 1);
    }
    lineage_add(l, &sum, row->rest);
    struct value value = lineage_total(l, &sum);
    lineage_computed(l, value);
    value.row = row;
    return value;
}

static struct value of_call(struct lineage *l, const struct scope *scope, const FuncCall *call)
{
    struct lineage_shape shape = lineage_function(l, call->funcname);
    if (is_attribute(call, &shape)) return of_attribute(l, scope, call);
    struct value value = gather(l, scope, (const Node *)call);
    if (shape.n_names > 1 && !shape.open) {
        struct row *row = LINEAGE_ARRAY(l, struct row, 1);
        for (size_t i = 0; row && i < shape.n_names; i++)
            lineage_append(l, row, (struct field){ .name = shape.names[i], .value = value });
        value.row = row;
    } else if (shape.n_names <= 1) {
        value.type = shape.n_names == 1 && shape.types ? shape.types[0] : shape.type;
    }
    return value;
}

static struct value of_cast(struct lineage *l, const struct scope *scope, const TypeCast *cast)
{
    uint32_t type = lineage_type(l, cast->typeName);
    if (tree_tag(cast->arg) == T_ColumnRef && type && !cast->typeName->typmods) {
        struct value same = lineage_expression(l, scope, cast->arg);
        /* A cast to the type that it has already is none. */
        if (same.type == type) return same;
    }
    struct value value = gather(l, scope, (const Node *)cast);
    value.type = type;
    return value;
}

struct value lineage_expression(struct lineage *l, const struct scope *scope, const void *node)
{
    struct value value = { 0 };
    if (!node || !lineage_enter(l)) return value;
    switch (tree_tag(node)) {
    case T_A_Const:
    case T_ParamRef: break;
    case T_ColumnRef: value = scope_column(l, scope, node); break;
    case T_A_Indirection: value = of_indirection(l, scope, node); break;
    case T_RowExpr: value = of_row(l, scope, node); break;
    case T_FuncCall: value = of_call(l, scope, node); break;
    case T_SubLink:
        if (((const SubLink *)node)->subLinkType == EXPR_SUBLINK)
            value = of_sub_select(l, scope, node);
        else
            value = gather(l, scope, node);
        break;
    case T_TypeCast: value = of_cast(l, scope, node); break;
    default: value = gather(l, scope, node);
    }
    lineage_leave(l);
    return value;
}

void lineage_predicate(struct lineage *l, const struct scope *scope, const void *node)
{
    if (node) lineage_use(l, lineage_expression(l, scope, node), SQL_USE_PREDICATE);
}

struct value lineage_queries_in(struct lineage *l, const Node *top)
{
    struct sum sum = lineage_sum(l);
    size_t base = l->n_nodes;
    push_children(l, top);
    while (l->n_nodes > base && !l->walk->trouble && !l->gave_up) {
        const Node *node = l->nodes[--l->n_nodes];
        switch (tree_tag(node)) {
        case T_List: push_list(l, (const List *)node); break;
        case T_SelectStmt:
        case T_InsertStmt:
        case T_UpdateStmt:
        case T_DeleteStmt:
        case T_MergeStmt: visit(l, NULL, node, &sum); break;
        default: push_children(l, node);
        }
    }
    l->n_nodes = base;
    return lineage_total(l, &sum);
}
