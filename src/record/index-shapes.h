/* Shapes of statements: one row each, with what statements of the shape touch. Only the files of the index
 * include this. */
#ifndef POSTERN_RECORD_INDEX_SHAPES_H
#define POSTERN_RECORD_INDEX_SHAPES_H
#include "base/arena.h"
#include "record/index-private.h"

/* What the record says of a text. tags, effects, relations: lists with ", " between their members. shape may
 * be empty: it is made of the text then. */
struct index_shape {
    struct bytes shape, text, tags, effects, relations;
};
/* The shape's row, made if it is not there. What a text touches belongs to its shape: two texts of one shape
 * that touch different things (a literal decides, as in set_config) add up. 0 or -errno. */
int index_shape_of(struct index *index, struct arena *arena, const struct index_shape *shape,
                   int64_t *id_out) MUST_USE;
#endif
