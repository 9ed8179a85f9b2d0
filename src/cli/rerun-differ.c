/* A run's outcomes side by side: results in order, then the error. What is volatile is asked only where
 * something differs. */
#include "cli/rerun-differ.h"
#include "base/cursor.h"
#include "cli/rerun-rows.h"
#include "cli/rerun-server.h"
#include "crypto/hash.h"
#include "sql/facts.h"
#include <stdio.h>

enum { TABLES = 100000, CATALOGUE_CEILING = 256 << 20 };

const char *rerun_what_name(enum rerun_what what)
{
    static const char *const names[] = {
#define X(NAME, name) name,
        RERUN_DIFFERENCES(X)
#undef X
    };
    return names[what];
}

const char *rerun_verdict_name(enum rerun_verdict verdict)
{
    static const char *const names[] = { "differs", "same", "expected", "not run", "not told" };
    return names[verdict];
}

void rerun_differ_init(struct rerun_differ *d, struct rerun_server *aside, bool in_order)
{
    *d = (struct rerun_differ){ .in_order = in_order, .aside = aside };
    rerun_written_init(&d->written);
    map_init(&d->tables, TABLES, 2);
    arena_init(&d->arena, 4096, CATALOGUE_CEILING);
}

void rerun_differ_free(struct rerun_differ *d)
{
    rerun_written_free(&d->written);
    map_free(&d->tables, NULL);
    arena_free(&d->arena);
}

/* ---- what was read */

bool rerun_columns(struct bytes description, struct arena *arena, struct rerun_column **out, size_t *n_out)
{
    struct cursor c = cursor_over(description);
    size_t n = description.n ? cursor_u16(&c) : 0;
    struct rerun_column *columns = ARENA_ARRAY(arena, struct rerun_column, n + 1);
    *n_out = 0;
    *out = columns;
    if (!columns) return false;
    for (size_t i = 0; i < n; i++) {
        columns[i].name = cursor_cstring(&c);
        columns[i].table = cursor_u32(&c);
        columns[i].attribute = (int16_t)cursor_u16(&c);
        columns[i].type = cursor_u32(&c);
        cursor_u16(&c);
        cursor_u32(&c);
        columns[i].binary = cursor_u16(&c) == 1;
    }
    if (cursor_done(&c) || !n) *n_out = n;
    return true;
}

size_t rerun_values(struct bytes row, struct bytes *values, size_t most)
{
    struct cursor c = cursor_over(row);
    size_t n = cursor_u16(&c), i = 0;
    for (; i < n && i < most && !c.failed; i++) {
        uint32_t length = cursor_u32(&c);
        values[i] = length == UINT32_MAX ? (struct bytes){ 0 } : cursor_take(&c, length);
        if (length == 0) values[i] = bytes_make("", 0);
    }
    return c.failed ? 0 : i;
}

/* ---- comparing one run */

struct comparing {
    struct rerun_differ *d;
    const struct rerun_run *run;
    struct arena *arena;
    struct rerun_comparison *out;
    const struct sql_facts *facts; /* NULL: it could not be understood */
    uint32_t result;
    bool failed;
};

static struct rerun_difference *add(struct comparing *c, enum rerun_what what, struct bytes why)
{
    struct rerun_comparison *out = c->out;
    static struct rerun_difference none;
    bool expected = why.n > 0;
    if (!expected) out->verdict = RERUN_DIFFERS;
    if (expected && out->verdict == RERUN_SAME) out->verdict = RERUN_EXPECTED;
    if (out->n == RERUN_DIFFERENCES_MOST) {
        out->n_left_out++;
        return &none;
    }
    if (out->n == out->size) {
        size_t larger = out->size ? out->size * 2 : 8;
        struct rerun_difference *items = ARENA_ARRAY(c->arena, struct rerun_difference, larger);
        if (!items) {
            c->failed = true;
            return &none;
        }
        if (out->n) memcpy(items, out->differences, out->n * sizeof *items);
        out->differences = items;
        out->size = larger;
    }
    out->differences[out->n] =
        (struct rerun_difference){ .what = what, .result = c->result, .expected = expected, .why = why };
    return &out->differences[out->n++];
}

