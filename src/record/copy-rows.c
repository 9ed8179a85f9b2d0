/* The formats are those of PostgreSQL's documentation, "COPY", File Formats. */
#include "record/copy-rows.h"
#include "base/cursor.h"
#include "sql/token.h"
#include <stdio.h>

enum { FIELDS_MOST = 1664, BINARY_HEAD = 19 };

/* ---- options */

/* The string that follows, behind AS or =. False: something else does. */
static bool next_string(struct bytes text, size_t at, uint8_t *out, size_t room, size_t *n_out)
{
    struct token t = token_next(text, &at);
    if (token_is_word(&t, "as")) t = token_next(text, &at);
    if (t.kind != TOKEN_STRING || t.content.n > room) return false;
    *n_out = token_plain(&t, out);
    return true;
}

static void take_one(struct bytes text, size_t at, uint8_t *out)
{
    uint8_t plain[64];
    size_t n = 0;
    if (next_string(text, at, plain, sizeof plain, &n) && n == 1) *out = plain[0];
}

static bool is_false(const struct token *t)
{
    return token_is_word(t, "false") || token_is_word(t, "off") ||
           (t->kind == TOKEN_NUMBER && bytes_is(t->text, "0"));
}

static void take_format(struct copy_options *o, const struct token *t)
{
    struct bytes name = t->kind == TOKEN_STRING || t->kind == TOKEN_QUOTED ? t->content : t->text;
    if (bytes_equal_nocase(name, BYTES_LITERAL("csv"))) o->kind = COPY_CSV;
    if (bytes_equal_nocase(name, BYTES_LITERAL("binary"))) o->kind = COPY_BINARY;
}

struct copy_options copy_options_of(struct bytes text)
{
    struct copy_options o = { .kind = COPY_TEXT };
    bool behind = false, has_null = false;
    size_t at = 0;
    for (struct token t = token_next(text, &at); t.kind != TOKEN_END; t = token_next(text, &at)) {
        size_t peek = at;
        struct token next = token_next(text, &peek);
        /* COPY BINARY t, the old way. */
        if (!behind && token_is_word(&t, "copy") && token_is_word(&next, "binary")) o.kind = COPY_BINARY;
        if (token_is_word(&t, "stdout")) behind = true;
        if (!behind) continue;
        if (token_is_word(&t, "format")) take_format(&o, &next);
        if (token_is_word(&t, "csv")) o.kind = COPY_CSV;
        if (token_is_word(&t, "binary")) o.kind = COPY_BINARY;
        if (token_is_word(&t, "header")) o.header = !is_false(&next);
        if (token_is_word(&t, "delimiter") || token_is_word(&t, "delimiters"))
            take_one(text, at, &o.delimiter);
        if (token_is_word(&t, "quote")) take_one(text, at, &o.quote);
        if (token_is_word(&t, "escape")) take_one(text, at, &o.escape);
        if (token_is_word(&t, "null")) has_null |= next_string(text, at, o.null, sizeof o.null, &o.n_null);
    }
    if (!o.delimiter) o.delimiter = o.kind == COPY_CSV ? ',' : '\t';
    if (!o.quote) o.quote = '"';
    if (!o.escape) o.escape = o.quote;
    if (!has_null && o.kind == COPY_TEXT) {
        memcpy(o.null, "\\N", 2);
        o.n_null = 2;
    }
    return o;
}

void copy_rows_init(struct copy_rows *c, const struct copy_options *options)
{
    *c = (struct copy_rows){ .options = *options };
    c->head_read = !options->header && options->kind != COPY_BINARY;
    buf_init(&c->carry, COPY_ROW_CEILING);
}

void copy_rows_free(struct copy_rows *c)
{
    buf_free(&c->carry);
}

/* ---- what rows are made of */

struct feeding {
    struct copy_rows *rows;
    void (*visit)(void *context, uint64_t row, size_t place, struct bytes field);
    void *context;
    struct buf field;
};

static void show(struct feeding *f, size_t place, struct bytes field)
{
    if (place < FIELDS_MOST) f->visit(f->context, f->rows->n_rows, place, field);
}

static int digit(uint8_t c, int base)
{
    int value = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 99;
    return value < base ? value : -1;
}

/* Digits behind a backslash: up to three octal ones, or up to two hexadecimal ones behind an x. */
static size_t put_number(struct buf *out, struct bytes line, size_t at, int base, size_t most)
{
    unsigned value = 0;
    size_t n = 0;
    for (; n < most && at + n < line.n && digit(line.p[at + n], base) >= 0; n++)
        value = value * (unsigned)base + (unsigned)digit(line.p[at + n], base);
    buf_put_u8(out, (uint8_t)value);
    return at + n;
}

static size_t unescape(struct buf *out, struct bytes line, size_t at)
{
    static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
    uint8_t c = line.p[at];
    const char *known = memchr(from, c, 6);
    if (known) {
        buf_put_u8(out, (uint8_t)to[known - from]);
        return at + 1;
    }
    if (digit(c, 8) >= 0) return put_number(out, line, at, 8, 3);
    if (c == 'x' && at + 1 < line.n && digit(line.p[at + 1], 16) >= 0)
        return put_number(out, line, at + 1, 16, 2);
    buf_put_u8(out, c);
    return at + 1;
}

