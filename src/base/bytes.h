/* A borrowed run of bytes: who hands one out says how long it lives. It need not end in NUL, and may hold
 * NULs. An empty run may have p == NULL. */
#ifndef POSTERN_BASE_BYTES_H
#define POSTERN_BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *p;
    size_t n;
};

#define BYTES_LITERAL(text) ((struct bytes){ (const uint8_t *)(text), sizeof(text) - 1 })
/* For printf's "%.*s". */
#define BYTES_FMT(b) (int)(b).n, (const char *)(b).p

static inline struct bytes bytes_make(const void *p, size_t n)
{
    return (struct bytes){ (const uint8_t *)p, n };
}

/* The bytes of a NUL-terminated string, without the NUL; of NULL, none. */
static inline struct bytes bytes_of(const char *text)
{
    return bytes_make(text, text ? strlen(text) : 0);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool bytes_is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of(text));
}

/* The part from `from`, at most n long; clipped to what is there. */
static inline struct bytes bytes_slice(struct bytes b, size_t from, size_t n)
{
    if (from > b.n) from = b.n;
    if (n > b.n - from) n = b.n - from;
    return bytes_make(b.p ? b.p + from : b.p, n);
}

bool bytes_starts_with(struct bytes b, const char *prefix);
/* ASCII letters compare equal in either case. */
bool bytes_equal_nocase(struct bytes a, struct bytes b);
/* Where needle first stands in b, or -1. */
ptrdiff_t bytes_find(struct bytes b, struct bytes needle);
/* Orders like strcmp. */
int bytes_compare(struct bytes a, struct bytes b);
/* Equal or not, in a time that depends on the lengths only. */
bool bytes_equal_constant_time(struct bytes a, struct bytes b);
/* Whether this is UTF-8 as PostgreSQL takes it: shortest forms, no surrogates, up to U+10FFFF, no NUL. */
bool bytes_is_utf8(struct bytes b);
/* A whole decimal number with nothing around it, at most INT64_MAX in size. False leaves *out alone. */
bool bytes_to_int64(struct bytes b, int64_t *out);
#endif
