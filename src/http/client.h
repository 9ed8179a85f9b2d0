/* A GET, or the POST of a form, that blocks, over libcurl, for threads that may block (the key fetcher,
 * signing in). HTTPS with the system's authorities and names verified, TLS 1.2 at least; plain HTTP to
 * loopback addresses only, checked again on the address that is connected to. A redirect is followed only
 * within the same scheme, host and port. SIGPIPE must be ignored or blocked in the calling thread. */
#ifndef POSTERN_HTTP_CLIENT_H
#define POSTERN_HTTP_CLIENT_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include <stdatomic.h>

enum http_url_kind { HTTP_URL_REFUSED = 0, HTTP_URL_LOOPBACK, HTTP_URL_HTTPS };
/* HTTP_URL_REFUSED: not an absolute URL, another scheme, http to a host that is not loopback (127.0.0.0/8,
 * [::1], localhost), a user or password in it, a fragment, spaces or control characters, or longer than 2,048
 * bytes. */
enum http_url_kind http_url_kind(struct bytes url);

struct http_header {
    const char *name;
    struct bytes value; /* no control characters */
};
struct http_get {
    struct bytes url;
    int64_t deadline_ms;       /* for all of it, redirects and name lookup included */
    const atomic_bool *cancel; /* may be NULL; once true, the call returns within about a second */
    /* Where form.p is set it is a POST of this (application/x-www-form-urlencoded), and no redirect is
     * followed. */
    struct bytes form;
    struct bytes authorization;        /* of the header of that name; empty: none */
    bool json;                         /* the form is JSON */
    const struct http_header *headers; /* besides; no redirect is followed with them */
    size_t n_headers;
};
enum http_outcome {
    HTTP_FAILED = 0, /* the network, TLS, a refused URL or redirect, cancelled; why_out says */
    HTTP_TIMED_OUT,
    HTTP_TOO_LONG, /* longer than the body's ceiling */
    HTTP_ANSWERED, /* status_out is that of the last answer; the body may be an error's */
};
struct http_answered {
    long status;
    int64_t max_age_s; /* Cache-Control: max-age; 0 with no-cache or no-store; -1: nothing said */
    char why[160];     /* text for the log where it failed */
};
/* Appends "name=value", escaped, with '&' before it where form is not empty. */
void http_form_add(struct buf *form, const char *name, struct bytes value);
/* Appends the text with all but letters, digits and "-._~" escaped. */
void http_escape(struct buf *out, struct bytes text);
/* Appends the body to body, whose ceiling limits it. */
enum http_outcome http_get(const struct http_get *get, struct buf *body,
                           struct http_answered *answer_out) MUST_USE;
/* The max-age of a Cache-Control value, as http_answered has it. */
int64_t http_max_age(struct bytes cache_control);
#endif
