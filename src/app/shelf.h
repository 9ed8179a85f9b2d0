/* The newest catalogues that the keeper has told of, for threads that are no workers: whoever explains what a
 * policy would say. What is here is what sessions are judged in now; where no session is or was lately in a
 * database, there is nothing of it. */
#ifndef POSTERN_APP_SHELF_H
#define POSTERN_APP_SHELF_H
#include "base/bytes.h"
#include "base/check.h"
#include "catalog/catalog.h"

struct shelf;
/* NULL: no memory. */
struct shelf *shelf_new(void) MUST_USE;
void shelf_free(struct shelf *shelf);
/* It is the newest now; NULL: there is none that may be used. The shelf holds it by itself. */
void shelf_put(struct shelf *shelf, struct bytes connection, struct bytes database,
               const struct catalog *catalog);
/* It is kept no longer; nothing where there is a newer one. */
void shelf_drop(struct shelf *shelf, const struct catalog *catalog);
/* Held for the caller; NULL: there is none. */
const struct catalog *shelf_get(struct shelf *shelf, struct bytes connection, struct bytes database) MUST_USE;
#endif
