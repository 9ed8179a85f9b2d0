/* A worker from the inside, for the files that begin with worker. */
#ifndef POSTERN_APP_WORKER_PRIVATE_H
#define POSTERN_APP_WORKER_PRIVATE_H
#include "app/catalogs.h"
#include "app/worker.h"
#include "net/throttle.h"
#include "session/relay.h"
#include "session/understood.h"

/* A request to a child, and the session that waits for it. The slot's number and a count make the token, so
 * that an answer for a session that is gone finds nobody. */
enum { SLOTS = 4096 };
struct slot {
    struct session *session;
    uint32_t generation;
};
struct slots {
    struct slot all[SLOTS];
    uint32_t free_hint;
};
/* The session that waits for this answer, and no longer does; NULL: it is gone. */
struct session *slot_give(struct slots *slots, uint64_t token);

struct listening {
    struct loop_source source;
    struct worker *worker;
};

struct worker {
    pthread_t thread;
    struct worker_options options;
    struct workers *shared;
    struct loop *loop;
    struct relays relays;
    struct session_world world;
    struct understood_cache *cache;
    struct catalogs catalogs;
    struct listening *listening;
    struct loop_source keys_source, parser_source;
    struct loop_timer accept_again;
    struct slots *proofs, *parses;
    struct loop_task room_task, keys_task, stop_task;
    bool room_posted, keys_posted; /* atomic */
    bool stopping;
    struct throttle cancels;
    int64_t tell_cancels_us;
};

/* NULL while the gateway starts: the first workers are there before the last. */
static inline struct worker *worker_at(const struct workers *workers, unsigned i)
{
    return __atomic_load_n(&workers->all[i], __ATOMIC_ACQUIRE);
}

/* What the worker's sessions ask of the world: worker-world.c. The loop must be there. */
void worker_world_init(struct worker *w);
#endif
