/* Finding sessions by what they are and by what ran in them, newest first, a page at a time.
 *
 * Two ways lead to the same list. One walks the sessions that the narrowest filter on sessions leaves, and
 * looks whether each has such a statement. The other walks the statements' own order (shape, verdict,
 * session), and looks whether each session fits. Which is quick depends on what is rare, and nobody knows
 * that beforehand: they run in turns, a slice each, and whichever fills the page first has it. */
#include "base/buf.h"
#include "record/index-private.h"
#include <errno.h>
#include <stdlib.h>

enum {
    SLICE = 2000,             /* what one way looks at before it is the other's turn */
    BUDGET = 60000,           /* what both look at in one call */
    SHAPES_CEILING = 1 << 20, /* that a question may be about */
    EXECUTIONS_MOST = 100000  /* of one session that are looked at */
};

/* One place in the order of statements: the newest session below that has this shape and verdict. */
struct lead {
    uint64_t session;
    int64_t shape;
    unsigned decision;
};
static const char *const decisions[] = { "allow", "deny", "hold", "observed", "" };
enum { N_DECISIONS = sizeof decisions / sizeof decisions[0] };

struct way {
    uint64_t *found;
    size_t n_found;
    uint64_t last; /* the session that was looked at last */
    bool over;
};

struct finder {
    struct index *index;
    const struct index_find *find;
    size_t wanted;      /* how many sessions */
    bool of_statements; /* a session must have such a statement */
    bool of_shapes;
    int64_t *shapes; /* sorted */
    size_t n_shapes;
    struct sqlite_query *walk, *lead, *get, *inside, *failed;
    struct lead *heap;
    size_t n_heap, n_seeded;
    struct way by_session, by_statement;
    size_t looked;
    uint64_t before; /* ids below this one */
    int error;
};

static bool asked(struct bytes b)
{
    return b.n > 0;
}

static bool is_error_asked(const struct index_find *find)
{
    return bytes_is(find->verdict, "error") || asked(find->error);
}

static bool is_size_asked(const struct index_find *find)
{
    return find->least_us || find->least_rows;
}

/* ---- the shapes that the question is about */

static int compare_shapes(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void find_shapes(struct finder *f)
{
    static const char sql[] =
        "SELECT id FROM shape h WHERE"
        " (?1 IS NULL OR id IN (SELECT sr.shape FROM relation r JOIN shape_relation sr ON sr.relation = r.id"
        " WHERE r.name = ?1 UNION SELECT sr.shape FROM relation r JOIN shape_relation sr ON sr.relation = "
        "r.id"
        " WHERE r.tail = ?1))"
        " AND (?2 IS NULL OR id IN (SELECT shape FROM shape_effect WHERE effect = ?2"
        " OR substr(effect, 1, length(?2) + 1) = ?2 || '.'))"
        " AND (?3 IS NULL OR id IN (SELECT rowid FROM shape_words WHERE shape_words MATCH ?3)) LIMIT ?4";
    const struct index_find *find = f->find;
    struct sqlite_query *q;
    struct buf words;
    f->of_shapes = asked(find->relation) || asked(find->effect) || find->n_texts;
    if (!f->of_shapes) return;
    f->shapes = malloc(SHAPES_CEILING * sizeof *f->shapes);
    f->error = f->shapes ? sqlite_query_new(f->index->db, sql, &q) : -ENOMEM;
    if (f->error) return;
    buf_init(&words, 1 << 20);
    f->error = index_words(find->texts, find->n_texts, &words);
    if (asked(find->relation)) sqlite_query_bind_text(q, 1, find->relation);
    if (asked(find->effect)) sqlite_query_bind_text(q, 2, find->effect);
    if (find->n_texts) sqlite_query_bind_text(q, 3, buf_bytes(&words));
    sqlite_query_bind_int(q, 4, SHAPES_CEILING);
    while (!f->error && sqlite_query_step(q) == SQLITE_STEP_ROW)
        f->shapes[f->n_shapes++] = sqlite_query_int(q, 0);
    if (!f->error) f->error = sqlite_query_error(q);
    sqlite_query_free(q);
    buf_free(&words);
    qsort(f->shapes, f->n_shapes, sizeof *f->shapes, compare_shapes);
}

static bool shape_is_asked(const struct finder *f, int64_t shape)
{
    return !f->of_shapes ||
           (f->n_shapes && bsearch(&shape, f->shapes, f->n_shapes, sizeof shape, compare_shapes));
}

/* ---- whether a session is one of them */

static bool row_fits(const struct index_find *find, const struct index_session *s)
{
    const struct index_owner *o = find->owner;
    if (find->session && s->id != find->session) return false;
    if (o && (!bytes_equal(s->issuer, o->issuer) ||
              !(bytes_equal(s->subject, o->subject) ||
                (s->on_behalf_of.n &&
                 (bytes_equal(s->on_behalf_of, o->subject) || bytes_equal(s->on_behalf_of, o->user))))))
        return false;
    const struct bytes pairs[][2] = { { find->principal, s->principal },
                                      { find->on_behalf_of, s->on_behalf_of },
                                      { find->connection, s->connection },
                                      { find->task, s->task } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][0].n && !bytes_equal(pairs[i][0], pairs[i][1])) return false;
    if (find->live == INDEX_LIVE_ONLY && s->ended_us) return false;
    if (find->live == INDEX_LIVE_OVER && !s->ended_us) return false;
    return s->last_us >= find->since_us && (!find->until_us || s->started_us < find->until_us);
}

