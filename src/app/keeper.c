/* The thread, its messages, and the table of places. Everything but keeper_want, keeper_leave, keeper_check
 * and the start and the end runs on the keeper's own loop. */
#include "app/keeper.h"
#include "app/keeper-place.h"
#include "app/shelf.h"
#include "base/log.h"
#include "base/thread.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_US = 10000000, UNWANTED_US = 60000000 };

struct keeper {
    struct keeper_options options;
    struct keeper_room room;
    struct loop *loop;
    pthread_t thread;
    struct loop_source keys_source;
    struct loop_timer sweep;
    struct keeper_place *places;
    unsigned n_places;
    uint64_t next_number;
    struct loop_task stop_task;
    struct shelf *shelf; /* for any thread */
};

enum message_kind { MESSAGE_WANT, MESSAGE_LEAVE, MESSAGE_CHECK };
struct keeper_message {
    struct loop_task task;
    struct keeper *keeper;
    enum message_kind kind;
    unsigned worker;
    struct session_snapshot *snapshot; /* held */
    const struct target *target;
    size_t n;
    uint8_t database[];
};

/* ---- telling */

void keeper_news_free(struct keeper_news *news)
{
    session_snapshot_release(news->snapshot);
    catalog_release(news->catalog);
    free(news);
}

static struct keeper_news *news_new(struct session_snapshot *snapshot, const struct target *target,
                                    struct bytes database, const struct catalog *catalog, int64_t checked_us,
                                    struct bytes problem)
{
    struct keeper_news *news = malloc(sizeof *news + database.n + problem.n);
    if (!news) return NULL;
    uint8_t *text = (uint8_t *)(news + 1);
    if (database.n) memcpy(text, database.p, database.n);
    if (problem.n) memcpy(text + database.n, problem.p, problem.n);
    *news = (struct keeper_news){ .snapshot = session_snapshot_hold(snapshot),
                                  .target = target,
                                  .database = bytes_make(text, database.n),
                                  .catalog = catalog ? catalog_hold(catalog) : NULL,
                                  .checked_us = checked_us,
                                  .problem = bytes_make(text + database.n, problem.n) };
    return news;
}

static void tell(void *context, struct keeper_place *p)
{
    struct keeper *k = context;
    shelf_put(k->shelf, p->target->name, bytes_of(p->database), p->problem[0] ? NULL : p->catalog);
    for (unsigned i = 0; i < k->options.n_workers; i++) {
        if (!p->wanted[i]) continue;
        struct keeper_news *news = news_new(p->snapshot, p->target, bytes_of(p->database), p->catalog,
                                            p->good_us, bytes_of(p->problem));
        if (news)
            k->options.tell(k->options.context, i, news);
        else
            log_line(LOG_ERROR, "worker %u cannot be told of a catalogue: out of memory", i);
    }
}

/* ---- proofs */

static bool ask_proof(void *context, uint64_t place, const struct session_proof *proof)
{
    struct keeper *k = context;
    int error = proof->md5
                    ? keys_client_send_md5(k->options.keys, proof->login, proof->user, proof->md5_salt, place)
                    : keys_client_send_scram(k->options.keys, proof->login, proof->salt, proof->iterations,
                                             proof->auth_message, place);
    return error == 0;
}

static void on_keys_ready(struct loop_source *source, uint32_t events)
{
    struct keeper *k = (struct keeper *)((char *)source - offsetof(struct keeper, keys_source));
    struct keys_reply reply;
    enum keys_receive received;
    (void)events;
    while ((received = keys_client_receive(k->options.keys, &reply)) == KEYS_REPLY) {
        struct keeper_place *p = k->places;
        while (p && p->number != reply.request)
            p = p->next;
        if (p && p->connection)
            own_connection_proof(p->connection, reply.status, reply.proof, reply.server_signature, reply.md5);
    }
    if (received != KEYS_LOST) return;
    loop_remove(k->loop, source);
    k->options.on_child_lost(k->options.context);
}

/* ---- messages */

static struct keeper_place *find(struct keeper *k, const struct keeper_message *m)
{
    struct keeper_place *p = k->places;
    while (p && !place_is(p, m->snapshot, m->target, bytes_make(m->database, m->n)))
        p = p->next;
    return p;
}

static void drop_place(struct keeper *k, struct keeper_place *p)
{
    shelf_drop(k->shelf, p->catalog);
    place_free(p);
}

/* The one that nobody wants for the longest makes room. */
static void make_room(struct keeper *k)
{
    struct keeper_place **oldest = NULL;
    for (struct keeper_place **link = &k->places; *link; link = &(*link)->next)
        if ((*link)->n_wanted == 0 && (!oldest || (*link)->unwanted_us < (*oldest)->unwanted_us))
            oldest = link;
    if (!oldest) return;
    struct keeper_place *p = *oldest;
    *oldest = p->next;
    k->n_places--;
    drop_place(k, p);
}

static void refuse(struct keeper *k, const struct keeper_message *m)
{
    struct keeper_news *news =
        news_new(m->snapshot, m->target, bytes_make(m->database, m->n), NULL, 0,
                 BYTES_LITERAL("the gateway keeps the catalogues of too many databases at one time"));
    if (news) k->options.tell(k->options.context, m->worker, news);
}

