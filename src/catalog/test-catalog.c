#include "catalog/test-catalog.h"
#include "base/map.h"
#include "catalog/build.h"
#include "catalog/queries.h"
#include <stdio.h>
#include <stdlib.h>

/* What reads the lines: it makes rows, which go through the code that rows of a server go through; only what
 * a server says in trees is put into the layer afterwards. */
struct reader {
    struct catalog_load *load;
    struct catalog_overlay_load *overlay_load;
    struct catalog_builder *builder; /* where edges go */
    const struct catalog *under;
    struct arena arena;
    struct map oids;    /* "r public.t", "t text", "f public.f" → oid */
    struct map columns; /* "public.t.c" → number */
    struct catalog_list views;
    uint32_t next_own, next_user;
    const char *line;
};
struct pending_view {
    uint32_t oid;
    size_t n;
    struct bytes *sources; /* of each column, as written */
    struct bytes decides;
    bool opaque, row_security, entangled;
};

_Noreturn static void fail(const struct reader *r, const char *what)
{
    fprintf(stderr, "catalogue of a test: %s: %.200s\n", what, r->line);
    abort();
}

static void emit(struct reader *r, const char *const *texts, size_t n)
{
    struct bytes values[CATALOG_ROW_WIDTH] = { 0 };
    for (size_t i = 0; i < n; i++)
        values[i] = bytes_of(texts[i]);
    bool taken = r->load ? catalog_load_row(r->load, 0, values, n)
                         : catalog_overlay_row(r->overlay_load, values, CATALOG_ROW_WIDTH);
    if (!taken) fail(r, "a row that is refused");
}
#define EMIT(r, ...)                                                                                         \
    emit(r, (const char *[]){ __VA_ARGS__ }, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *))

static const char *text(struct reader *r, struct bytes b)
{
    return arena_string(&r->arena, b);
}

static const char *number(struct reader *r, int64_t value)
{
    return (const char *)arena_printf(&r->arena, "%lld", (long long)value).p;
}

static struct bytes cut(struct bytes *rest, char at)
{
    if (!rest->n) return *rest; /* nothing is added to a null pointer */
    const uint8_t *p = memchr(rest->p, at, rest->n);
    struct bytes head = p ? bytes_make(rest->p, (size_t)(p - rest->p)) : *rest;
    *rest = p ? bytes_make(p + 1, rest->n - head.n - 1) : bytes_make(rest->p + rest->n, 0);
    return head;
}

static struct bytes word(struct bytes *rest)
{
    struct bytes w;
    do {
        w = cut(rest, ' ');
    } while (w.n == 0 && rest->n);
    return w;
}

static struct bytes key(struct reader *r, char class, struct bytes name)
{
    return arena_printf(&r->arena, "%c %.*s", class, BYTES_FMT(name));
}

static uint32_t look(struct reader *r, char class, struct bytes name)
{
    return (uint32_t)(uintptr_t)map_get(&r->oids, key(r, class, name));
}

static uint32_t need(struct reader *r, char class, struct bytes name)
{
    uint32_t oid = look(r, class, name);
    if (!oid) fail(r, (const char *)arena_printf(&r->arena, "%.*s is not there", BYTES_FMT(name)).p);
    return oid;
}

static void keep(struct reader *r, char class, struct bytes name, uint32_t oid)
{
    if (!map_put(&r->oids, key(r, class, name), (void *)(uintptr_t)oid, NULL)) fail(r, "no memory");
}

static void split(struct reader *r, struct bytes name, struct bytes *schema, struct bytes *object)
{
    *object = name;
    *schema = cut(object, '.');
    if (!object->n) fail(r, "a name without a schema");
}

static uint32_t new_oid(struct reader *r, struct bytes schema)
{
    bool own = bytes_is(schema, "pg_catalog") || bytes_is(schema, "information_schema");
    return own ? r->next_own++ : r->next_user++;
}

