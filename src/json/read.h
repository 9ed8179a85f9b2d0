/* Strict reading of JSON objects, over jansson: duplicate members (after unescaping), \u0000, invalid UTF-8
 * and anything behind the object are refused, and length and depth have ceilings that the caller names. */
#ifndef POSTERN_JSON_READ_H
#define POSTERN_JSON_READ_H
#include "base/bytes.h"
#include "base/check.h"
#include <jansson.h>

enum json_outcome { JSON_MALFORMED = 0, JSON_TOO_LONG, JSON_TOO_DEEP, JSON_READ };
/* JSON_READ: *object_out is an object, freed with json_decref. Otherwise it is NULL. Depth counts the objects
 * and arrays that stand inside one another, the outermost as 1. Out of memory is JSON_MALFORMED. */
enum json_outcome json_read_object(struct bytes text, size_t max_bytes, unsigned max_depth,
                                   json_t **object_out) MUST_USE;

enum json_member { JSON_MEMBER_WRONG_TYPE = 0, JSON_MEMBER_ABSENT, JSON_MEMBER_FOUND };
/* A string member; *text_out is borrowed from the object, and empty unless found. It holds no NUL. */
enum json_member json_member_text(const json_t *object, const char *name, struct bytes *text_out) MUST_USE;
#endif
