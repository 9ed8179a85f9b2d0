/* Comparisons, and expressions that are written alike; see fold.h. */
#include "sql/fold.h"

/* SELECT * takes the columns of its own FROM. */
static bool is_bare_star(const ColumnRef *column)
{
    return tree_length(column->fields) == 1 && tree_tag(tree_item(column->fields, 0)) == T_A_Star;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* What a relation's own columns may be qualified with. */
static bool names_relation(const RangeVar *relation, const char *qualifier)
{
    if (!relation || !qualifier) return false;
    const Alias *alias = relation->alias;
    return same_text(qualifier, alias ? alias->aliasname : relation->relname);
}

/* A column that says itself that it is not the target's: of USING, of FROM, of a sub-select. */
static bool is_of_another(const struct fold_state *state, const ColumnRef *column)
{
    int n = tree_length(column->fields);
    const char *qualifier = n > 1 ? tree_string(tree_item(column->fields, n - 2)) : NULL;
    return state->target && qualifier && !names_relation(state->target, qualifier);
}

bool fold_is_member(const struct fold_state *state, const RangeVar *from, const Node *member,
                    const Node *outer)
{
    const ColumnRef *a = (const ColumnRef *)member, *b = (const ColumnRef *)outer;
    if (!member || !outer || tree_tag(member) != T_ColumnRef || tree_tag(outer) != T_ColumnRef) return false;
    int n = tree_length(a->fields), m = tree_length(b->fields);
    const char *name = tree_string(tree_item(a->fields, n - 1));
    if (!name || !same_text(name, tree_string(tree_item(b->fields, m - 1)))) return false;
    bool ours = m == 1 || names_relation(state->target, tree_string(tree_item(b->fields, m - 2)));
    return ours && (n == 1 || names_relation(from, tree_string(tree_item(a->fields, n - 2))));
}

bool fold_is_constant(struct fold_state *state, const Node *node, int depth)
{
    if (!node) return true;
    if (!fold_spend(state, depth--)) return true;
    switch (tree_tag(node)) {
    case T_ColumnRef:
        return is_bare_star((const ColumnRef *)node) || is_of_another(state, (const ColumnRef *)node);
    case T_CurrentOfExpr: return false;
    case T_List:
        for (int i = 0; i < tree_length((const List *)node); i++)
            if (!fold_is_constant(state, tree_item((const List *)node, i), depth)) return false;
        return true;
    default: break;
    }
    const uint16_t *offsets = tree_children(tree_tag(node));
    for (size_t i = 0; offsets && offsets[i]; i++) {
        const Node *child;
        memcpy(&child, (const char *)node + offsets[i], sizeof(child));
        if (!fold_is_constant(state, child, depth)) return false;
    }
    return true;
}

static bool same_constant(const A_Const *a, const A_Const *b)
{
    if (a->isnull || b->isnull) return a->isnull && b->isnull;
    if (a->val.node.type != b->val.node.type) return false;
    switch (a->val.node.type) {
    case T_Integer: return a->val.ival.ival == b->val.ival.ival;
    case T_Float: return same_text(a->val.fval.fval, b->val.fval.fval);
    case T_Boolean: return a->val.boolval.boolval == b->val.boolval.boolval;
    case T_String: return same_text(a->val.sval.sval, b->val.sval.sval);
    case T_BitString: return same_text(a->val.bsval.bsval, b->val.bsval.bsval);
    default: return false;
    }
}

/* id and orders.id are the same column, where orders is what is deleted from; id and old.id need not be. */
static bool same_column(const struct fold_state *state, const ColumnRef *a, const ColumnRef *b)
{
    int n = tree_length(a->fields), m = tree_length(b->fields);
    for (int i = 1; i <= n && i <= m; i++) {
        const char *x = tree_string(tree_item(a->fields, n - i)),
                   *y = tree_string(tree_item(b->fields, m - i));
        if (!x || !y || strcmp(x, y) != 0) return false;
    }
    if (n == m) return true;
    const List *longer = n > m ? a->fields : b->fields;
    int shared = n > m ? m : n, most = n > m ? n : m;
    /* s.orders.id and orders.id say the same table. */
    return shared > 1 || names_relation(state->target, tree_string(tree_item(longer, most - 2)));
}

static bool same_list(struct fold_state *state, const List *a, const List *b, int depth)
{
    if (tree_length(a) != tree_length(b)) return false;
    for (int i = 0; i < tree_length(a); i++)
        if (!fold_same(state, tree_item(a, i), tree_item(b, i), depth)) return false;
    return true;
}

bool fold_same(struct fold_state *state, const Node *a, const Node *b, int depth)
{
    if (!a || !b) return a == b;
    if (!fold_spend(state, depth--)) return true;
    while (tree_tag(a) == T_TypeCast && tree_tag(b) != T_TypeCast)
        a = ((const TypeCast *)a)->arg;
    while (tree_tag(b) == T_TypeCast && tree_tag(a) != T_TypeCast)
        b = ((const TypeCast *)b)->arg;
    if (!a || !b || tree_tag(a) != tree_tag(b)) return false;
    switch (tree_tag(a)) {
    case T_String: return same_text(tree_string(a), tree_string(b));
    case T_A_Const: return same_constant((const A_Const *)a, (const A_Const *)b);
    case T_ParamRef: return ((const ParamRef *)a)->number == ((const ParamRef *)b)->number;
    case T_ColumnRef: return same_column(state, (const ColumnRef *)a, (const ColumnRef *)b);
    case T_List: return same_list(state, (const List *)a, (const List *)b, depth);
    case T_A_Expr: {
        const A_Expr *x = (const A_Expr *)a, *y = (const A_Expr *)b;
        return x->kind == y->kind && same_list(state, x->name, y->name, depth) &&
               fold_same(state, x->lexpr, y->lexpr, depth) && fold_same(state, x->rexpr, y->rexpr, depth);
    }
    case T_FuncCall: {
        const FuncCall *x = (const FuncCall *)a, *y = (const FuncCall *)b;
        return same_list(state, x->funcname, y->funcname, depth) && same_list(state, x->args, y->args, depth);
    }
    case T_TypeCast: return fold_same(state, ((const TypeCast *)a)->arg, ((const TypeCast *)b)->arg, depth);
    case T_RowExpr: return same_list(state, ((const RowExpr *)a)->args, ((const RowExpr *)b)->args, depth);
    case T_CoalesceExpr:
        return same_list(state, ((const CoalesceExpr *)a)->args, ((const CoalesceExpr *)b)->args, depth);
    default: return false;
    }
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; name && *names; names++)
        if (strcmp(name, *names) == 0) return true;
    return false;
}

