/* Conditions, by three-valued logic over what is known of any row; see fold.h. */
#include "sql/fold.h"

static enum fold negate(enum fold f)
{
    if (f == FOLD_TRUE) return FOLD_FALSE;
    /* NOT NULL is NULL, so this may be wrong for a NULL; then it errs towards trivial. */
    if (f == FOLD_FALSE) return FOLD_TRUE;
    return f;
}

static const char *operator_name(const A_Expr *e)
{
    return tree_length(e->name) > 0 ? tree_string(tree_item(e->name, tree_length(e->name) - 1)) : NULL;
}

static bool is_opposite_operator(const char *a, const char *b)
{
    static const char *const pairs[][2] = { { "=", "<>" },   { "<", ">=" },     { ">", "<=" },
                                            { "~~", "!~~" }, { "~~*", "!~~*" }, { "~", "!~" } };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        if ((strcmp(a, pairs[i][0]) == 0 && strcmp(b, pairs[i][1]) == 0) ||
            (strcmp(a, pairs[i][1]) == 0 && strcmp(b, pairs[i][0]) == 0))
            return true;
    return false;
}

/* x and NOT x; x = y and x <> y; x IS NULL and x IS NOT NULL; x IS TRUE and x IS NOT TRUE. */
static bool is_opposite(struct fold_state *state, const Node *a, const Node *b, int depth)
{
    if (tree_tag(a) == T_BoolExpr && ((const BoolExpr *)a)->boolop == NOT_EXPR)
        return fold_same(state, tree_item(((const BoolExpr *)a)->args, 0), b, depth);
    if (tree_tag(b) == T_BoolExpr && ((const BoolExpr *)b)->boolop == NOT_EXPR)
        return fold_same(state, tree_item(((const BoolExpr *)b)->args, 0), a, depth);
    if (tree_tag(a) != tree_tag(b)) return false;
    if (tree_tag(a) == T_NullTest) {
        const NullTest *x = (const NullTest *)a, *y = (const NullTest *)b;
        return x->nulltesttype != y->nulltesttype &&
               fold_same(state, (const Node *)x->arg, (const Node *)y->arg, depth);
    }
    if (tree_tag(a) == T_BooleanTest) {
        const BooleanTest *x = (const BooleanTest *)a, *y = (const BooleanTest *)b;
        /* The enum pairs each test with its opposite. */
        return ((int)x->booltesttype ^ 1) == (int)y->booltesttype &&
               fold_same(state, (const Node *)x->arg, (const Node *)y->arg, depth);
    }
    if (tree_tag(a) != T_A_Expr) return false;
    const A_Expr *x = (const A_Expr *)a, *y = (const A_Expr *)b;
    const char *p = operator_name(x), *q = operator_name(y);
    return p && q && x->kind == y->kind && is_opposite_operator(p, q) &&
           fold_same(state, x->lexpr, y->lexpr, depth) && fold_same(state, x->rexpr, y->rexpr, depth);
}

static bool holds_opposites(struct fold_state *state, const List *args, int depth)
{
    int n = tree_length(args);
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            if (!fold_spend(state, depth)) return true;
            if (is_opposite(state, tree_item(args, i), tree_item(args, j), depth)) return true;
        }
    return false;
}

static enum fold fold_and(struct fold_state *state, const List *args, int depth)
{
    enum fold result = FOLD_TRUE;
    for (int i = 0; i < tree_length(args); i++) {
        enum fold f = fold_condition(state, tree_item(args, i), depth);
        if (f == FOLD_FALSE) return FOLD_FALSE;
        if (f == FOLD_ROW)
            result = FOLD_ROW;
        else if (f == FOLD_CONSTANT && result == FOLD_TRUE)
            result = FOLD_CONSTANT;
    }
    return result;
}

