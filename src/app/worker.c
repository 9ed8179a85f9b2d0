/* The thread, and its answers to what sessions ask of the world. */
#include "app/worker.h"
#include "app/catalogs.h"
#include "approval/desk.h"
#include "base/log.h"
#include "base/thread.h"
#include "net/listener.h"
#include "net/throttle.h"
#include "session/relay.h"
#include "session/understood.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    KILL_ANSWER_S = 5,
    ACCEPTS_PER_TURN = 64,
    CACHE_ENTRIES = 8192,
    CACHE_BYTES = 64 << 20,
    ACCEPT_PAUSE_US = 100000,
    CANCELS_A_SECOND = 50,
    CANCELS_AT_ONCE = 200,
    CANCELS_TOLD_US = 60000000
};

struct listening {
    struct loop_source source;
    struct worker *worker;
};

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

/* The session that waits for this answer; NULL: it is gone. */
static struct session *slot_give(struct slots *slots, uint64_t token)
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

/* NULL while the gateway starts: the first workers are there before the last. */
static struct worker *worker_at(const struct workers *workers, unsigned i)
{
    return __atomic_load_n(&workers->all[i], __ATOMIC_ACQUIRE);
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

/* ---- children */

static void lost_child(struct worker *w, struct loop_source *source, const char *which)
{
    loop_remove(w->loop, source);
    if (w->stopping) return;
    log_line(LOG_ERROR, "the %s process is gone; the gateway stops", which);
    w->options.on_child_lost(w->options.context);
}

static void on_keys_ready(struct loop_source *source, uint32_t events)
{
    struct worker *w = (struct worker *)((char *)source - offsetof(struct worker, keys_source));
    struct keys_reply reply;
    enum keys_receive received;
    (void)events;
    while ((received = keys_client_receive(w->options.keys, &reply)) == KEYS_REPLY) {
        struct session *session = slot_give(w->proofs, reply.request);
        if (!session) continue;
        session_on_proof(session, reply.status, reply.proof, reply.server_signature, reply.md5);
        relay_touch(&w->relays, session);
    }
    if (received == KEYS_LOST) lost_child(w, source, "keys");
}

static void on_parser_ready(struct loop_source *source, uint32_t events)
{
    struct worker *w = (struct worker *)((char *)source - offsetof(struct worker, parser_source));
    struct parser_answer answer;
    enum parser_receive received;
    (void)events;
    while ((received = parser_client_receive(w->options.parser, &answer)) == PARSER_DONE) {
        struct session *session = slot_give(w->parses, answer.token);
        if (!session) continue;
        session_on_parsed(session, answer.outcome == PARSER_ANSWERED ? answer.encoded : (struct bytes){ 0 });
        relay_touch(&w->relays, session);
    }
    if (received == PARSER_LOST) lost_child(w, source, "parser");
}

/* ---- accepting */

static void set_accepting(struct worker *w, bool on)
{
    for (size_t i = 0; i < w->options.n_listeners; i++)
        loop_watch(w->loop, &w->listening[i].source, on ? EPOLLIN : 0);
}

static void on_accept_again(struct loop_timer *timer)
{
    set_accepting((struct worker *)((char *)timer - offsetof(struct worker, accept_again)), true);
}

/* Too many, or no descriptors left: those who knock wait in the kernel's queue for a moment. */
static void pause_accepting(struct worker *w)
{
    set_accepting(w, false);
    if (loop_timer_set(w->loop, &w->accept_again, loop_now_us(w->loop) + ACCEPT_PAUSE_US))
        set_accepting(w, true);
}

static void on_knock(struct loop_source *source, uint32_t events)
{
    struct listening *l = (struct listening *)((char *)source - offsetof(struct listening, source));
    struct worker *w = l->worker;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct address peer;
        int fd;
        if (w->relays.n_unauthenticated >= w->shared->most_unauthenticated) {
            pause_accepting(w);
            return;
        }
        int error = listener_accept(source->fd, &fd, &peer);
        if (error == -EAGAIN) return;
        if (error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS) {
            log_line(LOG_WARNING, "worker %u: a connection cannot be accepted: %s", w->options.number,
                     strerror(-error));
            pause_accepting(w);
            return;
        }
        if (error == 0 && (error = relay_accept(&w->relays, fd, &peer)))
            log_line(LOG_WARNING, "worker %u: a connection was dropped: %s", w->options.number,
                     strerror(-error));
    }
}

/* ---- tasks from other threads */

static void visit_room(struct session *session, void *context)
{
    (void)context;
    session_on_room(session);
}

static void visit_keys(struct session *session, void *context)
{
    (void)context;
    session_on_keys(session);
}

static void visit_stop(struct session *session, void *context)
{
    (void)context;
    session_kill(session, true, (struct bytes){ 0 });
}

static void run_room(struct loop_task *task)
{
    struct worker *w = (struct worker *)((char *)task - offsetof(struct worker, room_task));
    __atomic_store_n(&w->room_posted, false, __ATOMIC_SEQ_CST);
    relays_each(&w->relays, visit_room, NULL);
}

