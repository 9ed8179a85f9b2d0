/* A tree as text in one form. Every text stands in double quotes: none can then be taken for something else.
 */
#include "yaml/tree.h"

/* The length of a character that YAML wants escaped though it is no ASCII: C1 controls, line and paragraph
 * separators, byte order marks and non-characters; 0 for all others. The text is UTF-8. */
static size_t escape_length(struct bytes text)
{
    static const char *const three[] = { "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbe",
                                         "\xef\xbf\xbf" };
    if (text.n >= 2 && text.p[0] == 0xc2 && text.p[1] < 0xa0) return 2;
    for (size_t i = 0; i < sizeof three / sizeof *three; i++)
        if (bytes_starts_with(text, three[i])) return 3;
    return 0;
}

static void print_escape(struct bytes character, struct buf *out)
{
    const uint8_t *p = character.p;
    unsigned code = character.n == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
                                     : (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    buf_printf(out, "\\u%04x", code);
}

void yaml_text_print(struct bytes text, struct buf *out)
{
    buf_put_u8(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_append_text(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", c);
        else if (c >= 0xc2 && escape_length(bytes_slice(text, i, 3))) {
            size_t n = escape_length(bytes_slice(text, i, 3));
            print_escape(bytes_slice(text, i, n), out);
            i += n - 1;
        } else
            buf_put_u8(out, c);
    }
    buf_put_u8(out, '"');
}

static void indent_by(unsigned indent, struct buf *out)
{
    for (unsigned i = 0; i < indent; i++)
        buf_append_text(out, "  ");
}

static bool inline_value(const struct yaml_node *node)
{
    return node->kind == YAML_NULL || node->kind == YAML_SCALAR || node->n == 0;
}

/* Without the line end; a collection begins where the cursor stands, its further lines at indent. */
static void print_node(const struct yaml_node *node, unsigned indent, struct buf *out)
{
    if (node->kind == YAML_NULL) {
        buf_append_text(out, "null");
    } else if (node->kind == YAML_SCALAR) {
        yaml_text_print(node->text, out);
    } else if (node->n == 0) {
        buf_append_text(out, node->kind == YAML_LIST ? "[]" : "{}");
    }
    for (size_t i = 0; node->kind >= YAML_LIST && i < node->n; i++) {
        if (i) {
            buf_put_u8(out, '\n');
            indent_by(indent, out);
        }
        if (node->kind == YAML_LIST) {
            buf_append_text(out, "- ");
            print_node(node->items[i], indent + 1, out);
            continue;
        }
        yaml_text_print(node->keys[i]->text, out);
        buf_put_u8(out, ':');
        if (inline_value(node->items[i])) {
            buf_put_u8(out, ' ');
        } else {
            buf_put_u8(out, '\n');
            indent_by(indent + 1, out);
        }
        print_node(node->items[i], indent + 1, out);
    }
}

void yaml_tree_print(const struct yaml_node *node, unsigned indent, struct buf *out)
{
    indent_by(indent, out);
    print_node(node, indent, out);
    buf_put_u8(out, '\n');
}
