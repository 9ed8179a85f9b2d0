/* Characters are decoded by hand: what is not well-formed UTF-8 is shown byte by byte. Widths come from
 * libc's table for UTF-8, through a locale object of our own, so that the process's locale plays no part. */
#include "cli/safe.h"
#include <locale.h>
#include <wchar.h>

/* The character at the beginning: its length in bytes, or 0 where it is not UTF-8. */
static size_t decode(struct bytes text, uint32_t *out)
{
    uint8_t first = text.p[0];
    size_t n = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 0;
    if (n == 0 || n > text.n) return 0;
    if (n == 1) {
        *out = first;
        return 1;
    }
    if (!bytes_is_utf8(bytes_make(text.p, n))) return 0;
    uint32_t c = first & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (text.p[i] & 0x3F);
    *out = c;
    return n;
}

/* Characters that are well formed and still must not reach a terminal as they are: the marks of bidirectional
 * text, separators of lines and paragraphs, invisible joiners and tags, private "interlinear" marks. */
static bool misleads(uint32_t c)
{
    return (c >= 0x80 && c < 0xA0) || c == 0xAD || c == 0x61C || c == 0x180E ||
           (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
           c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE0FFF);
}

void safe_append(struct buf *out, struct bytes text, enum safe_lines lines)
{
    while (text.n) {
        uint32_t c = 0;
        size_t n = decode(text, &c);
        if (n == 0)
            buf_printf(out, "\\x%02x", text.p[0]);
        else if ((c == '\n' || c == '\t') && lines == SAFE_LINES)
            buf_put_u8(out, (uint8_t)c);
        else if (c == '\n' || c == '\t' || c == '\r')
            buf_append_text(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\x%02x", c);
        else if (misleads(c))
            buf_printf(out, c > 0xFFFF ? "\\U%06x" : "\\u%04x", c);
        else
            buf_append(out, bytes_make(text.p, n));
        text = bytes_slice(text, n ? n : 1, text.n);
    }
}

size_t safe_width(struct bytes text)
{
    size_t width = 0;
    bool plain = true;
    for (size_t i = 0; i < text.n; i++)
        plain &= text.p[i] < 0x80;
    if (plain) return text.n;
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    while (text.n) {
        uint32_t c = 0;
        size_t n = decode(text, &c);
        int columns = n > 1 && utf8 ? wcwidth((wchar_t)c) : 1;
        width += columns < 0 ? 1 : (size_t)columns;
        text = bytes_slice(text, n ? n : 1, text.n);
    }
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return width;
}
