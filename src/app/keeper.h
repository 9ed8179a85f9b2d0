/* The keeper: one thread that keeps what is known of databases' catalogues fresh. A place is a database of a
 * target; while some worker's sessions need it, the keeper has a connection of its own there, looks once a
 * second whether something has changed, and whenever it is asked to, loads the catalogue anew where it has,
 * and tells the workers. What cannot be loaded is told as a problem; nothing is ever made up in its place. */
#ifndef POSTERN_APP_KEEPER_H
#define POSTERN_APP_KEEPER_H
#include "app/keys-client.h"
#include "catalog/catalog.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "session/target.h"

enum { KEEPER_PLACES = 64, KEEPER_PROBLEM = 400 };

/* What a worker is told; made by the keeper, freed by who gets it with keeper_news_free. */
struct keeper_news {
    struct loop_task task;             /* for whoever passes it on; its first member */
    void *receiver;                    /* the same */
    struct session_snapshot *snapshot; /* held */
    const struct target *target;
    struct bytes database;
    const struct catalog *catalog; /* held; NULL: there is none */
    int64_t checked_us;            /* monotonic: when the look began that found it to be the newest */
    struct bytes problem;          /* why it must not be used (any more); empty: none */
};
void keeper_news_free(struct keeper_news *news);

struct keeper;
struct keeper_options {
    const struct clock *clock;
    struct resolver *resolver;
    struct keys_client *keys; /* the keeper's own */
    unsigned n_workers;
    /* From the keeper's thread, for each worker that wants the place. */
    void (*tell)(void *context, unsigned worker, struct keeper_news *news);
    void (*on_child_lost)(void *context);
    void *context;
};
int keeper_start(const struct keeper_options *options, struct keeper **out) MUST_USE;
/* Ends the thread; nobody is told anything afterwards. Workers do not call any more, but the resolver may
 * still answer, until it is freed; then comes keeper_free. NULL is fine. */
void keeper_stop(struct keeper *keeper);
void keeper_free(struct keeper *keeper);

/* From any thread, each a message to the keeper. False: no memory.
 * want: this worker has sessions that need the place; it is told what there is after a fresh look. */
bool keeper_want(struct keeper *keeper, unsigned worker, struct session_snapshot *snapshot,
                 const struct target *target, struct bytes database) MUST_USE;
/* The newest catalogue that workers were told of, held for the caller; NULL: there is none, since no session
 * needs the database, or it cannot be read. Asks nobody. */
const struct catalog *keeper_newest(struct keeper *keeper, struct bytes connection,
                                    struct bytes database) MUST_USE;
/* It has none any more. */
bool keeper_leave(struct keeper *keeper, unsigned worker, struct session_snapshot *snapshot,
                  const struct target *target, struct bytes database) MUST_USE;
/* Something may have changed: look now. Whoever wants the place is told, change or not. */
bool keeper_check(struct keeper *keeper, unsigned worker, struct session_snapshot *snapshot,
                  const struct target *target, struct bytes database) MUST_USE;
#endif
