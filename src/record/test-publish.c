/* Tests of publishing, without a server: the statements that it makes, the calendar of months, and what the
 * index notes for it, changes meanwhile, walks through and forgets. */
#include "base/test-folder.h"
#include "record/index-private.h"
#include "record/publish-outbox.h"
#include "record/publish-schema.h"
#include "record/publish-sql.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/test.h"

static struct test_folder folder;
static char path[96];
static struct index *here;
static struct publish_batch batch;

static int set_up(void **state)
{
    (void)state;
    if (test_folder_make(&folder)) return -1;
    snprintf(path, sizeof path, "%s/index.db", folder.path);
    publish_batch_init(&batch);
    return index_open(path, INDEX_WRITE, &here);
}

static int tear_down(void **state)
{
    (void)state;
    publish_batch_free(&batch);
    index_free(here);
    return test_folder_remove(&folder);
}

static const struct publish_table *table_named(const char *name, size_t *number_out)
{
    for (size_t i = 0; i < publish_n_tables; i++) {
        if (strcmp(publish_tables[i].name, name) != 0) continue;
        if (number_out) *number_out = i;
        return &publish_tables[i];
    }
    fail();
    return NULL;
}

static void do_sql(const char *sql)
{
    assert_int_equal(sqlite_db_run(here->db, sql), 0);
}

static uint64_t waiting(void)
{
    uint64_t n = 99;
    assert_int_equal(publish_outbox_count(here, 1000000, &n), 0);
    return n;
}

static void read_batch(const struct publish_state *state)
{
    assert_int_equal(publish_outbox_read(here, state, &batch), 0);
}

static void forget(struct publish_state *state)
{
    assert_int_equal(publish_outbox_forget(here, &batch, 1000, state), 0);
}

/* Brings everything there is to nobody. */
static void drain(struct publish_state *state)
{
    for (read_batch(state); batch.n || batch.walks; read_batch(state))
        forget(state);
}

/* ---- the statements */

static void expect_sql(struct buf *sql, const char *expected)
{
    assert_bytes(buf_bytes(sql), expected);
    buf_free(sql);
}

static void values_are_bound_and_names_are_quoted(void **state)
{
    (void)state;
    struct buf sql;
    struct bytes schema = BYTES_LITERAL("a\"; DROP TABLE x; --");
    buf_init(&sql, 1 << 16);
    publish_sql_delete(table_named("shape_relation", NULL), schema, &sql);
    expect_sql(
        &sql,
        "DELETE FROM \"a\"\"; DROP TABLE x; --\".\"shape_relation\" t USING (SELECT $1::integer AS gateway, "
        "* "
        "FROM unnest($2::bigint[], $3::bigint[]) AS k (k0, k1) OFFSET 0) AS d WHERE t.gateway = d.gateway "
        "AND t.\"relation\" = d.k0 AND t.\"shape\" = d.k1");
    publish_sql_delete(table_named("approval", NULL), BYTES_LITERAL("s"), &sql);
    expect_sql(&sql,
               "DELETE FROM \"s\".\"approval\" t USING (SELECT $1::integer AS gateway, * FROM "
               "unnest($2::text[]) AS k "
               "(k0) OFFSET 0) AS d WHERE t.gateway = d.gateway AND t.\"request\" = d.k0 COLLATE \"C\"");
    publish_sql_put(table_named("gap", NULL), BYTES_LITERAL("s"), &sql);
    expect_sql(
        &sql,
        "INSERT INTO \"s\".\"gap\" (gateway, \"session\", \"sequence\", \"time_us\", \"what\") SELECT "
        "$1::integer, k.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS k (k0, k1, "
        "k2, k3) ON CONFLICT (gateway, \"session\", \"sequence\", \"time_us\") DO UPDATE SET \"what\" = "
        "excluded.\"what\"");
    publish_sql_put(table_named("shape_relation", NULL), BYTES_LITERAL("s"), &sql);
    assert_true(bytes_find(buf_bytes(&sql), BYTES_LITERAL("(gateway, \"relation\", \"shape\") DO NOTHING")) >
                0);
    buf_free(&sql);
    publish_sql_put(table_named("approval_decision", NULL), BYTES_LITERAL("s"), &sql);
    assert_true(
        bytes_find(buf_bytes(&sql), BYTES_LITERAL("SELECT DISTINCT ON (k0, k1, k2, k3) $1::integer")) > 0);
    buf_free(&sql);
}