static void differ_text(struct comparing *c, enum rerun_what what, struct bytes why, struct bytes then,
                        struct bytes now)
{
    struct rerun_difference *d = add(c, what, why);
    d->has_then = d->has_now = true;
    d->then = then;
    d->now = now;
}

/* The statement of a text that a result is of. */
static struct bytes statement_text(const struct comparing *c, const struct rerun_result *then)
{
    if (then && then->of_text.n) return then->of_text;
    if (c->facts && c->result < c->facts->n_statements) return c->facts->statements[c->result].text;
    return c->run->sent.n ? c->run->sent : c->run->text;
}

/* ---- the catalogue, asked aside */

static void take_table(void *context, const struct bytes *values, size_t n)
{
    struct rerun_table *t = context;
    struct rerun_text text;
    struct arena arena;
    int64_t attribute = 0;
    if (n != 4 || !bytes_to_int64(values[1], &attribute) || attribute <= 0 || attribute >= 1608) return;
    t->found = true;
    t->name = values[0];
    arena_init(&arena, 4096, 1 << 20);
    struct bytes with = arena_printf(&arena, "SELECT %.*s", BYTES_FMT(values[3]));
    bool is_volatile = values[2].n && with.p && rerun_text_read(with, &arena, &text) && text.classes;
    if (is_volatile || bytes_is(values[2], "identity"))
        t->defaults[attribute / 8] |= (uint8_t)(1u << attribute % 8);
    arena_free(&arena);
}

static void keep_table(void *context, const struct bytes *values, size_t n)
{
    struct {
        struct rerun_table *table;
        struct arena *arena;
    } *to = context;
    take_table(to->table, values, n);
    if (to->table->found) to->table->name = arena_copy(to->arena, values[0]);
}

static const struct rerun_table *table_of(struct rerun_differ *d, uint32_t oid)
{
    struct rerun_table *t = map_get(&d->tables, bytes_make(&oid, sizeof oid));
    struct {
        struct rerun_table *table;
        struct arena *arena;
    } to = { t, &d->arena };
    if (t || !d->aside || oid < 16384) return t;
    to.table = t = ARENA_NEW(&d->arena, struct rerun_table);
    struct bytes query = arena_printf(
        &d->arena,
        "SELECT c.relname, a.attnum, CASE WHEN a.attidentity <> '' THEN 'identity' ELSE 'default' END, "
        "coalesce(pg_catalog.pg_get_expr(e.adbin, e.adrelid), '') FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_catalog.pg_attrdef e "
        "ON e.adrelid = a.attrelid AND e.adnum = a.attnum WHERE c.oid = %u AND a.attnum > 0",
        oid);
    if (!t || !query.p || !rerun_server_ask(d->aside, query, keep_table, &to)) return NULL;
    if (!map_put(&d->tables, bytes_make(&oid, sizeof oid), t, NULL)) return NULL;
    return t;
}

/* ---- rows */

struct columns {
    struct rerun_column *items;
    size_t n;
    struct bytes *why; /* of each that is expected to differ; empty: it is not */
    uint8_t ignore[RERUN_COLUMNS / 8];
};

static void judge_columns(struct comparing *c, const struct rerun_text *text, struct columns *columns)
{
    columns->why = ARENA_ARRAY(c->arena, struct bytes, columns->n + 1);
    if (!columns->why) {
        c->failed = true;
        return;
    }
    for (size_t i = 0; i < columns->n && i < RERUN_COLUMNS; i++) {
        const struct rerun_column *column = &columns->items[i];
        columns->why[i] =
            rerun_column_why(text, &c->d->written, column, i, columns->n, table_of(c->d, column->table));
        if (c->run->masked[i / 8] >> i % 8 & 1)
            columns->why[i] = BYTES_LITERAL("the gateway masked values in it by what they look like");
        if (columns->why[i].n) columns->ignore[i / 8] |= (uint8_t)(1u << i % 8);
    }
}

