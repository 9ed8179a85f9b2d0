/* One layer of what a catalogue says, as it is kept: the shared snapshot is one, what a session sees besides
 * is another. Made by build.h, asked by catalog.c and overlay.c; never changed once it is made. */
#ifndef POSTERN_CATALOG_LAYER_H
#define POSTERN_CATALOG_LAYER_H
#include "base/arena.h"
#include "catalog/catalog.h"
#include "catalog/load.h"

/* Positions in an array by hash, open addressing; whoever asks compares. */
struct catalog_index {
    uint32_t *slots; /* position + 1; 0: free */
    size_t mask;
};
/* A type with what format_type calls it, as signatures have it; layers keep them, and hand out the type. */
struct catalog_named_type {
    struct catalog_type type;
    struct bytes format;
};
struct catalog_layer {
    struct arena arena; /* holds everything below and everything that it points to */
    uint64_t seed;
    struct catalog_relation **relations;
    struct catalog_type **types;
    struct catalog_function **functions; /* by name */
    struct catalog_operator **operators; /* by name */
    struct catalog_cast *casts;
    size_t n_relations, n_types, n_functions, n_operators, n_casts;
    bool has_late_triggers; /* some relation has */
    struct catalog_index relation_names, relation_oids, type_names, type_oids, function_oids, operator_oids;
};
/* Sorts the functions and operators and fills the indices. False: the arena is full. */
bool catalog_layer_index(struct catalog_layer *layer) MUST_USE;

/* NULL where there is none. The schema is never empty here. */
struct catalog_relation *catalog_layer_relation(const struct catalog_layer *layer, struct bytes schema,
                                                struct bytes name);
struct catalog_relation *catalog_layer_relation_by_oid(const struct catalog_layer *layer, uint32_t oid);
struct catalog_type *catalog_layer_type(const struct catalog_layer *layer, struct bytes schema,
                                        struct bytes name);
struct catalog_type *catalog_layer_type_by_oid(const struct catalog_layer *layer, uint32_t oid);
struct catalog_function *catalog_layer_function_by_oid(const struct catalog_layer *layer, uint32_t oid);
struct catalog_operator *catalog_layer_operator_by_oid(const struct catalog_layer *layer, uint32_t oid);
struct catalog_functions catalog_layer_functions(const struct catalog_layer *layer, struct bytes name);
struct catalog_operators catalog_layer_operators(const struct catalog_layer *layer, struct bytes name);

/* The shared snapshot. */
struct catalog {
    struct catalog_layer layer;
    uint64_t serial;
    int server_version;
    struct bytes snapshot; /* pg_current_snapshot() of the load; empty: not told */
    struct catalog_trust trust;
    _Atomic size_t references;
};

/* A set of object identifiers, sorted. */
struct catalog_oids {
    uint32_t *items;
    size_t n;
};
bool catalog_oids_have(const struct catalog_oids *set, uint32_t oid);

struct catalog_overlay {
    const struct catalog *under;
    struct catalog_layer own; /* functions and operators: all that are visible of every name in `names` */
    struct bytes temporary_schema;                      /* empty: the session has none yet */
    struct catalog_oids hidden_relations, hidden_types; /* of the shared ones: dropped, or changed */
    struct bytes *function_names, *operator_names;      /* sorted: names whose answer differs */
    size_t n_function_names, n_operator_names;
    bool casts_differ; /* own.casts are all casts, then */
    bool empty;
};
#endif
