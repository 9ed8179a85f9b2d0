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

/* prefix repeated, middle, suffix repeated. */
static struct bytes nested(struct buf *out, const char *const parts[5], int times)
{
    buf_init(out, 1 << 24);
    buf_append_text(out, parts[0]);
    for (int i = 0; i < times; i++)
        buf_append_text(out, parts[1]);
    buf_append_text(out, parts[2]);
    for (int i = 0; i < times; i++)
        buf_append_text(out, parts[3]);
    buf_append_text(out, parts[4]);
    return buf_bytes(out);
}

/* Whether some use of customers.ssn, or of all of it, is told. */
static bool tells_ssn(const struct sql_statement *s, uint32_t use)
{
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct sql_column *c = &s->columns[i];
        if (!bytes_is(s->relations[c->relation].name, "customers")) continue;
        if ((bytes_is(c->name, "ssn") || c->attribute == 0) && (c->uses & use)) return true;
    }
    return false;
}

static const char *const deep[][5] = {
    { "SELECT ", "(SELECT ", "ssn", " FROM customers)", " FROM customers" },
    { "SELECT ssn FROM ", "(SELECT * FROM ", "customers", ") x", "" },
    { "SELECT ssn FROM ", "LATERAL (SELECT * FROM ", "customers", ") x", "" },
    { "SELECT ssn FROM ", "(SELECT * FROM customers UNION ALL ", "SELECT * FROM customers", ")", " x" },
    { "", "SELECT ssn FROM customers UNION ALL ", "SELECT ssn FROM customers", "", "" },
    { "", "(SELECT ssn FROM customers UNION ", "SELECT ssn FROM customers", ")", "" },
    { "SELECT ssn FROM customers", " CROSS JOIN secrets", "", "", "" },
    { "SELECT ssn FROM ", "secrets CROSS JOIN (", "customers CROSS JOIN secrets", ")", "" },
    { "SELECT ssn FROM ", "(", "customers JOIN secrets USING (id)", " JOIN secrets USING (id))", "" },
    { "SELECT ssn FROM customers WHERE ", "EXISTS (SELECT 1 WHERE ", "ssn = 'x'", ")", "" },
    { "SELECT ssn FROM customers WHERE ", "id IN (SELECT id FROM secrets WHERE ", "ssn = 'x'", ")", "" },
    { "SELECT ", "(", "(SELECT c FROM customers c)", ").f", "" },
    { "SELECT ", "shady(", "ssn", ")", " FROM customers" },
    { "SELECT ", "nosuch(", "c", ")", " FROM customers c" },
    { "SELECT ", "ROW(1, ", "ssn", ")", " FROM customers" },
    { "SELECT ", "", "ssn", " || ssn", " FROM customers" },
    { "SELECT ", "generate_series(1, ", "ssn", ")", " FROM customers" },
    { "SELECT ", "CASE WHEN ", "ssn = 'x'", " THEN ssn END = 'x'", " FROM customers" },
    { "", "WITH x AS (", "SELECT ssn FROM customers", ") SELECT * FROM x", "" },
    { "", "WITH RECURSIVE x AS (SELECT ssn FROM customers UNION (", "SELECT ssn FROM customers",
      ")) SELECT * FROM x", "" },
    { "SELECT ssn FROM customers GROUP BY ssn, ", "ROLLUP (", "id", ", ssn)", "" },
    { "SELECT count(*) FROM customers GROUP BY ", "GROUPING SETS (", "ssn", ")", "" },
    { "INSERT INTO secrets (pin) SELECT ssn::int FROM ", "(SELECT * FROM ", "customers", ") x",
      " RETURNING pin" },
};

static void *run_deep_texts(void *arg)
{
    size_t *n_done = arg;
    static const int times[] = { 1, 5, 12, 30, 100, 600 };
    struct world world;
    world_make(&world);
    for (size_t i = 0; i < sizeof(deep) / sizeof(*deep); i++)
        for (size_t k = 0; k < sizeof(times) / sizeof(*times); k++) {
            struct buf text;
            struct arena arena;
            const struct sql_facts *facts;
            arena_init(&arena, 1 << 16, 1 << 28);
            struct bytes sql = nested(&text, deep[i], times[k]);
            enum sql_outcome outcome = sql_understand_in(sql, &world.view, &arena, &facts);
            bool tells =
                outcome != SQL_UNDERSTOOD || facts->statements[0].unresolved.n ||
                tells_ssn(&facts->statements[0], SQL_USE_OUTPUT | SQL_USE_PREDICATE | SQL_USE_STORED);
            if (!tells || (times[k] <= 5 && outcome != SQL_UNDERSTOOD))
                print_error("%d times: %.200s\n", times[k], (const char *)sql.p);
            else
                (*n_done)++;
            buf_free(&text);
            arena_free(&arena);
        }
    catalog_release(world.catalog);
    return NULL;
}

