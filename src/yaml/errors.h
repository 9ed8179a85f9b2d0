/* What is wrong with a file, each with its place: all of it (up to a ceiling), not only the first, in the
 * order of the places. An error never quotes a value that could be a secret: only names of keys, and values
 * of keys that hold none. */
#ifndef POSTERN_YAML_ERRORS_H
#define POSTERN_YAML_ERRORS_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"

/* Where something was written: line and column count from 1; line 0 means the file as a whole. */
struct yaml_place {
    struct bytes file;
    uint32_t line, column;
};
struct yaml_error {
    struct yaml_place place;
    struct bytes text;
};
enum { YAML_ERRORS_CEILING = 20 };
struct yaml_errors {
    struct arena arena;
    struct yaml_error items[YAML_ERRORS_CEILING];
    size_t n;    /* in items */
    size_t more; /* that found no room there */
};

void yaml_errors_init(struct yaml_errors *errors);
void yaml_errors_free(struct yaml_errors *errors);
/* How many were added so far. */
static inline size_t yaml_errors_count(const struct yaml_errors *errors)
{
    return errors->n + errors->more;
}
/* The text is one sentence without a full stop. */
void yaml_errors_add(struct yaml_errors *errors, struct yaml_place place, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* "postern.yaml:12:5: unknown key …", one a line. */
void yaml_errors_print(const struct yaml_errors *errors, struct buf *out);

/* The name nearest to a mistyped one, by edit distance (a swap of neighbours counts once); NULL where none is
 * near enough to be meant. */
const char *yaml_nearest(struct bytes word, const char *const *names, size_t n);
#endif
