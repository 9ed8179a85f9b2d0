/* Any bytes as rows of a load, and then of an overlay: a line is a row, its values are separated by tabs,
 * "\N" is NULL; an empty line ends the load. Oracles: whatever a catalogue answers is consistent with itself.
 */
#include "base/check.h"
#include "catalog/load.h"
#include "catalog/queries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct bytes cut(struct bytes *rest, char at)
{
    const uint8_t *p = rest->n ? memchr(rest->p, at, rest->n) : NULL;
    struct bytes head = bytes_slice(*rest, 0, p ? (size_t)(p - rest->p) : rest->n);
    *rest = bytes_slice(*rest, head.n + 1, rest->n);
    return head;
}

static void read_values(struct bytes line, struct bytes values[CATALOG_ROW_WIDTH])
{
    for (size_t i = 0; i < CATALOG_ROW_WIDTH; i++) {
        values[i] = cut(&line, '\t');
        if (bytes_is(values[i], "\\N")) values[i] = (struct bytes){ 0 };
    }
}

static void check_sources(const struct catalog_sources *sources)
{
    for (size_t i = 0; i < sources->n; i++) {
        CHECK(sources->items[i].relation);
        CHECK(sources->items[i].attribute >= -6);
        CHECK(sources->items[i].attribute <= (int)sources->items[i].relation->n_columns);
    }
}

static bool check_relation(void *context, const struct catalog_relation *shared)
{
    const struct catalog_view *v = context;
    const struct catalog_relation *r = catalog_by_oid(v, shared->oid);
    if (!r) return true;
    CHECK(r->oid == shared->oid && r->schema.n && r->name.n);
    CHECK(r->n_columns == 0 || r->columns);
    for (size_t i = 0; i < r->n_ties; i++)
        CHECK(r->ties[i].relation && (r->ties[i].tie == CATALOG_TIE_RULE) == (r->ties[i].writes != 0));
    bool is_view = r->kind == 'v' || r->kind == 'm';
    CHECK(!is_view || r->sources || r->n_columns == 0 || r->decides.opaque);
    for (size_t i = 0; r->sources && i < r->n_columns; i++)
        check_sources(&r->sources[i]);
    check_sources(&r->decides);
    const struct catalog_relation *found = catalog_find(v, r->schema, r->name);
    CHECK(!found || bytes_equal(found->name, r->name));
    struct catalog_functions f = catalog_functions_in(v, r->name);
    for (size_t i = 0; i < f.n; i++)
        CHECK(bytes_equal(f.items[i]->name, r->name) && f.items[i]->signature.n);
    return true;
}

static void check_overlay(const struct catalog *c, struct bytes rest)
{
    struct catalog_view v = { .catalog = c };
    struct bytes values[CATALOG_ROW_WIDTH];
    struct catalog_overlay_load *load = catalog_overlay_begin(c);
    CHECK(load);
    while (rest.n) {
        read_values(cut(&rest, '\n'), values);
        if (!catalog_overlay_row(load, values, CATALOG_ROW_WIDTH)) break;
    }
    struct catalog_overlay *o = catalog_overlay_end(load, &v.path, &v.n_path);
    v.overlay = o;
    if (o) catalog_each_relation(c, check_relation, &v);
    catalog_overlay_free(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes rest = bytes_make(data, n), values[CATALOG_ROW_WIDTH];
    const char *error;
    struct catalog_load *load = catalog_load_begin();
    CHECK(load);
    while (rest.n) {
        struct bytes line = cut(&rest, '\n');
        if (!line.n) break;
        read_values(line, values);
        if (!catalog_load_row(load, 0, values, CATALOG_ROW_WIDTH)) break;
    }
    const struct catalog *c = catalog_load_end(load, &error);
    CHECK((c == NULL) == (error != NULL));
    if (!c) return 0;
    struct catalog_view v = { .catalog = c };
    catalog_each_relation(c, check_relation, &v);
    check_overlay(c, rest);
    catalog_release(c);
    return 0;
}
