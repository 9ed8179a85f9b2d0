/* A small HTTP/1.1 server for JSON answers on loopback: what the demo's issuer publishes, and what tests
 * need. One thread, one connection at a time, one request a connection, and so long a connection. It is no
 * server for strangers: it listens on 127.0.0.1 only, and refuses a Host header that is not its own address,
 * so that a web page with a rebound name reads nothing. */
#ifndef POSTERN_HTTP_SERVER_H
#define POSTERN_HTTP_SERVER_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"

struct http_answer {
    int status;               /* starts as 404; without a body then */
    const char *headers;      /* further header lines, each ending in CRLF; static text; NULL: none */
    const char *content_type; /* starts as application/json */
    struct buf body;          /* append to it; at most 1 MiB */
};
/* Called on the server's thread for each request. */
typedef void http_answer_fn(void *context, struct bytes path, struct http_answer *answer_out);

struct http_server;
/* Listens on a port of the kernel's choosing; starts the thread. connection_ms: the longest that a connection
 * may take; 0: 2,000. 0 or -errno. */
int http_server_new(http_answer_fn *answer, void *context, unsigned connection_ms,
                    struct http_server **server_out) MUST_USE;
uint16_t http_server_port(const struct http_server *server);
/* Ends the thread and the connection that it serves. NULL is fine. */
void http_server_free(struct http_server *server);
#endif
