/* Encoders and decoders, one pair a structure. A decoder checks what later arithmetic relies on (lengths,
 * magic, reserved bytes), never what a hash will check anyway. */
#include "record/format.h"
#include "base/codec.h"
#include "base/cursor.h"

static const char tail_magic[8] = "PSTNTAIL", segment_magic[8] = "PSTNBLKS", block_magic[4] = "PBH2";
enum { VERSION = 1 };

static void frame_head_tail(uint8_t *head, const struct frame *f)
{
    format_put_u32(head + 4, (uint32_t)f->body.n);
    format_put_u64(head + 8, f->session);
    format_put_u32(head + 16, f->sequence);
    format_put_u64(head + 20, (uint64_t)f->time_us);
    head[28] = f->type;
    head[29] = f->flags;
}

void format_frame_head(uint8_t *head, const struct frame *f)
{
    frame_head_tail(head, f);
    format_put_u32(head, codec_crc32c(0, bytes_make(head + FORMAT_FRAME_HEAD_CRC,
                                                    FORMAT_FRAME_HEAD - FORMAT_FRAME_HEAD_CRC + f->body.n)));
}

uint32_t format_frame_crc(const struct frame *f)
{
    uint8_t head[FORMAT_FRAME_HEAD];
    frame_head_tail(head, f);
    uint32_t crc =
        codec_crc32c(0, bytes_make(head + FORMAT_FRAME_HEAD_CRC, FORMAT_FRAME_HEAD - FORMAT_FRAME_HEAD_CRC));
    return codec_crc32c(crc, f->body);
}

bool format_frame_next(struct bytes plain, size_t *at, struct frame *frame_out, uint32_t *crc_out)
{
    struct cursor c = cursor_over(bytes_slice(plain, *at, SIZE_MAX));
    *crc_out = cursor_u32(&c);
    uint32_t length = cursor_u32(&c);
    frame_out->session = cursor_u64(&c);
    frame_out->sequence = cursor_u32(&c);
    frame_out->time_us = (int64_t)cursor_u64(&c);
    frame_out->type = cursor_u8(&c);
    frame_out->flags = cursor_u8(&c);
    frame_out->body = cursor_take(&c, length);
    if (c.failed || length > FORMAT_BODY_MAX) return false;
    *at += FORMAT_FRAME_HEAD + length;
    return true;
}

void format_batch_decode(const uint8_t head[FORMAT_BATCH_HEAD], struct format_batch *b)
{
    b->length = format_get_u32(head);
    b->n_frames = format_get_u32(head + 4);
    b->first_frame = format_get_u64(head + 8);
    memcpy(b->tag, head + 16, sizeof b->tag);
}

void format_batch_nonce(uint32_t lane, uint64_t segment, uint64_t first_frame, uint8_t nonce_out[12])
{
    format_put_u32(nonce_out, lane << 16 | (uint32_t)(segment & 0xFFFF));
    format_put_u64(nonce_out + 4, first_frame);
}

enum { TAIL_USED = 48 + FORMAT_WRAPPED_KEY }; /* then the CRC, then zeros */

void format_tail_encode(const struct format_tail *t, uint8_t out[FORMAT_TAIL_HEAD])
{
    memset(out, 0, FORMAT_TAIL_HEAD);
    memcpy(out, tail_magic, sizeof tail_magic);
    format_put_u32(out + 8, VERSION);
    format_put_u32(out + 12, t->lane);
    format_put_u64(out + 16, t->boot);
    format_put_u64(out + 24, t->number);
    format_put_u64(out + 32, t->size);
    format_put_u64(out + 40, t->leaf);
    memcpy(out + 48, t->wrapped, FORMAT_WRAPPED_KEY);
    format_put_u32(out + TAIL_USED, codec_crc32c(0, bytes_make(out, TAIL_USED)));
}

bool format_tail_decode(const uint8_t in[FORMAT_TAIL_HEAD], struct format_tail *t)
{
    if (memcmp(in, tail_magic, sizeof tail_magic) != 0 || format_get_u32(in + 8) != VERSION ||
        format_get_u32(in + TAIL_USED) != codec_crc32c(0, bytes_make(in, TAIL_USED)))
        return false;
    t->lane = format_get_u32(in + 12);
    t->boot = format_get_u64(in + 16);
    t->number = format_get_u64(in + 24);
    t->size = format_get_u64(in + 32);
    t->leaf = format_get_u64(in + 40);
    memcpy(t->wrapped, in + 48, FORMAT_WRAPPED_KEY);
    return t->lane < FORMAT_LANES_MAX;
}

