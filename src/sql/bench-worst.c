/* The slowest text that a worker understands itself: families of hostile texts, each as long as texts that
 * are not sent to the parser child may be, in and out of a view. Prints each family's best time, the worst
 * last. usage: bench-sql-worst */
#include "base/arena.h"
#include "base/buf.h"
#include "catalog/test-catalog.h"
#include "sql/bench-texts.h"
#include "sql/facts.h"
#include <stdio.h>
#include <time.h>

/* before, each (again and again), behind it as often. */
static const struct family {
    const char *name, *before, *each, *middle, *close, *after;
} families[] = {
    { "parentheses", "SELECT ", "(", "1", ")", "" },
    { "sub-selects", "SELECT * FROM ", "(SELECT * FROM ", "orders", ") x", "" },
    { "scalar sub-selects", "SELECT ", "(SELECT ", "1", ")", "" },
    { "EXISTS", "SELECT 1 FROM orders WHERE ", "EXISTS (SELECT 1 FROM orders o WHERE ", "true", ")", "" },
    { "IN list", "SELECT 1 FROM orders WHERE id IN (1", ",1", ")", "", "" },
    { "AND", "SELECT 1 FROM orders WHERE id = 1", " AND id=1", "", "", "" },
    { "plus", "SELECT id", "+id", " FROM orders", "", "" },
    { "NOT", "SELECT ", "NOT ", "true", "", "" },
    { "CASE", "SELECT ", "CASE WHEN true THEN ", "1", " END", "" },
    { "statements", "", ";SELECT 1", "", "", "" },
    { "statements over tables", "", ";TABLE orders", "", "", "" },
    { "UNION", "SELECT id FROM orders", " UNION SELECT id FROM orders", "", "", "" },
    { "joins", "SELECT * FROM orders", " NATURAL JOIN orders", "", "", "" },
    { "USING", "SELECT * FROM orders", " JOIN orders USING (id)", "", "", "" },
    { "cross join, whole rows", "SELECT * FROM orders a", ",orders", "", "", "" },
    { "stars", "SELECT *", ",*", " FROM customers", "", "" },
    { "stars over joins", "SELECT *,*,*,*,*,*,*,* FROM orders a", ",recent", "", "", "" },
    { "CTEs", "WITH a AS (SELECT * FROM orders)", ",a AS (SELECT * FROM a)", " SELECT * FROM a", "", "" },
    { "columns", "SELECT id", ",id", " FROM orders", "", "" },
    { "unknown columns", "SELECT 1 FROM orders o ORDER BY o.id", ",o.id", "", "", "" },
    { "functions", "SELECT ", "lower(", "name", ")", " FROM customers" },
    { "casts", "SELECT 1", "::int4", "", "", "" },
    { "fields", "SELECT ", "(", "o", ").id", " FROM orders o" },
    { "subscripts", "SELECT id", "[1]", " FROM orders", "", "" },
    { "rows", "SELECT ", "ROW(", "1", ")", "" },
    { "dots", "SELECT a", ".a", "", "", "" },
    { "one identifier", "SELECT ", "a", "", "", "" },
    { "one quoted identifier", "SELECT \"", "\"\"", "\"", "", "" },
    { "dollars", "SELECT ", "$", "", "", "" },
    { "dollar tags", "SELECT ", "$a$ $b", "", "", "" },
    { "quotes", "SELECT '", "''", "'", "", "" },
    { "escapes", "SELECT E'", "\\\\", "'", "", "" },
    { "comments", "SELECT 1 ", "/**/", "", "", "" },
    { "operators", "SELECT 1", "+-1", "", "", "" },
    { "minus", "SELECT ", "- ", "1", "", "" },
    { "values", "VALUES (1)", ",(1)", "", "", "" },
    { "insert", "INSERT INTO lines VALUES (1)", ",(1)", "", "", "" },
    { "update", "UPDATE orders SET status='a'", ",status='a'", "", "", "" },
    { "windows", "SELECT rank() OVER (ORDER BY id", ",id", ") FROM orders", "", "" },
    { "GROUPING SETS", "SELECT 1 FROM orders GROUP BY GROUPING SETS (id", ",id", ")", "", "" },
    { "LATERAL", "SELECT 1 FROM orders a", ",LATERAL (SELECT a.id) b", "", "", "" },
    { "password words", "SELECT ", "pass", "", "", "" },
    { "URLs", "SELECT '", "://:", "'", "", "" },
    { "nested strings", "DO $a$", " EXECUTE '$b$ password $b$'", "$a$", "", "" },
};
enum { RUNS = 3, N = sizeof families / sizeof *families };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* As many as there is room for, at most `most`: what is too deep is refused early, and costs less. */
static void write(const struct family *f, size_t most, size_t room, struct buf *out)
{
    size_t fixed = strlen(f->before) + strlen(f->middle) + strlen(f->after);
    size_t each = strlen(f->each) + strlen(f->close), n = (room - fixed) / each;
    if (n > most) n = most;
    buf_consume(out, buf_length(out));
    buf_append_text(out, f->before);
    for (size_t i = 0; i < n; i++)
        buf_append_text(out, f->each);
    buf_append_text(out, f->middle);
    for (size_t i = 0; i < n; i++)
        buf_append_text(out, f->close);
    buf_append_text(out, f->after);
}

static double measure(struct bytes text, const struct catalog_view *view)
{
    double best = 1e9;
    for (int run = 0; run < RUNS; run++) {
        struct arena arena;
        const struct sql_facts *facts;
        arena_init(&arena, 2048, (1 << 20) + text.n * 400);
        double start = now_ms();
        enum sql_outcome outcome = sql_understand_in(text, view, &arena, &facts);
        double took = now_ms() - start;
        (void)outcome;
        if (took < best) best = took;
        arena_free(&arena);
    }
    return best;
}

int main(void)
{
    static const size_t depths[] = { SQL_INLINE_BYTES, 1900, 900, 200 };
    struct bytes path[16];
    const struct catalog *catalog = catalog_from_text(bench_world);
    struct catalog_view view = catalog_view_of(catalog, "pg_catalog public", path);
    const char *slowest = "";
    double worst = 0;
    struct buf text;
    buf_init(&text, 2 * SQL_INLINE_BYTES);
    for (size_t i = 0; i < N; i++) {
        double without = 0, within = 0;
        for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
            write(&families[i], depths[d], SQL_INLINE_BYTES, &text);
            double a = measure(buf_bytes(&text), NULL);
            write(&families[i], depths[d], SQL_INLINE_VIEW_BYTES, &text);
            double b = measure(buf_bytes(&text), &view);
            if (a > without) without = a;
            if (b > within) within = b;
        }
        printf("%-24s %8.2f ms in no view %8.2f ms in a view\n", families[i].name, without, within);
        double most = without > within ? without : within;
        if (most > worst) {
            worst = most;
            slowest = families[i].name;
        }
    }
    printf("worst: %s, %.2f ms\n", slowest, worst);
    buf_free(&text);
    catalog_release(catalog);
    return 0;
}
