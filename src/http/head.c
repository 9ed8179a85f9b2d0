/* Line by line; every line ends in CRLF, and nothing else does. What is found wrong in the bytes that are
 * there is said at once: waiting for the rest could only hide it. */
#include "http/head.h"

int http_reads_status(enum http_reads outcome)
{
    static const int statuses[] = {
#define X(NAME, status) status,
        HTTP_READS(X)
#undef X
    };
    return statuses[outcome];
}

static bool is_token_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && memchr("!#$%&'*+-.^_`|~", c, 15));
}

static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (!is_token_byte(b.p[i])) return false;
    return b.n > 0;
}

static struct bytes trimmed(struct bytes b)
{
    while (b.n && (b.p[0] == ' ' || b.p[0] == '\t'))
        b = bytes_slice(b, 1, b.n);
    while (b.n && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
        b.n--;
    return b;
}

/* The end of the head, blank line included; 0: not there yet; SIZE_MAX: a byte that no head may hold. */
static size_t head_size(struct bytes head)
{
    for (size_t i = 0; i < head.n; i++) {
        uint8_t c = head.p[i];
        if (c == '\r') {
            if (i + 1 == head.n) return 0;
            if (head.p[i + 1] != '\n') return SIZE_MAX;
            if (i == 0 || (i >= 2 && head.p[i - 1] == '\n')) return i + 2;
            i++;
        } else if ((c < 0x20 && c != '\t') || c == 0x7F)
            return SIZE_MAX;
    }
    return 0;
}

/* Takes the next line off, without its CRLF. */
static struct bytes line_take(struct bytes *head)
{
    size_t at = (size_t)bytes_find(*head, BYTES_LITERAL("\r\n"));
    struct bytes line = bytes_slice(*head, 0, at);
    *head = bytes_slice(*head, at + 2, head->n);
    return line;
}

static bool cut(struct bytes *rest, char at, struct bytes *first_out)
{
    const uint8_t *end = rest->n ? memchr(rest->p, at, rest->n) : NULL;
    if (!end) return false;
    *first_out = bytes_slice(*rest, 0, (size_t)(end - rest->p));
    *rest = bytes_slice(*rest, first_out->n + 1, rest->n);
    return true;
}

static enum http_reads request_line(struct bytes line, struct http_asked *asked)
{
    struct bytes target;
    if (!cut(&line, ' ', &asked->method) || !is_token(asked->method) || !cut(&line, ' ', &target))
        return HTTP_READ_BAD;
    if (target.n > HTTP_TARGET_MOST) return HTTP_READ_TARGET_LONG;
    if (!bytes_is(line, "HTTP/1.1"))
        return bytes_starts_with(line, "HTTP/") && line.n == 8 ? HTTP_READ_VERSION : HTTP_READ_BAD;
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] >= 0x7F || target.p[i] == '#') return HTTP_READ_BAD;
    if (target.n == 0 || target.p[0] != '/') return HTTP_READ_BAD;
    asked->path = target;
    struct bytes path;
    if (cut(&target, '?', &path)) {
        asked->path = path;
        asked->query = target;
    }
    return HTTP_READ_DONE;
}

static enum http_reads length_field(struct http_asked *asked, struct bytes value)
{
    int64_t length;
    if (asked->has_length || value.n > 18 || !bytes_to_int64(value, &length) || length < 0)
        return HTTP_READ_BAD;
    if (value.p[0] < '0' || value.p[0] > '9') return HTTP_READ_BAD;
    asked->has_length = true;
    asked->length = (uint64_t)length;
    return HTTP_READ_DONE;
}

/* A field that the framing of messages hangs on. */
static enum http_reads framing_field(struct http_asked *asked, const struct http_field *field, bool *coded)
{
    if (bytes_equal_nocase(field->name, BYTES_LITERAL("host"))) {
        if (asked->host.p || field->value.n == 0) return HTTP_READ_BAD;
        asked->host = field->value;
    } else if (bytes_equal_nocase(field->name, BYTES_LITERAL("content-length"))) {
        return length_field(asked, field->value);
    } else if (bytes_equal_nocase(field->name, BYTES_LITERAL("transfer-encoding"))) {
        *coded = true;
    } else if (bytes_equal_nocase(field->name, BYTES_LITERAL("connection"))) {
        struct bytes rest = field->value, one;
        while (cut(&rest, ',', &one))
            if (bytes_equal_nocase(trimmed(one), BYTES_LITERAL("close"))) asked->closes = true;
        if (bytes_equal_nocase(trimmed(rest), BYTES_LITERAL("close"))) asked->closes = true;
    } else if (bytes_equal_nocase(field->name, BYTES_LITERAL("expect"))) {
        if (!bytes_equal_nocase(field->value, BYTES_LITERAL("100-continue"))) return HTTP_READ_EXPECTS;
        asked->waits = true;
    }
    return HTTP_READ_DONE;
}

