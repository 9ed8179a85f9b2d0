#include "record/publish-sql.h"
#include "record/publish-batch.h"
#include "store/postgres.h"
#include <inttypes.h>
#include <stdio.h>

static const char *const arrays[] = {
    [PUBLISH_INT] = "bigint[]", [PUBLISH_TEXT] = "text[]", [PUBLISH_BOOL] = "boolean[]"
};

static void name_table(struct bytes schema, const char *name, struct buf *out)
{
    postgres_quote(out, schema);
    buf_append_text(out, ".");
    postgres_quote(out, bytes_of(name));
}

/* unnest($2::bigint[], $3::text[]) AS k (k0, k1) */
static void list_arrays(const struct publish_table *table, size_t n, struct buf *out)
{
    buf_append_text(out, "unnest(");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s$%zu::%s", i ? ", " : "", i + 2, arrays[table->columns[i].type]);
    buf_append_text(out, ") AS k (");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%sk%zu", i ? ", " : "", i);
    buf_append_text(out, ")");
}

/* The gateway's number comes out of the list, behind a fence, so that the server looks each key up: given the
 * number itself, it takes a table without statistics to have few rows of it, and reads them all for each key.
 */
void publish_sql_delete(const struct publish_table *table, struct bytes schema, struct buf *out)
{
    buf_append_text(out, "DELETE FROM ");
    name_table(schema, table->name, out);
    buf_append_text(out, " t USING (SELECT $1::integer AS gateway, * FROM ");
    list_arrays(table, table->n_unit, out);
    buf_append_text(out, " OFFSET 0) AS d WHERE t.gateway = d.gateway");
    for (size_t i = 0; i < table->n_unit; i++) {
        buf_append_text(out, " AND t.");
        postgres_quote(out, bytes_of(table->columns[i].name));
        buf_printf(out, " = d.k%zu%s", i, table->columns[i].type == PUBLISH_TEXT ? " COLLATE \"C\"" : "");
    }
}

/* The time by which a table is parted is part of its key there. */
static bool is_key(const struct publish_table *table, size_t column)
{
    return column < table->n_keys || (table->time && column == table->time_column);
}

static void list_keys(const struct publish_table *table, struct buf *out)
{
    buf_append_text(out, " ON CONFLICT (gateway");
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!is_key(table, i)) continue;
        buf_append_text(out, ", ");
        postgres_quote(out, bytes_of(table->columns[i].name));
    }
    buf_append_text(out, ") DO ");
}

static void list_changes(const struct publish_table *table, struct buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (is_key(table, i)) continue;
        buf_append_text(out, n++ ? ", " : "UPDATE SET ");
        postgres_quote(out, bytes_of(table->columns[i].name));
        buf_append_text(out, " = excluded.");
        postgres_quote(out, bytes_of(table->columns[i].name));
    }
    if (!n) buf_append_text(out, "NOTHING");
}

/* Texts of keys may have been cut: then one row stands for several. */
static void list_distinct(const struct publish_table *table, struct buf *out)
{
    bool texts = false;
    for (size_t i = 0; i < table->n_keys; i++)
        texts |= table->columns[i].type == PUBLISH_TEXT;
    for (size_t i = 0; texts && i < table->n_keys; i++)
        buf_printf(out, "%sk%zu", i ? ", " : "DISTINCT ON (", i);
    if (texts) buf_append_text(out, ") ");
}

void publish_sql_put(const struct publish_table *table, struct bytes schema, struct buf *out)
{
    buf_append_text(out, "INSERT INTO ");
    name_table(schema, table->name, out);
    buf_append_text(out, " (gateway");
    for (size_t i = 0; i < table->n_columns; i++) {
        buf_append_text(out, ", ");
        postgres_quote(out, bytes_of(table->columns[i].name));
    }
    buf_append_text(out, ") SELECT ");
    list_distinct(table, out);
    buf_append_text(out, "$1::integer, k.* FROM ");
    list_arrays(table, table->n_columns, out);
    list_keys(table, out);
    list_changes(table, out);
}

static void compare(const struct publish_table *table, const char *how, size_t first, struct buf *out)
{
    buf_append_text(out, " AND (");
    for (size_t i = 0; i < table->n_unit; i++) {
        buf_append_text(out, i ? ", t." : "t.");
        postgres_quote(out, bytes_of(table->columns[i].name));
    }
    buf_printf(out, ") %s (", how);
    for (size_t i = 0; i < table->n_unit; i++)
        buf_printf(out, "%s$%zu::%s", i ? ", " : "", first + i,
                   table->columns[i].type == PUBLISH_TEXT ? "text COLLATE \"C\"" : "bigint");
    buf_append_text(out, ")");
}

void publish_sql_range(const struct publish_table *table, struct bytes schema, bool has_from, bool has_to,
                       struct buf *out)
{
    buf_append_text(out, "DELETE FROM ");
    name_table(schema, table->name, out);
    buf_append_text(out, " t WHERE t.gateway = $1::integer");
    if (has_from) compare(table, ">", 2, out);
    if (has_to) compare(table, "<=", has_from ? 2 + table->n_unit : 2, out);
}

void publish_sql_month_name(const struct publish_table *table, int64_t month, char out[64])
{
    if (month < 0)
        snprintf(out, 64, "%s_early", table->name);
    else if (month >= PUBLISH_MONTH_LATE)
        snprintf(out, 64, "%s_late", table->name);
    else
        snprintf(out, 64, "%s_%04" PRId64 "_%02" PRId64, table->name, 1970 + month / 12, month % 12 + 1);
}

static void bound(const struct publish_table *table, int64_t month, const char *open, struct buf *out)
{
    if (month < 0 || month > PUBLISH_MONTH_LATE)
        buf_printf(out, "(%s)", open);
    else
        buf_printf(out, "(%" PRId64 ")", publish_month_begin(table->time, month));
}

void publish_sql_month(const struct publish_table *table, struct bytes schema, int64_t month, struct buf *out)
{
    char name[64];
    publish_sql_month_name(table, month, name);
    buf_append_text(out, "CREATE TABLE ");
    name_table(schema, name, out);
    buf_append_text(out, " (LIKE ");
    name_table(schema, table->name, out);
    buf_append_text(out, " INCLUDING ALL); ALTER TABLE ");
    name_table(schema, table->name, out);
    buf_append_text(out, " ATTACH PARTITION ");
    name_table(schema, name, out);
    buf_append_text(out, " FOR VALUES FROM ");
    bound(table, month, "MINVALUE", out);
    buf_append_text(out, " TO ");
    bound(table, month + 1, "MAXVALUE", out);
}
