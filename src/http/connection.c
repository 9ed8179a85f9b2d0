/* One connection: reading a request, having it handled, writing the answer. Whatever goes wrong ends the
 * connection; where a request was no request, a short answer says so first. */
#include "http/service-private.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    IN_CEILING = HTTP_HEAD_MOST + (2 << 20),
    OUT_CEILING = 64 << 20,
    READ_SIZE = 16384,
    REQUESTS_MOST = 10000, /* of one connection */
    CHUNK_CEILING = 4 << 20,
    ARENA_CEILING = 16 << 20
};

static void go_on(struct connection *c);

/* ---- life */

static void connection_free(struct connection *c)
{
    if (c->streamed && c->exchange.ended) c->exchange.ended(c->exchange.stream);
    buf_free(&c->in);
    buf_free(&c->out);
    buf_free(&c->chunk);
    buf_free(&c->exchange.headers);
    buf_free(&c->exchange.answer);
    arena_free(&c->arena);
    free(c);
}

/* It is freed at the end of the turn: whoever has it in hand may look whether it is gone. */
static void bury(struct connection *c)
{
    struct http_service *service = c->service;
    if (c->before)
        c->before->behind = c->behind;
    else
        service->connections = c->behind;
    if (c->behind) c->behind->before = c->before;
    c->behind = service->dead;
    service->dead = c;
    service->n_connections--;
    atomic_store(&service->n_open, service->n_connections);
}

void connections_free_dead(struct http_service *service)
{
    while (service->dead) {
        struct connection *c = service->dead;
        service->dead = c->behind;
        connection_free(c);
    }
}

static bool is_away(const struct connection *c)
{
    return c->state == CONNECTION_HANDLING || c->state == CONNECTION_ASKING;
}

static void unwatch(struct connection *c)
{
    if (c->watched) loop_remove(c->service->loop, &c->source);
    c->watched = false;
}

void connection_close(struct connection *c)
{
    if (atomic_load(&c->gone)) return;
    unwatch(c);
    loop_timer_cancel(c->service->loop, &c->timer);
    stream_close(&c->stream);
    atomic_store(&c->gone, true);
    if (!is_away(c)) bury(c);
}

static void patience(struct connection *c, int64_t ms)
{
    int64_t due_us = loop_now_us(c->service->loop) + ms * 1000;
    if (loop_timer_set(c->service->loop, &c->timer, due_us)) c->ends = true;
}

static void enter(struct connection *c, enum connection_state state)
{
    const struct http_patience *p = &c->service->options.patience;
    c->state = state;
    switch (state) {
    case CONNECTION_HANDSHAKE: patience(c, p->head_ms); break;
    case CONNECTION_HEAD:
        c->begun = false;
        patience(c, c->n_requests ? p->idle_ms : p->head_ms);
        break;
    case CONNECTION_BODY: patience(c, p->body_ms); break;
    case CONNECTION_WRITING:
    case CONNECTION_STREAMING: patience(c, p->write_ms); break;
    case CONNECTION_LINGERING: patience(c, p->linger_ms); break;
    case CONNECTION_HANDLING:
    case CONNECTION_ASKING:
    case CONNECTION_WAITING: loop_timer_cancel(c->service->loop, &c->timer); break;
    }
}

/* ---- refusing what is no request */

static void refuse(struct connection *c, int status)
{
    atomic_fetch_add(&c->service->n_refused, 1);
    c->ends = true;
    c->exchange.may_be_kept = false;
    connection_write_head(c, status, NULL, (struct bytes){ 0 }, false, 0);
    enter(c, CONNECTION_WRITING);
}

/* ---- jobs */

static void run_handle(struct pool_job *job)
{
    struct connection *c = (struct connection *)((char *)job - offsetof(struct connection, job));
    if (!atomic_load(&c->gone)) c->service->options.handle(c->service->options.context, &c->exchange);
    loop_post(c->service->loop, &c->done);
}

static void run_more(struct pool_job *job)
{
    struct connection *c = (struct connection *)((char *)job - offsetof(struct connection, job));
    c->more = HTTP_MORE_BROKEN;
    if (!atomic_load(&c->gone)) c->more = c->exchange.more(c->exchange.stream, &c->chunk);
    loop_post(c->service->loop, &c->done);
}

static void ask_for_more(struct connection *c)
{
    enter(c, CONNECTION_ASKING);
    c->woken = false;
    unwatch(c);
    c->job.run = run_more;
    pool_add(c->service->pool, &c->job);
}

static void hand_over(struct connection *c)
{
    struct http_exchange *x = &c->exchange;
    *x = (struct http_exchange){ .asked = &c->asked,
                                 .body = bytes_slice(buf_bytes(&c->in), c->asked.size, c->asked.length),
                                 .peer = c->peer_text,
                                 .peer_is_local = address_is_local(&c->peer),
                                 .tls = c->stream.tls != NULL,
                                 .arena = &c->arena,
                                 .status = 500 };
    buf_init(&x->headers, 64 * 1024);
    buf_init(&x->answer, OUT_CEILING - (1 << 20));
    atomic_fetch_add(&c->service->n_requests, 1);
    c->n_requests++;
    enter(c, CONNECTION_HANDLING);
    unwatch(c);
    c->job.run = run_handle;
    pool_add(c->service->pool, &c->job);
}