static bool is_null(const struct copy_options *o, struct bytes raw)
{
    return bytes_equal(raw, bytes_make(o->null, o->n_null));
}

static void show_text_row(struct feeding *f, struct bytes line)
{
    const struct copy_options *o = &f->rows->options;
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    if (bytes_is(line, "\\.")) return;
    for (size_t place = 0, at = 0; at <= line.n; place++) {
        size_t from = at;
        buf_consume(&f->field, buf_length(&f->field));
        while (at < line.n && line.p[at] != o->delimiter) {
            if (line.p[at] == '\\' && at + 1 < line.n)
                at = unescape(&f->field, line, at + 1);
            else
                buf_put_u8(&f->field, line.p[at++]);
        }
        if (!is_null(o, bytes_slice(line, from, at - from))) show(f, place, buf_bytes(&f->field));
        at++;
    }
}

static void show_csv_row(struct feeding *f, struct bytes line)
{
    const struct copy_options *o = &f->rows->options;
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    for (size_t place = 0, at = 0; at <= line.n; place++) {
        bool quoted = false, inside = false;
        buf_consume(&f->field, buf_length(&f->field));
        while (at < line.n && (inside || line.p[at] != o->delimiter)) {
            uint8_t c = line.p[at], next = at + 1 < line.n ? line.p[at + 1] : 0;
            if (inside && c == o->escape && (next == o->quote || next == o->escape) && at + 1 < line.n) {
                buf_put_u8(&f->field, next);
                at += 2;
                continue;
            }
            if (c == o->quote) {
                inside = !inside;
                quoted = true;
            } else
                buf_put_u8(&f->field, c);
            at++;
        }
        if (quoted || !is_null(o, buf_bytes(&f->field))) show(f, place, buf_bytes(&f->field));
        at++;
    }
}

/* Where the row ends: the place of its line feed, outside of quotes; or n. */
static size_t row_end(const struct copy_options *o, struct bytes data)
{
    bool inside = false;
    for (size_t i = 0; i < data.n; i++) {
        uint8_t c = data.p[i];
        if (o->kind == COPY_CSV) {
            if (inside && c == o->escape && o->escape != o->quote)
                i++;
            else if (c == o->quote)
                inside = !inside;
        } else if (c == '\\')
            i++;
        if (i < data.n && c == '\n' && !inside) return i;
    }
    return data.n;
}

static size_t feed_line(struct feeding *f, struct bytes data)
{
    const struct copy_options *o = &f->rows->options;
    size_t end = row_end(o, data);
    if (end == data.n) return 0;
    struct bytes line = bytes_slice(data, 0, end);
    if (!f->rows->head_read) {
        f->rows->head_read = true;
    } else {
        f->rows->n_rows++;
        if (o->kind == COPY_CSV)
            show_csv_row(f, line);
        else
            show_text_row(f, line);
    }
    return end + 1;
}

static void show_binary(struct feeding *f, size_t place, struct bytes raw)
{
    char text[24];
    bool plain = bytes_is_utf8(raw);
    for (size_t i = 0; i < raw.n && plain; i++)
        plain = raw.p[i] >= ' ';
    if (plain || (raw.n != 2 && raw.n != 4 && raw.n != 8)) {
        show(f, place, raw);
        return;
    }
    uint64_t value = raw.p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < raw.n; i++)
        value = value << 8 | raw.p[i];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);
    show(f, place, bytes_make(text, n > 0 ? (size_t)n : 0));
}

/* How much was used; 0: the row is not whole yet. */
static size_t feed_tuple(struct feeding *f, struct bytes data)
{
    struct cursor c = cursor_over(data), again;
    if (!f->rows->head_read) {
        struct bytes head = cursor_take(&c, BINARY_HEAD - 4);
        cursor_take(&c, cursor_u32(&c));
        if (c.failed) return 0;
        f->rows->lost = !bytes_starts_with(head, "PGCOPY\n");
        f->rows->head_read = true;
        return data.n - cursor_left(&c);
    }
    int16_t n = (int16_t)cursor_u16(&c);
    again = c;
    for (int16_t i = 0; i < n; i++) {
        int32_t size = (int32_t)cursor_u32(&c);
        if (size > 0) cursor_take(&c, (size_t)size);
    }
    if (c.failed) return 0;
    if (n >= 0) f->rows->n_rows++;
    for (int16_t i = 0; i < n; i++) {
        int32_t size = (int32_t)cursor_u32(&again);
        if (size >= 0) show_binary(f, (size_t)i, cursor_take(&again, (size_t)size));
    }
    return data.n - cursor_left(&c);
}

void copy_rows_feed(struct copy_rows *c, struct bytes data,
                    void (*visit)(void *context, uint64_t row, size_t place, struct bytes field),
                    void *context)
{
    struct feeding f = { .rows = c, .visit = visit, .context = context };
    if (c->lost) return;
    buf_init(&f.field, COPY_ROW_CEILING);
    buf_append(&c->carry, data);
    while (!c->lost && !c->carry.failed && buf_length(&c->carry)) {
        struct bytes rest = buf_bytes(&c->carry);
        size_t used = c->options.kind == COPY_BINARY ? feed_tuple(&f, rest) : feed_line(&f, rest);
        if (!used) break;
        buf_consume(&c->carry, used);
    }
    c->lost |= c->carry.failed || f.field.failed;
    buf_free(&f.field);
}