/* The reasons of the columns in which two rows differ, as one. */
static struct bytes pair_why(struct comparing *c, const struct columns *columns, struct bytes then,
                             struct bytes now)
{
    struct bytes x[RERUN_COLUMNS], y[RERUN_COLUMNS], why = { 0 };
    size_t n = rerun_values(then, x, RERUN_COLUMNS), m = rerun_values(now, y, RERUN_COLUMNS);
    for (size_t i = 0; i < n && i < m && i < columns->n; i++) {
        bool same = bytes_equal(x[i], y[i]) && !x[i].p == !y[i].p;
        if (same || !columns->why[i].n || bytes_equal(why, columns->why[i])) continue;
        why = why.n ? arena_printf(c->arena, "%.*s, %.*s", BYTES_FMT(why), BYTES_FMT(columns->why[i]))
                    : columns->why[i];
    }
    return why.n ? why : BYTES_LITERAL("volatile");
}

static void add_pair(struct comparing *c, enum rerun_what what, const struct rerun_rows *rows,
                     const struct rerun_pair *p, struct bytes why)
{
    struct rerun_difference *d = add(c, what, why);
    d->has_then = p->then != SIZE_MAX;
    d->has_now = p->now != SIZE_MAX;
    if (d->has_then) d->then = rows->then[p->then];
    if (d->has_now) d->now = rows->now[p->now];
}

static bool same_sequence(const struct rerun_rows *r)
{
    if (r->n_then != r->n_now) return false;
    for (size_t i = 0; i < r->n_then; i++)
        if (!bytes_equal(r->then[i], r->now[i])) return false;
    return true;
}

static void compare_rows(struct comparing *c, const struct rerun_result *then, const struct rerun_result *now,
                         const struct rerun_text *text)
{
    struct rerun_rows rows = { then->rows.items, now->rows.items, then->rows.n, now->rows.n, true, NULL };
    struct rerun_pair *pairs;
    struct columns columns = { 0 };
    size_t n = 0;
    if (same_sequence(&rows)) return;
    if (!rerun_columns(now->description, c->arena, &columns.items, &columns.n)) c->failed = true;
    if (!c->failed) judge_columns(c, text, &columns);
    rows.ignore = columns.ignore;
    if (c->failed || !rerun_rows_pair(&rows, c->arena, &pairs, &n)) {
        c->failed = true;
        return;
    }
    struct bytes chosen =
        text->rows_volatile ? BYTES_LITERAL("which rows come hangs on such a function") : (struct bytes){ 0 };
    for (size_t i = 0; i < n; i++) {
        const struct rerun_pair *p = &pairs[i];
        struct bytes why =
            p->expected ? pair_why(c, &columns, then->rows.items[p->then], now->rows.items[p->now]) : chosen;
        add_pair(c, DIFFERS_ROW, &rows, p, why);
    }
    if (n == 0 && c->out->ordered) add(c, DIFFERS_ORDER, (struct bytes){ 0 });
}