/* The request is done with: its bytes are let go. */
static void request_end(struct connection *c)
{
    buf_consume(&c->in, c->asked.size + (size_t)c->asked.length);
    arena_reset(&c->arena);
    buf_free(&c->exchange.headers);
    buf_free(&c->exchange.answer);
}

static void answered(struct connection *c)
{
    struct http_exchange *x = &c->exchange;
    bool bad = x->headers.failed || x->answer.failed;
    if (c->asked.closes || c->n_requests >= REQUESTS_MOST || c->service->stopping) c->ends = true;
    c->is_head = bytes_is(c->asked.method, "HEAD");
    c->streamed = x->more != NULL;
    if (bad) {
        x->status = 500;
        c->ends = true;
    }
    bool streams = c->streamed && !bad;
    connection_write_head(c, x->status, bad ? NULL : x->type,
                          bad ? (struct bytes){ 0 } : buf_bytes(&x->headers), streams,
                          bad ? 0 : buf_length(&x->answer));
    if (!bad && !streams && !c->is_head) buf_append(&c->out, buf_bytes(&x->answer));
    if (streams && !c->is_head) {
        enter(c, CONNECTION_STREAMING);
        return;
    }
    if (c->streamed) x->ended(x->stream);
    c->streamed = false;
    request_end(c);
    enter(c, CONNECTION_WRITING);
}

/* What the stream gave becomes a chunk. */
static void asked_for_more(struct connection *c)
{
    if (c->chunk.failed) c->more = HTTP_MORE_BROKEN;
    if (c->more == HTTP_MORE_BROKEN) {
        connection_close(c);
        return;
    }
    if (buf_length(&c->chunk)) {
        buf_printf(&c->out, "%zx\r\n", buf_length(&c->chunk));
        buf_append(&c->out, buf_bytes(&c->chunk));
        buf_append_text(&c->out, "\r\n");
        buf_consume(&c->chunk, buf_length(&c->chunk));
    }
    if (c->more == HTTP_MORE_END) {
        buf_append_text(&c->out, "0\r\n\r\n");
        c->exchange.ended(c->exchange.stream);
        c->streamed = false;
        request_end(c);
        enter(c, CONNECTION_WRITING);
    } else
        enter(c, CONNECTION_STREAMING);
}

static void on_done(struct loop_task *task)
{
    struct connection *c = (struct connection *)((char *)task - offsetof(struct connection, done));
    if (atomic_load(&c->gone)) {
        /* The handler may have begun a stream that nobody will read. */
        if (c->state == CONNECTION_HANDLING && c->exchange.more) c->streamed = true;
        bury(c);
        return;
    }
    bool handled = c->state == CONNECTION_HANDLING;
    c->state = CONNECTION_WRITING; /* the job is back */
    if (handled)
        answered(c);
    else
        asked_for_more(c);
    if (!atomic_load(&c->gone)) go_on(c);
}

/* ---- reading */

/* What came may be a whole request. */
static void look(struct connection *c)
{
    if (c->state == CONNECTION_HEAD) {
        if (buf_length(&c->in) == 0) return;
        if (!c->begun) patience(c, c->service->options.patience.head_ms);
        c->begun = true;
        enum http_reads outcome = http_head_read(buf_bytes(&c->in), &c->asked);
        if (outcome == HTTP_READ_MORE) return;
        if (outcome != HTTP_READ_DONE) {
            refuse(c, http_reads_status(outcome));
            return;
        }
        c->continued = false;
        if (c->asked.length > c->service->options.body_most(c->service->options.context, &c->asked)) {
            refuse(c, 413);
            return;
        }
        enter(c, CONNECTION_BODY);
    }
    if (c->state != CONNECTION_BODY) return;
    if (buf_length(&c->in) >= c->asked.size + c->asked.length) {
        /* The buffer may have moved since the head was read. */
        if (http_head_read(buf_bytes(&c->in), &c->asked) == HTTP_READ_DONE)
            hand_over(c);
        else
            refuse(c, 400);
    } else if (c->asked.waits && !c->continued) {
        buf_append_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        c->continued = true;
    }
}

/* What the peer sends: of a request, or what is passed over. */
static void read_some(struct connection *c)
{
    uint8_t waste[1024];
    size_t n = 0;
    bool wanted = c->state == CONNECTION_HEAD || c->state == CONNECTION_BODY;
    uint8_t *room = wanted ? buf_room(&c->in, READ_SIZE) : waste;
    if (!room) {
        connection_close(c);
        return;
    }
    switch (stream_read(&c->stream, room, wanted ? READ_SIZE : sizeof waste, &n)) {
    case STREAM_AGAIN: return;
    case STREAM_DONE: break;
    case STREAM_EOF:
    case STREAM_FAILED: connection_close(c); return;
    }
    if (wanted)
        buf_added(&c->in, n);
    else if (c->state != CONNECTION_LINGERING)
        connection_close(c); /* nobody speaks while a stream is theirs to read */
}

