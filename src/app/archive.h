/* The gateway's archive: one thread carries sealed segments into the bucket, and another watches how much
 * waits, so that the bound holds however long a transfer takes. Where the bound is reached, the log refuses
 * intents (record_log_allow) until some of it was taken. */
#ifndef POSTERN_APP_ARCHIVE_H
#define POSTERN_APP_ARCHIVE_H
#include "app/archive-store.h"
#include "record/lane.h"

struct archive_options {
    struct archive_store *store; /* outlives it */
    const struct clock *clock;
    const char *data, *origin;
    struct record_log *log;
};
struct archive;
/* Looks once before it returns: a spool that is full refuses from the first statement on. 0 or -errno,
 * logged. */
int archive_start(const struct archive_options *options, struct archive **out) MUST_USE;
/* From any thread: blocks were synced. */
void archive_wake(struct archive *archive);
/* Calls off what is under way; what was not carried is, after the next start. The log is open still. */
void archive_stop(struct archive *archive);
void archive_free(struct archive *archive);

struct archive_state {
    bool failing; /* the last attempt did not succeed */
    bool full;    /* statements are refused for want of room */
    uint64_t waiting_bytes, spool_bytes;
    uint64_t n_waiting, n_kept, n_away;         /* sealed segments, by where they are */
    uint64_t sent, sent_bytes, dropped, failed; /* since the start: segments, bytes, segments, attempts */
    int64_t behind_us;                          /* since when something waits; 0: nothing does */
};
void archive_tell(struct archive *archive, struct archive_state *state_out);
#endif
