/* How long `audit who-saw` takes in a large index: makes one of so many statements (1,000,000), each of which
 * showed the same column, in sessions of fifty, and as many indexed values; asks who saw the column, and who
 * saw a value.
 *
 * usage: bench-record-saw FOLDER [STATEMENTS] */
#include "base/secret.h"
#include "record/index-private.h"
#include "record/index-values.h"
#include "record/keys-memory.h"
#include "record/value-form.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { EACH = 50, PEOPLE = 500, SHAPES = 400, ASKS = 5 };

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
    return pick(pick(a) + 1);
}

static void must(int error, const char *what)
{
    if (!error) return;
    fprintf(stderr, "%s: %d\n", what, error);
    exit(1);
}

static double ms(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void add_session(struct index *index, uint64_t id, int64_t us)
{
    char who[24];
    struct sqlite_query *q;
    int error;
    snprintf(who, sizeof who, "user-%llu", (unsigned long long)skewed(PEOPLE));
    q = index_statement(index, INDEX_SESSION_COUNT, &error);
    must(error, "session");
    sqlite_query_bind_int(q, 1, (int64_t)id);
    sqlite_query_bind_int(q, 2, us);
    for (int i = 3; i <= 7; i++)
        sqlite_query_bind_int(q, i, EACH);
    must(sqlite_query_finish(q), "session");
    q = index_statement(index, INDEX_SESSION_START, &error);
    must(error, "session");
    sqlite_query_bind_int(q, 1, (int64_t)id);
    sqlite_query_bind_int(q, 2, us);
    sqlite_query_bind_text(q, 3, bytes_of(who));
    sqlite_query_bind_int(q, 7, 1);
    sqlite_query_bind_text(q, 9, BYTES_LITERAL("main"));
    must(sqlite_query_finish(q), "session");
}

static void add_statements(struct index *index, struct value_hasher *hasher, uint64_t id, int64_t us)
{
    static const struct names {
        struct bytes relation, column;
    } of = { BYTES_LITERAL("public.customers"), BYTES_LITERAL("card_number") };
    for (uint32_t k = 0; k < EACH; k++) {
        char value[24];
        uint8_t sealed[SHA256_SIZE], hash[VALUE_HASH];
        int error;
        struct sqlite_query *q = index_statement(index, INDEX_SEEN_ADD, &error);
        must(error, "seen");
        sqlite_query_bind_text(q, 1, of.relation);
        sqlite_query_bind_text(q, 2, of.column);
        sqlite_query_bind_text(q, 3, pick(10) ? BYTES_LITERAL("clear") : BYTES_LITERAL("masked"));
        const int64_t numbers[] = {
            (int64_t)id, (int64_t)(1 + skewed(SHAPES)), us / 60000000 + k, 1, 10, k, k
        };
        for (int i = 0; i < 7; i++)
            sqlite_query_bind_int(q, 4 + i, numbers[i]);
        must(sqlite_query_finish(q), "seen");
        snprintf(value, sizeof value, "%llu", (unsigned long long)(4111000000000000 + pick(200000)));
        value_seal(hasher, bytes_of(value), sealed);
        value_hash(hasher, sealed, BYTES_LITERAL("public.customers.card_number"), hash);
        q = index_statement(index, INDEX_VALUE_SEEN_ADD, &error);
        must(error, "value");
        sqlite_query_bind_blob(q, 1, bytes_make(hash, sizeof hash));
        sqlite_query_bind_text(q, 2, BYTES_LITERAL("public.customers.card_number"));
        const int64_t values[] = { (int64_t)id, 0, 1, us, us, k, k };
        for (int i = 0; i < 7; i++)
            sqlite_query_bind_int(q, 3 + i, values[i]);
        must(sqlite_query_finish(q), "value");
    }
}

static void make(struct index *index, const struct record_keys *keys, uint64_t n)
{
    uint8_t key[VALUE_KEY] = { 7 }, wrapped[60];
    struct value_hasher hasher;
    char sql[256];
    int error;
    double began = ms(CLOCK_MONOTONIC);
    must(keys->wrap(keys->context, key, wrapped), "wrap");
    must(!value_hasher_init(&hasher, key), "key");
    must(sqlite_db_run(index->db, "PRAGMA secure_delete = 0; PRAGMA cache_size = -400000"), "pragma");
    must(sqlite_db_begin(index->db, 0), "begin");
    struct sqlite_query *q = index_statement(index, INDEX_VALUE_KEY_SET, &error);
    must(error, "key");
    sqlite_query_bind_blob(q, 1, bytes_make(wrapped, sizeof wrapped));
    must(sqlite_query_finish(q), "key");
    must(sqlite_db_run(index->db, "INSERT INTO value_column (name) VALUES ('public.customers.card_number')"),
         "column");
    for (int i = 1; i <= SHAPES; i++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO shape VALUES (%d, 'h%d', 'SELECT card_number, c%d FROM customers', '', '', '')",
                 i, i, i);
        must(sqlite_db_run(index->db, sql), sql);
    }
    for (uint64_t i = 0; i < n / EACH; i++) {
        int64_t us = INT64_C(1795250000000000) + (int64_t)i * 60000000;
        uint64_t id = (uint64_t)(us / 1000) << 22 | i;
        add_session(index, id, us);
        add_statements(index, &hasher, id, us);
    }
    must(index_batch_commit(index), "commit");
    must(sqlite_db_run(index->db, "PRAGMA secure_delete = 1; PRAGMA cache_size = -2000"), "pragma");
    value_hasher_free(&hasher);
    printf("%llu statements made in %.0f s\n", (unsigned long long)n, (ms(CLOCK_MONOTONIC) - began) / 1e3);
}

