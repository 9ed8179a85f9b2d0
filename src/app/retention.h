/* The thread that erases what its policies let go of (record.retain): once when the gateway has started, then
 * every day. It also finishes an erasure that a crash interrupted. */
#ifndef POSTERN_APP_RETENTION_H
#define POSTERN_APP_RETENTION_H
#include "app/worker.h"
#include "record/journal.h"

struct retention;
struct retention_options {
    const char *data;
    struct workers *workers;
    struct record_log *log;
    struct journal *journal;
    const struct clock *clock;
};
int retention_start(const struct retention_options *options, struct retention **out) MUST_USE;
/* Ends its thread; what it is at is finished first. NULL is fine. */
void retention_stop(struct retention *retention);
#endif
