/* Zeros in the places of a database file that hold nothing. secure_delete sees to cells and pages that are
 * freed, but when the rows of a page are moved to its neighbours, their bytes stay behind in the page's gap:
 * between its array of cells and the first of them (SQLite's file format, 1.6). Rewriting the whole file
 * would do, and takes as long as the file is large; so the gaps are looked through, and those that are not
 * empty are written over.
 *
 * This is done under the write lock, with an empty write-ahead log: the file is all there is, and nobody
 * writes it. What nobody refers to may change under readers. A connection that has a page in its cache would
 * bring its gap back with the next row it writes there: the commit at the end makes all of them forget what
 * they have. The file is reached through SQLite's own handle, since closing another of this process would
 * give up its locks. */
#include "store/sqlite-private.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PAGES = 256, FIRST_HEADER = 100, PAGES_MOST = 1 << 24 };

static unsigned u16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static bool wipe(uint8_t *p, size_t n)
{
    bool dirty = false;
    for (size_t i = 0; i < n; i++)
        dirty |= p[i] != 0;
    if (dirty) memset(p, 0, n);
    return dirty;
}

/* The unused parts of one page. Overflow pages and those of the free list begin with a page's number, whose
 * first byte is 0 in files of fewer than PAGES_MOST pages, so they are never taken for a b-tree's. */
static bool scrub_page(uint8_t *page, size_t size, bool first)
{
    uint8_t *head = page + (first ? FIRST_HEADER : 0);
    uint8_t kind = head[0];
    if (kind != 2 && kind != 5 && kind != 10 && kind != 13) return false;
    size_t from = (size_t)(head - page) + (kind < 10 ? 12 : 8) + 2 * (size_t)u16(head + 3);
    size_t to = u16(head + 5) ? u16(head + 5) : 65536;
    if (from > size || to > size || from > to) return false; /* damaged: not ours to mend */
    bool dirty = wipe(page + from, to - from);
    for (size_t at = u16(head + 1), steps = 0; at && steps < size / 4; steps++) {
        if (at + 4 > size || at + u16(page + at + 2) > size || u16(page + at + 2) < 4) break;
        dirty |= wipe(page + at + 4, u16(page + at + 2) - 4U);
        at = u16(page + at);
    }
    return dirty;
}

static int scrub_file(sqlite3_file *file, size_t size)
{
    sqlite3_int64 length = 0;
    uint8_t *window = malloc(PAGES * size);
    bool any = false;
    int code = window ? file->pMethods->xFileSize(file, &length) : SQLITE_NOMEM;
    if (code == SQLITE_OK && length / (sqlite3_int64)size >= PAGES_MOST) code = SQLITE_TOOBIG;
    for (sqlite3_int64 at = 0; code == SQLITE_OK && at < length; at += (sqlite3_int64)(PAGES * size)) {
        sqlite3_int64 left = length - at;
        size_t n = left < (sqlite3_int64)(PAGES * size) ? (size_t)left / size : PAGES;
        code = file->pMethods->xRead(file, window, (int)(n * size), at);
        for (size_t i = 0; i < n && code == SQLITE_OK; i++) {
            uint8_t *page = window + i * size;
            if (!scrub_page(page, size, at == 0 && i == 0)) continue;
            code = file->pMethods->xWrite(file, page, (int)size, at + (sqlite3_int64)(i * size));
            any = true;
        }
    }
    if (code == SQLITE_OK && any) code = file->pMethods->xSync(file, SQLITE_SYNC_FULL);
    free(window);
    return code;
}

static int64_t pragma(struct sqlite_db *db, const char *name)
{
    char sql[64];
    struct sqlite_query *q;
    snprintf(sql, sizeof sql, "PRAGMA %s", name);
    if (sqlite_query_new(db, sql, &q)) return -1;
    int64_t value = sqlite_query_step(q) == SQLITE_STEP_ROW ? sqlite_query_int(q, 0) : -1;
    sqlite_query_free(q);
    return value;
}

static bool wal_is_empty(struct sqlite_db *db)
{
    char name[4400];
    struct stat st;
    const char *path = sqlite3_db_filename(db->handle, "main");
    if (!path || snprintf(name, sizeof name, "%s-wal", path) >= (int)sizeof name) return false;
    return stat(name, &st) != 0 || st.st_size == 0;
}

/* With the write lock and an empty log. */
static int scrub_locked(struct sqlite_db *db)
{
    char mark[64];
    sqlite3_file *file = NULL;
    int64_t size = pragma(db, "page_size"), version = pragma(db, "user_version");
    if (size < 512 || size > 65536 || version < 0) return -EBADMSG;
    int code = sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK) code = file && file->pMethods ? scrub_file(file, (size_t)size) : SQLITE_MISUSE;
    if (code != SQLITE_OK) return sqlite_db_failed(db, code, "be scrubbed");
    snprintf(mark, sizeof mark, "PRAGMA user_version = %lld", (long long)version);
    return sqlite_db_run(db, mark);
}

int sqlite_db_scrub(struct sqlite_db *db, unsigned wait_ms)
{
    int64_t until = sqlite_now_ms() + wait_ms;
    do {
        int error = sqlite_db_empty_wal(db, wait_ms);
        if (!error) error = sqlite_db_begin(db, wait_ms);
        if (error) return error;
        if (wal_is_empty(db)) {
            error = scrub_locked(db);
            if (!error) error = sqlite_db_commit(db);
            if (error) sqlite_db_rollback(db);
            return error ? error : sqlite_db_empty_wal(db, wait_ms);
        }
        sqlite_db_rollback(db);
    } while (sqlite_wait_a_moment(until));
    return -EBUSY;
}