static void run_keys(struct loop_task *task)
{
    struct worker *w = (struct worker *)((char *)task - offsetof(struct worker, keys_task));
    __atomic_store_n(&w->keys_posted, false, __ATOMIC_SEQ_CST);
    relays_each(&w->relays, visit_keys, NULL);
}

/* What still runs at a server is cancelled before the gateway goes. */
static void stop_when_done(struct worker *w)
{
    if (w->relays.n == 0 && w->relays.n_cancelling == 0) loop_stop(w->loop);
}

static void run_stop(struct loop_task *task)
{
    struct worker *w = (struct worker *)((char *)task - offsetof(struct worker, stop_task));
    w->stopping = true;
    for (size_t i = 0; i < w->options.n_listeners; i++)
        loop_remove(w->loop, &w->listening[i].source);
    loop_timer_cancel(w->loop, &w->accept_again);
    relays_each(&w->relays, visit_stop, NULL);
    stop_when_done(w);
}

void worker_room(struct worker *w)
{
    if (!__atomic_exchange_n(&w->room_posted, true, __ATOMIC_SEQ_CST)) loop_post(w->loop, &w->room_task);
}

void worker_keys(struct worker *w)
{
    if (!__atomic_exchange_n(&w->keys_posted, true, __ATOMIC_SEQ_CST)) loop_post(w->loop, &w->keys_task);
}

void workers_post(struct workers *workers, struct loop_task *(*make)(void *context, struct worker *worker),
                  void *context)
{
    for (unsigned i = 0; i < workers->n; i++) {
        struct worker *worker = worker_at(workers, i);
        struct loop_task *task = worker ? make(context, worker) : NULL;
        if (task) loop_post(worker->loop, task);
    }
}

void worker_each(struct worker *w, void (*visit)(struct session *session, void *context), void *context)
{
    relays_each(&w->relays, visit, context);
}

static void run_catalog(struct loop_task *task)
{
    struct keeper_news *news = (struct keeper_news *)task;
    struct worker *w = news->receiver;
    catalogs_on_news(&w->catalogs, news);
}

void worker_catalog(struct worker *w, struct keeper_news *news)
{
    news->task.run = run_catalog;
    news->receiver = w;
    loop_post(w->loop, &news->task);
}

void worker_post(struct worker *w, struct loop_task *task)
{
    loop_post(w->loop, task);
}

void worker_drain(struct worker *w)
{
    loop_run_posted(w->loop);
}

void worker_stop(struct worker *w)
{
    loop_post(w->loop, &w->stop_task);
}

/* Shared by the tasks of one call; the last to let go frees it. */
struct kill_request {
    unsigned n_users, n_left; /* atomic */
    bool found;               /* atomic */
    sem_t answered;
    uint64_t session;
    char by[1200];
    struct buf claims; /* not empty: these are added, and nothing ends */
};
struct kill_task {
    struct loop_task task;
    struct worker *worker;
    struct kill_request *request;
};

static void kill_request_release(struct kill_request *request)
{
    if (__atomic_sub_fetch(&request->n_users, 1, __ATOMIC_ACQ_REL)) return;
    sem_destroy(&request->answered);
    buf_free(&request->claims);
    free(request);
}

static void run_kill(struct loop_task *task)
{
    struct kill_task *t = (struct kill_task *)task;
    struct session *session = relays_find(&t->worker->relays, t->request->session);
    if (session) {
        if (buf_length(&t->request->claims))
            session_claim(session, buf_bytes(&t->request->claims));
        else
            session_kill(session, false, bytes_of(t->request->by));
        relay_touch(&t->worker->relays, session);
        __atomic_store_n(&t->request->found, true, __ATOMIC_SEQ_CST);
    }
    if (__atomic_sub_fetch(&t->request->n_left, 1, __ATOMIC_SEQ_CST) == 0 || session)
        sem_post(&t->request->answered);
    kill_request_release(t->request);
    free(t);
}

static struct kill_request *request_new(uint64_t session)
{
    struct kill_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    sem_init(&request->answered, 0, 0);
    buf_init(&request->claims, 1 << 20);
    request->session = session;
    return request;
}