static bool session_has_failure(struct finder *f, uint64_t session, int64_t shape)
{
    struct bytes error = f->find->error;
    sqlite_query_reset(f->failed);
    sqlite_query_bind_int(f->failed, 1, (int64_t)session);
    if (shape) sqlite_query_bind_int(f->failed, 2, shape);
    sqlite_query_bind_text(f->failed, 3, error.n ? error : BYTES_LITERAL(""));
    bool has = sqlite_query_step(f->failed) == SQLITE_STEP_ROW;
    if (!f->error) f->error = sqlite_query_error(f->failed);
    return has;
}

/* What of a row of `execution` decides. */
struct execution {
    int64_t shape;
    struct bytes decision;
    int64_t errors, longest_us;
    uint64_t most_rows;
};

static bool execution_fits(struct finder *f, uint64_t session, const struct execution *e)
{
    const struct index_find *find = f->find;
    bool wants_error = bytes_is(find->verdict, "error");
    if (!shape_is_asked(f, e->shape)) return false;
    if (e->longest_us < find->least_us || e->most_rows < find->least_rows) return false;
    if (wants_error && e->errors <= 0) return false;
    if (find->verdict.n && !wants_error && !bytes_equal(find->verdict, e->decision)) return false;
    return !asked(find->error) || session_has_failure(f, session, e->shape);
}

static bool has_statement(struct finder *f, uint64_t session)
{
    bool has = false;
    if (!f->of_statements) return true;
    if (!f->of_shapes && !is_size_asked(f->find) && is_error_asked(f->find) &&
        (!f->find->verdict.n || bytes_is(f->find->verdict, "error")))
        return session_has_failure(f, session, 0);
    sqlite_query_reset(f->inside);
    sqlite_query_bind_int(f->inside, 1, (int64_t)session);
    for (size_t n = 0; !has && n < EXECUTIONS_MOST && sqlite_query_step(f->inside) == SQLITE_STEP_ROW; n++) {
        const struct execution e = { sqlite_query_int(f->inside, 0), sqlite_query_text(f->inside, 1),
                                     sqlite_query_int(f->inside, 2), sqlite_query_int(f->inside, 3),
                                     (uint64_t)sqlite_query_int(f->inside, 4) };
        has = execution_fits(f, session, &e);
    }
    if (!f->error) f->error = sqlite_query_error(f->inside);
    return has;
}

static bool session_fits(struct finder *f, uint64_t session)
{
    struct index_session s;
    sqlite_query_reset(f->get);
    sqlite_query_bind_int(f->get, 1, (int64_t)session);
    if (sqlite_query_step(f->get) != SQLITE_STEP_ROW) {
        if (!f->error) f->error = sqlite_query_error(f->get);
        return false;
    }
    index_session_read(f->get, &s);
    return row_fits(f->find, &s) && has_statement(f, session);
}

