/* See backup.h. Runs of zeros (blocks that were erased, and given back to the disk) stay holes in the copy.
 */
#include "record/backup.h"
#include "base/bytes.h"
#include "record/blocks.h"
#include "record/checkpoint.h"
#include "record/segment-list.h"
#include "store/sqlite.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, PATH = 4400 };

struct copier {
    int from, to; /* the two data folders */
    const char *from_name, *to_name;
    uint8_t *chunk;
    struct backup_result *result;
};

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

static int copy_bytes(struct copier *c, int from, int to)
{
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(from, c->chunk, CHUNK, at);
        if (n < 0) return -errno;
        if (n == 0) break;
        /* A page at a time, so that small holes stay. */
        for (ssize_t i = 0, part; i < n; i += part) {
            part = n - i < 4096 ? n - i : 4096;
            if (all_zero(c->chunk + i, (size_t)part)) continue;
            if (pwrite(to, c->chunk + i, (size_t)part, at + i) != part) return errno ? -errno : -ENOSPC;
        }
        at += n;
    }
    if (ftruncate(to, at) < 0 || fsync(to) < 0) return -errno;
    c->result->bytes += (uint64_t)at;
    c->result->files++;
    return 0;
}

/* optional: where it is not there, it is left out. */
static int copy_file(struct copier *c, const char *name, bool optional)
{
    snprintf(c->result->file, sizeof c->result->file, "%s", name);
    int from = openat(c->from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0) return errno == ENOENT && optional ? 0 : -errno;
    int to =
        openat(c->to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, strcmp(name, "log.pub") ? 0600 : 0644);
    errno = 0;
    int error = to < 0 ? -errno : copy_bytes(c, from, to);
    if (to >= 0) close(to);
    close(from);
    return error;
}

/* A database in use: as it stood at one moment. */
static int copy_database(struct copier *c, const char *name)
{
    char from[PATH], to[PATH];
    struct sqlite_db *db = NULL;
    snprintf(c->result->file, sizeof c->result->file, "%s", name);
    snprintf(from, sizeof from, "%s/%s", c->from_name, name);
    snprintf(to, sizeof to, "%s/%s", c->to_name, name);
    if (access(from, F_OK) != 0) return 0;
    int error = sqlite_db_open(from, SQLITE_DB_WRITE, &db);
    if (!error) error = sqlite_db_copy_into(db, to);
    sqlite_db_close(db);
    c->result->files += !error;
    return error;
}

/* The size that the copy's newest checkpoint signs: segments that begin behind it belong to a later one. */
static int newest_size(struct copier *c, uint64_t *size_out)
{
    struct stat st;
    struct checkpoint checkpoint;
    int fd = openat(c->to, "log/checkpoints", O_RDONLY | O_CLOEXEC), error = 0;
    *size_out = 0;
    if (fd < 0) return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0) error = -errno;
    uint8_t *all = error ? NULL : malloc((size_t)st.st_size + 1);
    if (!error && !all) error = -ENOMEM;
    ssize_t n = error ? 0 : pread(fd, all, (size_t)st.st_size, 0);
    size_t at = 0;
    while (n > 0 && at < (size_t)n && checkpoint_next(bytes_make(all, (size_t)n), &at, &checkpoint))
        *size_out = checkpoint.size;
    /* Half a note at the end was being written. */
    if (!error && at < (size_t)n) {
        int cut = openat(c->to, "log/checkpoints", O_WRONLY | O_CLOEXEC);
        if (cut < 0 || ftruncate(cut, (off_t)at) < 0) error = -errno;
        if (cut >= 0) close(cut);
    }
    free(all);
    close(fd);
    return error;
}

static bool has_file(struct copier *c, const char *name)
{
    return faccessat(c->to, name, F_OK, 0) == 0;
}

/* Of a segment that is in the archive there are receipt and heads; and its blocks, or not any more. */
static int copy_segment(struct copier *c, uint64_t first_leaf)
{
    static const char *const suffixes[] = { "open", "heads", "blocks", "archived" };
    char base[32], name[64];
    bool has_blocks = false;
    int error = 0;
    for (size_t k = 0; k < 4 && !error; k++) {
        blocks_name(first_leaf, suffixes[k], base);
        snprintf(name, sizeof name, "log/segments/%s", base);
        error = copy_file(c, name, k != 1);
        if (k == 2) has_blocks = has_file(c, name);
    }
    /* The receipt comes last: it stands before the blocks go. */
    return error || has_blocks || has_file(c, name) ? error : -ENOENT;
}

static int copy_segments(struct copier *c, uint64_t size)
{
    struct segment_list list = { 0 };
    int folder = openat(c->from, "log/segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = folder < 0 ? -errno : segment_list_read(folder, &list);
    if (folder >= 0) close(folder);
    for (size_t i = 0; i < list.n && !error; i++) {
        if (list.first_leaf[i] > size) break;
        error = copy_segment(c, list.first_leaf[i]);
    }
    segment_list_free(&list);
    return error;
}

static int copy_all(struct copier *c, bool with_kek)
{
    static const char *const few[] = { "log.pub", "log.key", "approvals.key", "budgets", "erasing" };
    uint64_t size = 0;
    int error = 0;
    for (size_t i = 0; i < sizeof few / sizeof *few && !error; i++)
        error = copy_file(c, few[i], i > 0);
    if (!error && with_kek) error = copy_file(c, "kek", true);
    if (!error) error = copy_file(c, "log/checkpoints", true);
    if (!error) error = newest_size(c, &size);
    if (!error) error = copy_segments(c, size);
    if (!error) error = copy_file(c, "log/keys", false);
    if (!error) error = copy_database(c, "approvals");
    if (!error) error = copy_database(c, "holds.db");
    return error;
}

static bool is_empty(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool empty = dir != NULL;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) empty = false;
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return empty;
}

static int sync_folder(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int error = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return error;
}

int backup_folder(const char *data, const char *to, bool with_kek, struct backup_result *result)
{
    static const char *const folders[] = { "log", "log/segments" };
    *result = (struct backup_result){ 0 };
    snprintf(result->file, sizeof result->file, "%s", "the folder");
    if (mkdir(to, 0700) < 0 && errno != EEXIST) return -errno;
    struct copier c = { .from = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        .to = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        .from_name = data,
                        .to_name = to,
                        .chunk = malloc(CHUNK),
                        .result = result };
    int error = c.from < 0 || c.to < 0 ? -errno : c.chunk ? 0 : -ENOMEM;
    if (!error && !is_empty(c.to)) error = -ENOTEMPTY;
    for (size_t i = 0; i < 2 && !error; i++)
        if (mkdirat(c.to, folders[i], 0700) < 0) error = -errno;
    if (!error) error = copy_all(&c, with_kek);
    for (size_t i = 2; i-- > 0 && !error;)
        error = sync_folder(c.to, folders[i]);
    if (!error && fsync(c.to) < 0) error = -errno;
    free(c.chunk);
    if (c.from >= 0) close(c.from);
    if (c.to >= 0) close(c.to);
    return error;
}
