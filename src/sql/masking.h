/* What is masked from whoever sends a text, as src/sql asks for it while it understands the text: which
 * columns of a relation, and the expression that stands for each. src/mask answers. doc/masking.md tells what
 * is done with it. */
#ifndef POSTERN_SQL_MASKING_H
#define POSTERN_SQL_MASKING_H
#include "base/arena.h"
#include "base/bytes.h"
#include "catalog/catalog.h"

enum sql_masked {
    SQL_MASKED = 1,          /* the mask is all there is to see */
    SQL_MASKED_COMPARED = 2, /* and the mask may be compared, grouped and ordered by */
    SQL_MASKED_WRITTEN = 4   /* the column may be written, and its mask may be stored */
};
/* What a guard that fails makes the server say, among its own words (22P02). */
#define SQL_GUARD_SAYS "postern: masked columns have changed"
struct sql_masking {
    const void *context;
    /* Bits for each of the relation's columns (columns[attnum - 1]), all 0 where it is clear. In the arena or
     * the context; NULL: there is no memory, and the text is refused. */
    const uint8_t *(*columns)(const struct sql_masking *masking, const struct catalog_view *view,
                              const struct catalog_relation *relation, struct arena *arena);
    /* What stands for a masked column: an expression of pg_catalog's functions and operators alone, all of
     * them with their schema, of the column's type (of a domain: what the domain is over), which is stable at
     * most and never raises. reference: how the column is written where the expression goes. p == NULL: there
     * is no memory. */
    struct bytes (*expression)(const struct sql_masking *masking, const struct catalog_view *view,
                               const struct catalog_relation *relation, int attribute, struct bytes reference,
                               struct arena *arena);
    /* Functions of pg_catalog that give the text of a definition: a view's, a default's, a function's. Such a
     * text may hold literals that somebody would not want to show; it goes through pg_catalog.regexp_replace
     * with these as its further arguments. */
    bool (*defines)(struct bytes function);
    struct bytes definition;
    bool guard; /* each sub-select makes sure, whenever it runs, that what it masks is what it was */
};
#endif
