/* A load by hand: what a server answers to the queries comes on standard input, and figures or the whole
 * catalogue go out. tests/catalog drives it against a real server.
 *
 *   bench-catalog-load queries            the queries of a load, the epoch's, the probe's and the overlay's:
 *                                         each ended by a NUL
 *   bench-catalog-load times < ROWS       how long decoding, building and looking up take
 *   bench-catalog-load tell < ROWS        the catalogue in text, one line a thing; with rows of an overlay,
 *                                         as its session sees it
 *
 * ROWS: a row is a count (u32) of values, each a length (u32, 0xffffffff is NULL) and bytes, network order; a
 * count of 0 stands between the rows of a load and those of an overlay. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "catalog/catalog.h"
#include "catalog/load.h"
#include <stdio.h>
#include <stdlib.h>

enum { MAX_VALUES = 16 };

static struct bytes read_all(struct buf *in)
{
    for (;;) {
        uint8_t *room = buf_room(in, 1 << 20);
        size_t n = room ? fread(room, 1, 1 << 20, stdin) : 0;
        if (!n) return buf_bytes(in);
        buf_added(in, n);
    }
}

/* False: the end of the rows, or of this part of them. */
static bool next_row(struct cursor *c, struct bytes *values, size_t *n)
{
    *n = cursor_left(c) ? cursor_u32(c) : 0;
    if (*n > MAX_VALUES) exit(2);
    for (size_t i = 0; i < *n; i++) {
        uint32_t length = cursor_u32(c);
        values[i] = length == UINT32_MAX ? (struct bytes){ 0 } : cursor_take(c, length);
        if (c->failed) exit(2);
    }
    return *n > 0;
}

static void tell_bytes(const char *before, struct bytes b)
{
    printf("%s%.*s", before, BYTES_FMT(b));
}

static void tell_source(const struct catalog_source *s)
{
    tell_bytes("", s->relation->schema);
    tell_bytes(".", s->relation->name);
    if (s->attribute > 0 && (size_t)s->attribute <= s->relation->n_columns)
        tell_bytes(".", s->relation->columns[s->attribute - 1].name);
    else
        printf(".%s%d", s->attribute ? "#" : "*", s->attribute);
}

static int by_source(const void *left, const void *right)
{
    const struct catalog_source *a = left, *b = right;
    int order = bytes_compare(a->relation->name, b->relation->name);
    return order ? order : a->attribute - b->attribute;
}

static void tell_sources(const struct catalog_sources *sources)
{
    if (sources->n) qsort((void *)sources->items, sources->n, sizeof *sources->items, by_source);
    for (size_t i = 0; i < sources->n; i++) {
        if (i) printf("+");
        tell_source(&sources->items[i]);
    }
    if (sources->opaque) printf("%s?", sources->n ? "+" : "");
}

static void tell_tie(const struct catalog_relation *r, const struct catalog_tie_to *tie)
{
    static const char *const names[] = {
        "view", "update", "child", "parent", "on-delete", "on-update", "rule"
    };
    tell_bytes("tie ", r->schema);
    tell_bytes(".", r->name);
    printf(" %s", names[tie->tie]);
    tell_bytes(" ", tie->relation->schema);
    tell_bytes(".", tie->relation->name);
    if (tie->deletes) printf(" deletes");
    if (tie->tie == CATALOG_TIE_RULE) printf(" %u", tie->writes);
    printf("\n");
}

static bool tell_relation(void *context, const struct catalog_relation *shared)
{
    const struct catalog_relation *r = catalog_by_oid(context, shared->oid);
    if (!r) return true;
    printf("relation %c ", r->kind);
    tell_bytes("", r->schema);
    tell_bytes(".", r->name);
    for (size_t i = 0; i < r->n_columns; i++) {
        const struct catalog_column *c = &r->columns[i];
        tell_bytes(" ", c->name);
        if (!c->name.p) printf("-");
        printf("%s%s%s%s", c->not_null ? "!" : "", c->generated ? "^" : "", c->key ? "@" : "",
               c->unique ? "~" : "");
        if (c->tags.n) tell_bytes("#", c->tags);
        if (r->sources) printf("=");
        if (r->sources) tell_sources(&r->sources[i]);
    }
    if (r->kind == 'v' || r->kind == 'm') printf(" decides=");
    tell_sources(&r->decides);
    printf("%s%s%s%s%s%s%s%s\n", r->temporary ? " temporary" : "", r->has_rules ? " rules" : "",
           r->has_triggers ? " triggers" : "", r->row_security ? " row-security" : "",
           r->has_late_triggers ? " late" : "", r->entangled ? " entangled" : "",
           r->code_on_read ? " reading-code" : "", r->code_on_write ? " writing-code" : "");
    for (size_t i = 0; i < r->n_ties; i++)
        tell_tie(r, &r->ties[i]);
    return true;
}

/* Names on the command line are asked for one by one: "relation NAME", "function NAME", … as the session sees
 * them; without any, all relations of the shared catalogue are told. */
