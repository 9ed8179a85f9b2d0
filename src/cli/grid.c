/* A cell is kept as its lines, each with its width; a column is as wide as its widest line. psql's aligned
 * format puts '+' behind a line that goes on in the next one. */
#include "cli/grid.h"
#include "cli/safe.h"

struct grid_line {
    struct bytes text;
    size_t width;
};
struct grid_cell {
    struct grid_line *lines;
    size_t n;
};
struct grid_row {
    struct grid_row *next;
    struct grid_cell cells[];
};

void grid_init(struct grid *g, enum grid_style style, size_t n_columns, size_t ceiling)
{
    *g = (struct grid){ .style = style, .n_columns = n_columns };
    arena_init(&g->arena, 16 * 1024, ceiling);
    g->titles = ARENA_ARRAY(&g->arena, struct grid_cell, n_columns);
    g->right = ARENA_ARRAY(&g->arena, bool, n_columns);
    if (n_columns && (!g->titles || !g->right)) g->failed = true;
    if (g->failed) g->n_columns = 0;
}

void grid_free(struct grid *g)
{
    arena_free(&g->arena);
    *g = (struct grid){ 0 };
}

static size_t count_lines(struct bytes text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static void cell_set(struct grid *g, struct grid_cell *cell, struct bytes text)
{
    bool split = g->style == GRID_PSQL;
    size_t n = split ? count_lines(text) : 1;
    struct buf safe;
    buf_init(&safe, text.n * 6 + 64);
    cell->lines = ARENA_ARRAY(&g->arena, struct grid_line, n);
    for (size_t i = 0; i < n && cell->lines; i++) {
        const uint8_t *end = split && text.n ? memchr(text.p, '\n', text.n) : NULL;
        struct bytes line = end ? bytes_make(text.p, (size_t)(end - text.p)) : text;
        text = end ? bytes_slice(text, line.n + 1, text.n) : (struct bytes){ 0 };
        safe_append(&safe, line, SAFE_ONE_LINE);
        cell->lines[i].text = arena_copy(&g->arena, buf_bytes(&safe));
        cell->lines[i].width = safe_width(cell->lines[i].text);
        if (!cell->lines[i].text.p) g->failed = true;
        buf_consume(&safe, buf_length(&safe));
    }
    cell->n = cell->lines ? n : 0;
    if (!cell->lines || safe.failed) g->failed = true;
    buf_free(&safe);
}

void grid_title(struct grid *g, size_t column, struct bytes title, bool right)
{
    if (column >= g->n_columns) return;
    cell_set(g, &g->titles[column], title);
    g->right[column] = right;
}

void grid_row(struct grid *g)
{
    if (g->failed) return;
    struct grid_row *row = arena_alloc(&g->arena, sizeof *row + g->n_columns * sizeof(struct grid_cell));
    if (!row) {
        g->failed = true;
        return;
    }
    *(g->last ? &g->last->next : &g->first) = row;
    g->last = row;
    g->n_rows++;
}

void grid_cell(struct grid *g, size_t column, struct bytes text)
{
    if (column < g->n_columns && g->last && !g->failed) cell_set(g, &g->last->cells[column], text);
}

void grid_cell_text(struct grid *g, size_t column, const char *text)
{
    grid_cell(g, column, bytes_of(text));
}

void grid_cell_number(struct grid *g, size_t column, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    grid_cell_text(g, column, text);
}

static void pad(struct buf *out, size_t n)
{
    while (n--)
        buf_put_u8(out, ' ');
}

static size_t cell_width(const struct grid_cell *cell)
{
    size_t width = 0;
    for (size_t i = 0; i < cell->n; i++)
        if (cell->lines[i].width > width) width = cell->lines[i].width;
    return width;
}

static size_t row_height(const struct grid *g, const struct grid_cell *cells)
{
    size_t height = 1;
    for (size_t i = 0; i < g->n_columns; i++)
        if (cells[i].n > height) height = cells[i].n;
    return height;
}

enum align { LEFT, RIGHT, CENTRE };

static void put_line(struct buf *out, const struct grid_line *line, size_t width, enum align align)
{
    size_t space = width - line->width, left = align == LEFT ? 0 : align == RIGHT ? space : space / 2;
    pad(out, left);
    buf_append(out, line->text);
    pad(out, space - left);
}

static void print_psql_row(const struct grid *g, const struct grid_cell *cells, const size_t *widths,
                           bool titles, struct buf *out)
{
    static const struct grid_line empty = { 0 };
    size_t height = row_height(g, cells);
    for (size_t i = 0; i < height; i++) {
        for (size_t k = 0; k < g->n_columns; k++) {
            const struct grid_line *line = i < cells[k].n ? &cells[k].lines[i] : &empty;
            bool last = k + 1 == g->n_columns, more = i + 1 < cells[k].n;
            buf_append_text(out, k ? "|" : "");
            buf_put_u8(out, ' ');
            /* psql leaves the last column's trailing space away in rows, and keeps it in titles. */
            if (last && !titles && !more && !g->right[k])
                buf_append(out, line->text);
            else
                put_line(out, line, widths[k], titles ? CENTRE : g->right[k] ? RIGHT : LEFT);
            if (more)
                buf_put_u8(out, '+');
            else if (!last || titles)
                buf_put_u8(out, ' ');
        }
        buf_append_text(out, "\n");
    }
}

static void print_psql_rule(const struct grid *g, const size_t *widths, struct buf *out)
{
    for (size_t k = 0; k < g->n_columns; k++) {
        buf_append_text(out, k ? "+" : "");
        for (size_t i = 0; i < widths[k] + 2; i++)
            buf_put_u8(out, '-');
    }
    buf_append_text(out, "\n");
}

static void print_list_row(const struct grid *g, const struct grid_cell *cells, const size_t *widths,
                           struct buf *out)
{
    static const struct grid_line empty = { 0 };
    for (size_t k = 0; k < g->n_columns; k++) {
        const struct grid_line *line = cells[k].n ? &cells[k].lines[0] : &empty;
        if (k) buf_append_text(out, "  ");
        if (k + 1 == g->n_columns && !g->right[k])
            buf_append(out, line->text);
        else
            put_line(out, line, widths[k], g->right[k] ? RIGHT : LEFT);
    }
    buf_append_text(out, "\n");
}

void grid_print(const struct grid *g, const char *before, const char *after, struct buf *out)
{
    struct arena scratch;
    arena_init(&scratch, 4096, 1 << 20);
    size_t *widths = ARENA_ARRAY(&scratch, size_t, g->n_columns + 1);
    for (size_t k = 0; k < g->n_columns && widths; k++) {
        widths[k] = cell_width(&g->titles[k]);
        for (const struct grid_row *row = g->first; row; row = row->next)
            if (cell_width(&row->cells[k]) > widths[k]) widths[k] = cell_width(&row->cells[k]);
    }
    if (widths && g->n_columns) {
        buf_append_text(out, before);
        if (g->style == GRID_PSQL)
            print_psql_row(g, g->titles, widths, true, out);
        else
            print_list_row(g, g->titles, widths, out);
        buf_append_text(out, after);
        if (g->style == GRID_PSQL) print_psql_rule(g, widths, out);
        for (const struct grid_row *row = g->first; row; row = row->next)
            if (g->style == GRID_PSQL)
                print_psql_row(g, row->cells, widths, false, out);
            else
                print_list_row(g, row->cells, widths, out);
    }
    if (widths && !g->n_columns && g->style == GRID_PSQL) buf_append_text(out, "--\n");
    arena_free(&scratch);
}
