/* Values of parameters and rows, and the descriptions that say how to read them. Bodies are those of
 * PostgreSQL's messages (PostgreSQL documentation, "Message Formats"), as they came from a client or server
 * that may be hostile: every length is checked against what is there. */
#include "pgwire/message.h"
#include "pgwire/typeout.h"
#include "record/transcript-private.h"
#include <stdlib.h>

bool transcript_bind_split(struct bytes body, struct bind_parts *out)
{
    struct cursor c = cursor_over(body);
    *out = (struct bind_parts){ 0 };
    out->portal = cursor_cstring(&c);
    out->statement = cursor_cstring(&c);
    out->n_parameter_formats = cursor_u16(&c);
    out->parameter_formats = cursor_take(&c, (size_t)out->n_parameter_formats * 2);
    out->n_parameters = cursor_u16(&c);
    out->values = c;
    for (uint16_t i = 0; i < out->n_parameters; i++) {
        int32_t n = (int32_t)cursor_u32(&c);
        if (n < -1) return false;
        if (n > 0) cursor_take(&c, (size_t)n);
    }
    out->n_result_formats = cursor_u16(&c);
    out->result_formats = cursor_take(&c, (size_t)out->n_result_formats * 2);
    return cursor_done(&c);
}

static bool format_is_binary(struct bytes formats, size_t n_formats, size_t i)
{
    if (n_formats == 0) return false;
    if (n_formats == 1) i = 0;
    return i < n_formats && (formats.p[2 * i] | formats.p[2 * i + 1]) != 0;
}

static bool value_text(struct transcript *t, struct bytes raw, struct transcript_value *v)
{
    v->understood = true;
    if (!v->binary) {
        v->text = raw;
        return true;
    }
    struct buf out;
    buf_init(&out, t->ceiling);
    v->understood = typeout_value(v->type, true, raw, &out);
    v->text = arena_copy(&t->scratch, buf_bytes(&out));
    bool good = !out.failed && v->text.p;
    buf_free(&out);
    return good;
}

bool transcript_values(struct transcript *t, const struct value_source *from,
                       struct transcript_value **values_out)
{
    /* Each value takes at least its length's four bytes: a count that lies is found before memory is taken.
     */
    if (from->n * 4 > cursor_left(from->cursor)) return false;
    struct transcript_value *values = ARENA_ARRAY(&t->scratch, struct transcript_value, from->n);
    if (!values && from->n) return false;
    for (size_t i = 0; i < from->n; i++) {
        struct transcript_value *v = &values[i];
        int32_t n = (int32_t)cursor_u32(from->cursor);
        v->null = n == -1;
        v->binary = format_is_binary(from->formats, from->n_formats, i);
        v->type = i < from->n_types ? from->types[i] : 0;
        v->understood = true;
        if (v->null) continue;
        if (n < 0) return false;
        struct bytes raw = cursor_take(from->cursor, (size_t)n);
        if (from->cursor->failed || !value_text(t, raw, v)) return false;
    }
    *values_out = values;
    return true;
}

struct known_description *transcript_description_decode(uint32_t number, struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint16_t n = cursor_u16(&c);
    /* A column takes a NUL and 18 bytes at least. */
    if (c.failed || (size_t)n * 19 > cursor_left(&c)) return NULL;
    size_t at = (sizeof(struct known_description) + body.n + 15) / 16 * 16;
    struct known_description *d = calloc(1, at + n * sizeof(struct transcript_column));
    if (!d) return NULL;
    memcpy(d->body, body.p, body.n);
    d->number = number;
    d->n = n;
    d->columns = (struct transcript_column *)((uint8_t *)d + at);
    c = cursor_over(bytes_make(d->body + 2, body.n - 2));
    for (uint16_t i = 0; i < n; i++) {
        struct transcript_column *column = &d->columns[i];
        column->name = cursor_cstring(&c);
        column->table = cursor_u32(&c);
        column->attribute = cursor_u16(&c);
        column->type = cursor_u32(&c);
        cursor_take(&c, 6); /* size and modifier */
        column->binary = cursor_u16(&c) != 0;
    }
    if (cursor_done(&c)) return d;
    free(d);
    return NULL;
}

/* What is needed to read the rows of one frame. */
struct row_reader {
    struct transcript_row row;
    struct value_source source;
};

static bool row_reader_begin(struct transcript *t, uint32_t run, uint32_t description, struct row_reader *r)
{
    uint8_t key[4] = { (uint8_t)(description >> 24), (uint8_t)(description >> 16),
                       (uint8_t)(description >> 8), (uint8_t)description };
    const struct known_description *d = keep_get(&t->descriptions, bytes_make(key, 4));
    const struct known_run *known = transcript_run_find(t, run);
    *r = (struct row_reader){ .row.description = description };
    if (known) {
        r->row.text = transcript_text_find(t, known->text);
        r->row.statement = known->n_ended + 1;
        r->row.outputs = transcript_text_list(r->row.text, "outputs", r->row.statement);
    }
    if (d) {
        r->row.columns = d->columns;
        r->row.n_columns = d->n;
        uint32_t *types = ARENA_ARRAY(&t->scratch, uint32_t, d->n);
        uint8_t *formats = arena_alloc(&t->scratch, d->n * 2 + 1);
        if ((!types && d->n) || !formats) return false;
        for (size_t i = 0; i < d->n; i++) {
            types[i] = d->columns[i].type;
            formats[2 * i + 1] = d->columns[i].binary;
        }
        r->source.types = types;
        r->source.n_types = d->n;
        r->source.formats = bytes_make(formats, d->n * 2);
        r->source.n_formats = (uint16_t)d->n;
        /* One column's format would be taken for all columns': harmless, there is one. */
    }
    if (known && known->has_formats) {
        r->source.formats = bytes_make(known->formats, known->n_formats * 2);
        r->source.n_formats = (uint16_t)known->n_formats;
    }
    return true;
}

bool transcript_rows(struct transcript *t, uint32_t run, uint32_t description, struct bytes data)
{
    for (size_t at = 0; at < data.n;) {
        struct message m;
        struct row_reader r;
        if (message_peek(bytes_slice(data, at, data.n), &m) != MESSAGE_WHOLE) return false;
        bool is_row = m.type == MESSAGE_DATA_ROW; /* a function call's answer is one value, without a count */
        if (!is_row && m.type != MESSAGE_FUNCTION_CALL_RESPONSE) return false;
        at += m.whole.n;
        struct cursor c = cursor_over(m.body);
        struct transcript_value *values = NULL;
        arena_reset(&t->scratch);
        if (!row_reader_begin(t, run, description, &r)) return false;
        r.source.cursor = &c;
        r.source.n = is_row ? cursor_u16(&c) : 1;
        if (!transcript_values(t, &r.source, &values) || !cursor_done(&c)) return false;
        r.row.values = values;
        r.row.n_values = r.source.n;
        struct transcript_event event = transcript_event_new(t, EVENT_ROW, run);
        event.of.row = r.row;
        t->visit(t->context, &event);
    }
    return true;
}
