/* Streams out (doc/streams.md): for each of the configuration a thread that follows the log and hands
 * summaries of its entries on, at least once. Its position in the log is stored when what is before it was
 * delivered. No statement ever waits for it: what it is behind is in the log. */
#ifndef POSTERN_APP_STREAM_H
#define POSTERN_APP_STREAM_H
#include "api/api.h"
#include "app/config.h"
#include "record/reader.h"

struct streams;
struct streams_options {
    const struct config *config; /* what it says of streams at the start counts until the end */
    const char *data;
    struct bytes gateway;           /* the log's origin; borrowed */
    const struct record_keys *keys; /* one for each stream: each is asked by one thread */
    const struct record_far *far;   /* outlives them; NULL: there is no archive */
    const struct clock *clock;
};
/* *out NULL, and 0: there are none. -errno: said in the log. */
int streams_start(const struct streams_options *options, struct streams **out) MUST_USE;
/* From any thread: blocks were synced. NULL is fine for all of these. */
void streams_wake(struct streams *streams);
/* Files are opened anew. */
void streams_reopen(struct streams *streams);
void streams_health(struct streams *streams, struct api_health *out);
/* What is in the log by then is delivered where that takes no longer than a moment; the rest is found at the
 * next start. */
void streams_stop(struct streams *streams);
#endif
