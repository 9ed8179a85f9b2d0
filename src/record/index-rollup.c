/* Counts over time. They are gathered in memory for a batch and added by its commit, so that following costs
 * one row for each minute, principal and shape of the batch, however many blocks it has. */
#include "record/index-private.h"
#include <errno.h>
#include <stdio.h>

enum { ROLLUPS_CEILING = 1 << 18, ARENA_CEILING = 128 << 20, HOUR = 60 };

struct rollup {
    struct rollup *next;
    int64_t kind, span, n, refused, held, errors, rows, us;
    struct bytes name;
};

void rollups_init(struct index *index)
{
    map_init(&index->rollups, ROLLUPS_CEILING, index->seed);
    arena_init(&index->rollups_arena, 16 * 1024, ARENA_CEILING);
    index->all_rollups = NULL;
}

void rollups_free(struct index *index)
{
    map_free(&index->rollups, NULL);
    arena_free(&index->rollups_arena);
    rollups_init(index);
}

static struct rollup *rollup_for(struct index *index, int64_t kind, int64_t span, struct bytes name)
{
    struct arena *arena = &index->rollups_arena;
    uint8_t room[512];
    struct bytes key = bytes_make(room, 16);
    name = bytes_slice(name, 0, sizeof room - 16);
    memcpy(room, &kind, 8);
    memcpy(room + 8, &span, 8);
    if (name.n) memcpy(room + 16, name.p, name.n);
    key.n += name.n;
    struct rollup *r = map_get(&index->rollups, key);
    if (r) return r;
    r = ARENA_NEW(arena, struct rollup);
    if (!r) return NULL;
    *r = (struct rollup){
        .next = index->all_rollups, .kind = kind, .span = span, .name = arena_copy(arena, name)
    };
    if (!r->name.p || map_put(&index->rollups, key, r, NULL) == MAP_FULL) return NULL;
    index->all_rollups = r;
    return r;
}

int rollups_add(struct index *index, const struct rollup_add *add)
{
    char shape[24];
    snprintf(shape, sizeof shape, "%lld", (long long)add->shape);
    const struct {
        enum index_rollup kind;
        int64_t span;
        struct bytes name;
    } places[] = { { INDEX_BY_TIME, add->minute, BYTES_LITERAL("") },
                   { INDEX_BY_PRINCIPAL, add->minute / HOUR, add->principal },
                   { INDEX_BY_SHAPE, add->minute / HOUR, bytes_of(shape) } };
    for (size_t i = 0; i < 3; i++) {
        struct rollup *r = rollup_for(index, places[i].kind, places[i].span, places[i].name);
        if (!r) return -ENOMEM;
        r->n += add->n;
        if (bytes_is(add->decision, "deny")) r->refused += add->n;
        if (bytes_is(add->decision, "hold")) r->held += add->n;
        r->errors += add->errors;
        r->rows += add->rows;
        r->us += add->us;
    }
    return 0;
}

int rollups_save(struct index *index)
{
    int error = 0;
    for (struct rollup *r = index->all_rollups; r && !error; r = r->next) {
        struct sqlite_query *q = index_statement(index, INDEX_ROLLUP_ADD, &error);
        if (!q) break;
        const int64_t numbers[] = { r->n, r->refused, r->held, r->errors, r->rows, r->us };
        sqlite_query_bind_int(q, 1, r->kind);
        sqlite_query_bind_int(q, 2, r->span);
        sqlite_query_bind_text(q, 3, r->name);
        for (int i = 0; i < 6; i++)
            sqlite_query_bind_int(q, 4 + i, numbers[i]);
        error = sqlite_query_finish(q);
    }
    rollups_free(index);
    return error;
}

/* ---- asking */

static int visit_counts(struct sqlite_query *q, void (*visit)(void *context, const struct index_count *count),
                        void *context)
{
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_count c = { .since_us = sqlite_query_int(q, 0),
                                 .name = sqlite_query_text(q, 1),
                                 .statements = (uint64_t)sqlite_query_int(q, 2),
                                 .refused = (uint64_t)sqlite_query_int(q, 3),
                                 .held = (uint64_t)sqlite_query_int(q, 4),
                                 .errors = (uint64_t)sqlite_query_int(q, 5),
                                 .rows = (uint64_t)sqlite_query_int(q, 6),
                                 .us = sqlite_query_int(q, 7) };
        visit(context, &c);
    }
    int error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

#define SUMS                                                                                                 \
    "sum(n) AS n, sum(refused) AS refused, sum(held) AS held, sum(errors) AS errors, sum(rows) AS rows,"     \
    " sum(us) AS us"
