/* The file is read anew each time: a hold that was placed a moment ago holds. */
#include "record/holds.h"
#include "record/index-erase.h"
#include "store/sqlite.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct holds {
    struct sqlite_db *db;
};
static const char *const steps[] = {
    "CREATE TABLE hold (number INTEGER PRIMARY KEY, session INTEGER NOT NULL DEFAULT 0, subject TEXT NOT "
    "NULL,"
    " issuer TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, since_us INTEGER NOT NULL,"
    " UNIQUE (session, subject, issuer))",
};
enum { N_STEPS = sizeof steps / sizeof *steps };

int holds_open(const char *data, bool make, struct holds **out)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/holds.db", data);
    if (!make && access(path, F_OK) != 0) return -errno;
    struct holds *holds = calloc(1, sizeof *holds);
    if (!holds) return -ENOMEM;
    int error = sqlite_db_open(path, SQLITE_DB_WRITE, &holds->db);
    if (!error) error = sqlite_db_migrate(holds->db, steps, N_STEPS);
    /* A hold that was answered for must be there after a power cut. */
    if (!error) error = sqlite_db_run(holds->db, "PRAGMA synchronous = FULL");
    if (error)
        holds_close(holds);
    else
        *out = holds;
    return error;
}

void holds_close(struct holds *holds)
{
    if (!holds) return;
    sqlite_db_close(holds->db);
    free(holds);
}

static struct bytes never_null(struct bytes b)
{
    return b.p ? b : BYTES_LITERAL("");
}

static void bind_whom(struct sqlite_query *q, uint64_t session, struct bytes subject, struct bytes issuer)
{
    sqlite_query_bind_int(q, 1, (int64_t)session);
    sqlite_query_bind_text(q, 2, never_null(subject));
    sqlite_query_bind_text(q, 3, never_null(issuer));
}

int holds_add(struct holds *holds, const struct hold *hold, int64_t *number_out)
{
    struct sqlite_query *q;
    int error =
        sqlite_query_new(holds->db,
                         "INSERT INTO hold (session, subject, issuer, who, reason, since_us) VALUES (?1, ?2, "
                         "?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                         &q);
    if (error) return error;
    bind_whom(q, hold->session, hold->subject, hold->issuer);
    sqlite_query_bind_text(q, 4, never_null(hold->by));
    sqlite_query_bind_text(q, 5, never_null(hold->reason));
    sqlite_query_bind_int(q, 6, hold->since_us);
    error = sqlite_query_finish(q);
    sqlite_query_free(q);
    if (!error)
        error = sqlite_query_new(
            holds->db, "SELECT number FROM hold WHERE session = ?1 AND subject = ?2 AND issuer = ?3", &q);
    if (error) return error;
    bind_whom(q, hold->session, hold->subject, hold->issuer);
    if (sqlite_query_step(q) == SQLITE_STEP_ROW) *number_out = sqlite_query_int(q, 0);
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

int holds_release(struct holds *holds, uint64_t session, struct bytes subject, struct bytes issuer,
                  uint64_t *n_out)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(
        holds->db, "DELETE FROM hold WHERE session = ?1 AND subject = ?2 AND (?3 = '' OR issuer = ?3)", &q);
    if (error) return error;
    bind_whom(q, session, subject, issuer);
    error = sqlite_query_finish(q);
    *n_out = error ? 0 : (uint64_t)sqlite_db_changes(holds->db);
    sqlite_query_free(q);
    return error;
}

int holds_each(struct holds *holds, void (*visit)(void *context, const struct hold *hold), void *context)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(
        holds->db, "SELECT number, session, subject, issuer, who, reason, since_us FROM hold ORDER BY 1", &q);
    if (error) return error;
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct hold h = { .number = sqlite_query_int(q, 0),
                          .session = (uint64_t)sqlite_query_int(q, 1),
                          .subject = sqlite_query_text(q, 2),
                          .issuer = sqlite_query_text(q, 3),
                          .by = sqlite_query_text(q, 4),
                          .reason = sqlite_query_text(q, 5),
                          .since_us = sqlite_query_int(q, 6) };
        visit(context, &h);
    }
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

/* ---- sets of sessions */

void session_set_free(struct session_set *set)
{
    free(set->sessions);
    *set = (struct session_set){ 0 };
}

void session_set_add(struct session_set *set, uint64_t session)
{
    if (set->n == set->room) {
        size_t room = set->room ? set->room * 2 : 256;
        uint64_t *grown = realloc(set->sessions, room * sizeof *grown);
        if (!grown) {
            set->failed = true;
            return;
        }
        set->sessions = grown;
        set->room = room;
    }
    set->sessions[set->n++] = session;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void session_set_sort(struct session_set *set)
{
    size_t n = 0;
    if (!set->n) return;
    if (set->n) qsort(set->sessions, set->n, sizeof *set->sessions, by_number);
    for (size_t i = 0; i < set->n; i++)
        if (!n || set->sessions[n - 1] != set->sessions[i]) set->sessions[n++] = set->sessions[i];
    set->n = n;
}

bool session_set_has(const struct session_set *set, uint64_t session)
{
    return set->n && bsearch(&session, set->sessions, set->n, sizeof session, by_number);
}

struct gathering {
    struct index *index;
    struct session_set *set;
    int error;
};

static void gather_mortal(void *context, const struct index_mortal *mortal)
{
    struct gathering *g = context;
    session_set_add(g->set, mortal->session);
}

static void gather_hold(void *context, const struct hold *hold)
{
    struct gathering *g = context;
    if (hold->session)
        session_set_add(g->set, hold->session);
    else if (!g->error)
        g->error = index_of_subject(g->index, hold->subject, hold->issuer, gather_mortal, g);
}

int holds_sessions(const char *data, struct index *index, struct session_set *set)
{
    struct holds *holds;
    struct gathering g = { index, set, 0 };
    *set = (struct session_set){ 0 };
    int error = holds_open(data, false, &holds);
    if (error) return error == -ENOENT ? 0 : error;
    error = holds_each(holds, gather_hold, &g);
    holds_close(holds);
    if (!error) error = g.error;
    if (!error && set->failed) error = -ENOMEM;
    if (error)
        session_set_free(set);
    else
        session_set_sort(set);
    return error;
}
