/* Until the real ones are there. */
#include "catalog/load.h"
const char *const catalog_epoch_query =
    "SELECT pg_catalog.md5(pg_catalog.string_agg(c.oid::text || c.xmin::text || c.relname, ',' ORDER BY "
    "c.oid)) FROM pg_catalog.pg_class c WHERE NOT c.relpersistence = 't'";
struct catalog_overlay_load;
bool catalog_overlay_wants_more(const struct catalog_overlay_load *load)
{
    (void)load;
    return false;
}
extern const char *const catalog_probe_query;
const char *const catalog_overlay_query =
    "SELECT 'P', s.name::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM "
    "pg_catalog.unnest(pg_catalog.current_schemas(true)) s(name) "
    "UNION ALL SELECT 'S', coalesce((SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = "
    "pg_catalog.pg_my_temp_schema()),'')::pg_catalog.text, 'f', "
    "pg_catalog.pg_current_snapshot()::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL "
    "UNION ALL SELECT 'R', c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, 't', "
    "c.reltype::text, c.relnatts::text, c.reltoastrelid::text, NULL, NULL, NULL FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relnamespace = "
    "pg_catalog.pg_my_temp_schema() "
    "UNION ALL SELECT 'C', a.attrelid::text, a.attnum::text, a.attname::text, a.atttypid::text, "
    "a.atttypmod::text, '', NULL, NULL, NULL, NULL, NULL FROM pg_catalog.pg_attribute a JOIN "
    "pg_catalog.pg_class c ON c.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped AND "
    "c.relnamespace = pg_catalog.pg_my_temp_schema()";
const char *const catalog_probe_query =
    "SELECT 'P', s.name::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM "
    "pg_catalog.unnest(pg_catalog.current_schemas(true)) s(name) "
    "UNION ALL SELECT 'S', coalesce((SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = "
    "pg_catalog.pg_my_temp_schema()),'')::pg_catalog.text, 'f', "
    "pg_catalog.pg_current_snapshot()::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL "
    "UNION ALL SELECT 'R', c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, 't', "
    "c.reltype::text, c.relnatts::text, c.reltoastrelid::text, NULL, NULL, NULL FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relnamespace = "
    "pg_catalog.pg_my_temp_schema() "
    "UNION ALL SELECT 'C', a.attrelid::text, a.attnum::text, a.attname::text, a.atttypid::text, "
    "a.atttypmod::text, '', NULL, NULL, NULL, NULL, NULL FROM pg_catalog.pg_attribute a JOIN "
    "pg_catalog.pg_class c ON c.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped AND "
    "c.relnamespace = pg_catalog.pg_my_temp_schema()";
