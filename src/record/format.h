/* The log's structures as bytes, and back: pure, no file is touched. What each field means stands in
 * doc/log-format.md. Numbers are big-endian. Decoders take hostile bytes. */
#ifndef POSTERN_RECORD_FORMAT_H
#define POSTERN_RECORD_FORMAT_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "record/frame.h"

enum {
    FORMAT_BODY_MAX = (1 << 20) - (64 << 10), /* the longest body of one frame */
    FORMAT_FRAME_HEAD = 30,                   /* before each body in a batch */
    FORMAT_FRAME_HEAD_CRC = 4,                /* the CRC stands first and covers what is behind it */
    FORMAT_BATCH_HEAD = 32,
    FORMAT_BATCH_MAX = 1 << 20, /* the longest batch, head not counted */
    FORMAT_TAIL_HEAD = 4096,    /* a page; batches begin behind it */
    FORMAT_BLOCK_HEAD = 156,
    FORMAT_BLOCK_BOUND = 92, /* the part of a block's head that the ciphertext's tag covers */
    FORMAT_BLOCK_PLAIN_MAX = 2 << 20,
    FORMAT_BLOCK_CIPHER_MAX = (2 << 20) + (64 << 10),
    FORMAT_ENTRY = FORMAT_BLOCK_HEAD + 8, /* in a .heads file: a head and where its block stands */
    FORMAT_SEGMENT_HEAD = 64,
    FORMAT_WRAPPED_KEY = 60,
    FORMAT_KEY = 80, /* in the keys file */
    FORMAT_HASH = 32,
    FORMAT_LANES_MAX = 256,
};

static inline void format_put_u32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}
static inline void format_put_u64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}
static inline uint32_t format_get_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}
static inline uint64_t format_get_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

/* A frame as it stands in a batch: head, then the body. Writes the head for a body that already stands behind
 * it, CRC-32C included. */
void format_frame_head(uint8_t *head, const struct frame *frame);
/* The CRC-32C that a frame carries, over its head (without the CRC) and body. */
uint32_t format_frame_crc(const struct frame *frame);
/* The next frame of a batch's plaintext, from *at, which moves behind it; *crc_out is the one that it
 * carries, unchecked. False: malformed. */
bool format_frame_next(struct bytes plain, size_t *at, struct frame *frame_out, uint32_t *crc_out) MUST_USE;

/* The head of a batch. Its nonce is lane, segment and number of its first frame: unique under a boot key, and
 * a batch that a reused segment still holds from earlier does not open. */
struct format_batch {
    uint32_t length, n_frames;
    uint64_t first_frame; /* counted per lane since the log was opened, from 1 */
    uint8_t tag[16];
};
void format_batch_decode(const uint8_t head[FORMAT_BATCH_HEAD], struct format_batch *batch_out);
void format_batch_nonce(uint32_t lane, uint64_t segment, uint64_t first_frame, uint8_t nonce_out[12]);
/* What a batch takes in a tail segment. */
static inline size_t format_batch_size(size_t length)
{
    return (FORMAT_BATCH_HEAD + length + 7) & ~(size_t)7;
}

/* The head of a tail segment. */
struct format_tail {
    uint32_t lane;
    uint64_t boot;   /* random, one for each opening of the log */
    uint64_t number; /* from 0, per lane and boot */
    uint64_t size;   /* of the file */
    uint64_t leaf;   /* the log had this many blocks when the segment was made: its frames are not in them */
    uint8_t wrapped[FORMAT_WRAPPED_KEY]; /* the boot key */
};
void format_tail_encode(const struct format_tail *tail, uint8_t out[FORMAT_TAIL_HEAD]);
/* False: not a tail segment, or its head is torn. */
bool format_tail_decode(const uint8_t in[FORMAT_TAIL_HEAD], struct format_tail *tail_out) MUST_USE;

/* BLOCK_NO_CRC: what its frames are is vouched for by its tag alone. Blocks written by earlier versions have
 * a CRC in each frame. */
enum { BLOCK_ZSTD = 1, BLOCK_ENDS_SESSION = 2, BLOCK_NO_CRC = 4 };
struct format_block {
    uint32_t flags;
    uint64_t leaf, session;
    uint32_t number; /* within the session, from 1 */
    uint32_t first_sequence, last_sequence;
    uint32_t lane;
    uint64_t boot, lane_frame; /* the number of the last frame in its lane */
    int64_t first_us, sealed_us;
    uint64_t key;   /* index in the keys file */
    uint32_t types; /* of the frames: frame_type_bit of each */
    uint32_t plain_length, cipher_length;
    uint8_t previous[FORMAT_HASH]; /* leaf hash of the session's previous block, or zeros */
    uint8_t digest[FORMAT_HASH];   /* SHA-256 of the ciphertext, tag included */
};
void format_block_encode(const struct format_block *block, uint8_t out[FORMAT_BLOCK_HEAD]);
/* False: not a head, or lengths out of bounds. */
bool format_block_decode(const uint8_t in[FORMAT_BLOCK_HEAD], struct format_block *block_out) MUST_USE;
void format_block_nonce(uint32_t number, uint8_t nonce_out[12]);

/* Frames inside a block: type, flags, length and time difference as variable-length numbers, body. Session
 * and sequence follow from the head. Most bytes that a frame of n bytes takes: */
static inline size_t format_packed_bound(size_t body)
{
    return 2 + 5 + 10 + body;
}
void format_packed_put(struct buf *out, const struct frame *frame, int64_t previous_us);
/* The next frame, from *at, which moves behind it. frame->time_us holds the previous frame's time (the head's
 * first_us for the first) and gets this one's; session and sequence are left alone. crc_out: NULL in a block
 * without them. False: malformed. */
bool format_packed_next(struct bytes plain, size_t *at, struct frame *frame, uint32_t *crc_out) MUST_USE;

void format_segment_encode(uint64_t first_leaf, uint8_t out[FORMAT_SEGMENT_HEAD]);
bool format_segment_decode(const uint8_t in[FORMAT_SEGMENT_HEAD], uint64_t *first_leaf_out) MUST_USE;
#endif