static void a_piece_of_the_walk_has_two_ends_or_fewer(void **state)
{
    (void)state;
    struct buf sql;
    const struct publish_table *gap = table_named("gap", NULL);
    buf_init(&sql, 1 << 16);
    publish_sql_range(gap, BYTES_LITERAL("s"), false, false, &sql);
    expect_sql(&sql, "DELETE FROM \"s\".\"gap\" t WHERE t.gateway = $1::integer");
    publish_sql_range(gap, BYTES_LITERAL("s"), true, true, &sql);
    expect_sql(
        &sql,
        "DELETE FROM \"s\".\"gap\" t WHERE t.gateway = $1::integer AND (t.\"session\", t.\"sequence\") > "
        "($2::bigint, $3::bigint) AND (t.\"session\", t.\"sequence\") <= ($4::bigint, $5::bigint)");
    publish_sql_range(gap, BYTES_LITERAL("s"), false, true, &sql);
    expect_sql(
        &sql,
        "DELETE FROM \"s\".\"gap\" t WHERE t.gateway = $1::integer AND (t.\"session\", t.\"sequence\") <= "
        "($2::bigint, $3::bigint)");
}

static void a_month_is_made_beside_and_attached(void **state)
{
    (void)state;
    struct buf sql;
    const struct publish_table *execution = table_named("execution", NULL);
    buf_init(&sql, 1 << 16);
    publish_sql_month(execution, BYTES_LITERAL("s"), (2024 - 1970) * 12 + 1, &sql);
    expect_sql(
        &sql,
        "CREATE TABLE \"s\".\"execution_2024_02\" (LIKE \"s\".\"execution\" INCLUDING ALL); ALTER TABLE "
        "\"s\".\"execution\" ATTACH PARTITION \"s\".\"execution_2024_02\" FOR VALUES FROM (28445760) TO "
        "(28487520)");
    publish_sql_month(execution, BYTES_LITERAL("s"), PUBLISH_MONTH_EARLY, &sql);
    expect_sql(
        &sql,
        "CREATE TABLE \"s\".\"execution_early\" (LIKE \"s\".\"execution\" INCLUDING ALL); ALTER TABLE "
        "\"s\".\"execution\" ATTACH PARTITION \"s\".\"execution_early\" FOR VALUES FROM (MINVALUE) TO (0)");
    publish_sql_month(execution, BYTES_LITERAL("s"), PUBLISH_MONTH_LATE, &sql);
    assert_true(bytes_find(buf_bytes(&sql), BYTES_LITERAL("execution_late")) > 0);
    assert_true(bytes_find(buf_bytes(&sql), BYTES_LITERAL(" TO (MAXVALUE)")) > 0);
    buf_free(&sql);
}

static void months_are_those_of_the_calendar(void **state)
{
    (void)state;
    int64_t last = 0;
    for (int64_t month = 0; month < PUBLISH_MONTH_LATE; month++) {
        struct tm tm = { .tm_year = (int)(70 + month / 12), .tm_mon = (int)(month % 12), .tm_mday = 1 };
        int64_t begins = (int64_t)timegm(&tm) / 60;
        assert_int_equal(publish_month_begin(PUBLISH_MINUTES, month), begins);
        assert_int_equal(publish_month_begin(PUBLISH_MICROSECONDS, month), begins * 60000000);
        assert_int_equal(publish_month_of(PUBLISH_MINUTES, begins), month);
        assert_int_equal(publish_month_of(PUBLISH_MICROSECONDS, begins * 60000000), month);
        if (month) assert_int_equal(publish_month_of(PUBLISH_MICROSECONDS, begins * 60000000 - 1), month - 1);
        assert_true(month == 0 || begins > last);
        last = begins;
    }
    assert_int_equal(publish_month_of(PUBLISH_MINUTES, -1), PUBLISH_MONTH_EARLY);
    assert_int_equal(publish_month_of(PUBLISH_MINUTES, INT64_MIN), PUBLISH_MONTH_EARLY);
    assert_int_equal(publish_month_of(PUBLISH_MICROSECONDS, INT64_MAX), PUBLISH_MONTH_LATE);
    assert_int_equal(publish_month_of(PUBLISH_MINUTES, INT64_MAX), PUBLISH_MONTH_LATE);
}

