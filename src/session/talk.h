/* Runs a conversation: a session between a scripted client and a scripted server, without sockets, under a
 * clock that moves when the script says so. Test code. */
#ifndef POSTERN_SESSION_TALK_H
#define POSTERN_SESSION_TALK_H
#include "session/talk-message.h"
#include "session/talk-world.h"

/* How the bytes of a script are cut up. In every way, the session must say, ask and record the same. */
enum talk_cut {
    TALK_WHOLE = 0, /* a message at a time */
    TALK_BYTES,     /* a byte at a time */
    TALK_GLUED,     /* all messages of one side that follow each other at once */
    TALK_RANDOM     /* those, cut at random places */
};
enum { TALK_CUTS = 4 };

struct talk_end {
    struct buf held; /* for the session, not consumed yet */
    struct buf glue; /* to be fed when the script does something else */
    struct buf got;  /* what came out, not looked at yet */
    struct buf all;  /* everything that came out */
    bool slow;       /* nobody reads what comes out */
};

struct talk {
    const struct talk_script *script;
    const struct talk_line *line; /* that runs now */
    enum talk_cut cut;
    uint64_t seed, dice;
    struct talk_world world;
    struct session *session; /* NULL: not begun, or freed */
    bool begun, remote, crowded, failed;
    struct talk_end ends[2]; /* by enum talk_side */
    struct arena arena;
    size_t frames_seen;
    struct {
        size_t at, frame;             /* in ends[TALK_SERVER].all and in the record: looked at */
        uint32_t sent[128], kept[32]; /* messages by type, frames by type */
    } audit;
};

void talk_init(struct talk *t, const struct talk_script *script, enum talk_cut cut, uint64_t seed);
void talk_free(struct talk *t);
/* Notes that the script failed, and prints where and why. */
void talk_fail(struct talk *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* Makes the session if there is none yet. */
bool talk_begin(struct talk *t);
/* Bytes from one of the sides; they may stay in the glue until talk_flush. */
void talk_send(struct talk *t, enum talk_side from, struct bytes bytes);
void talk_flush(struct talk *t);
/* Feeds what is held, as far as the session takes it, and takes what comes out. */
void talk_pump(struct talk *t);
/* Frees the session and checks that it left nothing behind. */
void talk_end_session(struct talk *t);

/* The whole record, a frame a line, numbered so that it does not depend on where bytes were cut. */
void talk_print_record(struct talk *t, struct buf *out);

/* ---- talk-verbs.c: runs one line. */
void talk_line_run(struct talk *t, const struct talk_line *line);

/* ---- talk-desk.c */
void talk_on_desk(struct talk *t, const struct talk_line *line);
void talk_on_approve(struct talk *t, const struct talk_line *line);
void talk_on_deny(struct talk *t, const struct talk_line *line);
void talk_on_asks(struct talk *t, const struct talk_line *line);

/* ---- talk-view.c */
void talk_on_catalog(struct talk *t, const struct talk_line *line);
void talk_on_inquiry(struct talk *t, const struct talk_line *line);
void talk_on_inquiry_within(struct talk *t, const struct talk_line *line);
void talk_on_thread(struct talk *t, const struct talk_line *line);
void talk_heard_check(struct talk *t);

/* Runs a script in every way. False: printed why. */
bool talk_run(const struct talk_script *script, uint64_t seed);
#endif
