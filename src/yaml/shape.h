/* The shape of a configuration: a table that says which keys a map has, of which type, with which default and
 * which meaning. One table serves four readers: yaml_read fills a struct from a tree, yaml_shape_print writes
 * the struct back, yaml_shape_print_defaults writes the commented defaults, and yaml_shape_print_schema the
 * JSON Schema. A key that is not in the table is an error with the nearest one that is. */
#ifndef POSTERN_YAML_SHAPE_H
#define POSTERN_YAML_SHAPE_H
#include "yaml/errors.h"
#include "yaml/tree.h"
#include <stddef.h>

/* Types of values, and the C type of the member that takes each. */
enum yaml_type {
    YAML_TEXT,     /* struct bytes, never empty where it is written. "${" is refused: nothing is expanded */
    YAML_PATH,     /* struct bytes: a text; a relative one is taken from the file's folder */
    YAML_BOOL,     /* bool: true or false */
    YAML_NUMBER,   /* int64_t, from min to max */
    YAML_SIZE,     /* int64_t, bytes, from min to max */
    YAML_DURATION, /* int64_t, microseconds, from min to max */
    YAML_CHOICE,   /* an enum: the index in choices */
    YAML_SECRET,   /* struct yaml_secret: only where it comes from, never the secret itself */
    YAML_TEXTS,    /* struct yaml_texts: a list of texts, or one text */
    YAML_TEXT_MAP, /* struct yaml_map: any key, and a text or list of texts. With choices: the placeholders
                      that values may use as ${name} */
    YAML_OBJECT,   /* a struct of its own, by shape; where it is absent its members get their defaults */
    YAML_OBJECTS,  /* {T *items; size_t n;}: a list of maps (or one map) by shape */
    YAML_NODES,    /* struct yaml_nodes: a list of maps that somebody else reads; shape is for the schema */
    YAML_ABSENT    /* known, and refused: "what" says why */
};

struct yaml_texts {
    struct bytes *items;
    size_t n;
};
struct yaml_map_item {
    struct yaml_place place;
    struct bytes key;
    struct yaml_texts values;
};
struct yaml_map {
    struct yaml_map_item *items;
    size_t n;
};
struct yaml_nodes {
    const struct yaml_node **items;
    size_t n;
};
/* ${env:NAME}, ${file:PATH} or ${exec:CMD}: kept as a source, and read only when it is needed. */
enum yaml_source {
    YAML_SOURCE_NONE = 0 /* not given */,
    YAML_SOURCE_ENV,
    YAML_SOURCE_FILE,
    YAML_SOURCE_EXEC
};
struct yaml_secret {
    enum yaml_source source;
    struct bytes name; /* the variable, the path or the command; NUL-terminated behind its end */
    struct yaml_place place;
};

struct yaml_shape;
struct yaml_field {
    const char *name;
    enum yaml_type type;
    size_t offset;        /* of the member; see YAML_AT */
    const char *what;     /* one sentence for the reader of the defaults and the schema */
    const char *fallback; /* the default, as it would be written; NULL: empty, 0, false, the first choice */
    bool required;
    const char *const *choices; /* NULL-terminated */
    int64_t min, max;           /* max 0: INT64_MAX */
    const struct yaml_shape *shape;
    const char *example; /* printed, commented out, where there is no default */
};
#define YAML_AT(type, member) offsetof(struct type, member)

struct yaml_reader {
    struct arena *arena; /* where texts and lists are copied to */
    struct yaml_errors *errors;
    struct bytes folder; /* that relative paths start from; empty: left as they are */
};
/* A struct that a shape fills begins with `const struct yaml_node *at`: the map it was read from (or the
 * text, in the short form), NULL where it was absent. It borrows from the tree. */
struct yaml_shape {
    const char *name; /* "connection", for messages and the schema */
    size_t size;      /* of the struct */
    const struct yaml_field *fields;
    size_t n_fields;
    /* The one field that a bare text (or list of texts) instead of a map stands for; NULL: none. */
    const char *short_form;
    /* Called when the fields are read without error: what no type can say. NULL: nothing. */
    void (*check)(struct yaml_reader *reader, void *object);
};

/* Fills *object, which need not be initialised; NULL or YAML_NULL is an empty map. False: errors has what is
 * wrong, and the object is not to be used. */
bool yaml_read(struct yaml_reader *reader, const struct yaml_node *node, const struct yaml_shape *shape,
               void *object) MUST_USE;
/* The place of a key's value in the map; where there is none, of the map itself: for what a check reports. */
struct yaml_place yaml_place_of(const struct yaml_node *map, const char *key);

/* HIDE leaves out commands of ${exec:…}, which may hold secrets. With WHOLE, reading the text gives an equal
 * object. */
enum yaml_print { YAML_PRINT_HIDE = 0, YAML_PRINT_WHOLE };
void yaml_shape_print(const struct yaml_shape *shape, const void *object, enum yaml_print how,
                      struct buf *out);
void yaml_shape_print_defaults(const struct yaml_shape *shape, struct buf *out);
/* JSON Schema, draft 2020-12. */
void yaml_shape_print_schema(const struct yaml_shape *shape, const char *title, struct buf *out);
#endif
