/* Any bytes as a text, and edits at token boundaries picked by them. Oracles: what is left when the
 * insertions are taken out is the text; the place of each of its characters comes back; edits move onto the
 * text itself unchanged. */
#include "sql/edits.h"
#include "sql/safe.h"
#include "sql/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EDITS = 16 };

static size_t pick(struct bytes text, uint8_t every, struct sql_edit *edits)
{
    static const char *const inserts[] = { "public.", "\"\xc3\xa9\xe2\x86\x92\".", "x" };
    size_t n = 0, count = 0;
    for (size_t at = 0; at < text.n && n < EDITS; count++) {
        if (count % (every % 7 + 1) == 0)
            edits[n++] = (struct sql_edit){ (uint32_t)at, bytes_of(inserts[n % 3]) };
        at += token_at(text, at).text.n;
    }
    return n;
}

static uint32_t characters(struct bytes b)
{
    uint32_t n = 0;
    for (size_t i = 0; i < b.n; i++)
        n += (b.p[i] & 0xc0) != 0x80;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sql_edit edits[EDITS], moved[EDITS];
    if (size == 0) return 0;
    struct bytes text = bytes_make(data + 1, size - 1);
    if (!bytes_is_utf8(text)) return 0;
    size_t n = pick(text, data[0], edits), from = 0;
    struct buf out;
    buf_init(&out, 1 << 24);
    sql_edits_apply(text, edits, n, &out);
    struct bytes edited = buf_bytes(&out);
    size_t at = 0;
    for (size_t i = 0; i <= n; i++) {
        size_t end = i < n ? edits[i].at : text.n;
        CHECK(bytes_equal(bytes_slice(edited, at, end - from), bytes_slice(text, from, end - from)));
        /* Of each part, the first and the last character. */
        uint32_t here = characters(bytes_slice(edited, 0, at)),
                 there = characters(bytes_slice(text, 0, from));
        if (end > from) {
            uint32_t length = characters(bytes_slice(text, from, end - from));
            CHECK(sql_edits_place_back(text, edits, n, here + 1) == there + 1);
            CHECK(sql_edits_place_back(text, edits, n, here + length) == there + length);
        }
        at += end - from;
        from = end;
        if (i == n) break;
        CHECK(bytes_equal(bytes_slice(edited, at, edits[i].insert.n), edits[i].insert));
        at += edits[i].insert.n;
    }
    CHECK(at == edited.n);
    CHECK(sql_edits_move(text, edits, n, text, moved));
    for (size_t i = 0; i < n; i++)
        CHECK(moved[i].at == edits[i].at && bytes_equal(moved[i].insert, edits[i].insert));
    buf_free(&out);
    return 0;
}
