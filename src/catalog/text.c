/* Values in the server's text form. */
#include "catalog/build.h"

bool catalog_read_oid(struct bytes text, uint32_t *out)
{
    uint64_t value = 0;
    if (text.n == 0 || text.n > 10) return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        value = value * 10 + (text.p[i] - '0');
    }
    if (value > UINT32_MAX) return false;
    *out = (uint32_t)value;
    return true;
}

/* One item, from *at on; quoted ones are unescaped. False: it does not end. */
static bool read_item(struct bytes text, size_t *at, struct arena *arena, struct bytes *out)
{
    uint8_t *copy = arena_alloc(arena, text.n - *at + 1);
    size_t n = 0, i = *at;
    bool quoted = i < text.n && text.p[i] == '"';
    if (!copy) return false;
    for (i += quoted; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (quoted ? c == '"' : c == ',' || c == '}') break;
        if (c == '{' && !quoted) return false;
        if (c == '\\' && ++i == text.n) return false;
        copy[n++] = text.p[i];
    }
    if (i == text.n) return false;
    *at = i + quoted;
    *out = !quoted && n == 4 && memcmp(copy, "NULL", 4) == 0 ? (struct bytes){ 0 } : bytes_make(copy, n);
    return *at < text.n;
}

bool catalog_read_array(struct bytes text, struct arena *arena, struct bytes **items_out, size_t *n_out)
{
    enum { ITEMS_CEILING = 2000, TEXT_CEILING = 200000 };
    *n_out = 0;
    *items_out = NULL;
    if (text.n < 2 || text.n > TEXT_CEILING || text.p[0] != '{' || text.p[text.n - 1] != '}') return false;
    if (text.n == 2) return true;
    size_t commas = 0;
    for (size_t i = 0; i < text.n; i++)
        commas += text.p[i] == ',';
    if (commas >= ITEMS_CEILING) return false;
    struct bytes *items = ARENA_ARRAY(arena, struct bytes, commas + 1);
    if (!items) return false;
    size_t at = 1, n = 0;
    for (;;) {
        if (n > commas || !read_item(text, &at, arena, &items[n++])) return false;
        uint8_t c = text.p[at++];
        if (c == '}') break;
        if (c != ',') return false;
    }
    *items_out = items;
    *n_out = n;
    return at == text.n;
}

/* "10:20:10,14": what began before xmax and is not among the rest has ended. Full numbers, 64 bits. */
struct snapshot {
    uint64_t xmax;
    struct bytes running; /* "10,14" */
};

static bool read_number(struct bytes text, uint64_t *out)
{
    int64_t value;
    if (!bytes_to_int64(text, &value) || value < 0) return false;
    *out = (uint64_t)value;
    return true;
}

/* The part up to a character or the end; *rest goes on behind it. */
static struct bytes part(struct bytes *rest, char end)
{
    const uint8_t *p = rest->n ? memchr(rest->p, end, rest->n) : NULL;
    struct bytes head = bytes_slice(*rest, 0, p ? (size_t)(p - rest->p) : rest->n);
    *rest = bytes_slice(*rest, head.n + 1, rest->n);
    return head;
}

static bool read_snapshot(struct bytes text, struct snapshot *out)
{
    uint64_t xmin;
    if (!read_number(part(&text, ':'), &xmin) || !read_number(part(&text, ':'), &out->xmax)) return false;
    out->running = text;
    return true;
}

/* The next of a list of running ones, in rising order; false: no more, or malformed. */
static bool next_running(struct bytes *list, uint64_t *out)
{
    return list->n && read_number(part(list, ','), out);
}

bool catalog_snapshot_covers(struct bytes later, struct bytes earlier)
{
    struct snapshot a, b;
    uint64_t mine, theirs = 0;
    if (!read_snapshot(later, &a) || !read_snapshot(earlier, &b) || a.xmax < b.xmax) return false;
    /* Whatever the later one still waited for, the earlier one must have waited for as well. */
    bool more = next_running(&b.running, &theirs);
    while (next_running(&a.running, &mine) && mine < b.xmax) {
        while (more && theirs < mine)
            more = next_running(&b.running, &theirs);
        if (!more || theirs != mine) return false;
    }
    return true;
}