void format_block_encode(const struct format_block *b, uint8_t out[FORMAT_BLOCK_HEAD])
{
    memcpy(out, block_magic, sizeof block_magic);
    format_put_u32(out + 4, b->flags);
    format_put_u64(out + 8, b->leaf);
    format_put_u64(out + 16, b->session);
    format_put_u32(out + 24, b->number);
    format_put_u32(out + 28, b->first_sequence);
    format_put_u32(out + 32, b->last_sequence);
    format_put_u32(out + 36, b->lane);
    format_put_u64(out + 40, b->boot);
    format_put_u64(out + 48, b->lane_frame);
    format_put_u64(out + 56, (uint64_t)b->first_us);
    format_put_u64(out + 64, (uint64_t)b->sealed_us);
    format_put_u64(out + 72, b->key);
    format_put_u32(out + 80, b->types);
    format_put_u32(out + 84, b->plain_length);
    format_put_u32(out + 88, b->cipher_length);
    memcpy(out + FORMAT_BLOCK_BOUND, b->previous, FORMAT_HASH);
    memcpy(out + FORMAT_BLOCK_BOUND + FORMAT_HASH, b->digest, FORMAT_HASH);
}

bool format_block_decode(const uint8_t in[FORMAT_BLOCK_HEAD], struct format_block *b)
{
    if (memcmp(in, block_magic, sizeof block_magic) != 0) return false;
    b->flags = format_get_u32(in + 4);
    b->leaf = format_get_u64(in + 8);
    b->session = format_get_u64(in + 16);
    b->number = format_get_u32(in + 24);
    b->first_sequence = format_get_u32(in + 28);
    b->last_sequence = format_get_u32(in + 32);
    b->lane = format_get_u32(in + 36);
    b->boot = format_get_u64(in + 40);
    b->lane_frame = format_get_u64(in + 48);
    b->first_us = (int64_t)format_get_u64(in + 56);
    b->sealed_us = (int64_t)format_get_u64(in + 64);
    b->key = format_get_u64(in + 72);
    b->types = format_get_u32(in + 80);
    b->plain_length = format_get_u32(in + 84);
    b->cipher_length = format_get_u32(in + 88);
    memcpy(b->previous, in + FORMAT_BLOCK_BOUND, FORMAT_HASH);
    memcpy(b->digest, in + FORMAT_BLOCK_BOUND + FORMAT_HASH, FORMAT_HASH);
    return (b->flags & ~(uint32_t)(BLOCK_ZSTD | BLOCK_ENDS_SESSION | BLOCK_NO_CRC)) == 0 &&
           b->plain_length <= FORMAT_BLOCK_PLAIN_MAX && b->cipher_length >= 16 &&
           b->cipher_length <= FORMAT_BLOCK_CIPHER_MAX;
}

void format_block_nonce(uint32_t number, uint8_t nonce_out[12])
{
    memset(nonce_out, 0, 8);
    format_put_u32(nonce_out + 8, number);
}

static size_t put_varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    for (; v >= 128; v >>= 7)
        p[n++] = (uint8_t)(v | 128);
    p[n++] = (uint8_t)v;
    return n;
}

/* False: longer than ten bytes, or cut. */
static bool get_varint(struct cursor *c, uint64_t *v_out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cursor_u8(c);
        v |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) {
            *v_out = v;
            return !c->failed;
        }
    }
    return false;
}

void format_packed_put(struct buf *out, const struct frame *f, int64_t previous_us)
{
    uint8_t *p = buf_room(out, format_packed_bound(f->body.n));
    if (!p) return;
    uint64_t ahead = (uint64_t)f->time_us - (uint64_t)previous_us;
    size_t n = 2;
    p[0] = f->type;
    p[1] = f->flags;
    n += put_varint(p + n, f->body.n);
    n += put_varint(p + n, ahead << 1 ^ (uint64_t)((int64_t)ahead >> 63)); /* small either way */
    if (f->body.n) memcpy(p + n, f->body.p, f->body.n);
    buf_added(out, n + f->body.n);
}

bool format_packed_next(struct bytes plain, size_t *at, struct frame *f, uint32_t *crc_out)
{
    struct bytes rest = bytes_slice(plain, *at, SIZE_MAX);
    struct cursor c = cursor_over(rest);
    uint64_t length = 0, zigzag = 0;
    if (crc_out) *crc_out = cursor_u32(&c);
    f->type = cursor_u8(&c);
    f->flags = cursor_u8(&c);
    if (!get_varint(&c, &length) || !get_varint(&c, &zigzag) || length > FORMAT_BODY_MAX) return false;
    f->time_us = (int64_t)((uint64_t)f->time_us + (zigzag >> 1 ^ (0 - (zigzag & 1))));
    f->body = cursor_take(&c, length);
    if (c.failed) return false;
    *at += rest.n - cursor_left(&c);
    return true;
}

void format_segment_encode(uint64_t first_leaf, uint8_t out[FORMAT_SEGMENT_HEAD])
{
    memset(out, 0, FORMAT_SEGMENT_HEAD);
    memcpy(out, segment_magic, sizeof segment_magic);
    format_put_u32(out + 8, VERSION);
    format_put_u64(out + 16, first_leaf);
}

bool format_segment_decode(const uint8_t in[FORMAT_SEGMENT_HEAD], uint64_t *first_leaf_out)
{
    uint8_t expected[FORMAT_SEGMENT_HEAD];
    *first_leaf_out = format_get_u64(in + 16);
    format_segment_encode(*first_leaf_out, expected);
    return memcmp(in, expected, sizeof expected) == 0;
}
