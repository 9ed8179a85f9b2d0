/* YAML as an immutable tree in an arena: texts, lists and maps, each with the place where it was written. It
 * is a strict part of YAML: aliases, anchors, tags, duplicate keys, several documents and keys that are not
 * texts are refused with their position, and depth, size and width have ceilings. Nothing is resolved:
 * whether "no" is a text or a truth is for who reads it (shape.h). */
#ifndef POSTERN_YAML_TREE_H
#define POSTERN_YAML_TREE_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "yaml/errors.h"

enum yaml_kind { YAML_NULL = 0 /* nothing, ~ or null, not quoted */, YAML_SCALAR, YAML_LIST, YAML_MAP };
struct yaml_node {
    enum yaml_kind kind;
    struct yaml_place place;
    struct bytes text;              /* of a scalar; NUL-terminated behind its end, and holds no NUL */
    const struct yaml_node **keys;  /* of a map: n scalars, all different */
    const struct yaml_node **items; /* of a list or map: n */
    size_t n;
};

enum {
    YAML_BYTES_CEILING = 1 << 20,
    YAML_DEPTH_CEILING = 32,
    YAML_KEY_CEILING = 200 /* bytes */,
    YAML_WIDTH_CEILING = 4096 /* keys of a map, items of a list */,
    YAML_ARENA_CEILING = 64 << 20 /* what a tree of the largest text may take */
};

/* file: the name that positions carry; copied. NULL: errors says why. An empty document is a YAML_NULL. The
 * tree does not borrow from text. */
const struct yaml_node *yaml_tree_parse(struct bytes text, struct bytes file, struct arena *arena,
                                        struct yaml_errors *errors) MUST_USE;
/* Reads the file first. */
const struct yaml_node *yaml_tree_load(const char *path, struct arena *arena,
                                       struct yaml_errors *errors) MUST_USE;

/* The value of a key; NULL where the node is no map or has no such key. */
const struct yaml_node *yaml_tree_get(const struct yaml_node *map, const char *key);
/* The tree as text, in one form for all ways of writing it (texts in double quotes, no comments, two spaces a
 * level); parsing it gives an equal tree. indent: levels from the left margin. */
void yaml_tree_print(const struct yaml_node *node, unsigned indent, struct buf *out);
/* One text in double quotes, escaped. */
void yaml_text_print(struct bytes text, struct buf *out);
#endif
