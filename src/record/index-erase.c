/* Whatever table has a column `session` is purged by it: one that is added later needs nothing here. What
 * many sessions share (shapes, words, relations, counts) goes when the last of them goes. */
#include "record/index-erase.h"
#include "base/log.h"
#include "record/index-private.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 30000, TABLES = 64 };

/* ---- whom it concerns */

static int visit_mortals(struct sqlite_query *q,
                         void (*visit)(void *context, const struct index_mortal *mortal), void *context)
{
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_mortal m = { (uint64_t)sqlite_query_int(q, 0), sqlite_query_int(q, 1),
                                  sqlite_query_int(q, 2) };
        visit(context, &m);
    }
    int error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

int index_of_subject(struct index *index, struct bytes subject, struct bytes issuer,
                     void (*visit)(void *context, const struct index_mortal *mortal), void *context)
{
    static const char sql[] =
        "SELECT id, ended_us, retain_us FROM session WHERE subject = ?1 AND (?2 IS NULL OR issuer = ?2) UNION"
        " SELECT id, ended_us, retain_us FROM session WHERE on_behalf_of IS NOT NULL AND on_behalf_of = ?1"
        " AND (?2 IS NULL OR issuer = ?2) UNION"
        " SELECT session, time_us, 0 FROM rejection WHERE session <> 0 AND principal IN (SELECT principal "
        "FROM"
        " session WHERE subject = ?1 AND (?2 IS NULL OR issuer = ?2)) AND session NOT IN (SELECT id FROM "
        "session)"
        " ORDER BY 1";
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, sql, &q);
    if (error) return error;
    sqlite_query_bind_text(q, 1, subject);
    if (issuer.n) sqlite_query_bind_text(q, 2, issuer);
    return visit_mortals(q, visit, context);
}

int index_of_expired(struct index *index, int64_t now_us,
                     void (*visit)(void *context, const struct index_mortal *mortal), void *context)
{
    struct sqlite_query *q;
    int error =
        sqlite_query_new(index->db,
                         "SELECT id, ended_us, retain_us FROM session WHERE retain_us > 0 AND ended_us > "
                         "0 AND ended_us + retain_us <= ?1 ORDER BY id",
                         &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, now_us);
    return visit_mortals(q, visit, context);
}

static void keep_mortal(void *context, const struct index_mortal *mortal)
{
    *(struct index_mortal *)context = *mortal;
}

int index_of_session(struct index *index, uint64_t session, struct index_mortal *out)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db,
                                 "SELECT session, time_us, 0 FROM rejection WHERE session = ?1 UNION ALL"
                                 " SELECT id, ended_us, retain_us FROM session WHERE id = ?1",
                                 &q);
    if (error) return error;
    *out = (struct index_mortal){ 0 };
    sqlite_query_bind_int(q, 1, (int64_t)session);
    error = visit_mortals(q, keep_mortal, out);
    return error ? error : out->session ? 0 : -ENOENT;
}

