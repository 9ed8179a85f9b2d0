/* One side of a relay: what is read goes to the session at once, what the session says is written as far as
 * the peer takes it. */
#include "base/log.h"
#include "session/relay-private.h"

enum {
    GATHER_FROM = 256 * 1024,
    GATHER_ENOUGH = 64 * 1024,
    GATHER_US = 100,
    IN_STEP = 64 * 1024,
    KEEP_BYTES = 4096
};

void relay_side_close(struct relay *r, struct side *side)
{
    if (side->watched) loop_remove(r->all->loop, &side->source);
    side->watched = false;
    loop_timer_cancel(r->all->loop, &side->gather);
    stream_close(&side->stream);
    buf_free(&side->in);
    side->ended = true;
}

void relay_side_watch(struct relay *r, struct side *side, uint32_t events)
{
    if (side->watched) {
        loop_watch(r->all->loop, &side->source, events);
    } else if (side->stream.fd >= 0 && !side->ended) {
        side->source.fd = side->stream.fd;
        side->watched = loop_add(r->all->loop, &side->source, events) == 0;
    }
}

bool relay_reads(struct relay *r, const struct side *side)
{
    return !side->ended && !side->shaking &&
           (side == &r->client ? session_reads_client(r->session) : session_reads_server(r->session));
}

bool relay_awaits(struct relay *r, const struct side *side)
{
    return side->gather.place == 0 && relay_reads(r, side);
}

/* Memory that a password may have passed through is overwritten before it is given back. */
static void release(struct relay *r, struct buf *b)
{
    if (session_wants(r->session)->wipe) buf_wipe(b);
    buf_release(b);
}

void relay_on_end(struct relay *r, struct side *side, bool broken)
{
    if (side == &r->client)
        session_on_client_end(r->session, broken);
    else
        session_on_server_end(r->session);
    side->ended = true;
    if (broken || side == &r->server) relay_side_close(r, side);
}

void relay_write_out(struct relay *r, struct side *side, struct buf *out)
{
    while (buf_length(out) && side->stream.fd >= 0 && !side->shaking) {
        size_t n = 0;
        enum stream_io io = stream_write(&side->stream, buf_bytes(out), &n);
        if (io == STREAM_AGAIN) break;
        if (io != STREAM_DONE) {
            relay_on_end(r, side, true);
            break;
        }
        buf_consume(out, n);
    }
    if (side->stream.fd < 0 && side->ended) buf_consume(out, buf_length(out));
    if (buf_length(out) == 0 && out->size > KEEP_BYTES) release(r, out);
}

/* Bulk goes to the client from where it was read; what it does not take now, and where the commit fails all
 * of it, waits for the end of the turn. */
static void pass(struct relay *r, struct bytes through)
{
    struct side *client = &r->client;
    struct buf *out = session_client_out(r->session);
    bool committed = record_lane_commit(r->all->lane);
    if (committed) relay_write_out(r, client, out);
    while (committed && through.n && buf_length(out) == 0 && client->stream.fd >= 0 && !client->shaking) {
        size_t n = 0;
        if (stream_write(&client->stream, through, &n) != STREAM_DONE) break;
        through = bytes_slice(through, n, through.n);
    }
    buf_append(out, through);
}

static size_t feed(struct relay *r, const struct side *side, struct bytes in)
{
    struct bytes through = { 0 };
    size_t used =
        side == &r->client ? session_on_client(r->session, in) : session_on_server(r->session, in, &through);
    if (through.n) pass(r, through);
    return used;
}

void relay_feed_rest(struct relay *r, struct side *side)
{
    bool again = side == &r->client && session_has_more(r->session);
    if ((buf_length(&side->in) == 0 && !again) || !relay_reads(r, side)) return;
    buf_consume(&side->in, feed(r, side, buf_bytes(&side->in)));
    release(r, &side->in);
}

/* One read; false when there is nothing more now. What is held of before goes in front of it: a little to
 * memory that all share; much, a large message that is not all there, stays where it is. */
static bool read_once(struct relay *r, struct side *side)
{
    size_t n = 0, held = buf_length(&side->in);
    bool shared = held < IN_STEP;
    uint8_t *to = shared ? r->all->scratch + held : buf_room(&side->in, IN_STEP);
    size_t room = shared ? RELAY_SCRATCH - held : to ? buf_free_space(&side->in) : 0;
    if (!to) {
        relay_on_end(r, side, true);
        return false;
    }
    switch (stream_read(&side->stream, to, room, &n)) {
    case STREAM_AGAIN: return false;
    case STREAM_EOF: relay_on_end(r, side, false); return false;
    case STREAM_FAILED: relay_on_end(r, side, true); return false;
    case STREAM_DONE: break;
    }
    side->streak += n;
    (side == &r->client ? &r->server : &r->client)->streak = 0;
    if (shared) {
        struct bytes in = bytes_make(r->all->scratch, held + n);
        if (held) memcpy(r->all->scratch, buf_bytes(&side->in).p, held);
        buf_consume(&side->in, held);
        buf_append(&side->in, bytes_slice(in, feed(r, side, in), in.n));
        if (side->in.failed) relay_on_end(r, side, true);
    } else {
        buf_added(&side->in, n);
        buf_consume(&side->in, feed(r, side, buf_bytes(&side->in)));
    }
    release(r, &side->in);
    return n == room || stream_pending(&side->stream) > 0;
}

/* A sender pushes something large in small pieces (PostgreSQL: 8 kB), and each would wake us, and we its
 * receiver. So behind GATHER_FROM bytes a read that found little is followed by a short pause. */
static void gather(struct relay *r, struct side *side, size_t n)
{
    if (side->streak < GATHER_FROM || n == 0 || n >= GATHER_ENOUGH || side->ended) return;
    if (!loop_is_fine(r->all->loop)) return; /* a millisecond would be too long: buffers fill */
    if (loop_timer_set(r->all->loop, &side->gather, loop_now_us(r->all->loop) + GATHER_US))
        log_line(LOG_WARNING, "out of memory for a timer: bulk is read as it comes");
}

void relay_read_some(struct relay *r, struct side *side)
{
    size_t before = side->streak;
    for (int i = 0; i < 4 && relay_reads(r, side); i++)
        if (!read_once(r, side)) break;
    gather(r, side, side->streak - before);
}
