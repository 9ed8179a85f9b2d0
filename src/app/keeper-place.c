/* A place's life: connect, look, load, rest, look again. Whatever fails closes the connection and is tried
 * again later; until then the last catalogue stands for a while, and then a problem does. */
#include "app/keeper-place.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_EVERY_US = 1000000,
    LOOK_PAUSE_US = 10000, /* between two looks, whoever asks */
    OPEN_US = 30000000,
    LOOK_US = 10000000,
    LOAD_QUERY_US = 60000000,
    RETRY_US = 500000,
    RETRY_MOST_US = 10000000,
    STALE_US = 10000000, /* a catalogue that could not be looked after for so long is not used any more */
    EPOCH_CEILING = 64 << 10
};

static void begin_look(struct keeper_place *p);
static void open_connection(struct keeper_place *p);

static void set_timer(struct keeper_place *p, int64_t due_us)
{
    if (loop_timer_set(p->room->loop, &p->timer, due_us))
        log_line(LOG_ERROR, "the catalogue of \"%s\" cannot be looked after: out of memory", p->database);
}

static int64_t now(const struct keeper_place *p)
{
    return loop_now_us(p->room->loop);
}

static void close_connection(struct keeper_place *p)
{
    own_connection_close(p->connection);
    p->connection = NULL;
    if (p->load) catalog_load_abandon(p->load);
    p->load = NULL;
}

static void tell(struct keeper_place *p)
{
    p->asked = p->look_again;
    p->room->tell(p->room->context, p);
}

/* A connection that is lost (somebody ended it, the server was restarted) is opened anew at once, and not at
 * all where nobody wants the place: a problem is what happens then. */
static bool opens_again(struct keeper_place *p)
{
    bool was_open = p->state == PLACE_RESTING || p->state == PLACE_LOOKING || p->state == PLACE_LOADING;
    if (!p->n_wanted) {
        p->state = PLACE_IDLE;
        p->n_failures = 0;
        p->reopened = false;
        p->problem[0] = 0;
        return true;
    }
    if (!was_open || p->reopened) return false;
    p->reopened = true;
    open_connection(p);
    return true;
}

static void fail(struct keeper_place *p, struct bytes why)
{
    char problem[KEEPER_PROBLEM];
    close_connection(p);
    if (opens_again(p)) return;
    p->state = PLACE_WAITING;
    int64_t pause = (int64_t)RETRY_US << (p->n_failures < 5 ? p->n_failures : 5);
    if (p->n_failures++ == 0)
        log_line(LOG_WARNING, "the catalogue of database \"%s\" of connection \"%.*s\" cannot be read: %.*s",
                 p->database, BYTES_FMT(p->target->name), BYTES_FMT(why));
    set_timer(p, now(p) + (pause < RETRY_MOST_US ? pause : RETRY_MOST_US));
    if (p->catalog && now(p) - p->good_us < STALE_US) return;
    snprintf(problem, sizeof problem, "%.*s", BYTES_FMT(why));
    memcpy(p->problem, problem, sizeof problem);
    tell(p);
}

static void rest(struct keeper_place *p)
{
    p->state = PLACE_RESTING;
    p->n_failures = 0;
    p->reopened = false;
    int64_t due = p->looked_us + (p->look_again ? LOOK_PAUSE_US : LOOK_EVERY_US);
    set_timer(p, due > now(p) ? due : now(p));
}

/* ---- looking and loading */

static void next_query(struct keeper_place *p)
{
    own_connection_query(p->connection, catalog_load_query(p->load, p->query), now(p) + LOAD_QUERY_US);
}

static void begin_load(struct keeper_place *p)
{
    p->load = catalog_load_begin();
    if (!p->load) {
        fail(p, BYTES_LITERAL("out of memory"));
        return;
    }
    p->state = PLACE_LOADING;
    p->query = 0;
    p->began_us = now(p);
    next_query(p);
}

static void end_load(struct keeper_place *p)
{
    const char *error = "out of memory";
    struct catalog_load *load = p->load;
    p->load = NULL;
    const struct catalog *catalog = catalog_load_end(load, &error);
    if (!catalog) {
        fail(p, bytes_of(error));
        return;
    }
    bool first = p->catalog == NULL;
    catalog_release(p->catalog);
    p->catalog = catalog;
    p->good_us = p->looked_us;
    p->problem[0] = 0;
    struct buf seen = p->epoch_seen;
    p->epoch_seen = p->epoch;
    p->epoch = seen;
    log_line(first ? LOG_INFO : LOG_DEBUG,
             "the catalogue of database \"%s\" of connection \"%.*s\" was read in %lu ms (serial %lu)",
             p->database, BYTES_FMT(p->target->name), (unsigned long)(now(p) - p->began_us) / 1000,
             (unsigned long)catalog_serial(catalog));
    rest(p);
    tell(p);
}

