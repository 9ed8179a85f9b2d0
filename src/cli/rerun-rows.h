/* Two lists of rows (or lines): which of one are not in the other, as sets with repetitions. */
#ifndef POSTERN_CLI_RERUN_ROWS_H
#define POSTERN_CLI_RERUN_ROWS_H
#include "cli/rerun-differ.h"

/* A pair that differs: a row of `then`, one of `now`, or both where they are taken for the same row, changed.
 */
struct rerun_pair {
    size_t then, now; /* SIZE_MAX: none */
    bool expected;    /* only columns of `ignore` differ */
};
struct rerun_rows {
    const struct bytes *then, *now;
    size_t n_then, n_now;
    bool cells;            /* they are bodies of DataRow; else they are compared whole */
    const uint8_t *ignore; /* bits by column; NULL: none */
};
/* False: no memory. */
bool rerun_rows_pair(const struct rerun_rows *rows, struct arena *arena, struct rerun_pair **out,
                     size_t *n_out) MUST_USE;
#endif
