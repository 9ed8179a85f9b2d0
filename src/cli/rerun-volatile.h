/* What of a statement's result is another one each time it runs, by its nature: answers of now(), random(),
 * sequences, process ids, object ids, system columns, and what was written with them.
 *
 * It is told from the text, token by token, and from where the server says that a column comes from. In doubt
 * a column is not volatile, so that nothing that differs passes for expected. */
#ifndef POSTERN_CLI_RERUN_VOLATILE_H
#define POSTERN_CLI_RERUN_VOLATILE_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/map.h"

enum rerun_class { RERUN_TIME = 1, RERUN_NUMBER = 2, RERUN_UUID = 4, RERUN_NAME = 8 };

/* One column as RowDescription has it. */
struct rerun_column {
    struct bytes name;
    uint32_t table, type;
    int16_t attribute;
    bool binary;
};

/* What a text says about itself. */
struct rerun_text {
    unsigned classes;    /* of everything volatile anywhere in it */
    bool rows_volatile;  /* which rows come, and how many, hangs on something volatile */
    bool plan;           /* EXPLAIN */
    bool ordered;        /* ORDER BY at the top level */
    bool mapped;         /* items are those of the result's columns, one by one */
    struct bytes *items; /* the name of what is volatile in each item of its result; empty: nothing */
    size_t n_items;
};
/* One statement. False: no memory. */
bool rerun_text_read(struct bytes statement, struct arena *arena, struct rerun_text *out) MUST_USE;

/* What the session has written so far, by the relations' names without schemas. */
struct rerun_written {
    struct map relations;
    struct arena arena;
};
void rerun_written_init(struct rerun_written *w);
void rerun_written_free(struct rerun_written *w);
/* relation: without its schema. inserted: its defaults count. */
void rerun_written_add(struct rerun_written *w, struct bytes relation, bool inserted, unsigned classes);

/* What the database says of a table. defaults: bits by attribute number, of columns whose default (or
 * identity) is volatile; found false: it is not there. */
struct rerun_table {
    bool found;
    struct bytes name;
    uint8_t defaults[1608 / 8];
};
/* Why the column is expected to differ; NULL: it is not. table: of column->table; may be NULL. i: which
 * column of the result it is. The answer is borrowed from text or constant. */
struct bytes rerun_column_why(const struct rerun_text *text, const struct rerun_written *w,
                              const struct rerun_column *column, size_t i, size_t n_columns,
                              const struct rerun_table *table);
#endif
