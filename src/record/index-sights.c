/* Who saw which column. A busy column came out a million times: rows are read in the order in which they
 * stand, a session is looked up once where its rows begin, and sums are kept in memory, one for each line of
 * the answer. */
#include "base/arena.h"
#include "base/map.h"
#include "crypto/random.h"
#include "record/index-private.h"
#include <errno.h>
#include <stdlib.h>

enum { LINES_MOST = 1 << 22, MEMORY_CEILING = 1 << 30, NAME_CEILING = 4096 };

struct line {
    struct line *next;
    const struct kind *kind;
    struct bytes principal, connection;
    int64_t shape, first_minute, last_minute;
    uint64_t sessions, results, rows, session;
    uint32_t sequence;
};
/* A column in one state. */
struct kind {
    struct kind *next;
    struct bytes relation, column, state;
};
struct asking {
    struct index *index;
    const struct index_filter *filter;
    struct bytes relation, column, state;
    struct arena arena;
    struct map lines, names;
    struct line *all;
    size_t n;
    struct kind *kinds;
    struct sqlite_query *session, *seen;
    int error;
};

static bool ends_with_name(struct bytes whole, struct bytes tail)
{
    return whole.n > tail.n && whole.p[whole.n - tail.n - 1] == '.' &&
           bytes_equal(bytes_slice(whole, whole.n - tail.n, tail.n), tail);
}

/* What was not traced may have shown any column of its relation; where its text named no schema, any relation
 * of that name. */
static bool is_asked(const struct asking *a, const struct kind *k)
{
    bool untraced = bytes_is(k->state, "untraced");
    bool relation = !a->relation.n || bytes_equal(k->relation, a->relation) ||
                    ends_with_name(k->relation, a->relation) ||
                    (untraced && ends_with_name(a->relation, k->relation));
    return relation && (!a->column.n || untraced || bytes_equal(k->column, a->column)) &&
           (!a->state.n || bytes_equal(k->state, a->state));
}

/* Columns and states, one after the other, without a look at what is between. */
static void find_kinds(struct asking *a)
{
    struct sqlite_query *q;
    struct bytes at[3] = { BYTES_LITERAL(""), BYTES_LITERAL(""), BYTES_LITERAL("") };
    a->error = sqlite_query_new(a->index->db,
                                "SELECT relation, \"column\", state FROM seen WHERE (relation, \"column\", "
                                "state) > (?1, ?2, ?3) ORDER BY relation, \"column\", state LIMIT 1",
                                &q);
    while (!a->error) {
        sqlite_query_reset(q);
        for (int i = 0; i < 3; i++)
            sqlite_query_bind_text(q, i + 1, at[i]);
        if (sqlite_query_step(q) != SQLITE_STEP_ROW) break;
        struct kind *k = ARENA_NEW(&a->arena, struct kind);
        for (int i = 0; k && i < 3; i++)
            at[i] = arena_copy(&a->arena, sqlite_query_text(q, i));
        if (!k || !at[0].p || !at[1].p || !at[2].p) {
            a->error = -ENOMEM;
            break;
        }
        *k = (struct kind){ a->kinds, at[0], at[1], at[2] };
        if (is_asked(a, k)) a->kinds = k;
    }
    if (!a->error) a->error = sqlite_query_error(q);
    sqlite_query_free(q);
}

/* The one copy of a name: lines are told apart by its place. */
static struct bytes name_of(struct asking *a, struct bytes text)
{
    struct bytes key = bytes_slice(text, 0, NAME_CEILING);
    struct bytes *known = map_get(&a->names, key);
    if (known) return *known;
    known = ARENA_NEW(&a->arena, struct bytes);
    if (known) *known = arena_copy(&a->arena, key);
    if (known && known->p && map_put(&a->names, key, known, NULL) != MAP_FULL) return *known;
    a->error = -ENOMEM;
    return (struct bytes){ 0 };
}

/* Whose the session is. False: it is not asked for. */
static bool look_up(struct asking *a, uint64_t session, struct bytes *principal_out,
                    struct bytes *connection_out)
{
    const struct index_filter *f = a->filter;
    if (f->session && f->session != session) return false;
    sqlite_query_reset(a->session);
    sqlite_query_bind_int(a->session, 1, (int64_t)session);
    if (sqlite_query_step(a->session) != SQLITE_STEP_ROW) {
        a->error = sqlite_query_error(a->session);
        return false;
    }
    struct bytes principal = sqlite_query_text(a->session, 0), connection = sqlite_query_text(a->session, 1);
    if (f->principal.n && !bytes_equal(f->principal, principal)) return false;
    if (f->connection.n && !bytes_equal(f->connection, connection)) return false;
    *principal_out = name_of(a, principal);
    *connection_out = name_of(a, connection);
    return !a->error;
}

static struct line *line_of(struct asking *a, const struct kind *kind, struct bytes principal,
                            struct bytes connection, int64_t shape)
{
    const struct {
        const void *kind, *principal, *connection;
        int64_t shape;
    } key = { kind, principal.p, connection.p, shape };
    struct line *line = map_get(&a->lines, bytes_make(&key, sizeof key));
    if (line) return line;
    line = ARENA_NEW(&a->arena, struct line);
    if (!line || map_put(&a->lines, bytes_make(&key, sizeof key), line, NULL) == MAP_FULL) {
        a->error = -ENOMEM;
        return NULL;
    }
    *line = (struct line){ .next = a->all,
                           .kind = kind,
                           .principal = principal,
                           .connection = connection,
                           .shape = shape,
                           .first_minute = INT64_MAX };
    a->all = line;
    a->n++;
    return line;
}

