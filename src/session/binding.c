/* Chains of bindings, in two maps and two places for the unnamed. */
#include "session/binding.h"
#include <stdlib.h>

void bindings_init(struct bindings *b, struct understood_cache *cache, uint64_t seed)
{
    *b = (struct bindings){ .cache = cache };
    map_init(&b->statements, BINDINGS_CEILING, seed);
    map_init(&b->portals, BINDINGS_CEILING, seed);
}

/* Whether a text is cached does not change while it is pinned. */
static size_t held_bytes(const struct understood *understood)
{
    return understood && !understood->cached ? understood->arena.used : 0;
}

static size_t source_bytes(const struct binding_source *source)
{
    return source ? source->bytes : 0;
}

static void source_free(struct binding_source *source)
{
    if (!source) return;
    free((void *)(uintptr_t)source->text.p);
    free(source->types);
    free(source);
}

static void take_types(struct binding_source *source, struct bytes types)
{
    uint16_t n = (uint16_t)(types.n / 4);
    uint32_t *copy = calloc((size_t)n + 1, sizeof *copy);
    if (!copy) return;
    for (uint16_t i = 0; i < n; i++) {
        const uint8_t *p = types.p + (size_t)i * 4;
        copy[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    free(source->types);
    source->types = copy;
    source->n_types = n;
}

bool binding_keep_source(struct bindings *b, struct binding *binding, struct bytes text, struct bytes types)
{
    struct binding_source *source = calloc(1, sizeof *source);
    uint8_t *copy = malloc(text.n + 1);
    if (!source || !copy || b->bytes + text.n > BINDINGS_BYTES_CEILING) {
        free(source);
        free(copy);
        return false;
    }
    if (text.n) memcpy(copy, text.p, text.n);
    source->text = bytes_make(copy, text.n);
    take_types(source, types);
    source->bytes = sizeof *source + text.n; /* types are few, and come later */
    binding->source = source;
    b->bytes += source_bytes(source);
    return true;
}

void binding_learn_types(struct binding *binding, struct bytes body)
{
    if (binding->source && body.n >= 2) take_types(binding->source, bytes_slice(body, 2, body.n));
}

void binding_release(struct bindings *b, struct binding *binding)
{
    if (!binding || --binding->n_users) return;
    b->bytes -= held_bytes(binding->understood) + source_bytes(binding->source);
    source_free(binding->source);
    if (binding->understood) understood_unpin(b->cache, binding->understood);
    binding_release(b, binding->of);
    free(binding);
}

static void drop_chain(struct bindings *b, struct binding *newest)
{
    while (newest) {
        struct binding *older = newest->older;
        newest->linked = false;
        newest->older = NULL;
        binding_release(b, newest);
        newest = older;
    }
}

static struct map *space(struct bindings *b, bool portal)
{
    return portal ? &b->portals : &b->statements;
}

static struct binding **unnamed(struct bindings *b, bool portal)
{
    return portal ? &b->unnamed_portal : &b->unnamed_statement;
}

static struct bytes short_name(struct bytes name)
{
    return bytes_slice(name, 0, BINDING_NAME_BYTES);
}

static struct binding *newest(const struct bindings *b, bool portal, struct bytes name)
{
    if (name.n == 0) return portal ? b->unnamed_portal : b->unnamed_statement;
    return map_get(portal ? &b->portals : &b->statements, name);
}

/* Makes `binding` (or nothing, for NULL) the newest of its name. False: the map is full. */
static bool set_newest(struct bindings *b, bool portal, struct bytes name, struct binding *binding)
{
    if (name.n == 0) {
        *unnamed(b, portal) = binding;
        return true;
    }
    if (binding) return map_put(space(b, portal), name, binding, NULL) != MAP_FULL;
    map_take(space(b, portal), name);
    return true;
}

struct binding *binding_find(const struct bindings *b, bool portal, struct bytes name)
{
    struct binding *binding = newest(b, portal, short_name(name));
    return binding && binding->understood ? binding : NULL;
}

struct binding *binding_push(struct bindings *b, bool portal, struct bytes name,
                             struct understood *understood)
{
    name = short_name(name);
    if (b->bytes + held_bytes(understood) > BINDINGS_BYTES_CEILING) return NULL;
    struct binding *binding = malloc(sizeof *binding + name.n);
    if (!binding) return NULL;
    *binding = (struct binding){ .portal = portal,
                                 .linked = true,
                                 .n_users = 2,
                                 .n = name.n,
                                 .columns = -1,
                                 .older = newest(b, portal, name) };
    if (name.n) memcpy(binding->name, name.p, name.n);
    if (!set_newest(b, portal, name, binding)) {
        free(binding);
        return NULL;
    }
    b->bytes += held_bytes(understood);
    if (understood) binding->understood = understood_pin(understood);
    return binding;
}

void binding_renew(struct bindings *b, struct binding *binding, struct understood *understood)
{
    b->bytes += held_bytes(understood);
    b->bytes -= held_bytes(binding->understood);
    understood_pin(understood);
    understood_unpin(b->cache, binding->understood);
    binding->understood = understood;
}

void binding_commit(struct bindings *b, struct binding *binding)
{
    if (!binding->linked) return;
    drop_chain(b, binding->older);
    binding->older = NULL;
    binding->committed = true;
    if (!binding->understood) binding_revert(b, binding);
}

void binding_revert(struct bindings *b, struct binding *binding)
{
    if (!binding->linked) return;
    struct bytes name = bytes_make(binding->name, binding->n);
    struct binding *at = newest(b, binding->portal, name);
    if (at == binding) {
        CHECK(set_newest(b, binding->portal, name, binding->older));
    } else {
        while (at->older != binding)
            at = at->older;
        at->older = binding->older;
    }
    binding->linked = false;
    binding->older = NULL;
    binding_release(b, binding);
}

static struct binding *oldest(struct binding *chain)
{
    while (chain && chain->older)
        chain = chain->older;
    return chain;
}

void binding_forget(struct bindings *b, bool portal, struct bytes name)
{
    struct binding *binding = oldest(newest(b, portal, short_name(name)));
    if (binding && binding->committed) binding_revert(b, binding);
}

struct collected {
    struct binding **bindings;
    size_t n;
    bool also_held;
};

static void collect(void *context, struct bytes name, void *value)
{
    struct collected *c = context;
    struct binding *binding = oldest(value);
    (void)name;
    if (binding->committed && (c->also_held || !binding->hold)) c->bindings[c->n++] = binding;
}

void bindings_forget_all(struct bindings *b, bool portal, bool also_held)
{
    struct map *map = space(b, portal);
    if (portal) binding_forget(b, portal, (struct bytes){ 0 });
    if (map->n == 0) return;
    struct collected c = { .bindings = calloc(map->n, sizeof(struct binding *)), .also_held = also_held };
    if (!c.bindings)
        return; /* names that linger cost attribution of a statement that the server will refuse, nothing more
                 */
    map_each(map, collect, &c);
    for (size_t i = 0; i < c.n; i++)
        binding_revert(b, c.bindings[i]);
    free(c.bindings);
}

static void drop_each(void *context, struct bytes name, void *value)
{
    (void)name;
    drop_chain(context, value);
}

void bindings_free(struct bindings *b)
{
    for (int portal = 0; portal < 2; portal++) {
        drop_chain(b, *unnamed(b, portal));
        *unnamed(b, portal) = NULL;
        map_each(space(b, portal), drop_each, b);
        map_free(space(b, portal), NULL);
    }
}