static void a_key_is_cut_between_characters(void **state)
{
    (void)state;
    uint8_t text[PUBLISH_KEY_TEXT + 8];
    memset(text, 'a', sizeof text);
    assert_int_equal(publish_key_clip(bytes_make(text, 10)).n, 10);
    assert_int_equal(publish_key_clip(bytes_make(text, sizeof text)).n, PUBLISH_KEY_TEXT);
    memcpy(text + PUBLISH_KEY_TEXT - 1, "\xE2\x82\xAC", 3);
    assert_int_equal(publish_key_clip(bytes_make(text, sizeof text)).n, PUBLISH_KEY_TEXT - 1);
}

static void the_schema_stands_in_every_name_of_every_step(void **state)
{
    (void)state;
    struct buf sql;
    buf_init(&sql, 1 << 20);
    for (size_t i = 0; i < publish_schema_steps; i++)
        publish_schema_write(i, BYTES_LITERAL("other"), &sql);
    struct bytes text = buf_bytes(&sql);
    assert_int_equal(bytes_find(text, BYTES_LITERAL("@")), -1);
    for (size_t i = 0; i < publish_n_tables; i++) {
        char name[96];
        snprintf(name, sizeof name, "CREATE TABLE \"other\".%s (", publish_tables[i].name);
        assert_true(bytes_find(text, bytes_of(name)) >= 0);
    }
    for (size_t i = 0; index_views[i]; i++) {
        char name[96];
        snprintf(name, sizeof name, "VIEW \"other\".%s AS", index_views[i]);
        assert_true(bytes_find(text, bytes_of(name)) >= 0);
    }
    buf_free(&sql);
}

/* ---- what is noted */

static void each_table_is_as_the_rows_say(void **state)
{
    (void)state;
    char sql[512];
    struct sqlite_query *q;
    for (size_t i = 0; i < publish_n_tables; i++) {
        const struct publish_table *t = &publish_tables[i];
        assert_true(t->n_unit <= PUBLISH_UNIT && t->n_unit <= t->n_keys && t->n_columns <= PUBLISH_COLUMNS);
        for (size_t k = 0; k < t->n_columns; k++) {
            snprintf(sql, sizeof sql, "SELECT t.\"%s\" FROM \"%s\" t", t->columns[k].name, t->name);
            assert_int_equal(sqlite_query_new(here->db, sql, &q), 0);
            sqlite_query_free(q);
        }
        /* As many as SQLite's own key has columns: nothing else tells one row from another. */
        snprintf(sql, sizeof sql, "SELECT count(*) FROM pragma_table_info('%s') WHERE pk > 0", t->name);
        assert_int_equal(sqlite_query_new(here->db, sql, &q), 0);
        assert_int_equal(sqlite_query_step(q), SQLITE_STEP_ROW);
        assert_int_equal(sqlite_query_int(q, 0), t->n_keys);
        sqlite_query_free(q);
        if (t->time) assert_int_equal(t->columns[t->time_column].type, PUBLISH_INT);
    }
    assert_true(publish_n_tables <= PUBLISH_TABLES);
}

#define EXECUTION(n)                                                                                         \
    "INSERT INTO execution VALUES (7, 1, 29922000, 'allow', 'p', 'r', " #n ", 0, 5, 9, 1, 2, 9, 5)"

