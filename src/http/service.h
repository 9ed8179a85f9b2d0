/* An HTTP/1.1 server for strangers: one thread with its own loop reads requests strictly (head.h) and writes
 * answers; a few threads run what the caller makes of them, which may block. Every request has deadlines,
 * every connection, address and body a ceiling. An answer is whole, or it is a stream that is asked for more
 * whenever its peer has taken what there was: a slow reader holds no thread.
 *
 * Every answer carries the headers that keep a browser from being used against us: no framing, no sniffing,
 * no inline script, no other origin. */
#ifndef POSTERN_HTTP_SERVICE_H
#define POSTERN_HTTP_SERVICE_H
#include "base/buf.h"
#include "base/clock.h"
#include "http/head.h"
#include "net/tls.h"
#include <stdatomic.h>

/* What a stream says when it is asked for more: BROKEN ends the connection in the middle, so that the peer
 * sees that something is missing; LATER: nothing now, ask again behind http_service_wake. */
enum http_more { HTTP_MORE_BROKEN = 0, HTTP_MORE_LATER, HTTP_MORE_YES, HTTP_MORE_END };

/* One request, for the caller's threads. What is asked is borrowed until the handler returns. */
struct http_exchange {
    const struct http_asked *asked;
    struct bytes body;
    const char *peer;   /* "192.0.2.1:4711", or "unix:" */
    bool peer_is_local; /* it came from this machine */
    bool tls;
    struct arena *arena; /* for the handler's own use; lives until the answer is written */

    int status;         /* starts as 500 */
    const char *type;   /* of the body; static text; NULL: there is none */
    struct buf headers; /* further header lines: http_exchange_header */
    struct buf answer;  /* the body; not with a stream */
    /* Where more is set, the body is a stream. Called on one of the threads, never twice at a time; appends
     * at most 1 MiB to out. ended is called once, behind the last call of more, on any thread. */
    enum http_more (*more)(void *stream, struct buf *out);
    void (*ended)(void *stream);
    void *stream;
    bool may_be_kept; /* the answer may be kept by the browser's cache: no "Cache-Control: no-store" */
};
/* Adds a header. A value with a control character makes the whole answer a 500: our own data cannot become
 * another header. */
void http_exchange_header(struct http_exchange *x, const char *name, struct bytes value);

struct http_patience { /* milliseconds; 0: the default */
    int64_t idle_ms;   /* between requests; 30 s */
    int64_t head_ms;   /* from connecting, or a head's first byte, to its last; 10 s */
    int64_t body_ms;   /* for a body; 20 s */
    int64_t write_ms;  /* without the peer taking anything; 20 s */
    int64_t linger_ms; /* for what a refused peer still sends; 2 s */
};
struct http_service_options {
    const struct clock *clock;
    const int *listeners; /* listening sockets; the service closes them */
    size_t n_listeners;
    struct tls_server *tls; /* NULL: in clear; borrowed */
    bool https;             /* it is reached by https, here or at a proxy: Strict-Transport-Security */
    unsigned n_threads;
    size_t most_connections, most_per_address; /* 0: 512, 32. An address of this machine is not counted: it
                                                  may be a proxy */
    struct http_patience patience;
    /* Called on the service's own thread as soon as the head is there: how long a body may be. Must not
     * block. */
    size_t (*body_most)(void *context, const struct http_asked *asked);
    /* Called on one of the threads. */
    void (*handle)(void *context, struct http_exchange *exchange);
    void *context;
};

struct http_service;
/* 0 or -errno; the listening sockets are the service's in any case. */
int http_service_start(const struct http_service_options *options,
                       struct http_service **service_out) MUST_USE;
/* From any thread: every stream that said LATER is asked again. */
void http_service_wake(struct http_service *service);
/* Ends all connections; waits for handlers that run. NULL is fine. */
void http_service_stop(struct http_service *service);

struct http_service_stats {
    uint64_t requests, refused; /* refused: what was no HTTP, too slow, or over a ceiling */
    uint64_t connections;       /* that are open */
};
void http_service_stats(struct http_service *service, struct http_service_stats *stats_out);
#endif