static void put_type(struct reader *r, uint32_t oid, struct bytes schema, struct bytes name, const char *kind,
                     uint32_t relation, uint32_t base, uint32_t element, const char *format)
{
    bool own = bytes_is(schema, "pg_catalog");
    struct bytes full = arena_printf(&r->arena, "%.*s.%.*s", BYTES_FMT(schema), BYTES_FMT(name));
    EMIT(r, "Y", number(r, oid), text(r, schema), text(r, name), kind, number(r, relation), number(r, base),
         number(r, element), format ? format : text(r, full));
    keep(r, 't', full, oid);
    if (own) keep(r, 't', name, oid);
}

static void put_basic_types(struct reader *r)
{
    static const struct {
        uint32_t oid, array;
        const char *name, *format, *kind;
    } types[] = {
        { 16, 1000, "bool", "boolean", "b" },
        { 17, 1001, "bytea", "bytea", "b" },
        { 18, 1002, "char", "\"char\"", "b" },
        { 19, 1003, "name", "name", "b" },
        { 20, 1016, "int8", "bigint", "b" },
        { 21, 1005, "int2", "smallint", "b" },
        { 23, 1007, "int4", "integer", "b" },
        { 25, 1009, "text", "text", "b" },
        { 26, 1028, "oid", "oid", "b" },
        { 114, 199, "json", "json", "b" },
        { 700, 1021, "float4", "real", "b" },
        { 701, 1022, "float8", "double precision", "b" },
        { 705, 0, "unknown", "unknown", "p" },
        { 1042, 1014, "bpchar", "character", "b" },
        { 1043, 1015, "varchar", "character varying", "b" },
        { 1082, 1182, "date", "date", "b" },
        { 1083, 1183, "time", "time without time zone", "b" },
        { 1114, 1115, "timestamp", "timestamp without time zone", "b" },
        { 1184, 1185, "timestamptz", "timestamp with time zone", "b" },
        { 1186, 1187, "interval", "interval", "b" },
        { 1700, 1231, "numeric", "numeric", "b" },
        { 2205, 2210, "regclass", "regclass", "b" },
        { 2249, 2287, "record", "record", "p" },
        { 2276, 0, "any", "\"any\"", "p" },
        { 2277, 0, "anyarray", "anyarray", "p" },
        { 2278, 0, "void", "void", "p" },
        { 2279, 0, "trigger", "trigger", "p" },
        { 2283, 0, "anyelement", "anyelement", "p" },
        { 2950, 2951, "uuid", "uuid", "b" },
        { 3802, 3807, "jsonb", "jsonb", "b" },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct bytes schema = BYTES_LITERAL("pg_catalog"), name = bytes_of(types[i].name);
        put_type(r, types[i].oid, schema, name, types[i].kind, 0, 0, 0, types[i].format);
        struct bytes format = arena_printf(&r->arena, "%s[]", types[i].format);
        if (types[i].array)
            put_type(r, types[i].array, schema, arena_printf(&r->arena, "_%s", types[i].name), "b", 0, 0,
                     types[i].oid, (const char *)format.p);
    }
}

static void on_path(struct reader *r, struct bytes rest)
{
    for (struct bytes w; (w = word(&rest)).n;)
        EMIT(r, "P", text(r, w));
}

static void add_edge(struct reader *r, uint32_t from, uint32_t to, enum catalog_tie tie, bool deletes,
                     uint32_t writes)
{
    if (!catalog_build_edge(r->builder, (struct catalog_edge){ from, to, tie, deletes, writes }))
        fail(r, "no memory");
}

/* "public.t.c" or "public.t.*" */
static struct catalog_source read_source(struct reader *r, struct bytes name, uint32_t *oid_out)
{
    size_t dot = name.n;
    while (dot && name.p[dot - 1] != '.')
        dot--;
    if (!dot) fail(r, "a source that is no column");
    *oid_out = need(r, 'r', bytes_slice(name, 0, dot - 1));
    uintptr_t n = (uintptr_t)map_get(&r->columns, name);
    if (!n && !bytes_is(bytes_slice(name, dot, name.n), "*")) fail(r, "a source that is not there");
    return (struct catalog_source){ .attribute = (int16_t)n };
}

