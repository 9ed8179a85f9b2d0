/* Rows are sorted by a hash and by their bytes, and walked side by side: what has no partner is left. Of what
 * is left, rows that are equal but for the columns to ignore are partners next; and then, for people, rows
 * that have most cells in common, among the first few hundred. */
#include "cli/rerun-rows.h"
#include "base/cursor.h"
#include <stdlib.h>

enum { ALIKE_MOST = 256, CELLS_MOST = 1664 };

struct entry {
    uint64_t hash;
    size_t row;
    struct bytes key;
    bool taken;
};

static bool ignores(const struct rerun_rows *rows, size_t column)
{
    return rows->ignore && column < RERUN_COLUMNS && rows->ignore[column / 8] >> column % 8 & 1;
}

/* The row without the cells that are ignored. */
static struct bytes bare(const struct rerun_rows *rows, struct bytes row, struct arena *arena)
{
    struct cursor c = cursor_over(row);
    size_t n = cursor_u16(&c), at = 0;
    uint8_t *copy = arena_alloc(arena, row.n + 1);
    if (!copy) return (struct bytes){ 0 };
    for (size_t i = 0; i < n; i++) {
        uint32_t length = cursor_u32(&c);
        struct bytes cell = cursor_take(&c, length == UINT32_MAX ? 0 : length);
        if (c.failed) break;
        if (ignores(rows, i)) continue;
        memcpy(copy + at, cell.p - 4, 4 + cell.n);
        at += 4 + cell.n;
    }
    return bytes_make(copy, at);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    int by_key = bytes_compare(a->key, b->key);
    return by_key ? by_key : a->row < b->row ? -1 : a->row > b->row;
}

static struct entry *entries_of(const struct bytes *items, const size_t *rows, size_t n, struct arena *arena)
{
    struct entry *entries = ARENA_ARRAY(arena, struct entry, n + 1);
    for (size_t i = 0; entries && i < n; i++) {
        size_t row = rows ? rows[i] : i;
        entries[i] = (struct entry){ map_hash(items[row], 7), row, items[row], false };
    }
    if (entries) qsort(entries, n, sizeof *entries, compare_entries);
    return entries;
}

/* Marks partners; *pair is called for each pair. */
static void match(struct entry *a, size_t n_a, struct entry *b, size_t n_b,
                  void (*pair)(void *context, size_t a, size_t b), void *context)
{
    for (size_t i = 0, k = 0; i < n_a && k < n_b;) {
        int order =
            a[i].hash != b[k].hash ? (a[i].hash < b[k].hash ? -1 : 1) : bytes_compare(a[i].key, b[k].key);
        if (order == 0) {
            a[i].taken = b[k].taken = true;
            if (pair) pair(context, a[i].row, b[k].row);
        }
        i += order <= 0;
        k += order >= 0;
    }
}

static int compare_sizes(const void *left, const void *right)
{
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    return a < b ? -1 : a > b;
}

/* The rows without a partner, in their order. */
static size_t *left_of(const struct entry *entries, size_t n, struct arena *arena, size_t *n_out)
{
    size_t *rows = ARENA_ARRAY(arena, size_t, n + 1);
    *n_out = 0;
    for (size_t i = 0; rows && i < n; i++)
        if (!entries[i].taken) rows[(*n_out)++] = entries[i].row;
    if (rows) qsort(rows, *n_out, sizeof *rows, compare_sizes);
    return rows;
}

struct pairs {
    struct rerun_pair *items;
    size_t n;
};

static void add_expected(void *context, size_t then, size_t now)
{
    struct pairs *p = context;
    p->items[p->n++] = (struct rerun_pair){ then, now, true };
}

struct bares {
    const struct rerun_rows *rows;
    struct arena *arena;
    bool failed;
};