/* x compared with itself. */
static enum fold fold_self(const char *name)
{
    static const char *const holds[] = { "=", "<=", ">=", "~~", "~~*", "~", "~*", "@>", "<@", "&&", NULL };
    static const char *const fails[] = { "<>", "!=", "<", ">", "!~~", "!~~*", "!~", "!~*", NULL };
    if (is_one_of(name, holds)) return FOLD_TRUE;
    if (is_one_of(name, fails)) return FOLD_FALSE;
    return FOLD_ROW;
}

static bool is_text(const Node *node, const char *text)
{
    while (node && tree_tag(node) == T_TypeCast)
        node = ((const TypeCast *)node)->arg;
    if (!node || tree_tag(node) != T_A_Const) return false;
    const A_Const *c = (const A_Const *)node;
    return !c->isnull && c->val.node.type == T_String && strcmp(c->val.sval.sval, text) == 0;
}

/* Two integers, or two strings that are equal or not. */
static enum fold fold_constants(const Node *a, const Node *b, const char *name)
{
    if (!a || !b || tree_tag(a) != T_A_Const || tree_tag(b) != T_A_Const) return FOLD_CONSTANT;
    const A_Const *x = (const A_Const *)a, *y = (const A_Const *)b;
    if (x->isnull || y->isnull) return FOLD_FALSE;
    if (x->val.node.type == T_Integer && y->val.node.type == T_Integer) {
        int i = x->val.ival.ival, j = y->val.ival.ival;
        if (strcmp(name, "=") == 0) return i == j ? FOLD_TRUE : FOLD_FALSE;
        if (strcmp(name, "<>") == 0) return i != j ? FOLD_TRUE : FOLD_FALSE;
        if (strcmp(name, "<") == 0) return i < j ? FOLD_TRUE : FOLD_FALSE;
        if (strcmp(name, ">") == 0) return i > j ? FOLD_TRUE : FOLD_FALSE;
        if (strcmp(name, "<=") == 0) return i <= j ? FOLD_TRUE : FOLD_FALSE;
        if (strcmp(name, ">=") == 0) return i >= j ? FOLD_TRUE : FOLD_FALSE;
    }
    if (x->val.node.type == T_String && y->val.node.type == T_String) {
        bool same = strcmp(x->val.sval.sval, y->val.sval.sval) == 0;
        if (strcmp(name, "=") == 0) return same ? FOLD_TRUE : FOLD_FALSE;
        if (strcmp(name, "<>") == 0) return same ? FOLD_FALSE : FOLD_TRUE;
    }
    return FOLD_CONSTANT;
}

