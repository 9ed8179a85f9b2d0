/* The catalogues that one worker's sessions see: one for each database of a target that some session of the
 * worker needs a view of. The worker asks the keeper for it and passes its news on. Everything here runs on
 * the worker's loop. */
#ifndef POSTERN_APP_CATALOGS_H
#define POSTERN_APP_CATALOGS_H
#include "app/keeper.h"
#include "session/relay.h"

struct catalogs {
    struct keeper *keeper; /* NULL: there is none, and nobody gets a view */
    unsigned worker;
    struct relays *relays;
    struct worker_catalog *first;
};
/* For struct session_world. */
struct session_catalog *catalogs_attach(struct catalogs *c, struct session_snapshot *snapshot,
                                        const struct target *target, struct bytes database);
void catalogs_detach(struct catalogs *c, struct session_catalog *catalog);
bool catalogs_check(struct catalogs *c, struct session_catalog *catalog);
/* Takes the news over, and wakes the sessions that wait for it. */
void catalogs_on_news(struct catalogs *c, struct keeper_news *news);
#endif
