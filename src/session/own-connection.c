/* A dial, then a stream whose bytes the own client reads and writes. Callbacks may close the connection:
 * whatever runs one holds it (`busy`), and what was closed meanwhile is freed when the last lets go. */
#include "session/own-connection.h"
#include "session/dial.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { IN_CEILING = OWN_MESSAGE_CEILING + (64 << 10), IN_STEP = 64 << 10 };

struct own_connection {
    struct own_connection_options options;
    struct own_client client;
    struct own_client_user inner; /* what the client calls: this file */
    struct dial *dial;
    struct stream stream;
    struct loop_source source;
    struct loop_timer timer;
    struct buf in;
    char login_id[512], address[ADDRESS_TEXT];
    int64_t deadline_us;
    bool watched, begun, lost, closed;
    unsigned busy;
};

static void shut(struct own_connection *c)
{
    if (c->watched) loop_remove(c->options.loop, &c->source);
    c->watched = false;
    dial_abandon(c->dial);
    c->dial = NULL;
    loop_timer_cancel(c->options.loop, &c->timer);
    stream_close(&c->stream);
}

static void let_go(struct own_connection *c)
{
    if (--c->busy || !c->closed) return;
    shut(c);
    if (c->begun) own_client_end(&c->client);
    buf_free(&c->in);
    free(c);
}

static void lose(struct own_connection *c, const char *why)
{
    if (c->lost) return;
    if (c->begun) {
        own_client_lose(&c->client, why);
    } else {
        c->lost = true;
        if (!c->closed) c->options.user.on_lost(c->options.user.context, bytes_of(why));
    }
}

/* ---- what the client says, passed on while somebody listens */

static bool on_ask(void *context, const struct session_proof *proof)
{
    struct own_connection *c = context;
    return !c->closed && c->options.user.ask_proof(c->options.user.context, proof);
}

static bool on_row(void *context, const struct bytes *values, size_t n)
{
    struct own_connection *c = context;
    return !c->closed && c->options.user.on_row(c->options.user.context, values, n);
}

static void on_idle(void *context, struct bytes error)
{
    struct own_connection *c = context;
    loop_timer_cancel(c->options.loop, &c->timer);
    if (!c->closed) c->options.user.on_idle(c->options.user.context, error);
}

static void on_lost(void *context, struct bytes why)
{
    struct own_connection *c = context;
    c->lost = true;
    if (!c->closed) c->options.user.on_lost(c->options.user.context, why);
}

/* ---- bytes */

static void watch(struct own_connection *c)
{
    if (!c->watched) return;
    bool writes = buf_length(&c->client.out) > 0 || c->stream.wants_write;
    loop_watch(c->options.loop, &c->source,
               (own_client_reads(&c->client) ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u));
}

static void write_out(struct own_connection *c)
{
    while (!c->lost && c->begun && buf_length(&c->client.out)) {
        size_t n = 0;
        enum stream_io io = stream_write(&c->stream, buf_bytes(&c->client.out), &n);
        if (io == STREAM_AGAIN) break;
        if (io != STREAM_DONE) {
            lose(c, "The connection to the server broke.");
            return;
        }
        buf_consume(&c->client.out, n);
    }
    if (!c->lost && !c->closed) watch(c);
}

static void read_in(struct own_connection *c)
{
    for (int i = 0; i < 16 && !c->lost && !c->closed && own_client_reads(&c->client); i++) {
        size_t n = 0;
        uint8_t *to = buf_room(&c->in, IN_STEP);
        if (!to) {
            lose(c, "Out of memory.");
            return;
        }
        enum stream_io io = stream_read(&c->stream, to, buf_free_space(&c->in), &n);
        if (io == STREAM_AGAIN) return;
        if (io != STREAM_DONE) {
            lose(c, "The server closed the connection.");
            return;
        }
        buf_added(&c->in, n);
        buf_consume(&c->in, own_client_read(&c->client, buf_bytes(&c->in)));
    }
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct own_connection *c =
        (struct own_connection *)((char *)source - offsetof(struct own_connection, source));
    (void)events;
    c->busy++;
    do
        read_in(c);
    while (!c->lost && !c->closed && stream_pending(&c->stream) && own_client_reads(&c->client));
    write_out(c);
    let_go(c);
}

static void on_due(struct loop_timer *timer)
{
    struct own_connection *c =
        (struct own_connection *)((char *)timer - offsetof(struct own_connection, timer));
    c->busy++;
    lose(c, "The server did not answer in time.");
    let_go(c);
}

static void begin(struct own_connection *c, const struct scram_binding *binding)
{
    uint8_t nonce[SCRAM_NONCE_BYTES];
    c->source = (struct loop_source){ .fd = c->stream.fd, .on_ready = on_ready };
    if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce ||
        loop_add(c->options.loop, &c->source, EPOLLIN) != 0) {
        lose(c, "Out of memory.");
        return;
    }
    c->watched = true;
    c->begun = own_client_begin(&c->client, &c->inner, c->options.login, bytes_of(c->login_id),
                                c->options.database, nonce, binding);
    if (c->begun)
        write_out(c);
    else
        lose(c, "Out of memory.");
}

static void on_dialled(void *context, struct dial_result *result)
{
    struct own_connection *c = context;
    c->dial = NULL;
    c->busy++;
    if (result->connected) {
        c->stream = result->stream;
        memcpy(c->address, result->address, sizeof c->address);
        begin(c, result->binding.n ? &result->binding : NULL);
    } else {
        lose(c, result->message);
    }
    let_go(c);
}

struct own_connection *own_connection_open(const struct own_connection_options *options, int64_t deadline_us)
{
    struct own_connection *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->options = *options;
    c->stream.fd = -1;
    c->timer.on_due = on_due;
    c->inner = (struct own_client_user){ c, on_ask, on_row, on_idle, on_lost };
    buf_init(&c->in, IN_CEILING);
    snprintf(c->login_id, sizeof c->login_id, "%.*s/%.*s", BYTES_FMT(options->target->name),
             BYTES_FMT(options->login->name));
    c->dial = dial_start(options->loop, options->resolver, options->target, deadline_us, on_dialled, c);
    if (c->dial && loop_timer_set(options->loop, &c->timer, deadline_us) == 0) return c;
    own_connection_close(c);
    return NULL;
}

void own_connection_query(struct own_connection *c, const char *text, int64_t deadline_us)
{
    c->busy++;
    own_client_query(&c->client, text);
    if (loop_timer_set(c->options.loop, &c->timer, deadline_us))
        own_client_lose(&c->client, "Out of memory.");
    else
        watch(c); /* what is written goes out when the loop says so */
    let_go(c);
}

void own_connection_proof(struct own_connection *c, int status, const uint8_t proof[32],
                          const uint8_t server_signature[32], const char *md5)
{
    if (!c->begun) return;
    c->busy++;
    own_client_proof(&c->client, status, proof, server_signature, md5);
    if (!c->lost && !c->closed) watch(c);
    let_go(c);
}

void own_connection_close(struct own_connection *c)
{
    if (!c) return;
    c->closed = true;
    c->busy++;
    let_go(c);
}

const char *own_connection_address(const struct own_connection *c)
{
    return c->address;
}
