/* From what the server answers to a catalog. The loader hands out texts of SQL, each to be sent to the server
 * as it is (simple protocol, one text at a time, rows in text format), and takes the rows. Who sends them,
 * and over which connection, is not its business. */
#ifndef POSTERN_CATALOG_LOAD_H
#define POSTERN_CATALOG_LOAD_H
#include "base/arena.h"
#include "catalog/catalog.h"

struct catalog_load;
struct catalog_load *catalog_load_begin(void) MUST_USE; /* NULL: no memory */
/* Which of PostgreSQL's own functions make their answer of nothing but their arguments and the session's
 * settings: a view's column that calls only such ones is made of its arguments' sources, any other call makes
 * it opaque. Without it only immutable ones are. It is asked of functions in pg_catalog that initdb made, by
 * whatever thread ends a load or an overlay, and lives as long as the catalogue. */
struct catalog_trust {
    bool (*is_plain)(void *context, const struct catalog_function *function);
    void *context;
};
void catalog_load_trust(struct catalog_load *load, struct catalog_trust trust);
/* The queries of a whole load, in order; NULL past the last. They run in one REPEATABLE READ, READ ONLY
 * transaction, which the first and the last of them open and end. */
const char *catalog_load_query(const struct catalog_load *load, size_t index);
/* One row of the answer to query `index`; a value with p == NULL is NULL. False: it is malformed or there is
 * no memory or more than the ceiling, and the load fails as a whole. */
bool catalog_load_row(struct catalog_load *load, size_t index, const struct bytes *values, size_t n) MUST_USE;
/* NULL, with *error_out (static text) set, where it failed. The caller holds one reference. Frees the load.
 */
const struct catalog *catalog_load_end(struct catalog_load *load, const char **error_out) MUST_USE;
void catalog_load_abandon(struct catalog_load *load);

/* One row, one text column: equal answers mean that nothing changed that a load would see. Cheap enough for
 * once a second. */
extern const char *const catalog_epoch_query;
/* Cheaper still, one row, one text column: equal answers mean that no transaction has ended in between, and
 * so that the epoch is what it was. */
extern const char *const catalog_pulse_query;

/* What one session sees besides the shared catalogue, asked on that session's own connection: one text, whose
 * rows all have the same columns. It works in any transaction that is not failed, changes nothing, and names
 * everything with its schema. Its first column tells what kind of row it is; the search path comes along. */
extern const char *const catalog_overlay_query;
/* The same, but for all that costs: the search path, and whether there can be more to see at all. Its rows
 * are those of an overlay too; where catalog_overlay_wants_more says so when all of them are taken, that load
 * is abandoned, and the long query asked for another one. Where it does not, the overlay is whole, and empty.
 */
extern const char *const catalog_probe_query;
struct catalog_overlay_load;
struct catalog_overlay_load *catalog_overlay_begin(const struct catalog *under) MUST_USE;
bool catalog_overlay_row(struct catalog_overlay_load *load, const struct bytes *values, size_t n) MUST_USE;
bool catalog_overlay_wants_more(const struct catalog_overlay_load *load);
/* NULL: it failed (everything is freed); among the reasons: the session looks at an older snapshot of the
 * catalogue than the shared one, and its transaction has changed something shared. path_out: in the overlay's
 * memory. The overlay holds a reference to what is under it. */
struct catalog_overlay *catalog_overlay_end(struct catalog_overlay_load *load, const struct bytes **path_out,
                                            size_t *n_path_out) MUST_USE;
void catalog_overlay_abandon(struct catalog_overlay_load *load);
void catalog_overlay_free(struct catalog_overlay *overlay);
/* Whether it adds or hides anything: an empty one need not be part of a cache's key. */
bool catalog_overlay_is_empty(const struct catalog_overlay *overlay);
#endif