static void deep_texts_fit_on_a_stack_of_256_kilobytes_and_lose_no_column(void **state)
{
    pthread_attr_t attr;
    pthread_t thread;
    size_t n_done = 0;
    (void)state;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attr, run_deep_texts, &n_done), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    assert_int_equal(n_done, 6 * sizeof(deep) / sizeof(*deep));
}

/* What a person or a mapper writes is followed exactly, and not given up. */
static void twenty_sub_selects_within_one_another_are_followed(void **state)
{
    static const char *const parts[] = { "SELECT id FROM ", "(SELECT * FROM ", "customers c",
                                         " WHERE id > 1) c", "" };
    struct world world;
    struct buf text, out;
    (void)state;
    world_make(&world);
    buf_init(&out, 1 << 20);
    show_facts(&world, nested(&text, parts, 20), &out);
    assert_true(bytes_is(buf_bytes(&out), "id=customers.id | output customers.id | predicate customers.id | "
                                          "named customers.name customers.email customers.country "
                                          "customers.ssn"));
    buf_free(&text);
    buf_free(&out);
    catalog_release(world.catalog);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Under a sanitizer, our own code is some thirty times slower. */
#ifdef __SANITIZE_ADDRESS__
#define SLOWED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOWED 1
#endif
#endif
#ifdef SLOWED
static const double seconds_ceiling = 40.0;
#else
static const double seconds_ceiling = 4.0;
#endif

static double seconds_for(struct bytes sql, const struct catalog_view *view)
{
    struct arena arena;
    const struct sql_facts *facts = NULL;
    arena_init(&arena, 1 << 16, 1 << 28);
    double before = cpu_seconds();
    (void)!sql_understand_in(sql, view, &arena, &facts);
    double took = cpu_seconds() - before;
    assert_non_null(facts);
    arena_free(&arena);
    return took;
}

/* The least of a few tries where the first took long: what the processor does besides counts, too. */
static double least_seconds_for(struct bytes sql, const struct catalog_view *view)
{
    double least = seconds_for(sql, view);
    for (int i = 0; i < 5 && least > seconds_ceiling; i++) {
        double took = seconds_for(sql, view);
        if (took < least) least = took;
    }
    return least;
}

static void no_text_that_is_parsed_inline_takes_long(void **state)
{
    static const char *const wide[][5] = {
        { "SELECT 1", " UNION SELECT 1", "", "", "" },
        { "SELECT ", "*, ", "1", "", " FROM customers" },
        { "SELECT 1 FROM customers", ", customers", "", "", "" },
        { "SELECT 1 FROM customers", " NATURAL JOIN customers", "", "", "" },
        { "SELECT 1 FROM customers", " JOIN customers USING (id)", "", "", "" },
        { "SELECT ", "row_to_json(c), ", "1", "", " FROM v_deep c" },
        { "SELECT c.* FROM (SELECT ", "*, ", "1", "", " FROM customers) c, customers" },
        { "WITH a AS (SELECT * FROM customers)", ", a AS (SELECT * FROM a, a)", "", "", " SELECT * FROM a" },
        { "WITH RECURSIVE a AS (SELECT * FROM customers", " UNION SELECT a.* FROM a", "", "",
          ") SELECT * FROM a" },
        { "SELECT ", "(SELECT max(ssn) FROM customers), ", "1", "", "" },
        { "INSERT INTO customers VALUES (1)", ", (1, 'x', 'x')", "", "", "" },
        { "INSERT INTO customers (id) VALUES (1)", ", ((SELECT id FROM customers LIMIT 1))", "", "", "" },
        { "SELECT ", "nosuch(", "id", ")", " FROM customers" },
        { "UPDATE customers SET name = 'x'", ", name = email || ssn", "", "", " RETURNING *" },
    };
    struct world world;
    (void)state;
    world_make(&world);
    for (size_t i = 0; i < sizeof(wide) / sizeof(*wide); i++) {
        struct buf text;
        size_t step = strlen(wide[i][1]) + strlen(wide[i][3]);
        struct bytes sql = nested(&text, wide[i], (int)(15000 / step));
        double took = least_seconds_for(sql, &world.view);
        if (took > seconds_ceiling || getenv("POSTERN_TIMES"))
            print_error("%.3f s: %.100s\n", took, (const char *)sql.p);
        assert_true(took <= seconds_ceiling);
        buf_free(&text);
    }
    catalog_release(world.catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_goes_where_the_table_says),
        cmocka_unit_test(deep_texts_fit_on_a_stack_of_256_kilobytes_and_lose_no_column),
        cmocka_unit_test(twenty_sub_selects_within_one_another_are_followed),
        cmocka_unit_test(no_text_that_is_parsed_inline_takes_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