int index_of_request(struct index *index, struct bytes request, uint64_t *session_out)
{
    struct sqlite_query *q;
    *session_out = 0;
    int error = sqlite_query_new(index->db, "SELECT session FROM approval WHERE request = ?1", &q);
    if (error) return error;
    sqlite_query_bind_text(q, 1, request);
    if (sqlite_query_step(q) == SQLITE_STEP_ROW) *session_out = (uint64_t)sqlite_query_int(q, 0);
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

/* ---- the sessions of an erasure, as a table of this connection */

static int gone_fill(struct index *index, const uint64_t *sessions, size_t n)
{
    struct sqlite_query *q;
    int error = sqlite_db_run(index->db,
                              "CREATE TEMP TABLE IF NOT EXISTS gone (session INTEGER PRIMARY KEY);"
                              "CREATE TEMP TABLE IF NOT EXISTS gone_shape (shape INTEGER PRIMARY KEY);"
                              "CREATE TEMP TABLE IF NOT EXISTS gone_relation (relation INTEGER PRIMARY KEY);"
                              "DELETE FROM gone; DELETE FROM gone_shape; DELETE FROM gone_relation");
    if (!error) error = sqlite_query_new(index->db, "INSERT OR IGNORE INTO gone VALUES (?1)", &q);
    if (error) return error;
    for (size_t i = 0; i < n && !error; i++) {
        sqlite_query_bind_int(q, 1, (int64_t)sessions[i]);
        error = sqlite_query_finish(q);
    }
    sqlite_query_free(q);
    return error;
}

static void gone_drop(struct index *index)
{
    (void)!sqlite_db_run(index->db, "DROP TABLE IF EXISTS temp.gone; DROP TABLE IF EXISTS temp.gone_shape;"
                                    "DROP TABLE IF EXISTS temp.gone_relation");
}

/* ---- erasing */

/* What the sessions have a part in, and their share of the counts: before their rows go. */
#define SHARE                                                                                                \
    "sum(e.n) AS n, sum(e.n * (e.decision = 'deny')) AS refused, sum(e.n * (e.decision = 'hold')) AS held,"  \
    " sum(e.errors) AS errors, sum(e.rows) AS rows, sum(e.us) AS us"
#define LESS                                                                                                 \
    "n = rollup.n - d.n, refused = rollup.refused - d.refused, held = rollup.held - d.held,"                 \
    " errors = rollup.errors - d.errors, rows = rollup.rows - d.rows, us = rollup.us - d.us"
static const char take_counts[] =
    "INSERT INTO gone_shape SELECT DISTINCT e.shape FROM gone g CROSS JOIN execution e ON e.session = "
    "g.session;"
    "INSERT OR IGNORE INTO gone_shape SELECT DISTINCT t.shape FROM gone g CROSS JOIN text t ON t.session = "
    "g.session;"
    "UPDATE rollup SET " LESS " FROM (SELECT e.minute AS span, " SHARE " FROM gone g CROSS JOIN execution e"
    " ON e.session = g.session GROUP BY 1) d WHERE rollup.kind = 0 AND rollup.span = d.span AND rollup.name "
    "= '';"
    "UPDATE rollup SET " LESS " FROM (SELECT e.minute / 60 AS span, coalesce(s.principal, '') AS name, " SHARE
    " FROM gone g CROSS JOIN execution e ON e.session = g.session JOIN session s ON s.id = g.session GROUP "
    "BY 1, 2) d"
    " WHERE rollup.kind = 1 AND rollup.span = d.span AND rollup.name = d.name;"
    "UPDATE rollup SET " LESS " FROM (SELECT e.minute / 60 AS span, CAST(e.shape AS TEXT) AS name, " SHARE
    " FROM gone g CROSS JOIN execution e ON e.session = g.session GROUP BY 1, 2) d"
    " WHERE rollup.kind = 3 AND rollup.span = d.span AND rollup.name = d.name;"
    "DELETE FROM rollup WHERE n <= 0 AND errors <= 0 AND rows <= 0";

/* Shapes that nobody else has, with what belongs to them. */
static const char find_orphans[] =
    "DELETE FROM gone_shape WHERE EXISTS (SELECT 1 FROM execution e WHERE e.shape = gone_shape.shape)";
static const char find_more_orphans[] =
    "DELETE FROM gone_shape WHERE shape IN (SELECT t.shape FROM text t WHERE t.shape IN (SELECT shape FROM"
    " gone_shape))";
static const char drop_orphans[] =
    "INSERT INTO gone_relation SELECT DISTINCT relation FROM shape_relation WHERE shape IN (SELECT shape FROM"
    " gone_shape);"
    "DELETE FROM shape_relation WHERE shape IN (SELECT shape FROM gone_shape);"
    "DELETE FROM shape_effect WHERE shape IN (SELECT shape FROM gone_shape);"
    "DELETE FROM rollup WHERE kind = 3 AND CAST(name AS INTEGER) IN (SELECT shape FROM gone_shape);"
    "DELETE FROM shape WHERE id IN (SELECT shape FROM gone_shape);"
    "DELETE FROM relation WHERE id IN (SELECT relation FROM gone_relation) AND NOT EXISTS"
    " (SELECT 1 FROM shape_relation r WHERE r.relation = relation.id);"
    /* Words of what was deleted stay in the full text's segments until they are made anew. */
    "INSERT INTO shape_words (shape_words) VALUES ('rebuild')";

/* The tables that have a column `session`, but for what stays. */
static int purge_tables(struct index *index)
{
    char names[TABLES][64], sql[192];
    size_t n = 0;
    struct sqlite_query *q;
    int error =
        sqlite_query_new(index->db,
                         "SELECT m.name FROM main.sqlite_master m JOIN pragma_table_info(m.name) c WHERE"
                         " m.type = 'table' AND c.name = 'session' AND m.name NOT IN ('tombstone', "
                         "'approval')",
                         &q);
    if (error) return error;
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        CHECK(n < TABLES);
        snprintf(names[n++], sizeof names[0], "%.*s", BYTES_FMT(bytes_slice(sqlite_query_text(q, 0), 0, 63)));
    }
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    for (size_t i = 0; i < n && !error; i++) {
        snprintf(sql, sizeof sql, "DELETE FROM main.\"%s\" WHERE session IN (SELECT session FROM gone)",
                 names[i]);
        error = sqlite_db_run(index->db, sql);
    }
    return error;
}

