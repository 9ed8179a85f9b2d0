/* Line by line; every line ends in CRLF, and nothing else does. */
#include "http/request.h"

/* Takes the next line off the head, without its CRLF. False: a stray CR or LF, or a control character. */
static bool line_take(struct bytes *head, struct bytes *line_out)
{
    ptrdiff_t at = bytes_find(*head, BYTES_LITERAL("\r\n"));
    if (at < 0) return false;
    *line_out = bytes_slice(*head, 0, (size_t)at);
    *head = bytes_slice(*head, (size_t)at + 2, head->n);
    for (size_t i = 0; i < line_out->n; i++)
        if ((line_out->p[i] < 0x20 && line_out->p[i] != '\t') || line_out->p[i] == 0x7F) return false;
    return true;
}

static enum http_head request_line(struct bytes line, struct http_request *request)
{
    ptrdiff_t space = bytes_find(line, BYTES_LITERAL(" "));
    if (space <= 0) return HTTP_HEAD_BAD;
    struct bytes method = bytes_slice(line, 0, (size_t)space),
                 rest = bytes_slice(line, (size_t)space + 1, line.n);
    space = bytes_find(rest, BYTES_LITERAL(" "));
    if (space <= 0) return HTTP_HEAD_BAD;
    request->path = bytes_slice(rest, 0, (size_t)space);
    if (!bytes_is(bytes_slice(rest, (size_t)space + 1, rest.n), "HTTP/1.1") || request->path.p[0] != '/')
        return HTTP_HEAD_BAD;
    for (size_t i = 0; i < request->path.n; i++)
        if (request->path.p[i] <= ' ' || request->path.p[i] >= 0x7F) return HTTP_HEAD_BAD;
    request->head = bytes_is(method, "HEAD");
    return request->head || bytes_is(method, "GET") ? HTTP_HEAD_READ : HTTP_HEAD_METHOD;
}

static bool is_token_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && memchr("!#$%&'*+-.^_`|~", c, 15));
}

static bool header_line(struct bytes line, struct http_request *request)
{
    size_t n = 0;
    while (n < line.n && is_token_byte(line.p[n]))
        n++;
    if (n == 0 || n == line.n || line.p[n] != ':') return false;
    struct bytes name = bytes_slice(line, 0, n), value = bytes_slice(line, n + 1, line.n);
    while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
        value = bytes_slice(value, 1, value.n);
    while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
        value.n--;
    if (bytes_equal_nocase(name, BYTES_LITERAL("transfer-encoding"))) return false;
    if (bytes_equal_nocase(name, BYTES_LITERAL("content-length"))) return bytes_is(value, "0");
    if (!bytes_equal_nocase(name, BYTES_LITERAL("host"))) return true;
    if (request->host.p || value.n == 0) return false;
    request->host = value;
    return true;
}

enum http_head http_request_read(struct bytes head, struct http_request *request_out)
{
    struct bytes line;
    *request_out = (struct http_request){ 0 };
    ptrdiff_t end = bytes_find(head, BYTES_LITERAL("\r\n\r\n"));
    if (end < 0) return head.n >= HTTP_MAX_HEAD_BYTES ? HTTP_HEAD_TOO_LONG : HTTP_HEAD_INCOMPLETE;
    if ((size_t)end + 4 > HTTP_MAX_HEAD_BYTES) return HTTP_HEAD_TOO_LONG;
    if (!line_take(&head, &line)) return HTTP_HEAD_BAD;
    enum http_head outcome = request_line(line, request_out);
    if (outcome == HTTP_HEAD_BAD) return HTTP_HEAD_BAD;
    for (int n = 0;; n++) {
        if (!line_take(&head, &line)) return HTTP_HEAD_BAD;
        if (line.n == 0) break;
        if (n == HTTP_MAX_HEADERS) return HTTP_HEAD_TOO_LONG;
        /* Only of a request that is answered must the headers be sound. */
        if (outcome == HTTP_HEAD_READ && !header_line(line, request_out)) return HTTP_HEAD_BAD;
    }
    if (outcome == HTTP_HEAD_READ && (!request_out->host.p || head.n)) return HTTP_HEAD_BAD;
    return outcome;
}
