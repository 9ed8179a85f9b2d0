/* A strict reader: lower-case names, no empty words, every percent sign with two digits behind it. */
#include "cli/control-line.h"

static bool is_plain(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
           (b && strchr("-._~:/@,+", b));
}

static bool is_name(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (!((b.p[i] >= 'a' && b.p[i] <= 'z') || (b.p[i] >= '0' && b.p[i] <= '9') || b.p[i] == '_'))
            return false;
    return b.n > 0;
}

void control_line_begin(struct buf *out, const char *verb)
{
    buf_append_text(out, verb);
}

void control_line_field(struct buf *out, const char *name, struct bytes value)
{
    buf_printf(out, " %s=", name);
    for (size_t i = 0; i < value.n; i++)
        if (is_plain(value.p[i]))
            buf_put_u8(out, value.p[i]);
        else
            buf_printf(out, "%%%02x", value.p[i]);
}

void control_line_number(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, " %s=%llu", name, (unsigned long long)value);
}

void control_line_end(struct buf *out)
{
    buf_append_text(out, "\n");
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_value(struct bytes text, struct arena *arena, struct bytes *out)
{
    uint8_t *value = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    if (!value) return false;
    for (size_t i = 0; i < text.n; i++) {
        if (is_plain(text.p[i])) {
            value[n++] = text.p[i];
            continue;
        }
        if (text.p[i] != '%' || i + 2 >= text.n) return false;
        int high = hex_digit(text.p[i + 1]), low = hex_digit(text.p[i + 2]);
        if (high < 0 || low < 0) return false;
        value[n++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *out = bytes_make(value, n);
    return true;
}

/* The next word; *text moves behind it and its space. */
static struct bytes next_word(struct bytes *text)
{
    const uint8_t *space = text->n ? memchr(text->p, ' ', text->n) : NULL;
    struct bytes word = space ? bytes_make(text->p, (size_t)(space - text->p)) : *text;
    *text = space ? bytes_slice(*text, word.n + 1, text->n) : (struct bytes){ 0 };
    return word;
}

enum control_read control_line_read(struct bytes in, struct arena *arena, struct control_line *line,
                                    size_t *used_out)
{
    const uint8_t *end = in.n ? memchr(in.p, '\n', in.n) : NULL;
    if (!end) return in.n >= CONTROL_LINE_MOST ? CONTROL_BAD : CONTROL_MORE;
    struct bytes text = bytes_make(in.p, (size_t)(end - in.p));
    if (text.n >= CONTROL_LINE_MOST || (text.n && text.p[text.n - 1] == ' ')) return CONTROL_BAD;
    *used_out = text.n + 1;
    *line = (struct control_line){ .verb = next_word(&text) };
    if (!is_name(line->verb)) return CONTROL_BAD;
    while (text.n) {
        struct bytes word = next_word(&text);
        const uint8_t *equals = word.n ? memchr(word.p, '=', word.n) : NULL;
        if (!equals || line->n_fields == CONTROL_FIELDS_MOST) return CONTROL_BAD;
        struct control_field *f = &line->fields[line->n_fields++];
        f->name = bytes_make(word.p, (size_t)(equals - word.p));
        if (!is_name(f->name) || !decode_value(bytes_slice(word, f->name.n + 1, word.n), arena, &f->value))
            return CONTROL_BAD;
    }
    return CONTROL_LINE;
}

struct bytes control_line_get(const struct control_line *line, const char *name)
{
    for (size_t i = 0; i < line->n_fields; i++)
        if (bytes_is(line->fields[i].name, name)) return line->fields[i].value;
    return (struct bytes){ 0 };
}