static void tie_sources(struct reader *r, uint32_t view, struct bytes sources)
{
    for (struct bytes s; (s = cut(&sources, '+')).n;) {
        uint32_t oid;
        if (bytes_is(s, "?")) continue;
        if (s.p[s.n - 1] == '!') s.n--;
        (void)read_source(r, s, &oid);
        add_edge(r, view, oid, CATALOG_TIE_VIEW, false, 0);
    }
}

static void put_column(struct reader *r, struct bytes relation, uint32_t oid, size_t i, struct bytes spec)
{
    struct bytes type = spec, name = cut(&type, ':');
    char flags[8] = "";
    while (type.n && strchr("!^@~", type.p[type.n - 1]) && strlen(flags) + 1 < sizeof flags) {
        uint8_t mark = type.p[--type.n];
        flags[strlen(flags)] = mark == '!' ? 'n' : mark == '^' ? 'g' : mark == '@' ? 'k' : 'u';
    }
    EMIT(r, "C", number(r, oid), number(r, (int64_t)i), text(r, name), number(r, need(r, 't', type)), "-1",
         flags);
    struct bytes full = arena_printf(&r->arena, "%.*s.%.*s", BYTES_FMT(relation), BYTES_FMT(name));
    if (!map_put(&r->columns, full, (void *)(uintptr_t)i, NULL)) fail(r, "no memory");
}

/* A word that is no column of a relation: its oid, and what a view reads and writes. */
static bool on_relation_option(struct reader *r, uint32_t oid, struct bytes w, struct pending_view *view)
{
    struct bytes value = w, option = cut(&value, '=');
    if (bytes_is(w, "opaque"))
        view->opaque = true;
    else if (bytes_is(w, "rls"))
        view->row_security = true;
    else if (bytes_is(w, "entangled"))
        view->entangled = true;
    else if (bytes_is(option, "decides"))
        view->decides = value;
    else if (bytes_is(option, "reads"))
        add_edge(r, oid, need(r, 'r', value), CATALOG_TIE_VIEW, false, 0);
    else if (bytes_is(option, "updates"))
        add_edge(r, oid, need(r, 'r', value), CATALOG_TIE_UPDATE, false, 0);
    else
        return false;
    return true;
}

static void put_relation(struct reader *r, const char *kind, struct bytes rest)
{
    struct bytes name = word(&rest), schema, object, columns[1664], copy = rest, first = word(&copy);
    struct pending_view view = { .sources = ARENA_ARRAY(&r->arena, struct bytes, 1664) };
    split(r, name, &schema, &object);
    view.oid = look(r, 'r', name);
    if (bytes_starts_with(first, "oid=")) {
        if (!catalog_read_oid(bytes_slice(first, 4, first.n), &view.oid)) fail(r, "no oid");
        rest = copy;
    }
    if (!view.oid) view.oid = new_oid(r, schema);
    uint32_t type = new_oid(r, schema);
    keep(r, 'r', name, view.oid);
    for (struct bytes w; (w = word(&rest)).n;)
        if (!on_relation_option(r, view.oid, w, &view)) {
            struct bytes sources = w;
            columns[view.n] = cut(&sources, '=');
            view.sources[view.n++] = sources;
        }
    EMIT(r, "R", number(r, view.oid), text(r, schema), text(r, object), kind,
         text(r, arena_printf(&r->arena, "%s%s%s", bytes_starts_with(schema, "pg_temp") ? "t" : "",
                              view.row_security ? "s" : "", view.entangled ? "e" : "")),
         number(r, type), number(r, (int64_t)view.n), "0");
    put_type(r, type, schema, object, "c", view.oid, 0, 0, NULL);
    for (size_t i = 0; i < view.n; i++)
        put_column(r, name, view.oid, i + 1, columns[i]);
    if (*kind != 'v' && *kind != 'm') return;
    for (size_t i = 0; i < view.n; i++)
        tie_sources(r, view.oid, view.sources[i]);
    tie_sources(r, view.oid, view.decides);
    struct pending_view *place = catalog_list_add(r->builder, &r->views, sizeof *place);
    if (!place) fail(r, "no memory");
    *place = view;
}

