/* Values by type. A refusal says what the value should look like and never quotes it: what stands in the
 * wrong place may well be a secret. */
#include "yaml/value.h"
#include "yaml/quantity.h"

static int64_t field_max(const struct yaml_field *field)
{
    return field->max ? field->max : INT64_MAX;
}

static void describe_choices(const char *const *choices, struct buf *out)
{
    for (size_t i = 0; choices[i]; i++)
        buf_printf(out, "%s%s", i == 0 ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

static void describe_range(const struct yaml_field *field, void (*print)(int64_t, struct buf *),
                           struct buf *out)
{
    if (!field->min && !field->max) return;
    buf_append_text(out, field->max ? " from " : " of at least ");
    print(field->min, out);
    if (!field->max) return;
    buf_append_text(out, " to ");
    print(field->max, out);
}

static void print_number(int64_t number, struct buf *out)
{
    buf_printf(out, "%lld", (long long)number);
}

void yaml_value_describe(const struct yaml_field *field, struct buf *out)
{
    switch (field->type) {
    case YAML_TEXT: buf_append_text(out, "a text"); break;
    case YAML_PATH: buf_append_text(out, "a path"); break;
    case YAML_BOOL: buf_append_text(out, "true or false"); break;
    case YAML_NUMBER:
        buf_append_text(out, "a whole number");
        describe_range(field, print_number, out);
        break;
    case YAML_SIZE:
        buf_append_text(out, "a size like 64kB or 16MB");
        describe_range(field, yaml_size_print, out);
        break;
    case YAML_DURATION:
        buf_append_text(out, "a duration like 30s, 15m, 8h or 400d");
        describe_range(field, yaml_duration_print, out);
        break;
    case YAML_CHOICE: describe_choices(field->choices, out); break;
    case YAML_SECRET:
        buf_append_text(out, "${env:NAME}, ${file:PATH} or ${exec:CMD}, never the secret itself");
        break;
    case YAML_TEXTS: buf_append_text(out, "a text or a list of texts"); break;
    case YAML_TEXT_MAP: buf_append_text(out, "a map of texts"); break;
    case YAML_OBJECT: buf_append_text(out, "a map"); break;
    case YAML_OBJECTS:
    case YAML_NODES: buf_append_text(out, "a list"); break;
    case YAML_ABSENT: buf_append_text(out, "not there"); break;
    }
}

static bool refuse(struct yaml_reader *reader, const struct yaml_field *field, struct yaml_place place)
{
    struct buf what;
    buf_init(&what, 1024);
    yaml_value_describe(field, &what);
    yaml_errors_add(reader->errors, place, "\"%s\" is %.*s", field->name, BYTES_FMT(buf_bytes(&what)));
    buf_free(&what);
    return false;
}

static bool no_room(struct yaml_reader *reader, struct yaml_place place)
{
    yaml_errors_add(reader->errors, place, "the configuration is too large");
    return false;
}

static bool copy_text(struct yaml_reader *reader, const struct yaml_node *node, struct bytes *out)
{
    *out = arena_copy(reader->arena, node->text);
    return out->p || no_room(reader, node->place);
}

static bool plain_text(struct yaml_reader *reader, const struct yaml_field *field,
                       const struct yaml_node *node, struct bytes *out)
{
    if (node->kind != YAML_SCALAR) return refuse(reader, field, node->place);
    if (node->text.n == 0) {
        yaml_errors_add(reader->errors, node->place, "\"%s\" is empty", field->name);
        return false;
    }
    if (bytes_find(node->text, BYTES_LITERAL("${")) >= 0) {
        yaml_errors_add(reader->errors, node->place,
                        "\"${\" means nothing in \"%s\": nothing is filled in here", field->name);
        return false;
    }
    return copy_text(reader, node, out);
}

static bool read_path(struct yaml_reader *reader, const struct yaml_field *field,
                      const struct yaml_node *node, struct bytes *out)
{
    struct bytes text;
    if (!plain_text(reader, field, node, &text)) return false;
    *out = text;
    if (!reader->folder.n || text.p[0] == '/') return true;
    *out = arena_printf(reader->arena, "%.*s/%.*s", BYTES_FMT(reader->folder), BYTES_FMT(text));
    return out->p || no_room(reader, node->place);
}

static bool read_number(struct yaml_reader *reader, const struct yaml_field *field,
                        const struct yaml_node *node, int64_t *out)
{
    int64_t number;
    bool fits = node->kind == YAML_SCALAR;
    if (field->type == YAML_NUMBER)
        fits = fits && bytes_to_int64(node->text, &number);
    else if (field->type == YAML_SIZE)
        fits = fits && yaml_size_parse(node->text, &number);
    else
        fits = fits && yaml_duration_parse(node->text, &number);
    if (!fits || number < field->min || number > field_max(field)) return refuse(reader, field, node->place);
    *out = number;
    return true;
}

static bool read_bool(struct yaml_reader *reader, const struct yaml_field *field,
                      const struct yaml_node *node, bool *out)
{
    bool yes = bytes_is(node->text, "true"), no = bytes_is(node->text, "false");
    if (node->kind != YAML_SCALAR || yes == no) return refuse(reader, field, node->place);
    *out = yes;
    return true;
}

static bool read_choice(struct yaml_reader *reader, const struct yaml_field *field,
                        const struct yaml_node *node, unsigned *out)
{
    for (unsigned i = 0; node->kind == YAML_SCALAR && field->choices[i]; i++) {
        if (!bytes_is(node->text, field->choices[i])) continue;
        *out = i;
        return true;
    }
    return refuse(reader, field, node->place);
}

static bool is_variable(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return name.n > 0;
}

static bool read_secret(struct yaml_reader *reader, const struct yaml_field *field,
                        const struct yaml_node *node, struct yaml_secret *out)
{
    static const struct {
        const char *opening;
        enum yaml_source source;
    } sources[] = { { "${env:", YAML_SOURCE_ENV },
                    { "${file:", YAML_SOURCE_FILE },
                    { "${exec:", YAML_SOURCE_EXEC } };
    for (size_t i = 0; node->kind == YAML_SCALAR && i < sizeof sources / sizeof *sources; i++) {
        size_t n = strlen(sources[i].opening);
        if (!bytes_starts_with(node->text, sources[i].opening) || node->text.p[node->text.n - 1] != '}')
            continue;
        struct bytes name = bytes_slice(node->text, n, node->text.n - n - 1);
        if (!name.n || (sources[i].source == YAML_SOURCE_ENV && !is_variable(name))) break;
        *out = (struct yaml_secret){ .source = sources[i].source, .place = node->place };
        bool relative = sources[i].source == YAML_SOURCE_FILE && name.p[0] != '/' && reader->folder.n;
        out->name = relative
                        ? arena_printf(reader->arena, "%.*s/%.*s", BYTES_FMT(reader->folder), BYTES_FMT(name))
                        : arena_copy(reader->arena, name);
        return out->name.p || no_room(reader, node->place);
    }
    return refuse(reader, field, node->place);
}

static bool read_texts(struct yaml_reader *reader, const struct yaml_field *field,
                       const struct yaml_node *node, struct yaml_texts *out)
{
    bool list = node->kind == YAML_LIST, good = true;
    size_t n = list ? node->n : 1;
    if (n == 0) {
        yaml_errors_add(reader->errors, node->place, "\"%s\" is an empty list", field->name);
        return false;
    }
    *out = (struct yaml_texts){ ARENA_ARRAY(reader->arena, struct bytes, n), n };
    if (!out->items) return no_room(reader, node->place);
    for (size_t i = 0; i < n; i++)
        good = plain_text(reader, field, list ? node->items[i] : node, &out->items[i]) && good;
    return good;
}

/* Each "${" of the text opens one of the names in choices. */
static bool check_placeholders(struct yaml_reader *reader, const struct yaml_field *field,
                               const struct yaml_node *node)
{
    for (size_t at = 0; at + 1 < node->text.n; at++) {
        struct bytes rest = bytes_slice(node->text, at, node->text.n);
        if (!bytes_starts_with(rest, "${")) continue;
        ptrdiff_t end = bytes_find(rest, BYTES_LITERAL("}"));
        struct bytes name = bytes_slice(rest, 2, end > 2 ? (size_t)end - 2 : 0);
        size_t i = 0;
        while (field->choices[i] && !bytes_is(name, field->choices[i]))
            i++;
        if (field->choices[i]) continue;
        struct buf names;
        buf_init(&names, 1024);
        for (size_t k = 0; field->choices[k]; k++)
            buf_printf(&names, "%s${%s}",
                       k == 0                  ? ""
                       : field->choices[k + 1] ? ", "
                                               : " and ",
                       field->choices[k]);
        yaml_errors_add(reader->errors, node->place, "unknown \"${\" in \"%s\"; it knows %.*s", field->name,
                        BYTES_FMT(buf_bytes(&names)));
        buf_free(&names);
        return false;
    }
    return true;
}

static bool read_template(struct yaml_reader *reader, const struct yaml_field *field,
                          const struct yaml_node *node, struct yaml_texts *out)
{
    if (node->kind != YAML_SCALAR) {
        yaml_errors_add(reader->errors, node->place, "each value of \"%s\" is a text", field->name);
        return false;
    }
    *out = (struct yaml_texts){ ARENA_NEW(reader->arena, struct bytes), 1 };
    if (!out->items) return no_room(reader, node->place);
    return check_placeholders(reader, field, node) && copy_text(reader, node, out->items);
}

static bool read_map(struct yaml_reader *reader, const struct yaml_field *field, const struct yaml_node *node,
                     struct yaml_map *out)
{
    bool good = true;
    if (node->kind != YAML_MAP) return refuse(reader, field, node->place);
    *out = (struct yaml_map){ ARENA_ARRAY(reader->arena, struct yaml_map_item, node->n), node->n };
    if (!out->items) return no_room(reader, node->place);
    for (size_t i = 0; i < node->n; i++) {
        struct yaml_map_item *item = &out->items[i];
        item->place = node->keys[i]->place;
        good = copy_text(reader, node->keys[i], &item->key) && good;
        good = (field->choices ? read_template(reader, field, node->items[i], &item->values)
                               : read_texts(reader, field, node->items[i], &item->values)) &&
               good;
    }
    return good;
}

static bool read_nodes(struct yaml_reader *reader, const struct yaml_field *field,
                       const struct yaml_node *node, struct yaml_nodes *out)
{
    if (node->kind == YAML_LIST) {
        *out = (struct yaml_nodes){ node->items, node->n };
        return true;
    }
    return refuse(reader, field, node->place);
}

bool yaml_value_read(struct yaml_reader *reader, const struct yaml_field *field, const struct yaml_node *node,
                     void *member)
{
    switch (field->type) {
    case YAML_TEXT: return plain_text(reader, field, node, member);
    case YAML_PATH: return read_path(reader, field, node, member);
    case YAML_BOOL: return read_bool(reader, field, node, member);
    case YAML_NUMBER:
    case YAML_SIZE:
    case YAML_DURATION: return read_number(reader, field, node, member);
    case YAML_CHOICE: return read_choice(reader, field, node, member);
    case YAML_SECRET: return read_secret(reader, field, node, member);
    case YAML_TEXTS: return read_texts(reader, field, node, member);
    case YAML_TEXT_MAP: return read_map(reader, field, node, member);
    case YAML_NODES: return read_nodes(reader, field, node, member);
    case YAML_ABSENT:
        yaml_errors_add(reader->errors, node->place, "\"%s\" %s", field->name, field->what);
        return false;
    case YAML_OBJECT:
    case YAML_OBJECTS: break;
    }
    CHECK(!"a type of value");
    return false;
}