/* Sessions come in their order, so that the last one is the newest, and each counts once. */
static void add(struct asking *a, struct line *line, uint64_t session)
{
    int64_t minute = sqlite_query_int(a->seen, 2);
    uint32_t sequence = (uint32_t)sqlite_query_int(a->seen, 5);
    if (line->session != session) {
        line->sessions++;
        line->sequence = 0;
    }
    line->session = session;
    if (sequence > line->sequence) line->sequence = sequence;
    if (minute < line->first_minute) line->first_minute = minute;
    if (minute > line->last_minute) line->last_minute = minute;
    line->results += (uint64_t)sqlite_query_int(a->seen, 3);
    line->rows += (uint64_t)sqlite_query_int(a->seen, 4);
}

static void read_kind(struct asking *a, const struct kind *kind)
{
    uint64_t known = 0;
    bool wanted = false;
    struct bytes principal, connection;
    sqlite_query_reset(a->seen);
    sqlite_query_bind_text(a->seen, 1, kind->relation);
    sqlite_query_bind_text(a->seen, 2, kind->column);
    sqlite_query_bind_text(a->seen, 3, kind->state);
    sqlite_query_bind_int(a->seen, 4, a->filter->since_us / 60000000);
    sqlite_query_bind_int(a->seen, 5,
                          a->filter->until_us ? (a->filter->until_us + 59999999) / 60000000 : INT64_MAX);
    while (!a->error && sqlite_query_step(a->seen) == SQLITE_STEP_ROW) {
        uint64_t session = (uint64_t)sqlite_query_int(a->seen, 0);
        if (session != known) wanted = look_up(a, session, &principal, &connection);
        known = session;
        struct line *line =
            wanted ? line_of(a, kind, principal, connection, sqlite_query_int(a->seen, 1)) : NULL;
        if (line) add(a, line, session);
    }
    if (!a->error) a->error = sqlite_query_error(a->seen);
}

static int compare(const void *x, const void *y)
{
    const struct line *a = *(const struct line *const *)x, *b = *(const struct line *const *)y;
    if (a->last_minute != b->last_minute) return a->last_minute > b->last_minute ? -1 : 1;
    if (a->session != b->session) return a->session > b->session ? -1 : 1;
    if (a->sequence != b->sequence) return a->sequence > b->sequence ? -1 : 1;
    int order = bytes_compare(a->kind->relation, b->kind->relation);
    if (!order) order = bytes_compare(a->kind->column, b->kind->column);
    if (!order) order = bytes_compare(a->kind->state, b->kind->state);
    return order ? order : (a->shape > b->shape) - (a->shape < b->shape);
}

static void show(struct asking *a, void (*visit)(void *context, const struct index_sight *sight),
                 void *context)
{
    struct sqlite_query *shape = NULL;
    struct line **lines = malloc((a->n + 1) * sizeof *lines);
    size_t n = 0, most = a->filter->limit && a->filter->limit < a->n ? a->filter->limit : a->n;
    for (struct line *line = a->all; lines && line; line = line->next)
        lines[n++] = line;
    if (!lines) a->error = -ENOMEM;
    if (!a->error) a->error = sqlite_query_new(a->index->db, "SELECT text FROM shape WHERE id = ?1", &shape);
    if (!a->error && n) qsort(lines, n, sizeof *lines, compare);
    for (size_t i = 0; i < most && !a->error; i++) {
        const struct line *l = lines[i];
        sqlite_query_reset(shape);
        sqlite_query_bind_int(shape, 1, l->shape);
        bool there = sqlite_query_step(shape) == SQLITE_STEP_ROW;
        struct index_sight sight = { l->principal,
                                     l->connection,
                                     l->kind->relation,
                                     l->kind->column,
                                     there ? sqlite_query_text(shape, 0) : (struct bytes){ 0 },
                                     l->kind->state,
                                     l->first_minute * 60000000,
                                     l->last_minute * 60000000,
                                     l->sessions,
                                     l->results,
                                     l->rows,
                                     l->session,
                                     l->sequence };
        a->error = sqlite_query_error(shape);
        if (!a->error) visit(context, &sight);
    }
    sqlite_query_free(shape);
    free(lines);
}

int index_sights(struct index *index, const struct index_filter *filter, struct bytes relation,
                 struct bytes column, struct bytes state,
                 void (*visit)(void *context, const struct index_sight *sight), void *context)
{
    struct asking a = {
        .index = index, .filter = filter, .relation = relation, .column = column, .state = state
    };
    arena_init(&a.arena, 64 * 1024, MEMORY_CEILING);
    map_init(&a.lines, LINES_MOST, random_u64());
    map_init(&a.names, LINES_MOST, random_u64());
    find_kinds(&a);
    if (!a.error)
        a.error = sqlite_query_new(index->db, "SELECT principal, connection FROM session WHERE id = ?1",
                                   &a.session);
    if (!a.error)
        a.error =
            sqlite_query_new(index->db,
                             "SELECT session, shape, minute, n, rows, last_sequence FROM seen WHERE relation"
                             " = ?1 AND \"column\" = ?2 AND state = ?3 AND minute >= ?4 AND minute < ?5"
                             " ORDER BY session",
                             &a.seen);
    for (const struct kind *k = a.kinds; k && !a.error; k = k->next)
        read_kind(&a, k);
    if (!a.error) show(&a, visit, context);
    sqlite_query_free(a.session);
    sqlite_query_free(a.seen);
    map_free(&a.lines, NULL);
    map_free(&a.names, NULL);
    arena_free(&a.arena);
    return a.error;
}