static void put_pair(struct reader *r, struct bytes rest, char tie)
{
    uint32_t a = need(r, 'r', word(&rest)), b = need(r, 'r', word(&rest));
    switch (tie) {
    case 'i': EMIT(r, "I", number(r, a), number(r, b)); return;
    case 'c':
    case 'n': EMIT(r, "X", number(r, b), number(r, a), tie == 'c' ? "c" : "n", "a"); return;
    case 't': add_edge(r, a, b, CATALOG_TIE_TABLE, false, 0); return;
    case 'u': EMIT(r, "X", number(r, b), number(r, a), "a", "c"); return;
    }
    uint32_t writes;
    if (!catalog_read_oid(word(&rest), &writes)) fail(r, "a rule that does nothing");
    add_edge(r, a, b, CATALOG_TIE_RULE, false, writes);
    /* The builder sees that there is a rule by a row whose tree names nothing. */
    EMIT(r, "W", number(r, a), "3", "<>", "<>");
}

static const char *read_types(struct reader *r, struct bytes list)
{
    struct bytes out = BYTES_LITERAL("");
    for (struct bytes t; (t = cut(&list, ',')).n;)
        out = arena_printf(&r->arena, "%.*s%s%u", BYTES_FMT(out), out.n ? " " : "", need(r, 't', t));
    return text(r, out);
}

struct options {
    struct bytes extension, function, kind, outputs;
    char volatility;
    bool set, definer;
    uint32_t oid;
};

static struct options read_options(struct reader *r, struct bytes rest)
{
    struct options o = { .volatility = 'v' };
    for (struct bytes w; (w = word(&rest)).n;) {
        struct bytes value = w, name = cut(&value, '=');
        if (bytes_is(name, "extension"))
            o.extension = value;
        else if (bytes_is(name, "function"))
            o.function = value;
        else if (bytes_is(name, "kind"))
            o.kind = value;
        else if (bytes_is(name, "out"))
            o.outputs = value;
        else if (bytes_is(name, "oid") && catalog_read_oid(value, &o.oid))
            continue;
        else if (bytes_is(w, "stable") || bytes_is(w, "immutable") || bytes_is(w, "volatile"))
            o.volatility = (char)w.p[0];
        else if (bytes_is(w, "set"))
            o.set = true;
        else if (bytes_is(w, "definer"))
            o.definer = true;
        else
            fail(r, "an option that is none");
    }
    return o;
}

static void put_member(struct reader *r, const char *class, uint32_t oid, struct bytes extension)
{
    if (extension.n) EMIT(r, "E", class, number(r, oid), text(r, extension));
}

static void on_function(struct reader *r, struct bytes rest)
{
    struct bytes full = cut(&rest, '('), arguments = cut(&rest, ')'), schema, name;
    if (!bytes_is(word(&rest), "->")) fail(r, "a function that returns nothing");
    uint32_t returns = need(r, 't', word(&rest));
    struct options o = read_options(r, rest);
    split(r, full, &schema, &name);
    uint32_t oid = o.oid ? o.oid : new_oid(r, schema);
    const char *types = NULL, *modes = NULL, *names = NULL;
    if (o.outputs.n) {
        struct bytes t = BYTES_LITERAL(""), m = t, n = t, rest_of = o.outputs;
        for (struct bytes c; (c = cut(&rest_of, ',')).n;) {
            struct bytes type = c, column = cut(&type, ':');
            const char *comma = t.n ? "," : "";
            t = arena_printf(&r->arena, "%.*s%s%u", BYTES_FMT(t), comma, need(r, 't', type));
            m = arena_printf(&r->arena, "%.*s%so", BYTES_FMT(m), comma);
            n = arena_printf(&r->arena, "%.*s%s\"%.*s\"", BYTES_FMT(n), comma, BYTES_FMT(column));
        }
        types = text(r, arena_printf(&r->arena, "{%.*s}", BYTES_FMT(t)));
        modes = text(r, arena_printf(&r->arena, "{%.*s}", BYTES_FMT(m)));
        names = text(r, arena_printf(&r->arena, "{%.*s}", BYTES_FMT(n)));
    }
    EMIT(r, "F", number(r, oid), text(r, schema), text(r, name), o.kind.n ? text(r, o.kind) : "f",
         o.volatility == 's'   ? "s"
         : o.volatility == 'i' ? "i"
                               : "v",
         o.set       ? (o.definer ? "ds" : "s")
         : o.definer ? "d"
                     : "",
         number(r, returns), read_types(r, arguments), types, modes, names);
    keep(r, 'f', full, oid);
    put_member(r, "1255", oid, o.extension);
}

