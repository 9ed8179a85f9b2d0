/* What the columns of a stored query are made of, and what decides which rows it has: from its tree down to
 * the relations that it names (a view among them is one; what that is made of, it tells itself). Trees of
 * PostgreSQL 14 and 15 are understood. Whatever is not known of a tree makes the whole of it untold. */
#ifndef POSTERN_CATALOG_TRACE_H
#define POSTERN_CATALOG_TRACE_H
#include "catalog/build.h"
#include "catalog/node-tree.h"

struct trace_source {
    uint32_t relation;
    int16_t attribute;
};
struct trace_sources {
    struct trace_source *items;
    size_t n, room;
    bool opaque;
    bool plain; /* a column's: its only source as it is, or NULL */
};
struct trace_result {
    struct trace_sources *columns;
    size_t n_columns;
    struct trace_sources decides;
};
/* Whether the trees of a server of this version are understood. */
bool trace_knows(int server_version);
/* query: a QUERY that is a SELECT, as the action of a SELECT rule holds one. Results live in the arena.
 * False: something in it is not known, or there is no memory. */
bool trace_view(struct catalog_builder *b, struct arena *arena, const struct node *query,
                struct trace_result *out) MUST_USE;
/* The one relation that an auto-updatable view could write, by the shape of its FROM; 0: none. It may still
 * not be updatable for other reasons. */
uint32_t trace_updates(const struct node *query);
/* Whether an expression without columns (a domain's check) calls nothing but PostgreSQL's own code. False in
 * any doubt. */
bool trace_is_own_code(struct catalog_builder *b, struct arena *arena, const struct node *expression);
#endif
