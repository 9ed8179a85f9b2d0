/* Questions to a catalogue: counting of references, and names in a view of it. What a session sees besides
 * the shared snapshot is asked first; what it does not see any more is passed over. */
#include "catalog/catalog.h"
#include "catalog/layer.h"
#include <stdlib.h>

const struct catalog *catalog_hold(const struct catalog *catalog)
{
    /* The count is the one thing in a snapshot that moves. */
    ((struct catalog *)catalog)->references++;
    return catalog;
}

void catalog_release(const struct catalog *catalog)
{
    if (!catalog || --((struct catalog *)catalog)->references) return;
    struct arena arena = catalog->layer.arena;
    free((struct catalog *)catalog);
    arena_free(&arena);
}

uint64_t catalog_serial(const struct catalog *catalog)
{
    return catalog->serial;
}

int catalog_server_version(const struct catalog *catalog)
{
    return catalog->server_version;
}

static const struct catalog_relation *relation_in(const struct catalog_view *view, struct bytes schema,
                                                  struct bytes name)
{
    const struct catalog_overlay *o = view->overlay;
    const struct catalog_relation *r = o ? catalog_layer_relation(&o->own, schema, name) : NULL;
    if (r) return r;
    r = catalog_layer_relation(&view->catalog->layer, schema, name);
    return r && o && catalog_oids_have(&o->hidden_relations, r->oid) ? NULL : r;
}

static const struct catalog_type *type_in(const struct catalog_view *view, struct bytes schema,
                                          struct bytes name)
{
    const struct catalog_overlay *o = view->overlay;
    const struct catalog_type *t = o ? catalog_layer_type(&o->own, schema, name) : NULL;
    if (t) return t;
    t = catalog_layer_type(&view->catalog->layer, schema, name);
    return t && o && catalog_oids_have(&o->hidden_types, t->oid) ? NULL : t;
}

bool catalog_has_late_triggers(const struct catalog_view *view)
{
    return view->catalog->layer.has_late_triggers || (view->overlay && view->overlay->own.has_late_triggers);
}

struct bytes catalog_temporary_schema(const struct catalog_view *view)
{
    if (view->overlay && view->overlay->temporary_schema.n) return view->overlay->temporary_schema;
    for (size_t i = 0; i < view->n_path; i++)
        if (bytes_starts_with(view->path[i], "pg_temp_")) return view->path[i];
    return (struct bytes){ 0 };
}

/* The schemas to look in, one after the other; false past the last. */
static bool schema_at(const struct catalog_view *view, struct bytes schema, size_t i, struct bytes *out)
{
    if (!schema.n) {
        if (i < view->n_path) *out = view->path[i];
        return i < view->n_path;
    }
    *out = bytes_is(schema, "pg_temp") ? catalog_temporary_schema(view) : schema;
    return i == 0 && out->n > 0;
}

const struct catalog_relation *catalog_find(const struct catalog_view *view, struct bytes schema,
                                            struct bytes name)
{
    struct bytes in;
    for (size_t i = 0; schema_at(view, schema, i, &in); i++) {
        const struct catalog_relation *r = relation_in(view, in, name);
        if (r) return r;
    }
    return NULL;
}

const struct catalog_type *catalog_type_find(const struct catalog_view *view, struct bytes schema,
                                             struct bytes name)
{
    struct bytes in;
    for (size_t i = 0; schema_at(view, schema, i, &in); i++) {
        const struct catalog_type *t = type_in(view, in, name);
        if (t) return t;
    }
    return NULL;
}

const struct catalog_relation *catalog_by_oid(const struct catalog_view *view, uint32_t oid)
{
    const struct catalog_overlay *o = view->overlay;
    const struct catalog_relation *r = o ? catalog_layer_relation_by_oid(&o->own, oid) : NULL;
    if (r) return r;
    if (o && catalog_oids_have(&o->hidden_relations, oid)) return NULL;
    return catalog_layer_relation_by_oid(&view->catalog->layer, oid);
}

const struct catalog_type *catalog_type_by_oid(const struct catalog_view *view, uint32_t oid)
{
    const struct catalog_overlay *o = view->overlay;
    const struct catalog_type *t = o ? catalog_layer_type_by_oid(&o->own, oid) : NULL;
    if (t) return t;
    if (o && catalog_oids_have(&o->hidden_types, oid)) return NULL;
    return catalog_layer_type_by_oid(&view->catalog->layer, oid);
}

int catalog_column_number(const struct catalog_relation *relation, struct bytes name)
{
    static const char *const system_columns[] = { "ctid", "xmin", "cmin", "xmax", "cmax", "tableoid" };
    for (size_t i = 0; i < relation->n_columns; i++)
        if (relation->columns[i].name.p && bytes_equal(relation->columns[i].name, name)) return (int)i + 1;
    if (relation->kind == 'v' || relation->kind == 'c') return 0;
    for (size_t i = 0; i < sizeof system_columns / sizeof *system_columns; i++)
        if (bytes_is(name, system_columns[i])) return -(int)i - 1;
    return 0;
}

void catalog_each_relation(const struct catalog *catalog,
                           bool (*visit)(void *context, const struct catalog_relation *relation),
                           void *context)
{
    for (size_t i = 0; i < catalog->layer.n_relations; i++)
        if (!visit(context, catalog->layer.relations[i])) return;
}

struct catalog_functions catalog_functions_named(const struct catalog *catalog, struct bytes name)
{
    return catalog_layer_functions(&catalog->layer, name);
}

struct catalog_operators catalog_operators_named(const struct catalog *catalog, struct bytes name)
{
    return catalog_layer_operators(&catalog->layer, name);
}

size_t catalog_casts(const struct catalog *catalog, const struct catalog_cast **casts_out)
{
    *casts_out = catalog->layer.casts;
    return catalog->layer.n_casts;
}

static int by_name(const void *left, const void *right)
{
    return bytes_compare(*(const struct bytes *)left, *(const struct bytes *)right);
}

static bool is_among(struct bytes name, const struct bytes *names, size_t n)
{
    return n && bsearch(&name, names, n, sizeof name, by_name);
}

struct catalog_functions catalog_functions_in(const struct catalog_view *view, struct bytes name)
{
    const struct catalog_overlay *o = view->overlay;
    if (o && is_among(name, o->function_names, o->n_function_names))
        return catalog_layer_functions(&o->own, name);
    return catalog_functions_named(view->catalog, name);
}

struct catalog_operators catalog_operators_in(const struct catalog_view *view, struct bytes name)
{
    const struct catalog_overlay *o = view->overlay;
    if (o && is_among(name, o->operator_names, o->n_operator_names))
        return catalog_layer_operators(&o->own, name);
    return catalog_operators_named(view->catalog, name);
}

size_t catalog_casts_in(const struct catalog_view *view, const struct catalog_cast **casts_out)
{
    if (!view->overlay || !view->overlay->casts_differ) return catalog_casts(view->catalog, casts_out);
    *casts_out = view->overlay->own.casts;
    return view->overlay->own.n_casts;
}
