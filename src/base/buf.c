/* One allocation, content in the middle; it is moved to the front before the allocation grows. */
#include "base/buf.h"
#include "base/secret.h"
#include <stdio.h>
#include <stdlib.h>

enum { BUF_SMALLEST = 256 };

void buf_init(struct buf *b, size_t ceiling)
{
    *b = (struct buf){ .ceiling = ceiling };
}

void buf_free(struct buf *b)
{
    free(b->data);
    buf_init(b, b->ceiling);
}

void buf_wipe(struct buf *b)
{
    if (!b->data) return;
    secret_wipe(b->data, b->start);
    secret_wipe(b->data + b->end, b->size - b->end);
}

void buf_release(struct buf *b)
{
    if (b->start != b->end) return;
    free(b->data);
    b->data = NULL;
    b->start = b->end = b->size = 0;
}

uint8_t *buf_room(struct buf *b, size_t n)
{
    size_t length = buf_length(b);
    if (b->failed) return NULL;
    if (b->size - b->end >= n && b->data) return b->data + b->end;
    if (n > b->ceiling || length > b->ceiling - n) {
        b->failed = true;
        return NULL;
    }
    if (b->start >= length && b->size >= length + n && b->data) {
        memcpy(b->data, b->data + b->start, length);
    } else {
        size_t size = b->size ? b->size : BUF_SMALLEST;
        while (size < length + n)
            size *= 2;
        if (size > b->ceiling) size = b->ceiling;
        uint8_t *data = malloc(size);
        if (!data) {
            b->failed = true;
            return NULL;
        }
        if (length) memcpy(data, b->data + b->start, length);
        if (b->data)
            secret_wipe(b->data,
                        b->size); /* what is in it may have to be wiped later, and is out of reach then */
        free(b->data);
        b->data = data;
        b->size = size;
    }
    b->start = 0;
    b->end = length;
    return b->data + b->end;
}

void buf_append(struct buf *b, struct bytes bytes)
{
    uint8_t *room = bytes.n ? buf_room(b, bytes.n) : NULL;
    if (!room) return;
    memcpy(room, bytes.p, bytes.n);
    b->end += bytes.n;
}

void buf_append_text(struct buf *b, const char *text)
{
    buf_append(b, bytes_of(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    uint8_t *room = n >= 0 ? buf_room(b, (size_t)n + 1) : NULL;
    if (!room) return;
    va_start(args, format);
    vsnprintf((char *)room, (size_t)n + 1, format, args);
    va_end(args);
    b->end += (size_t)n;
}

void buf_put_u8(struct buf *b, uint8_t value)
{
    buf_append(b, bytes_make(&value, 1));
}

void buf_put_u16(struct buf *b, uint16_t value)
{
    uint8_t raw[2] = { (uint8_t)(value >> 8), (uint8_t)value };
    buf_append(b, bytes_make(raw, sizeof raw));
}

void buf_put_u32(struct buf *b, uint32_t value)
{
    uint32_t raw = __builtin_bswap32(value);
    buf_append(b, bytes_make(&raw, sizeof raw));
}

void buf_put_u64(struct buf *b, uint64_t value)
{
    uint64_t raw = __builtin_bswap64(value);
    buf_append(b, bytes_make(&raw, sizeof raw));
}

void buf_put_cstring(struct buf *b, struct bytes text)
{
    buf_append(b, text);
    buf_put_u8(b, 0);
}

void buf_put_counted(struct buf *b, struct bytes bytes)
{
    CHECK(bytes.n <= UINT32_MAX);
    buf_put_u32(b, (uint32_t)bytes.n);
    buf_append(b, bytes);
}

void buf_patch_u32(struct buf *b, size_t at, uint32_t value)
{
    uint32_t raw = __builtin_bswap32(value);
    if (b->failed) return;
    CHECK(at + sizeof raw <= buf_length(b));
    memcpy(b->data + b->start + at, &raw, sizeof raw);
}