static void what_changes_is_noted_read_and_forgotten(void **state)
{
    (void)state;
    struct publish_state s;
    size_t execution = 0;
    table_named("execution", &execution);
    assert_int_equal(publish_outbox_state(here, &s), -ENOENT);
    do_sql(EXECUTION(1)); /* before anything is noted: the walk finds it */
    assert_int_equal(publish_outbox_open(here, &s), 0);
    assert_int_equal(waiting(), 0);
    drain(&s);
    assert_int_equal(s.walk, publish_n_tables);
    do_sql("INSERT INTO gap VALUES (7, 3, 1795320000000000, 'result cut')");
    do_sql("UPDATE execution SET n = 2");
    do_sql("UPDATE execution SET n = 3");
    assert_int_equal(waiting(), 2);
    read_batch(&s);
    assert_int_equal(batch.n, 2);
    assert_true(batch.is_all);
    assert_int_equal(batch.parts[execution].n_rows, 1);
    assert_bytes(buf_bytes(&batch.parts[execution].columns[6]), "{3");
    assert_bytes(buf_bytes(&batch.parts[execution].columns[3]), "{\"allow\"");
    assert_int_equal(batch.n_months, 2);
    forget(&s);
    assert_int_equal(waiting(), 0);
}

static void what_changes_again_meanwhile_waits_again(void **state)
{
    (void)state;
    struct publish_state s;
    assert_int_equal(publish_outbox_open(here, &s), 0);
    drain(&s);
    do_sql(EXECUTION(1));
    read_batch(&s);
    do_sql("UPDATE execution SET n = 2");
    forget(&s);
    assert_int_equal(waiting(), 1);
    read_batch(&s);
    do_sql("DELETE FROM execution");
    forget(&s);
    assert_int_equal(waiting(), 1);
    read_batch(&s);
    size_t execution = 0;
    table_named("execution", &execution);
    assert_int_equal(batch.parts[execution].n_keys, 1);
    assert_int_equal(batch.parts[execution].n_rows, 0);
    assert_bytes(buf_bytes(&batch.parts[execution].keys[2]), "{29922000");
    forget(&s);
    assert_int_equal(waiting(), 0);
}

static void a_session_that_moves_into_another_month_goes_first(void **state)
{
    (void)state;
    struct publish_state s;
    size_t session = 0;
    table_named("session", &session);
    do_sql("INSERT INTO session (id, started_us, last_us) VALUES (7, 1795320000000000, 0)");
    assert_int_equal(publish_outbox_open(here, &s), 0);
    drain(&s);
    do_sql("UPDATE session SET rows = 5");
    read_batch(&s);
    assert_int_equal(batch.parts[session].n_keys, 0);
    assert_int_equal(batch.parts[session].n_rows, 1);
    do_sql("UPDATE session SET started_us = 1798320000000000");
    read_batch(&s);
    assert_int_equal(batch.parts[session].n_keys, 1);
    assert_int_equal(batch.parts[session].n_rows, 1);
}

static void a_unit_is_in_one_batch_as_a_whole(void **state)
{
    (void)state;
    struct publish_state s;
    size_t seen = 0, rows = 0, units = 0;
    table_named("seen", &seen);
    assert_int_equal(publish_outbox_open(here, &s), 0);
    drain(&s);
    /* 30 columns of each of 100 results. */
    do_sql("WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999) INSERT INTO seen "
           "SELECT"
           " 'public.t', 'c' || (i % 30), 'clear', i / 30, 1, 29922000, 1, 1, 1, 1 FROM n");
    assert_int_equal(waiting(), 100);
    for (read_batch(&s); batch.n; read_batch(&s)) {
        assert_int_equal(batch.parts[seen].n_rows, 30 * batch.n_marks);
        assert_int_equal(batch.parts[seen].n_keys, 0);
        assert_true(batch.parts[seen].n_rows < PUBLISH_ROWS + 30);
        rows += batch.parts[seen].n_rows;
        units += batch.n_marks;
        forget(&s);
    }
    assert_int_equal(rows, 3000);
    assert_int_equal(units, 100);
}

