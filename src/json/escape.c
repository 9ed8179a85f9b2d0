/* Escaping for JSON strings (RFC 8259, section 7), and more than it asks: what a terminal or a reader's eye
 * could be misled by is escaped too. Runs of harmless bytes are copied whole. */
#include "json/writer.h"

/* The length of the UTF-8 character at p and its code point; 0 where the bytes are none (shortest forms only,
 * no surrogates, at most U+10FFFF: RFC 3629). */
static size_t utf8_decode(const uint8_t *p, size_t n, uint32_t *point_out)
{
    if (p[0] < 0x80) {
        *point_out = p[0];
        return 1;
    }
    size_t length = p[0] >= 0xC2 && p[0] < 0xE0   ? 2
                    : (p[0] & 0xF0) == 0xE0       ? 3
                    : p[0] >= 0xF0 && p[0] < 0xF5 ? 4
                                                  : 0;
    if (length == 0 || length > n) return 0;
    uint32_t point = p[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        point = point << 6 | (p[i] & 0x3F);
    }
    if ((length == 3 && point < 0x800) || (length == 4 && point < 0x10000)) return 0;
    if ((point >= 0xD800 && point < 0xE000) || point > 0x10FFFF) return 0;
    *point_out = point;
    return length;
}

static bool point_is_misleading(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0)          /* C0, DEL, C1 */
           || (point >= 0x2028 && point <= 0x202E)                  /* separators; embeddings and overrides */
           || (point >= 0x2066 && point <= 0x2069)                  /* isolates */
           || point == 0x200E || point == 0x200F || point == 0x061C /* direction marks */
           || point == 0xFEFF;
}

static void escape_point(struct buf *out, uint32_t point)
{
    static const char digits[] = "0123456789abcdef";
    switch (point) {
    case '"': buf_append(out, BYTES_LITERAL("\\\"")); return;
    case '\\': buf_append(out, BYTES_LITERAL("\\\\")); return;
    case '\n': buf_append(out, BYTES_LITERAL("\\n")); return;
    case '\r': buf_append(out, BYTES_LITERAL("\\r")); return;
    case '\t': buf_append(out, BYTES_LITERAL("\\t")); return;
    }
    char six[6] = { '\\',
                    'u',
                    digits[point >> 12 & 15],
                    digits[point >> 8 & 15],
                    digits[point >> 4 & 15],
                    digits[point & 15] };
    buf_append(out, bytes_make(six, sizeof six));
}

static bool byte_is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

void json_escape(struct buf *out, struct bytes text)
{
    size_t copied = 0, i = 0;
    while (i < text.n) {
        while (i < text.n && byte_is_plain(text.p[i]))
            i++;
        if (i == text.n) break;
        uint32_t point = 0xFFFD;
        size_t length = utf8_decode(text.p + i, text.n - i, &point);
        if (length > 1 && !point_is_misleading(point)) {
            i += length;
            continue;
        }
        buf_append(out, bytes_slice(text, copied, i - copied));
        escape_point(out, point);
        i += length ? length : 1;
        copied = i;
    }
    buf_append(out, bytes_slice(text, copied, text.n - copied));
}
