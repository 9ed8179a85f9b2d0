/* What one session sees besides the shared snapshot. Its rows come from its own connection: what lies in its
 * temporary schema, and what its open transaction wrote. From these a layer is made over the shared one; and
 * what is shared, and not among what the session says is there, is hidden.
 *
 * Two snapshots are compared, because the session's may be older than the shared one (REPEATABLE READ, or a
 * load that came in between). Then nothing is hidden: what the session does not see may be new rather than
 * dropped, and seeing too much is safe. And nothing shared is replaced, since what others changed would be
 * lost: the overlay fails. */
#include "catalog/build.h"
#include "catalog/queries.h"
#include <stdlib.h>

struct catalog_overlay_load {
    struct catalog_overlay *overlay;
    struct catalog_builder builder;
    struct catalog_list path; /* struct bytes */
    struct bytes alive[5];    /* as ALIVE_LETTERS; p == NULL: not told, nothing of it is hidden */
    struct bytes snapshot;
    bool has_session, writes;
};
static const char ALIVE_LETTERS[] = "RYFOK";
enum { ALIVE_RELATIONS, ALIVE_TYPES, ALIVE_FUNCTIONS, ALIVE_OPERATORS, ALIVE_CASTS };

struct catalog_overlay_load *catalog_overlay_begin(const struct catalog *under)
{
    struct catalog_overlay_load *load = calloc(1, sizeof *load);
    struct catalog_overlay *overlay = calloc(1, sizeof *overlay);
    if (!load || !overlay) {
        free(load);
        free(overlay);
        return NULL;
    }
    overlay->under = catalog_hold(under);
    load->overlay = overlay;
    catalog_build_begin(&load->builder, &overlay->own, under);
    return load;
}

struct catalog_builder *catalog_overlay_builder(struct catalog_overlay_load *load)
{
    return &load->builder;
}

static bool on_path(struct catalog_overlay_load *load, struct bytes schema)
{
    struct bytes *place = catalog_list_add(&load->builder, &load->path, sizeof *place);
    if (place) *place = arena_copy(&load->overlay->own.arena, schema);
    return place && place->p;
}

static bool on_session(struct catalog_overlay_load *load, struct bytes temporary, struct bytes writes,
                       struct bytes snapshot)
{
    load->writes = !bytes_is(writes, "f");
    load->overlay->temporary_schema = arena_copy(&load->overlay->own.arena, temporary);
    load->snapshot = arena_copy(&load->builder.scratch, snapshot);
    load->has_session = true;
    return load->overlay->temporary_schema.p && load->snapshot.p;
}

static bool on_alive(struct catalog_overlay_load *load, struct bytes letter, struct bytes oids)
{
    const char *place = letter.n == 1 ? strchr(ALIVE_LETTERS, letter.p[0]) : NULL;
    if (!place || !*place) return false;
    struct bytes *alive = &load->alive[place - ALIVE_LETTERS];
    *alive = arena_copy(&load->builder.scratch, oids);
    return alive->p != NULL;
}

bool catalog_overlay_row(struct catalog_overlay_load *load, const struct bytes *values, size_t n)
{
    if (n != CATALOG_ROW_WIDTH || values[0].n != 1 || load->builder.failed) return false;
    bool taken;
    switch (values[0].p[0]) {
    case CATALOG_ROW_PATH: taken = on_path(load, values[1]); break;
    case CATALOG_ROW_SESSION: taken = on_session(load, values[1], values[2], values[3]); break;
    case CATALOG_ROW_ALIVE: taken = on_alive(load, values[1], values[2]); break;
    case CATALOG_ROW_HEAD: taken = false; break;
    default: taken = catalog_build_row(&load->builder, values, n);
    }
    if (!taken) load->builder.failed = true;
    return taken;
}

bool catalog_overlay_wants_more(const struct catalog_overlay_load *load)
{
    return load->writes || load->overlay->temporary_schema.n > 0;
}

static int by_oid(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* "16384,16390": sorted. */
static bool read_oids(struct bytes text, struct arena *arena, struct catalog_oids *out)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    *out = (struct catalog_oids){ ARENA_ARRAY(arena, uint32_t, n), 0 };
    if (!out->items) return false;
    for (size_t at = 0, end; at < text.n; at = end + 1) {
        for (end = at; end < text.n && text.p[end] != ','; end++)
            continue;
        if (!catalog_read_oid(bytes_slice(text, at, end - at), &out->items[out->n++])) return false;
    }
    if (out->n) qsort(out->items, out->n, sizeof *out->items, by_oid);
    return true;
}

