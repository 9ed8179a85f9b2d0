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

static size_t count_in_file(const char *name, const char *word)
{
    static char all[16 << 20];
    size_t n = 0, found = 0;
    FILE *file = fopen(name, "re");
    if (!file) return 0;
    n = fread(all, 1, sizeof all, file);
    fclose(file);
    for (char *at = all; (at = memmem(at, n - (size_t)(at - all), word, strlen(word))); at++)
        found++;
    return found;
}

static size_t count_word(const char *word)
{
    char wal[120];
    snprintf(wal, sizeof wal, "%s-wal", path);
    return count_in_file(path, word) + count_in_file(wal, word);
}

/* Rows come and go in an order that splits and merges pages, so that pages hold pieces of rows in their gaps.
 */
static void fill(struct sqlite_db *db)
{
    assert_int_equal(
        sqlite_db_run(
            db, "CREATE TABLE rows_of (name TEXT PRIMARY KEY, more TEXT) WITHOUT ROWID;"
                "CREATE INDEX more_of ON rows_of (more);"
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
                " INSERT INTO rows_of SELECT printf('%04x-%s', i * 40503 % 65536, CASE i % 3 WHEN 0 THEN"
                " 'zirconmeadow' ELSE 'keep' END), printf('%d %s', i * 7919 % 6007, CASE i % 3 WHEN 0 THEN"
                " 'zirconmeadow' ELSE 'keep' END) FROM n"),
        0);
}

static void test_scrub(void **state)
{
    (void)state;
    char copy[120];
    struct sqlite_db *db = open_with(SQLITE_DB_WRITE, 0), *other;
    fill(db);
    assert_true(count_word("zirconmeadow") > 1000);
    assert_int_equal(sqlite_db_open(path, SQLITE_DB_WRITE, &other), 0);
    assert_int_equal(ask(other, "SELECT count(*) FROM rows_of WHERE more LIKE '%zircon%'"), 2000);
    assert_int_equal(sqlite_db_run(db, "DELETE FROM rows_of WHERE name LIKE '%zirconmeadow'"), 0);
    assert_int_equal(sqlite_db_empty_wal(db, 1000), 0);
    /* Deleting alone leaves some of it: otherwise there would be nothing to test here. */
    assert_true(count_word("zirconmeadow") > 0);
    assert_int_equal(sqlite_db_scrub(db, 1000), 0);
    assert_int_equal(count_word("zirconmeadow"), 0);
    assert_int_equal(ask(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    assert_int_equal(ask(db, "SELECT count(*) FROM rows_of"), 4000);
    /* Who had the pages in its cache does not bring it back. */
    assert_int_equal(sqlite_db_run(other, "UPDATE rows_of SET more = more || ' again'"), 0);
    assert_int_equal(sqlite_db_empty_wal(db, 1000), 0);
    assert_int_equal(count_word("zirconmeadow"), 0);
    assert_int_equal(ask(other, "SELECT count(*) FROM rows_of WHERE more LIKE '% again'"), 4000);
    /* A copy has what is there, and takes its place under those who have it open. */
    snprintf(copy, sizeof copy, "%s/copy.db", folder.path);
    assert_int_equal(sqlite_db_copy_into(db, copy), 0);
    assert_int_equal(sqlite_db_copy_into(db, copy), -EEXIST);
    assert_int_equal(sqlite_db_run(db, "DELETE FROM rows_of"), 0);
    assert_int_equal(ask(other, "SELECT count(*) FROM rows_of"), 0);
    assert_int_equal(sqlite_db_replace(db, copy, 1000), 0);
    assert_int_equal(ask(other, "SELECT count(*) FROM rows_of"), 4000);
    assert_int_equal(sqlite_db_begin(other, 0), 0);
    assert_int_equal(sqlite_db_replace(db, copy, 10), -EBUSY);
    assert_int_equal(sqlite_db_scrub(db, 10), -EBUSY);
    sqlite_db_rollback(other);
    sqlite_db_close(other);
    sqlite_db_close(db);
    unlink(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_migrations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scrub, set_up, tear_down),
    };
    struct CMUnitTest named[5];
    static const char *const titles[] = {
        "migrations run once, in order, wholly or not at all",
        "values come back as they were bound, and text is always UTF-8",
        "one writes, others read what was committed, a second writer is told",
        "a file that is missing or no database is said to be",
        "scrubbing leaves nothing of deleted rows, and another's content takes a file's place at once"
    };
    memcpy(named, tests, sizeof tests);
    for (size_t i = 0; i < 5; i++)
        named[i].name = titles[i];
    return cmocka_run_group_tests(named, NULL, NULL);
}
