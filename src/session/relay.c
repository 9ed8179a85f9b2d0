/* Sockets in, session, sockets out. Invariants:
 *   - nothing is written before what was recorded so far is committed: at the end of a turn
 * (relays_turn_end), and in the middle of it only what is long and goes on from where it was read (pass);
 *   - a relay is freed only at the end of a turn, so that no event of the same turn finds it gone;
 *   - a side is watched for reading only while the session reads it: a slow peer slows the other side and
 * nobody else. */
#include "session/relay.h"
#include "base/log.h"
#include "pgwire/startup.h"
#include "session/dial.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GATHER_FROM = 256 * 1024,
    GATHER_ENOUGH = 64 * 1024,
    GATHER_US = 100,
    IN_CEILING = 128 << 20,
    IN_STEP = 64 * 1024,
    KEEP_BYTES = 4096,
    CANCEL_DEADLINE_US = 10000000,
    LINGER_US = 5000000
};

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

static void touch(struct relay *r)
{
    if (r->is_dirty) return;
    r->is_dirty = true;
    r->next_dirty = r->all->dirty;
    r->all->dirty = r;
}

static struct relay *relay_of_client(struct loop_source *source)
{
    return (struct relay *)((char *)source - offsetof(struct relay, client.source));
}

static struct relay *relay_of_server(struct loop_source *source)
{
    return (struct relay *)((char *)source - offsetof(struct relay, server.source));
}

static void side_close(struct relay *r, struct side *side)
{
    if (side->watched) loop_remove(r->all->loop, &side->source);
    side->watched = false;
    loop_timer_cancel(r->all->loop, &side->gather);
    stream_close(&side->stream);
    buf_free(&side->in);
    side->ended = true;
}

static void side_watch(struct relay *r, struct side *side, uint32_t events)
{
    if (side->watched) {
        loop_watch(r->all->loop, &side->source, events);
    } else if (side->stream.fd >= 0 && !side->ended) {
        side->source.fd = side->stream.fd;
        side->watched = loop_add(r->all->loop, &side->source, events) == 0;
    }
}

/* ---- reading */

static bool reads(struct relay *r, const struct side *side)
{
    return !side->ended && !side->shaking &&
           (side == &r->client ? session_reads_client(r->session) : session_reads_server(r->session));
}

/* Whether the loop is to tell when there is something. */
static bool awaits(struct relay *r, const struct side *side)
{
    return side->gather.place == 0 && reads(r, side);
}

/* Memory that a password may have passed through is overwritten before it is given back. */
static void release(struct relay *r, struct buf *b)
{
    if (session_wants(r->session)->wipe) buf_wipe(b);
    buf_release(b);
}

static void on_end(struct relay *r, struct side *side, bool broken)
{
    if (side == &r->client)
        session_on_client_end(r->session, broken);
    else
        session_on_server_end(r->session);
    side->ended = true;
    if (broken || side == &r->server) side_close(r, side);
}

