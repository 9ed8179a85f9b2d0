/* A thin coat over libsqlite3: what it adds is one form of failure, text that is always UTF-8, and statements
 * that remember their first error. */
#include "base/log.h"
#include "store/sqlite-private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct sqlite_query {
    struct sqlite_db *db;
    sqlite3_stmt *statement;
    int bind_code, error;
};

static int errno_of(int code)
{
    switch (code & 0xFF) {
    case SQLITE_OK: return 0;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return -EBUSY;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_READONLY: return -EROFS;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_CANTOPEN: return -ENOENT;
    case SQLITE_PERM:
    case SQLITE_AUTH: return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return -EBADMSG;
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG: return -EINVAL;
    default: return -EIO;
    }
}

/* A busy database and one that is not there are outcomes that callers expect. */
int sqlite_db_failed(const struct sqlite_db *db, int code, const char *doing)
{
    int error = errno_of(code);
    if (error && error != -EBUSY && error != -ENOENT)
        log_line(LOG_ERROR, "the database cannot %s: %s", doing,
                 db && db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
    return error;
}

int sqlite_db_open(const char *path, enum sqlite_mode mode, struct sqlite_db **db_out)
{
    struct sqlite_db *db = calloc(1, sizeof *db);
    if (!db) return -ENOMEM;
    /* Only its owner reads it; SQLite gives its side files the same mode. One that is there is not touched:
     * closing it would give up the locks that this process has on it. */
    int fd = mode == SQLITE_DB_WRITE ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) close(fd);
    int flags = (mode == SQLITE_DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_busy_timeout(db->handle, 2000);
        code = sqlite3_exec(db->handle,
                            mode == SQLITE_DB_READ ? "PRAGMA query_only = 1"
                                                   : "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                                     "PRAGMA secure_delete = 1; PRAGMA temp_store = MEMORY",
                            NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        *db_out = db;
        return 0;
    }
    int error = sqlite_db_failed(db, code, "be opened");
    sqlite_db_close(db);
    return error;
}

void sqlite_db_close(struct sqlite_db *db)
{
    if (!db) return;
    CHECK(sqlite3_close(db->handle) == SQLITE_OK);
    free(db);
}

int sqlite_db_run(struct sqlite_db *db, const char *sql)
{
    return sqlite_db_failed(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL), "run a statement");
}

int sqlite_db_begin(struct sqlite_db *db, unsigned wait_ms)
{
    sqlite3_busy_timeout(db->handle, (int)wait_ms);
    int error = sqlite_db_run(db, "BEGIN IMMEDIATE");
    sqlite3_busy_timeout(db->handle, 2000);
    return error;
}

int sqlite_db_commit(struct sqlite_db *db)
{
    return sqlite_db_run(db, "COMMIT");
}

void sqlite_db_rollback(struct sqlite_db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        sqlite_db_failed(db, sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL), "roll back");
}

int sqlite_db_version(struct sqlite_db *db)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(db, "PRAGMA user_version", &q);
    if (error) return error;
    int version =
        sqlite_query_step(q) == SQLITE_STEP_ROW ? (int)sqlite_query_int(q, 0) : sqlite_query_error(q);
    sqlite_query_free(q);
    return version;
}

int sqlite_db_migrate(struct sqlite_db *db, const char *const *steps, size_t n_steps)
{
    char mark[48];
    int seen = sqlite_db_version(db);
    if (seen < 0 || (size_t)seen == n_steps) return seen < 0 ? seen : 0;
    if ((size_t)seen > n_steps) return -ENOTSUP;
    int error = sqlite_db_begin(db, 5000);
    if (error) return error;
    seen = sqlite_db_version(db); /* another may have been faster */
    for (size_t i = seen < 0 ? 0 : (size_t)seen; i < n_steps && !error; i++)
        error = sqlite_db_run(db, steps[i]);
    snprintf(mark, sizeof mark, "PRAGMA user_version = %zu", n_steps);
    if (!error && seen < 0) error = seen;
    if (!error) error = sqlite_db_run(db, mark);
    if (!error) error = sqlite_db_commit(db);
    if (error) sqlite_db_rollback(db);
    return error;
}

int sqlite_db_copy_into(struct sqlite_db *db, const char *path)
{
    struct sqlite_query *q;
    if (access(path, F_OK) == 0) return -EEXIST;
    /* Made here, so that it is its owner's alone; VACUUM takes an empty file. */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    close(fd);
    sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM attaches what it writes */
    int error = sqlite_query_new(db, "VACUUM INTO ?1", &q);
    if (!error) {
        sqlite_query_bind_text(q, 1, bytes_of(path));
        error = sqlite_query_finish(q);
        sqlite_query_free(q);
    }
    sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
    if (error) unlink(path);
    return error;
}

int64_t sqlite_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool sqlite_wait_a_moment(int64_t until_ms)
{
    if (sqlite_now_ms() >= until_ms) return false;
    nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    return true;
}

