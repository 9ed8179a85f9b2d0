/* libyaml's events → the tree. Events, not its documents: a document has already followed aliases and
 * forgotten anchors and tags, which are refused here, and an event stops a bomb at the depth where it begins.
 *
 * Always true: a node is whole (its texts copied, its place set) before its parent refers to it; libyaml's
 * memory never leaves this file. */
#include "yaml/tree.h"
#include <errno.h>
#include <stdio.h>
#include <yaml.h>

struct builder {
    yaml_parser_t parser;
    yaml_event_t event; /* the one that is being looked at */
    struct bytes file;
    struct arena *arena;
    struct yaml_errors *errors;
};
/* Children in order, while their number is not known. */
struct child {
    const struct yaml_node *key, *item;
    struct child *older;
};

static struct yaml_place place_at(const struct builder *b, yaml_mark_t mark)
{
    return (struct yaml_place){ b->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

static struct yaml_place place_here(const struct builder *b)
{
    return place_at(b, b->event.start_mark);
}

static bool next_event(struct builder *b)
{
    yaml_event_delete(&b->event);
    if (yaml_parser_parse(&b->parser, &b->event)) return true;
    const char *problem = b->parser.problem ? b->parser.problem : "this is not YAML";
    yaml_mark_t mark = b->parser.problem_mark;
    /* The reader has no mark, only an offset in bytes. */
    if (b->parser.error == YAML_READER_ERROR) mark = b->parser.mark;
    yaml_errors_add(b->errors, place_at(b, mark), "%s", problem);
    return false;
}

static const struct yaml_node *no_room(struct builder *b)
{
    yaml_errors_add(b->errors, place_here(b), "the file is too large");
    return NULL;
}

static bool refuse_extras(struct builder *b, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor) yaml_errors_add(b->errors, place_here(b), "anchors are not supported");
    if (tag) yaml_errors_add(b->errors, place_here(b), "tags are not supported");
    return !anchor && !tag;
}

static struct yaml_node *new_node(struct builder *b, enum yaml_kind kind)
{
    struct yaml_node *node = ARENA_NEW(b->arena, struct yaml_node);
    if (node) *node = (struct yaml_node){ .kind = kind, .place = place_here(b) };
    return node;
}

static const struct yaml_node *build_scalar(struct builder *b)
{
    struct bytes text = bytes_make(b->event.data.scalar.value, b->event.data.scalar.length);
    bool plain = b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (!refuse_extras(b, b->event.data.scalar.anchor, b->event.data.scalar.tag)) return NULL;
    if (!bytes_is_utf8(text)) {
        yaml_errors_add(b->errors, place_here(b), "this text holds a NUL or is not UTF-8");
        return NULL;
    }
    bool null = plain && (text.n == 0 || bytes_is(text, "~") || bytes_is(text, "null"));
    struct yaml_node *node = new_node(b, null ? YAML_NULL : YAML_SCALAR);
    if (!node) return no_room(b);
    node->text = arena_copy(b->arena, null ? (struct bytes){ 0 } : text);
    return node->text.p ? node : no_room(b);
}

static const struct yaml_node *build_node(struct builder *b, unsigned depth);

static bool key_is_new(struct builder *b, const struct yaml_node *key, const struct child *older)
{
    if (key->kind != YAML_SCALAR) {
        yaml_errors_add(b->errors, key->place, "a key is a text");
        return false;
    }
    if (key->text.n > YAML_KEY_CEILING) {
        yaml_errors_add(b->errors, key->place, "a key is longer than %d bytes", YAML_KEY_CEILING);
        return false;
    }
    for (; older; older = older->older) {
        if (!bytes_equal(older->key->text, key->text)) continue;
        yaml_errors_add(b->errors, key->place, "duplicate key \"%.*s\"; it is also on line %u",
                        BYTES_FMT(key->text), older->key->place.line);
        return false;
    }
    return true;
}

static bool close_collection(struct builder *b, struct yaml_node *node, const struct child *newest)
{
    node->items = ARENA_ARRAY(b->arena, const struct yaml_node *, node->n);
    node->keys = node->kind == YAML_MAP ? ARENA_ARRAY(b->arena, const struct yaml_node *, node->n) : NULL;
    if (!node->items || (node->kind == YAML_MAP && !node->keys)) return no_room(b);
    for (size_t i = node->n; i-- > 0; newest = newest->older) {
        node->items[i] = newest->item;
        if (node->keys) node->keys[i] = newest->key;
    }
    return true;
}

/* From the event that opens a list or map to the one that closes it. */
static const struct yaml_node *build_collection(struct builder *b, unsigned depth, enum yaml_kind kind,
                                                yaml_event_type_t end)
{
    struct yaml_node *node = new_node(b, kind);
    struct child *newest = NULL;
    if (!node) return no_room(b);
    if (depth == YAML_DEPTH_CEILING) {
        yaml_errors_add(b->errors, node->place, "nested deeper than %d levels", YAML_DEPTH_CEILING);
        return NULL;
    }
    for (;; node->n++) {
        if (!next_event(b)) return NULL;
        if (b->event.type == end) break;
        struct child *child = ARENA_NEW(b->arena, struct child);
        if (!child) return no_room(b);
        if (node->n == YAML_WIDTH_CEILING) {
            yaml_errors_add(b->errors, place_here(b), "more than %d items", YAML_WIDTH_CEILING);
            return NULL;
        }
        if (kind == YAML_MAP) {
            child->key = build_node(b, depth + 1);
            if (!child->key || !key_is_new(b, child->key, newest) || !next_event(b)) return NULL;
        }
        child->item = build_node(b, depth + 1);
        if (!child->item) return NULL;
        child->older = newest;
        newest = child;
    }
    return close_collection(b, node, newest) ? node : NULL;
}

/* The node that begins with the event at hand. Recursion ends at YAML_DEPTH_CEILING. */
static const struct yaml_node *build_node(struct builder *b, unsigned depth)
{
    switch (b->event.type) {
    case YAML_SCALAR_EVENT: return build_scalar(b);
    case YAML_SEQUENCE_START_EVENT:
        if (!refuse_extras(b, b->event.data.sequence_start.anchor, b->event.data.sequence_start.tag))
            return NULL;
        return build_collection(b, depth, YAML_LIST, YAML_SEQUENCE_END_EVENT);
    case YAML_MAPPING_START_EVENT:
        if (!refuse_extras(b, b->event.data.mapping_start.anchor, b->event.data.mapping_start.tag))
            return NULL;
        return build_collection(b, depth, YAML_MAP, YAML_MAPPING_END_EVENT);
    case YAML_ALIAS_EVENT:
        yaml_errors_add(b->errors, place_here(b), "aliases are not supported");
        return NULL;
    default: yaml_errors_add(b->errors, place_here(b), "a value is missing here"); return NULL;
    }
}

/* Stream start, at most one document, stream end. */
static const struct yaml_node *build_stream(struct builder *b)
{
    if (!next_event(b) || !next_event(b)) return NULL;
    if (b->event.type == YAML_STREAM_END_EVENT) {
        const struct yaml_node *nothing = new_node(b, YAML_NULL);
        return nothing ? nothing : no_room(b);
    }
    if (!next_event(b)) return NULL;
    const struct yaml_node *root = build_node(b, 0);
    if (!root || !next_event(b) || !next_event(b)) return NULL;
    if (b->event.type != YAML_STREAM_END_EVENT) {
        yaml_errors_add(b->errors, place_here(b), "a second document in one file is not supported");
        return NULL;
    }
    return root;
}

const struct yaml_node *yaml_tree_parse(struct bytes text, struct bytes file, struct arena *arena,
                                        struct yaml_errors *errors)
{
    struct builder b = { .file = arena_copy(arena, file), .arena = arena, .errors = errors };
    struct yaml_place whole = { file, 0, 0 };
    if (text.n > YAML_BYTES_CEILING || !b.file.p) {
        yaml_errors_add(errors, whole, "the file is too large: more than %d bytes", YAML_BYTES_CEILING);
        return NULL;
    }
    if (!yaml_parser_initialize(&b.parser)) {
        yaml_errors_add(errors, whole, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, text.p ? text.p : (const uint8_t *)"", text.n);
    const struct yaml_node *root = build_stream(&b);
    yaml_event_delete(&b.event);
    yaml_parser_delete(&b.parser);
    return root;
}

static bool read_file(const char *path, struct buf *text)
{
    FILE *f = fopen(path, "rbe");
    if (!f) return false;
    errno = 0;
    for (;;) {
        uint8_t *room = buf_room(text, 4096);
        if (!room) break;
        size_t n = fread(room, 1, 4096, f);
        buf_added(text, n);
        if (n == 0) break;
    }
    int failed = ferror(f) ? (errno ? errno : EIO) : 0;
    fclose(f);
    errno = failed;
    return !failed;
}

const struct yaml_node *yaml_tree_load(const char *path, struct arena *arena, struct yaml_errors *errors)
{
    struct yaml_place whole = { bytes_of(path), 0, 0 };
    const struct yaml_node *root = NULL;
    struct buf text;
    buf_init(&text, YAML_BYTES_CEILING + 2 * 4096);
    if (!read_file(path, &text))
        yaml_errors_add(errors, whole, "cannot be read: %s", strerror(errno));
    else
        root = yaml_tree_parse(buf_bytes(&text), whole.file, arena, errors);
    buf_free(&text);
    return root;
}

const struct yaml_node *yaml_tree_get(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->n; i++)
        if (bytes_is(map->keys[i]->text, key)) return map->items[i];
    return NULL;
}
