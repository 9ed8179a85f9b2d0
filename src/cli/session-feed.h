/* One session's events from the log, in order, for commands that show it. */
#ifndef POSTERN_CLI_SESSION_FEED_H
#define POSTERN_CLI_SESSION_FEED_H
#include "cli/evidence.h"
#include "record/transcript.h"

struct session_feed {
    const struct cli_call *call;
    struct evidence *evidence;
    uint64_t session;
    uint32_t last_sequence; /* that was fed */
    struct transcript *transcript;
};
/* False: no memory, said. */
bool session_feed_open(const struct cli_call *call, struct evidence *e, uint64_t session,
                       struct session_feed *feed) MUST_USE;
void session_feed_close(struct session_feed *feed);

/* NONE: the record of this session has nothing more. BAD: said why. */
enum session_step { SESSION_BAD = 0, SESSION_NONE, SESSION_FED };
/* Feeds one frame to the transcript. */
enum session_step session_feed_step(struct session_feed *feed,
                                    void (*visit)(void *context, const struct transcript_event *event),
                                    void *context) MUST_USE;
/* Looks again where there was nothing more, from the frame behind the last. */
bool session_feed_again(struct session_feed *feed) MUST_USE;
#endif
