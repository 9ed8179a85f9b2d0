/* A growable byte queue with a ceiling: bytes are appended at the end and consumed from the front. Used for
 * everything between a socket and a codec, and for text of unknown length. An empty buffer holds no memory
 * once it was released. Appending past the ceiling (or out of memory) sets `failed`, which stays until
 * buf_free: the caller checks once, at the end. */
#ifndef POSTERN_BASE_BUF_H
#define POSTERN_BASE_BUF_H
#include "base/bytes.h"
#include "base/check.h"
#include <stdarg.h>

struct buf {
    uint8_t *data;
    size_t start, end, size; /* data[start..end) is content; size is what was allocated */
    size_t ceiling;
    bool failed;
};

void buf_init(struct buf *b, size_t ceiling);
/* Wipes nothing; the buffer may be used again with the same ceiling. */
void buf_free(struct buf *b);
/* Overwrites what is not content any more: it may have held a secret. */
void buf_wipe(struct buf *b);
/* Gives the memory back if there is no content. */
void buf_release(struct buf *b);

static inline size_t buf_length(const struct buf *b)
{
    return b->end - b->start;
}
/* Valid until the next call that changes b. */
static inline struct bytes buf_bytes(const struct buf *b)
{
    return b->data ? bytes_make(b->data + b->start, b->end - b->start) : (struct bytes){ 0 };
}
/* Room for at least n more bytes, contiguous; NULL and failed past the ceiling. buf_added says how many were
 * put there. */
uint8_t *buf_room(struct buf *b, size_t n) MUST_USE;
static inline size_t buf_free_space(const struct buf *b)
{
    return b->size - b->end;
}
static inline void buf_added(struct buf *b, size_t n)
{
    CHECK(n <= b->size - b->end);
    b->end += n;
}
static inline void buf_consume(struct buf *b, size_t n)
{
    CHECK(n <= b->end - b->start);
    b->start += n;
    if (b->start == b->end) b->start = b->end = 0;
}

void buf_append(struct buf *b, struct bytes bytes);
void buf_append_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Network byte order, as PostgreSQL's protocol and our log have it. */
void buf_put_u8(struct buf *b, uint8_t value);
void buf_put_u16(struct buf *b, uint16_t value);
void buf_put_u32(struct buf *b, uint32_t value);
void buf_put_u64(struct buf *b, uint64_t value);
/* The bytes and a NUL behind them. */
void buf_put_cstring(struct buf *b, struct bytes text);
/* A length (u32) and the bytes. */
void buf_put_counted(struct buf *b, struct bytes bytes);
/* Overwrites four bytes at `at`, counted from the start of the content. */
void buf_patch_u32(struct buf *b, size_t at, uint32_t value);
#endif
