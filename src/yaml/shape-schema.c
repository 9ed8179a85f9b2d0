/* Shapes → JSON Schema, draft 2020-12. Durations and sizes are texts with a pattern there; what only a check
 * knows is not in it. */
#include "yaml/quantity.h"
#include "yaml/shape.h"

static void new_line(unsigned indent, struct buf *out)
{
    buf_append_text(out, "\n");
    for (unsigned i = 0; i < indent; i++)
        buf_append_text(out, "  ");
}

static void print_string(const char *text, struct buf *out)
{
    buf_put_u8(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)*text);
    }
    buf_put_u8(out, '"');
}

static void print_object(const struct yaml_shape *shape, unsigned indent, struct buf *out);

static void print_texts(struct buf *out)
{
    buf_append_text(
        out,
        "\"anyOf\": [{ \"type\": \"string\", \"minLength\": 1 }, { \"type\": \"array\", \"minItems\": 1, "
        "\"items\": { \"type\": \"string\", \"minLength\": 1 } }]");
}

static void print_choices(const char *const *choices, struct buf *out)
{
    buf_append_text(out, "\"enum\": [");
    for (size_t i = 0; choices[i]; i++) {
        bool truth = strcmp(choices[i], "true") == 0 || strcmp(choices[i], "false") == 0;
        if (i) buf_append_text(out, ", ");
        if (truth) buf_printf(out, "%s, ", choices[i]); /* what an editor takes the bare word for */
        print_string(choices[i], out);
    }
    buf_append_text(out, "]");
}

static void print_text_map(const struct yaml_field *field, struct buf *out)
{
    buf_append_text(out, "\"type\": \"object\", \"additionalProperties\": { ");
    if (field->choices)
        buf_append_text(out, "\"type\": \"string\"");
    else /* values that an editor takes for numbers or truths are texts here */
        buf_append_text(
            out, "\"type\": [\"string\", \"integer\", \"boolean\", \"array\"], \"minItems\": 1, \"items\": "
                 "{ \"type\": [\"string\", \"integer\", \"boolean\"] }");
    buf_append_text(out, " }");
}

/* A list of maps, or one map without its brackets. What an item is stands under "$defs", by the field's name.
 */
static void print_list(const struct yaml_field *field, struct buf *out)
{
    const char *name = field->name;
    if (field->type == YAML_OBJECTS) buf_printf(out, "\"anyOf\": [{ \"$ref\": \"#/$defs/%s\" }, { ", name);
    buf_printf(out, "\"type\": \"array\", \"items\": { \"$ref\": \"#/$defs/%s\" }", name);
    if (field->type == YAML_OBJECTS) buf_append_text(out, " }]");
}

/* The members that say which values a field takes, without braces. */
static void print_type(const struct yaml_field *field, unsigned indent, struct buf *out)
{
    switch (field->type) {
    case YAML_TEXT:
    case YAML_PATH: buf_append_text(out, "\"type\": \"string\", \"minLength\": 1"); break;
    case YAML_BOOL: buf_append_text(out, "\"type\": \"boolean\""); break;
    case YAML_NUMBER:
        buf_printf(out, "\"type\": \"integer\", \"minimum\": %lld", (long long)field->min);
        if (field->max) buf_printf(out, ", \"maximum\": %lld", (long long)field->max);
        break;
    case YAML_SIZE:
        buf_append_text(out,
                        "\"type\": [\"string\", \"integer\"], \"pattern\": \"^[0-9]+(B|kB|MB|GB|TB)?$\"");
        break;
    case YAML_DURATION:
        buf_append_text(out,
                        "\"type\": [\"string\", \"integer\"], \"pattern\": \"^([0-9]+(us|ms|s|m|h|d)|0)$\", "
                        "\"maximum\": 0");
        break;
    case YAML_CHOICE: print_choices(field->choices, out); break;
    case YAML_SECRET:
        buf_append_text(out, "\"type\": \"string\", \"pattern\": "
                             "\"^\\\\$\\\\{(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|exec:.+)\\\\}$\"");
        break;
    case YAML_TEXTS: print_texts(out); break;
    case YAML_TEXT_MAP: print_text_map(field, out); break;
    case YAML_OBJECT: print_object(field->shape, indent, out); break;
    case YAML_OBJECTS:
    case YAML_NODES: print_list(field, out); break;
    case YAML_ABSENT: break;
    }
}