static void end_look(struct keeper_place *p)
{
    if (!p->catalog || !bytes_equal(buf_bytes(&p->epoch), buf_bytes(&p->epoch_seen))) {
        begin_load(p);
        return;
    }
    bool news = p->asked || p->problem[0];
    p->good_us = p->looked_us;
    p->problem[0] = 0;
    rest(p);
    if (news) tell(p);
}

static void begin_look(struct keeper_place *p)
{
    p->state = PLACE_LOOKING;
    p->look_again = false;
    p->looked_us = clock_monotonic_us(p->room->clock); /* the loop's may be older than who asked */
    buf_consume(&p->epoch_seen, buf_length(&p->epoch_seen));
    own_connection_query(p->connection, catalog_epoch_query, now(p) + LOOK_US);
}

void place_look(struct keeper_place *p)
{
    p->asked = true;
    switch (p->state) {
    case PLACE_IDLE: open_connection(p); return;
    case PLACE_RESTING:
        p->look_again = true;
        rest(p);
        return;
    case PLACE_OPENING:
    case PLACE_WAITING: return; /* a look comes first thing */
    case PLACE_LOOKING:
    case PLACE_LOADING: p->look_again = true; return;
    }
}

/* ---- what the connection says */

static bool on_ask_proof(void *context, const struct session_proof *proof)
{
    struct keeper_place *p = context;
    return p->room->ask_proof(p->room->context, p->number, proof);
}

static bool on_row(void *context, const struct bytes *values, size_t n)
{
    struct keeper_place *p = context;
    if (p->state == PLACE_LOADING) return catalog_load_row(p->load, p->query, values, n);
    for (size_t i = 0; i < n; i++)
        buf_append(&p->epoch_seen, values[i]);
    return !p->epoch_seen.failed;
}

static void on_idle(void *context, struct bytes error)
{
    struct keeper_place *p = context;
    if (error.n) {
        fail(p, error);
    } else if (p->state == PLACE_OPENING) {
        begin_look(p);
    } else if (p->state == PLACE_LOOKING) {
        end_look(p);
    } else if (p->state == PLACE_LOADING) {
        if (catalog_load_query(p->load, ++p->query))
            next_query(p);
        else
            end_load(p);
    }
}

static void on_lost(void *context, struct bytes why)
{
    fail(context, why);
}

static void open_connection(struct keeper_place *p)
{
    struct own_connection_options options = { .loop = p->room->loop,
                                              .resolver = p->room->resolver,
                                              .target = p->target,
                                              .login = &p->target->logins[0],
                                              .database = bytes_of(p->database),
                                              .user = { p, on_ask_proof, on_row, on_idle, on_lost } };
    p->connection = own_connection_open(&options, now(p) + OPEN_US);
    p->state = PLACE_OPENING;
    if (!p->connection) fail(p, BYTES_LITERAL("out of memory"));
}

static void on_due(struct loop_timer *timer)
{
    struct keeper_place *p = (struct keeper_place *)((char *)timer - offsetof(struct keeper_place, timer));
    if (p->state == PLACE_WAITING) {
        p->state = PLACE_IDLE;
        if (p->n_wanted)
            open_connection(p);
        else
            p->problem[0] = 0;
    }
    if (p->state == PLACE_RESTING && (p->n_wanted || p->look_again)) begin_look(p);
}

/* ---- life */

void place_rest(struct keeper_place *p)
{
    p->unwanted_us = now(p);
    p->asked = p->look_again = false;
}

bool place_is(const struct keeper_place *p, const struct session_snapshot *snapshot,
              const struct target *target, struct bytes database)
{
    return p->snapshot == snapshot && p->target == target && bytes_is(database, p->database);
}

struct keeper_place *place_new(const struct keeper_room *room, uint64_t number, unsigned n_workers,
                               struct session_snapshot *snapshot, const struct target *target,
                               struct bytes database)
{
    struct keeper_place *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->database = calloc(1, database.n + 1);
    p->wanted = calloc(n_workers, sizeof *p->wanted);
    if (!p->database || !p->wanted) {
        free(p->database);
        free(p->wanted);
        free(p);
        return NULL;
    }
    memcpy(p->database, database.p, database.n);
    p->room = room;
    p->number = number;
    p->snapshot = session_snapshot_hold(snapshot);
    p->target = target;
    p->timer.on_due = on_due;
    buf_init(&p->epoch, EPOCH_CEILING);
    buf_init(&p->epoch_seen, EPOCH_CEILING);
    return p;
}

void place_free(struct keeper_place *p)
{
    close_connection(p);
    loop_timer_cancel(p->room->loop, &p->timer);
    catalog_release(p->catalog);
    session_snapshot_release(p->snapshot);
    buf_free(&p->epoch);
    buf_free(&p->epoch_seen);
    free(p->wanted);
    free(p->database);
    free(p);
}