static int bury_all(struct index *index, const struct index_grave *what)
{
    struct sqlite_query *q;
    int error =
        sqlite_query_new(index->db, "INSERT OR IGNORE INTO tombstone SELECT session, ?1, ?2 FROM gone", &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, what->grave.erased_us);
    sqlite_query_bind_int(q, 2, (int64_t)what->grave.erasure);
    error = sqlite_query_finish(q);
    sqlite_query_free(q);
    return error ? error
                 : sqlite_db_run(index->db,
                                 "DELETE FROM session WHERE id IN (SELECT session FROM gone);"
                                 "UPDATE approval SET principal = NULL, on_behalf_of = NULL WHERE session IN"
                                 " (SELECT session FROM gone)");
}

static int count_orphans(struct index *index, uint64_t *n_out)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, "SELECT count(*) FROM gone_shape", &q);
    if (error) return error;
    *n_out = sqlite_query_step(q) == SQLITE_STEP_ROW ? (uint64_t)sqlite_query_int(q, 0) : 0;
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

/* As following will find it in the log. */
static int add_erasure(struct index *index, const struct index_grave *what)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(
        index->db, "INSERT OR IGNORE INTO erasure SELECT ?1, ?2, ?3, ?4, ?5, count(*) FROM gone", &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, (int64_t)what->grave.erasure);
    sqlite_query_bind_int(q, 2, what->grave.erased_us);
    sqlite_query_bind_text(q, 3, what->by);
    sqlite_query_bind_text(q, 4, what->reason);
    sqlite_query_bind_text(q, 5, what->how);
    error = sqlite_query_finish(q);
    sqlite_query_free(q);
    return error;
}

static int purge(struct index *index, const struct index_grave *what, uint64_t *shapes_out)
{
    int error = sqlite_db_run(index->db, take_counts);
    if (!error) error = purge_tables(index);
    if (!error) error = bury_all(index, what);
    if (!error && what->by.n) error = add_erasure(index, what);
    if (!error) error = sqlite_db_run(index->db, find_orphans);
    if (!error) error = count_orphans(index, shapes_out);
    if (error || !*shapes_out) return error;
    error = sqlite_db_run(index->db, find_more_orphans);
    if (!error) error = count_orphans(index, shapes_out);
    return error || !*shapes_out ? error : sqlite_db_run(index->db, drop_orphans);
}

int index_erase(struct index *index, const uint64_t *sessions, size_t n, const struct index_grave *what,
                uint64_t *shapes_out)
{
    *shapes_out = 0;
    int error = gone_fill(index, sessions, n);
    if (!error) error = sqlite_db_begin(index->db, WAIT_MS);
    if (!error) {
        error = purge(index, what, shapes_out);
        if (!error) error = sqlite_db_commit(index->db);
        if (error) sqlite_db_rollback(index->db);
    }
    gone_drop(index);
    return error;
}

int index_settle(struct index *index)
{
    return sqlite_db_empty_wal(index->db, WAIT_MS);
}

