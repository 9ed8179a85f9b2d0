/* A table of text, aligned: as psql prints a result, or as a list of things. Cells are made safe for a
 * terminal here. */
#ifndef POSTERN_CLI_GRID_H
#define POSTERN_CLI_GRID_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"

enum grid_style {
    GRID_PSQL, /* centred titles over a rule, " | " between, lines of a cell with '+' */
    GRID_LIST  /* titles as they are, two spaces between, one line a cell */
};
struct grid {
    enum grid_style style;
    struct arena arena; /* of the cells */
    struct grid_cell *titles;
    struct grid_row *first, *last;
    size_t n_columns, n_rows;
    bool *right; /* flush right */
    bool failed; /* no memory: what is there is shown */
};

/* ceiling: bytes of memory for all cells. */
void grid_init(struct grid *g, enum grid_style style, size_t n_columns, size_t ceiling);
void grid_free(struct grid *g);
void grid_title(struct grid *g, size_t column, struct bytes title, bool right);
/* Begins a row; its cells are empty. */
void grid_row(struct grid *g);
/* A cell of the row that was begun last; column may be past the last one and is then left out. */
void grid_cell(struct grid *g, size_t column, struct bytes text);
void grid_cell_text(struct grid *g, size_t column, const char *text);
void grid_cell_number(struct grid *g, size_t column, uint64_t number);
/* before, after: what stands around the titles, such as colour codes; may be "". */
void grid_print(const struct grid *g, const char *before, const char *after, struct buf *out);
#endif