static void see(void *context, const struct index_sight *s)
{
    (void)s;
    ++*(size_t *)context;
}
static void see_value(void *context, const struct index_value_sight *s)
{
    (void)s;
    ++*(size_t *)context;
}

struct question {
    const char *name;
    struct index_filter filter;
    const char *value; /* NULL: of the column */
};

static void ask(struct index *index, const struct record_keys *keys, const struct question *q)
{
    double best = 1e9, worst = 0, cpu = 1e9;
    size_t items = 0;
    for (int i = 0; i < ASKS; i++) {
        double began = ms(CLOCK_MONOTONIC), cpu_began = ms(CLOCK_THREAD_CPUTIME_ID);
        items = 0;
        must(q->value
                 ? index_value_sights(index, keys, &q->filter, BYTES_LITERAL("customers"),
                                      BYTES_LITERAL("card_number"), bytes_of(q->value), see_value, &items)
                 : index_sights(index, &q->filter, BYTES_LITERAL("public.customers"),
                                BYTES_LITERAL("card_number"), (struct bytes){ 0 }, see, &items),
             q->name);
        double took = ms(CLOCK_MONOTONIC) - began;
        double cpu_took = ms(CLOCK_THREAD_CPUTIME_ID) - cpu_began;
        if (cpu_took < cpu) cpu = cpu_took;
        if (took < best) best = took;
        if (took > worst) worst = took;
    }
    printf("%-44s cpu %8.1f ms   by the clock %8.1f to %8.1f ms  %zu lines\n", q->name, cpu, best, worst,
           items);
}

int main(int argc, char **argv)
{
    static const uint8_t kek[32] = { 1 }, seed[32] = { 2 };
    struct keys_memory keys;
    struct index *index;
    char path[4096];
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000, there = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: bench-record-saw FOLDER [STATEMENTS]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(path, sizeof path, "%s/index.db", argv[1]);
    must(!keys_memory_init(&keys, kek, seed), "keys");
    must(index_open(path, INDEX_WRITE, &index), path);
    must(index_count_live(index, NULL, &there), "count");
    if (!there) make(index, &keys.keys, n);
    const struct question questions[] = {
        { "who saw the column", { .limit = 100 }, NULL },
        { "who saw the column, all lines", { .limit = 0 }, NULL },
        { "who saw the column in the last day",
          { .since_us = INT64_C(1795250000000000) + (int64_t)(n / EACH - 1440) * 60000000, .limit = 100 },
          NULL },
        { "what one principal saw of it", { .principal = BYTES_LITERAL("user-7"), .limit = 100 }, NULL },
        { "who saw a value", { .limit = 100 }, "4111 0000 0000 0042" },
        { "who saw a value that nobody saw", { .limit = 100 }, "4999 0000 0000 0042" },
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask(index, &keys.keys, &questions[i]);
    index_free(index);
    keys_memory_wipe(&keys);
    return 0;
}
