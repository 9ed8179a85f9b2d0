/* Text forms of bytes. CRC-32C uses the processor's instruction where there is one. */
#include "base/codec.h"
#include <stdio.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

void codec_hex(struct bytes in, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *room = in.n ? buf_room(out, in.n * 2) : NULL;
    if (!room) return;
    for (size_t i = 0; i < in.n; i++) {
        room[2 * i] = (uint8_t)digits[in.p[i] >> 4];
        room[2 * i + 1] = (uint8_t)digits[in.p[i] & 15];
    }
    buf_added(out, in.n * 2);
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool codec_unhex(struct bytes in, struct buf *out)
{
    if (in.n % 2) return false;
    for (size_t i = 0; i < in.n; i++)
        if (hex_digit(in.p[i]) < 0) return false;
    for (size_t i = 0; i < in.n; i += 2)
        buf_put_u8(out, (uint8_t)(hex_digit(in.p[i]) << 4 | hex_digit(in.p[i + 1])));
    return true;
}

static const char alphabets[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

void codec_base64(enum codec_base64 alphabet, struct bytes in, struct buf *out)
{
    const char *letters = alphabets[alphabet];
    for (size_t i = 0; i < in.n; i += 3) {
        size_t n = in.n - i < 3 ? in.n - i : 3;
        uint32_t v =
            (uint32_t)in.p[i] << 16 | (n > 1 ? (uint32_t)in.p[i + 1] << 8 : 0) | (n > 2 ? in.p[i + 2] : 0);
        char four[4] = { letters[v >> 18], letters[v >> 12 & 63], letters[v >> 6 & 63], letters[v & 63] };
        size_t keep = n + 1;
        if (alphabet == CODEC_BASE64)
            for (; keep < 4; keep++)
                four[keep] = '=';
        buf_append(out, bytes_make(four, keep));
    }
}

static int letter_value(enum codec_base64 alphabet, uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == (alphabet == CODEC_BASE64 ? '+' : '-')) return 62;
    if (c == (alphabet == CODEC_BASE64 ? '/' : '_')) return 63;
    return -1;
}

bool codec_unbase64(enum codec_base64 alphabet, struct bytes in, struct buf *out)
{
    if (alphabet == CODEC_BASE64) {
        if (in.n % 4) return false;
        if (in.n && in.p[in.n - 1] == '=') in.n--;
        if (in.n && in.n % 4 == 3 && in.p[in.n - 1] == '=') in.n--;
    }
    if (in.n % 4 == 1) return false;
    for (size_t i = 0; i < in.n; i++)
        if (letter_value(alphabet, in.p[i]) < 0) return false;
    if (in.n % 4 == 2 && letter_value(alphabet, in.p[in.n - 1]) & 15) return false;
    if (in.n % 4 == 3 && letter_value(alphabet, in.p[in.n - 1]) & 3) return false;
    for (size_t i = 0; i < in.n; i += 4) {
        size_t n = in.n - i < 4 ? in.n - i : 4;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++)
            v = v << 6 | (k < n ? (uint32_t)letter_value(alphabet, in.p[i + k]) : 0);
        uint8_t three[3] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
        buf_append(out, bytes_make(three, n - 1));
    }
    return true;
}

static uint32_t crc32c_bits(uint32_t crc, struct bytes in)
{
    for (size_t i = 0; i < in.n; i++) {
        crc ^= in.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78U : 0);
    }
    return crc;
}

#if defined(__x86_64__)
/* The instruction gives its result after three cycles and can begin anew each cycle: so three stretches of a
 * buffer are taken at once. CRCs add up once each is moved past what stands behind it; to move one past n
 * zero bytes is a multiplication by x^(8n) modulo the polynomial. The product without carries of two
 * reflected 32-bit numbers comes out of crc32 reduced and times x^33 (x^32 of the instruction's own, one of
 * the reflection), so the factor that is kept is x^(8n - 33). */
enum { STRETCH = 1360, SHORT_STRETCH = 128 };
static const uint32_t FACTOR_1_STRETCH = 0x3F70CC6F, /* x^10847 */
    FACTOR_2_STRETCH = 0x5AA1F3CF,                   /* x^21727 */
    FACTOR_1_SHORT = 0x0D3B6092,                     /* x^991 */
    FACTOR_2_SHORT = 0xB9E02B86;                     /* x^2015 */

#define SSE42 __attribute__((target("sse4.2,pclmul")))

SSE42 static inline uint64_t crc32c_word(uint64_t crc, const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return __builtin_ia32_crc32di(crc, word);
}

SSE42 static inline uint64_t crc32c_times(uint64_t crc, uint32_t factor)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi32_si128((int)factor), 0);
    return __builtin_ia32_crc32di(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* Three stretches of n bytes, n a multiple of 8; the factors move past two of them and past one. */
SSE42 static inline uint64_t crc32c_three(uint64_t crc, const uint8_t *p, size_t n, uint32_t past_two,
                                          uint32_t past_one)
{
    uint64_t second = 0, third = 0;
    for (const uint8_t *end = p + n; p < end; p += 8) {
        crc = crc32c_word(crc, p);
        second = crc32c_word(second, p + n);
        third = crc32c_word(third, p + 2 * n);
    }
    return crc32c_times(crc, past_two) ^ crc32c_times(second, past_one) ^ third;
}

SSE42 static uint32_t crc32c_sse(uint32_t crc, struct bytes in)
{
    uint64_t wide = crc;
    const uint8_t *p = in.p, *end = in.p + in.n;
    for (; end - p >= 3 * STRETCH; p += 3 * STRETCH)
        wide = crc32c_three(wide, p, STRETCH, FACTOR_2_STRETCH, FACTOR_1_STRETCH);
    for (; end - p >= 3 * SHORT_STRETCH; p += 3 * SHORT_STRETCH)
        wide = crc32c_three(wide, p, SHORT_STRETCH, FACTOR_2_SHORT, FACTOR_1_SHORT);
    for (; end - p >= 8; p += 8)
        wide = crc32c_word(wide, p);
    crc = (uint32_t)wide;
    for (; p < end; p++)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}
#endif

uint32_t codec_crc32c(uint32_t crc, struct bytes in)
{
    crc = ~crc;
#if defined(__x86_64__)
    crc = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") ? crc32c_sse(crc, in)
                                                                               : crc32c_bits(crc, in);
#else
    crc = crc32c_bits(crc, in);
#endif
    return ~crc;
}

void codec_time(int64_t unix_us, char out[28])
{
    int64_t us = unix_us % 1000000;
    time_t seconds = (time_t)(unix_us / 1000000);
    if (us < 0) {
        us += 1000000;
        seconds--;
    }
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(out, 28, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)(tm.tm_year + 1900) % 10000U,
             (unsigned)(tm.tm_mon + 1) % 100U, (unsigned)tm.tm_mday % 100U, (unsigned)tm.tm_hour % 100U,
             (unsigned)tm.tm_min % 100U, (unsigned)tm.tm_sec % 100U, (unsigned)us % 1000000U);
}
