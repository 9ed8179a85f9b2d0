/* What benches understand: a small shop, and a text of thirty lines about it. */
#ifndef POSTERN_SQL_BENCH_TEXTS_H
#define POSTERN_SQL_BENCH_TEXTS_H

/* For catalog_from_text. */
static const char bench_world[] =
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

/* A report as an analyst writes it: thirty lines. */
static const char bench_report[] =
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
#endif