static void on_operator(struct reader *r, struct bytes rest)
{
    struct bytes full = cut(&rest, '('), right = cut(&rest, ')'), left = cut(&right, ','), schema, name;
    struct options o = read_options(r, rest);
    split(r, full, &schema, &name);
    uint32_t oid = o.oid ? o.oid : new_oid(r, schema);
    EMIT(r, "O", number(r, oid), text(r, schema), text(r, name),
         number(r, bytes_is(left, "none") ? 0 : need(r, 't', left)), number(r, need(r, 't', right)),
         number(r, o.function.n ? need(r, 'f', o.function) : 0));
    put_member(r, "2617", oid, o.extension);
}

static void on_cast(struct reader *r, struct bytes rest)
{
    uint32_t from = need(r, 't', word(&rest)), to = need(r, 't', word(&rest)), oid = r->next_user++;
    struct options o = read_options(r, rest);
    EMIT(r, "K", number(r, oid), number(r, from), number(r, to),
         number(r, o.function.n ? need(r, 'f', o.function) : 0));
    put_member(r, "2605", oid, o.extension);
}

static void on_type(struct reader *r, struct bytes rest)
{
    struct bytes full = word(&rest), schema, name;
    struct options o = read_options(r, rest);
    split(r, full, &schema, &name);
    uint32_t oid = new_oid(r, schema), array = new_oid(r, schema);
    put_type(r, oid, schema, name, o.kind.n ? text(r, o.kind) : "b", 0, 0, 0, NULL);
    put_type(r, array, schema, arena_printf(&r->arena, "_%.*s", BYTES_FMT(name)), "b", 0, 0, oid, NULL);
    put_member(r, "1247", oid, o.extension);
}

static void on_domain(struct reader *r, struct bytes rest)
{
    struct bytes full = word(&rest), base = word(&rest), schema, name;
    split(r, full, &schema, &name);
    uint32_t oid = new_oid(r, schema);
    put_type(r, oid, schema, name, "d", 0, need(r, 't', base), 0, NULL);
    for (struct bytes w; (w = word(&rest)).n;)
        if (bytes_is(w, "checked"))
            EMIT(r, "D", number(r, oid), "<>");
        else if (bytes_is(w, "code"))
            EMIT(r, "D", number(r, oid), "?");
        else
            fail(r, "an option that is none");
}

static void on_unseen(struct reader *r, struct bytes rest)
{
    uint32_t relation = need(r, 'r', word(&rest)), function = need(r, 'f', word(&rest));
    EMIT(r, "U", number(r, relation), bytes_is(word(&rest), "read") ? "r" : "",
         text(r, arena_printf(&r->arena, "{FUNCEXPR :funcid %u :args <>}", function)));
}

static void on_tag(struct reader *r, struct bytes rest)
{
    struct bytes column = word(&rest);
    uint32_t oid;
    struct catalog_source s = read_source(r, column, &oid);
    struct bytes comment = arena_printf(&r->arena, "postern:%.*s", BYTES_FMT(rest));
    EMIT(r, "T", number(r, oid), number(r, s.attribute), text(r, comment));
}

