/* A small machine over the hosts of a target:  resolve ▸ connect ▸ SSLRequest ▸ handshake ▸ done, and on to
 * the next address or host after a failure. */
#include "session/dial.h"
#include "base/buf.h"
#include "pgwire/startup.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum dial_state { DIAL_RESOLVING = 0, DIAL_CONNECTING, DIAL_ASKING_TLS, DIAL_SHAKING, DIAL_OVER };

struct dial {
    struct resolver_query query; /* first: the resolver hands it back */
    struct loop_source source;
    struct loop_timer timer;
    struct loop *loop;
    struct resolver *resolver;
    const struct target *target;
    enum dial_state state;
    size_t host, address;
    bool watched, resolving, abandoned;
    int64_t deadline_us;
    struct dial_result result;
    void (*on_done)(void *context, struct dial_result *result);
    void *context;
};

static void try_address(struct dial *d);
static void try_host(struct dial *d);

static struct dial *dial_of_source(struct loop_source *source)
{
    return (struct dial *)((char *)source - offsetof(struct dial, source));
}

static struct dial *dial_of_timer(struct loop_timer *timer)
{
    return (struct dial *)((char *)timer - offsetof(struct dial, timer));
}

static void unwatch(struct dial *d)
{
    if (d->watched) loop_remove(d->loop, &d->source);
    d->watched = false;
}

static void let_go(struct dial *d)
{
    unwatch(d);
    loop_timer_cancel(d->loop, &d->timer);
    if (!d->result.connected) stream_close(&d->result.stream);
    d->state = DIAL_OVER;
    if (!d->resolving)
        free(d); /* else the resolver still has the query, and its answer frees */
    else
        d->abandoned = true;
}

static void finish(struct dial *d, bool connected)
{
    unwatch(d);
    d->result.connected = connected;
    void (*on_done)(void *, struct dial_result *) = d->on_done;
    if (!d->abandoned) on_done(d->context, &d->result);
    let_go(d);
}

static void PRINTF_LIKE(2, 3) failed(struct dial *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(d->result.message, sizeof d->result.message, format, args);
    va_end(args);
    unwatch(d);
    stream_close(&d->result.stream);
    d->address++;
    try_address(d);
}

static void connected(struct dial *d)
{
    d->result.binding.n = stream_peer_end_point(&d->result.stream, d->result.binding.hash);
    finish(d, true);
}

static void shake(struct dial *d)
{
    const char *message = NULL;
    switch (stream_handshake(&d->result.stream, &message)) {
    case STREAM_DONE: connected(d); return;
    case STREAM_AGAIN:
        loop_watch(d->loop, &d->source, d->result.stream.wants_write ? EPOLLOUT : EPOLLIN);
        return;
    case STREAM_EOF:
    case STREAM_FAILED: failed(d, "%s: TLS: %s", d->result.address, message); return;
    }
}

/* One byte is read, no more: what stands behind it in clear must not be taken for what TLS brought
 * (CVE-2021-23222). */
