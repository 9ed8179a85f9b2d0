/* What of the index is published: tables, their columns, and which of them tell a row from others. Both
 * sides, SQLite's and PostgreSQL's, are made from these rows. What is not here stays where it is: what only
 * following needs (texts' numbers, open runs, halves of texts), counts that can be made again, and the hashes
 * of values with their key. */
#ifndef POSTERN_RECORD_PUBLISH_TABLES_H
#define POSTERN_RECORD_PUBLISH_TABLES_H
#include <stdbool.h>
#include <stddef.h>

enum publish_type { PUBLISH_INT = 0, PUBLISH_TEXT, PUBLISH_BOOL };
struct publish_column {
    const char *name;
    enum publish_type type;
};
/* By which column a table is parted into months, and what it counts; a column of the key, or one that hardly
 * ever changes. */
enum publish_time { PUBLISH_NO_TIME = 0, PUBLISH_MINUTES, PUBLISH_MICROSECONDS };
enum { PUBLISH_UNIT = 3, PUBLISH_COLUMNS = 32 };
struct publish_table {
    const char *name;
    const struct publish_column *columns; /* those of the key first */
    size_t n_columns, n_keys;
    /* The first so many of the key tell a unit: what changes in one of its rows is noted for the unit, and it
     * is brought as a whole. So that notes are small, and hold no names of what was erased. */
    size_t n_unit;
    enum publish_time time;
    size_t time_column;
    const char *index; /* the columns of an index that finds a unit in SQLite; NULL: there is one already */
};

/* In this order rows go out: what others refer to first. */
extern const struct publish_table publish_tables[];
extern const size_t publish_n_tables;
/* Grows with each change of the rows above: an index that was published by others is published anew. */
enum { PUBLISH_LAYOUT = 1 };
#endif
