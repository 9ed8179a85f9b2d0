/* What is replaced is overwritten before it is let go of: keys under the old key-encryption key are what is
 * to be of no use any more. */
#include "record/rewrap.h"
#include "base/log.h"
#include "base/secret.h"
#include "record/session-keys.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the data folder. */
static const char *const files[] = { "log/keys", "approvals.key", "kek" };
enum { FILES = sizeof files / sizeof *files, NAME = 64 };
static const char ready[] = "rewrap.ready";

static void staged_name(const char *name, char out[NAME])
{
    snprintf(out, NAME, "%s.rewrap", name);
}

/* A file of our own, empty; its descriptor or -errno. */
static int stage(int folder, const char *name)
{
    char staged[NAME];
    staged_name(name, staged);
    int fd = openat(folder, staged, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

struct change {
    const struct record_keys *before, *after;
};

static int change_one(void *context, const uint8_t before[FORMAT_WRAPPED_KEY],
                      uint8_t after[FORMAT_WRAPPED_KEY])
{
    struct change *c = context;
    uint8_t key[32];
    int error = c->before->unwrap(c->before->context, before, key);
    if (!error) error = c->after->wrap(c->after->context, key, after);
    secret_wipe(key, sizeof key);
    return error;
}

static int stage_log_keys(int folder, struct change *c, uint64_t *n_out)
{
    int from = openat(folder, files[0], O_RDONLY | O_CLOEXEC);
    if (from < 0) return errno == ENOENT ? 0 : -errno;
    int to = stage(folder, files[0]);
    int error = to < 0 ? to : session_keys_copy(from, to, change_one, c, n_out);
    if (to >= 0) close(to);
    close(from);
    return error;
}

static int write_whole(int fd, const void *p, size_t n)
{
    ssize_t wrote = write(fd, p, n);
    if (wrote != (ssize_t)n) return wrote < 0 ? -errno : -EIO;
    return fsync(fd) < 0 ? -errno : 0;
}

static int stage_desk_key(int folder, struct change *c, uint64_t *n_out)
{
    uint8_t before[FORMAT_WRAPPED_KEY], after[FORMAT_WRAPPED_KEY];
    int from = openat(folder, files[1], O_RDONLY | O_CLOEXEC);
    if (from < 0) return errno == ENOENT ? 0 : -errno;
    int error = read(from, before, sizeof before) == (ssize_t)sizeof before ? 0 : -EBADMSG;
    close(from);
    if (!error) error = change_one(c, before, after);
    int to = error ? error : stage(folder, files[1]);
    if (to < 0) return to;
    error = write_whole(to, after, sizeof after);
    close(to);
    *n_out += !error;
    return error;
}

static int stage_kek(int folder, const char *text)
{
    int to = text ? stage(folder, files[2]) : -1;
    if (to < 0) return text ? to : 0;
    int error = write_whole(to, text, strlen(text));
    close(to);
    return error;
}

static int sync_folders(int folder)
{
    int log = openat(folder, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = log < 0 ? -errno : fsync(log) < 0 ? -errno : 0;
    if (log >= 0) close(log);
    if (!error && fsync(folder) < 0) error = -errno;
    return error;
}

static int say_ready(int folder)
{
    int fd = openat(folder, ready, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    int error = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return error ? error : sync_folders(folder);
}

/* Zeros over the whole of it. */
static void overwrite(int fd)
{
    static const uint8_t zeros[65536];
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) return;
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof zeros) {
        size_t n = st.st_size - at < (off_t)sizeof zeros ? (size_t)(st.st_size - at) : sizeof zeros;
        if (pwrite(fd, zeros, n, at) != (ssize_t)n) return;
    }
    (void)!fdatasync(fd);
}

static int put_in_place(int folder, const char *name)
{
    char staged[NAME];
    staged_name(name, staged);
    if (faccessat(folder, staged, F_OK, 0) != 0) return errno == ENOENT ? 0 : -errno;
    int old = openat(folder, name, O_WRONLY | O_CLOEXEC);
    int error = renameat(folder, staged, folder, name) == 0 || errno == ENOENT ? 0 : -errno;
    if (!error) overwrite(old);
    if (old >= 0) close(old);
    return error;
}

static int finish(int folder)
{
    int error = 0;
    for (size_t i = 0; i < FILES && !error; i++)
        error = put_in_place(folder, files[i]);
    if (!error) error = sync_folders(folder);
    if (!error && unlinkat(folder, ready, 0) < 0 && errno != ENOENT) error = -errno;
    return error ? error : sync_folders(folder);
}

int rewrap_finish(const char *data)
{
    int folder = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return errno == ENOENT ? 0 : -errno;
    int error = 0;
    if (faccessat(folder, ready, F_OK, 0) == 0) {
        error = finish(folder);
        if (error)
            log_line(LOG_ERROR, "the change of the key-encryption key cannot be finished: %s",
                     strerror(-error));
        else
            log_line(LOG_WARNING, "a change of the key-encryption key that was interrupted is finished");
    }
    close(folder);
    return error;
}

static bool tail_is_empty(int folder)
{
    int fd = openat(folder, "log/tail", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return false;
    }
    bool empty = true;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.') empty = false;
    closedir(dir);
    return empty;
}

static void unstage(int folder)
{
    char staged[NAME];
    for (size_t i = 0; i < FILES; i++) {
        staged_name(files[i], staged);
        unlinkat(folder, staged, 0);
    }
}

int rewrap_keys(const char *data, const struct record_keys *before, const struct record_keys *after,
                const char *new_kek, uint64_t *n_out)
{
    struct change c = { before, after };
    *n_out = 0;
    int folder = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -errno;
    int lock = openat(folder, "log/lock", O_RDWR | O_CLOEXEC), error = 0;
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0) error = -EBUSY;
    if (!error && !tail_is_empty(folder)) error = -EBUSY;
    if (!error) {
        unstage(folder);
        error = stage_log_keys(folder, &c, n_out);
        if (!error) error = stage_desk_key(folder, &c, n_out);
        if (!error) error = stage_kek(folder, new_kek);
        if (!error) error = say_ready(folder);
        if (error)
            unstage(folder);
        else
            error = finish(folder);
    }
    if (lock >= 0) close(lock);
    close(folder);
    return error;
}