static void on_line(struct reader *r, struct bytes line)
{
    static const struct {
        const char *word, *kind;
    } kinds[] = { { "table", "r" },     { "partitioned", "p" }, { "foreign", "f" },
                  { "sequence", "S" },  { "toast", "t" },       { "index", "i" },
                  { "composite", "c" }, { "view", "v" },        { "matview", "m" } };
    static const struct {
        const char *word;
        char tie;
    } pairs[] = { { "child", 'i' },    { "cascade", 'c' }, { "setnull", 'n' },
                  { "onupdate", 'u' }, { "rule", 'r' },    { "indexes", 't' } };
    struct bytes rest = line, first = word(&rest);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bytes_is(first, kinds[i].word)) {
            put_relation(r, kinds[i].kind, rest);
            return;
        }
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (bytes_is(first, pairs[i].word)) {
            put_pair(r, rest, pairs[i].tie);
            return;
        }
    if (bytes_is(first, "function"))
        on_function(r, rest);
    else if (bytes_is(first, "operator"))
        on_operator(r, rest);
    else if (bytes_is(first, "cast"))
        on_cast(r, rest);
    else if (bytes_is(first, "type"))
        on_type(r, rest);
    else if (bytes_is(first, "domain"))
        on_domain(r, rest);
    else if (bytes_is(first, "trigger"))
        EMIT(r, "G", number(r, need(r, 'r', word(&rest))), bytes_is(word(&rest), "late") ? "d" : "");
    else if (bytes_is(first, "unseen"))
        on_unseen(r, rest);
    else if (bytes_is(first, "tag"))
        on_tag(r, rest);
    else if (bytes_is(first, "path"))
        on_path(r, rest);
    else
        fail(r, "a line that begins with no known word");
}

/* Lines, with those that go on joined to the one before. */
static void read_lines(struct reader *r, const char *lines)
{
    struct bytes rest = bytes_of(lines), line = { 0 };
    for (;;) {
        struct bytes next = cut(&rest, '\n');
        struct bytes plain = cut(&next, '#');
        bool goes_on = plain.n && plain.p[0] == ' ';
        if (!goes_on && line.n) {
            r->line = text(r, line);
            on_line(r, line);
        }
        line = goes_on ? arena_printf(&r->arena, "%.*s %.*s", BYTES_FMT(line), BYTES_FMT(plain)) : plain;
        if (!rest.n && !line.n) break;
    }
}

static struct catalog_sources make_sources(struct reader *r, struct catalog_layer *layer, struct bytes spec)
{
    struct catalog_sources out = { 0 };
    struct catalog_source *items = ARENA_ARRAY(&layer->arena, struct catalog_source, spec.n);
    for (struct bytes s; (s = cut(&spec, '+')).n;) {
        uint32_t oid;
        if (bytes_is(s, "?")) {
            out.opaque = true;
            continue;
        }
        if (s.p[s.n - 1] == '!') out.plain = true, s.n--;
        items[out.n] = read_source(r, s, &oid);
        const struct catalog_relation *found = catalog_layer_relation_by_oid(layer, oid);
        if (!found && r->under) found = catalog_layer_relation_by_oid(&r->under->layer, oid);
        if (!found) fail(r, "a source of no layer");
        items[out.n++].relation = found;
    }
    out.items = items;
    return out;
}

static void put_sources(struct reader *r, struct catalog_layer *layer)
{
    struct pending_view *views = r->views.items;
    for (size_t i = 0; i < r->views.n; i++) {
        struct catalog_relation *view = catalog_layer_relation_by_oid(layer, views[i].oid);
        struct catalog_sources *sources = ARENA_ARRAY(&layer->arena, struct catalog_sources, views[i].n + 1);
        for (size_t k = 0; k < views[i].n; k++)
            sources[k] = make_sources(r, layer, views[i].sources[k]);
        view->sources = views[i].opaque ? NULL : sources;
        view->decides = make_sources(r, layer, views[i].decides);
        view->decides.opaque |= views[i].opaque;
    }
}

static void reader_begin(struct reader *r)
{
    r->next_own = 12500;
    r->next_user = 16384;
    arena_init(&r->arena, 64 << 10, 64 << 20);
    map_init(&r->oids, 100000, 1);
    map_init(&r->columns, 1000000, 1);
}

static void reader_end(struct reader *r)
{
    free(r->views.items);
    map_free(&r->oids, NULL);
    map_free(&r->columns, NULL);
    arena_free(&r->arena);
}

const struct catalog *catalog_from_text(const char *lines)
{
    struct reader r = { .load = catalog_load_begin() };
    const char *error;
    reader_begin(&r);
    r.builder = catalog_load_builder(r.load);
    EMIT(&r, "H", "150000", "100:100:");
    put_basic_types(&r);
    read_lines(&r, lines);
    const struct catalog *c = catalog_load_end(r.load, &error);
    if (!c) fail(&r, error);
    put_sources(&r, &((struct catalog *)c)->layer);
    reader_end(&r);
    return c;
}

