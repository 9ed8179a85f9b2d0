/* Names of frames, lists of fields, session numbers as text. Pure: nothing here knows where frames are kept.
 * A list of fields is valid at every moment of its building: each addition counts itself. */
#include "record/frame.h"
#include "base/cursor.h"
#include <inttypes.h>
#include <stdio.h>

const char *frame_type_name(uint8_t type)
{
    switch (type) {
#define X(number, NAME, name)                                                                                \
    case number: return name;
        FRAME_TYPES(X)
#undef X
    }
    return "unknown";
}

struct frame_fields frame_fields_begin(struct buf *out)
{
    struct frame_fields f = { .out = out, .count_at = buf_length(out) };
    buf_put_u16(out, 0);
    return f;
}

void frame_fields_add(struct frame_fields *f, const char *name, struct bytes value)
{
    struct buf *out = f->out;
    if (f->n == UINT16_MAX || value.n > UINT32_MAX) {
        out->failed = true;
        return;
    }
    buf_put_cstring(out, bytes_of(name));
    buf_put_counted(out, value);
    if (out->failed) return;
    f->n++;
    uint8_t *count = out->data + out->start + f->count_at;
    count[0] = (uint8_t)(f->n >> 8);
    count[1] = (uint8_t)f->n;
}

void frame_fields_add_text(struct frame_fields *f, const char *name, const char *value)
{
    if (value) frame_fields_add(f, name, bytes_of(value));
}

void frame_fields_add_number(struct frame_fields *f, const char *name, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    frame_fields_add(f, name, bytes_make(text, (size_t)n));
}

bool frame_fields_each(struct bytes fields,
                       void (*visit)(void *context, struct bytes name, struct bytes value), void *context)
{
    struct cursor c = cursor_over(fields);
    uint16_t n = cursor_u16(&c);
    for (uint16_t i = 0; i < n; i++) {
        struct bytes name = cursor_cstring(&c), value = cursor_counted(&c);
        if (c.failed) return false;
        visit(context, name, value);
    }
    return cursor_done(&c);
}

struct wanted {
    struct bytes name, value;
};

static void keep_first(void *context, struct bytes name, struct bytes value)
{
    struct wanted *w = context;
    if (!w->value.p && bytes_equal(name, w->name)) w->value = value;
}

struct bytes frame_fields_get(struct bytes fields, const char *name)
{
    struct wanted w = { .name = bytes_of(name) };
    return frame_fields_each(fields, keep_first, &w) ? w.value : (struct bytes){ 0 };
}

static const char crockford[] = "0123456789abcdefghjkmnpqrstvwxyz";

void session_id_format(uint64_t session, char out[14])
{
    for (int i = 12; i >= 0; i--, session >>= 5)
        out[i] = crockford[session & 31];
    out[13] = 0;
}

/* Crockford's reading is forgiving: upper case, and the letters that look like digits. */
static int crockford_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') c = (uint8_t)(c - 'A' + 'a');
    if (c == 'o') return 0;
    if (c == 'i' || c == 'l') return 1;
    const char *at = c ? strchr(crockford, c) : NULL;
    return at ? (int)(at - crockford) : -1;
}

bool session_id_parse(struct bytes text, uint64_t *session_out)
{
    uint64_t session = 0;
    if (text.n != 13) return false;
    for (size_t i = 0; i < text.n; i++) {
        int digit = crockford_value(text.p[i]);
        if (digit < 0 || (i == 0 && digit > 15)) return false; /* 13 digits hold 65 bits */
        session = session << 5 | (uint64_t)digit;
    }
    *session_out = session;
    return true;
}