/* row OR constant: the constant may be true, and then every row passes. */
static enum fold fold_or(struct fold_state *state, const List *args, int depth)
{
    enum fold result = FOLD_FALSE;
    for (int i = 0; i < tree_length(args); i++) {
        enum fold f = fold_condition(state, tree_item(args, i), depth);
        if (f == FOLD_TRUE) return FOLD_TRUE;
        if (f == FOLD_CONSTANT)
            result = FOLD_CONSTANT;
        else if (f == FOLD_ROW && result == FOLD_FALSE)
            result = FOLD_ROW;
    }
    return result == FOLD_ROW && holds_opposites(state, args, depth) ? FOLD_TRUE : result;
}

static enum fold fold_bool(struct fold_state *state, const BoolExpr *e, int depth)
{
    switch (e->boolop) {
    case AND_EXPR: return fold_and(state, e->args, depth);
    case OR_EXPR: return fold_or(state, e->args, depth);
    case NOT_EXPR: return negate(fold_condition(state, tree_item(e->args, 0), depth));
    }
    return FOLD_ROW;
}

static bool text_is_boolean(const char *text, const char *a, const char *b, const char *c)
{
    size_t n = strlen(text);
    return n > 0 && (strncasecmp(text, a, n) == 0 || strncasecmp(text, b, n) == 0 ||
                     strcasecmp(text, c) == 0 || (c[0] == 'o' && n > 1 && strncasecmp(text, c, n) == 0));
}

static enum fold fold_constant(const A_Const *c)
{
    if (c->isnull) return FOLD_FALSE;
    switch (c->val.node.type) {
    case T_Boolean: return c->val.boolval.boolval ? FOLD_TRUE : FOLD_FALSE;
    case T_String: /* 't'::boolean, or a bare 't' where a condition stands */
        if (text_is_boolean(c->val.sval.sval, "true", "yes", "on") || strcmp(c->val.sval.sval, "1") == 0)
            return FOLD_TRUE;
        if (text_is_boolean(c->val.sval.sval, "false", "no", "off") || strcmp(c->val.sval.sval, "0") == 0)
            return FOLD_FALSE;
        return FOLD_CONSTANT;
    case T_Integer: return c->val.ival.ival ? FOLD_TRUE : FOLD_FALSE; /* 1::boolean */
    default: return FOLD_CONSTANT;
    }
}

static enum fold fold_boolean_test(struct fold_state *state, const BooleanTest *t, int depth)
{
    enum fold f = fold_condition(state, (const Node *)t->arg, depth);
    if (f == FOLD_ROW || f == FOLD_CONSTANT) return f;
    switch (t->booltesttype) {
    case IS_TRUE:
    case IS_NOT_FALSE: return f;
    case IS_FALSE:
    case IS_NOT_TRUE: return negate(f);
    case IS_UNKNOWN: return FOLD_CONSTANT;
    case IS_NOT_UNKNOWN: return FOLD_TRUE;
    }
    return FOLD_ROW;
}

/* Columns that the system fills: never NULL. */
static bool is_system_column(const Node *node)
{
    static const char *const names[] = { "ctid", "tableoid", "xmin", "xmax", "cmin", "cmax" };
    if (!node || tree_tag(node) != T_ColumnRef) return false;
    const List *fields = ((const ColumnRef *)node)->fields;
    const char *last = tree_string(tree_item(fields, tree_length(fields) - 1));
    for (size_t i = 0; last && i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(last, names[i]) == 0) return true;
    return false;
}

static enum fold fold_null_test(struct fold_state *state, const NullTest *t, int depth)
{
    const Node *arg = (const Node *)t->arg;
    bool never_null = is_system_column(arg);
    if (tree_tag(arg) == T_A_Const)
        never_null = !((const A_Const *)arg)->isnull;
    else if (!never_null)
        return fold_is_constant(state, arg, depth) ? FOLD_CONSTANT : FOLD_ROW;
    return never_null == (t->nulltesttype == IS_NOT_NULL) ? FOLD_TRUE : FOLD_FALSE;
}

/* EXISTS (SELECT …) without FROM is its WHERE; col IN (SELECT col FROM the same table) is true of every row.
 */
