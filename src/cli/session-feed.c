/* The reader gives frames; the transcript makes events of them. */
#include "cli/session-feed.h"

enum { TRANSCRIPT_CEILING = 512 << 20 };

static bool seek(struct session_feed *feed, uint32_t from, bool must_be_there)
{
    switch (record_reader_session(feed->evidence->reader, feed->session, from)) {
    case RECORD_READ_FRAME: return true;
    case RECORD_READ_END:
        if (!must_be_there) return true;
        cli_fail(feed->call, "the log has no frame of this session");
        return false;
    case RECORD_READ_BAD: break;
    }
    cli_fail(feed->call, "the log cannot be read: %s", record_reader_message(feed->evidence->reader));
    return false;
}

bool session_feed_open(const struct cli_call *call, struct evidence *e, uint64_t session,
                       struct session_feed *feed)
{
    *feed = (struct session_feed){ .call = call, .evidence = e, .session = session };
    feed->transcript = transcript_new(TRANSCRIPT_CEILING);
    if (!feed->transcript) {
        cli_fail(call, "there is no memory");
        return false;
    }
    return seek(feed, 1, true);
}

void session_feed_close(struct session_feed *feed)
{
    transcript_free(feed->transcript);
    feed->transcript = NULL;
}

enum session_step session_feed_step(struct session_feed *feed,
                                    void (*visit)(void *context, const struct transcript_event *event),
                                    void *context)
{
    struct frame frame;
    switch (record_reader_next(feed->evidence->reader, &frame)) {
    case RECORD_READ_FRAME:
        feed->last_sequence = frame.sequence;
        transcript_feed(feed->transcript, &frame, visit, context);
        return SESSION_FED;
    case RECORD_READ_END: return SESSION_NONE;
    case RECORD_READ_BAD: break;
    }
    cli_fail(feed->call, "the log cannot be read behind frame %u: %s", feed->last_sequence,
             record_reader_message(feed->evidence->reader));
    return SESSION_BAD;
}

bool session_feed_again(struct session_feed *feed)
{
    return seek(feed, feed->last_sequence + 1, false);
}