/* COPY data comes in pieces that end anywhere. Lines of text; of what is binary, all of it. */
static bool lines_of(const struct rerun_chunks *chunks, struct arena *arena, struct bytes **out,
                     size_t *n_out)
{
    size_t size = 0, at = 0, n = 0;
    for (size_t i = 0; i < chunks->n; i++)
        size += chunks->items[i].n;
    uint8_t *all = arena_alloc(arena, size + 1);
    for (size_t i = 0; all && i < chunks->n; i++) {
        memcpy(all + at, chunks->items[i].p, chunks->items[i].n);
        at += chunks->items[i].n;
    }
    bool binary = size >= 11 && memcmp(all ? all : (const uint8_t *)"", "PGCOPY\n\377\r\n", 11) == 0;
    size_t lines = 1;
    for (size_t i = 0; all && i < size; i++)
        lines += all[i] == '\n';
    struct bytes *items = all ? ARENA_ARRAY(arena, struct bytes, lines + 1) : NULL;
    if (!items) return false;
    for (size_t from = 0; from < size;) {
        const uint8_t *end = binary ? NULL : memchr(all + from, '\n', size - from);
        size_t to = end ? (size_t)(end - all) : size;
        items[n++] = bytes_make(all + from, to - from);
        from = to + (end != NULL);
    }
    *out = items;
    *n_out = n;
    return true;
}

static void compare_copy(struct comparing *c, const struct rerun_result *then, const struct rerun_result *now,
                         const struct rerun_text *text)
{
    struct bytes *a, *b;
    struct rerun_pair *pairs;
    size_t n = 0;
    struct rerun_rows rows = { 0 };
    if (!lines_of(&then->copy_out, c->arena, &a, &rows.n_then) ||
        !lines_of(&now->copy_out, c->arena, &b, &rows.n_now)) {
        c->failed = true;
        return;
    }
    rows.then = a;
    rows.now = b;
    if (same_sequence(&rows)) return;
    if (!rerun_rows_pair(&rows, c->arena, &pairs, &n)) c->failed = true;
    struct bytes why = c->run->copy_masked
                           ? BYTES_LITERAL("the gateway masked values in it by what they look like")
                       : text->classes ? BYTES_LITERAL("the statement calls a volatile function")
                                       : (struct bytes){ 0 };
    for (size_t i = 0; i < n && !c->failed; i++)
        add_pair(c, DIFFERS_COPY, &rows, &pairs[i], why);
    if (n == 0 && c->out->ordered) add(c, DIFFERS_ORDER, (struct bytes){ 0 });
}

/* ---- what was kept of rows that were not */

static struct bytes number(struct comparing *c, uint64_t n)
{
    return arena_printf(c->arena, "%lu", (unsigned long)n);
}

