/* Structs → YAML, and the commented defaults. */
#include "yaml/quantity.h"
#include "yaml/shape.h"

struct list {
    const void *items;
    size_t n;
};

static void indent_by(unsigned indent, struct buf *out)
{
    for (unsigned i = 0; i < indent; i++)
        buf_append_text(out, "  ");
}

static void print_secret(const struct yaml_secret *secret, enum yaml_print how, struct buf *out)
{
    static const char *const names[] = { "", "env", "file", "exec" };
    struct buf text;
    buf_init(&text, YAML_BYTES_CEILING);
    bool hide = how == YAML_PRINT_HIDE && secret->source == YAML_SOURCE_EXEC;
    buf_printf(&text, "${%s:", names[secret->source]);
    buf_append(&text, hide ? BYTES_LITERAL("…") : secret->name);
    buf_append_text(&text, "}");
    yaml_text_print(buf_bytes(&text), out);
    buf_free(&text);
}

static void print_texts(const struct yaml_texts *texts, struct buf *out)
{
    buf_append_text(out, "[");
    for (size_t i = 0; i < texts->n; i++) {
        if (i) buf_append_text(out, ", ");
        yaml_text_print(texts->items[i], out);
    }
    buf_append_text(out, "]");
}

static void print_map(const struct yaml_map *map, bool single, unsigned indent, struct buf *out)
{
    for (size_t i = 0; i < map->n; i++) {
        buf_append_text(out, "\n");
        indent_by(indent, out);
        yaml_text_print(map->items[i].key, out);
        buf_append_text(out, ": ");
        if (single)
            yaml_text_print(map->items[i].values.items[0], out);
        else
            print_texts(&map->items[i].values, out);
    }
}

static void print_value(const struct yaml_field *field, const void *member, enum yaml_print how,
                        unsigned indent, struct buf *out)
{
    switch (field->type) {
    case YAML_TEXT:
    case YAML_PATH: yaml_text_print(*(const struct bytes *)member, out); break;
    case YAML_BOOL: buf_append_text(out, *(const bool *)member ? "true" : "false"); break;
    case YAML_NUMBER: buf_printf(out, "%lld", (long long)*(const int64_t *)member); break;
    case YAML_SIZE: yaml_size_print(*(const int64_t *)member, out); break;
    case YAML_DURATION: yaml_duration_print(*(const int64_t *)member, out); break;
    case YAML_CHOICE: buf_append_text(out, field->choices[*(const unsigned *)member]); break;
    case YAML_SECRET: print_secret(member, how, out); break;
    case YAML_TEXTS: print_texts(member, out); break;
    case YAML_TEXT_MAP: print_map(member, field->choices != NULL, indent, out); break;
    case YAML_OBJECT:
    case YAML_OBJECTS:
    case YAML_NODES:
    case YAML_ABSENT: break;
    }
}

/* Whether the member is what an absent key makes of it and cannot be written otherwise. */
static bool nothing_to_print(const struct yaml_field *field, const void *member)
{
    switch (field->type) {
    case YAML_TEXT:
    case YAML_PATH: return ((const struct bytes *)member)->n == 0;
    case YAML_NUMBER:
    case YAML_SIZE:
    case YAML_DURATION: return *(const int64_t *)member == 0 && !field->fallback;
    case YAML_SECRET: return ((const struct yaml_secret *)member)->source == YAML_SOURCE_NONE;
    case YAML_TEXTS: return ((const struct yaml_texts *)member)->n == 0;
    case YAML_TEXT_MAP: return ((const struct yaml_map *)member)->n == 0;
    case YAML_OBJECTS:
    case YAML_NODES: return ((const struct list *)member)->n == 0;
    case YAML_OBJECT: {
        bool absent = *(const struct yaml_node *const *)member == NULL;
        for (size_t i = 0; absent && i < field->shape->n_fields; i++)
            if (field->shape->fields[i].required) return true;
        return false;
    }
    case YAML_ABSENT: return true;
    case YAML_BOOL:
    case YAML_CHOICE: return false;
    }
    return false;
}

