/* A session shown to somebody: events go in, bytes come out, in one of three forms. A form keeps what it
 * needs between events (rows that are not printed yet) in a struct replay. */
#ifndef POSTERN_CLI_REPLAY_H
#define POSTERN_CLI_REPLAY_H
#include "base/buf.h"
#include "base/map.h"
#include "cli/grid.h"
#include "record/transcript.h"

struct replay {
    struct buf *out;
    uint64_t session;
    bool colour;
    uint64_t rows_most; /* how many rows of a result are shown; the others are counted */
    bool sealed;        /* also what was withheld from a client, since it could hold what is masked for it */
    bool everything;    /* also what only experts want: prepares, closes, parameter statuses */

    /* the text form: rows of one run and description that wait for the last */
    bool rows_wait;
    uint32_t rows_run, rows_description;
    struct grid grid;
    uint64_t rows_seen;
    uint64_t copy_bytes, copy_rows;
    uint32_t copy_run;
    bool copy_in;
    uint32_t shown_run; /* the statement that was shown last: outcomes of another say whose they are */
    /* the SQL form */
    bool copying;
    struct map idle; /* the runs that never ran */
};

void replay_init(struct replay *r, struct buf *out, uint64_t session);
void replay_free(struct replay *r);

/* For people: statements, parameters, rows as psql prints them, timings, refusals. */
void replay_text(struct replay *r, const struct transcript_event *event);
/* Prints what still waits, at the end. */
void replay_text_finish(struct replay *r);
/* One JSON object a line; see doc/replay-json.md. */
void replay_json(struct replay *r, const struct transcript_event *event);
/* A script for psql. Whether a statement ran is known only behind it, so events come twice: all of them to
 * replay_sql_scout first, then to replay_sql. */
void replay_sql_scout(struct replay *r, const struct transcript_event *event);
void replay_sql_begin(struct replay *r);
void replay_sql(struct replay *r, const struct transcript_event *event);
void replay_sql_finish(struct replay *r);
#endif