static void on_want(struct keeper *k, const struct keeper_message *m)
{
    struct keeper_place *p = find(k, m);
    if (!p && k->n_places >= KEEPER_PLACES) make_room(k);
    if (!p && k->n_places < KEEPER_PLACES) {
        /* The number goes round through the keys child: never one that stands for another place's log-in. */
        p = place_new(&k->room, ++k->next_number, k->options.n_workers, m->snapshot, m->target,
                      bytes_make(m->database, m->n));
        if (p) {
            p->next = k->places;
            k->places = p;
            k->n_places++;
        }
    }
    if (!p) {
        refuse(k, m);
        return;
    }
    p->n_wanted += !p->wanted[m->worker];
    p->wanted[m->worker] = true;
    if (p->problem[0]) tell(k, p);
    place_look(p);
}

static void on_leave(struct keeper *k, const struct keeper_message *m)
{
    struct keeper_place *p = find(k, m);
    if (!p || !p->wanted[m->worker]) return;
    p->wanted[m->worker] = false;
    if (--p->n_wanted == 0) place_rest(p);
}

static void run_message(struct loop_task *task)
{
    struct keeper_message *m = (struct keeper_message *)task;
    struct keeper *k = m->keeper;
    struct keeper_place *p;
    switch (m->kind) {
    case MESSAGE_WANT: on_want(k, m); break;
    case MESSAGE_LEAVE: on_leave(k, m); break;
    case MESSAGE_CHECK:
        p = find(k, m);
        if (p) place_look(p);
        break;
    }
    session_snapshot_release(m->snapshot);
    free(m);
}

static bool post(struct keeper *k, enum message_kind kind, unsigned worker, struct session_snapshot *snapshot,
                 const struct target *target, struct bytes database)
{
    struct keeper_message *m = malloc(sizeof *m + database.n);
    if (!m) return false;
    *m = (struct keeper_message){ .task.run = run_message,
                                  .keeper = k,
                                  .kind = kind,
                                  .worker = worker,
                                  .snapshot = session_snapshot_hold(snapshot),
                                  .target = target,
                                  .n = database.n };
    if (database.n) memcpy(m->database, database.p, database.n);
    loop_post(k->loop, &m->task);
    return true;
}

bool keeper_want(struct keeper *keeper, unsigned worker, struct session_snapshot *snapshot,
                 const struct target *target, struct bytes database)
{
    return post(keeper, MESSAGE_WANT, worker, snapshot, target, database);
}

bool keeper_leave(struct keeper *keeper, unsigned worker, struct session_snapshot *snapshot,
                  const struct target *target, struct bytes database)
{
    return post(keeper, MESSAGE_LEAVE, worker, snapshot, target, database);
}

bool keeper_check(struct keeper *keeper, unsigned worker, struct session_snapshot *snapshot,
                  const struct target *target, struct bytes database)
{
    return post(keeper, MESSAGE_CHECK, worker, snapshot, target, database);
}

/* ---- the thread */

static void on_sweep(struct loop_timer *timer)
{
    struct keeper *k = (struct keeper *)((char *)timer - offsetof(struct keeper, sweep));
    struct keeper_place **link = &k->places;
    while (*link) {
        struct keeper_place *p = *link;
        if (p->n_wanted || loop_now_us(k->loop) - p->unwanted_us < UNWANTED_US) {
            link = &p->next;
            continue;
        }
        *link = p->next;
        k->n_places--;
        drop_place(k, p);
    }
    if (loop_timer_set(k->loop, timer, loop_now_us(k->loop) + SWEEP_US))
        log_line(LOG_ERROR, "the keeper of catalogues cannot set its timer");
}

static void *keeper_main(void *context)
{
    struct keeper *k = context;
    loop_run(k->loop);
    return NULL;
}

int keeper_start(const struct keeper_options *options, struct keeper **out)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (!k) return -ENOMEM;
    k->options = *options;
    k->shelf = shelf_new();
    int error = k->shelf ? loop_new(options->clock, &k->loop) : -ENOMEM;
    k->room = (struct keeper_room){ options->clock, k->loop, options->resolver, k, ask_proof, tell };
    k->keys_source = (struct loop_source){ .fd = keys_client_fd(options->keys), .on_ready = on_keys_ready };
    k->sweep.on_due = on_sweep;
    if (!error) error = loop_add(k->loop, &k->keys_source, EPOLLIN);
    if (!error) error = loop_timer_set(k->loop, &k->sweep, loop_now_us(k->loop) + SWEEP_US);
    if (!error) error = thread_start(&k->thread, "keeper", keeper_main, k);
    if (error)
        keeper_free(k);
    else
        *out = k;
    return error;
}

static void run_stop(struct loop_task *task)
{
    struct keeper *k = (struct keeper *)((char *)task - offsetof(struct keeper, stop_task));
    loop_stop(k->loop);
}

void keeper_stop(struct keeper *k)
{
    if (!k) return;
    k->stop_task.run = run_stop;
    loop_post(k->loop, &k->stop_task); /* behind what workers have posted */
    pthread_join(k->thread, NULL);
    while (k->places) {
        struct keeper_place *p = k->places;
        k->places = p->next;
        drop_place(k, p);
    }
}

const struct catalog *keeper_newest(struct keeper *k, struct bytes connection, struct bytes database)
{
    return k ? shelf_get(k->shelf, connection, database) : NULL;
}

void keeper_free(struct keeper *k)
{
    if (!k) return;
    if (k->loop) loop_run_posted(k->loop);
    if (k->loop) loop_free(k->loop);
    shelf_free(k->shelf);
    free(k);
}