static void tell_name(const struct catalog_view *v, const char *kind, struct bytes name)
{
    struct bytes schema = { 0 };
    const uint8_t *dot = memchr(name.p, '.', name.n);
    if (*kind == 'r' || *kind == 't') {
        if (dot) schema = bytes_make(name.p, (size_t)(dot - name.p));
        if (dot) name = bytes_slice(name, schema.n + 1, name.n);
    }
    if (*kind == 'r') {
        const struct catalog_relation *r = catalog_find(v, schema, name);
        if (r)
            tell_relation((void *)v, r);
        else
            printf("none\n");
    } else if (*kind == 't') {
        const struct catalog_type *t = catalog_type_find(v, schema, name);
        if (t)
            printf("type %.*s.%.*s %c%s%s %.*s\n", BYTES_FMT(t->schema), BYTES_FMT(t->name), t->kind,
                   t->checked ? " checked" : "", t->runs_code ? " code" : "", BYTES_FMT(t->extension));
        else
            printf("none\n");
    } else if (*kind == 'f') {
        struct catalog_functions f = catalog_functions_in(v, name);
        for (size_t i = 0; i < f.n; i++) {
            const struct catalog_function *g = f.items[i];
            printf("function %.*s %c%c%s%s %.*s", BYTES_FMT(g->signature), g->kind, g->volatility,
                   g->security_definer ? " definer" : "", g->returns_set ? " set" : "",
                   BYTES_FMT(g->extension));
            for (size_t k = 0; k < g->n_outputs; k++)
                tell_bytes(k ? "," : " ", g->outputs[k]);
            printf("\n");
        }
    } else if (*kind == 'o') {
        struct catalog_operators o = catalog_operators_in(v, name);
        for (size_t i = 0; i < o.n; i++)
            printf("operator %.*s %.*s\n", BYTES_FMT(o.items[i]->signature),
                   BYTES_FMT(o.items[i]->extension));
    } else if (*kind == 'c') {
        const struct catalog_cast *casts;
        size_t n = catalog_casts_in(v, &casts);
        for (size_t i = 0; i < n; i++)
            printf("cast %.*s %.*s\n", BYTES_FMT(casts[i].signature), BYTES_FMT(casts[i].extension));
    }
}

static struct catalog_overlay *read_overlay(struct cursor *c, const struct catalog *under,
                                            struct catalog_view *v)
{
    struct bytes values[MAX_VALUES];
    size_t n;
    struct catalog_overlay_load *load = catalog_overlay_begin(under);
    while (next_row(c, values, &n))
        if (!catalog_overlay_row(load, values, n)) {
            fprintf(stderr, "a row of the overlay is refused: %.*s\n", BYTES_FMT(values[0]));
            break;
        }
    struct catalog_overlay *o = catalog_overlay_end(load, &v->path, &v->n_path);
    if (!o) fprintf(stderr, "the overlay failed\n");
    return o;
}

static int64_t now(void)
{
    return clock_monotonic_us(&clock_system);
}

static bool count_relation(void *context, const struct catalog_relation *r)
{
    struct catalog_view *v = context;
    return catalog_find(v, r->schema, r->name) == r;
}

static void tell_times(const struct catalog *c, int64_t began, int64_t decoded, int64_t ended)
{
    struct bytes path[] = { BYTES_LITERAL("pg_catalog"), BYTES_LITERAL("public") };
    struct catalog_view v = { c, NULL, path, 2 };
    int64_t start = now();
    enum { ROUNDS = 1000000 };
    size_t found = 0;
    for (int i = 0; i < ROUNDS; i++)
        found += catalog_find(&v, (struct bytes){ 0 }, BYTES_LITERAL("pg_class")) != NULL;
    int64_t looked = now();
    catalog_each_relation(c, count_relation, &v);
    printf("decode %.1f ms, build %.1f ms, look-up %.0f ns (%zu)\n", (double)(decoded - began) / 1000,
           (double)(ended - decoded) / 1000, (double)(looked - start) * 1000 / ROUNDS, found);
}

static void print_query(const char *query)
{
    fwrite(query, 1, strlen(query) + 1, stdout);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "", *query, *error;
    struct catalog_load *load = catalog_load_begin();
    struct bytes values[MAX_VALUES];
    struct buf in;
    size_t n;
    if (strcmp(verb, "queries") == 0) {
        for (size_t i = 0; (query = catalog_load_query(load, i)); i++)
            print_query(query);
        catalog_load_abandon(load);
        print_query(catalog_epoch_query);
        print_query(catalog_probe_query);
        print_query(catalog_overlay_query);
        return 0;
    }
    buf_init(&in, 1 << 30);
    struct cursor c = cursor_over(read_all(&in));
    int64_t began = now();
    while (next_row(&c, values, &n))
        if (!catalog_load_row(load, 0, values, n)) {
            fprintf(stderr, "a row is refused:");
            for (size_t i = 0; i < n; i++)
                fprintf(stderr, " %.*s", BYTES_FMT(values[i]));
            fprintf(stderr, "\n");
            break;
        }
    int64_t decoded = now();
    const struct catalog *catalog = catalog_load_end(load, &error);
    if (!catalog) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    struct bytes plain[] = { BYTES_LITERAL("pg_catalog"), BYTES_LITERAL("public") };
    struct catalog_view v = { .catalog = catalog, .path = plain, .n_path = 2 };
    if (strcmp(verb, "times") == 0) tell_times(catalog, began, decoded, now());
    struct catalog_overlay *overlay = cursor_left(&c) ? read_overlay(&c, catalog, &v) : NULL;
    v.overlay = overlay;
    if (strcmp(verb, "tell") == 0) {
        for (size_t i = 0; i < v.n_path && overlay; i++)
            tell_bytes(i ? " " : "path ", v.path[i]);
        if (overlay) printf("%s\n", catalog_overlay_is_empty(overlay) ? " empty" : "");
        if (argc < 4) catalog_each_relation(catalog, tell_relation, &v);
        for (int i = 2; i + 1 < argc; i += 2)
            tell_name(&v, argv[i], bytes_of(argv[i + 1]));
    }
    catalog_overlay_free(overlay);
    catalog_release(catalog);
    buf_free(&in);
    return 0;
}
