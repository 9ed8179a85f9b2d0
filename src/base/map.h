/* A hash map from bytes to a pointer. Keys are copied. The hash is keyed with a random seed, so that a client
 * that picks names cannot make it slow. It takes its ceiling (entries) when it is made. */
#ifndef POSTERN_BASE_MAP_H
#define POSTERN_BASE_MAP_H
#include "base/bytes.h"
#include "base/check.h"

struct map_entry;
struct map {
    struct map_entry **slots;
    size_t n_slots, n, ceiling;
    uint64_t seed;
};

void map_init(struct map *m, size_t ceiling, uint64_t seed);
/* free_value (may be NULL) is called for each value. The map is empty then and may be used again. */
void map_free(struct map *m, void (*free_value)(void *));
/* NULL where the key is not there. */
void *map_get(const struct map *m, struct bytes key);
enum map_put { MAP_FULL = 0, MAP_ADDED, MAP_REPLACED };
/* *old_out (may be NULL) gets the value that was replaced. MAP_FULL: the ceiling or no memory; nothing
 * changed. value is not NULL. */
enum map_put map_put(struct map *m, struct bytes key, void *value, void **old_out) MUST_USE;
/* Removes and returns the value; NULL where the key is not there. */
void *map_take(struct map *m, struct bytes key);
/* Calls visit for each pair, in no order; visit must not change the map. */
void map_each(const struct map *m, void (*visit)(void *context, struct bytes key, void *value),
              void *context);
/* A 64-bit hash that an attacker who does not know the seed cannot aim. */
uint64_t map_hash(struct bytes key, uint64_t seed);
#endif
