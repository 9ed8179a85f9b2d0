/* Framing and bodies; the source of each form is PostgreSQL's documentation, "Message Formats". */
#include "pgwire/message.h"
#include "base/cursor.h"

size_t message_begin(struct buf *out, uint8_t type)
{
    size_t at = buf_length(out);
    buf_put_u8(out, type);
    buf_put_u32(out, 0);
    return at;
}

void message_finish(struct buf *out, size_t at)
{
    if (out->failed) return;
    buf_patch_u32(out, at + 1, (uint32_t)(buf_length(out) - at - 1));
}

void message_put(struct buf *out, uint8_t type, struct bytes body)
{
    buf_put_u8(out, type);
    buf_put_u32(out, (uint32_t)body.n + 4);
    buf_append(out, body);
}

bool message_parse_decode(struct bytes body, struct message_parse *out)
{
    struct cursor c = cursor_over(body);
    out->name = cursor_cstring(&c);
    out->text = cursor_cstring(&c);
    out->n_types = cursor_u16(&c);
    out->types = cursor_take(&c, (size_t)out->n_types * 4);
    return cursor_done(&c);
}

void message_parse_encode(struct buf *out, struct bytes name, struct bytes text, struct bytes types)
{
    size_t at = message_begin(out, MESSAGE_PARSE);
    buf_put_cstring(out, name);
    buf_put_cstring(out, text);
    buf_put_u16(out, (uint16_t)(types.n / 4));
    buf_append(out, types);
    message_finish(out, at);
}

bool message_bind_decode_names(struct bytes body_start, struct message_bind *out)
{
    struct cursor c = cursor_over(body_start);
    out->portal = cursor_cstring(&c);
    out->statement = cursor_cstring(&c);
    return !c.failed;
}

static void skip_formats(struct cursor *c)
{
    uint16_t n = cursor_u16(c);
    cursor_take(c, (size_t)n * 2);
}

static void skip_values(struct cursor *c)
{
    uint16_t n = cursor_u16(c);
    for (uint16_t i = 0; i < n && !c->failed; i++) {
        uint32_t length = cursor_u32(c);
        if (length == UINT32_MAX) continue; /* NULL */
        if (length > INT32_MAX)
            c->failed = true;
        else
            cursor_take(c, length);
    }
}

bool message_bind_check(struct bytes body)
{
    struct cursor c = cursor_over(body);
    cursor_cstring(&c);
    cursor_cstring(&c);
    skip_formats(&c);
    skip_values(&c);
    skip_formats(&c);
    return cursor_done(&c);
}

bool message_execute_decode(struct bytes body, struct message_execute *out)
{
    struct cursor c = cursor_over(body);
    out->portal = cursor_cstring(&c);
    out->most_rows = cursor_u32(&c);
    return cursor_done(&c);
}

bool message_target_decode(struct bytes body, struct message_target *out)
{
    struct cursor c = cursor_over(body);
    out->kind = cursor_u8(&c);
    out->name = cursor_cstring(&c);
    return cursor_done(&c) && (out->kind == 'S' || out->kind == 'P');
}

void message_target_encode(struct buf *out, uint8_t type, struct message_target target)
{
    size_t at = message_begin(out, type);
    buf_put_u8(out, target.kind);
    buf_put_cstring(out, target.name);
    message_finish(out, at);
}

bool message_string_decode(struct bytes body, struct bytes *out)
{
    struct cursor c = cursor_over(body);
    *out = cursor_cstring(&c);
    return cursor_done(&c);
}

bool message_row_description_check(struct bytes body, uint16_t *n_columns_out)
{
    struct cursor c = cursor_over(body);
    uint16_t n = cursor_u16(&c);
    for (uint16_t i = 0; i < n && !c.failed; i++) {
        cursor_cstring(&c);
        cursor_take(&c, 18); /* table OID, attribute, type OID, size, modifier, format */
    }
    *n_columns_out = n;
    return cursor_done(&c);
}

bool message_data_row_check(struct bytes body)
{
    struct cursor c = cursor_over(body);
    skip_values(&c);
    return cursor_done(&c);
}

bool message_copy_response_check(struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint8_t format = cursor_u8(&c);
    skip_formats(&c);
    return cursor_done(&c) && format <= 1;
}
