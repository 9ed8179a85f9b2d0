/* What a worker's sessions ask of the world, and who answers: the children, the keeper of catalogues, the
 * desk, the budgets, the other workers. Answers come back to the worker's loop. */
#include "app/worker-private.h"
#include "approval/desk.h"
#include "base/log.h"
#include <stdlib.h>
#include <sys/random.h>

enum { CANCELS_A_SECOND = 50, CANCELS_AT_ONCE = 200, CANCELS_TOLD_US = 60000000 };

static struct worker *worker_of(struct session_world *world)
{
    return world->context;
}

/* ---- slots */

static bool slot_take(struct slots *slots, struct session *session, uint64_t *token_out)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint32_t at = (slots->free_hint + i) % SLOTS;
        struct slot *slot = &slots->all[at];
        if (slot->session) continue;
        slot->session = session;
        slots->free_hint = at + 1;
        *token_out = (uint64_t)++slot->generation << 32 | at;
        return true;
    }
    return false;
}

struct session *slot_give(struct slots *slots, uint64_t token)
{
    struct slot *slot = &slots->all[(uint32_t)token % SLOTS];
    if (slot->generation != token >> 32) return NULL;
    struct session *session = slot->session;
    slot->session = NULL;
    return session;
}

/* ---- the world's calls */

static struct session_snapshot *world_snapshot(struct session_world *world)
{
    struct workers *shared = worker_of(world)->shared;
    pthread_mutex_lock(&shared->lock);
    struct session_snapshot *snapshot = session_snapshot_hold(shared->snapshot);
    pthread_mutex_unlock(&shared->lock);
    return snapshot;
}

static void world_refused(struct session_world *world, const struct session_refused *refused)
{
    notices_refused(worker_of(world)->shared->notices, refused);
}

static bool world_random(struct session_world *world, void *to, size_t n)
{
    (void)world;
    return getrandom(to, n, 0) == (ssize_t)n;
}

static bool world_ask_proof(struct session_world *world, struct session *session,
                            const struct session_proof *proof)
{
    struct worker *w = worker_of(world);
    uint64_t token;
    if (!slot_take(w->proofs, session, &token)) return false;
    int error = proof->md5
                    ? keys_client_send_md5(w->options.keys, proof->login, proof->user, proof->md5_salt, token)
                    : keys_client_send_scram(w->options.keys, proof->login, proof->salt, proof->iterations,
                                             proof->auth_message, token);
    if (error == 0) return true;
    slot_give(w->proofs, token);
    log_line(LOG_WARNING, "worker %u: the keys process cannot be asked: %s", w->options.number,
             strerror(-error));
    return false;
}

static bool world_ask_parse(struct session_world *world, struct session *session, struct bytes text)
{
    struct worker *w = worker_of(world);
    uint64_t token;
    if (!slot_take(w->parses, session, &token)) return false;
    if (parser_client_submit(w->options.parser, text, token) == PARSER_SUBMIT_QUEUED) return true;
    slot_give(w->parses, token);
    return false;
}

static void world_abandon(struct session_world *world, struct session *session)
{
    struct worker *w = worker_of(world);
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (w->proofs->all[i].session == session) w->proofs->all[i].session = NULL;
        if (w->parses->all[i].session != session) continue;
        w->parses->all[i].session = NULL;
        parser_client_cancel(w->options.parser, (uint64_t)w->parses->all[i].generation << 32 | i);
    }
}

struct cancel_task {
    struct loop_task task;
    struct worker *worker;
    int32_t pid;
    uint8_t key[4];
    char from[ADDRESS_TEXT];
};

static void run_cancel(struct loop_task *task)
{
    struct cancel_task *t = (struct cancel_task *)task;
    relays_cancel(&t->worker->relays, t->pid, bytes_make(t->key, 4), bytes_of(t->from));
    free(t);
}

/* A key of ours has 32 bits, and a server's process ids are no secret: whoever guesses at 50 a second needs a
 * year for one session. No driver cancels as often. The session may be any worker's: all are asked. Cancel
 * requests are rare, and this way no table of sessions is shared. */
static void world_cancel(struct session_world *world, int32_t pid, struct bytes key, struct bytes from)
{
    struct worker *asked = worker_of(world);
    struct workers *shared = asked->shared;
    if (key.n != 4) return;
    int64_t now = clock_monotonic_us(shared->clock);
    if (!throttle_take(&asked->cancels, throttle_host(from), now)) {
        if (now >= asked->tell_cancels_us)
            log_line(LOG_WARNING, "too many cancel requests from %.*s: more than %d a second are dropped",
                     BYTES_FMT(from), CANCELS_A_SECOND);
        if (now >= asked->tell_cancels_us) asked->tell_cancels_us = now + CANCELS_TOLD_US;
        return;
    }
    for (unsigned i = 0; i < shared->n; i++) {
        struct worker *worker = worker_at(shared, i);
        struct cancel_task *t = worker ? calloc(1, sizeof *t) : NULL;
        if (!t) continue;
        t->task.run = run_cancel;
        t->worker = worker;
        t->pid = pid;
        memcpy(t->key, key.p, 4);
        memcpy(t->from, from.p, from.n < sizeof t->from ? from.n : sizeof t->from - 1);
        loop_post(t->worker->loop, &t->task);
    }
}

static bool world_register_key(struct session_world *world, struct session *session, int32_t pid,
                               const uint8_t key[4])
{
    return relays_register_key(&worker_of(world)->relays, session, pid, key);
}

