/* SQLite: a connection, its schema's migrations, prepared statements. A connection is in WAL mode, so that
 * readers and the one writer do not wait for each other, and belongs to one thread at a time.
 *
 * Failures are -errno, logged once here where they are not expected: -EBUSY (another writer), -ENOENT,
 * -ENOSPC, -EROFS, -EACCES, -EBADMSG (no database, or damaged), -ENOMEM, -EIO, -EINVAL (our own SQL is
 * wrong). */
#ifndef POSTERN_STORE_SQLITE_H
#define POSTERN_STORE_SQLITE_H
#include "base/bytes.h"
#include "base/check.h"

struct sqlite_db;
enum sqlite_mode { SQLITE_DB_READ, SQLITE_DB_WRITE /* made if it is not there */ };
int sqlite_db_open(const char *path, enum sqlite_mode mode, struct sqlite_db **db_out) MUST_USE;
/* All statements of it were freed. NULL is fine. */
void sqlite_db_close(struct sqlite_db *db);

/* Brings the schema to n_steps: step i is run where the database has seen fewer than i + 1 of them, all in
 * one transaction. -ENOTSUP: the database has seen more steps than this program knows. */
int sqlite_db_migrate(struct sqlite_db *db, const char *const *steps, size_t n_steps) MUST_USE;
/* How many steps it has seen. -errno below 0. */
int sqlite_db_version(struct sqlite_db *db) MUST_USE;

/* One or more statements without parameters. */
int sqlite_db_run(struct sqlite_db *db, const char *sql) MUST_USE;
/* A transaction that takes the write lock at once; waits for it at most wait_ms. -EBUSY: another has it. */
int sqlite_db_begin(struct sqlite_db *db, unsigned wait_ms) MUST_USE;
/* A failed commit leaves the transaction open: roll back. */
int sqlite_db_commit(struct sqlite_db *db) MUST_USE;
void sqlite_db_rollback(struct sqlite_db *db);

/* ---- leaving nothing behind. Pages that were freed are zeros, but a page whose rows moved may keep pieces
 * of them in its gap, and the write-ahead log keeps whole pages until it is emptied. */

/* Writes what is there into a new file, page by page as if it had never held anything else. -EEXIST. */
int sqlite_db_copy_into(struct sqlite_db *db, const char *path) MUST_USE;
/* Puts the content of another database file in the place of this one's, as one transaction: whoever has it
 * open, in whatever process, sees the one or the other. Waits for writers at most wait_ms; -EBUSY. */
int sqlite_db_replace(struct sqlite_db *db, const char *path, unsigned wait_ms) MUST_USE;
/* Writes zeros over what the file's pages hold beside their rows, and empties the write-ahead log. Waits for
 * others at most wait_ms each time. -EBUSY; -EINVAL: a file of 64 GiB or more, which sqlite_db_copy_into and
 * sqlite_db_replace are for. */
int sqlite_db_scrub(struct sqlite_db *db, unsigned wait_ms) MUST_USE;
/* Brings the write-ahead log into the file and cuts it to nothing; waits for readers and writers at most
 * wait_ms. -EBUSY: somebody reads for longer. */
int sqlite_db_empty_wal(struct sqlite_db *db, unsigned wait_ms) MUST_USE;

/* A prepared statement. Parameters are numbered from 1, columns from 0. A bind that fails shows at the next
 * step. */
struct sqlite_query;
int sqlite_query_new(struct sqlite_db *db, const char *sql, struct sqlite_query **query_out) MUST_USE;
void sqlite_query_free(struct sqlite_query *q);
void sqlite_query_bind_int(struct sqlite_query *q, int i, int64_t value);
/* Copied. p == NULL is NULL; text that is not UTF-8 has its foreign bytes replaced by '?'. */
void sqlite_query_bind_text(struct sqlite_query *q, int i, struct bytes value);
void sqlite_query_bind_blob(struct sqlite_query *q, int i, struct bytes value);
void sqlite_query_bind_null(struct sqlite_query *q, int i);

/* FAILED: sqlite_query_error says why. */
enum sqlite_step { SQLITE_STEP_FAILED = 0, SQLITE_STEP_DONE, SQLITE_STEP_ROW };
enum sqlite_step sqlite_query_step(struct sqlite_query *q) MUST_USE;
int sqlite_query_error(const struct sqlite_query *q); /* -errno */
/* Ready to be bound and stepped again; bindings are gone. */
void sqlite_query_reset(struct sqlite_query *q);
/* Steps to the end, resets: for statements that yield no rows. 0 or -errno. */
int sqlite_query_finish(struct sqlite_query *q) MUST_USE;
int64_t sqlite_query_int(struct sqlite_query *q, int column);
/* Borrowed until the next step or reset; p == NULL where it is NULL. */
struct bytes sqlite_query_text(struct sqlite_query *q, int column);
int64_t sqlite_db_last_id(struct sqlite_db *db);
/* How many rows the last statement changed. */
int64_t sqlite_db_changes(struct sqlite_db *db);
#endif