static void print_default(const struct yaml_field *field, struct buf *out)
{
    const char *value = field->fallback;
    if (!value && field->type == YAML_CHOICE) value = field->choices[0];
    if (!value) return;
    buf_append_text(out, ", \"default\": ");
    if (field->type == YAML_NUMBER || field->type == YAML_BOOL)
        buf_append_text(out, value);
    else
        print_string(value, out);
}

static void print_properties(const struct yaml_shape *shape, unsigned indent, struct buf *out)
{
    bool first = true;
    buf_append_text(out, "\"properties\": {");
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct yaml_field *field = &shape->fields[i];
        if (field->type == YAML_ABSENT) continue;
        if (!first) buf_append_text(out, ",");
        first = false;
        new_line(indent + 1, out);
        print_string(field->name, out);
        buf_append_text(out, ": {");
        new_line(indent + 2, out);
        buf_append_text(out, "\"description\": ");
        print_string(field->what, out);
        buf_append_text(out, ",");
        new_line(indent + 2, out);
        print_type(field, indent + 2, out);
        print_default(field, out);
        new_line(indent + 1, out);
        buf_append_text(out, "}");
    }
    new_line(indent, out);
    buf_append_text(out, "}");
}

static void print_map(const struct yaml_shape *shape, unsigned indent, struct buf *out)
{
    bool any = false;
    buf_append_text(out, "\"type\": \"object\", \"additionalProperties\": false,");
    new_line(indent, out);
    print_properties(shape, indent, out);
    for (size_t i = 0; i < shape->n_fields; i++) {
        if (!shape->fields[i].required) continue;
        if (any)
            buf_append_text(out, ", ");
        else {
            buf_append_text(out, ",");
            new_line(indent, out);
            buf_append_text(out, "\"required\": [");
        }
        any = true;
        print_string(shape->fields[i].name, out);
    }
    if (any) buf_append_text(out, "]");
}

static void print_object(const struct yaml_shape *shape, unsigned indent, struct buf *out)
{
    const struct yaml_field *bare = NULL;
    for (size_t i = 0; shape->short_form && i < shape->n_fields; i++)
        if (strcmp(shape->fields[i].name, shape->short_form) == 0) bare = &shape->fields[i];
    if (!bare) {
        print_map(shape, indent, out);
        return;
    }
    buf_append_text(out, "\"anyOf\": [");
    new_line(indent + 1, out);
    buf_append_text(out, "{ ");
    print_type(bare, indent + 1, out);
    buf_append_text(out, " },");
    new_line(indent + 1, out);
    buf_append_text(out, "{");
    new_line(indent + 2, out);
    print_map(shape, indent + 2, out);
    new_line(indent + 1, out);
    buf_append_text(out, "}");
    new_line(indent, out);
    buf_append_text(out, "]");
}

/* One entry for each list of maps, at any depth; their fields' names are unique. */
static void print_definitions(const struct yaml_shape *shape, bool *first, struct buf *out)
{
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct yaml_field *field = &shape->fields[i];
        if (!field->shape) continue;
        if (field->type == YAML_OBJECTS || field->type == YAML_NODES) {
            if (!*first) buf_append_text(out, ",");
            *first = false;
            new_line(2, out);
            print_string(field->name, out);
            buf_append_text(out, ": {");
            new_line(3, out);
            print_object(field->shape, 3, out);
            new_line(2, out);
            buf_append_text(out, "}");
        }
        print_definitions(field->shape, first, out);
    }
}

void yaml_shape_print_schema(const struct yaml_shape *shape, const char *title, struct buf *out)
{
    buf_append_text(out,
                    "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": ");
    print_string(title, out);
    buf_append_text(out, ",");
    new_line(1, out);
    print_object(shape, 1, out);
    buf_append_text(out, ",");
    new_line(1, out);
    buf_append_text(out, "\"$defs\": {");
    bool first = true;
    print_definitions(shape, &first, out);
    new_line(1, out);
    buf_append_text(out, "}\n}\n");
}
