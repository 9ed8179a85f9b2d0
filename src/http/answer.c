/* The head of an answer, with the headers that every answer has. */
#include "http/service-private.h"

static const char *phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        { 200, "OK" },
        { 204, "No Content" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 411, "Length Required" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status) return phrases[i].phrase;
    return "Answer";
}

/* What keeps a browser from being used against us. No inline script or style, nothing from elsewhere, no
 * frame around us, no guessing of types, no window of another site that shares ours. */
static const char guards[] =
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: same-origin\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Permissions-Policy: camera=(), microphone=(), geolocation=(), payment=()\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n";

void http_exchange_header(struct http_exchange *x, const char *name, struct bytes value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < 0x20 || value.p[i] == 0x7F) x->headers.failed = true;
    buf_printf(&x->headers, "%s: ", name);
    buf_append(&x->headers, value);
    buf_append_text(&x->headers, "\r\n");
}

void connection_write_head(struct connection *c, int status, const char *type, struct bytes headers,
                           bool streams, size_t length)
{
    struct buf *out = &c->out;
    buf_printf(out, "HTTP/1.1 %d %s\r\n", status, phrase(status));
    if (type) buf_printf(out, "Content-Type: %s\r\n", type);
    if (streams)
        buf_append_text(out, "Transfer-Encoding: chunked\r\n");
    else if (status != 204 && status != 304)
        buf_printf(out, "Content-Length: %zu\r\n", length);
    if (!c->exchange.may_be_kept) buf_append_text(out, "Cache-Control: no-store\r\n");
    if (c->ends) buf_append_text(out, "Connection: close\r\n");
    buf_append_text(out, guards);
    if (c->service->options.https) buf_append_text(out, "Strict-Transport-Security: max-age=31536000\r\n");
    buf_append(out, headers);
    buf_append_text(out, "\r\n");
}