/* What the shared catalogue has, by name. */
static void know_shared(struct reader *r, const struct catalog_layer *l)
{
    for (size_t i = 0; i < l->n_relations; i++) {
        const struct catalog_relation *rel = l->relations[i];
        struct bytes full =
            arena_printf(&r->arena, "%.*s.%.*s", BYTES_FMT(rel->schema), BYTES_FMT(rel->name));
        keep(r, 'r', full, rel->oid);
        for (size_t k = 0; k < rel->n_columns; k++) {
            struct bytes column = rel->columns[k].name;
            column = arena_printf(&r->arena, "%.*s.%.*s", BYTES_FMT(full), BYTES_FMT(column));
            if (!map_put(&r->columns, column, (void *)(uintptr_t)(k + 1), NULL)) fail(r, "no memory");
        }
    }
    for (size_t i = 0; i < l->n_types; i++) {
        const struct catalog_type *t = l->types[i];
        keep(r, 't', arena_printf(&r->arena, "%.*s.%.*s", BYTES_FMT(t->schema), BYTES_FMT(t->name)), t->oid);
        if (bytes_is(t->schema, "pg_catalog")) keep(r, 't', t->name, t->oid);
    }
    for (size_t i = 0; i < l->n_functions; i++) {
        const struct catalog_function *f = l->functions[i];
        keep(r, 'f', arena_printf(&r->arena, "%.*s.%.*s", BYTES_FMT(f->schema), BYTES_FMT(f->name)), f->oid);
    }
}

/* The lines for overlays alone, which are taken out of the text: "temporary" and "dropped". */
static const char *read_session(struct reader *r, const char *lines)
{
    struct bytes rest = bytes_of(lines), kept = BYTES_LITERAL(""), temporary = BYTES_LITERAL("");
    struct catalog_oids dropped = { ARENA_ARRAY(&r->arena, uint32_t, strlen(lines)), 0 };
    while (rest.n) {
        struct bytes line = cut(&rest, '\n'), words = line, first = word(&words);
        if (bytes_is(first, "temporary"))
            temporary = word(&words);
        else if (bytes_is(first, "dropped"))
            dropped.items[dropped.n++] = need(r, 'r', word(&words));
        else
            kept = arena_printf(&r->arena, "%.*s%.*s\n", BYTES_FMT(kept), BYTES_FMT(line));
    }
    EMIT(r, "S", text(r, temporary), "t", "200:200:");
    struct bytes alive = BYTES_LITERAL("0");
    for (size_t i = 0; i < r->under->layer.n_relations; i++) {
        uint32_t oid = r->under->layer.relations[i]->oid;
        bool gone = false;
        for (size_t k = 0; k < dropped.n; k++)
            gone |= dropped.items[k] == oid;
        if (!gone) alive = arena_printf(&r->arena, "%.*s,%u", BYTES_FMT(alive), oid);
    }
    EMIT(r, "A", "R", text(r, alive));
    return text(r, kept);
}

struct catalog_overlay *catalog_overlay_from_text(const struct catalog *under, const char *lines,
                                                  const struct bytes **path_out, size_t *n_path_out)
{
    struct reader r = { .overlay_load = catalog_overlay_begin(under), .under = under };
    reader_begin(&r);
    r.next_user = 1000000;
    r.builder = catalog_overlay_builder(r.overlay_load);
    know_shared(&r, &under->layer);
    read_lines(&r, read_session(&r, lines));
    struct catalog_overlay *o = catalog_overlay_end(r.overlay_load, path_out, n_path_out);
    if (!o) fail(&r, "an overlay that is refused");
    put_sources(&r, &o->own);
    reader_end(&r);
    return o;
}

struct catalog_view catalog_view_of(const struct catalog *catalog, const char *path_text,
                                    struct bytes path[16])
{
    struct catalog_view view = { .catalog = catalog, .path = path };
    struct bytes rest = bytes_of(path_text);
    for (struct bytes w; view.n_path < 16 && (w = word(&rest)).n;)
        path[view.n_path++] = w;
    return view;
}
