/* What look.c and look-nested.c call of each other; for them alone. */
#ifndef POSTERN_MASK_LOOK_NESTED_H
#define POSTERN_MASK_LOOK_NESTED_H
#include "mask/look.h"

struct look {
    const struct policy_values *rules;
    struct buf *out;
    struct look_tally *tally;
    unsigned depth;
    bool never_null; /* a value cannot become NULL: stars stand for it */
};
enum look_outcome look_by_way(const struct look *l, enum look_way way, struct bytes value) MUST_USE;

/* An array or a row in binary, whose parts name their types. False: it is neither. */
bool look_nested(const struct look *l, struct bytes value, enum look_outcome *outcome_out) MUST_USE;
#endif
