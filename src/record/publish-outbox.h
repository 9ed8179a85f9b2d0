/* What waits to be published, in the index itself: which rows of which tables have changed. Triggers note it
 * in the transaction that changes them, whoever makes it (following, erasing, a command beside the gateway);
 * a note goes when PostgreSQL has the row as it was read, and not if it changed again meanwhile. Only keys
 * are in it. Where nothing is published there is none of this.
 *
 * An index that is new here (or was made anew, or whose likeness in PostgreSQL is not what was left there) is
 * walked through: table by table, in the order of keys; of each piece PostgreSQL gets what is there, and
 * loses what is not. The walk's place is kept in the index. */
#ifndef POSTERN_RECORD_PUBLISH_OUTBOX_H
#define POSTERN_RECORD_PUBLISH_OUTBOX_H
#include "record/index.h"
#include "record/publish-batch.h"

struct publish_state {
    int64_t epoch; /* a number of this index's own, never 0: PostgreSQL has it too, or is walked through */
    int64_t batch; /* batches of this epoch that PostgreSQL is known to have */
    size_t walk;   /* the table where the walk is; publish_n_tables: it is over */
    bool claims;   /* the name is taken over from another log */
};
/* Makes it where it is not, or is another version's; the walk begins then. 0 or what index.h says. */
int publish_outbox_open(struct index *index, struct publish_state *state_out) MUST_USE;
/* -ENOENT: nothing is noted here. */
int publish_outbox_state(struct index *index, struct publish_state *state_out) MUST_USE;
/* Takes it away, where it is. */
int publish_outbox_remove(struct index *index) MUST_USE;
/* Another epoch: everything is walked through. */
int publish_outbox_restart(struct index *index, bool claims, struct publish_state *state_out) MUST_USE;
/* How many rows wait, counted up to most. */
int publish_outbox_count(struct index *index, uint64_t most, uint64_t *n_out) MUST_USE;

/* Rows that have changed, with all that they refer to; or, if there are none, the walk's next piece. An empty
 * batch: there is nothing to do. */
int publish_outbox_read(struct index *index, const struct publish_state *state,
                        struct publish_batch *batch) MUST_USE;
/* PostgreSQL has the batch: it is forgotten, unless it changed since, and the state goes on. Waits for other
 * writers at most wait_ms; -EBUSY: nothing was done. */
int publish_outbox_forget(struct index *index, const struct publish_batch *batch, unsigned wait_ms,
                          struct publish_state *state) MUST_USE;
/* PostgreSQL had one batch more than was known. */
int publish_outbox_set_batch(struct index *index, int64_t number, struct publish_state *state) MUST_USE;
#endif
