/* Whatever comes in, what comes out is UTF-8 of one line, with no '<' or '>' and no '&' but of an escape, no
 * invisible mark but our own joiner, and no link or mention that a reader of Markdown would see. */
#include "base/check.h"
#include "notify/plain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool has(struct bytes text, const char *what)
{
    return bytes_find(text, bytes_of(what)) >= 0;
}

static bool escape_follows(struct bytes rest)
{
    return bytes_starts_with(rest, "&lt;") || bytes_starts_with(rest, "&gt;") ||
           bytes_starts_with(rest, "&amp;");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes in = bytes_make(data, n);
    struct buf out;
    buf_init(&out, n * 8 + 64);
    plain_append(&out, in);
    struct bytes text = buf_bytes(&out);
    CHECK(!out.failed && (text.n == 0 || bytes_is_utf8(text)));
    for (size_t i = 0; i < text.n; i++) {
        CHECK(text.p[i] >= ' ' && text.p[i] != 0x7F && text.p[i] != '<' && text.p[i] != '>');
        CHECK(text.p[i] != '&' || escape_follows(bytes_slice(text, i, 5)));
        if (text.p[i] == '@' && i > 0 && text.p[i - 1] == ' ')
            CHECK(bytes_starts_with(bytes_slice(text, i + 1, 3), "\xE2\x81\xA0"));
    }
    CHECK(!has(text, "://") && !has(text, "](") && !has(text, "\xE2\x80\xAE") && !has(text, "\xE2\x80\x8B"));
    for (size_t most = 0; most < 8 && bytes_is_utf8(in); most++) {
        struct bytes cut = plain_cut(in, most);
        CHECK(cut.n <= most && (cut.n == 0 || bytes_is_utf8(cut)) && (in.n <= most || cut.n + 3 >= most));
    }
    buf_free(&out);
    return 0;
}
