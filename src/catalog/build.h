/* Rows (queries.h) to a layer: each row is decoded as it comes; when all are there, members get their
 * extensions, relations their ties and views their sources. A builder is used once. */
#ifndef POSTERN_CATALOG_BUILD_H
#define POSTERN_CATALOG_BUILD_H
#include "catalog/layer.h"

enum {
    CATALOG_MEMORY_CEILING = 512 << 20, /* a snapshot, and as much again while it is built */
    CATALOG_ITEMS_CEILING = 4000000     /* rows of one kind */
};

struct catalog_list { /* an array that grows, on the heap */
    void *items;
    size_t n, room;
};
struct catalog_edge {
    uint32_t from, to;
    enum catalog_tie tie;
    bool deletes;
    uint32_t writes;
};
struct catalog_note { /* of an object, to be told when all are there */
    uint32_t class, oid;
    int32_t sub;
    struct bytes text; /* an extension, a comment, a check; in the scratch arena */
};
struct catalog_rule {
    uint32_t relation;
    char event;                     /* pg_rewrite.ev_type: 1 select 2 update 3 insert 4 delete */
    struct bytes condition, action; /* in the scratch arena */
};
struct catalog_arguments { /* a function's or an operator's, until its signature is made */
    struct catalog_function *function;
    struct bytes types; /* oids, separated by blanks */
};
struct catalog_pair { /* an operator's operands */
    struct catalog_operator *operator;
    uint32_t left, right;
};
struct catalog_waiting_column {
    uint32_t relation;
    int32_t number;
    struct catalog_column column;
};
struct catalog_waiting_cast {
    uint32_t oid;
    struct catalog_cast cast;
};
struct catalog_builder {
    struct catalog_layer *layer; /* its arena takes what stays */
    const struct catalog *under; /* an overlay's; NULL for a load */
    struct arena scratch;
    struct catalog_list relations, types, functions, operators; /* pointers */
    struct catalog_list columns, casts, arguments, pairs, edges, members, tags, checks, rules, triggers,
        hidden;
    struct catalog_list
        toasts; /* edges from a toast relation to what it holds the values of, from an index to its table */
    struct catalog_trust trust;
    int server_version;
    struct bytes snapshot;
    bool failed;
};

void catalog_build_begin(struct catalog_builder *b, struct catalog_layer *layer, const struct catalog *under);
/* One row, values[0] its letter. False: malformed, or past a ceiling. Letters of the overlay alone (P, S, A)
 * are malformed here. */
bool catalog_build_row(struct catalog_builder *b, const struct bytes *values, size_t n) MUST_USE;
/* Makes the layer whole, but for indices of functions and operators where the caller adds to them: it ends
 * with catalog_layer_index. */
bool catalog_build_end(struct catalog_builder *b) MUST_USE;
void catalog_build_free(struct catalog_builder *b);

/* Where a load or an overlay builds; for tests. */
struct catalog_builder *catalog_load_builder(struct catalog_load *load);
struct catalog_builder *catalog_overlay_builder(struct catalog_overlay_load *load);

/* What the layer being built has, and else what is under it; NULL where there is none. */
const struct catalog_relation *catalog_build_relation(const struct catalog_builder *b, uint32_t oid);
const struct catalog_type *catalog_build_type(const struct catalog_builder *b, uint32_t oid);
const struct catalog_function *catalog_build_function(const struct catalog_builder *b, uint32_t oid);
const struct catalog_operator *catalog_build_operator(const struct catalog_builder *b, uint32_t oid);

/* Rules to ties and sources (rules.c); a domain's check to whether it runs code that is not PostgreSQL's. */
bool catalog_build_rules(struct catalog_builder *b) MUST_USE;
void catalog_build_hidden(struct catalog_builder *b);
bool catalog_build_check_runs_code(struct catalog_builder *b, struct bytes expression);
/* Edges to ties. */
bool catalog_build_ties(struct catalog_builder *b) MUST_USE;

/* Room for one more item of that size; NULL past the ceiling, and the builder has failed. */
void *catalog_list_add(struct catalog_builder *b, struct catalog_list *list, size_t size) MUST_USE;
bool catalog_build_edge(struct catalog_builder *b, struct catalog_edge edge) MUST_USE;

/* Decimal, whole, at most 2^32 - 1. */
bool catalog_read_oid(struct bytes text, uint32_t *out) MUST_USE;
/* The items of an array in text form ("{a,\"b c\",NULL}"), one dimension, into the arena; a NULL item is
 * empty. False: malformed. */
bool catalog_read_array(struct bytes text, struct arena *arena, struct bytes **items_out,
                        size_t *n_out) MUST_USE;
/* Whether whatever is visible in one snapshot (pg_snapshot in text form) is so in a later one. Malformed: no.
 */
bool catalog_snapshot_covers(struct bytes later, struct bytes earlier);
#endif
