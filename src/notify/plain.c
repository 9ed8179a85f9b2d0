/* Decoding is strict UTF-8 (bytes_is_utf8 for each character), so that no other reading of the bytes is
 * possible behind us. */
#include "notify/plain.h"
#include <stdint.h>

/* The bytes of the character that begins here; 0: it is none. */
static size_t character(struct bytes text, uint32_t *code_out)
{
    uint8_t c = text.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 0;
    if (n == 0 || n > text.n) return 0;
    if (c && !bytes_is_utf8(bytes_slice(text, 0, n))) return 0;
    uint32_t code = n == 1 ? c : c & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (text.p[i] & 0x3F);
    *code_out = code;
    return n;
}

struct bytes plain_cut(struct bytes text, size_t most)
{
    if (text.n <= most) return text;
    size_t n = most;
    while (n && most - n < 4 && (text.p[n] & 0xC0) == 0x80)
        n--;
    return bytes_slice(text, 0, n);
}

static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x34F || c == 0x61C ||
           (c >= 0x115F && c <= 0x1160) || (c >= 0x17B4 && c <= 0x17B5) || (c >= 0x180B && c <= 0x180F) ||
           (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
           c == 0x3164 || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF || c == 0xFFA0 ||
           (c >= 0xFFF0 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE0FFF);
}

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static void put(struct buf *out, struct bytes one, uint32_t c)
{
    if (is_hidden(c))
        buf_append_text(out, "\xEF\xBF\xBD");
    else if (c == '<')
        buf_append_text(out, "&lt;");
    else if (c == '>')
        buf_append_text(out, "&gt;");
    else if (c == '&')
        buf_append_text(out, "&amp;");
    else
        buf_append(out, one);
}

void plain_append(struct buf *out, struct bytes text)
{
    static const char joiner[] = "\xE2\x81\xA0";
    uint32_t before = 0;
    while (text.n) {
        uint32_t c = 0;
        size_t n = character(text, &c);
        if (n == 0) {
            c = 0;
            n = 1;
        }
        struct bytes rest = bytes_slice(text, n, text.n);
        put(out, bytes_slice(text, 0, n), c);
        bool names = c == '@' && !is_word(before), links = c == ':' && rest.n && rest.p[0] == '/';
        if (names || links || (c == ']' && rest.n && rest.p[0] == '(')) buf_append_text(out, joiner);
        before = c;
        text = rest;
    }
}