static struct bytes *bares_of(struct bares *b, const struct bytes *items, size_t n_items, const size_t *left,
                              size_t n)
{
    struct bytes *bares = ARENA_ARRAY(b->arena, struct bytes, n_items + 1);
    for (size_t i = 0; bares && i < n; i++)
        if (!(bares[left[i]] = bare(b->rows, items[left[i]], b->arena)).p) return NULL;
    return bares;
}

static unsigned cells_alike(struct bytes a, struct bytes b)
{
    struct bytes x[CELLS_MOST], y[CELLS_MOST];
    size_t n = rerun_values(a, x, CELLS_MOST), m = rerun_values(b, y, CELLS_MOST);
    unsigned alike = 0;
    for (size_t i = 0; n == m && i < n; i++)
        alike += x[i].p && y[i].p && bytes_equal(x[i], y[i]) ? 1 : 0;
    return alike;
}

/* The first row of `now` that has the most cells in common with the row, and at least one. */
static size_t most_alike(const struct rerun_rows *r, size_t then, const size_t *now, const bool *used,
                         size_t n)
{
    size_t best = SIZE_MAX;
    unsigned best_alike = 0;
    for (size_t i = 0; i < n && i < ALIKE_MOST && r->cells; i++) {
        unsigned alike = used[i] ? 0 : cells_alike(r->then[then], r->now[now[i]]);
        if (alike > best_alike) {
            best_alike = alike;
            best = i;
        }
    }
    return best;
}

static bool pair_rest(const struct rerun_rows *r, const size_t *then, size_t n_then, const size_t *now,
                      size_t n_now, struct arena *arena, struct pairs *pairs)
{
    bool *used = ARENA_ARRAY(arena, bool, n_now + 1);
    if (!used) return false;
    for (size_t i = 0; i < n_then; i++) {
        size_t best = i < ALIKE_MOST ? most_alike(r, then[i], now, used, n_now) : SIZE_MAX;
        if (n_then == 1 && n_now == 1 && r->cells) best = 0; /* nothing else can have become of it */
        if (best != SIZE_MAX) used[best] = true;
        pairs->items[pairs->n++] =
            (struct rerun_pair){ then[i], best == SIZE_MAX ? SIZE_MAX : now[best], false };
    }
    for (size_t i = 0; i < n_now; i++)
        if (!used[i]) pairs->items[pairs->n++] = (struct rerun_pair){ SIZE_MAX, now[i], false };
    return true;
}

bool rerun_rows_pair(const struct rerun_rows *r, struct arena *arena, struct rerun_pair **out, size_t *n_out)
{
    size_t n_then, n_now;
    struct entry *a = entries_of(r->then, NULL, r->n_then, arena);
    struct entry *b = entries_of(r->now, NULL, r->n_now, arena);
    *n_out = 0;
    if (!a || !b) return false;
    match(a, r->n_then, b, r->n_now, NULL, NULL);
    size_t *then = left_of(a, r->n_then, arena, &n_then), *now = left_of(b, r->n_now, arena, &n_now);
    struct pairs pairs = { ARENA_ARRAY(arena, struct rerun_pair, n_then + n_now + 1), 0 };
    if (!then || !now || !pairs.items) return false;
    if (r->ignore && r->cells && n_then && n_now) {
        struct bares bares = { r, arena, false };
        struct bytes *bare_then = bares_of(&bares, r->then, r->n_then, then, n_then);
        struct bytes *bare_now = bares_of(&bares, r->now, r->n_now, now, n_now);
        if (!bare_then || !bare_now) return false;
        a = entries_of(bare_then, then, n_then, arena);
        b = entries_of(bare_now, now, n_now, arena);
        if (!a || !b) return false;
        match(a, n_then, b, n_now, add_expected, &pairs);
        size_t n_a = n_then, n_b = n_now;
        then = left_of(a, n_a, arena, &n_then);
        now = left_of(b, n_b, arena, &n_now);
        if (!then || !now) return false;
    }
    *out = pairs.items;
    bool good = pair_rest(r, then, n_then, now, n_now, arena, &pairs);
    *n_out = pairs.n;
    return good;
}
