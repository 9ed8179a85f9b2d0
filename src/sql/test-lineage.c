/* Runs cases/lineage.cases over the catalogue cases/lineage.catalog: one line a case, "text  =>  what is
 * expected of it" (two spaces on each side of the arrow); lines that start with # are comments, and " ;; "
 * stands between statements. Of each statement: its outputs, "name=column" where it is exactly that column,
 * "name~column+column" where it is made of these, "?" behind it where of something else too; "open" where
 * their number is not known; then the columns by use, and "named" for those that nothing uses. Relations of
 * the schema public stand without it, those that the text does not name with a "^".
 *
 * And what no table can say: depth on a small stack, width, time. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/test.h"
#include "catalog/test-catalog.h"
#include "sql/facts.h"
#include "sql/safe.h"

#include <pthread.h>
#include <time.h>

static void show_column(struct buf *out, const struct sql_statement *s, uint32_t index)
{
    assert_true(index < s->n_columns);
    const struct sql_column *c = &s->columns[index];
    assert_true(c->relation < s->n_relations);
    const struct sql_relation *r = &s->relations[c->relation];
    if (r->through) buf_append_text(out, "^");
    if (r->schema.n && !bytes_is(r->schema, "public")) buf_printf(out, "%.*s.", BYTES_FMT(r->schema));
    buf_printf(out, "%.*s.%.*s", BYTES_FMT(r->name), BYTES_FMT(c->name));
    assert_int_equal(c->attribute == 0, bytes_is(c->name, "*"));
}

static void show_outputs(struct buf *out, const struct sql_statement *s)
{
    for (size_t i = 0; i < s->n_outputs; i++) {
        const struct sql_output *o = &s->outputs[i];
        if (i > 0) buf_append_text(out, " ");
        buf_printf(out, "%.*s%s", BYTES_FMT(o->name), o->plain ? "=" : "~");
        for (size_t k = 0; k < o->n_columns; k++) {
            if (k > 0) buf_append_text(out, "+");
            show_column(out, s, o->columns[k]);
            assert_true(s->columns[o->columns[k]].uses & SQL_USE_OUTPUT);
        }
        if (o->opaque) buf_append_text(out, "?");
    }
    if (s->outputs_open) buf_append_text(out, "open");
    if (s->n_outputs == 0 && !s->outputs_open) buf_append_text(out, "-");
}

static void show_uses(struct buf *out, const struct sql_statement *s)
{
    static const char *const names[] = { "output", "predicate", "written", "stored" };
    for (unsigned bit = 0; bit < 4; bit++) {
        bool any = false;
        for (uint32_t i = 0; i < s->n_columns; i++) {
            if (!(s->columns[i].uses >> bit & 1)) continue;
            buf_printf(out, any ? " " : " | %s ", names[bit]);
            show_column(out, s, i);
            any = true;
        }
    }
    bool any = false;
    for (uint32_t i = 0; i < s->n_columns; i++) {
        if (s->columns[i].uses) continue;
        buf_append_text(out, any ? " " : " | named ");
        show_column(out, s, i);
        any = true;
    }
}

static void show_statement(struct buf *out, const struct sql_statement *s)
{
    assert_true(s->in_view);
    if (s->unresolved.n) {
        buf_printf(out, "unresolved %s %.*s", s->unresolved_code, BYTES_FMT(s->unresolved_says));
        return;
    }
    show_outputs(out, s);
    show_uses(out, s);
}

static struct bytes read_file(const char *name, struct buf *out)
{
    char path[4096];
    const char *source = getenv("POSTERN_SOURCE");
    snprintf(path, sizeof(path), "%s/src/sql/cases/%s", source ? source : ".", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    buf_init(out, 1 << 24);
    for (int c; (c = getc(file)) != EOF;)
        buf_put_u8(out, (uint8_t)c);
    fclose(file);
    return buf_bytes(out);
}

struct world {
    const struct catalog *catalog;
    struct catalog_view view;
    struct bytes path[16];
};

static void world_make(struct world *world)
{
    struct buf text;
    read_file("lineage.catalog", &text);
    buf_put_u8(&text, 0);
    world->catalog = catalog_from_text((const char *)buf_bytes(&text).p);
    world->view = catalog_view_of(world->catalog, "pg_catalog public", world->path);
    buf_free(&text);
}

static void show_facts(const struct world *world, struct bytes text, struct buf *out)
{
    struct arena arena;
    const struct sql_facts *facts;
    arena_init(&arena, 1 << 16, 1 << 28);
    enum sql_outcome outcome = sql_understand_in(text, &world->view, &arena, &facts);
    if (outcome != SQL_UNDERSTOOD)
        buf_printf(out, "%s %.*s", outcome == SQL_HOSTILE ? "HOSTILE" : "UNKNOWN", BYTES_FMT(facts->error));
    for (size_t i = 0; outcome == SQL_UNDERSTOOD && i < facts->n_statements; i++) {
        if (i > 0) buf_append_text(out, " ;; ");
        show_statement(out, &facts->statements[i]);
    }
    arena_free(&arena);
}

/* True where the line holds. */
static bool run_line(const struct world *world, struct bytes line, int number)
{
    ptrdiff_t arrow = bytes_find(line, BYTES_LITERAL("  =>  "));
    struct buf found;
    if (arrow < 0) {
        print_error("lineage.cases:%d: no arrow\n", number);
        return false;
    }
    struct bytes text = bytes_slice(line, 0, (size_t)arrow);
    struct bytes expected = bytes_slice(line, (size_t)arrow + 6, line.n);
    buf_init(&found, 1 << 24);
    show_facts(world, text, &found);
    bool same = bytes_equal(buf_bytes(&found), expected);
    if (!same)
        print_error("lineage.cases:%d: %.*s\n  expected %.*s\n  found    %.*s\n", number, BYTES_FMT(text),
                    BYTES_FMT(expected), BYTES_FMT(buf_bytes(&found)));
    buf_free(&found);
    return same;
}

static void every_column_goes_where_the_table_says(void **state)
{
    struct world world;
    struct buf text;
    int number = 0, cases = 0, failed = 0;
    (void)state;
    world_make(&world);
    struct bytes rest = read_file("lineage.cases", &text);
    while (rest.n > 0) {
        ptrdiff_t end = bytes_find(rest, BYTES_LITERAL("\n"));
        struct bytes line = bytes_slice(rest, 0, end < 0 ? rest.n : (size_t)end);
        rest = bytes_slice(rest, line.n + 1, rest.n);
        number++;
        if (line.n == 0 || line.p[0] == '#') continue;
        cases++;
        if (!run_line(&world, line, number)) failed++;
    }
    if (failed) print_error("lineage.cases: %d of %d cases failed\n", failed, cases);
    assert_int_equal(failed, 0);
    assert_true(cases >= 150);
    buf_free(&text);
    catalog_release(world.catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_goes_where_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
