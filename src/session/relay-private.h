#pragma once
/* What the files of relay share: relay.c (its life, and what its session wants), relay-side.c (bytes in,
 * bytes out) and relay-cancel.c (cancel requests). Of this room alone. */
#include "net/loop.h"
#include "net/stream.h"
#include "session/relay.h"

struct side {
    struct stream stream;
    struct loop_source source;
    struct buf in;
    size_t streak;            /* bytes that came since the other side said something */
    struct loop_timer gather; /* set: nothing is read for a moment, so that more is read at once then */
    bool watched, ended, shaking;
};

struct relay {
    struct relays *all;
    struct relay *next, **link;
    struct relay *next_dirty;
    bool is_dirty, is_dead, is_authenticated, direct_tls;
    struct session *session;
    struct side client, server;
    struct dial *dial;
    struct loop_timer timer;
    int64_t timer_due_us, close_by_us;
    unsigned n_cancelling; /* cancel requests of its session */
};

/* The relay is looked at at the end of the turn. */
void relay_mark(struct relay *r);

/* ---- relay-side.c */

void relay_side_close(struct relay *r, struct side *side);
/* events: of epoll. */
void relay_side_watch(struct relay *r, struct side *side, uint32_t events);
/* Whether the session takes bytes of that side. */
bool relay_reads(struct relay *r, const struct side *side);
/* Whether the loop is to tell when there is something. */
bool relay_awaits(struct relay *r, const struct side *side);
/* Reads a few times, and feeds the session. */
void relay_read_some(struct relay *r, struct side *side);
/* What was left over from before, when the session takes bytes again. */
void relay_feed_rest(struct relay *r, struct side *side);
void relay_write_out(struct relay *r, struct side *side, struct buf *out);
/* The peer has ended its side; broken: the connection with it. */
void relay_on_end(struct relay *r, struct side *side, bool broken);

/* ---- relay-cancel.c */

/* Asks the server to cancel what the session runs. */
void relay_send_cancel(struct relay *r);
/* Those on their way go on without it. */
void relay_forget_cancels(struct relay *r);
