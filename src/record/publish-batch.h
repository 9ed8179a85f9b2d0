/* A batch of rows on their way from SQLite to PostgreSQL: per table, which keys are to go and which rows are
 * to come, as the texts of arrays, one for each column, so that a table costs two statements however many
 * rows there are. */
#ifndef POSTERN_RECORD_PUBLISH_BATCH_H
#define POSTERN_RECORD_PUBLISH_BATCH_H
#include "base/arena.h"
#include "base/buf.h"
#include "record/publish-tables.h"
#include "store/sqlite.h"

enum { PUBLISH_TABLES = 16, PUBLISH_MONTHS = 64, PUBLISH_ROWS = 2000, PUBLISH_BYTES = 8 << 20 };

/* A value of a unit's key, as SQLite has it. */
struct publish_value {
    int64_t number;
    struct bytes text; /* where its column is one of texts */
};
/* What is remembered of a change until it was taken. */
struct publish_mark {
    size_t table;
    int64_t n;
    struct publish_value key[PUBLISH_UNIT];
};
struct publish_part {
    struct buf keys[PUBLISH_UNIT], columns[PUBLISH_COLUMNS];
    size_t n_keys, n_rows;
};
struct publish_month {
    size_t table;
    int64_t month; /* since 1970 */
};
struct publish_batch {
    struct publish_part parts[PUBLISH_TABLES];
    struct publish_month months[PUBLISH_MONTHS];
    size_t n_months;
    struct arena arena; /* of the marks, and of their texts */
    struct publish_mark *marks;
    size_t n_marks;
    size_t n, bytes;
    /* Of rows that were walked through: all between two keys of one table. */
    bool walks, has_from, has_to;
    size_t walked; /* the table */
    struct publish_value from[PUBLISH_UNIT], to[PUBLISH_UNIT];
    /* How far the index was when it was read, and whether nothing else had changed. */
    bool is_all;
    uint64_t position;
    int64_t up_to_us;
};

void publish_batch_init(struct publish_batch *batch);
void publish_batch_free(struct publish_batch *batch);
/* Nothing is in it. */
void publish_batch_clear(struct publish_batch *batch);
bool publish_batch_is_full(const struct publish_batch *batch);
/* The unit's key that stands in the query's columns from `column` on. */
void publish_batch_take_key(struct publish_batch *batch, const struct publish_table *table,
                            struct sqlite_query *q, int column, struct publish_value *key_out);
/* A unit to be deleted where it is; and a row in the query's columns from `column` on, to be put there. */
void publish_batch_add_key(struct publish_batch *batch, size_t table, const struct publish_value *key);
void publish_batch_add_row(struct publish_batch *batch, size_t table, struct sqlite_query *q, int column);
/* Remembers a change. */
void publish_batch_mark(struct publish_batch *batch, size_t table, int64_t n,
                        const struct publish_value *key);
/* Memory, or a ceiling. */
bool publish_batch_failed(const struct publish_batch *batch);
/* Text of a key is cut to this: what an index of PostgreSQL takes. */
enum { PUBLISH_KEY_TEXT = 384 };
struct bytes publish_key_clip(struct bytes text);
/* The month, since 1970, of a table's time; before 1970 it is -1, and from the year 3000 on the first of it.
 */
int64_t publish_month_of(enum publish_time unit, int64_t time);
enum { PUBLISH_MONTH_EARLY = -1, PUBLISH_MONTH_LATE = (3000 - 1970) * 12 };
/* When it begins, in the table's unit. */
int64_t publish_month_begin(enum publish_time unit, int64_t month);
#endif
