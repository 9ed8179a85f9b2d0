/* The gateway's thread that publishes the index in PostgreSQL (record/publish.h). While the server is away it
 * tries again, with pauses that grow; what waits is counted, and where it comes to its bound the log refuses
 * intents (record_log_refuse) until some of it was taken. */
#ifndef POSTERN_APP_PUBLISHER_H
#define POSTERN_APP_PUBLISHER_H
#include "app/config.h"
#include "base/clock.h"
#include "record/lane.h"

struct publisher_options {
    const struct config *config;
    const char *data, *origin;
    const struct clock *clock;
    struct record_log *log;
};
struct publisher;
/* *out is NULL where the configuration has no such index; what was noted for one then goes. 0 or -errno,
 * logged. */
int publisher_start(const struct publisher_options *options, struct publisher **out) MUST_USE;
/* Another place, password or bound. NULL is fine, here and below. */
void publisher_reload(struct publisher *publisher, const struct config *config);
/* The log is about to be closed, and nothing waits for room in it any more. */
void publisher_leave_log(struct publisher *publisher);
/* Brings what is there, if the server takes it within a moment, ends and is freed. */
void publisher_stop(struct publisher *publisher);

struct publisher_state {
    bool failing;                   /* the last attempt did not succeed */
    bool full;                      /* statements are refused for want of room */
    bool walks;                     /* everything is being compared */
    uint64_t waiting, spool;        /* rows */
    uint64_t rows, batches, failed; /* since the start */
    int64_t behind_us;              /* since when something waits; 0: nothing does */
};
void publisher_tell(struct publisher *publisher, struct publisher_state *state_out);
#endif