static void digest_of(const struct rerun_result *now, uint8_t hash[SHA256_SIZE])
{
    struct sha256 *s = sha256_new();
    CHECK(s != NULL);
    sha256_begin(s);
    for (size_t i = 0; i < now->rows.n; i++) {
        uint32_t length = (uint32_t)now->rows.items[i].n + 4;
        uint8_t head[5] = { 'D', (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                            (uint8_t)length };
        sha256_add(s, bytes_make(head, 5));
        sha256_add(s, now->rows.items[i]);
    }
    for (size_t i = 0; i < now->copy_out.n; i++)
        sha256_add(s, now->copy_out.items[i]);
    sha256_end(s, hash);
    sha256_free(s);
}

static void compare_kept(struct comparing *c, const struct rerun_result *then, const struct rerun_result *now,
                         const struct rerun_text *text)
{
    uint8_t hash[SHA256_SIZE];
    struct bytes why =
        text->rows_volatile ? BYTES_LITERAL("which rows come hangs on such a function") : (struct bytes){ 0 };
    c->out->partial = true;
    bool copies = now->copy_out.n > 0; /* the tag tells how many */
    if (!copies && then->n_rows != now->n_rows) {
        differ_text(c, DIFFERS_COUNT, why, number(c, then->n_rows), number(c, now->n_rows));
        return;
    }
    if (!then->has_digest || now->copy_out.n + now->rows.n == 0) return;
    digest_of(now, hash);
    if (memcmp(hash, then->digest, sizeof hash) == 0) return;
    if (text->classes) why = BYTES_LITERAL("the statement calls a volatile function");
    if (!why.n && !c->out->ordered)
        why = BYTES_LITERAL("a digest hangs on the order of rows, and the text asks for none");
    struct rerun_difference *d = add(c, DIFFERS_DIGEST, why);
    (void)d;
}

/* ---- results */

static bool same_type(uint32_t a, uint32_t b)
{
    return a == b || (a >= 16384 && b >= 16384); /* object ids are each database's own */
}

static struct bytes columns_text(struct comparing *c, const struct rerun_column *columns, size_t n)
{
    struct bytes text = BYTES_LITERAL("");
    for (size_t i = 0; i < n && text.n < 4000; i++)
        text = arena_printf(c->arena, "%.*s%s%.*s (type %u%s)", BYTES_FMT(text), i ? ", " : "",
                            BYTES_FMT(columns[i].name), columns[i].type, columns[i].binary ? ", binary" : "");
    return text;
}

static void compare_columns(struct comparing *c, const struct rerun_result *then,
                            const struct rerun_result *now)
{
    struct rerun_column *a, *b;
    size_t n, m;
    if (!then->description.p || !now->description.p) return;
    if (!rerun_columns(then->description, c->arena, &a, &n) ||
        !rerun_columns(now->description, c->arena, &b, &m)) {
        c->failed = true;
        return;
    }
    bool same = n == m;
    for (size_t i = 0; i < n && same; i++)
        same = bytes_equal(a[i].name, b[i].name) && same_type(a[i].type, b[i].type) &&
               a[i].binary == b[i].binary;
    if (!same)
        differ_text(c, DIFFERS_COLUMNS, (struct bytes){ 0 }, columns_text(c, a, n), columns_text(c, b, m));
}

static struct bytes end_text(const struct rerun_result *r)
{
    static const char *const ends[] = { "completed", "failed",  "suspended", "skipped",
                                        "lost",      "refused", "empty",     "undone" };
    return bytes_of(r->ended ? ends[r->how] : "did not end");
}

static bool returns_rows(const struct rerun_result *r)
{
    return r->rows.n || (r->n_rows && !r->copy_out.n);
}

static void compare_result(struct comparing *c, const struct rerun_result *then,
                           const struct rerun_result *now)
{
    struct rerun_text text;
    if (!rerun_text_read(statement_text(c, then), c->arena, &text)) {
        c->failed = true;
        return;
    }
    c->out->ordered = c->d->in_order || text.ordered;
    size_t before = c->out->n;
    compare_columns(c, then, now);
    if (then->cut)
        c->out->partial = true;
    else if (then->copy_out.n || (now->copy_out.n && bytes_is(then->tag, "COPY 0")))
        compare_copy(c, then, now, &text);
    else if (then->rows.n == then->n_rows && !now->copy_out.n)
        compare_rows(c, then, now, &text);
    else
        compare_kept(c, then, now, &text);
    if (then->ended && now->ended && then->how != now->how)
        differ_text(c, DIFFERS_END, (struct bytes){ 0 }, end_text(then), end_text(now));
    bool told =
        c->out->n > before && returns_rows(then->n_rows ? then : now); /* the tag counts the same rows */
    if (!told && !bytes_equal(then->tag, now->tag) && then->how == RUN_COMPLETED &&
        now->how == RUN_COMPLETED) {
        struct bytes why = text.rows_volatile ? BYTES_LITERAL("which rows come hangs on such a function")
                                              : (struct bytes){ 0 };
        differ_text(c, DIFFERS_TAG, why, then->tag, now->tag);
    }
}

static bool produced(const struct rerun_result *r)
{
    return r->ended && r->how != RUN_FAILED && r->how != RUN_SKIPPED && r->how != RUN_LOST;
}

static void compare_results(struct comparing *c)
{
    const struct rerun_outcome *then = &c->run->then, *now = &c->run->now;
    for (c->result = 0; c->result < then->n || c->result < now->n; c->result++) {
        const struct rerun_result *a = c->result < then->n ? &then->results[c->result] : NULL;
        const struct rerun_result *b = c->result < now->n ? &now->results[c->result] : NULL;
        bool there = a && produced(a), here = b && produced(b);
        if (there && here)
            compare_result(c, a, b);
        else if (there != here && !then->has_error && !now->has_error)
            differ_text(c, DIFFERS_END, (struct bytes){ 0 }, a ? end_text(a) : BYTES_LITERAL("nothing"),
                        b ? end_text(b) : BYTES_LITERAL("nothing"));
    }
    c->result = 0;
}

static struct bytes error_text(struct comparing *c, const struct rerun_outcome *o, bool code_only)
{
    if (!o->has_error) return BYTES_LITERAL("no error");
    return arena_printf(c->arena, code_only ? "%.*s" : "%.*s: %.*s", BYTES_FMT(o->sqlstate),
                        BYTES_FMT(o->message));
}

static void compare_errors(struct comparing *c)
{
    const struct rerun_outcome *then = &c->run->then, *now = &c->run->now;
    struct bytes a = error_text(c, then, then->veiled),
                 b = error_text(c, now, then->veiled && then->has_error);
    if (!bytes_equal(a, b)) differ_text(c, DIFFERS_ERROR, (struct bytes){ 0 }, a, b);
}

/* ---- what it wrote, for those that come behind it */

static void note_written(struct comparing *c)
{
    for (size_t i = 0; c->facts && i < c->facts->n_statements; i++) {
        const struct sql_statement *s = &c->facts->statements[i];
        struct rerun_text text;
        if (!rerun_text_read(s->text, c->arena, &text)) continue;
        for (size_t k = 0; k < s->n_relations; k++) {
            const struct sql_relation *r = &s->relations[k];
            bool inserted = r->access & EFFECT_WRITE;
            if (inserted || r->access & EFFECT_UPDATE)
                rerun_written_add(&c->d->written, r->name, inserted, text.classes);
        }
    }
}

static void understand(struct comparing *c)
{
    struct bytes text = c->run->sent.n ? c->run->sent : c->run->text;
    bool may = text.n && text.n <= SQL_INLINE_BYTES &&
               (c->run->kind == RERUN_QUERY || c->run->kind == RERUN_EXECUTE);
    if (!may || sql_understand(text, c->arena, &c->facts) != SQL_UNDERSTOOD) c->facts = NULL;
}

static bool was_skipped(const struct rerun_run *run)
{
    return run->then.n && run->then.results[0].ended && run->then.results[0].how == RUN_SKIPPED;
}

static bool is_told(const struct rerun_run *run)
{
    bool lost = run->then.n && run->then.results[run->then.n - 1].how == RUN_LOST &&
                run->then.results[run->then.n - 1].ended;
    bool ends = run->kind != RERUN_PARSE && run->kind != RERUN_BIND;
    return !lost && (!ends || run->then.n || run->then.has_error);
}

bool rerun_differ_run(struct rerun_differ *d, const struct rerun_run *run, struct arena *arena,
                      struct rerun_comparison *out)
{
    struct comparing c = { .d = d, .run = run, .arena = arena, .out = out };
    *out = (struct rerun_comparison){ .verdict = RERUN_SAME };
    if (run->left_out) {
        out->verdict = RERUN_NOT_RUN;
        return true;
    }
    if (run->left_out_now) {
        if (!was_skipped(run) && (run->then.n || run->left_out_now == RERUN_LOST_NOW || run->then.has_error))
            differ_text(&c, DIFFERS_END, (struct bytes){ 0 }, BYTES_LITERAL("ran"),
                        bytes_of(rerun_left_out_says(run->left_out_now)));
        return !c.failed;
    }
    understand(&c);
    note_written(&c);
    if (!is_told(run)) {
        out->verdict = RERUN_NOT_TOLD;
        return true;
    }
    compare_results(&c);
    compare_errors(&c);
    return !c.failed;
}
