/* Errors stay in the order of their places, so that a reader can walk down the file. What no longer fits is
 * counted; an arena that is full counts the same way, so that no error is ever taken for none. */
#include "yaml/errors.h"

enum { ERRORS_ARENA_CEILING = 256 * 1024, ERROR_VALUE_CEILING = 400 };

void yaml_errors_init(struct yaml_errors *errors)
{
    *errors = (struct yaml_errors){ 0 };
    arena_init(&errors->arena, 4096, ERRORS_ARENA_CEILING);
}

void yaml_errors_free(struct yaml_errors *errors)
{
    arena_free(&errors->arena);
    yaml_errors_init(errors);
}

static bool place_before(struct yaml_place a, struct yaml_place b)
{
    if (!bytes_equal(a.file, b.file)) return false;
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

void yaml_errors_add(struct yaml_errors *errors, struct yaml_place place, const char *format, ...)
{
    if (errors->n == YAML_ERRORS_CEILING) {
        errors->more++;
        return;
    }
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(&errors->arena, format, args);
    va_end(args);
    place.file = arena_copy(&errors->arena, place.file);
    if (!text.p || !place.file.p) {
        errors->more++;
        return;
    }
    text.n = text.n > ERROR_VALUE_CEILING ? ERROR_VALUE_CEILING : text.n;
    size_t at = errors->n++;
    for (; at > 0 && place_before(place, errors->items[at - 1].place); at--)
        errors->items[at] = errors->items[at - 1];
    errors->items[at] = (struct yaml_error){ place, text };
}

/* Line ends and other control bytes, which a quoted value may hold, must not forge a line of their own. */
static void print_clean(struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < 0x20 || text.p[i] == 0x7f)
            buf_printf(out, "\\x%02x", text.p[i]);
        else
            buf_put_u8(out, text.p[i]);
    }
}

void yaml_errors_print(const struct yaml_errors *errors, struct buf *out)
{
    for (size_t i = 0; i < errors->n; i++) {
        const struct yaml_error *e = &errors->items[i];
        print_clean(e->place.file, out);
        if (e->place.line) buf_printf(out, ":%u:%u", e->place.line, e->place.column);
        buf_append_text(out, ": ");
        print_clean(e->text, out);
        buf_append_text(out, "\n");
    }
    if (errors->more) buf_printf(out, "… and %zu more\n", errors->more);
}
