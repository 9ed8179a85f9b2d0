/* Questions about runs of bytes. */
#include "base/bytes.h"

bool bytes_starts_with(struct bytes b, const char *prefix)
{
    size_t n = strlen(prefix);
    return b.n >= n && memcmp(b.p, prefix, n) == 0;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

ptrdiff_t bytes_find(struct bytes b, struct bytes needle)
{
    if (needle.n == 0) return 0;
    const uint8_t *at = b.n ? memmem(b.p, b.n, needle.p, needle.n) : NULL;
    return at ? at - b.p : -1;
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order) return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool bytes_equal_constant_time(struct bytes a, struct bytes b)
{
    if (a.n != b.n) return false;
    volatile uint8_t differs = 0;
    for (size_t i = 0; i < a.n; i++)
        differs |= a.p[i] ^ b.p[i];
    return differs == 0;
}

/* How many bytes the sequence at p has, or 0 where it is none. RFC 3629, section 4. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    if (c < 0x80) return c != 0;
    size_t want = c >= 0xC2 && c <= 0xDF ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
    if (want == 0 || want > n) return 0;
    for (size_t i = 1; i < want; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    if (c == 0xE0 && p[1] < 0xA0) return 0;
    if (c == 0xED && p[1] > 0x9F) return 0;
    if (c == 0xF0 && p[1] < 0x90) return 0;
    if (c == 0xF4 && p[1] > 0x8F) return 0;
    return want;
}

bool bytes_is_utf8(struct bytes b)
{
    for (size_t i = 0; i < b.n;) {
        size_t step = utf8_sequence(b.p + i, b.n - i);
        if (step == 0) return false;
        i += step;
    }
    return true;
}

bool bytes_to_int64(struct bytes b, int64_t *out)
{
    bool negative = b.n > 1 && b.p[0] == '-';
    size_t i = negative;
    int64_t value = 0;
    if (b.n == 0) return false;
    for (; i < b.n; i++) {
        if (b.p[i] < '0' || b.p[i] > '9') return false;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, b.p[i] - '0', &value))
            return false;
    }
    *out = negative ? -value : value;
    return true;
}
