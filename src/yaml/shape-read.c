/* A tree → structs, by table. Everything that is wrong is reported before false is returned, so that one run
 * tells a person all of it. */
#include "yaml/shape.h"
#include "yaml/value.h"

struct list { /* the layout of every {T *items; size_t n;} */
    void *items;
    size_t n;
};

static bool read_object(struct yaml_reader *reader, const struct yaml_node *node,
                        const struct yaml_shape *shape, bool present, struct yaml_place place, void *object);

static void *member_of(void *object, const struct yaml_field *field)
{
    return (char *)object + field->offset;
}

static const struct yaml_field *field_named(const struct yaml_shape *shape, struct bytes name)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (bytes_is(name, shape->fields[i].name)) return &shape->fields[i];
    return NULL;
}

static void refuse_key(struct yaml_reader *reader, const struct yaml_node *key,
                       const struct yaml_shape *shape)
{
    enum { NAMES_CEILING = 64, SHOWN_CEILING = 60 };
    const char *names[NAMES_CEILING];
    CHECK(shape->n_fields <= NAMES_CEILING);
    for (size_t i = 0; i < shape->n_fields; i++)
        names[i] = shape->fields[i].name;
    const char *nearest = yaml_nearest(key->text, names, shape->n_fields);
    struct bytes shown = bytes_slice(key->text, 0, SHOWN_CEILING);
    yaml_errors_add(reader->errors, key->place, "unknown key \"%.*s\"%s%s%s", BYTES_FMT(shown),
                    nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static bool read_list(struct yaml_reader *reader, const struct yaml_field *field,
                      const struct yaml_node *node, struct list *out)
{
    bool list = node->kind == YAML_LIST, good = true;
    size_t n = list ? node->n : 1;
    *out = (struct list){ arena_alloc_array(reader->arena, n ? n : 1, field->shape->size), n };
    if (!out->items) {
        yaml_errors_add(reader->errors, node->place, "the configuration is too large");
        return false;
    }
    if (n == 0 && field->required) {
        yaml_errors_add(reader->errors, node->place, "\"%s\" is an empty list", field->name);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct yaml_node *item = list ? node->items[i] : node;
        if (item->kind == YAML_NULL) {
            yaml_errors_add(reader->errors, item->place, "%s is a map of keys and values, and this is empty",
                            field->shape->name);
            good = false;
            continue;
        }
        good = read_object(reader, item, field->shape, true, item->place,
                           (char *)out->items + i * field->shape->size) &&
               good;
    }
    return good;
}

static bool read_present(struct yaml_reader *reader, const struct yaml_field *field,
                         const struct yaml_node *node, void *object)
{
    void *member = member_of(object, field);
    if (field->type == YAML_OBJECT) return read_object(reader, node, field->shape, true, node->place, member);
    if (field->type == YAML_OBJECTS) return read_list(reader, field, node, member);
    return yaml_value_read(reader, field, node, member);
}

/* place: where the map that lacks the key begins. */
static bool read_absent(struct yaml_reader *reader, const struct yaml_shape *shape,
                        const struct yaml_field *field, bool needed, struct yaml_place place, void *object)
{
    if (needed && field->required) {
        yaml_errors_add(reader->errors, place, "%s needs \"%s\"", shape->name, field->name);
        return false;
    }
    if (field->type == YAML_OBJECT)
        return read_object(reader, NULL, field->shape, false, place, member_of(object, field));
    if (!field->fallback) return true;
    struct yaml_node written = { .kind = YAML_SCALAR, .text = bytes_of(field->fallback) };
    return yaml_value_read(reader, field, &written, member_of(object, field));
}

static bool read_fields(struct yaml_reader *reader, const struct yaml_node *map,
                        const struct yaml_shape *shape, bool present, struct yaml_place place, void *object)
{
    bool good = true;
    for (size_t i = 0; map && i < map->n; i++) {
        if (field_named(shape, map->keys[i]->text)) continue;
        refuse_key(reader, map->keys[i], shape);
        good = false;
    }
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct yaml_node *node = yaml_tree_get(map, shape->fields[i].name);
        if (node && node->kind != YAML_NULL)
            good = read_present(reader, &shape->fields[i], node, object) && good;
        else
            good = read_absent(reader, shape, &shape->fields[i], present, place, object) && good;
    }
    return good;
}

/* A bare value stands for the map {short_form: value}; the other fields get their defaults. */
static bool read_short(struct yaml_reader *reader, const struct yaml_node *node,
                       const struct yaml_shape *shape, void *object)
{
    bool good = true;
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct yaml_field *field = &shape->fields[i];
        good = (strcmp(field->name, shape->short_form) == 0
                    ? read_present(reader, field, node, object)
                    : read_absent(reader, shape, field, true, node->place, object)) &&
               good;
    }
    return good;
}

/* present: whether it was written at all; only then are required keys missed. */
static bool read_object(struct yaml_reader *reader, const struct yaml_node *node,
                        const struct yaml_shape *shape, bool present, struct yaml_place place, void *object)
{
    bool good;
    memset(object, 0, shape->size);
    if (node && node->kind == YAML_NULL) node = NULL;
    *(const struct yaml_node **)object = node;
    if (!node || node->kind == YAML_MAP) {
        good = read_fields(reader, node, shape, present, place, object);
    } else if (shape->short_form) {
        good = read_short(reader, node, shape, object);
    } else {
        yaml_errors_add(reader->errors, node->place, "%s is a map of keys and values", shape->name);
        good = false;
    }
    if (!good) return false;
    size_t before = yaml_errors_count(reader->errors);
    if (shape->check) shape->check(reader, object);
    return yaml_errors_count(reader->errors) == before;
}

bool yaml_read(struct yaml_reader *reader, const struct yaml_node *node, const struct yaml_shape *shape,
               void *object)
{
    return read_object(reader, node, shape, true, node ? node->place : (struct yaml_place){ 0 }, object);
}

struct yaml_place yaml_place_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *value = yaml_tree_get(map, key);
    if (value) return value->place;
    return map ? map->place : (struct yaml_place){ 0 };
}
