/* Chunks in a list, a bump pointer in the newest. `used` counts what was taken from the system. */
#include "base/arena.h"
#include "base/secret.h"
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* of data */
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *a, size_t chunk_size, size_t ceiling)
{
    *a = (struct arena){ .ceiling = ceiling, .chunk_size = chunk_size };
}

static void arena_drop_until(struct arena *a, struct arena_chunk *keep)
{
    while (a->chunks != keep) {
        struct arena_chunk *c = a->chunks;
        a->chunks = c->older;
        a->used -= c->size + sizeof *c;
        free(c);
    }
}

void arena_reset(struct arena *a)
{
    if (!a->chunks) return;
    struct arena_chunk *oldest = a->chunks;
    while (oldest->older)
        oldest = oldest->older;
    arena_drop_until(a, oldest);
    a->at = oldest->data;
    a->end = oldest->data + oldest->size;
}

void arena_free(struct arena *a)
{
    arena_drop_until(a, NULL);
    a->at = a->end = NULL;
}

void arena_wipe(struct arena *a)
{
    for (struct arena_chunk *c = a->chunks; c; c = c->older)
        secret_wipe(c->data, c->size);
    arena_reset(a);
}

static bool arena_grow(struct arena *a, size_t n)
{
    size_t size = n > a->chunk_size ? n : a->chunk_size;
    if (size > SIZE_MAX - sizeof(struct arena_chunk)) return false;
    size_t total = size + sizeof(struct arena_chunk);
    if (a->ceiling < a->used || total > a->ceiling - a->used) return false;
    struct arena_chunk *c = malloc(total);
    if (!c) return false;
    *c = (struct arena_chunk){ .older = a->chunks, .size = size };
    a->chunks = c;
    a->used += total;
    a->at = c->data;
    a->end = c->data + size;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t rounded = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (rounded < n) return NULL;
    if ((size_t)(a->end - a->at) < rounded && !arena_grow(a, rounded)) return NULL;
    if (!a->at) return arena_grow(a, 1) ? arena_alloc(a, n) : NULL;
    void *p = a->at;
    a->at += rounded;
    memset(p, 0, rounded);
    return p;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(a, total);
}

struct bytes arena_copy(struct arena *a, struct bytes b)
{
    uint8_t *p = b.n < SIZE_MAX ? arena_alloc(a, b.n + 1) : NULL;
    if (p && b.n) memcpy(p, b.p, b.n);
    return bytes_make(p, p ? b.n : 0);
}

char *arena_string(struct arena *a, struct bytes b)
{
    return (char *)arena_copy(a, b).p;
}

struct bytes arena_vprintf(struct arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *p = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
    if (p) vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return bytes_make(p, p ? (size_t)n : 0);
}

struct bytes arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(a, format, args);
    va_end(args);
    return text;
}
