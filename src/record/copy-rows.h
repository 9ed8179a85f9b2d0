/* Rows of COPY TO STDOUT, cut into fields: text, CSV and binary, as the statement's own options say. Data
 * comes in pieces that may be cut anywhere. */
#ifndef POSTERN_RECORD_COPY_ROWS_H
#define POSTERN_RECORD_COPY_ROWS_H
#include "base/buf.h"
#include "base/bytes.h"

enum copy_kind { COPY_TEXT = 0, COPY_CSV, COPY_BINARY };
struct copy_options {
    enum copy_kind kind;
    uint8_t delimiter, quote, escape;
    bool header;      /* the first row is names */
    uint8_t null[64]; /* what stands for NULL; of CSV only where it is not quoted */
    size_t n_null;
};
/* Of the text of a COPY statement, by token. */
struct copy_options copy_options_of(struct bytes text);

struct copy_rows {
    struct copy_options options;
    struct buf carry; /* what is not a whole row yet */
    uint64_t n_rows;
    bool head_read; /* of binary data; of CSV and text, the row of names */
    bool lost;      /* a row was longer than the ceiling, or the data is none: nothing more comes of it */
};
enum { COPY_ROW_CEILING = 8 << 20 };
void copy_rows_init(struct copy_rows *c, const struct copy_options *options);
void copy_rows_free(struct copy_rows *c);
/* Calls visit for each field that is not NULL, by its place from 0, with the number of its row from 1. A
 * field of binary data that cannot be text is shown as the whole number that two, four or eight bytes are.
 * Borrowed until visit returns. */
void copy_rows_feed(struct copy_rows *c, struct bytes data,
                    void (*visit)(void *context, uint64_t row, size_t place, struct bytes field),
                    void *context);
#endif
