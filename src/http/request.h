/* The head of an HTTP/1.1 request, for the small server: GET and HEAD without a body, read strictly (RFC
 * 9112). A pure parser: bytes in, one outcome out. */
#ifndef POSTERN_HTTP_REQUEST_H
#define POSTERN_HTTP_REQUEST_H
#include "base/bytes.h"
#include "base/check.h"

enum { HTTP_MAX_HEAD_BYTES = 8192, HTTP_MAX_HEADERS = 64 };
struct http_request {
    struct bytes
        path; /* as it came, query included; starts with "/", printable ASCII; borrowed from the head */
    struct bytes host; /* the Host header's value */
    bool head;         /* HEAD rather than GET */
};
enum http_head {
    HTTP_HEAD_BAD = 0,    /* answer 400 and close */
    HTTP_HEAD_METHOD,     /* another method: 405 */
    HTTP_HEAD_TOO_LONG,   /* 431 */
    HTTP_HEAD_INCOMPLETE, /* read on */
    HTTP_HEAD_READ,
};
/* head: all that came so far. A bare LF, a folded line, a space before the colon, no or two Host headers, any
 * body (Content-Length but 0, Transfer-Encoding), or bytes behind the head make it BAD. */
enum http_head http_request_read(struct bytes head, struct http_request *request_out) MUST_USE;
#endif
