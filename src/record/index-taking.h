/* A block that is being taken into the index: what its frames say, gathered until its end. For
 * index-follow.c, which gives out the frames, and the index-take files, which know what the kinds of them
 * mean. */
#ifndef POSTERN_RECORD_INDEX_TAKING_H
#define POSTERN_RECORD_INDEX_TAKING_H
#include "base/arena.h"
#include "base/map.h"
#include "record/index-private.h"

enum { MINUTE_US = 60000000, RUNS_CEILING = 1 << 16, MEMORY_CEILING = 256 << 20 };

struct known_text {
    uint32_t number;
    int64_t shape;
    struct bytes decision, policy, rule;
    struct index_seen *seen; /* what its results show */
    size_t n_seen;
};

/* One row of `execution` in the making. */
struct tally {
    struct tally *next;
    const struct known_text *text;
    int64_t minute, us;
    uint64_t errors, rows, most_rows;
    int64_t most_us; /* most_rows, most_us: of one outcome */
    int64_t n;       /* below 0: runs of earlier blocks turned out to be skipped */
    uint32_t first_sequence, last_sequence;
    struct index_seen_count *seen; /* for each of the text's; NULL: none came out yet */
};

struct open_run {
    struct open_run *next;
    uint32_t run;
    uint32_t ended; /* how many of its statements have */
    struct tally *tally;
    bool counted_error, completed;
    bool prepared; /* a text that is refused where it is prepared: no run, but an attempt */
};

/* A block being taken in. */
struct taking {
    struct index *index;
    uint64_t session;
    uint32_t seen; /* frames up to here are in the index already */
    uint32_t last_sequence;
    struct bytes principal;
    int64_t last_us;
    int64_t statements;
    uint64_t refused, errors, rows, damaged;
    struct arena arena;
    struct map texts, tallies, runs;
    struct tally *all_tallies;
    struct open_run *all_runs;
    int error; /* the first; everything after it does nothing */
};

/* The first error stays, and everything after it does nothing: a statement is NULL then, and binding and
 * stepping take that. */
struct sqlite_query *taking_statement(struct taking *t, enum index_statement which);
void taking_finish(struct taking *t, struct sqlite_query *q);
/* A copy that lives as long as the block is taken in. */
struct bytes taking_keep(struct taking *t, struct bytes b);
struct bytes taking_key(const uint32_t *number);

/* ---- index-take-text.c */
void taking_text_frame(struct taking *t, const struct frame *frame);
/* A text of this session by its number, also one of an earlier block; NULL: there is none. */
const struct known_text *taking_text(struct taking *t, uint32_t number);

/* ---- index-take-run.c */
struct open_run *taking_run(struct taking *t, const struct frame *frame);
/* A text that is refused where it is prepared never becomes a run: the attempt counts all the same. */
void taking_parse(struct taking *t, const struct frame *frame);
void taking_complete(struct taking *t, const struct frame *frame);
void taking_found(struct taking *t, const struct frame *frame);
void taking_error(struct taking *t, const struct frame *frame);
/* Runs of earlier blocks whose outcome may stand in this one. */
void taking_load_runs(struct taking *t);
/* Runs without an outcome, the newest first, and the newest in any case: a simple query has an outcome for
 * each of its statements. */
void taking_save_runs(struct taking *t);
void taking_save_tally(struct taking *t, const struct tally *tally);

/* ---- index-take-session.c */
void taking_session_start(struct taking *t, const struct frame *frame);
void taking_session_context(struct taking *t, const struct frame *frame);
void taking_session_end(struct taking *t, const struct frame *frame);
void taking_rejected(struct taking *t, const struct frame *frame);
#endif
