/* How long pages take in a large index. Makes one of so many sessions (1,000,000) with three statements each
 * in a folder (kept if it is there already), and asks it what the API asks; the 50th and 95th percentile of
 * each, of processor time and by the clock.
 *
 * usage: bench-record-find FOLDER [SESSIONS] */
#include "record/index-private.h"
#include "record/index.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SHAPES = 5000, TABLES = 200, PEOPLE = 500, EACH = 3, ASKS = 40 };

static uint64_t random_state = 88172645463325252ULL;
static uint64_t pick(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

/* A few are busy, most are rare. */
static uint64_t skewed(uint64_t n)
{
    uint64_t a = pick(n) + 1;
    return pick(a);
}

/* The processor time of this thread is what a page takes on a machine that has nothing else to do; the clock
 * says what it took here. */
struct moment {
    int64_t cpu_us, clock_us;
};

static int64_t time_us(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct moment now(void)
{
    return (struct moment){ time_us(CLOCK_THREAD_CPUTIME_ID), time_us(CLOCK_MONOTONIC) };
}

struct timings {
    int64_t cpu_us[ASKS], clock_us[ASKS];
};

static void took(struct timings *t, int i, struct moment began)
{
    struct moment ended = now();
    t->cpu_us[i] = ended.cpu_us - began.cpu_us;
    t->clock_us[i] = ended.clock_us - began.clock_us;
}

static void must(int error, const char *what)
{
    if (!error) return;
    fprintf(stderr, "%s: %d\n", what, error);
    exit(1);
}

static void run(struct index *index, const char *sql)
{
    must(sqlite_db_run(index->db, sql), sql);
}

static void make_shapes(struct index *index)
{
    char sql[512];
    for (int i = 1; i <= TABLES; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO relation VALUES (%d, 'public.t%d', 't%d')", i, i, i);
        run(index, sql);
    }
    for (int i = 1; i <= SHAPES; i++) {
        int table = 1 + (int)skewed(TABLES);
        snprintf(
            sql, sizeof sql,
            "INSERT INTO shape VALUES (%d, 'h%d', 'SELECT c%d FROM t%d WHERE id = $1', 'SELECT', 'read',"
            " 'public.t%d'); INSERT INTO shape_words (rowid, text) VALUES (%d, 'SELECT c%d FROM t%d WHERE id "
            "= $1'); INSERT INTO shape_relation VALUES (%d, %d); INSERT INTO shape_effect VALUES ('read', "
            "%d)",
            i, i, i % 97, table, table, i, i % 97, table, table, i, i);
        run(index, sql);
    }
}

/* Filling a table and sorting it into its indexes afterwards is many times as quick as keeping each index in
 * order: takes the indexes of the two large tables away, and gives back the SQL that makes them again. */
static void drop_indexes(struct index *index, struct buf *again)
{
    struct sqlite_query *q;
    struct buf drops;
    buf_init(&drops, 1 << 16);
    must(sqlite_query_new(index->db,
                          "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND"
                          " tbl_name IN ('session', 'execution')",
                          &q),
         "indexes");
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        buf_printf(&drops, "DROP INDEX %.*s;", BYTES_FMT(sqlite_query_text(q, 0)));
        buf_printf(again, "%.*s;", BYTES_FMT(sqlite_query_text(q, 1)));
    }
    must(sqlite_query_error(q), "indexes");
    sqlite_query_free(q);
    buf_append(&drops, bytes_make("", 1));
    buf_append(again, bytes_make("", 1));
    must(drops.failed || again->failed, "indexes");
    run(index, (const char *)buf_bytes(&drops).p);
    buf_free(&drops);
}

static void make_sessions(struct index *index, uint64_t n, uint64_t first_ms)
{
    struct sqlite_query *session, *execution;
    char who[24], behalf[24], task[24];
    static const char *const rare[] = { "deny", "hold", "observed" };
    must(sqlite_query_new(
             index->db,
             "INSERT INTO session (id, started_us, last_us, ended_us, principal, subject, issuer, "
             "connection, on_behalf_of, task, statements, rows) VALUES (?1, ?2, ?2, ?3, ?4, ?4, 'idp',"
             " ?5, ?6, ?7, 3, 30)",
             &session),
         "session");
    must(sqlite_query_new(
             index->db,
             "INSERT OR IGNORE INTO execution VALUES (?1, ?2, ?3, ?4, 'p', 'r', 1, 0, 10, 1000, ?5, ?5)",
             &execution),
         "execution");
    for (uint64_t i = 0; i < n; i++) {
        uint64_t ms = first_ms + i * 1000, id = ms << 22 | (i & 0x3FFFFF);
        snprintf(who, sizeof who, "user-%llu", (unsigned long long)skewed(PEOPLE));
        snprintf(behalf, sizeof behalf, "user-%llu", (unsigned long long)skewed(PEOPLE));
        snprintf(task, sizeof task, "T-%llu", (unsigned long long)(i / 5));
        sqlite_query_bind_int(session, 1, (int64_t)id);
        sqlite_query_bind_int(session, 2, (int64_t)ms * 1000);
        sqlite_query_bind_int(session, 3, i + 100 < n ? (int64_t)ms * 1000 + 5000 : 0);
        sqlite_query_bind_text(session, 4, bytes_of(who));
        sqlite_query_bind_text(session, 5, pick(10) ? BYTES_LITERAL("main") : BYTES_LITERAL("side"));
        if (pick(10) == 0) sqlite_query_bind_text(session, 6, bytes_of(behalf));
        sqlite_query_bind_text(session, 7, bytes_of(task));
        must(sqlite_query_finish(session), "session");
        for (int k = 0; k < EACH; k++) {
            bool is_rare = pick(2000) == 0;
            sqlite_query_bind_int(execution, 1, (int64_t)id);
            sqlite_query_bind_int(execution, 2, (int64_t)(1 + skewed(SHAPES)));
            sqlite_query_bind_int(execution, 3, (int64_t)(ms / 60000));
            sqlite_query_bind_text(execution, 4, bytes_of(is_rare ? rare[pick(3)] : "allow"));
            sqlite_query_bind_int(execution, 5, 2 + k);
            must(sqlite_query_finish(execution), "execution");
        }
    }
    sqlite_query_free(session);
    sqlite_query_free(execution);
}

static void make_rollups(struct index *index)
{
    run(index,
        "INSERT INTO rollup SELECT 0, minute, '', sum(n), sum(n * (decision = 'deny')), sum(n * (decision = "
        "'hold')), sum(errors), sum(rows), sum(us) FROM execution GROUP BY minute");
    run(index,
        "INSERT INTO rollup SELECT 1, minute / 60, s.principal, sum(n), 0, 0, sum(e.errors), sum(e.rows), "
        "sum(us) FROM execution e JOIN session s ON s.id = e.session GROUP BY 2, 3");
    run(index,
        "INSERT INTO rollup SELECT 3, minute / 60, shape, sum(n), 0, 0, sum(errors), sum(rows), sum(us) FROM "
        "execution GROUP BY 2, 3");
}

static void make_all(struct index *index, uint64_t n, uint64_t first_ms)
{
    struct buf indexes;
    time_t began = time(NULL);
    buf_init(&indexes, 1 << 16);
    run(index, "PRAGMA secure_delete = 0; PRAGMA cache_size = -200000");
    must(sqlite_db_begin(index->db, 0), "begin");
    make_shapes(index);
    drop_indexes(index, &indexes);
    make_sessions(index, n, first_ms);
    run(index, (const char *)buf_bytes(&indexes).p);
    make_rollups(index);
    must(sqlite_db_commit(index->db), "commit");
    run(index, "PRAGMA secure_delete = 1; PRAGMA cache_size = -2000");
    buf_free(&indexes);
    printf("%llu sessions made in %lld s\n", (unsigned long long)n, (long long)(time(NULL) - began));
}

/* ---- asking */

static void see_session(void *context, const struct index_session *s)
{
    (void)s;
    ++*(size_t *)context;
}
static void see_hit(void *context, const struct index_hit *h)
{
    (void)h;
    ++*(size_t *)context;
}
static void see_count(void *context, const struct index_count *c)
{
    (void)c;
    ++*(size_t *)context;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double at(int64_t *us, size_t percent)
{
    qsort(us, ASKS, sizeof *us, compare);
    return (double)us[ASKS * percent / 100] / 1000;
}

static void tell(const char *name, struct timings *t, size_t items)
{
    printf("%-44s p50 %8.2f ms   p95 %8.2f ms   by the clock p95 %8.2f ms   %zu items\n", name,
           at(t->cpu_us, 50), at(t->cpu_us, 95), at(t->clock_us, 95), items);
}

/* Pages one behind the other; from the first again at the end. */
static void ask(struct index *index, const char *name, struct index_find find, bool statements)
{
    struct timings t;
    struct index_place place = { 0 }, from;
    bool more = true;
    size_t items = 0;
    find.limit = 50;
    for (int i = 0; i < ASKS; i++) {
        if (!more) place = (struct index_place){ 0 };
        from = place;
        struct moment began = now();
        must(statements ? index_find_statements(index, &find, &from, see_hit, &items, &place, &more)
                        : index_find_sessions(index, &find, &from, see_session, &items, &place, &more),
             name);
        took(&t, i, began);
    }
    tell(name, &t, items);
}

/* First pages, each of another value. */
static void ask_varied(struct index *index, const char *name, int which, const char *form, uint64_t values,
                       struct index_find find, bool statements)
{
    struct timings t;
    char text[48];
    size_t items = 0;
    find.limit = 50;
    for (int i = 0; i < ASKS; i++) {
        struct index_place place, from = { 0 };
        bool more;
        snprintf(text, sizeof text, form, (unsigned long long)pick(values));
        struct bytes *places[] = { &find.principal, &find.relation, &find.task };
        *places[which] = bytes_of(text);
        struct moment began = now();
        must(statements ? index_find_statements(index, &find, &from, see_hit, &items, &place, &more)
                        : index_find_sessions(index, &find, &from, see_session, &items, &place, &more),
             name);
        took(&t, i, began);
    }
    tell(name, &t, items);
}

static void ask_counts(struct index *index, const char *name, enum index_rollup by, int64_t since_us,
                       int64_t until_us)
{
    struct timings t;
    size_t items = 0;
    for (int i = 0; i < ASKS; i++) {
        struct moment began = now();
        must(index_counts(index, by, since_us, until_us, 900, 100, see_count, &items), name);
        took(&t, i, began);
    }
    tell(name, &t, items);
}

int main(int argc, char **argv)
{
    char path[4096];
    struct index *index;
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000, first_ms = 1795250000000;
    int64_t last_us = (int64_t)(first_ms + n * 1000) * 1000, day_us = 86400000000;
    if (argc < 2) {
        fprintf(stderr, "usage: bench-record-find FOLDER [SESSIONS]\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/index.db", argv[1]);
    must(index_open(path, INDEX_WRITE, &index), path);
    uint64_t live;
    must(index_count_live(index, NULL, &live), "count");
    if (!live) make_all(index, n, first_ms);
    struct bytes words[] = { BYTES_LITERAL("c13"), BYTES_LITERAL("t7") };
    struct index_owner owner = { BYTES_LITERAL("idp"), BYTES_LITERAL("user-490"), BYTES_LITERAL("user-490") };
    ask(index, "sessions, page after page", (struct index_find){ 0 }, false);
    ask(index, "sessions, open", (struct index_find){ .live = INDEX_LIVE_ONLY }, false);
    ask_varied(index, "sessions by principal", 0, "user-%llu", PEOPLE, (struct index_find){ 0 }, false);
    ask_varied(index, "sessions by table", 1, "t%llu", TABLES, (struct index_find){ 0 }, false);
    ask_varied(index, "sessions by task", 2, "T-%llu", n / 5, (struct index_find){ 0 }, false);
    ask_varied(index, "sessions by principal and table", 0, "user-%llu", PEOPLE,
               (struct index_find){ .relation = BYTES_LITERAL("t150") }, false);
    ask_varied(index, "sessions refused, by principal", 0, "user-%llu", PEOPLE,
               (struct index_find){ .verdict = BYTES_LITERAL("deny") }, false);
    ask(index, "sessions refused, page after page", (struct index_find){ .verdict = BYTES_LITERAL("deny") },
        false);
    ask(index, "sessions by words", (struct index_find){ .texts = words, .n_texts = 2 }, false);
    ask(index, "one's own sessions", (struct index_find){ .owner = &owner }, false);
    ask(index, "a table that is not there", (struct index_find){ .relation = BYTES_LITERAL("nowhere") },
        false);
    ask(index, "statements, page after page", (struct index_find){ 0 }, true);
    ask_varied(index, "statements by principal", 0, "user-%llu", PEOPLE, (struct index_find){ 0 }, true);
    ask_varied(index, "statements by table", 1, "t%llu", TABLES, (struct index_find){ 0 }, true);
    ask(index, "statements refused, page after page", (struct index_find){ .verdict = BYTES_LITERAL("deny") },
        true);
    ask(index, "statements by words", (struct index_find){ .texts = words, .n_texts = 2 }, true);
    ask_counts(index, "overview: buckets of a day", INDEX_BY_TIME, last_us - day_us, last_us);
    ask_counts(index, "overview: principals of a day", INDEX_BY_PRINCIPAL, last_us - day_us, last_us);
    ask_counts(index, "overview: relations of a day", INDEX_BY_RELATION, last_us - day_us, last_us);
    ask_counts(index, "overview: slow shapes of a day", INDEX_BY_SHAPE, last_us - day_us, last_us);
    index_free(index);
    return 0;
}
