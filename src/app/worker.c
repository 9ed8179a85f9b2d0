/* The thread: accepting, what the children and other threads bring, its start and its end. */
#include "app/worker-private.h"
#include "base/log.h"
#include "base/thread.h"
#include "net/listener.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { ACCEPTS_PER_TURN = 64, CACHE_ENTRIES = 8192, CACHE_BYTES = 64 << 20, ACCEPT_PAUSE_US = 100000 };

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
    int error =
        w->cache && w->listening && w->proofs && w->parses ? loop_new(w->shared->clock, &w->loop) : -ENOMEM;
    if (!error) worker_world_init(w);
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