static void way_look(struct finder *f, struct way *way, uint64_t session)
{
    f->looked++;
    way->last = session;
    if (session_fits(f, session) && !f->error) way->found[way->n_found++] = session;
}

/* ---- by sessions */

/* The narrowest filter of what sessions are: its SQL yields ids in order, from an index. */
static const char *choose_walk(const struct index_find *find, struct bytes *value_out)
{
    const struct {
        struct bytes value;
        const char *sql;
    } walks[] = {
        { find->task, "SELECT id FROM session WHERE task = ?2 AND id < ?1 ORDER BY id DESC" },
        { find->on_behalf_of, "SELECT id FROM session WHERE on_behalf_of = ?2 AND id < ?1 ORDER BY id DESC" },
        { find->principal, "SELECT id FROM session WHERE principal = ?2 AND id < ?1 ORDER BY id DESC" },
        { find->connection, "SELECT id FROM session WHERE connection = ?2 AND id < ?1 ORDER BY id DESC" },
    };
    *value_out = (struct bytes){ 0 };
    if (find->session) return "SELECT ?5 AS id WHERE ?5 < ?1";
    if (find->live == INDEX_LIVE_ONLY)
        return "SELECT id FROM session WHERE ended_us = 0 AND id < ?1 ORDER BY id DESC";
    if (find->owner)
        return "SELECT id FROM session WHERE subject = ?2 AND issuer = ?3 AND id < ?1"
               " UNION SELECT id FROM session WHERE on_behalf_of = ?2 AND issuer = ?3 AND id < ?1"
               " UNION SELECT id FROM session WHERE on_behalf_of = ?4 AND issuer = ?3 AND id < ?1"
               " ORDER BY id DESC";
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        if (!walks[i].value.n) continue;
        *value_out = walks[i].value;
        return walks[i].sql;
    }
    return "SELECT id FROM session WHERE id < ?1 ORDER BY id DESC";
}

static void walk_begin(struct finder *f)
{
    struct bytes value;
    const char *sql = choose_walk(f->find, &value);
    f->error = sqlite_query_new(f->index->db, sql, &f->walk);
    if (f->error) return;
    sqlite_query_bind_int(f->walk, 1, (int64_t)f->before);
    if (value.n) sqlite_query_bind_text(f->walk, 2, value);
    if (f->find->session)
        sqlite_query_bind_int(f->walk, 5, (int64_t)f->find->session);
    else if (f->find->owner && f->find->live != INDEX_LIVE_ONLY) {
        sqlite_query_bind_text(f->walk, 2, f->find->owner->subject);
        sqlite_query_bind_text(f->walk, 3, f->find->owner->issuer);
        sqlite_query_bind_text(f->walk, 4, f->find->owner->user);
    }
}

static void walk_slice(struct finder *f)
{
    struct way *way = &f->by_session;
    for (int i = 0; i < SLICE && !f->error && !way->over && way->n_found < f->wanted; i++) {
        if (sqlite_query_step(f->walk) == SQLITE_STEP_ROW)
            way_look(f, way, (uint64_t)sqlite_query_int(f->walk, 0));
        else {
            f->error = sqlite_query_error(f->walk);
            way->over = true;
        }
    }
}

/* ---- by statements */

static void heap_sink(struct finder *f, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= f->n_heap) return;
        if (child + 1 < f->n_heap && f->heap[child + 1].session > f->heap[child].session) child++;
        if (f->heap[at].session >= f->heap[child].session) return;
        struct lead swap = f->heap[at];
        f->heap[at] = f->heap[child];
        f->heap[child] = swap;
        at = child;
    }
}

static void heap_add(struct finder *f, struct lead lead)
{
    size_t at = f->n_heap++;
    for (; at && f->heap[(at - 1) / 2].session < lead.session; at = (at - 1) / 2)
        f->heap[at] = f->heap[(at - 1) / 2];
    f->heap[at] = lead;
}