/* Hands it to every worker, and waits. */
static bool request_run(struct workers *workers, struct kill_request *request)
{
    struct timespec until;
    request->n_users = 1 + workers->n;
    request->n_left = workers->n;
    for (unsigned i = 0; i < workers->n; i++) {
        struct worker *worker = worker_at(workers, i);
        struct kill_task *t = worker ? calloc(1, sizeof *t) : NULL;
        if (!t) {
            if (__atomic_sub_fetch(&request->n_left, 1, __ATOMIC_SEQ_CST) == 0) sem_post(&request->answered);
            kill_request_release(request);
            continue;
        }
        *t = (struct kill_task){ .task.run = run_kill, .worker = worker, .request = request };
        loop_post(t->worker->loop, &t->task);
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += KILL_ANSWER_S;
    while (sem_timedwait(&request->answered, &until) && errno == EINTR)
        ;
    bool found = __atomic_load_n(&request->found, __ATOMIC_SEQ_CST);
    kill_request_release(request);
    return found;
}

bool workers_kill(struct workers *workers, uint64_t session, const char *by)
{
    struct kill_request *request = request_new(session);
    if (!request) return false;
    memcpy(request->by, by, strnlen(by, sizeof request->by - 1));
    return request_run(workers, request);
}

bool workers_claim(struct workers *workers, uint64_t session, struct bytes fields)
{
    struct kill_request *request = request_new(session);
    if (!request) return false;
    buf_append(&request->claims, fields);
    if (!request->claims.failed && fields.n) return request_run(workers, request);
    request->n_users = 1;
    kill_request_release(request);
    return false;
}

void workers_count(const struct workers *workers, struct worker_counts *out)
{
    for (unsigned i = 0; i < workers->n; i++) {
        struct worker *worker = worker_at(workers, i);
        if (!worker) continue;
        struct session_counts *counts = &worker->world.counts;
        out->sent += atomic_load_explicit(&counts->sent, memory_order_relaxed);
        out->refused += atomic_load_explicit(&counts->refused, memory_order_relaxed);
        out->held += atomic_load_explicit(&counts->held, memory_order_relaxed);
    }
}

/* ---- the thread */

static void on_turn_end(void *context)
{
    struct worker *w = context;
    relays_turn_end(&w->relays);
    if (w->stopping) stop_when_done(w);
}

/* A worker that is woken lets whoever runs end its slice first, rather than interrupt the very clients and
 * servers whose next messages it could take up in the same turn: fewer turns a statement, and more statements
 * a second. On a processor that has nothing to do it still runs at once. */
static void gather(void)
{
    struct sched_param none = { 0 };
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

static void *worker_main(void *context)
{
    struct worker *w = context;
    gather();
    loop_run(w->loop);
    return NULL;
}

static int watch_all(struct worker *w)
{
    w->keys_source = (struct loop_source){ .fd = keys_client_fd(w->options.keys), .on_ready = on_keys_ready };
    w->parser_source =
        (struct loop_source){ .fd = parser_client_fd(w->options.parser), .on_ready = on_parser_ready };
    int error = loop_add(w->loop, &w->keys_source, EPOLLIN);
    if (!error) error = loop_add(w->loop, &w->parser_source, EPOLLIN);
    for (size_t i = 0; !error && i < w->options.n_listeners; i++) {
        w->listening[i] =
            (struct listening){ .source = { .fd = w->options.listeners[i], .on_ready = on_knock },
                                .worker = w };
        error = loop_add(w->loop, &w->listening[i].source, EPOLLIN);
    }
    return error;
}

void worker_free(struct worker *w)
{
    if (!w) return;
    relays_free(&w->relays);
    understood_cache_free(w->cache);
    loop_free(w->loop);
    free(w->listening);
    free(w->proofs);
    free(w->parses);
    free(w);
}

int worker_start(const struct worker_options *options, struct worker **out)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w) return -ENOMEM;
    w->options = *options;
    w->shared = options->shared;
    w->cache = understood_cache_new(CACHE_ENTRIES, CACHE_BYTES, w->shared->seed);
    w->listening = calloc(options->n_listeners + 1, sizeof *w->listening);
    w->proofs = calloc(1, sizeof *w->proofs);
    w->parses = calloc(1, sizeof *w->parses);
    w->room_task.run = run_room;
    w->keys_task.run = run_keys;
    w->stop_task.run = run_stop;
    w->accept_again.on_due = on_accept_again;
    w->cancels = (struct throttle){ .seed = w->shared->seed,
                                    .interval_us = 1000000 / CANCELS_A_SECOND,
                                    .burst = CANCELS_AT_ONCE };
    w->world = (struct session_world){ .context = w,
                                       .clock = w->shared->clock,
                                       .lane = options->lane,
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
    int error =
        w->cache && w->listening && w->proofs && w->parses ? loop_new(w->shared->clock, &w->loop) : -ENOMEM;
    if (!error) w->world.stamps = loop_stamps(w->loop);
    w->relays = (struct relays){ .loop = w->loop,
                                 .resolver = w->shared->resolver,
                                 .world = &w->world,
                                 .tls = w->shared->tls,
                                 .lane = options->lane };
    w->catalogs = (struct catalogs){ options->keeper, options->number, &w->relays, NULL };
    if (!error)
        error = relays_init(&w->relays, w->shared->most_sessions, &w->shared->n_sessions, w->shared->seed);
    if (!error) error = watch_all(w);
    if (!error) {
        loop_set_turn_end(w->loop, on_turn_end, w);
        char name[16];
        snprintf(name, sizeof name, "worker-%u", options->number);
        error = thread_start(&w->thread, name, worker_main, w);
    }
    if (error) {
        worker_free(w);
        return error;
    }
    *out = w;
    return 0;
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
    relays_free(&w->relays);
}
