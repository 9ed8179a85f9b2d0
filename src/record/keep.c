/* A map for finding, a list for the order of use. An entry knows its key, so that the oldest can be taken out
 * of the map as well. */
#include "record/keep.h"
#include "crypto/random.h"
#include <stdlib.h>

enum { ENTRIES_CEILING = 1 << 22 };

struct keep_entry {
    struct keep_entry *newer, *older;
    void *value;
    size_t cost, n_key;
    uint8_t key[];
};

void keep_init(struct keep *k, size_t ceiling, void (*free_value)(void *value))
{
    *k = (struct keep){ .ceiling = ceiling, .free_value = free_value };
    map_init(&k->map, ENTRIES_CEILING, random_u64());
}

static void take_out(struct keep *k, struct keep_entry *e)
{
    *(e->newer ? &e->newer->older : &k->newest) = e->older;
    *(e->older ? &e->older->newer : &k->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void put_in_front(struct keep *k, struct keep_entry *e)
{
    e->older = k->newest;
    *(k->newest ? &k->newest->newer : &k->oldest) = e;
    k->newest = e;
}

static void drop(struct keep *k, struct keep_entry *e)
{
    take_out(k, e);
    map_take(&k->map, bytes_make(e->key, e->n_key));
    k->cost -= e->cost;
    k->free_value(e->value);
    free(e);
}

void keep_free(struct keep *k)
{
    while (k->oldest)
        drop(k, k->oldest);
    map_free(&k->map, NULL);
}

bool keep_put(struct keep *k, struct bytes key, void *value, size_t cost)
{
    keep_drop(k, key);
    cost += sizeof(struct keep_entry) + 64 + key.n;
    struct keep_entry *e = cost <= k->ceiling ? calloc(1, sizeof *e + key.n) : NULL;
    if (!e) {
        k->free_value(value);
        return false;
    }
    while (k->oldest && k->cost + cost > k->ceiling)
        drop(k, k->oldest);
    e->value = value;
    e->cost = cost;
    e->n_key = key.n;
    if (key.n) memcpy(e->key, key.p, key.n);
    if (map_put(&k->map, bytes_make(e->key, key.n), e, NULL) == MAP_FULL) {
        k->free_value(value);
        free(e);
        return false;
    }
    put_in_front(k, e);
    k->cost += cost;
    return true;
}

void *keep_get(struct keep *k, struct bytes key)
{
    struct keep_entry *e = map_get(&k->map, key);
    if (!e) return NULL;
    take_out(k, e);
    put_in_front(k, e);
    return e->value;
}

void keep_drop(struct keep *k, struct bytes key)
{
    struct keep_entry *e = map_get(&k->map, key);
    if (e) drop(k, e);
}
