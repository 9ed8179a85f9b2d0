/* A worker: one thread with its own loop, lane, cache of understood texts, and clients of the two children.
 * Workers share nothing but what is immutable or counted; they speak to each other by posting tasks. */
#ifndef POSTERN_APP_WORKER_H
#define POSTERN_APP_WORKER_H
#include "app/budgets.h"
#include "app/keeper.h"
#include "app/keys-client.h"
#include "app/notices.h"
#include "app/parser-client.h"
#include "app/understander.h"
#include "identity/minted.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "record/lane.h"
#include "session/target.h"
#include <pthread.h>
#include <stdatomic.h>

struct worker;

/* What all workers share; owned by the gateway, and outlives them. */
struct workers {
    const struct clock *clock;
    struct resolver *resolver;
    struct budgets *budgets;
    struct desk *desk;
    struct minted *minted;
    struct notices *notices;           /* NULL: nobody is told of refusals */
    struct tls_server *tls;            /* NULL: none */
    struct session_snapshot *snapshot; /* the one in force; under `lock` */
    pthread_mutex_t lock;
    size_t most_sessions, most_unauthenticated; /* of all workers; of each */
    atomic_size_t n_sessions;                   /* that are signed in */
    uint64_t seed;
    struct worker **all;
    unsigned n;
};

struct worker_options {
    struct workers *shared;
    unsigned number;
    struct record_lane *lane;
    struct keys_client *keys;
    struct parser_client *parser;
    struct keeper *keeper;
    struct understander *understander;
    const int *listeners; /* descriptors, the worker's own or shared ones (a Unix socket) */
    size_t n_listeners;
    /* Called from the worker when a child is gone: the gateway cannot go on. */
    void (*on_child_lost)(void *context);
    void *context;
};
/* Starts the thread. 0 or -errno. */
int worker_start(const struct worker_options *options, struct worker **out) MUST_USE;
/* Asks it to end its sessions (57P01) and stop. */
void worker_stop(struct worker *worker);
/* Waits for its end; its sessions are gone then. */
void worker_join(struct worker *worker);
/* Once no thread is left that might call it: another worker, the log's, the identity's, the control's. */
void worker_free(struct worker *worker);

/* From any thread: the log has room for this worker's lane; keys of an issuer arrived. */
void worker_room(struct worker *worker);
void worker_keys(struct worker *worker);
/* Runs a task on its thread; the task is its own to free. */
void worker_post(struct worker *worker, struct loop_task *task);
/* The keeper's news, which the worker frees. */
void worker_catalog(struct worker *worker, struct keeper_news *news);
/* Runs what was posted to a worker that was joined, so that nothing of it is lost; before worker_free. */
void worker_drain(struct worker *worker);
/* Every worker looks for the session and, where it has it, ends it with somebody's words. Waits (up to 5 s)
 * for their answers; not for a worker's own thread. False: none has it. */
bool workers_kill(struct workers *workers, uint64_t session, const char *by);
/* The same, to add claims (fields, see record/frame.h) to it. */
bool workers_claim(struct workers *workers, uint64_t session, struct bytes fields);
/* Runs a task on every worker's loop: make gives one for each (NULL: no memory for it), which frees itself.
 */
void workers_post(struct workers *workers, struct loop_task *(*make)(void *context, struct worker *worker),
                  void *context);
/* On the worker's own loop: every session that it has. */
void worker_each(struct worker *worker, void (*visit)(struct session *session, void *context), void *context);
/* What all sessions did since the workers started (struct session_counts); added to *out. */
struct worker_counts {
    uint64_t sent, refused, held;
};
void workers_count(const struct workers *workers, struct worker_counts *out);
#endif
