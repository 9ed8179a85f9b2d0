/* The one door to PostgreSQL's headers and to libpg_query's raw tree. Only the node structs are for use: the
 * allocators, makeNode and PG_TRY of these headers belong to a server that does not run here. One of them
 * disagrees with the library: enum LimitOption is shifted by one there, so that SelectStmt.limitOption is
 * never read; test-tree.c compares what is read with the library's own JSON.
 *
 * A tree lives between pg_query_enter_memory_context and pg_query_exit_memory_context (parse.c). */
#ifndef POSTERN_SQL_TREE_H
#define POSTERN_SQL_TREE_H
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "pg_query.h"
#include "pg_query/pg_query_internal.h"
/* port.h sends libc's names to PostgreSQL's own printf. */
#undef vsnprintf
#undef snprintf
#undef vsprintf
#undef sprintf
#undef vfprintf
#undef fprintf
#undef vprintf
#undef printf
#undef strerror
#undef strerror_r
#undef qsort
#include "base/bytes.h"
#include "sql/safe.h"

static inline enum NodeTag tree_tag(const void *node)
{
    return ((const Node *)node)->type;
}
/* A name in a list of String nodes; NULL for anything else. */
static inline const char *tree_string(const void *node)
{
    return node && tree_tag(node) == T_String ? ((const String *)node)->sval : NULL;
}
static inline int tree_length(const List *list)
{
    return list ? list->length : 0;
}
static inline const void *tree_item(const List *list, int i)
{
    return list->elements[i].ptr_value;
}

/* What a dotted name says: a.b.c is database a, schema b, name c; without its last `drop` parts. False where
 * the list is no such name. */
struct tree_name {
    const char *database, *schema, *name;
};
bool tree_name_before(const List *list, int drop, struct tree_name *name_out);
static inline bool tree_name(const List *list, struct tree_name *name_out)
{
    return tree_name_before(list, 0, name_out);
}

/* The fields of a node, as offsets ending in 0; NULL for a tag that the grammar never builds. What is in none
 * of the three lists is a number, a flag or an enum (and a constant's value, which is a union). */
struct tree_fields {
    const uint16_t *nodes;   /* that hold nodes or lists */
    const uint16_t *strings; /* char * */
    const uint16_t *places;  /* where in the text something stands */
    size_t size;
};
const struct tree_fields *tree_fields(enum NodeTag tag);
/* Only the nodes of it. */
const uint16_t *tree_children(enum NodeTag tag);
const char *tree_tag_name(enum NodeTag tag);
#endif
