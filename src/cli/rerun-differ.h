/* Where a run's two outcomes differ. Rows are compared as sets (with repetitions) unless the text has an
 * ORDER BY at its top, or whoever asks wants them in order. What differs by its nature is told apart:
 * expected. */
#ifndef POSTERN_CLI_RERUN_DIFFER_H
#define POSTERN_CLI_RERUN_DIFFER_H
#include "cli/rerun-volatile.h"
#include "cli/rerun.h"

#define RERUN_DIFFERENCES(X)                                                                                 \
    X(ROW, "row")         /* then and now: bodies of DataRow; one of them empty where it is not there */     \
    X(ORDER, "order")     /* the same rows in another order */                                               \
    X(COUNT, "count")     /* how many rows, of what was only counted */                                      \
    X(DIGEST, "digest")   /* of rows that were kept as a digest */                                           \
    X(TAG, "tag")         /* the command tag: rows changed */                                                \
    X(END, "end")         /* how it ended: completed, failed, suspended, skipped */                          \
    X(ERROR, "error")     /* SQLSTATE and message */                                                         \
    X(COLUMNS, "columns") /* names, types, formats */                                                        \
    X(COPY, "copy")       /* a line of COPY TO STDOUT */
enum rerun_what {
#define X(NAME, name) DIFFERS_##NAME,
    RERUN_DIFFERENCES(X)
#undef X
};
const char *rerun_what_name(enum rerun_what what);

struct rerun_difference {
    enum rerun_what what;
    uint32_t result; /* from 0 */
    bool expected;
    struct bytes why; /* of what is expected */
    bool has_then, has_now;
    struct bytes then, now;
};

enum { RERUN_DIFFERENCES_MOST = 1000 };
enum rerun_verdict {
    RERUN_DIFFERS = 0,
    RERUN_SAME,
    RERUN_EXPECTED, /* it differs only as expected */
    RERUN_NOT_RUN,
    RERUN_NOT_TOLD, /* the record does not say how it ended */
    RERUN_N_VERDICTS
};
const char *rerun_verdict_name(enum rerun_verdict verdict);

struct rerun_comparison {
    enum rerun_verdict verdict;
    bool ordered; /* rows were compared in order */
    bool partial; /* not all that it returned is in the record */
    struct rerun_difference *differences;
    size_t n, size;
    uint64_t n_left_out; /* differences beyond RERUN_DIFFERENCES_MOST */
};

struct rerun_differ {
    bool in_order;              /* --ordered */
    struct rerun_server *aside; /* another connection to the same database, for its catalogue; NULL: none */
    struct rerun_written written;
    struct map tables; /* struct rerun_table by OID */
    struct arena arena;
};
void rerun_differ_init(struct rerun_differ *d, struct rerun_server *aside, bool in_order);
void rerun_differ_free(struct rerun_differ *d);
/* What is found lives in the arena. The run counts as written from here on. False: no memory. */
bool rerun_differ_run(struct rerun_differ *d, const struct rerun_run *run, struct arena *arena,
                      struct rerun_comparison *out) MUST_USE;

/* A RowDescription's columns; n_out 0 where it is none. False: no memory. */
bool rerun_columns(struct bytes description, struct arena *arena, struct rerun_column **out,
                   size_t *n_out) MUST_USE;
/* The values of a DataRow: p == NULL is NULL. Answers their number, at most `most`. */
size_t rerun_values(struct bytes row, struct bytes *values, size_t most);
#endif
