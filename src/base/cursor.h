/* Reading wire bytes: a cursor with a sticky error. Reading past the end yields zeros and empty runs and sets
 * `failed`; a decoder reads everything it wants and asks once, at the end, with cursor_done. Numbers are in
 * network byte order. */
#ifndef POSTERN_BASE_CURSOR_H
#define POSTERN_BASE_CURSOR_H
#include "base/bytes.h"
#include "base/check.h"

struct cursor {
    const uint8_t *p, *end;
    bool failed;
};

static inline struct cursor cursor_over(struct bytes b)
{
    return (struct cursor){ b.p, b.p ? b.p + b.n : b.p, false };
}
static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}
/* The next n bytes, borrowed from what the cursor stands over. */
static inline struct bytes cursor_take(struct cursor *c, size_t n)
{
    if (c->failed || n > cursor_left(c)) {
        c->failed = true;
        return (struct bytes){ 0 };
    }
    struct bytes b = bytes_make(c->p, n);
    c->p += n;
    return b;
}
static inline uint8_t cursor_u8(struct cursor *c)
{
    struct bytes b = cursor_take(c, 1);
    return b.n ? b.p[0] : 0;
}
static inline uint16_t cursor_u16(struct cursor *c)
{
    struct bytes b = cursor_take(c, 2);
    return b.n ? (uint16_t)(b.p[0] << 8 | b.p[1]) : 0;
}
static inline uint32_t cursor_u32(struct cursor *c)
{
    struct bytes b = cursor_take(c, 4);
    uint32_t raw = 0;
    if (b.n) memcpy(&raw, b.p, 4);
    return __builtin_bswap32(raw);
}
static inline uint64_t cursor_u64(struct cursor *c)
{
    struct bytes b = cursor_take(c, 8);
    uint64_t raw = 0;
    if (b.n) memcpy(&raw, b.p, 8);
    return __builtin_bswap64(raw);
}
/* Up to the next NUL, which is passed over and not part of the result; no NUL is a failure. */
static inline struct bytes cursor_cstring(struct cursor *c)
{
    const uint8_t *nul = c->failed || c->p == c->end ? NULL : memchr(c->p, 0, cursor_left(c));
    if (!nul) {
        c->failed = true;
        return (struct bytes){ 0 };
    }
    struct bytes b = bytes_make(c->p, (size_t)(nul - c->p));
    c->p = nul + 1;
    return b;
}
/* A length (u32) and as many bytes. */
static inline struct bytes cursor_counted(struct cursor *c)
{
    return cursor_take(c, cursor_u32(c));
}
/* Whether all was read, and no more: a decoder's last question. */
static inline bool cursor_done(const struct cursor *c)
{
    return !c->failed && c->p == c->end;
}
#endif