/* x IN (…): true where x itself is listed, or all is constant. */
static enum fold fold_in(struct fold_state *state, const A_Expr *e, const char *name, int depth)
{
    const List *list = (const List *)e->rexpr;
    bool negated = name && strcmp(name, "<>") == 0;
    if (!list || tree_tag(list) != T_List) return FOLD_ROW;
    for (int i = 0; i < tree_length(list); i++)
        if (fold_same(state, e->lexpr, tree_item(list, i), depth)) return negated ? FOLD_FALSE : FOLD_TRUE;
    bool constant = fold_is_constant(state, e->lexpr, depth) && fold_is_constant(state, e->rexpr, depth);
    return constant ? FOLD_CONSTANT : FOLD_ROW;
}

static enum fold fold_between(struct fold_state *state, const A_Expr *e, int depth)
{
    const List *ends = (const List *)e->rexpr;
    if (ends && tree_tag(ends) == T_List && tree_length(ends) == 2 &&
        fold_same(state, e->lexpr, tree_item(ends, 0), depth) &&
        fold_same(state, e->lexpr, tree_item(ends, 1), depth))
        return FOLD_TRUE;
    bool constant = fold_is_constant(state, e->lexpr, depth) && fold_is_constant(state, e->rexpr, depth);
    return constant ? FOLD_CONSTANT : FOLD_ROW;
}

static enum fold fold_like(const A_Expr *e, const char *name)
{
    bool all = is_text(e->rexpr, "%") || is_text(e->rexpr, "%%");
    if (!all || !name) return FOLD_ROW;
    return name[0] == '!' ? FOLD_FALSE : FOLD_TRUE;
}

/* x = ANY (ARRAY[x, …]) */
static enum fold fold_any(struct fold_state *state, const A_Expr *e, int depth)
{
    if (e->rexpr && tree_tag(e->rexpr) == T_A_ArrayExpr) {
        const List *list = ((const A_ArrayExpr *)e->rexpr)->elements;
        for (int i = 0; i < tree_length(list); i++)
            if (fold_same(state, e->lexpr, tree_item(list, i), depth)) return FOLD_TRUE;
    }
    return FOLD_ROW;
}

enum fold fold_comparison(struct fold_state *state, const A_Expr *e, int depth)
{
    int n = tree_length(e->name);
    const char *name = n > 0 ? tree_string(tree_item(e->name, n - 1)) : NULL;
    enum fold f = FOLD_ROW;
    if (!name) return FOLD_ROW;
    switch (e->kind) {
    case AEXPR_DISTINCT:
        if (fold_same(state, e->lexpr, e->rexpr, depth)) return FOLD_FALSE;
        break;
    case AEXPR_NOT_DISTINCT:
        if (fold_same(state, e->lexpr, e->rexpr, depth)) return FOLD_TRUE;
        break;
    case AEXPR_IN: return fold_in(state, e, name, depth);
    case AEXPR_BETWEEN:
    case AEXPR_BETWEEN_SYM: return fold_between(state, e, depth);
    case AEXPR_NOT_BETWEEN:
    case AEXPR_NOT_BETWEEN_SYM: f = fold_between(state, e, depth); return f == FOLD_TRUE ? FOLD_FALSE : f;
    case AEXPR_LIKE:
    case AEXPR_ILIKE: f = fold_like(e, name); break;
    case AEXPR_OP_ANY:
        if (strcmp(name, "=") == 0) f = fold_any(state, e, depth);
        break;
    default: break;
    }
    if (f == FOLD_ROW && (e->kind == AEXPR_OP || e->kind == AEXPR_LIKE || e->kind == AEXPR_ILIKE) &&
        e->lexpr && fold_same(state, e->lexpr, e->rexpr, depth))
        f = fold_self(name);
    if (f == FOLD_ROW && fold_is_constant(state, e->lexpr, depth) && fold_is_constant(state, e->rexpr, depth))
        f = e->kind == AEXPR_OP ? fold_constants(e->lexpr, e->rexpr, name) : FOLD_CONSTANT;
    return f;
}