/* The lead's next session below `before`. False: there is none. */
static bool lead_next(struct finder *f, struct lead *lead, uint64_t before)
{
    f->looked++;
    sqlite_query_reset(f->lead);
    sqlite_query_bind_int(f->lead, 1, (int64_t)before);
    sqlite_query_bind_text(f->lead, 2, bytes_of(decisions[lead->decision]));
    if (f->of_shapes) sqlite_query_bind_int(f->lead, 3, lead->shape);
    bool there = sqlite_query_step(f->lead) == SQLITE_STEP_ROW;
    if (there) lead->session = (uint64_t)sqlite_query_int(f->lead, 0);
    if (!f->error) f->error = sqlite_query_error(f->lead);
    return there;
}

static bool decision_is_asked(const struct index_find *find, unsigned decision)
{
    return !find->verdict.n || bytes_is(find->verdict, "error") ||
           bytes_is(find->verdict, decisions[decision]);
}

/* Seeds the heap, a slice at a time: a lead for each shape and verdict. True: all are there. */
static bool seed_slice(struct finder *f)
{
    size_t n = (f->of_shapes ? f->n_shapes : 1) * N_DECISIONS;
    if (!f->heap) f->heap = malloc((n + 1) * sizeof *f->heap);
    if (!f->heap) f->error = -ENOMEM;
    for (int i = 0; i < SLICE && f->n_seeded < n && !f->error; i++, f->n_seeded++) {
        struct lead lead = { .shape = f->of_shapes ? f->shapes[f->n_seeded / N_DECISIONS] : 0,
                             .decision = (unsigned)(f->n_seeded % N_DECISIONS) };
        if (decision_is_asked(f->find, lead.decision) && lead_next(f, &lead, f->before)) heap_add(f, lead);
    }
    return f->n_seeded == n && !f->error;
}

static void lead_slice(struct finder *f)
{
    struct way *way = &f->by_statement;
    if (!seed_slice(f)) return;
    for (int i = 0; i < SLICE && !f->error && way->n_found < f->wanted; i++) {
        if (!f->n_heap) {
            way->over = true;
            return;
        }
        uint64_t session = f->heap[0].session;
        way_look(f, way, session);
        while (f->n_heap && f->heap[0].session == session && !f->error) {
            if (!lead_next(f, &f->heap[0], session)) f->heap[0] = f->heap[--f->n_heap];
            heap_sink(f, 0);
        }
    }
}

/* ---- the two together */

static void finder_begin(struct finder *f)
{
    static const char lead_of_shape[] = "SELECT session FROM execution WHERE shape = ?3 AND decision = ?2"
                                        " AND session < ?1 ORDER BY session DESC LIMIT 1",
                      lead_of_any[] = "SELECT session FROM execution WHERE decision = ?2 AND session < ?1"
                                      " ORDER BY session DESC LIMIT 1";
    find_shapes(f);
    f->of_statements =
        f->of_shapes || asked(f->find->verdict) || asked(f->find->error) || is_size_asked(f->find);
    const struct {
        const char *sql;
        struct sqlite_query **query;
    } queries[] = {
        { "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE s.id = ?1", &f->get },
        { "SELECT shape, decision, errors, coalesce(longest_us, us), coalesce(most_rows, rows) FROM execution"
          " WHERE session = ?1",
          &f->inside },
        { "SELECT 1 FROM failure WHERE session = ?1 AND (?2 IS NULL OR shape = ?2)"
          " AND substr(sqlstate, 1, length(?3)) = ?3",
          &f->failed },
        { f->of_shapes ? lead_of_shape : lead_of_any, &f->lead },
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries && !f->error; i++)
        f->error = sqlite_query_new(f->index->db, queries[i].sql, queries[i].query);
    if (!f->error) walk_begin(f);
    f->by_session.found = calloc(2 * f->wanted, sizeof(uint64_t));
    f->by_statement.found = f->by_session.found ? f->by_session.found + f->wanted : NULL;
    if (!f->by_session.found && !f->error) f->error = -ENOMEM;
    /* Where nothing narrows statements by their order, only sessions can be walked. */
    bool led = f->of_shapes || (f->find->verdict.n && !bytes_is(f->find->verdict, "error"));
    f->by_statement.over = !led;
    if (!led) f->by_statement.last = UINT64_MAX;
}