static void write_out(struct relay *r, struct side *side, struct buf *out)
{
    while (buf_length(out) && side->stream.fd >= 0 && !side->shaking) {
        size_t n = 0;
        enum stream_io io = stream_write(&side->stream, buf_bytes(out), &n);
        if (io == STREAM_AGAIN) break;
        if (io != STREAM_DONE) {
            on_end(r, side, true);
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
    if (committed) write_out(r, client, out);
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

/* What was left over from before, when the session takes bytes again. */
static void feed_rest(struct relay *r, struct side *side)
{
    bool again = side == &r->client && session_has_more(r->session);
    if ((buf_length(&side->in) == 0 && !again) || !reads(r, side)) return;
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
        on_end(r, side, true);
        return false;
    }
    switch (stream_read(&side->stream, to, room, &n)) {
    case STREAM_AGAIN: return false;
    case STREAM_EOF: on_end(r, side, false); return false;
    case STREAM_FAILED: on_end(r, side, true); return false;
    case STREAM_DONE: break;
    }
    side->streak += n;
    (side == &r->client ? &r->server : &r->client)->streak = 0;
    if (shared) {
        struct bytes in = bytes_make(r->all->scratch, held + n);
        if (held) memcpy(r->all->scratch, buf_bytes(&side->in).p, held);
        buf_consume(&side->in, held);
        buf_append(&side->in, bytes_slice(in, feed(r, side, in), in.n));
        if (side->in.failed) on_end(r, side, true);
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

static void read_some(struct relay *r, struct side *side)
{
    size_t before = side->streak;
    for (int i = 0; i < 4 && reads(r, side); i++)
        if (!read_once(r, side)) break;
    gather(r, side, side->streak - before);
}

/* ---- TLS with the client */

static void shake_client(struct relay *r)
{
    char description[100];
    struct scram_binding binding = { 0 };
    switch (stream_handshake(&r->client.stream, NULL)) {
    case STREAM_AGAIN: break;
    case STREAM_EOF:
    case STREAM_FAILED: on_end(r, &r->client, true); break;
    case STREAM_DONE:
        r->client.shaking = false;
        if (r->direct_tls && !stream_alpn_is_postgresql(&r->client.stream)) {
            on_end(r, &r->client,
                   true); /* direct TLS without ALPN could be meant for any other server (ALPACA) */
            break;
        }
        stream_describe_tls(&r->client.stream, description);
        binding.n = stream_own_end_point(&r->client.stream, binding.hash);
        session_on_tls(r->session, bytes_of(description), &binding);
        read_some(r, &r->client);
        break;
    }
}

static void start_client_tls(struct relay *r)
{
    r->client.shaking = true;
    if (!r->all->tls || stream_start_tls_server(&r->client.stream, r->all->tls))
        on_end(r, &r->client, true);
    else
        shake_client(r);
}

/* The first byte of a TLS record is no length that a start-up packet can have: the client speaks TLS at once.
 */
static bool begins_with_tls(struct relay *r)
{
    uint8_t first;
    return r->all->tls && recv(r->client.stream.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first == 0x16;
}

/* ---- events */

static void on_client_ready(struct loop_source *source, uint32_t events)
{
    struct relay *r = relay_of_client(source);
    touch(r);
    if (r->is_dead) return;
    if (!r->is_authenticated && !r->client.stream.tls && !r->client.shaking &&
        buf_length(&r->client.in) == 0 && begins_with_tls(r)) {
        r->direct_tls = true;
        start_client_tls(r);
        return;
    }
    if (r->client.shaking) {
        shake_client(r);
        return;
    }
    if (reads(r, &r->client))
        read_some(r, &r->client);
    else if (events & (EPOLLERR | EPOLLHUP))
        on_end(r, &r->client, true);
    else if (events & EPOLLRDHUP && session_watches_client(r->session))
        on_end(r, &r->client, false);
}

static void on_server_ready(struct loop_source *source, uint32_t events)
{
    struct relay *r = relay_of_server(source);
    touch(r);
    if (r->is_dead) return;
    if (reads(r, &r->server))
        read_some(r, &r->server);
    else if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN))
        on_end(r, &r->server, true);
}

static void on_gathered(struct relay *r, struct side *side)
{
    touch(r);
    if (!r->is_dead && reads(r, side)) read_some(r, side);
}

static void on_client_gathered(struct loop_timer *timer)
{
    struct relay *r = (struct relay *)((char *)timer - offsetof(struct relay, client.gather));
    on_gathered(r, &r->client);
}

static void on_server_gathered(struct loop_timer *timer)
{
    struct relay *r = (struct relay *)((char *)timer - offsetof(struct relay, server.gather));
    on_gathered(r, &r->server);
}

static void on_due(struct loop_timer *timer)
{
    struct relay *r = (struct relay *)((char *)timer - offsetof(struct relay, timer));
    r->timer_due_us = INT64_MAX;
    touch(r);
    if (loop_now_us(r->all->loop) >= r->close_by_us)
        r->is_dead = true;
    else
        session_on_time(r->session);
}

/* ---- the server's side */

static void on_dialled(void *context, struct dial_result *result)
{
    struct relay *r = context;
    r->dial = NULL;
    touch(r);
    if (!result->connected) {
        session_on_unreachable(r->session, bytes_of(result->message));
        return;
    }
    r->server.stream = result->stream;
    r->server.ended = false;
    session_on_connected(r->session, bytes_of(result->address), result->binding.n ? &result->binding : NULL);
}

/* A cancel request travels on a connection of its own, which the server closes when it has told the process
 * that runs the statement. Nothing else is sent on before: it could be hit instead. */
struct canceller {
    struct canceller *next, **link;
    struct relays *all;
    struct relay *relay; /* NULL: it is gone */
    struct session_snapshot *snapshot;
    struct stream stream;
    struct loop_source source;
    struct loop_timer timer;
    int32_t pid;
    uint8_t key[256];
    size_t n_key;
};

static void cancel_over(struct canceller *c)
{
    struct relay *r = c->relay;
    if (r && --r->n_cancelling == 0) {
        session_set_cancelling(r->session, false);
        touch(r);
    }
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    session_snapshot_release(c->snapshot);
    secret_wipe(c->key, sizeof c->key);
    c->all->n_cancelling--;
    free(c);
}

static void cancel_hang_up(struct canceller *c)
{
    loop_remove(c->all->loop, &c->source);
    loop_timer_cancel(c->all->loop, &c->timer);
    stream_close(&c->stream);
    cancel_over(c);
}

static void on_cancel_answered(struct loop_source *source, uint32_t events)
{
    struct canceller *c = (struct canceller *)((char *)source - offsetof(struct canceller, source));
    uint8_t nothing[16]; /* a server says nothing here; what it says all the same is not for us */
    size_t n;
    (void)events;
    if (stream_read(&c->stream, nothing, sizeof nothing, &n) != STREAM_AGAIN) cancel_hang_up(c);
}

static void on_cancel_late(struct loop_timer *timer)
{
    cancel_hang_up((struct canceller *)((char *)timer - offsetof(struct canceller, timer)));
}

static bool cancel_await(struct canceller *c)
{
    c->source = (struct loop_source){ .fd = c->stream.fd, .on_ready = on_cancel_answered };
    c->timer.on_due = on_cancel_late;
    if (loop_add(c->all->loop, &c->source, EPOLLIN)) return false;
    if (loop_timer_set(c->all->loop, &c->timer, loop_now_us(c->all->loop) + CANCEL_DEADLINE_US) == 0)
        return true;
    loop_remove(c->all->loop, &c->source);
    return false;
}

static void on_cancel_dialled(void *context, struct dial_result *result)
{
    struct canceller *c = context;
    bool sent = false;
    if (result->connected) {
        struct buf packet;
        size_t n;
        buf_init(&packet, 512);
        startup_encode_cancel(&packet, c->pid, bytes_make(c->key, c->n_key));
        sent = stream_write(&result->stream, buf_bytes(&packet), &n) == STREAM_DONE;
        if (!sent) log_line(LOG_WARNING, "a cancel request could not be sent to %s", result->address);
        buf_free(&packet);
        c->stream = result->stream;
        if (sent && cancel_await(c)) return;
        stream_close(&c->stream);
    } else {
        log_line(LOG_WARNING, "a cancel request could not be sent: %s", result->message);
    }
    cancel_over(c);
}

static void send_cancel(struct relay *r)
{
    struct canceller *c = calloc(1, sizeof *c);
    struct bytes key;
    if (!c) return;
    if (!session_server_key(r->session, &c->pid, &key)) {
        free(c);
        return;
    }
    memcpy(c->key, key.p, key.n);
    c->n_key = key.n;
    c->all = r->all;
    c->snapshot = session_snapshot_hold(session_snapshot_of(r->session));
    if (!dial_start(r->all->loop, r->all->resolver, session_target(r->session),
                    loop_now_us(r->all->loop) + CANCEL_DEADLINE_US, on_cancel_dialled, c)) {
        session_snapshot_release(c->snapshot);
        free(c);
        return;
    }
    c->relay = r;
    c->link = &r->all->cancellers;
    c->next = r->all->cancellers;
    if (c->next) c->next->link = &c->next;
    r->all->cancellers = c;
    r->all->n_cancelling++;
    r->n_cancelling++;
    session_set_cancelling(r->session, true);
}

/* ---- the session's wants */

static void wipe(struct relay *r)
{
    session_wipe(r->session);
    buf_wipe(&r->client.in);
    buf_wipe(&r->server.in);
    secret_wipe(r->all->scratch, RELAY_SCRATCH);
    session_wants(r->session)->wipe = false;
}

static void act_on_wants(struct relay *r)
{
    struct session_wants *wants = session_wants(r->session);
    bool client_sent = buf_length(session_client_out(r->session)) == 0,
         server_sent = buf_length(session_server_out(r->session)) == 0;
    if (wants->wipe && client_sent && server_sent) wipe(r);
    if (wants->tls && client_sent) {
        wants->tls = false;
        start_client_tls(r);
    }
    if (wants->connect) {
        wants->connect = false;
        r->dial = dial_start(r->all->loop, r->all->resolver, session_target(r->session),
                             session_due_us(r->session), on_dialled, r);
        if (!r->dial) session_on_unreachable(r->session, BYTES_LITERAL("out of memory"));
    }
    if (wants->cancel) {
        wants->cancel = false;
        send_cancel(r);
    }
    if (wants->drop_server && server_sent) {
        dial_abandon(r->dial);
        r->dial = NULL;
        side_close(r, &r->server);
    }
    if (wants->close) {
        if (client_sent && r->server.ended)
            r->is_dead = true;
        else if (r->close_by_us == INT64_MAX) /* a peer that does not read must not keep us for ever */
            r->close_by_us = loop_now_us(r->all->loop) + LINGER_US;
    }
}

static void set_timer(struct relay *r)
{
    int64_t due = session_due_us(r->session);
    if (r->close_by_us < due) due = r->close_by_us;
    if (due == r->timer_due_us) return;
    r->timer_due_us = due;
    if (due == INT64_MAX)
        loop_timer_cancel(r->all->loop, &r->timer);
    else if (loop_timer_set(r->all->loop, &r->timer, due))
        r->is_dead = true;
}

static void set_watches(struct relay *r)
{
    uint32_t client = 0, server = 0;
    if (awaits(r, &r->client) || (r->client.shaking && !r->client.stream.wants_write)) client |= EPOLLIN;
    if (buf_length(session_client_out(r->session)) || r->client.stream.wants_write) client |= EPOLLOUT;
    if (r->client.shaking && !r->client.stream.wants_write) client = EPOLLIN;
    /* Whoever waits for people is not read, and may leave. */
    if (session_watches_client(r->session)) client |= EPOLLRDHUP;
    if (awaits(r, &r->server)) server |= EPOLLIN;
    if (buf_length(session_server_out(r->session)) || r->server.stream.wants_write) server |= EPOLLOUT;
    side_watch(r, &r->client, client);
    side_watch(r, &r->server, server);
}

static void relay_free(struct relay *r)
{
    struct relays *all = r->all;
    dial_abandon(r->dial);
    for (struct canceller *c = all->cancellers; c && r->n_cancelling; c = c->next)
        if (c->relay == r) {
            c->relay = NULL;
            r->n_cancelling--;
        }
    if (session_wants(r->session)->wipe) wipe(r);
    if (r->is_authenticated)
        atomic_fetch_sub(all->n_sessions, 1);
    else
        all->n_unauthenticated--;
    session_free(r->session);
    side_close(r, &r->client);
    side_close(r, &r->server);
    loop_timer_cancel(all->loop, &r->timer);
    *r->link = r->next;
    if (r->next) r->next->link = r->link;
    all->n--;
    free(r);
}

static void settle(struct relay *r)
{
    write_out(r, &r->server, session_server_out(r->session));
    write_out(r, &r->client, session_client_out(r->session));
    act_on_wants(r);
    if (r->is_dead) {
        relay_free(r);
        return;
    }
    feed_rest(r, &r->server);
    feed_rest(r, &r->client);
    if (stream_pending(&r->client.stream)) read_some(r, &r->client);
    if (stream_pending(&r->server.stream)) read_some(r, &r->server);
    if (!r->is_authenticated && session_is_authenticated(r->session)) {
        r->is_authenticated = true;
        r->all->n_unauthenticated--;
        atomic_fetch_add(r->all->n_sessions, 1);
    }
    set_timer(r);
    set_watches(r);
    struct session_wants *wants = session_wants(r->session);
    bool more = buf_length(session_server_out(r->session)) &&
                !(r->server.source.events & EPOLLOUT && r->server.watched);
    more |= buf_length(session_client_out(r->session)) &&
            !(r->client.source.events & EPOLLOUT && r->client.watched);
    if (more || wants->connect || wants->cancel || (wants->close && r->is_dead)) touch(r);
}

static void lane_is_dead(struct session *session, void *context)
{
    (void)context;
    struct buf *client = session_client_out(session), *server = session_server_out(session);
    buf_consume(client, buf_length(client));
    buf_consume(server, buf_length(server));
    session_kill(session, true, (struct bytes){ 0 });
}

void relays_turn_end(struct relays *all)
{
    for (int round = 0; all->dirty && round < 16; round++) {
        if (!record_lane_commit(all->lane)) {
            log_line(LOG_ERROR, "the log's tail is damaged: nothing of this turn is forwarded, and all "
                                "sessions of this worker end");
            relays_each(all, lane_is_dead, NULL);
        }
        struct relay *r = all->dirty;
        all->dirty = NULL;
        while (r) {
            struct relay *next = r->next_dirty;
            r->is_dirty = false;
            settle(r);
            r = next;
        }
    }
    if (!record_lane_commit(all->lane)) relays_each(all, lane_is_dead, NULL);
}

/* ---- life */

int relays_init(struct relays *all, size_t most_sessions, atomic_size_t *n_sessions, uint64_t seed)
{
    map_init(&all->keys, most_sessions + 1024, seed);
    all->most_sessions = most_sessions;
    all->n_sessions = n_sessions;
    all->scratch = malloc(RELAY_SCRATCH);
    return all->scratch ? 0 : -ENOMEM;
}

void relays_free(struct relays *all)
{
    for (struct relay *r = all->first; r; r = all->first)
        relay_free(r);
    map_free(&all->keys, NULL);
    free(all->scratch);
    all->scratch = NULL;
}

int relay_accept(struct relays *all, int fd, const struct address *peer)
{
    char text[ADDRESS_TEXT];
    struct relay *r = calloc(1, sizeof *r);
    address_format(peer, text);
    struct session_peer session_peer = { bytes_of(text), address_is_local(peer),
                                         atomic_load(all->n_sessions) >= all->most_sessions };
    if (r) r->session = session_new(all->world, &session_peer);
    if (!r || !r->session) {
        free(r);
        close(fd);
        return -ENOMEM;
    }
    r->all = all;
    session_set_user(r->session, r);
    r->timer_due_us = r->close_by_us = INT64_MAX;
    r->timer.on_due = on_due;
    stream_init(&r->client.stream, fd);
    r->server.stream.fd = -1;
    r->server.ended = true;
    r->client.gather.on_due = on_client_gathered;
    r->server.gather.on_due = on_server_gathered;
    r->client.source.on_ready = on_client_ready;
    r->server.source.on_ready = on_server_ready;
    buf_init(&r->client.in, IN_CEILING);
    buf_init(&r->server.in, IN_CEILING);
    r->next = all->first;
    r->link = &all->first;
    if (r->next) r->next->link = &r->next;
    all->first = r;
    all->n++;
    all->n_unauthenticated++;
    touch(r);
    return 0;
}

void relay_touch(struct relays *all, struct session *session)
{
    struct relay *r = session_user(session);
    (void)all;
    if (r) touch(r);
}

static struct bytes key_bytes(uint8_t raw[8], int32_t pid, const uint8_t key[4])
{
    memcpy(raw, &pid, 4);
    memcpy(raw + 4, key, 4);
    return bytes_make(raw, 8);
}

void relays_cancel(struct relays *all, int32_t pid, struct bytes key, struct bytes from)
{
    uint8_t raw[8];
    struct session *session = key.n == 4 ? map_get(&all->keys, key_bytes(raw, pid, key.p)) : NULL;
    if (!session) return;
    session_on_cancel(session, from);
    relay_touch(all, session);
}

bool relays_register_key(struct relays *all, struct session *session, int32_t pid, const uint8_t key[4])
{
    uint8_t raw[8];
    return map_put(&all->keys, key_bytes(raw, pid, key), session, NULL) == MAP_ADDED;
}

void relays_forget_key(struct relays *all, int32_t pid, const uint8_t key[4])
{
    uint8_t raw[8];
    map_take(&all->keys, key_bytes(raw, pid, key));
}

void relays_each(struct relays *all, void (*visit)(struct session *session, void *context), void *context)
{
    for (struct relay *r = all->first; r; r = r->next) {
        visit(r->session, context);
        touch(r);
    }
}

void relays_on_catalog(struct relays *all, const struct session_catalog *catalog)
{
    for (struct relay *r = all->first; r; r = r->next) {
        if (!session_waits_for_catalog(r->session, catalog)) continue;
        session_on_catalog(r->session);
        touch(r);
    }
}

struct session *relays_find(struct relays *all, uint64_t id)
{
    for (struct relay *r = all->first; r; r = r->next)
        if (id && session_id(r->session) == id) return r->session;
    return NULL;
}