static void the_walk_goes_through_everything_once(void **state)
{
    (void)state;
    struct publish_state s;
    size_t failure = 0, rows = 0, pieces = 0;
    table_named("failure", &failure);
    do_sql("WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999) INSERT INTO "
           "failure SELECT"
           " i / 10, i, 1795320000000000, NULL, 0, '22012' FROM n");
    assert_int_equal(publish_outbox_open(here, &s), 0);
    int64_t from = -1;
    for (read_batch(&s); batch.walks; read_batch(&s)) {
        if (batch.walked == failure) {
            assert_int_equal(batch.has_from, pieces > 0);
            if (batch.has_from) assert_int_equal(batch.from[1].number, from);
            from = batch.to[1].number;
            rows += batch.parts[failure].n_rows;
            pieces++;
            /* Another opens it in between: it goes on where it was. */
            struct publish_state again;
            assert_int_equal(publish_outbox_state(here, &again), 0);
            assert_int_equal(again.walk, s.walk);
        }
        forget(&s);
    }
    assert_int_equal(rows, 5000);
    assert_true(pieces >= 3);
    assert_int_equal(s.walk, publish_n_tables);
}

static void an_index_that_is_made_anew_is_walked_through(void **state)
{
    (void)state;
    struct publish_state s, t;
    assert_int_equal(publish_outbox_open(here, &s), 0);
    drain(&s);
    assert_int_equal(index_rebuild(here), 0);
    assert_int_equal(publish_outbox_state(here, &t), -ENOENT);
    assert_int_equal(publish_outbox_open(here, &t), 0);
    assert_true(t.epoch != s.epoch && t.walk == 0 && t.batch == 0);
    read_batch(&t);
    assert_int_equal(publish_outbox_restart(here, true, &s), 0);
    assert_int_equal(publish_outbox_forget(here, &batch, 1000, &t), -ESTALE);
    assert_int_equal(publish_outbox_state(here, &t), 0);
    assert_true(t.claims && t.epoch == s.epoch && t.walk == 0);
}

static void where_nothing_is_published_nothing_is_noted(void **state)
{
    (void)state;
    struct publish_state s;
    struct sqlite_query *q;
    assert_int_equal(publish_outbox_remove(here), 0);
    assert_int_equal(publish_outbox_open(here, &s), 0);
    do_sql(EXECUTION(1));
    assert_int_equal(publish_outbox_remove(here), 0);
    assert_int_equal(
        sqlite_query_new(here->db, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'publish%'", &q), 0);
    assert_int_equal(sqlite_query_step(q), SQLITE_STEP_ROW);
    assert_int_equal(sqlite_query_int(q, 0), 0);
    sqlite_query_free(q);
    do_sql("UPDATE execution SET n = 2");
}

/* Whatever a principal, a rule or a statement holds arrives as it is. */
static void hostile_text_stays_one_element(void **state)
{
    (void)state;
    struct publish_state s;
    size_t shape = 0;
    table_named("shape", &shape);
    assert_int_equal(publish_outbox_open(here, &s), 0);
    drain(&s);
    do_sql("INSERT INTO shape VALUES (1, x'01', 'a\"},{\\NULL', NULL, 'NULL', '')");
    read_batch(&s);
    assert_bytes(buf_bytes(&batch.parts[shape].columns[1]), "{\"a\\\"},{\\\\NULL\"");
    assert_bytes(buf_bytes(&batch.parts[shape].columns[2]), "{NULL");
    assert_bytes(buf_bytes(&batch.parts[shape].columns[3]), "{\"NULL\"");
    assert_bytes(buf_bytes(&batch.parts[shape].columns[4]), "{\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_bound_and_names_are_quoted),
        cmocka_unit_test(a_piece_of_the_walk_has_two_ends_or_fewer),
        cmocka_unit_test(a_month_is_made_beside_and_attached),
        cmocka_unit_test(months_are_those_of_the_calendar),
        cmocka_unit_test(a_key_is_cut_between_characters),
        cmocka_unit_test(the_schema_stands_in_every_name_of_every_step),
        cmocka_unit_test_setup_teardown(each_table_is_as_the_rows_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_changes_is_noted_read_and_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_changes_again_meanwhile_waits_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_session_that_moves_into_another_month_goes_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_unit_is_in_one_batch_as_a_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_walk_goes_through_everything_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_that_is_made_anew_is_walked_through, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_nothing_is_published_nothing_is_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_text_stays_one_element, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