/* ---- writing */

/* Writes what there is. False: the connection is closed, or the peer takes no more now. */
static bool write_some(struct connection *c)
{
    while (buf_length(&c->out)) {
        size_t n = 0;
        switch (stream_write(&c->stream, buf_bytes(&c->out), &n)) {
        case STREAM_DONE: break;
        case STREAM_AGAIN: return false;
        case STREAM_EOF:
        case STREAM_FAILED: connection_close(c); return false;
        }
        buf_consume(&c->out, n);
        if (c->state == CONNECTION_WRITING || c->state == CONNECTION_STREAMING)
            patience(c, c->service->options.patience.write_ms);
    }
    buf_release(&c->out);
    return true;
}

static void written(struct connection *c)
{
    if (c->state == CONNECTION_STREAMING) {
        if (c->more == HTTP_MORE_LATER && !c->woken)
            enter(c, CONNECTION_WAITING);
        else
            ask_for_more(c);
        return;
    }
    if (c->ends) {
        stream_shutdown(&c->stream);
        enter(c, CONNECTION_LINGERING);
        return;
    }
    buf_release(&c->in);
    enter(c, CONNECTION_HEAD);
}

static uint32_t wanted_events(const struct connection *c)
{
    uint32_t events = 0;
    if (c->state != CONNECTION_WRITING || c->stream.wants_read) events |= EPOLLIN;
    if ((buf_length(&c->out) && !c->stream.wants_read) || c->stream.wants_write) events |= EPOLLOUT;
    return events;
}

static void watch(struct connection *c)
{
    if (c->watched)
        loop_watch(c->service->loop, &c->source, wanted_events(c));
    else if (loop_add(c->service->loop, &c->source, wanted_events(c)))
        connection_close(c);
    else
        c->watched = true;
}

/* Writes, and looks at what was read already, until there is nothing more to do now. Leaves the connection
 * watched, away or gone. */
static void go_on(struct connection *c)
{
    enum connection_state before;
    do {
        before = c->state;
        if (!write_some(c)) break;
        if (c->state == CONNECTION_WRITING || c->state == CONNECTION_STREAMING) written(c);
        look(c);
        if (is_away(c)) return;
    } while (c->state != before || buf_length(&c->out));
    if (!atomic_load(&c->gone)) watch(c);
}

static void shake_hands(struct connection *c)
{
    switch (stream_handshake(&c->stream, NULL)) {
    case STREAM_DONE:
        enter(c, CONNECTION_HEAD);
        go_on(c);
        break;
    case STREAM_AGAIN: watch(c); break;
    case STREAM_EOF:
    case STREAM_FAILED: connection_close(c); break;
    }
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct connection *c = (struct connection *)((char *)source - offsetof(struct connection, source));
    if (c->state == CONNECTION_HANDSHAKE) {
        shake_hands(c);
        return;
    }
    bool reads = c->state != CONNECTION_WRITING && (events & ~(uint32_t)EPOLLOUT || c->stream.wants_write);
    do {
        if (reads) read_some(c);
        if (!atomic_load(&c->gone)) go_on(c);
    } while (reads && !atomic_load(&c->gone) && !is_away(c) && stream_pending(&c->stream));
}

static void on_due(struct loop_timer *timer)
{
    struct connection *c = (struct connection *)((char *)timer - offsetof(struct connection, timer));
    bool slow = (c->state == CONNECTION_HEAD && c->begun) || c->state == CONNECTION_BODY;
    if (slow) {
        refuse(c, 408);
        go_on(c);
        return;
    }
    if (c->state == CONNECTION_STREAMING || c->state == CONNECTION_WRITING ||
        c->state == CONNECTION_HANDSHAKE)
        atomic_fetch_add(&c->service->n_refused, 1);
    connection_close(c);
}

/* ---- from the service */

void connection_wake(struct connection *c)
{
    c->woken = true;
    if (c->state == CONNECTION_WAITING) ask_for_more(c);
}

void connection_begin(struct http_service *service, int fd, const struct address *peer)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return;
    }
    c->service = service;
    c->peer = *peer;
    address_format(peer, c->peer_text);
    stream_init(&c->stream, fd);
    buf_init(&c->in, IN_CEILING);
    buf_init(&c->out, OUT_CEILING + CHUNK_CEILING);
    buf_init(&c->chunk, CHUNK_CEILING);
    arena_init(&c->arena, 4096, ARENA_CEILING);
    c->source = (struct loop_source){ .fd = fd, .on_ready = on_ready };
    c->timer.on_due = on_due;
    c->done.run = on_done;
    c->behind = service->connections;
    if (c->behind) c->behind->before = c;
    service->connections = c;
    service->n_connections++;
    atomic_store(&service->n_open, service->n_connections);
    bool tls = service->options.tls != NULL;
    enter(c, tls ? CONNECTION_HANDSHAKE : CONNECTION_HEAD);
    if (tls && stream_start_tls_server(&c->stream, service->options.tls))
        connection_close(c);
    else
        watch(c);
}
