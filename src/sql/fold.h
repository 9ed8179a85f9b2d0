/* Seeing through a condition: what an expression is, whatever the row. Private to where.c and fold*.c. */
#ifndef POSTERN_SQL_FOLD_H
#define POSTERN_SQL_FOLD_H
#include "sql/tree.h"

enum fold {
    FOLD_ROW = 0,  /* it depends on the row, or nothing can be said */
    FOLD_TRUE,     /* true, or true wherever a column is not NULL */
    FOLD_FALSE,    /* false or NULL: no row passes */
    FOLD_CONSTANT, /* the same for every row; the value is not known here */
};
struct fold_state {
    const RangeVar *target; /* the relation that is updated or deleted from */
    unsigned budget;        /* what is left of the nodes that may be looked at */
    bool gave_up; /* depth or budget ran out: no answer counts, and the caller takes it for trivial */
};
enum { FOLD_DEPTH_CEILING = 100, FOLD_BUDGET = 20000 };

static inline bool fold_spend(struct fold_state *state, int depth)
{
    if (depth <= 0 || state->budget == 0) {
        state->gave_up = true;
        return false;
    }
    state->budget--;
    return true;
}

/* depth counts down from FOLD_DEPTH_CEILING. */
enum fold fold_condition(struct fold_state *state, const Node *node, int depth);
/* Two expressions that are written alike (which says more about columns and constants than about functions).
 */
bool fold_same(struct fold_state *state, const Node *a, const Node *b, int depth);
/* The column of a SELECT from that table is what the column outside is called: x IN (SELECT o.x FROM t o). */
bool fold_is_member(const struct fold_state *state, const RangeVar *from, const Node *member,
                    const Node *outer);
/* No column of the target's, and nothing else of its row, anywhere in it. */
bool fold_is_constant(struct fold_state *state, const Node *node, int depth);
enum fold fold_comparison(struct fold_state *state, const A_Expr *e, int depth);
#endif
