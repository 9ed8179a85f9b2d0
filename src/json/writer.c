/* Commas and nesting: each level has a bit that says whether it is an object and one that says whether
 * something was written in it already. */
#include "json/writer.h"
#include "base/check.h"
#include "base/codec.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t level_bit(const struct json_writer *w)
{
    return 1u << (w->depth - 1);
}

/* Whatever comes before a value or a name at this place. */
static void before_item(struct json_writer *w)
{
    if (w->depth == 0) return;
    if (w->has_content & level_bit(w)) buf_put_u8(w->out, ',');
    w->has_content |= level_bit(w);
}

static void before_value(struct json_writer *w)
{
    if (w->depth && w->is_object & level_bit(w)) {
        CHECK(w->named);
        w->named = false;
    } else {
        before_item(w);
    }
}

static void begin(struct json_writer *w, bool object)
{
    before_value(w);
    CHECK(w->depth < JSON_WRITER_DEPTH);
    w->depth++;
    w->has_content &= ~level_bit(w);
    w->is_object = object ? w->is_object | level_bit(w) : w->is_object & ~level_bit(w);
    buf_put_u8(w->out, object ? '{' : '[');
}

void json_write_object(struct json_writer *w)
{
    begin(w, true);
}

void json_write_array(struct json_writer *w)
{
    begin(w, false);
}

void json_write_end(struct json_writer *w)
{
    CHECK(w->depth && !w->named);
    buf_put_u8(w->out, w->is_object & level_bit(w) ? '}' : ']');
    w->depth--;
}

static void quoted(struct buf *out, struct bytes text)
{
    buf_put_u8(out, '"');
    json_escape(out, text);
    buf_put_u8(out, '"');
}

void json_write_name_bytes(struct json_writer *w, struct bytes name)
{
    CHECK(w->depth && w->is_object & level_bit(w) && !w->named);
    before_item(w);
    quoted(w->out, name);
    buf_put_u8(w->out, ':');
    w->named = true;
}

void json_write_name(struct json_writer *w, const char *name)
{
    json_write_name_bytes(w, bytes_of(name));
}

void json_write_text(struct json_writer *w, struct bytes text)
{
    before_value(w);
    quoted(w->out, text);
}

void json_write_bytes(struct json_writer *w, struct bytes b)
{
    if (b.n == 0 || bytes_is_utf8(b)) {
        json_write_text(w, b);
        return;
    }
    struct buf hex;
    buf_init(&hex, b.n * 2 + 16);
    codec_hex(b, &hex);
    json_write_object(w);
    json_write_text_member(w, "hex", buf_bytes(&hex));
    json_write_end(w);
    if (hex.failed) w->out->failed = true;
    buf_free(&hex);
}

void json_write_raw(struct json_writer *w, struct bytes json)
{
    before_value(w);
    buf_append(w->out, json);
}

void json_write_uint(struct json_writer *w, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    json_write_raw(w, bytes_make(digits + at, sizeof digits - at));
}

void json_write_int(struct json_writer *w, int64_t value)
{
    if (value >= 0) {
        json_write_uint(w, (uint64_t)value);
        return;
    }
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);
    json_write_raw(w, bytes_make(text, (size_t)n));
}

void json_write_double(struct json_writer *w, double value)
{
    char text[40];
    int n = 0;
    if (!isfinite(value)) {
        json_write_null(w);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        n = snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) break;
    }
    /* A locale may have asked for another sign. */
    for (int i = 0; i < n; i++)
        if (text[i] == ',') text[i] = '.';
    json_write_raw(w, bytes_make(text, (size_t)n));
}

void json_write_bool(struct json_writer *w, bool value)
{
    json_write_raw(w, value ? BYTES_LITERAL("true") : BYTES_LITERAL("false"));
}

void json_write_null(struct json_writer *w)
{
    json_write_raw(w, BYTES_LITERAL("null"));
}

void json_write_time(struct json_writer *w, int64_t unix_us)
{
    char text[28];
    codec_time(unix_us, text);
    json_write_text(w, bytes_of(text));
}

void json_write_text_member(struct json_writer *w, const char *name, struct bytes text)
{
    json_write_name(w, name);
    json_write_text(w, text);
}

void json_write_bytes_member(struct json_writer *w, const char *name, struct bytes b)
{
    json_write_name(w, name);
    json_write_bytes(w, b);
}

void json_write_int_member(struct json_writer *w, const char *name, int64_t value)
{
    json_write_name(w, name);
    json_write_int(w, value);
}

void json_write_bool_member(struct json_writer *w, const char *name, bool value)
{
    json_write_name(w, name);
    json_write_bool(w, value);
}

void json_write_time_member(struct json_writer *w, const char *name, int64_t unix_us)
{
    json_write_name(w, name);
    json_write_time(w, unix_us);
}
