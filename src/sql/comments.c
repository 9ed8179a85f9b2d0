/* SQLCommenter: key='value' pairs, URL-encoded, separated by commas, in comments (its specification,
 * "Format"; the comment may stand anywhere). What is in no such form is passed over. */
#include "sql/facts.h"
#include "sql/safe.h"
#include "sql/token.h"

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding, and \' for a quote; what decodes to no UTF-8 (or holds a NUL) is not decoded at all. */
static struct bytes decode(struct bytes b, struct arena *arena)
{
    uint8_t *out = arena_alloc(arena, b.n + 1);
    size_t n = 0;
    if (!out) return (struct bytes){ 0 };
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '%' && i + 2 < b.n && hex(b.p[i + 1]) >= 0 && hex(b.p[i + 2]) >= 0) {
            out[n++] = (uint8_t)(hex(b.p[i + 1]) * 16 + hex(b.p[i + 2]));
            i += 2;
        } else if (b.p[i] == '\\' && i + 1 < b.n && b.p[i + 1] == '\'') {
            out[n++] = b.p[++i];
        } else {
            out[n++] = b.p[i];
        }
    }
    return bytes_is_utf8(bytes_make(out, n)) ? bytes_make(out, n) : b;
}

static bool is_key(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '%';
}

static size_t value_end(struct bytes b, size_t i)
{
    while (i < b.n && b.p[i] != '\'')
        i += b.p[i] == '\\' ? 2 : 1;
    return i;
}

static void claims_of(struct bytes b, struct arena *arena,
                      void (*visit)(void *context, struct bytes key, struct bytes value), void *context)
{
    size_t i = 0;
    while (i < b.n) {
        size_t start = i;
        while (i < b.n && is_key(b.p[i]))
            i++;
        if (i == start || i + 1 >= b.n || b.p[i] != '=' || b.p[i + 1] != '\'') {
            i = i == start ? i + 1 : i;
            continue;
        }
        size_t end = value_end(b, i + 2);
        if (end >= b.n) return;
        struct bytes key = decode(bytes_slice(b, start, i - start), arena);
        struct bytes value = decode(bytes_slice(b, i + 2, end - i - 2), arena);
        if (!key.p || !value.p) return;
        visit(context, key, value);
        i = end + 1;
    }
}

void sql_comment_claims(struct bytes text, struct arena *arena,
                        void (*visit)(void *context, struct bytes key, struct bytes value), void *context)
{
    size_t at = 0;
    for (;;) {
        struct token t = token_at(text, at);
        if (t.kind == TOKEN_END) return;
        at += t.text.n;
        if (t.kind == TOKEN_COMMENT && !t.unterminated) claims_of(t.content, arena, visit, context);
    }
}
