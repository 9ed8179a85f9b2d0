/* Chains of bindings, in two maps and two places for the unnamed. */
#include "session/binding.h"
#include <stdlib.h>

void bindings_init(struct bindings *b, struct understood_cache *cache, uint64_t seed)
{
    *b = (struct bindings){ .cache = cache };
    map_init(&b->statements, BINDINGS_CEILING, seed);
    map_init(&b->portals, BINDINGS_CEILING, seed);
}

void binding_release(struct bindings *b, struct binding *binding)
{
    if (!binding || --binding->n_users) return;
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
    struct binding *binding = newest(b, portal, name);
    return binding && binding->understood ? binding : NULL;
}

struct binding *binding_push(struct bindings *b, bool portal, struct bytes name,
                             struct understood *understood)
{
    struct binding *binding = malloc(sizeof *binding + name.n);
    if (!binding) return NULL;
    *binding = (struct binding){
        .portal = portal, .linked = true, .n_users = 2, .n = name.n, .older = newest(b, portal, name)
    };
    if (name.n) memcpy(binding->name, name.p, name.n);
    if (!set_newest(b, portal, name, binding)) {
        free(binding);
        return NULL;
    }
    if (understood) binding->understood = understood_pin(understood);
    return binding;
}

void binding_commit(struct bindings *b, struct binding *binding)
{
    if (!binding->linked) return;
    drop_chain(b, binding->older);
    binding->older = NULL;
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

void binding_forget(struct bindings *b, bool portal, struct bytes name)
{
    struct binding *chain = newest(b, portal, name);
    CHECK(set_newest(b, portal, name, NULL));
    drop_chain(b, chain);
}

struct collected {
    struct binding **chains;
    size_t n;
    bool also_held;
};

static void collect(void *context, struct bytes name, void *value)
{
    struct collected *c = context;
    struct binding *binding = value;
    (void)name;
    if (c->also_held || !binding->hold) c->chains[c->n++] = binding;
}

void bindings_forget_all(struct bindings *b, bool portal, bool also_held)
{
    struct map *map = space(b, portal);
    if (*unnamed(b, portal)) binding_forget(b, portal, (struct bytes){ 0 });
    if (map->n == 0) return;
    struct collected c = { .chains = calloc(map->n, sizeof(struct binding *)), .also_held = also_held };
    if (!c.chains)
        return; /* names that linger cost attribution of a statement that the server will refuse, nothing more
                 */
    map_each(map, collect, &c);
    for (size_t i = 0; i < c.n; i++) {
        binding_use(c.chains[i]);
        binding_forget(b, portal, bytes_make(c.chains[i]->name, c.chains[i]->n));
        binding_release(b, c.chains[i]);
    }
    free(c.chains);
}

void bindings_free(struct bindings *b)
{
    bindings_forget_all(b, false, true);
    bindings_forget_all(b, true, true);
    map_free(&b->statements, NULL);
    map_free(&b->portals, NULL);
}
