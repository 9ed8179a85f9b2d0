/* What the files of the service share: a connection and its states.
 *
 *     HANDSHAKE → HEAD → BODY → HANDLING → WRITING → HEAD …
 *                                        ↘ STREAMING ⇄ ASKING, WAITING
 *     any → LINGERING (we have ended our side, and read what comes) → closed
 *
 * In HANDLING and ASKING a thread of the pool has the connection's job; everything else is the loop's alone.
 */
#ifndef POSTERN_HTTP_SERVICE_PRIVATE_H
#define POSTERN_HTTP_SERVICE_PRIVATE_H
#include "http/pool.h"
#include "http/service.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/stream.h"
#include <pthread.h>

enum connection_state {
    CONNECTION_HANDSHAKE,
    CONNECTION_HEAD,
    CONNECTION_BODY,
    CONNECTION_HANDLING,
    CONNECTION_WRITING,
    CONNECTION_STREAMING, /* what there was is being written */
    CONNECTION_ASKING,    /* more is being asked for */
    CONNECTION_WAITING,   /* nothing now */
    CONNECTION_LINGERING
};
struct connection {
    struct http_service *service;
    struct connection *before, *behind;
    struct stream stream;
    struct loop_source source;
    bool watched;
    struct loop_timer timer;
    struct address peer;
    char peer_text[ADDRESS_TEXT];
    enum connection_state state;
    struct buf in, out, chunk;
    bool ends;      /* after what stands in out */
    bool begun;     /* something of this request came */
    bool is_head;   /* HEAD: the answer has no body */
    bool streamed;  /* exchange.ended is still to be called */
    bool woken;     /* while it was being asked */
    bool continued; /* "100 Continue" was sent */
    atomic_bool gone;
    uint64_t n_requests;
    struct http_asked asked;
    struct arena arena;
    struct http_exchange exchange;
    enum http_more more;
    struct pool_job job;
    struct loop_task done;
};

struct http_service {
    struct http_service_options options;
    struct loop *loop;
    struct pool *pool;
    pthread_t thread;
    int *listeners; /* owned */
    struct listening {
        struct loop_source source;
        struct http_service *service;
    } * listening;
    struct connection *connections, *dead;
    size_t n_connections;
    bool stopping;
    struct loop_timer accept_again, beat;
    struct loop_task wake_task, stop_task;
    atomic_bool wake_posted;
    _Atomic uint64_t n_requests, n_refused, n_open;
};

/* A new connection on fd. */
void connection_begin(struct http_service *service, int fd, const struct address *peer);
void connection_wake(struct connection *c);
/* Closes it; it is freed at the end of the turn, or when its job is done. */
void connection_close(struct connection *c);
void connections_free_dead(struct http_service *service);
/* The head of an answer into c->out. */
void connection_write_head(struct connection *c, int status, const char *type, struct bytes headers,
                           bool streams, size_t length);
#endif
