/* One exchange after another with a service that speaks something over HTTP (object storage), on a connection
 * that is kept between them: any method, headers and a body in both directions. It blocks. What client.h says
 * of URLs, TLS and loopback is true here too; no redirect is ever followed. */
#ifndef POSTERN_HTTP_EXCHANGE_H
#define POSTERN_HTTP_EXCHANGE_H
#include "http/client.h"

/* A connection, and what it takes to make it again. One thread at a time. */
struct http_line;
/* ca: a file of authorities to trust instead of the system's; empty: the system's. NULL: no memory. */
struct http_line *http_line_new(struct bytes ca) MUST_USE;
void http_line_free(struct http_line *line);

struct http_line_request {
    const char *method; /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    struct bytes url;
    const struct http_header *headers;
    size_t n_headers;
    struct bytes body; /* of PUT and POST; may be empty */
    int64_t deadline_ms;
    const atomic_bool *cancel; /* may be NULL; once true, the call returns within about a second */
    /* May be NULL: each header of the answer, its value without white space around it. */
    void (*on_header)(void *context, struct bytes name, struct bytes value);
    void *context;
};
/* The answer's body is appended to body, whose ceiling limits it. A peer that moves less than a kilobyte a
 * second for half a minute has timed out before the deadline. */
enum http_outcome http_line_exchange(struct http_line *line, const struct http_line_request *x,
                                     struct buf *body, struct http_answered *answer_out) MUST_USE;
#endif