static void finder_free(struct finder *f)
{
    struct sqlite_query *queries[] = { f->walk, f->lead, f->get, f->inside, f->failed };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        sqlite_query_free(queries[i]);
    free(f->by_session.found);
    free(f->shapes);
    free(f->heap);
}

/* Fills the page; answers whose it is. */
static struct way *finder_run(struct finder *f)
{
    struct way *s = &f->by_session, *t = &f->by_statement;
    bool led = !t->over;
    s->over = f->of_shapes && !f->n_shapes; /* no statement is like that */
    if (s->over) return s;
    while (!f->error && f->looked < BUDGET) {
        walk_slice(f);
        if (s->over || s->n_found == f->wanted) return s;
        if (!led) continue;
        lead_slice(f);
        if (t->over || t->n_found == f->wanted) return t;
    }
    return led && t->n_found > s->n_found ? t : s;
}

static int show(struct finder *f, const struct way *way, size_t n,
                void (*visit)(void *context, const struct index_session *session), void *context)
{
    for (size_t i = 0; i < n && !f->error; i++) {
        struct index_session s;
        sqlite_query_reset(f->get);
        sqlite_query_bind_int(f->get, 1, (int64_t)way->found[i]);
        if (sqlite_query_step(f->get) == SQLITE_STEP_ROW) {
            index_session_read(f->get, &s);
            visit(context, &s);
        } else
            f->error = sqlite_query_error(f->get);
    }
    return f->error;
}

int index_find_sessions(struct index *index, const struct index_find *find, const struct index_place *from,
                        void (*visit)(void *context, const struct index_session *session), void *context,
                        struct index_place *next_out, bool *more_out)
{
    struct finder f = { .index = index,
                        .find = find,
                        .wanted = find->limit + 1,
                        .before = from->session ? from->session : INT64_MAX };
    *more_out = false;
    *next_out = (struct index_place){ 0 };
    finder_begin(&f);
    struct way *way = f.error ? NULL : finder_run(&f);
    if (way && !f.error) {
        bool full = way->n_found > find->limit;
        size_t n = full ? find->limit : way->n_found;
        *more_out = full || !way->over;
        if (*more_out) next_out->session = full ? way->found[n - 1] : way->last;
        f.error = show(&f, way, n, visit, context);
    }
    finder_free(&f);
    return f.error;
}

int index_session_of(struct index *index, uint64_t id,
                     void (*visit)(void *context, const struct index_session *session), void *context)
{
    struct sqlite_query *q;
    struct index_session s;
    int error =
        sqlite_query_new(index->db, "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE s.id = ?1", &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, (int64_t)id);
    if (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        index_session_read(q, &s);
        visit(context, &s);
    } else
        error = sqlite_query_error(q) ? sqlite_query_error(q) : -ENOENT;
    sqlite_query_free(q);
    return error;
}

int index_sessions_since(struct index *index, const struct index_owner *owner, int64_t since_us, size_t limit,
                         void (*visit)(void *context, const struct index_session *session), void *context)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db,
                                 "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE s.last_us > ?4"
                                 " AND (?1 IS NULL OR (issuer = ?2 AND (subject = ?1 OR on_behalf_of IN (?1,"
                                 " ?3)))) ORDER BY s.last_us LIMIT ?5",
                                 &q);
    if (error) return error;
    if (owner) {
        sqlite_query_bind_text(q, 1, owner->subject);
        sqlite_query_bind_text(q, 2, owner->issuer);
        sqlite_query_bind_text(q, 3, owner->user);
    }
    sqlite_query_bind_int(q, 4, since_us);
    sqlite_query_bind_int(q, 5, (int64_t)limit);
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_session s;
        index_session_read(q, &s);
        visit(context, &s);
    }
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

