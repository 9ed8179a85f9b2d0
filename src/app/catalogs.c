/* A short list: as many entries as databases that this worker's sessions are in. */
#include "app/catalogs.h"
#include <stdlib.h>
#include <string.h>

struct worker_catalog {
    struct session_catalog seen; /* first: what sessions hold */
    struct worker_catalog *next;
    struct session_snapshot *snapshot; /* held */
    const struct target *target;
    unsigned n_sessions;
    char problem[KEEPER_PROBLEM];
    size_t n;
    uint8_t database[];
};

static struct bytes database_of(const struct worker_catalog *w)
{
    return bytes_make(w->database, w->n);
}

static struct worker_catalog *find(struct catalogs *c, const struct session_snapshot *snapshot,
                                   const struct target *target, struct bytes database)
{
    struct worker_catalog *w = c->first;
    while (w && !(w->snapshot == snapshot && w->target == target && bytes_equal(database_of(w), database)))
        w = w->next;
    return w;
}

struct session_catalog *catalogs_attach(struct catalogs *c, struct session_snapshot *snapshot,
                                        const struct target *target, struct bytes database)
{
    struct worker_catalog *w = find(c, snapshot, target, database);
    if (!w) {
        if (!c->keeper || !keeper_want(c->keeper, c->worker, snapshot, target, database)) return NULL;
        w = calloc(1, sizeof *w + database.n);
        if (!w) return NULL;
        w->snapshot = session_snapshot_hold(snapshot);
        w->target = target;
        w->n = database.n;
        if (database.n) memcpy(w->database, database.p, database.n);
        w->next = c->first;
        c->first = w;
    }
    w->n_sessions++;
    return &w->seen;
}

void catalogs_detach(struct catalogs *c, struct session_catalog *catalog)
{
    struct worker_catalog *w = (struct worker_catalog *)catalog, **link = &c->first;
    if (--w->n_sessions) return;
    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
    /* Without memory the keeper keeps the place open: it costs a look a second. */
    bool told = keeper_leave(c->keeper, c->worker, w->snapshot, w->target, database_of(w));
    (void)told;
    catalog_release(w->seen.newest);
    session_snapshot_release(w->snapshot);
    free(w);
}

bool catalogs_check(struct catalogs *c, struct session_catalog *catalog)
{
    struct worker_catalog *w = (struct worker_catalog *)catalog;
    return keeper_check(c->keeper, c->worker, w->snapshot, w->target, database_of(w));
}

void catalogs_on_news(struct catalogs *c, struct keeper_news *news)
{
    struct worker_catalog *w = find(c, news->snapshot, news->target, news->database);
    if (w) {
        const struct catalog *old = w->seen.newest;
        w->seen.newest = news->catalog;
        news->catalog = old;
        w->seen.checked_us = news->checked_us;
        struct bytes problem = bytes_slice(news->problem, 0, sizeof w->problem);
        if (problem.n) memcpy(w->problem, problem.p, problem.n);
        w->seen.problem = bytes_make(w->problem, problem.n);
        relays_on_catalog(c->relays, &w->seen);
    }
    keeper_news_free(news);
}