/* What PostgreSQL pins cannot be dropped, and the session does not tell it: FirstUnpinnedObjectId. */
enum { FIRST_UNPINNED = 12000 };
/* Hides one kind of shared things: those that this layer has in another shape, and those that are gone.
 * own_has: whether this layer has it. */
static bool hide(struct catalog_overlay_load *load, int kind, size_t n,
                 uint32_t (*oid_of)(const struct catalog_layer *, size_t),
                 bool (*own_has)(const struct catalog_layer *, uint32_t), struct catalog_oids *out)
{
    struct catalog_overlay *o = load->overlay;
    struct catalog_oids alive = { 0 };
    if (load->alive[kind].p && !read_oids(load->alive[kind], &load->builder.scratch, &alive)) return false;
    *out = (struct catalog_oids){ ARENA_ARRAY(&load->builder.scratch, uint32_t, n), 0 };
    if (!out->items) return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t oid = oid_of(&o->under->layer, i);
        bool gone = load->alive[kind].p && oid >= FIRST_UNPINNED && !catalog_oids_have(&alive, oid);
        if (gone || own_has(&o->own, oid)) out->items[out->n++] = oid;
    }
    if (out->n) {
        qsort(out->items, out->n, sizeof *out->items, by_oid);
        o->empty = false;
    }
    return true;
}

#define KIND(name, member)                                                                                   \
    static uint32_t name##_oid(const struct catalog_layer *l, size_t i)                                      \
    {                                                                                                        \
        return l->member[i]->oid;                                                                            \
    }                                                                                                        \
    static bool has_##name(const struct catalog_layer *l, uint32_t oid)                                      \
    {                                                                                                        \
        return catalog_layer_##name##_by_oid(l, oid) != NULL;                                                \
    }
KIND(relation, relations)
KIND(type, types)
KIND(function, functions)
KIND(operator, operators)

static uint32_t cast_oid(const struct catalog_layer *l, size_t i)
{
    return l->casts[i].oid;
}

static bool has_cast(const struct catalog_layer *l, uint32_t oid)
{
    for (size_t i = 0; i < l->n_casts; i++)
        if (l->casts[i].oid == oid) return true;
    return false;
}

struct hidden {
    struct catalog_oids relations, types, functions, operators, casts;
};

static bool hide_all(struct catalog_overlay_load *load, struct hidden *h)
{
    const struct catalog_layer *under = &load->overlay->under->layer;
    return hide(load, ALIVE_RELATIONS, under->n_relations, relation_oid, has_relation, &h->relations) &&
           hide(load, ALIVE_TYPES, under->n_types, type_oid, has_type, &h->types) &&
           hide(load, ALIVE_FUNCTIONS, under->n_functions, function_oid, has_function, &h->functions) &&
           hide(load, ALIVE_OPERATORS, under->n_operators, operator_oid, has_operator, &h->operators) &&
           hide(load, ALIVE_CASTS, under->n_casts, cast_oid, has_cast, &h->casts);
}

static int by_name(const void *left, const void *right)
{
    return bytes_compare(*(const struct bytes *)left, *(const struct bytes *)right);
}

static size_t unique_names(struct bytes *names, size_t n)
{
    size_t kept = 0;
    if (n) qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++)
        if (!kept || !bytes_equal(names[kept - 1], names[i])) names[kept++] = names[i];
    return kept;
}

/* Functions and operators are answered by name: for each name that this layer or what it hides bears, it gets
 * all that the session sees of that name. */
