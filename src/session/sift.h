/* What is on its way to the client, looked through for values that policies mask or report by what they look
 * like (mask/look.h). Rows and COPY data change in place; a message that was cut is put together first, but
 * for values that are too long to be looked through, which become NULL. doc/masking.md, "By value".
 *
 *   description ─▶ ways of the columns ─▶ rows as they become ─▶ recorded, delivered ─▶ counts ─▶ FRAME_FOUND
 *
 * What is true: where nothing is looked for, nothing here costs more than a test of `rules.looked`. No memory
 * but that of one message, which has a ceiling, is held between two steps. */
#ifndef POSTERN_SESSION_SIFT_H
#define POSTERN_SESSION_SIFT_H
#include "base/buf.h"
#include "mask/look.h"

/* How each column of a result is looked through. */
struct sift_ways {
    size_t n;
    uint8_t ways[]; /* enum look_way */
};
/* What was found in a column of the result that answers now; the first is of COPY rows as a whole, and of
 * what is in no column. */
struct sift_count {
    uint64_t found[POLICY_N_VALUES], unseen;
};

/* A message that came in pieces, or the beginning of one. */
enum sift_gathering { SIFT_GATHERS_NOTHING = 0, SIFT_GATHERS_ROW, SIFT_GATHERS_COPY };
struct sift_gather {
    enum sift_gathering what;
    struct buf message;                /* as it is; with NULL for what is too long */
    size_t column, columns;            /* of a row: the one that comes, from 0, and how many there are */
    uint32_t left;                     /* bytes that are missing of its value */
    uint8_t head[4], n_head, n_wanted; /* of the number that comes before */
    bool in_value, dropped, is_long;   /* is_long: of COPY, it is longer than may be held */
    bool looked;                       /* it was whole, and is in `out` or `message` as it becomes */
    struct bytes becomes;
    size_t sent; /* of that, recorded and delivered */
};

struct sifting {
    struct policy_values rules; /* looked == 0: nothing is looked for */
    struct sift_ways *ways;     /* of the simple Query that answers now; NULL: not known */
    struct buf out, value;      /* of one step */
    struct sift_gather gather;
    struct sift_count *counts; /* n_counts; those of the step that is under way behind them */
    size_t n_counts;
    bool step_found, found; /* some are not zero: of the step; of the result */
    uint32_t run;           /* whose result that is */
};
/* SIFT_CEILING: of a row or a message of COPY data. */
enum { SIFT_CEILING = 16 << 20 };
#endif
