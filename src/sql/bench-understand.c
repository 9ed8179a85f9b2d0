/* What understanding costs: a statement of thirty lines, with and without a view, and a short one.
 * usage: bench-sql-understand */
#include "base/arena.h"
#include "catalog/test-catalog.h"
#include "sql/facts.h"
#include <stdio.h>
#include <time.h>

static const char world[] =
    "table public.customers id:int4! name:text email:text country:text created:timestamptz\n"
    "table public.orders id:int8! customer_id:int4 status:text placed:timestamptz total:numeric\n"
    "table public.lines id:int8! order_id:int8 product_id:int4 quantity:int4 price:numeric\n"
    "table public.products id:int4! name:text category_id:int4 price:numeric\n"
    "table public.categories id:int4! name:text parent:int4\n"
    "view public.recent id:int8=public.orders.id customer_id:int4=public.orders.customer_id\n"
    "    total:numeric=public.orders.total decides=public.orders.placed\n"
    "cascade public.orders public.lines\n"
    "function pg_catalog.sum(numeric) -> numeric immutable kind=a\n"
    "function pg_catalog.count(any) -> int8 immutable kind=a\n"
    "function pg_catalog.lower(text) -> text immutable\n"
    "function pg_catalog.now() -> timestamptz stable\n"
    "function public.lower(int4) -> int4\n";

static const char report[] =
    "WITH spending AS (\n"
    "  SELECT o.customer_id,\n"
    "         sum(l.quantity * l.price) AS spent,\n"
    "         count(DISTINCT o.id) AS orders\n"
    "  FROM orders o\n"
    "  JOIN lines l ON l.order_id = o.id\n"
    "  JOIN products p ON p.id = l.product_id\n"
    "  LEFT JOIN categories c ON c.id = p.category_id\n"
    "  WHERE o.placed >= now() - interval '90 days'\n"
    "    AND o.status IN ('paid', 'shipped', 'closed')\n"
    "    AND (c.name IS NULL OR lower(c.name) <> 'internal')\n"
    "  GROUP BY o.customer_id\n"
    "), ranked AS (\n"
    "  SELECT s.*,\n"
    "         rank() OVER (ORDER BY s.spent DESC) AS place\n"
    "  FROM spending s\n"
    ")\n"
    "SELECT u.id,\n"
    "       u.name,\n"
    "       u.country,\n"
    "       r.spent,\n"
    "       r.orders,\n"
    "       r.place,\n"
    "       (SELECT max(x.total) FROM recent x WHERE x.customer_id = u.id) AS largest\n"
    "FROM ranked r\n"
    "JOIN customers u ON u.id = r.customer_id\n"
    "WHERE r.place <= 100\n"
    "  AND u.email LIKE '%@%'\n"
    "ORDER BY r.place, u.name\n"
    "LIMIT 100 OFFSET 0";

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
    const struct catalog *catalog = catalog_from_text(world);
    struct catalog_view view = catalog_view_of(catalog, "pg_catalog public", path);
    const char *brief = "SELECT id, total FROM orders WHERE customer_id = 5";
    const char *qualified = "SELECT id, total FROM public.orders WHERE customer_id = 5";
    printf("30 lines, no view        %7.1f us\n", measure(report, NULL));
    printf("30 lines, in a view      %7.1f us\n", measure(report, &view));
    printf("short, no view           %7.1f us\n", measure(brief, NULL));
    printf("short, in a view         %7.1f us\n", measure(brief, &view));
    printf("short, already qualified %7.1f us\n", measure(qualified, &view));
    catalog_release(catalog);
    return 0;
}