/* Of a shape that touches two relations, both count it. */
#define RELATIONS                                                                                            \
    "SELECT 0, r.name, " SUMS " FROM busy b JOIN shape_relation sr ON sr.shape = b.shape JOIN relation r"    \
    " ON r.id = sr.relation GROUP BY r.id ORDER BY 3 DESC LIMIT ?4"
#define SHAPES                                                                                               \
    "SELECT 0, h.text, b.n, b.refused, b.held, b.errors, b.rows, b.us FROM busy b JOIN shape h"              \
    " ON h.id = b.shape WHERE b.n > 0 ORDER BY b.us / b.n DESC LIMIT ?4"

int index_counts(struct index *index, enum index_rollup by, int64_t since_us, int64_t until_us,
                 int64_t bucket_s, size_t limit,
                 void (*visit)(void *context, const struct index_count *count), void *context)
{
#define BUSY(order)                                                                                          \
    "WITH busy AS (SELECT CAST(name AS INTEGER) AS shape, " SUMS " FROM rollup WHERE kind = 3"               \
    " AND span >= ?1 / 60 AND span * 60 < ?2 GROUP BY name ORDER BY " order " DESC LIMIT 2000) "
    static const char *const questions[] = {
        [INDEX_BY_TIME] = "SELECT span * 60 / ?3 * ?3 * 1000000, '', " SUMS " FROM rollup WHERE kind = 0"
                          " AND span >= ?1 AND span < ?2 GROUP BY 1 ORDER BY 1 LIMIT ?4",
        [INDEX_BY_PRINCIPAL] = "SELECT 0, name, " SUMS " FROM rollup WHERE kind = 1 AND span >= ?1 / 60"
                               " AND span * 60 < ?2 GROUP BY name ORDER BY 3 DESC LIMIT ?4",
        [INDEX_BY_RELATION] = BUSY("sum(n)") RELATIONS,
        [INDEX_BY_SHAPE] = BUSY("sum(us) / max(sum(n), 1)") SHAPES,
    };
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, questions[by], &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, since_us / 60000000);
    sqlite_query_bind_int(q, 2, until_us / 60000000);
    if (by == INDEX_BY_TIME) sqlite_query_bind_int(q, 3, bucket_s);
    sqlite_query_bind_int(q, 4, (int64_t)limit);
    return visit_counts(q, visit, context);
}

int index_counts_of(struct index *index, const struct index_owner *owner, enum index_rollup by,
                    int64_t since_us, int64_t until_us, int64_t bucket_s, size_t limit,
                    void (*visit)(void *context, const struct index_count *count), void *context)
{
#define OWN                                                                                                  \
    "WITH own AS (SELECT id FROM (SELECT id FROM session WHERE subject = ?5 AND issuer = ?6 ORDER BY id "    \
    "DESC"                                                                                                   \
    " LIMIT 2000) UNION SELECT id FROM (SELECT id FROM session WHERE on_behalf_of IN (?5, ?7)"               \
    " AND issuer = ?6 ORDER BY id DESC LIMIT 2000)),"                                                        \
    " e AS (SELECT x.minute, x.shape, x.n, x.n * (x.decision = 'deny') AS refused,"                          \
    " x.n * (x.decision = 'hold') AS held, x.errors, x.rows, x.us FROM own CROSS JOIN execution x"           \
    " ON x.session = own.id WHERE x.minute >= ?1 AND x.minute < ?2)"
#define OWN_BUSY OWN ", busy AS (SELECT shape, " SUMS " FROM e GROUP BY shape) "
    static const char *const questions[] = {
        [INDEX_BY_TIME] =
            OWN "SELECT minute * 60 / ?3 * ?3 * 1000000, '', " SUMS " FROM e GROUP BY 1 ORDER BY 1 LIMIT ?4",
        [INDEX_BY_PRINCIPAL] = OWN "SELECT 0, ?7, " SUMS " FROM e HAVING sum(n) > 0 LIMIT ?4",
        [INDEX_BY_RELATION] = OWN_BUSY RELATIONS,
        [INDEX_BY_SHAPE] = OWN_BUSY SHAPES,
    };
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, questions[by], &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, since_us / 60000000);
    sqlite_query_bind_int(q, 2, until_us / 60000000);
    if (by == INDEX_BY_TIME) sqlite_query_bind_int(q, 3, bucket_s);
    sqlite_query_bind_int(q, 4, (int64_t)limit);
    sqlite_query_bind_text(q, 5, owner->subject);
    sqlite_query_bind_text(q, 6, owner->issuer);
    sqlite_query_bind_text(q, 7, owner->user);
    return visit_counts(q, visit, context);
}
