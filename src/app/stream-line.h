/* From frames to the summaries that a stream carries: a line of JSON for each statement that ended, each
 * session's beginning and end, each refusal, approval, and line of the gateway's own. doc/streams.md has the
 * members. No value, parameter, literal, prompt or message of a server is in a line, unless the stream has
 * whole texts.
 *
 * What a line tells stands in several frames: who is in the session's first, the text in the one that it
 * first ran in. Sessions that go on are remembered; of one that is not (after a restart) the log is read
 * again from its beginning. */
#ifndef POSTERN_APP_STREAM_LINE_H
#define POSTERN_APP_STREAM_LINE_H
#include "app/config.h"
#include "base/buf.h"
#include "record/reader.h"

enum stream_severity {
    STREAM_WARNING = 4,
    STREAM_NOTICE = 5,
    STREAM_INFORMATION = 6
}; /* RFC 5424's numbers */
struct stream_entry {
    enum stream_severity severity;
    int64_t time_us;
    const char *kind;
    struct bytes json; /* one line, without its end */
};

struct stream_lines;
/* log: its folder. far: as record_reader_reach takes it. gateway: the log's origin. emit: borrowed bytes.
 * NULL: no memory, or the log is not there. */
struct stream_lines *stream_lines_new(const char *log, const struct record_keys *keys,
                                      const struct record_far *far, struct bytes gateway,
                                      enum config_stream_text text,
                                      void (*emit)(void *context, const struct stream_entry *entry),
                                      void *context) MUST_USE;
void stream_lines_free(struct stream_lines *lines);
/* Frames of these types are all that is needed. */
uint32_t stream_lines_types(void);
/* The block that the reader stands before. Emits its entries; one that cannot be opened (its key was erased)
 * is an entry itself. False: no memory. */
bool stream_lines_block(struct stream_lines *lines, struct record_reader *reader,
                        const struct record_block *block) MUST_USE;
#endif