int index_replace(struct index *index, const char *path)
{
    for (size_t i = 0; i < INDEX_N_STATEMENTS; i++)
        if (index->queries[i]) sqlite_query_reset(index->queries[i]);
    int error = sqlite_db_replace(index->db, path, WAIT_MS);
    return error ? error : sqlite_db_empty_wal(index->db, WAIT_MS);
}

/* A very large file is written anew. */
int index_scrub(struct index *index, const char *path)
{
    char beside[4400];
    int scrubbed = sqlite_db_scrub(index->db, WAIT_MS);
    if (scrubbed != -EINVAL) return scrubbed;
    if (snprintf(beside, sizeof beside, "%s.compact", path) >= (int)sizeof beside) return -ENAMETOOLONG;
    if (unlink(beside) < 0 && errno != ENOENT) return -errno;
    int error = sqlite_db_copy_into(index->db, beside);
    if (!error) error = index_replace(index, beside);
    unlink(beside);
    return error;
}

/* ---- what is left */

#define GRAVE                                                                                                \
    "SELECT t.session, t.erasure, t.erased_us, e.who, e.reason, e.how FROM tombstone t LEFT JOIN erasure e"  \
    " ON e.number = t.erasure"

static int visit_graves(struct sqlite_query *q, void (*visit)(void *context, const struct index_grave *grave),
                        void *context, bool *any_out)
{
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_grave g = { .session = (uint64_t)sqlite_query_int(q, 0),
                                 .grave = { .erasure = (uint64_t)sqlite_query_int(q, 1),
                                            .erased_us = sqlite_query_int(q, 2) },
                                 .by = sqlite_query_text(q, 3),
                                 .reason = sqlite_query_text(q, 4),
                                 .how = sqlite_query_text(q, 5) };
        *any_out = true;
        visit(context, &g);
    }
    int error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

int index_grave_of(struct index *index, uint64_t session,
                   void (*visit)(void *context, const struct index_grave *grave), void *context)
{
    bool any = false;
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, GRAVE " WHERE t.session = ?1", &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, (int64_t)session);
    error = visit_graves(q, visit, context, &any);
    return error ? error : any ? 0 : -ENOENT;
}

int index_graves(struct index *index, uint64_t limit,
                 void (*visit)(void *context, const struct index_grave *grave), void *context)
{
    bool any = false;
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, GRAVE " ORDER BY t.session DESC LIMIT ?1", &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, limit ? (int64_t)limit : -1);
    return visit_graves(q, visit, context, &any);
}

/* ---- for following */

int index_bury(struct index *index, uint64_t session, const struct session_grave *grave)
{
    static const enum index_statement steps[] = { INDEX_TOMBSTONE_ADD, INDEX_TOMBSTONE_SESSION,
                                                  INDEX_TOMBSTONE_APPROVAL };
    int error = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !error; i++) {
        struct sqlite_query *q = index_statement(index, steps[i], &error);
        if (!q) return error;
        sqlite_query_bind_int(q, 1, (int64_t)session);
        if (i == 0) {
            sqlite_query_bind_int(q, 2, grave->erased_us);
            sqlite_query_bind_int(q, 3, (int64_t)grave->erasure);
        }
        error = sqlite_query_finish(q);
    }
    return error;
}

int index_erasure_take(struct index *index, const struct frame *frame)
{
    uint64_t number;
    int64_t n = 0;
    int error;
    struct bytes f = frame->body;
    if (!bytes_is(frame_fields_get(f, "event"), "erasure") ||
        !session_id_parse(frame_fields_get(f, "erasure"), &number))
        return 0;
    struct sqlite_query *q = index_statement(index, INDEX_ERASURE_ADD, &error);
    if (!q) return error;
    (void)!bytes_to_int64(frame_fields_get(f, "sessions"), &n);
    sqlite_query_bind_int(q, 1, (int64_t)number);
    sqlite_query_bind_int(q, 2, frame->time_us);
    sqlite_query_bind_text(q, 3, frame_fields_get(f, "by"));
    sqlite_query_bind_text(q, 4, frame_fields_get(f, "reason"));
    sqlite_query_bind_text(q, 5, frame_fields_get(f, "how"));
    sqlite_query_bind_int(q, 6, n);
    return sqlite_query_finish(q);
}