int index_count_live(struct index *index, const struct index_owner *owner, uint64_t *n_out)
{
    struct sqlite_query *q;
    int error =
        sqlite_query_new(index->db,
                         "SELECT count(*) FROM session WHERE ended_us = 0 AND (?1 IS NULL OR (issuer ="
                         " ?2 AND (subject = ?1 OR on_behalf_of IN (?1, ?3))))",
                         &q);
    *n_out = 0;
    if (error) return error;
    if (owner) {
        sqlite_query_bind_text(q, 1, owner->subject);
        sqlite_query_bind_text(q, 2, owner->issuer);
        sqlite_query_bind_text(q, 3, owner->user);
    }
    if (sqlite_query_step(q) == SQLITE_STEP_ROW) *n_out = (uint64_t)sqlite_query_int(q, 0);
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

/* ---- statements: of the sessions found, those that are asked for */

static const char statements_sql[] =
    "SELECT " INDEX_HIT_COLUMNS ", (SELECT f.sqlstate FROM failure f WHERE f.session = e.session AND"
    " f.shape = e.shape ORDER BY f.sequence DESC LIMIT 1), e.minute, e.minute, e.n, e.errors, e.rows, e.us,"
    " coalesce(e.longest_us, e.us), coalesce(e.most_rows, e.rows), e.first_sequence, e.last_sequence, e.shape"
    " FROM execution e JOIN session s ON s.id = e.session JOIN shape h ON h.id = e.shape"
    " WHERE e.session = ?1 AND e.minute >= ?2 / 60000000 AND e.minute * 60000000 < ?3"
    " AND (?4 = 0 OR e.first_sequence < ?4 OR (e.first_sequence = ?4 AND e.shape < ?5))"
    " ORDER BY e.first_sequence DESC, e.shape DESC";

struct statements {
    struct finder *f;
    struct sqlite_query *q;
    size_t n;
    void (*visit)(void *context, const struct index_hit *hit);
    void *context;
    struct index_place *next;
};

/* The statements of one session. False: the page is full, and more is there. */
static bool statements_of(struct statements *s, uint64_t session, const struct index_place *from)
{
    struct finder *f = s->f;
    const struct index_find *find = f->find;
    bool inside = from->session == session;
    sqlite_query_reset(s->q);
    sqlite_query_bind_int(s->q, 1, (int64_t)session);
    sqlite_query_bind_int(s->q, 2, find->since_us);
    sqlite_query_bind_int(s->q, 3, find->until_us ? find->until_us : INT64_MAX);
    sqlite_query_bind_int(s->q, 4, inside ? from->sequence : 0);
    sqlite_query_bind_int(s->q, 5, inside ? from->shape : 0);
    while (!f->error && sqlite_query_step(s->q) == SQLITE_STEP_ROW) {
        struct index_hit hit;
        index_hit_read(s->q, &hit);
        const struct execution e = { sqlite_query_int(s->q, 22), hit.decision, (int64_t)hit.errors,
                                     hit.longest_us, hit.most_rows };
        f->looked++;
        if (!execution_fits(f, session, &e)) continue;
        if (s->n == find->limit) return false;
        s->visit(s->context, &hit);
        *s->next = (struct index_place){ session, hit.first_sequence, e.shape };
        s->n++;
    }
    if (!f->error) f->error = sqlite_query_error(s->q);
    return true;
}

int index_find_statements(struct index *index, const struct index_find *find, const struct index_place *from,
                          void (*visit)(void *context, const struct index_hit *hit), void *context,
                          struct index_place *next_out, bool *more_out)
{
    /* The session that the last page ended in is looked at again. */
    uint64_t before = !from->session ? INT64_MAX : from->sequence ? from->session + 1 : from->session;
    struct finder f = { .index = index, .find = find, .wanted = find->limit + 1, .before = before };
    struct statements s = { .f = &f, .visit = visit, .context = context, .next = next_out };
    *more_out = false;
    *next_out = *from;
    finder_begin(&f);
    if (!f.error) f.error = sqlite_query_new(index->db, statements_sql, &s.q);
    struct way *way = f.error ? NULL : finder_run(&f);
    for (size_t i = 0; way && i < way->n_found && !f.error && !*more_out; i++)
        *more_out = !statements_of(&s, way->found[i], from);
    if (way && !f.error && !*more_out && (way->n_found == f.wanted || !way->over)) {
        *more_out = true;
        *next_out = (struct index_place){ .session = way->last };
    }
    sqlite_query_free(s.q);
    finder_free(&f);
    return f.error;
}
