/* The authorities are read for each connection: one that was replaced counts from the next one on. */
#include "app/stream-tls.h"
#include "base/clock.h"
#include "net/stream.h"
#include "net/tls.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TICK_MS = 100, HANDSHAKE_MS = 10000, STALL_MS = 30000, HEARD = 16384 };

struct stream_tls {
    struct tls_client *client;
    struct stream stream;
    const bool *stop;
};

static bool stopped(const struct stream_tls *t)
{
    return __atomic_load_n(t->stop, __ATOMIC_SEQ_CST);
}

/* Until the socket is ready, a tick at most. 0: look again; -ECANCELED. */
static int wait_a_tick(const struct stream_tls *t, bool reading)
{
    struct pollfd p = { .fd = t->stream.fd, .events = reading ? POLLIN : POLLOUT };
    if (poll(&p, 1, TICK_MS) < 0 && errno != EINTR) return -errno;
    return stopped(t) ? -ECANCELED : 0;
}

static int64_t now_ms(void)
{
    return clock_monotonic_us(&clock_system) / 1000;
}

static int shake_hands(struct stream_tls *t, char why[STREAM_TLS_WHY])
{
    for (int64_t until = now_ms() + HANDSHAKE_MS; now_ms() < until;) {
        const char *message = NULL;
        switch (stream_handshake(&t->stream, &message)) {
        case STREAM_DONE: return 0;
        case STREAM_EOF:
        case STREAM_FAILED:
            snprintf(why, STREAM_TLS_WHY, "TLS: %s", message ? message : "the peer ended the handshake");
            return -EPROTO;
        case STREAM_AGAIN: break;
        }
        int error = wait_a_tick(t, !t->stream.wants_write);
        if (error) return error;
    }
    snprintf(why, STREAM_TLS_WHY, "TLS: the peer does not answer the handshake");
    return -ETIMEDOUT;
}

static int begin(struct stream_tls *t, const struct config_stream *to, char why[STREAM_TLS_WHY])
{
    char ca[4200], host[256];
    const char *message = NULL;
    snprintf(ca, sizeof ca, "%.*s", BYTES_FMT(to->ca));
    snprintf(host, sizeof host, "%.*s", BYTES_FMT(to->host));
    int error = tls_client_new(TLS_CHECK_FULL, to->ca.n ? ca : NULL, &t->client, &message);
    if (error) {
        t->client = NULL;
        snprintf(why, STREAM_TLS_WHY, "TLS: the authorities cannot be read: %s",
                 message ? message : "no memory");
        return error;
    }
    tls_client_speak_plain(t->client);
    error = stream_start_tls_client(&t->stream, t->client, host);
    if (error) snprintf(why, STREAM_TLS_WHY, "TLS: no certificate can have the name %.150s", host);
    return error ? error : shake_hands(t, why);
}

int stream_tls_open(const struct config_stream *to, int fd, const bool *stop, struct stream_tls **out,
                    char why_out[STREAM_TLS_WHY])
{
    struct stream_tls *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) {
        close(fd);
        return -ENOMEM;
    }
    t->stop = stop;
    stream_init(&t->stream, fd);
    int error = begin(t, to, why_out);
    if (error)
        stream_tls_close(t);
    else
        *out = t;
    return error;
}

int stream_tls_send(struct stream_tls *t, struct bytes b)
{
    int64_t until = now_ms() + STALL_MS;
    while (b.n) {
        size_t n = 0;
        int error = 0;
        switch (stream_write(&t->stream, b, &n)) {
        case STREAM_DONE:
            b = bytes_slice(b, n, b.n);
            until = now_ms() + STALL_MS;
            break;
        case STREAM_AGAIN:
            error = now_ms() < until ? wait_a_tick(t, t->stream.wants_read) : -ETIMEDOUT;
            break;
        case STREAM_EOF:
        case STREAM_FAILED: error = -EPIPE; break;
        }
        if (error) return error;
    }
    return 0;
}

bool stream_tls_is_gone(struct stream_tls *t)
{
    uint8_t heard[HEARD];
    size_t n;
    for (;;) {
        switch (stream_read(&t->stream, heard, sizeof heard, &n)) {
        case STREAM_DONE: break;
        case STREAM_AGAIN: return false;
        case STREAM_EOF:
        case STREAM_FAILED: return true;
        }
    }
}

void stream_tls_close(struct stream_tls *t)
{
    if (!t) return;
    stream_close(&t->stream);
    tls_client_free(t->client);
    free(t);
}