/* The first line follows what the cursor stands behind ("- "); the others are indented. */
static void print_fields(const struct yaml_shape *shape, const void *object, enum yaml_print how,
                         unsigned indent, bool first_inline, struct buf *out)
{
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct yaml_field *field = &shape->fields[i];
        const void *member = (const char *)object + field->offset;
        if (nothing_to_print(field, member)) continue;
        if (!first_inline) indent_by(indent, out);
        first_inline = false;
        buf_printf(out, "%s:", field->name);
        if (field->type == YAML_OBJECT) {
            buf_append_text(out, "\n");
            print_fields(field->shape, member, how, indent + 1, false, out);
            continue;
        }
        if (field->type == YAML_OBJECTS || field->type == YAML_NODES) {
            const struct list *list = member;
            buf_append_text(out, "\n");
            for (size_t k = 0; k < list->n; k++) {
                indent_by(indent + 1, out);
                buf_append_text(out, field->type == YAML_NODES ? "-\n" : "- ");
                if (field->type == YAML_NODES)
                    yaml_tree_print(((const struct yaml_node *const *)list->items)[k], indent + 2, out);
                else
                    print_fields(field->shape, (const char *)list->items + k * field->shape->size, how,
                                 indent + 2, true, out);
            }
            continue;
        }
        if (field->type != YAML_TEXT_MAP) buf_append_text(out, " ");
        print_value(field, member, how, indent + 1, out);
        buf_append_text(out, "\n");
    }
    if (first_inline) buf_append_text(out, "{}\n");
}

void yaml_shape_print(const struct yaml_shape *shape, const void *object, enum yaml_print how,
                      struct buf *out)
{
    print_fields(shape, object, how, 0, false, out);
}

/* Where the defaults stand: in a comment the indentation goes on behind the "# ", so that taking the "# " of
 * a whole block away leaves YAML. */
struct margin {
    unsigned indent;
    unsigned off; /* the indentation at which the comment began; NOT_OFF: in no comment */
};
enum { NOT_OFF = 1000 };

static void open_line(struct margin margin, bool item, struct buf *out)
{
    unsigned indent = item ? margin.indent - 1 : margin.indent;
    if (margin.off == NOT_OFF) {
        indent_by(indent, out);
    } else {
        indent_by(margin.off, out);
        buf_append_text(out, "# ");
        indent_by(indent - margin.off, out);
    }
    if (item) buf_append_text(out, "- ");
}

static void print_default(const struct yaml_field *field, struct margin margin, bool item, struct buf *out);

/* item: the first key opens an item of a list. */
static void print_defaults(const struct yaml_shape *shape, struct margin margin, bool item, struct buf *out)
{
    for (size_t i = 0; i < shape->n_fields; i++) {
        if (shape->fields[i].type == YAML_ABSENT) continue;
        if (i > 0 && margin.indent == 0) buf_append_text(out, "\n");
        print_default(&shape->fields[i], margin, item, out);
        item = false;
    }
}

static const char *default_of(const struct yaml_field *field)
{
    if (field->fallback) return field->fallback;
    if (field->type == YAML_CHOICE) return field->choices[0];
    return field->type == YAML_BOOL ? "false" : NULL;
}

static void print_default(const struct yaml_field *field, struct margin margin, bool item, struct buf *out)
{
    bool list = field->type == YAML_OBJECTS || field->type == YAML_NODES;
    const char *value = default_of(field);
    open_line(margin, false, out);
    buf_printf(out, "# %s%s\n", field->what, field->required ? " Required." : "");
    if (!value && field->type != YAML_OBJECT && margin.off == NOT_OFF) margin.off = margin.indent;
    if (!value) value = field->example;
    bool quoted = value && strpbrk(value, ":*${ ") && value[0] != '[' && value[0] != '{';
    open_line(margin, item, out);
    buf_printf(out, "%s:%s%s%s%s\n", field->name, value ? " " : "", quoted ? "\"" : "", value ? value : "",
               quoted ? "\"" : "");
    struct margin inner = { margin.indent + (list ? 2 : 1), margin.off };
    if (field->shape) print_defaults(field->shape, inner, list, out);
}

void yaml_shape_print_defaults(const struct yaml_shape *shape, struct buf *out)
{
    print_defaults(shape, (struct margin){ 0, NOT_OFF }, false, out);
}
