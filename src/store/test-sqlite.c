/* Tests of the SQLite wrapper, on a database in a temporary folder. */
#include "base/test-folder.h"
#include "base/test.h"
#include "store/sqlite.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct test_folder folder;
static char path[96];

static int set_up(void **state)
{
    (void)state;
    if (test_folder_make(&folder)) return -1;
    snprintf(path, sizeof path, "%s/x.db", folder.path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return test_folder_remove(&folder);
}

static const char *const steps[] = { "CREATE TABLE a (x INTEGER, t TEXT)",
                                     "CREATE TABLE b (y); INSERT INTO b VALUES (7)",
                                     "CREATE TABLE nonsense (" };

static struct sqlite_db *open_with(enum sqlite_mode mode, size_t n_steps)
{
    struct sqlite_db *db = NULL;
    assert_int_equal(sqlite_db_open(path, mode, &db), 0);
    if (n_steps) assert_int_equal(sqlite_db_migrate(db, steps, n_steps), 0);
    return db;
}

static int64_t ask(struct sqlite_db *db, const char *sql)
{
    struct sqlite_query *q;
    assert_int_equal(sqlite_query_new(db, sql, &q), 0);
    assert_int_equal(sqlite_query_step(q), SQLITE_STEP_ROW);
    int64_t value = sqlite_query_int(q, 0);
    sqlite_query_free(q);
    return value;
}

static void test_migrations(void **state)
{
    (void)state;
    struct sqlite_db *db = open_with(SQLITE_DB_WRITE, 1);
    assert_int_equal(sqlite_db_migrate(db, steps, 2), 0);
    assert_int_equal(sqlite_db_migrate(db, steps, 2), 0);
    assert_int_equal(ask(db, "SELECT sum(y) FROM b"), 7);
    assert_int_equal(sqlite_db_migrate(db, steps, 1), -ENOTSUP);
    assert_int_equal(sqlite_db_migrate(db, steps, 3), -EINVAL);
    assert_int_equal(sqlite_db_version(db), 2);
    sqlite_db_close(db);
}

static void test_values(void **state)
{
    (void)state;
    struct sqlite_db *db = open_with(SQLITE_DB_WRITE, 2);
    struct sqlite_query *q;
    assert_int_equal(sqlite_query_new(db, "INSERT INTO a VALUES (?1, ?2)", &q), 0);
    sqlite_query_bind_int(q, 1, INT64_MIN);
    sqlite_query_bind_text(q, 2, BYTES_LITERAL("é'; DROP TABLE a"));
    assert_int_equal(sqlite_query_finish(q), 0);
    sqlite_query_bind_text(q, 2, BYTES_LITERAL("bad \xff utf"));
    assert_int_equal(sqlite_query_finish(q), 0);
    sqlite_query_bind_int(q, 9, 1);
    assert_int_equal(sqlite_query_finish(q), -EINVAL);
    sqlite_query_free(q);
    assert_int_equal(sqlite_query_new(db, "SELECT x, t FROM a ORDER BY x NULLS LAST", &q), 0);
    assert_int_equal(sqlite_query_step(q), SQLITE_STEP_ROW);
    assert_true(sqlite_query_int(q, 0) == INT64_MIN);
    assert_bytes(sqlite_query_text(q, 1), "é'; DROP TABLE a");
    assert_int_equal(sqlite_query_step(q), SQLITE_STEP_ROW);
    assert_null(sqlite_query_text(q, 0).p);
    assert_bytes(sqlite_query_text(q, 1), "bad ? utf");
    assert_int_equal(sqlite_query_step(q), SQLITE_STEP_DONE);
    sqlite_query_free(q);
    sqlite_db_close(db);
}

static void test_writers(void **state)
{
    (void)state;
    struct sqlite_db *one = open_with(SQLITE_DB_WRITE, 2), *two = open_with(SQLITE_DB_WRITE, 0),
                     *reader = open_with(SQLITE_DB_READ, 0);
    assert_int_equal(sqlite_db_begin(one, 0), 0);
    assert_int_equal(sqlite_db_run(one, "INSERT INTO a VALUES (1, 'x')"), 0);
    assert_int_equal(sqlite_db_begin(two, 0), -EBUSY);
    assert_int_equal(ask(reader, "SELECT count(*) FROM a"), 0);
    assert_int_equal(sqlite_db_commit(one), 0);
    assert_int_equal(ask(reader, "SELECT count(*) FROM a"), 1);
    assert_int_equal(sqlite_db_begin(two, 0), 0);
    assert_int_equal(sqlite_db_run(two, "DELETE FROM a"), 0);
    sqlite_db_rollback(two);
    assert_int_equal(ask(reader, "SELECT count(*) FROM a"), 1);
    assert_int_not_equal(sqlite_db_run(reader, "DELETE FROM a"), 0);
    sqlite_db_close(one);
    sqlite_db_close(two);
    sqlite_db_close(reader);
}

static void test_bad_files(void **state)
{
    (void)state;
    struct sqlite_db *db = NULL;
    assert_int_equal(sqlite_db_open(path, SQLITE_DB_READ, &db), -ENOENT);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database ", f);
    fclose(f);
    assert_int_equal(sqlite_db_open(path, SQLITE_DB_WRITE, &db), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_migrations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
    };
    struct CMUnitTest named[4];
    static const char *const titles[] = {
        "migrations run once, in order, wholly or not at all",
        "values come back as they were bound, and text is always UTF-8",
        "one writes, others read what was committed, a second writer is told",
        "a file that is missing or no database is said to be"
    };
    memcpy(named, tests, sizeof tests);
    for (size_t i = 0; i < 4; i++)
        named[i].name = titles[i];
    return cmocka_run_group_tests(named, NULL, NULL);
}
