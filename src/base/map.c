/* Chains in slots, doubled when there are as many entries as slots. The hash mixes 8 bytes at a time with a
 * seeded multiply-and-fold (the 128-bit product's halves xor'ed), in the manner of wyhash. */
#include "base/map.h"
#include <stdlib.h>

struct map_entry {
    struct map_entry *next;
    uint64_t hash;
    void *value;
    size_t n;
    uint8_t key[];
};

static uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t map_hash(struct bytes key, uint64_t seed)
{
    const uint64_t k0 = 0xa0761d6478bd642fULL, k1 = 0xe7037ed1a0b428dbULL;
    uint64_t h = seed ^ k0;
    size_t i = 0;
    for (; i + 8 <= key.n; i += 8) {
        uint64_t word;
        memcpy(&word, key.p + i, 8);
        h = fold(h ^ word, k1 ^ seed);
    }
    uint64_t tail = 0;
    if (key.n > i) memcpy(&tail, key.p + i, key.n - i);
    h = fold(h ^ tail, k0 ^ key.n);
    return fold(h ^ seed, k1);
}

void map_init(struct map *m, size_t ceiling, uint64_t seed)
{
    *m = (struct map){ .ceiling = ceiling, .seed = seed };
}

void map_free(struct map *m, void (*free_value)(void *))
{
    for (size_t i = 0; i < m->n_slots; i++)
        while (m->slots[i]) {
            struct map_entry *e = m->slots[i];
            m->slots[i] = e->next;
            if (free_value) free_value(e->value);
            free(e);
        }
    free(m->slots);
    map_init(m, m->ceiling, m->seed);
}

/* The link that points to the key's entry, or to NULL at the end of its chain. */
static struct map_entry **map_link(const struct map *m, struct bytes key, uint64_t hash)
{
    struct map_entry **link = &m->slots[hash & (m->n_slots - 1)];
    while (*link && ((*link)->hash != hash || !bytes_equal(bytes_make((*link)->key, (*link)->n), key)))
        link = &(*link)->next;
    return link;
}

void *map_get(const struct map *m, struct bytes key)
{
    if (m->n == 0) return NULL;
    struct map_entry *e = *map_link(m, key, map_hash(key, m->seed));
    return e ? e->value : NULL;
}

static bool map_grow(struct map *m)
{
    size_t n_slots = m->n_slots ? m->n_slots * 2 : 8;
    struct map_entry **slots = calloc(n_slots, sizeof(struct map_entry *));
    if (!slots) return false;
    for (size_t i = 0; i < m->n_slots; i++)
        while (m->slots[i]) {
            struct map_entry *e = m->slots[i];
            m->slots[i] = e->next;
            e->next = slots[e->hash & (n_slots - 1)];
            slots[e->hash & (n_slots - 1)] = e;
        }
    free(m->slots);
    m->slots = slots;
    m->n_slots = n_slots;
    return true;
}

enum map_put map_put(struct map *m, struct bytes key, void *value, void **old_out)
{
    CHECK(value != NULL);
    uint64_t hash = map_hash(key, m->seed);
    if (m->n) {
        struct map_entry *e = *map_link(m, key, hash);
        if (e) {
            if (old_out) *old_out = e->value;
            e->value = value;
            return MAP_REPLACED;
        }
    }
    if (m->n >= m->ceiling) return MAP_FULL;
    if (m->n >= m->n_slots && !map_grow(m)) return MAP_FULL;
    struct map_entry *e = malloc(sizeof *e + key.n);
    if (!e) return MAP_FULL;
    *e = (struct map_entry){ .hash = hash, .value = value, .n = key.n };
    if (key.n) memcpy(e->key, key.p, key.n);
    struct map_entry **slot = &m->slots[hash & (m->n_slots - 1)];
    e->next = *slot;
    *slot = e;
    m->n++;
    return MAP_ADDED;
}

void *map_take(struct map *m, struct bytes key)
{
    if (m->n == 0) return NULL;
    struct map_entry **link = map_link(m, key, map_hash(key, m->seed));
    struct map_entry *e = *link;
    if (!e) return NULL;
    void *value = e->value;
    *link = e->next;
    free(e);
    m->n--;
    return value;
}

void map_each(const struct map *m, void (*visit)(void *context, struct bytes key, void *value), void *context)
{
    for (size_t i = 0; i < m->n_slots; i++)
        for (struct map_entry *e = m->slots[i]; e; e = e->next)
            visit(context, bytes_make(e->key, e->n), e->value);
}
