/* The decoders of the log over hostile bytes. What decodes must be the same again after encoding and
 * decoding; cursors move forward and stay inside. The first byte picks the decoder. */
#include "base/check.h"
#include "base/cursor.h"
#include "record/checkpoint.h"
#include "record/format.h"
#include "record/pack.h"
#include "record/shrink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct frame *a, const struct frame *b)
{
    return a->type == b->type && a->flags == b->flags && a->time_us == b->time_us &&
           bytes_equal(a->body, b->body);
}

/* with_crc: as earlier versions wrote them. Nobody writes those any more: what follows the CRC is as ever. */
static void try_packed(struct bytes in, bool with_crc)
{
    struct frame f = { .time_us = 1795250000000000 };
    uint32_t crc;
    struct buf out;
    buf_init(&out, 4 << 20);
    for (size_t at = 0, before = 0; at < in.n; before = at) {
        int64_t previous = f.time_us;
        if (!format_packed_next(in, &at, &f, with_crc ? &crc : NULL)) break;
        CHECK(at > before && at <= in.n);
        size_t start = buf_length(&out), end = start;
        format_packed_put(&out, &f, previous);
        if (out.failed) break;
        struct frame again = { .time_us = previous };
        CHECK(format_packed_next(buf_bytes(&out), &end, &again, NULL));
        CHECK(same(&f, &again) && end == buf_length(&out));
        CHECK(end - start + (with_crc ? 4 : 0) <=
              at - before); /* numbers are written in their shortest form */
    }
    buf_free(&out);
}

static void try_packed_now(struct bytes in)
{
    try_packed(in, false);
}

static void try_packed_before(struct bytes in)
{
    try_packed(in, true);
}

static void try_batch(struct bytes in)
{
    static uint8_t copy[FORMAT_FRAME_HEAD + 4096];
    struct frame f, again;
    uint32_t crc;
    for (size_t at = 0, before = 0; at < in.n; before = at) {
        if (!format_frame_next(in, &at, &f, &crc)) break;
        CHECK(at == before + FORMAT_FRAME_HEAD + f.body.n && at <= in.n);
        if (f.body.n > 4096) continue;
        if (f.body.n) memcpy(copy + FORMAT_FRAME_HEAD, f.body.p, f.body.n);
        format_frame_head(copy, &f);
        size_t end = 0;
        CHECK(format_frame_next(bytes_make(copy, FORMAT_FRAME_HEAD + f.body.n), &end, &again, &crc));
        CHECK(same(&f, &again) && f.session == again.session && f.sequence == again.sequence);
        CHECK(crc == format_frame_crc(&f));
    }
}

static void try_heads(struct bytes in)
{
    uint8_t raw[FORMAT_BLOCK_HEAD], page[FORMAT_TAIL_HEAD] = { 0 }, page_again[FORMAT_TAIL_HEAD];
    struct format_block block;
    struct format_tail tail;
    uint64_t leaf;
    if (in.n >= FORMAT_BLOCK_HEAD && format_block_decode(in.p, &block)) {
        format_block_encode(&block, raw);
        CHECK(memcmp(raw, in.p, sizeof raw) == 0); /* every byte of a head means something */
    }
    if (in.n >= FORMAT_SEGMENT_HEAD && format_segment_decode(in.p, &leaf)) {
        format_segment_encode(leaf, raw);
        CHECK(memcmp(raw, in.p, FORMAT_SEGMENT_HEAD) == 0);
    }
    memcpy(page, in.p, in.n < sizeof page ? in.n : sizeof page);
    if (format_tail_decode(page, &tail)) {
        format_tail_encode(&tail, page_again);
        CHECK(memcmp(page, page_again, 112) == 0);
    }
}

static void try_checkpoints(struct bytes in)
{
    struct checkpoint c;
    for (size_t at = 0, before = 0; at < in.n && checkpoint_next(in, &at, &c); before = at) {
        CHECK(at > before && at <= in.n && at - before <= (size_t)6 * CHECKPOINT_MAX);
        CHECK(c.signed_text.p == in.p + before && checkpoint_origin_fits(c.origin));
    }
}

static void count(void *context, struct bytes name, struct bytes value)
{
    (void)value;
    *(unsigned *)context += 1 + (name.n == 0);
}

static void try_fields(struct bytes in)
{
    unsigned n = 0;
    if (frame_fields_each(in, count, &n)) CHECK(n >= (unsigned)(in.p[0] << 8 | in.p[1]));
    uint64_t id;
    char text[14], text_again[14];
    if (session_id_parse(in, &id)) {
        session_id_format(id, text);
        uint64_t again = 0;
        CHECK(session_id_parse(bytes_of(text), &again) && again == id);
        session_id_format(again, text_again);
        CHECK(memcmp(text, text_again, 14) == 0);
    }
}

/* As a body that came from somewhere: it expands within its room or not at all. As one that was appended,
 * repeated until it is long enough to be shrunk: it comes back. */
static void try_shrink(struct bytes in)
{
    static struct shrink shrink;
    static ZSTD_DCtx *zstd;
    static uint8_t out[FORMAT_BODY_MAX], body[SHRINK_BULK + 4096];
    size_t n = 0;
    if (!zstd) CHECK(shrink_init(&shrink) && (zstd = ZSTD_createDCtx()));
    if (shrink_expand(zstd, in, out, &n)) CHECK(n <= sizeof out);
    if (in.n == 0) return;
    size_t length = (in.p[0] & 1 ? SHRINK_LEAST : SHRINK_BULK) + in.n % 4096;
    for (size_t i = 0; i < length; i++)
        body[i] = in.p[i % in.n];
    shrink.pass = 0;
    struct bytes small = shrink_body(&shrink, bytes_make(body, length));
    if (small.n == 0) return;
    CHECK(small.n < length && shrink_expand(zstd, small, out, &n));
    CHECK(bytes_equal(bytes_make(out, n), bytes_make(body, length)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct bytes) = { try_packed_now,   try_batch,  try_heads,
                                                   try_checkpoints,  try_fields, try_shrink,
                                                   try_packed_before };
    if (size < 1) return 0;
    tries[data[0] % 7](bytes_make(data + 1, size - 1));
    return 0;
}
