/* An arena: memory that is freed all at once, at the end of the lifetime it was made for (a configuration
 * snapshot, a session, a statement). It takes its ceiling when it is made; an allocation past it yields NULL,
 * which the caller turns into an outcome. Resetting keeps the first chunk, so that a steady load touches
 * malloc only in the beginning. */
#ifndef POSTERN_BASE_ARENA_H
#define POSTERN_BASE_ARENA_H
#include "base/bytes.h"
#include "base/check.h"
#include <stdarg.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* newest first */
    uint8_t *at, *end;          /* the free part of the newest chunk */
    size_t used, ceiling, chunk_size;
};

/* No memory is taken before the first allocation. chunk_size: the usual size of a chunk, in bytes. */
void arena_init(struct arena *a, size_t chunk_size, size_t ceiling);
/* Frees all but the oldest chunk; everything that the arena gave out is gone. */
void arena_reset(struct arena *a);
/* Overwrites everything that it ever gave out and still holds; what it gave out is gone then. */
void arena_wipe(struct arena *a);
/* Frees everything; the arena may be used again. */
void arena_free(struct arena *a);

/* n bytes, zeroed, aligned for any object; NULL past the ceiling or where the system has no memory. */
void *arena_alloc(struct arena *a, size_t n) MUST_USE;
/* A copy with a NUL behind it that does not count; p == NULL where there was no room. */
struct bytes arena_copy(struct arena *a, struct bytes b) MUST_USE;
/* A copy as a C string; stops at no NUL: the caller knows that there is none inside. NULL where there was no
 * room. */
char *arena_string(struct arena *a, struct bytes b) MUST_USE;
/* Formatted text, NUL behind it; p == NULL where there was no room. */
struct bytes arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3) MUST_USE;
struct bytes arena_vprintf(struct arena *a, const char *format, va_list args) MUST_USE;

#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_alloc_array((a), (count), sizeof(type)))
void *arena_alloc_array(struct arena *a, size_t count, size_t size) MUST_USE;
#endif