int sqlite_db_replace(struct sqlite_db *db, const char *path, unsigned wait_ms)
{
    sqlite3 *from = NULL;
    int64_t until = sqlite_now_ms() + wait_ms;
    int code = sqlite3_open_v2(path, &from,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (code == SQLITE_OK) {
        sqlite3_backup *copy = sqlite3_backup_init(db->handle, "main", from, "main");
        code = copy ? SQLITE_OK : sqlite3_errcode(db->handle);
        while (copy) {
            code = sqlite3_backup_step(copy, -1);
            if ((code != SQLITE_BUSY && code != SQLITE_LOCKED) || !sqlite_wait_a_moment(until)) break;
        }
        if (copy) {
            int finished = sqlite3_backup_finish(copy);
            code = code == SQLITE_DONE ? finished : code;
        }
    }
    int error = sqlite_db_failed(db, code, "take another's content over");
    sqlite3_close(from);
    return error;
}

int sqlite_db_empty_wal(struct sqlite_db *db, unsigned wait_ms)
{
    int64_t until = sqlite_now_ms() + wait_ms;
    int code;
    do
        code = sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    while ((code & 0xFF) == SQLITE_BUSY && sqlite_wait_a_moment(until));
    return sqlite_db_failed(db, code, "empty its write-ahead log");
}

int sqlite_query_new(struct sqlite_db *db, const char *sql, struct sqlite_query **query_out)
{
    struct sqlite_query *q = calloc(1, sizeof *q);
    if (!q) return -ENOMEM;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->statement, NULL);
    q->db = db;
    if (code == SQLITE_OK) {
        *query_out = q;
        return 0;
    }
    free(q);
    return sqlite_db_failed(db, code, "prepare a statement");
}

void sqlite_query_free(struct sqlite_query *q)
{
    if (!q) return;
    sqlite3_finalize(q->statement);
    free(q);
}

static void bound(struct sqlite_query *q, int code)
{
    if (code != SQLITE_OK && q->bind_code == SQLITE_OK) q->bind_code = code;
}

void sqlite_query_bind_int(struct sqlite_query *q, int i, int64_t value)
{
    bound(q, sqlite3_bind_int64(q->statement, i, value));
}

void sqlite_query_bind_null(struct sqlite_query *q, int i)
{
    bound(q, sqlite3_bind_null(q->statement, i));
}

void sqlite_query_bind_blob(struct sqlite_query *q, int i, struct bytes value)
{
    bound(q, sqlite3_bind_blob64(q->statement, i, value.n ? (const void *)value.p : "", value.n,
                                 SQLITE_TRANSIENT));
}

void sqlite_query_bind_text(struct sqlite_query *q, int i, struct bytes value)
{
    if (!value.p) {
        sqlite_query_bind_null(q, i);
        return;
    }
    if (bytes_is_utf8(value)) {
        bound(q, sqlite3_bind_text64(q->statement, i, (const char *)value.p, value.n, SQLITE_TRANSIENT,
                                     SQLITE_UTF8));
        return;
    }
    char *clean = malloc(value.n);
    if (!clean) {
        bound(q, SQLITE_NOMEM);
        return;
    }
    for (size_t k = 0; k < value.n; k++)
        clean[k] = value.p[k] >= 0x80 || value.p[k] == 0 ? '?' : (char)value.p[k];
    bound(q, sqlite3_bind_text64(q->statement, i, clean, value.n, free, SQLITE_UTF8));
}

enum sqlite_step sqlite_query_step(struct sqlite_query *q)
{
    int code = q->bind_code != SQLITE_OK ? q->bind_code : sqlite3_step(q->statement);
    if (code == SQLITE_ROW) return SQLITE_STEP_ROW;
    if (code == SQLITE_DONE) return SQLITE_STEP_DONE;
    q->error = sqlite_db_failed(q->db, code, "step");
    return SQLITE_STEP_FAILED;
}

int sqlite_query_error(const struct sqlite_query *q)
{
    return q->error;
}

void sqlite_query_reset(struct sqlite_query *q)
{
    sqlite3_reset(q->statement);
    sqlite3_clear_bindings(q->statement);
    q->bind_code = SQLITE_OK;
    q->error = 0;
}

int sqlite_query_finish(struct sqlite_query *q)
{
    enum sqlite_step step;
    do
        step = sqlite_query_step(q);
    while (step == SQLITE_STEP_ROW);
    int error = step == SQLITE_STEP_DONE ? 0 : q->error;
    sqlite_query_reset(q);
    return error;
}

int64_t sqlite_query_int(struct sqlite_query *q, int column)
{
    return sqlite3_column_int64(q->statement, column);
}

struct bytes sqlite_query_text(struct sqlite_query *q, int column)
{
    const void *p = sqlite3_column_blob(q->statement, column);
    int n = sqlite3_column_bytes(q->statement, column);
    if (!p && sqlite3_column_type(q->statement, column) != SQLITE_NULL) p = "";
    return bytes_make(p, p ? (size_t)n : 0);
}

int64_t sqlite_db_last_id(struct sqlite_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t sqlite_db_changes(struct sqlite_db *db)
{
    return sqlite3_changes64(db->handle);
}
