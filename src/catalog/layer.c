/* The indices of a layer: relations and types by name and by oid, functions and operators in the order of
 * their names. Hashes are keyed, because whoever may create tables picks their names. */
#include "catalog/layer.h"
#include "base/map.h"
#include <stdlib.h>

static uint64_t hash_name(const struct catalog_layer *layer, struct bytes schema, struct bytes name)
{
    return map_hash(name, map_hash(schema, layer->seed));
}

static uint64_t hash_oid(const struct catalog_layer *layer, uint32_t oid)
{
    return map_hash(bytes_make(&oid, sizeof oid), layer->seed);
}

static bool index_make(struct arena *arena, size_t n, struct catalog_index *index)
{
    size_t n_slots = 8;
    if (n > UINT32_MAX / 4) return false;
    while (n_slots < n * 2)
        n_slots *= 2;
    index->slots = ARENA_ARRAY(arena, uint32_t, n_slots);
    index->mask = n_slots - 1;
    return index->slots != NULL;
}

static void index_put(struct catalog_index *index, uint64_t hash, size_t position)
{
    size_t i = hash & index->mask;
    while (index->slots[i])
        i = (i + 1) & index->mask;
    index->slots[i] = (uint32_t)position + 1;
}

/* Walks the positions that a hash may stand for: starts with *slot = hash, -1 at the end. */
static ptrdiff_t index_next(const struct catalog_index *index, uint64_t *slot)
{
    if (!index->slots) return -1;
    uint32_t found = index->slots[*slot & index->mask];
    ++*slot;
    return (ptrdiff_t)found - 1;
}

static int by_function_name(const void *left, const void *right)
{
    const struct catalog_function *a = *(struct catalog_function *const *)left;
    const struct catalog_function *b = *(struct catalog_function *const *)right;
    int order = bytes_compare(a->name, b->name);
    return order ? order : (a->oid > b->oid) - (a->oid < b->oid);
}

static int by_operator_name(const void *left, const void *right)
{
    const struct catalog_operator *a = *(struct catalog_operator *const *)left;
    const struct catalog_operator *b = *(struct catalog_operator *const *)right;
    int order = bytes_compare(a->name, b->name);
    return order ? order : (a->oid > b->oid) - (a->oid < b->oid);
}

static bool index_all(struct catalog_layer *l)
{
    return index_make(&l->arena, l->n_relations, &l->relation_names) &&
           index_make(&l->arena, l->n_relations, &l->relation_oids) &&
           index_make(&l->arena, l->n_types, &l->type_names) &&
           index_make(&l->arena, l->n_types, &l->type_oids) &&
           index_make(&l->arena, l->n_functions, &l->function_oids) &&
           index_make(&l->arena, l->n_operators, &l->operator_oids);
}

bool catalog_layer_index(struct catalog_layer *l)
{
    if (!index_all(l)) return false;
    if (l->n_functions) qsort(l->functions, l->n_functions, sizeof(void *), by_function_name);
    if (l->n_operators) qsort(l->operators, l->n_operators, sizeof(void *), by_operator_name);
    for (size_t i = 0; i < l->n_relations; i++) {
        const struct catalog_relation *r = l->relations[i];
        index_put(&l->relation_names, hash_name(l, r->schema, r->name), i);
        index_put(&l->relation_oids, hash_oid(l, r->oid), i);
    }
    for (size_t i = 0; i < l->n_types; i++) {
        const struct catalog_type *t = l->types[i];
        index_put(&l->type_names, hash_name(l, t->schema, t->name), i);
        index_put(&l->type_oids, hash_oid(l, t->oid), i);
    }
    for (size_t i = 0; i < l->n_functions; i++)
        index_put(&l->function_oids, hash_oid(l, l->functions[i]->oid), i);
    for (size_t i = 0; i < l->n_operators; i++)
        index_put(&l->operator_oids, hash_oid(l, l->operators[i]->oid), i);
    return true;
}

#define FIND_BY_NAME(member, names, layer, schema_, name_)                                                   \
    do {                                                                                                     \
        uint64_t slot = hash_name(layer, schema_, name_);                                                    \
        for (ptrdiff_t i; (i = index_next(&(layer)->names, &slot)) >= 0;)                                    \
            if (bytes_equal((layer)->member[i]->name, name_) &&                                              \
                bytes_equal((layer)->member[i]->schema, schema_))                                            \
                return (layer)->member[i];                                                                   \
        return NULL;                                                                                         \
    } while (0)
#define FIND_BY_OID(member, oids, layer, oid_)                                                               \
    do {                                                                                                     \
        uint64_t slot = hash_oid(layer, oid_);                                                               \
        for (ptrdiff_t i; (i = index_next(&(layer)->oids, &slot)) >= 0;)                                     \
            if ((layer)->member[i]->oid == (oid_)) return (layer)->member[i];                                \
        return NULL;                                                                                         \
    } while (0)

struct catalog_relation *catalog_layer_relation(const struct catalog_layer *layer, struct bytes schema,
                                                struct bytes name)
{
    FIND_BY_NAME(relations, relation_names, layer, schema, name);
}

struct catalog_relation *catalog_layer_relation_by_oid(const struct catalog_layer *layer, uint32_t oid)
{
    FIND_BY_OID(relations, relation_oids, layer, oid);
}

struct catalog_type *catalog_layer_type(const struct catalog_layer *layer, struct bytes schema,
                                        struct bytes name)
{
    FIND_BY_NAME(types, type_names, layer, schema, name);
}

struct catalog_type *catalog_layer_type_by_oid(const struct catalog_layer *layer, uint32_t oid)
{
    FIND_BY_OID(types, type_oids, layer, oid);
}

struct catalog_function *catalog_layer_function_by_oid(const struct catalog_layer *layer, uint32_t oid)
{
    FIND_BY_OID(functions, function_oids, layer, oid);
}

struct catalog_operator *catalog_layer_operator_by_oid(const struct catalog_layer *layer, uint32_t oid)
{
    FIND_BY_OID(operators, operator_oids, layer, oid);
}

/* The run of items of one name in an array that is ordered by name. */
#define NAMED(type, member, count, layer, name_, out)                                                        \
    do {                                                                                                     \
        size_t low = 0, high = (layer)->count;                                                               \
        while (low < high) {                                                                                 \
            size_t middle = low + (high - low) / 2;                                                          \
            if (bytes_compare((layer)->member[middle]->name, name_) < 0)                                     \
                low = middle + 1;                                                                            \
            else                                                                                             \
                high = middle;                                                                               \
        }                                                                                                    \
        while (high < (layer)->count && bytes_equal((layer)->member[high]->name, name_))                     \
            high++;                                                                                          \
        if (high > low) {                                                                                    \
            (out).items = (const struct type *const *)((layer)->member + low);                               \
            (out).n = high - low;                                                                            \
        }                                                                                                    \
    } while (0)

struct catalog_functions catalog_layer_functions(const struct catalog_layer *layer, struct bytes name)
{
    struct catalog_functions out = { 0 };
    NAMED(catalog_function, functions, n_functions, layer, name, out);
    return out;
}

struct catalog_operators catalog_layer_operators(const struct catalog_layer *layer, struct bytes name)
{
    struct catalog_operators out = { 0 };
    NAMED(catalog_operator, operators, n_operators, layer, name, out);
    return out;
}

static int by_oid(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

bool catalog_oids_have(const struct catalog_oids *set, uint32_t oid)
{
    return set->n && bsearch(&oid, set->items, set->n, sizeof oid, by_oid);
}
