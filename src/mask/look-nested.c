/* Arrays and rows in binary. An array is its number of dimensions, whether there are NULLs, its elements'
 * type, each dimension's length and lower bound, and the elements; a row is its number of columns, and for
 * each its type and value. A value is its length, -1 for NULL, and so many bytes. Either is one only where it
 * ends where its last part does. Source: array_send and record_send of PostgreSQL 15. */
#include "mask/look-nested.h"
#include "base/cursor.h"

enum { DEPTH_CEILING = 8, DIMENSIONS = 6, PARTS_CEILING = 1 << 24 };
static const uint32_t null = UINT32_MAX;

static bool skip_value(struct cursor *c)
{
    uint32_t n = cursor_u32(c);
    if (n != null) cursor_take(c, n);
    return !c->failed;
}

/* How many elements an array has, with the cursor behind its head. */
static bool array_head(struct cursor *c, uint32_t *type_out, size_t *n_out)
{
    uint32_t dimensions = cursor_u32(c), flags = cursor_u32(c);
    uint64_t n = dimensions ? 1 : 0;
    *type_out = cursor_u32(c);
    if (c->failed || dimensions > DIMENSIONS || flags > 1 || *type_out == 0) return false;
    for (uint32_t i = 0; i < dimensions; i++) {
        n *= cursor_u32(c);
        cursor_u32(c);
        if (n > PARTS_CEILING) return false;
    }
    *n_out = (size_t)n;
    return !c->failed;
}

static bool is_array(struct bytes value)
{
    struct cursor c = cursor_over(value);
    uint32_t type;
    size_t n;
    if (!array_head(&c, &type, &n)) return false;
    for (; n > 0; n--)
        if (!skip_value(&c)) return false;
    return cursor_done(&c);
}

static bool is_row(struct bytes value)
{
    enum { COLUMNS_CEILING = 1664 };
    struct cursor c = cursor_over(value);
    uint32_t n = cursor_u32(&c);
    if (c.failed || n == 0 || n > COLUMNS_CEILING) return false;
    for (; n > 0; n--) {
        cursor_u32(&c);
        if (!skip_value(&c)) return false;
    }
    return cursor_done(&c);
}

/* One value behind its length, as it becomes. Whether it changed; *null_out: it is NULL now and was not. */
static bool put_part(const struct look *l, uint32_t type, struct cursor *c, bool *null_out)
{
    uint32_t n = cursor_u32(c);
    if (n == null) {
        buf_put_u32(l->out, null);
        return false;
    }
    struct bytes value = cursor_take(c, n);
    size_t at = buf_length(l->out);
    buf_put_u32(l->out, 0);
    enum look_outcome outcome = look_by_way(l, look_way(type, true), value);
    if (outcome == LOOK_SAME) buf_append(l->out, value);
    if (l->out->failed) return true;
    size_t length = buf_length(l->out) - at - 4;
    buf_patch_u32(l->out, at, outcome == LOOK_HIDDEN ? null : (uint32_t)length);
    *null_out |= outcome == LOOK_HIDDEN;
    return outcome != LOOK_SAME;
}

static bool put_array(const struct look *l, struct bytes value)
{
    enum { FLAGS_AT = 4 };
    struct cursor c = cursor_over(value);
    uint32_t type = 0;
    size_t n = 0, from = buf_length(l->out);
    bool changed = false, nulls = false;
    bool is_one = array_head(&c, &type, &n);
    CHECK(is_one);
    buf_append(l->out, bytes_slice(value, 0, value.n - cursor_left(&c)));
    for (; n > 0 && !l->out->failed; n--)
        changed |= put_part(l, type, &c, &nulls);
    if (nulls && !l->out->failed) buf_patch_u32(l->out, from + FLAGS_AT, 1);
    return changed;
}

static bool put_row(const struct look *l, struct bytes value)
{
    struct cursor c = cursor_over(value);
    bool changed = false, nulls = false;
    uint32_t n = cursor_u32(&c);
    buf_put_u32(l->out, n);
    for (; n > 0 && !l->out->failed; n--) {
        uint32_t type = cursor_u32(&c);
        buf_put_u32(l->out, type);
        changed |= put_part(l, type, &c, &nulls);
    }
    return changed;
}

bool look_nested(const struct look *l, struct bytes value, enum look_outcome *outcome_out)
{
    struct look inner = *l;
    size_t from = buf_length(l->out);
    bool array = is_array(value), changed;
    if (!array && !is_row(value)) return false;
    /* Deeper than that nobody looks. */
    *outcome_out = l->rules->masked ? LOOK_HIDDEN : LOOK_SAME;
    if (++inner.depth > DEPTH_CEILING) {
        l->tally->unseen++;
        return true;
    }
    changed = array ? put_array(&inner, value) : put_row(&inner, value);
    *outcome_out = changed ? LOOK_CHANGED : LOOK_SAME;
    if (!changed) l->out->end = l->out->start + from;
    return true;
}
