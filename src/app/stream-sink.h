/* Where a stream goes: a file, standard output, a receiver of syslog (RFC 5424 over TCP with octet counting,
 * RFC 6587, over TLS, RFC 5425, over UDP, RFC 5426, or a Unix socket). All of it blocks, on the stream's own
 * thread, and ends early once the stream is to stop. */
#ifndef POSTERN_APP_STREAM_SINK_H
#define POSTERN_APP_STREAM_SINK_H
#include "app/config.h"
#include "app/stream-line.h"

struct stream_sink;
/* to is borrowed. stop: set when it should give up. NULL: no memory. */
struct stream_sink *stream_sink_new(const struct config_stream *to, const bool *stop) MUST_USE;
void stream_sink_free(struct stream_sink *sink);
/* Appends an entry to a batch, in the sink's form. */
void stream_sink_format(const struct stream_sink *sink, const struct stream_entry *entry, struct buf *batch);
/* All of the batch, or nothing that counts: 0, and it is as safe as the way can make it: on the disk; taken
 * by the other end's kernel, and the connection still there; sent. -errno: it is to be sent again, from its
 * beginning. */
int stream_sink_deliver(struct stream_sink *sink, struct bytes batch) MUST_USE;
/* What was wrong with the last delivery besides its error, as a sentence; or "". */
const char *stream_sink_why(const struct stream_sink *sink);
/* The file is opened anew before the next batch. From any thread. */
void stream_sink_reopen(struct stream_sink *sink);
#endif