static enum fold fold_sublink(struct fold_state *state, const SubLink *link, int depth)
{
    const SelectStmt *s = (const SelectStmt *)link->subselect;
    if (!s || tree_tag(s) != T_SelectStmt) return FOLD_ROW;
    bool plain = !s->op && !s->valuesLists && !s->withClause && !s->havingClause && !s->groupClause &&
                 !s->limitCount && !s->limitOffset;
    if (link->subLinkType == EXISTS_SUBLINK && plain && !s->fromClause)
        return s->whereClause ? fold_condition(state, s->whereClause, depth) : FOLD_TRUE;
    bool equals = !link->operName || (tree_length(link->operName) == 1 &&
                                      strcmp(tree_string(tree_item(link->operName, 0)), "=") == 0);
    if (link->subLinkType == ANY_SUBLINK && plain && !s->whereClause && equals &&
        tree_length(s->fromClause) == 1 && tree_length(s->targetList) == 1) {
        const Node *from = tree_item(s->fromClause, 0);
        const ResTarget *column = tree_item(s->targetList, 0);
        if (tree_tag(from) == T_RangeVar && state->target &&
            strcmp(((const RangeVar *)from)->relname, state->target->relname) == 0 &&
            (fold_same(state, link->testexpr, column->val, depth) ||
             fold_is_member(state, (const RangeVar *)from, column->val, link->testexpr)))
            return FOLD_TRUE;
    }
    return fold_is_constant(state, (const Node *)link, depth) ? FOLD_CONSTANT : FOLD_ROW;
}

static enum fold fold_case(struct fold_state *state, const CaseExpr *c, int depth)
{
    enum fold all = c->defresult ? fold_condition(state, (const Node *)c->defresult, depth) : FOLD_FALSE;
    for (int i = 0; i < tree_length(c->args); i++) {
        const CaseWhen *when = tree_item(c->args, i);
        enum fold taken = c->arg ? FOLD_ROW : fold_condition(state, (const Node *)when->expr, depth);
        enum fold f = fold_condition(state, (const Node *)when->result, depth);
        if (taken == FOLD_TRUE && i == 0) return f;
        if (taken == FOLD_FALSE) continue;
        if (f != all) all = FOLD_ROW;
    }
    return all == FOLD_ROW && fold_is_constant(state, (const Node *)c, depth) ? FOLD_CONSTANT : all;
}

/* COALESCE(x, true): true wherever x is not false. */
static enum fold fold_coalesce(struct fold_state *state, const CoalesceExpr *c, int depth)
{
    return tree_length(c->args) > 0 ? fold_condition(state, tree_item(c->args, 0), depth) : FOLD_ROW;
}

enum fold fold_condition(struct fold_state *state, const Node *node, int depth)
{
    if (!node) return FOLD_ROW;
    if (!fold_spend(state, depth--)) return FOLD_CONSTANT;
    switch (tree_tag(node)) {
    case T_A_Const: return fold_constant((const A_Const *)node);
    case T_TypeCast: return fold_condition(state, ((const TypeCast *)node)->arg, depth);
    case T_CollateClause: return fold_condition(state, ((const CollateClause *)node)->arg, depth);
    case T_BoolExpr: return fold_bool(state, (const BoolExpr *)node, depth);
    case T_BooleanTest: return fold_boolean_test(state, (const BooleanTest *)node, depth);
    case T_NullTest: return fold_null_test(state, (const NullTest *)node, depth);
    case T_SubLink: return fold_sublink(state, (const SubLink *)node, depth);
    case T_CaseExpr: return fold_case(state, (const CaseExpr *)node, depth);
    case T_CoalesceExpr: return fold_coalesce(state, (const CoalesceExpr *)node, depth);
    case T_A_Expr: return fold_comparison(state, (const A_Expr *)node, depth);
    default: return fold_is_constant(state, node, depth) ? FOLD_CONSTANT : FOLD_ROW;
    }
}
