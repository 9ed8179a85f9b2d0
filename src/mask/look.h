/* One value of a result, looked through for what policies mask or report by what it looks like (values.h).
 * Pure. How that goes hangs on the column's type and format: text is masked in place; a number becomes NULL;
 * in JSON a number becomes null; bytes that stand as hexadecimal digits are looked at as what they stand for;
 * arrays and rows in binary are taken apart and put together again; of a type that is not known here the
 * whole value becomes NULL where something is found in its bytes. Types that cannot hold any (dates, floating
 * point, UUIDs …) are not looked at.
 *
 * Source: the _send functions of PostgreSQL 15 for what is binary. */
#ifndef POSTERN_MASK_LOOK_H
#define POSTERN_MASK_LOOK_H
#include "base/buf.h"
#include "mask/values.h"
#include "policy/masks.h"

enum look_way {
    LOOK_OPAQUE = 0, /* binary, and of a type that is not known here */
    LOOK_BYTES,      /* in place */
    LOOK_JSON,
    LOOK_JSONB,   /* binary: a version, and JSON */
    LOOK_WHOLE,   /* text, in which nothing can be put in place */
    LOOK_INT8,    /* binary */
    LOOK_NUMERIC, /* binary */
    LOOK_RANGE,   /* binary, of either */
    LOOK_NOT
};
/* type: its OID; 0: not known. */
enum look_way look_way(uint32_t type, bool binary);

enum { LOOK_CEILING = 1 << 20 /* what is longer is not looked through: it becomes NULL */ };
struct look_tally {
    uint32_t found[POLICY_N_VALUES];
    uint32_t unseen; /* values past the ceiling */
};
/* HIDDEN: it becomes NULL. CHANGED: what it becomes was appended to out. SAME: it stays, and nothing was
 * appended; so it does, past the ceiling, where all is only reported. Whoever called looks at out->failed. */
enum look_outcome { LOOK_HIDDEN = 0, LOOK_CHANGED, LOOK_SAME };
enum look_outcome look_value(const struct policy_values *rules, enum look_way way, struct bytes value,
                             struct buf *out, struct look_tally *tally) MUST_USE;
/* Words of the server's, a row of COPY: there is no NULL. CHANGED or SAME; nothing is too long. */
enum look_outcome look_words(const struct policy_values *rules, struct bytes words, struct buf *out,
                             struct look_tally *tally) MUST_USE;
#endif
