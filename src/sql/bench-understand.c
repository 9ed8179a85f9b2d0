/* What understanding costs: a statement of thirty lines, with and without a view, and a short one.
 * usage: bench-sql-understand */
#include "base/arena.h"
#include "catalog/test-catalog.h"
#include "sql/bench-texts.h"
#include "sql/facts.h"
#include <stdio.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds a time; the best of several runs. */
static double measure(const char *text, const struct catalog_view *view)
{
    double best = 1e9;
    struct arena arena;
    arena_init(&arena, 1 << 17, 1 << 26);
    for (int run = 0; run < 20; run++) {
        double start = now();
        for (int i = 0; i < 500; i++) {
            const struct sql_facts *facts;
            if (sql_understand_in(bytes_of(text), view, &arena, &facts) != SQL_UNDERSTOOD) return -1;
            arena_reset(&arena);
        }
        double each = (now() - start) / 500;
        if (each < best) best = each;
    }
    arena_free(&arena);
    return best;
}

int main(void)
{
    struct bytes path[16];
    const struct catalog *catalog = catalog_from_text(bench_world);
    struct catalog_view view = catalog_view_of(catalog, "pg_catalog public", path);
    const char *brief = "SELECT id, total FROM orders WHERE customer_id = 5";
    const char *qualified = "SELECT id, total FROM public.orders WHERE customer_id = 5";
    printf("30 lines, no view        %7.1f us\n", measure(bench_report, NULL));
    printf("30 lines, in a view      %7.1f us\n", measure(bench_report, &view));
    printf("short, no view           %7.1f us\n", measure(brief, NULL));
    printf("short, in a view         %7.1f us\n", measure(brief, &view));
    printf("short, already qualified %7.1f us\n", measure(qualified, &view));
    catalog_release(catalog);
    return 0;
}
