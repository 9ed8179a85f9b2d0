/* The cache of texts that were understood and judged. Entries live in slots by hash; when the ceiling is
 * reached a hand goes round and throws out what was not used since it last came by and is not pinned. */
#include "base/map.h"
#include "session/understood-private.h"
#include <stdlib.h>

enum { CACHED_TEXT_CEILING = 64 * 1024, DESCRIPTION_KEPT = 2048, EVICT_STEPS = 64 };

struct understood_cache {
    struct understood **slots;
    uint64_t *taken; /* a bit a slot, set while something is in it: a text that is not there, as each new
                        literal makes one, mostly finds out in a table that stays in the processor's cache */
    size_t n_slots, n, ceiling, bytes, bytes_ceiling, hand;
    uint64_t seed, next_serial;
};

struct understood_cache *understood_cache_new(size_t entries, size_t bytes, uint64_t seed)
{
    struct understood_cache *cache = calloc(1, sizeof *cache);
    size_t n_slots = 64;
    while (n_slots < entries)
        n_slots *= 2;
    if (!cache) return NULL;
    cache->slots = calloc(n_slots, sizeof(struct understood *));
    cache->taken = calloc(n_slots / 64, sizeof(uint64_t));
    if (!cache->slots || !cache->taken) {
        understood_cache_free(cache);
        return NULL;
    }
    cache->n_slots = n_slots;
    cache->ceiling = entries;
    cache->bytes_ceiling = bytes;
    cache->seed = seed;
    cache->next_serial = 1;
    return cache;
}

uint64_t understood_cache_serial(struct understood_cache *cache)
{
    return cache->next_serial++;
}

void understood_drop(struct understood *u)
{
    if (u->n_secrets || u->judged.p != u->text.p) arena_wipe(&u->arena);
    arena_free(&u->arena);
    free(u);
}

void understood_cache_free(struct understood_cache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < cache->n_slots; i++)
        while (cache->slots[i]) {
            struct understood *u = cache->slots[i];
            cache->slots[i] = u->next;
            CHECK(u->n_pins == 0);
            understood_drop(u);
        }
    free(cache->slots);
    free(cache->taken);
    free(cache);
}

void understood_unpin(struct understood_cache *cache, struct understood *u)
{
    (void)cache;
    CHECK(u->n_pins > 0);
    if (--u->n_pins == 0 && !u->cached) understood_drop(u);
}

void understood_keep_description(struct understood_cache *cache, struct understood *u, struct bytes body)
{
    size_t before = u->arena.used;
    if (u->described.p || body.n == 0 || body.n > DESCRIPTION_KEPT) return;
    u->described = arena_copy(&u->arena, body);
    if (u->cached) cache->bytes += u->arena.used - before;
}

static void evict_some(struct understood_cache *cache)
{
    /* A few steps each time: where everything is pinned, nobody should pay for going all the way round. */
    for (size_t looked = 0; looked < EVICT_STEPS; looked++) {
        if (cache->n < cache->ceiling && cache->bytes < cache->bytes_ceiling) return;
        size_t slot = cache->hand++ & (cache->n_slots - 1);
        struct understood **link = &cache->slots[slot];
        while (*link) {
            struct understood *u = *link;
            if (u->recently_used || u->n_pins) {
                u->recently_used = false;
                link = &u->next;
                continue;
            }
            *link = u->next;
            cache->n--;
            cache->bytes -= u->arena.used;
            understood_drop(u);
        }
        if (!cache->slots[slot]) cache->taken[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    }
}

void understood_cache_keep(struct understood_cache *cache, struct understood *u)
{
    if (u->text.n > CACHED_TEXT_CEILING || u->n_secrets || u->types.n) return;
    if (cache->n >= cache->ceiling || cache->bytes >= cache->bytes_ceiling) evict_some(cache);
    if (cache->n >= cache->ceiling) return; /* everything is pinned */
    size_t slot = u->hash & (cache->n_slots - 1);
    u->next = cache->slots[slot];
    cache->slots[slot] = u;
    cache->taken[slot / 64] |= UINT64_C(1) << slot % 64;
    u->cached = u->recently_used = true;
    cache->n++;
    cache->bytes += u->arena.used;
}

/* The same number for two contexts that judge alike. */
uint64_t understood_context_key(const struct understood_context *context)
{
    uint64_t key = policy_ruleset_key(context->ruleset);
    for (size_t i = 0; i < context->target->n_settings; i++)
        key = map_hash(context->target->settings[i].name, key);
    return key;
}

uint64_t understood_hash(const struct understood_cache *cache, uint64_t ruleset, uint64_t view,
                         struct bytes key, bool is_template)
{
    return map_hash(key, cache->seed ^ ruleset ^ view ^ (is_template ? 0x9E3779B97F4A7C15ULL : 0));
}

static struct understood *understood_cache_find(struct understood_cache *cache, uint64_t ruleset,
                                                uint64_t view, struct bytes key, bool is_template)
{
    uint64_t hash = understood_hash(cache, ruleset, view, key, is_template);
    size_t slot = hash & (cache->n_slots - 1);
    if (!(cache->taken[slot / 64] >> slot % 64 & 1)) return NULL;
    for (struct understood *u = cache->slots[slot]; u; u = u->next)
        if (u->hash == hash && u->ruleset == ruleset && u->view == view && u->is_template == is_template &&
            bytes_equal(u->key, key)) {
            u->recently_used = true;
            return understood_pin(u);
        }
    return NULL;
}

struct understood *understood_find(struct understood_cache *cache, const struct understood_context *context,
                                   struct bytes text)
{
    uint8_t template[SQL_TEMPLATE_BYTES];
    size_t n, n_literals;
    uint64_t ruleset = understood_context_key(context);
    if (context->types.n) return NULL;
    struct understood *u = understood_cache_find(cache, ruleset, context->view_key, text, false);
    if (u || !sql_template(text, template, &n, &n_literals) || n_literals == 0) return u;
    return understood_cache_find(cache, ruleset, context->view_key, bytes_make(template, n), true);
}
