/* The head of an HTTP/1.1 request, read strictly (RFC 9110, 9112). What two programs might read differently
 * is refused, not repaired: a bare LF, a folded line, a space before a colon, two lengths, a length beside a
 * transfer coding, a control character, a target that is not a plain path. Pure: bytes in, one outcome out,
 * the same however the bytes were cut. */
#ifndef POSTERN_HTTP_HEAD_H
#define POSTERN_HTTP_HEAD_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"

enum { HTTP_HEAD_MOST = 16384, HTTP_TARGET_MOST = 8192, HTTP_FIELDS_MOST = 64 };

struct http_field {
    struct bytes name, value;
};
/* All borrowed from the head. */
struct http_asked {
    struct bytes method;      /* a token */
    struct bytes path, query; /* of the target, as they came; the path begins with "/" */
    struct bytes host;        /* the Host header's value */
    struct http_field fields[HTTP_FIELDS_MOST];
    size_t n_fields;
    bool has_length; /* Content-Length was there */
    uint64_t length; /* of the body */
    bool closes;     /* Connection: close */
    bool waits;      /* Expect: 100-continue */
    size_t size;     /* of the head, blank line included */
};
#define HTTP_READS(X)                                                                                        \
    X(BAD, 400)         /* malformed, or ambiguous */                                                        \
    X(MORE, 0)          /* read on */                                                                        \
    X(TOO_LONG, 431)    /* the head, or its number of fields */                                              \
    X(TARGET_LONG, 414) /* the target */                                                                     \
    X(VERSION, 505)     /* not HTTP/1.1 */                                                                   \
    X(CODING, 411)      /* a body whose length is not told beforehand */                                     \
    X(EXPECTS, 417)     /* an expectation but 100-continue */                                                \
    X(DONE, 0)
enum http_reads {
#define X(NAME, status) HTTP_READ_##NAME,
    HTTP_READS(X)
#undef X
};
/* The status to answer with; 0: none. */
int http_reads_status(enum http_reads outcome);
/* head: all that came so far, and whatever stands behind it. */
enum http_reads http_head_read(struct bytes head, struct http_asked *asked_out) MUST_USE;

/* A field's value; p == NULL: it is not there, or there more than once. */
struct bytes http_asked_field(const struct http_asked *asked, const char *name);
/* Whether a field stands there at all. */
bool http_asked_has(const struct http_asked *asked, const char *name);
/* The value of one cookie; p == NULL: not there, or there more than once. */
struct bytes http_asked_cookie(const struct http_asked *asked, const char *name);

/* A path as its segments, decoded. False: it holds what could mean another path to somebody: an empty
 * segment, "." or "..", an encoded slash, a backslash, a control character, what is not UTF-8, more than
 * `most` segments. "/" has none. */
bool http_path_split(struct bytes path, struct arena *arena, struct bytes *segments_out, size_t most,
                     size_t *n_out) MUST_USE;

struct http_parameter {
    struct bytes name, value;
};
/* "a=1&b=x%20y", '+' being a space. False: a malformed escape, the same name twice, no name, a NUL, what is
 * not UTF-8, or more than `most`. */
bool http_query_split(struct bytes query, struct arena *arena, struct http_parameter *parameters_out,
                      size_t most, size_t *n_out) MUST_USE;
#endif
