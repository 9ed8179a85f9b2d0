/* What a function returns, and whether it may read what its arguments do not show: from the list of
 * pg_catalog's (shapes.def), the published effects, and the catalogue for everybody else's. */
#include "sql/functions.h"
#include "sql/lineage.h"
#include "sql/names.h"

#include <stdlib.h>

static const struct shape {
    const char *name;
    bool set, open;
    const char *columns;
} shapes[] = {
#define SHAPE(name, set, open, columns) { name, set, open, columns },
#include "sql/shapes.def"
#undef SHAPE
};

/* These tell what no argument holds: sequences, large objects, settings, other sessions' texts, files. What
 * functions.def lists is opaque too. */
static const char *const opaque_names[] = { "currval",
                                            "lastval",
                                            "current_setting",
                                            "loread",
                                            "pg_prepared_statement",
                                            "pg_cursor",
                                            "ts_stat",
                                            "ts_rewrite",
                                            "pg_sequence_last_value",
                                            "pg_show_all_settings" };
static const char *const opaque_prefixes[] = { "lo_", "pg_ls_", "pg_read_", "pg_stat_get_" };

static int compare_shape(const void *key, const void *element)
{
    return strcmp(key, ((const struct shape *)element)->name);
}

static bool is_opaque(const char *name)
{
    for (size_t i = 0; i < sizeof(opaque_names) / sizeof(*opaque_names); i++)
        if (strcmp(name, opaque_names[i]) == 0) return true;
    for (size_t i = 0; i < sizeof(opaque_prefixes) / sizeof(*opaque_prefixes); i++)
        if (strncmp(name, opaque_prefixes[i], strlen(opaque_prefixes[i])) == 0) return true;
    return functions_effects(NULL, name) != 0;
}

static const struct bytes *split(struct lineage *l, const char *columns, size_t *n_out)
{
    size_t n = 1;
    for (const char *c = columns; *c; c++)
        n += *c == ',';
    struct bytes *names = LINEAGE_ARRAY(l, struct bytes, n);
    *n_out = names ? n : 0;
    for (size_t i = 0; names && i < n; i++) {
        size_t length = strcspn(columns, ",");
        names[i] = bytes_make(columns, length);
        columns += length + 1;
    }
    return names;
}

/* pg_catalog's own. */
static void own_shape(struct lineage *l, const char *name, struct lineage_shape *shape)
{
    const struct shape *s =
        bsearch(name, shapes, sizeof(shapes) / sizeof(*shapes), sizeof(*shapes), compare_shape);
    shape->opaque |= is_opaque(name);
    if (!(functions_effects("pg_catalog", name) & EFFECT_PROCEDURE)) shape->exists = true;
    if (!s) return;
    shape->set |= s->set;
    shape->open |= s->open;
    if (*s->columns) shape->names = split(l, s->columns, &shape->n_names);
}

static bool same_outputs(const struct catalog_function *a, const struct catalog_function *b)
{
    if (a->returns != b->returns || a->n_outputs != b->n_outputs) return false;
    for (size_t i = 0; i < a->n_outputs; i++)
        if (!bytes_equal(a->outputs[i], b->outputs[i])) return false;
    return true;
}

enum { TYPE_RECORD = 2249 };

/* Whether a name that stands with `schema`, or with none, can mean what is in `in`. */
static bool can_mean(struct lineage *l, const char *schema, struct bytes in)
{
    if (schema) return bytes_is(in, schema);
    return l->walk->names->moved.n || names_in_path(l->view, in) || bytes_is(in, "pg_catalog");
}

/* One function of the name, which is not among pg_catalog's own. */
static bool is_other(const struct catalog_function *f)
{
    return !(catalog_is_own(f->oid) && bytes_is(f->schema, "pg_catalog"));
}

struct lineage_shape lineage_function(struct lineage *l, const List *list)
{
    struct lineage_shape shape = { 0 };
    struct tree_name name;
    const struct catalog_function *first = NULL;
    if (!tree_name(list, &name)) return (struct lineage_shape){ .set = true, .open = true, .opaque = true };
    struct catalog_functions all = catalog_functions_in(l->view, bytes_of(name.name));
    if (!name.schema || strcmp(name.schema, "pg_catalog") == 0) own_shape(l, name.name, &shape);
    /* A name that pg_catalog has goes to the server as pg_catalog's. */
    bool own = shape.exists;
    for (size_t i = 0; i < all.n; i++) {
        const struct catalog_function *f = all.items[i];
        if (!is_other(f) || !can_mean(l, own ? "pg_catalog" : name.schema, f->schema)) continue;
        shape.exists = true;
        shape.opaque |= !catalog_is_own(f->oid) || is_opaque(name.name);
        shape.set |= f->returns_set;
        if (own || (first && !same_outputs(first, f))) shape.open = true;
        if (!first) first = f;
    }
    if (!shape.exists) shape.open = shape.opaque = shape.set = true;
    if (!first || shape.open) return shape;
    shape.type = first->returns;
    shape.names = first->outputs;
    shape.types = first->output_types;
    shape.n_names = first->n_outputs;
    if (shape.n_names == 0 && shape.type == TYPE_RECORD) shape.open = true;
    return shape;
}

bool lineage_operator_is_opaque(struct lineage *l, const List *list)
{
    struct tree_name name;
    if (!list || !tree_name(list, &name)) return false;
    struct catalog_operators all = catalog_operators_in(l->view, bytes_of(name.name));
    for (size_t i = 0; i < all.n; i++)
        if (!catalog_is_own(all.items[i]->oid) && can_mean(l, name.schema, all.items[i]->schema)) return true;
    return false;
}

bool lineage_cast_is_opaque(struct lineage *l, uint32_t type)
{
    const struct catalog_cast *casts;
    size_t n = catalog_casts_in(l->view, &casts);
    const struct catalog_type *known = type ? catalog_type_by_oid(l->view, type) : NULL;
    if (!known) return false;
    if (known->runs_code) return true;
    for (size_t i = 0; i < n; i++)
        if (casts[i].to == type) return true;
    return false;
}

bool lineage_is_function(struct lineage *l, struct bytes name)
{
    struct catalog_functions all = catalog_functions_in(l->view, name);
    char *text = arena_string(l->walk->arena, name);
    if (!text) l->walk->trouble = WALK_FULL;
    return !text || all.n > 0 || l->walk->names->code_made || functions_published(text);
}
