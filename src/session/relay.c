/* Sockets in, session, sockets out. Invariants:
 *   - nothing is written before what was recorded so far is committed: at the end of a turn
 * (relays_turn_end), and in the middle of it only what is long and goes on from where it was read (pass);
 *   - a relay is freed only at the end of a turn, so that no event of the same turn finds it gone;
 *   - a side is watched for reading only while the session reads it: a slow peer slows the other side and
 * nobody else. */
#include "base/log.h"
#include "session/dial.h"
#include "session/relay-private.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_CEILING = 128 << 20, LINGER_US = 5000000 };

void relay_mark(struct relay *r)
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

/* ---- TLS with the client */

static void shake_client(struct relay *r)
{
    char description[100];
    struct scram_binding binding = { 0 };
    switch (stream_handshake(&r->client.stream, NULL)) {
    case STREAM_AGAIN: break;
    case STREAM_EOF:
    case STREAM_FAILED: relay_on_end(r, &r->client, true); break;
    case STREAM_DONE:
        r->client.shaking = false;
        if (r->direct_tls && !stream_alpn_is_postgresql(&r->client.stream)) {
            relay_on_end(r, &r->client,
                         true); /* direct TLS without ALPN could be meant for any other server (ALPACA) */
            break;
        }
        stream_describe_tls(&r->client.stream, description);
        binding.n = stream_own_end_point(&r->client.stream, binding.hash);
        session_on_tls(r->session, bytes_of(description), &binding);
        relay_read_some(r, &r->client);
        break;
    }
}

static void start_client_tls(struct relay *r)
{
    r->client.shaking = true;
    if (!r->all->tls || stream_start_tls_server(&r->client.stream, r->all->tls))
        relay_on_end(r, &r->client, true);
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
    relay_mark(r);
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
    if (relay_reads(r, &r->client))
        relay_read_some(r, &r->client);
    else if (events & (EPOLLERR | EPOLLHUP))
        relay_on_end(r, &r->client, true);
    else if (events & EPOLLRDHUP && session_watches_client(r->session))
        relay_on_end(r, &r->client, false);
}

static void on_server_ready(struct loop_source *source, uint32_t events)
{
    struct relay *r = relay_of_server(source);
    relay_mark(r);
    if (r->is_dead) return;
    if (relay_reads(r, &r->server))
        relay_read_some(r, &r->server);
    else if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN))
        relay_on_end(r, &r->server, true);
}

static void on_gathered(struct relay *r, struct side *side)
{
    relay_mark(r);
    if (!r->is_dead && relay_reads(r, side)) relay_read_some(r, side);
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
    relay_mark(r);
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
    relay_mark(r);
    if (!result->connected) {
        session_on_unreachable(r->session, bytes_of(result->message));
        return;
    }
    r->server.stream = result->stream;
    r->server.ended = false;
    session_on_connected(r->session, bytes_of(result->address), result->binding.n ? &result->binding : NULL);
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
        relay_send_cancel(r);
    }
    if (wants->drop_server && server_sent) {
        dial_abandon(r->dial);
        r->dial = NULL;
        relay_side_close(r, &r->server);
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
    if (relay_awaits(r, &r->client) || (r->client.shaking && !r->client.stream.wants_write))
        client |= EPOLLIN;
    if (buf_length(session_client_out(r->session)) || r->client.stream.wants_write) client |= EPOLLOUT;
    if (r->client.shaking && !r->client.stream.wants_write) client = EPOLLIN;
    /* Whoever waits for people is not read, and may leave. */
    if (session_watches_client(r->session)) client |= EPOLLRDHUP;
    if (relay_awaits(r, &r->server)) server |= EPOLLIN;
    if (buf_length(session_server_out(r->session)) || r->server.stream.wants_write) server |= EPOLLOUT;
    relay_side_watch(r, &r->client, client);
    relay_side_watch(r, &r->server, server);
}

static void relay_free(struct relay *r)
{
    struct relays *all = r->all;
    dial_abandon(r->dial);
    relay_forget_cancels(r);
    if (session_wants(r->session)->wipe) wipe(r);
    if (r->is_authenticated)
        atomic_fetch_sub(all->n_sessions, 1);
    else
        all->n_unauthenticated--;
    session_free(r->session);
    relay_side_close(r, &r->client);
    relay_side_close(r, &r->server);
    loop_timer_cancel(all->loop, &r->timer);
    *r->link = r->next;
    if (r->next) r->next->link = r->link;
    all->n--;
    free(r);
}

static void settle(struct relay *r)
{
    relay_write_out(r, &r->server, session_server_out(r->session));
    relay_write_out(r, &r->client, session_client_out(r->session));
    act_on_wants(r);
    if (r->is_dead) {
        relay_free(r);
        return;
    }
    relay_feed_rest(r, &r->server);
    relay_feed_rest(r, &r->client);
    if (stream_pending(&r->client.stream)) relay_read_some(r, &r->client);
    if (stream_pending(&r->server.stream)) relay_read_some(r, &r->server);
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
    if (more || wants->connect || wants->cancel || (wants->close && r->is_dead)) relay_mark(r);
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
    relay_mark(r);
    return 0;
}

void relay_touch(struct relays *all, struct session *session)
{
    struct relay *r = session_user(session);
    (void)all;
    if (r) relay_mark(r);
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
        relay_mark(r);
    }
}

void relays_on_catalog(struct relays *all, const struct session_catalog *catalog)
{
    for (struct relay *r = all->first; r; r = r->next) {
        if (!session_waits_for_catalog(r->session, catalog)) continue;
        session_on_catalog(r->session);
        relay_mark(r);
    }
}

struct session *relays_find(struct relays *all, uint64_t id)
{
    for (struct relay *r = all->first; r; r = r->next)
        if (id && session_id(r->session) == id) return r->session;
    return NULL;
}