static enum http_reads field_line(struct bytes line, struct http_asked *asked, bool *coded)
{
    struct http_field field;
    if (!cut(&line, ':', &field.name) || !is_token(field.name)) return HTTP_READ_BAD;
    field.value = trimmed(line);
    if (asked->n_fields == HTTP_FIELDS_MOST) return HTTP_READ_TOO_LONG;
    asked->fields[asked->n_fields++] = field;
    return framing_field(asked, &field, coded);
}

enum http_reads http_head_read(struct bytes head, struct http_asked *asked)
{
    *asked = (struct http_asked){ 0 };
    size_t size = head_size(bytes_slice(head, 0, HTTP_HEAD_MOST));
    if (size == SIZE_MAX) return HTTP_READ_BAD;
    if (size == 0) return head.n >= HTTP_HEAD_MOST ? HTTP_READ_TOO_LONG : HTTP_READ_MORE;
    asked->size = size;
    if (size == 2) return HTTP_READ_BAD;
    struct bytes rest = bytes_slice(head, 0, size - 2);
    bool coded = false;
    enum http_reads outcome = request_line(line_take(&rest), asked);
    while (outcome == HTTP_READ_DONE && rest.n)
        outcome = field_line(line_take(&rest), asked, &coded);
    if (outcome != HTTP_READ_DONE) return outcome;
    if (!asked->host.p) return HTTP_READ_BAD;
    if (coded) return asked->has_length ? HTTP_READ_BAD : HTTP_READ_CODING;
    return HTTP_READ_DONE;
}

static size_t find_field(const struct http_asked *asked, const char *name, struct bytes *value_out)
{
    size_t n = 0;
    for (size_t i = 0; i < asked->n_fields; i++) {
        if (!bytes_equal_nocase(asked->fields[i].name, bytes_of(name))) continue;
        *value_out = asked->fields[i].value;
        n++;
    }
    return n;
}

struct bytes http_asked_field(const struct http_asked *asked, const char *name)
{
    struct bytes value;
    return find_field(asked, name, &value) == 1 ? value : (struct bytes){ 0 };
}

bool http_asked_has(const struct http_asked *asked, const char *name)
{
    struct bytes value;
    return find_field(asked, name, &value) > 0;
}

struct bytes http_asked_cookie(const struct http_asked *asked, const char *name)
{
    struct bytes rest = http_asked_field(asked, "cookie"), found = { 0 }, one, key;
    while (rest.n) {
        if (!cut(&rest, ';', &one)) {
            one = rest;
            rest = (struct bytes){ 0 };
        }
        one = trimmed(one);
        if (!cut(&one, '=', &key) || !bytes_is(key, name)) continue;
        if (found.p) return (struct bytes){ 0 };
        found = one;
    }
    return found;
}

/* ---- paths and queries */

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into the arena. False: a malformed escape, no memory, a control character, not UTF-8. */
static bool decode(struct bytes from, bool plus_is_space, struct arena *arena, struct bytes *out)
{
    uint8_t *to = arena_alloc(arena, from.n + 1);
    size_t n = 0;
    if (!to) return false;
    for (size_t i = 0; i < from.n; i++) {
        uint8_t c = from.p[i];
        if (c == '%') {
            int high = from.n - i > 2 ? digit(from.p[i + 1]) : -1;
            int low = high >= 0 ? digit(from.p[i + 2]) : -1;
            if (low < 0) return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space)
            c = ' ';
        if (c == 0) return false;
        to[n++] = c;
    }
    *out = bytes_make(to, n);
    return n == 0 || bytes_is_utf8(*out);
}

static bool segment_is_plain(struct bytes s)
{
    if (s.n == 0 || bytes_is(s, ".") || bytes_is(s, "..")) return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] == 0x7F || s.p[i] == '/' || s.p[i] == '\\') return false;
    return true;
}

bool http_path_split(struct bytes path, struct arena *arena, struct bytes *segments, size_t most,
                     size_t *n_out)
{
    *n_out = 0;
    if (path.n == 0 || path.p[0] != '/') return false;
    struct bytes rest = bytes_slice(path, 1, path.n), one;
    if (rest.n == 0) return true;
    for (bool last = false; !last;) {
        if (!cut(&rest, '/', &one)) {
            one = rest;
            last = true;
        }
        if (*n_out == most || !decode(one, false, arena, &one) || !segment_is_plain(one)) return false;
        segments[(*n_out)++] = one;
    }
    return true;
}

bool http_query_split(struct bytes query, struct arena *arena, struct http_parameter *parameters, size_t most,
                      size_t *n_out)
{
    *n_out = 0;
    if (query.n && query.p[query.n - 1] == '&') return false;
    while (query.n) {
        struct bytes one, name;
        if (!cut(&query, '&', &one)) {
            one = query;
            query = (struct bytes){ 0 };
        }
        if (one.n == 0) return false;
        if (!cut(&one, '=', &name)) {
            name = one;
            one = (struct bytes){ 0 };
        }
        struct http_parameter p;
        if (*n_out == most || !decode(name, true, arena, &p.name) || p.name.n == 0 ||
            !decode(one, true, arena, &p.value))
            return false;
        for (size_t i = 0; i < *n_out; i++)
            if (bytes_equal(parameters[i].name, p.name)) return false;
        parameters[(*n_out)++] = p;
    }
    return true;
}
