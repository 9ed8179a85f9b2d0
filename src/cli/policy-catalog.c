/* postern policy catalog. It prints SQL and connects to nothing: whoever has a way to the database runs it.
 */
#include "catalog/load.h"
#include "cli/commands.h"

/* The values of a row in order, whatever its columns are called: json keeps names that come twice. */
static void query_print(struct buf *out, size_t index, const char *query)
{
    if (!bytes_starts_with(bytes_of(query), "SELECT ") && !bytes_starts_with(bytes_of(query), "WITH ")) {
        buf_printf(out, "%s;\n", query);
        return;
    }
    buf_printf(
        out,
        "SELECT pg_catalog.json_build_object('query', %zu, 'row', (SELECT pg_catalog.json_agg(v.value) FROM "
        "pg_catalog.json_each_text(pg_catalog.row_to_json(q)) v))::text FROM (%s) q;\n",
        index, query);
}

static int run(struct cli_call *call)
{
    struct buf out;
    const char *query;
    struct catalog_load *load = catalog_load_begin();
    if (!load) return cli_fail(call, "there is no memory");
    buf_init(&out, 1 << 20);
    buf_append_text(&out,
                    "SELECT pg_catalog.json_build_object('postern_catalog', 1, 'database', "
                    "pg_catalog.current_database(), 'path', pg_catalog.current_schemas(true))::text;\n");
    for (size_t i = 0; (query = catalog_load_query(load, i)); i++)
        query_print(&out, i, query);
    catalog_load_abandon(load);
    cli_write(call, &out);
    buf_free(&out);
    return CLI_YES;
}

const struct cli_command cli_command_policy_catalog = {
    .name = "policy catalog",
    .summary = "Print the SQL that writes a database's catalogue into a file",
    .arguments = "",
    .notes = "postern policy catalog | psql -XAtq -v ON_ERROR_STOP=1 orders > orders.catalog\n"
             "makes the file that --catalog of policy lint, explain, test and replay takes. Run it as the "
             "role, and "
             "with the search_path, that the connection's login has.",
    .run = run,
};
