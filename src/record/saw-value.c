/* The index first, where a policy has the column's values indexed. */
#include "record/saw-value.h"

struct columns {
    uint64_t n, unknown_rows;
};

static void sum_column(void *context, const struct index_value_column *column)
{
    struct columns *c = context;
    c->n++;
    c->unknown_rows += column->unknown_rows;
}

int saw_value(struct index *index, struct record_reader *reader, const struct record_keys *keys,
              const struct saw_question *q, struct saw_answer *out)
{
    struct columns columns = { 0 };
    *out = (struct saw_answer){ 0 };
    int error = index_value_columns(index, q->relation, q->column, sum_column, &columns);
    if (error) return error;
    if (q->scan || !columns.n) return saw_scan(index, reader, q, out);
    out->unknown_rows = columns.unknown_rows;
    return index_value_sights(index, keys, q->filter, q->relation, q->column, q->value, q->visit, q->context);
}