static void read_tls_answer(struct dial *d)
{
    uint8_t answer[2];
    size_t n;
    enum stream_io io = stream_read(&d->result.stream, answer, 1, &n);
    if (io == STREAM_AGAIN) return;
    if (io != STREAM_DONE) {
        failed(d, "%s closed the connection when asked for TLS", d->result.address);
        return;
    }
    if (answer[0] != 'S') {
        failed(d, "%s does not offer TLS, which this connection requires", d->result.address);
        return;
    }
    if (recv(d->result.stream.fd, answer, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
        failed(d, "%s sent data in clear after its answer about TLS", d->result.address);
        return;
    }
    if (stream_start_tls_client(&d->result.stream, d->target->tls_client, d->target->hosts[d->host].host)) {
        failed(d, "%s: TLS cannot be set up", d->result.address);
        return;
    }
    d->state = DIAL_SHAKING;
    shake(d);
}

static void ask_tls(struct dial *d)
{
    struct buf request;
    size_t n = 0;
    buf_init(&request, 64);
    startup_encode_ssl_request(&request);
    bool sent =
        stream_write(&d->result.stream, buf_bytes(&request), &n) == STREAM_DONE && n == buf_length(&request);
    buf_free(&request);
    if (!sent) {
        failed(d, "%s: the connection broke", d->result.address);
        return;
    }
    d->state = DIAL_ASKING_TLS;
    loop_watch(d->loop, &d->source, EPOLLIN);
}

static void established(struct dial *d)
{
    bool local = d->target->hosts[d->host].host[0] == '/';
    if (d->target->tls == TARGET_TLS_DISABLE || local)
        connected(d);
    else
        ask_tls(d);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct dial *d = dial_of_source(source);
    int error = 0;
    (void)events;
    switch (d->state) {
    case DIAL_CONNECTING:
        if (stream_connected(&d->result.stream, &error) == STREAM_DONE)
            established(d);
        else
            failed(d, "%s: %s", d->result.address, strerror(-error));
        return;
    case DIAL_ASKING_TLS: read_tls_answer(d); return;
    case DIAL_SHAKING: shake(d); return;
    case DIAL_RESOLVING:
    case DIAL_OVER: return;
    }
}

static void try_address(struct dial *d)
{
    int error = 0;
    if (d->address >= d->query.n_addresses) {
        d->host++;
        try_host(d);
        return;
    }
    const struct address *to = &d->query.addresses[d->address];
    address_format(to, d->result.address);
    d->state = DIAL_CONNECTING;
    if (stream_connect(&d->result.stream, to, &error) == STREAM_FAILED) {
        failed(d, "%s: %s", d->result.address, strerror(-error));
        return;
    }
    d->source = (struct loop_source){ .fd = d->result.stream.fd, .on_ready = on_ready };
    if (loop_add(d->loop, &d->source, EPOLLOUT)) {
        failed(d, "%s: cannot be watched", d->result.address);
        return;
    }
    d->watched = true;
}

static void on_answer(struct resolver_query *query)
{
    struct dial *d = (struct dial *)query;
    d->resolving = false;
    if (d->abandoned) {
        free(d);
        return;
    }
    if (query->n_addresses == 0)
        snprintf(d->result.message, sizeof d->result.message, "%s: %s", query->host, query->error);
    try_address(d);
}

static void try_host(struct dial *d)
{
    if (d->host >= d->target->n_hosts) {
        finish(d, false);
        return;
    }
    const struct target_host *host = &d->target->hosts[d->host];
    d->address = 0;
    d->query.n_addresses = 0;
    if (address_of_ip(host->host, host->port, &d->query.addresses[0]) == 0) {
        d->query.n_addresses = 1;
        try_address(d);
        return;
    }
    d->state = DIAL_RESOLVING;
    d->resolving = true;
    d->query.loop = d->loop;
    d->query.port = host->port;
    d->query.on_answer = on_answer;
    snprintf(d->query.host, sizeof d->query.host, "%s", host->host);
    resolver_ask(d->resolver, &d->query);
}

/* The timer is due at once for the start, then at the deadline. */
static void on_due(struct loop_timer *timer)
{
    struct dial *d = dial_of_timer(timer);
    if (loop_now_us(d->loop) >= d->deadline_us) {
        snprintf(d->result.message, sizeof d->result.message, "%s: no answer in time",
                 d->result.address[0] ? d->result.address : d->target->hosts[d->host].host);
        d->host = d->target->n_hosts;
        finish(d, false);
        return;
    }
    if (loop_timer_set(d->loop, timer, d->deadline_us) == 0) try_host(d);
}

struct dial *dial_start(struct loop *loop, struct resolver *resolver, const struct target *target,
                        int64_t deadline_us, void (*on_done)(void *context, struct dial_result *result),
                        void *context)
{
    struct dial *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->loop = loop;
    d->resolver = resolver;
    d->target = target;
    d->deadline_us = deadline_us;
    d->on_done = on_done;
    d->context = context;
    d->result.stream.fd = -1;
    d->timer.on_due = on_due;
    if (loop_timer_set(loop, &d->timer, loop_now_us(loop)) == 0) return d;
    free(d);
    return NULL;
}

void dial_abandon(struct dial *d)
{
    if (d) let_go(d);
}
