/* The statements that publishing runs in PostgreSQL, made from the rows of publish-tables.h. Values are
 * bound: nothing but names that the program or the configuration knows stands in a text. */
#ifndef POSTERN_RECORD_PUBLISH_SQL_H
#define POSTERN_RECORD_PUBLISH_SQL_H
#include "base/buf.h"
#include "record/publish-tables.h"

/* schema: as written; it is quoted here. $1 is the gateway's number everywhere. */

/* $2…: an array for each column of the unit's key. */
void publish_sql_delete(const struct publish_table *table, struct bytes schema, struct buf *out);
/* $2…: an array for each column. What is there already is changed. */
void publish_sql_put(const struct publish_table *table, struct bytes schema, struct buf *out);
/* Rows behind the key $2…, and up to the key that follows in the parameters; without either, of either side
 * without an end. */
void publish_sql_range(const struct publish_table *table, struct bytes schema, bool has_from, bool has_to,
                       struct buf *out);
/* Makes the partition of a month, and attaches it: a query that runs meanwhile is neither disturbed nor
 * waited for. */
void publish_sql_month(const struct publish_table *table, struct bytes schema, int64_t month,
                       struct buf *out);
/* "execution_2026_11" */
void publish_sql_month_name(const struct publish_table *table, int64_t month, char out[64]);
#endif