static void world_forget_key(struct session_world *world, struct session *session, int32_t pid,
                             const uint8_t key[4])
{
    (void)session;
    relays_forget_key(&worker_of(world)->relays, pid, key);
}

static struct session_catalog *world_catalog_attach(struct session_world *world,
                                                    struct session_snapshot *snapshot,
                                                    const struct target *target, struct bytes database)
{
    return catalogs_attach(&worker_of(world)->catalogs, snapshot, target, database);
}

static void world_catalog_detach(struct session_world *world, struct session_catalog *catalog)
{
    catalogs_detach(&worker_of(world)->catalogs, catalog);
}

static bool world_catalog_check(struct session_world *world, struct session_catalog *catalog)
{
    return catalogs_check(&worker_of(world)->catalogs, catalog);
}

struct job_task {
    struct loop_task task;
    struct worker *worker;
    struct view_job *job;
};

static void run_job_done(struct loop_task *task)
{
    struct job_task *t = (struct job_task *)task;
    struct session *session = session_job_done(t->job);
    if (session) relay_touch(&t->worker->relays, session);
    free(t);
}

/* On the other thread: the job comes back to the worker's loop. */
static void on_job_ran(void *context, struct view_job *job)
{
    struct job_task *t = context;
    t->job = job;
    loop_post(t->worker->loop, &t->task);
}

static bool world_ask_job(struct session_world *world, struct view_job *job)
{
    struct worker *w = worker_of(world);
    struct job_task *t = calloc(1, sizeof *t);
    if (!t) return false;
    t->task.run = run_job_done;
    t->worker = w;
    if (understander_ask(w->options.understander, job, on_job_ran, t)) return true;
    free(t);
    return false;
}

/* The desk tells from any thread; the session hears of it on the worker's loop. Freed by whichever of the
 * session and the task lets go last. */
struct desk_task {
    struct desk_waiter waiter;
    struct loop_task task;
    struct worker *worker;
    struct session *session; /* NULL: it has left */
    bool posted;             /* atomic */
};

static void run_desk(struct loop_task *task)
{
    struct desk_task *t = (struct desk_task *)((char *)task - offsetof(struct desk_task, task));
    __atomic_store_n(&t->posted, false, __ATOMIC_SEQ_CST);
    if (!t->session) {
        free(t);
        return;
    }
    session_on_desk(t->session);
    relay_touch(&t->worker->relays, t->session);
}

static void on_tell(struct desk_waiter *waiter)
{
    struct desk_task *t = (struct desk_task *)waiter;
    if (!__atomic_exchange_n(&t->posted, true, __ATOMIC_SEQ_CST)) loop_post(t->worker->loop, &t->task);
}

static struct desk_waiter *world_desk_join(struct session_world *world, struct session *session)
{
    struct desk_task *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->waiter.tell = on_tell;
    t->task.run = run_desk;
    t->worker = worker_of(world);
    t->session = session;
    return &t->waiter;
}

/* Its ticket is gone, so that nobody tells any more; what was posted finds that it has left. */
static void world_desk_leave(struct session_world *world, struct desk_waiter *waiter)
{
    struct desk_task *t = (struct desk_task *)waiter;
    (void)world;
    t->session = NULL;
    if (!__atomic_load_n(&t->posted, __ATOMIC_SEQ_CST)) free(t);
}

static struct session_budget *world_budget_open(struct session_world *world,
                                                const struct principal *principal, struct bytes connection)
{
    return budgets_of(worker_of(world)->shared->budgets, principal, connection);
}

static void world_budget_close(struct session_world *world, struct session_budget *budget)
{
    budgets_release(worker_of(world)->shared->budgets, budget);
}

static uint64_t world_budget_left(struct session_world *world, struct session_budget *budget,
                                  enum session_budget_kind kind, uint64_t most)
{
    return budgets_left(worker_of(world)->shared->budgets, budget, kind, most);
}

static bool world_budget_take(struct session_world *world, struct session_budget *budget,
                              enum session_budget_kind kind, uint64_t n, uint64_t most)
{
    return budgets_take(worker_of(world)->shared->budgets, budget, kind, n, most);
}

void worker_world_init(struct worker *w)
{
    w->cancels = (struct throttle){ .seed = w->shared->seed,
                                    .interval_us = 1000000 / CANCELS_A_SECOND,
                                    .burst = CANCELS_AT_ONCE };
    w->world = (struct session_world){ .context = w,
                                       .clock = w->shared->clock,
                                       .stamps = loop_stamps(w->loop),
                                       .lane = w->options.lane,
                                       .cache = w->cache,
                                       .seed = w->shared->seed,
                                       .tls = w->shared->tls != NULL,
                                       .snapshot = world_snapshot,
                                       .random = world_random,
                                       .ask_proof = world_ask_proof,
                                       .ask_parse = world_ask_parse,
                                       .abandon = world_abandon,
                                       .cancel = world_cancel,
                                       .register_key = world_register_key,
                                       .forget_key = world_forget_key,
                                       .catalog_attach = world_catalog_attach,
                                       .catalog_detach = world_catalog_detach,
                                       .catalog_check = world_catalog_check,
                                       .ask_job = world_ask_job,
                                       .desk = w->shared->desk,
                                       .minted = w->shared->minted,
                                       .desk_join = world_desk_join,
                                       .desk_leave = world_desk_leave,
                                       .refused = w->shared->notices ? world_refused : NULL,
                                       .budget_open = world_budget_open,
                                       .budget_close = world_budget_close,
                                       .budget_left = world_budget_left,
                                       .budget_take = world_budget_take };
}