#define MERGE(type, things)                                                                                  \
    static bool merge_##things(struct catalog_overlay *o, const struct catalog_oids *hidden)                 \
    {                                                                                                        \
        const struct catalog_layer *under = &o->under->layer;                                                \
        struct catalog_layer *own = &o->own;                                                                 \
        struct bytes *names = ARENA_ARRAY(&own->arena, struct bytes, own->n_##things + hidden->n);           \
        size_t n = 0, n_all = own->n_##things;                                                               \
        if (!names) return false;                                                                            \
        for (size_t i = 0; i < own->n_##things; i++)                                                         \
            names[n++] = own->things[i]->name;                                                               \
        for (size_t i = 0; i < hidden->n; i++)                                                               \
            names[n++] = catalog_layer_##type##_by_oid(under, hidden->items[i])->name;                       \
        n = unique_names(names, n);                                                                          \
        for (size_t i = 0; i < n; i++)                                                                       \
            n_all += catalog_layer_##things(under, names[i]).n;                                              \
        struct catalog_##type **all = ARENA_ARRAY(&own->arena, struct catalog_##type *, n_all);              \
        if (!all) return false;                                                                              \
        n_all = own->n_##things;                                                                             \
        if (n_all) memcpy(all, own->things, n_all * sizeof *all);                                            \
        for (size_t i = 0; i < n; i++) {                                                                     \
            struct catalog_##things shared = catalog_layer_##things(under, names[i]);                        \
            for (size_t k = 0; k < shared.n; k++)                                                            \
                if (!catalog_oids_have(hidden, shared.items[k]->oid))                                        \
                    all[n_all++] = (struct catalog_##type *)shared.items[k];                                 \
        }                                                                                                    \
        own->things = all;                                                                                   \
        own->n_##things = n_all;                                                                             \
        o->type##_names = names;                                                                             \
        o->n_##type##_names = n;                                                                             \
        return true;                                                                                         \
    }
MERGE(function, functions)
MERGE(operator, operators)

static bool merge_casts(struct catalog_overlay *o, const struct catalog_oids *hidden)
{
    const struct catalog_layer *under = &o->under->layer;
    o->casts_differ = o->own.n_casts || hidden->n;
    if (!o->casts_differ) return true;
    struct catalog_cast *all =
        ARENA_ARRAY(&o->own.arena, struct catalog_cast, o->own.n_casts + under->n_casts);
    size_t n = o->own.n_casts;
    if (!all) return false;
    if (n) memcpy(all, o->own.casts, n * sizeof *all);
    for (size_t i = 0; i < under->n_casts; i++)
        if (!catalog_oids_have(hidden, under->casts[i].oid)) all[n++] = under->casts[i];
    o->own.casts = all;
    o->own.n_casts = n;
    return true;
}

static bool keep_oids(struct catalog_overlay *o, const struct catalog_oids *from, struct catalog_oids *to)
{
    *to = (struct catalog_oids){ ARENA_ARRAY(&o->own.arena, uint32_t, from->n), from->n };
    if (to->items && from->n) memcpy(to->items, from->items, from->n * sizeof *to->items);
    return to->items != NULL;
}

static bool finish(struct catalog_overlay_load *load)
{
    struct catalog_overlay *o = load->overlay;
    struct catalog_layer *own = &o->own;
    struct hidden h;
    if (!load->has_session || !catalog_build_end(&load->builder)) return false;
    bool behind = !catalog_snapshot_covers(load->snapshot, o->under->snapshot);
    if (behind) memset(load->alive, 0, sizeof load->alive);
    o->empty = !(own->n_relations || own->n_types || own->n_functions || own->n_operators || own->n_casts);
    if (!hide_all(load, &h)) return false;
    if (behind && (h.relations.n || h.types.n || h.functions.n || h.operators.n || h.casts.n)) return false;
    return keep_oids(o, &h.relations, &o->hidden_relations) && keep_oids(o, &h.types, &o->hidden_types) &&
           merge_functions(o, &h.functions) && merge_operators(o, &h.operators) && merge_casts(o, &h.casts) &&
           catalog_layer_index(own);
}

struct catalog_overlay *catalog_overlay_end(struct catalog_overlay_load *load, const struct bytes **path_out,
                                            size_t *n_path_out)
{
    struct catalog_overlay *o = load->overlay;
    struct bytes *path = ARENA_ARRAY(&o->own.arena, struct bytes, load->path.n);
    *path_out = NULL;
    *n_path_out = 0;
    if (load->builder.failed || !path || !finish(load)) {
        catalog_overlay_abandon(load);
        return NULL;
    }
    if (load->path.n) memcpy(path, load->path.items, load->path.n * sizeof *path);
    *path_out = path;
    *n_path_out = load->path.n;
    free(load->path.items);
    catalog_build_free(&load->builder);
    free(load);
    return o;
}

void catalog_overlay_abandon(struct catalog_overlay_load *load)
{
    if (!load) return;
    free(load->path.items);
    catalog_build_free(&load->builder);
    catalog_overlay_free(load->overlay);
    free(load);
}

void catalog_overlay_free(struct catalog_overlay *overlay)
{
    if (!overlay) return;
    arena_free(&overlay->own.arena);
    catalog_release(overlay->under);
    free(overlay);
}

bool catalog_overlay_is_empty(const struct catalog_overlay *overlay)
{
    return overlay->empty;
}
