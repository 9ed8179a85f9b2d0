/* A record is session, wrapped key, 4 bytes of zeros, 4 of flags, CRC-32C. An erased one keeps its session
 * and has the flag ERASED; in the key's place stand the erasure's number, when it was, and zeros. */
#include "record/session-keys.h"
#include "base/codec.h"
#include "base/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "PSTNKEYS";
enum { AT_KEY = 8, AT_FLAGS = 72, AT_CRC = 76, FLAG_ERASED = 1, WINDOW = 8192 /* records read at once */ };

static void finish(uint8_t record[FORMAT_KEY])
{
    format_put_u32(record + AT_CRC, codec_crc32c(0, bytes_make(record, AT_CRC)));
}

static int put(int fd, uint64_t index, const uint8_t record[FORMAT_KEY])
{
    ssize_t n = pwrite(fd, record, FORMAT_KEY, (off_t)(index * FORMAT_KEY));
    if (n == FORMAT_KEY) return 0;
    return n < 0 ? -errno : -ENOSPC;
}

int session_keys_open(int folder, struct session_keys *k)
{
    struct stat st;
    uint8_t head[FORMAT_KEY] = { 0 };
    k->fd = openat(folder, "keys", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (k->fd < 0 || fstat(k->fd, &st) < 0) return -errno;
    k->n = (uint64_t)st.st_size / FORMAT_KEY;
    k->dirty = true;
    if (k->n) {
        if (pread(k->fd, head, sizeof head, 0) != FORMAT_KEY) return -EIO;
        return memcmp(head, magic, sizeof magic) == 0 ? 0 : -EBADMSG;
    }
    memcpy(head, magic, sizeof magic);
    finish(head);
    k->n = 1;
    return put(k->fd, 0, head);
}

void session_keys_close(struct session_keys *k)
{
    if (k->fd >= 0) close(k->fd);
}

int session_keys_add(struct session_keys *k, uint64_t session, const uint8_t wrapped[FORMAT_WRAPPED_KEY],
                     uint64_t *index_out)
{
    uint8_t record[FORMAT_KEY] = { 0 };
    format_put_u64(record, session);
    memcpy(record + AT_KEY, wrapped, FORMAT_WRAPPED_KEY);
    finish(record);
    int error = put(k->fd, k->n, record);
    if (error) return error;
    k->dirty = true;
    *index_out = k->n++;
    return 0;
}

int session_keys_sync(struct session_keys *k)
{
    if (!k->dirty) return 0;
    if (fdatasync(k->fd) < 0) return -errno;
    k->dirty = false;
    return 0;
}

static bool is_whole(const uint8_t record[FORMAT_KEY])
{
    return format_get_u32(record + AT_CRC) == codec_crc32c(0, bytes_make(record, AT_CRC));
}

enum session_key session_keys_read(int fd, uint64_t index, uint64_t session,
                                   uint8_t wrapped_out[FORMAT_WRAPPED_KEY], struct session_grave *grave_out)
{
    uint8_t record[FORMAT_KEY];
    if (index == 0 || index > INT64_MAX / FORMAT_KEY ||
        pread(fd, record, sizeof record, (off_t)(index * FORMAT_KEY)) != FORMAT_KEY || !is_whole(record) ||
        format_get_u64(record) != session)
        return SESSION_KEY_BAD;
    if (format_get_u32(record + AT_FLAGS) & FLAG_ERASED) {
        if (grave_out)
            *grave_out = (struct session_grave){ .erasure = format_get_u64(record + AT_KEY),
                                                 .erased_us = (int64_t)format_get_u64(record + AT_KEY + 8) };
        return SESSION_KEY_ERASED;
    }
    memcpy(wrapped_out, record + AT_KEY, FORMAT_WRAPPED_KEY);
    return SESSION_KEY_FOUND;
}

static int newest_fits(int fd, int (*unwrap)(void *context, const uint8_t *wrapped, uint8_t *key_out),
                       void *context)
{
    struct stat st;
    uint8_t record[FORMAT_KEY], key[32];
    if (fstat(fd, &st) < 0) return -errno;
    for (uint64_t index = (uint64_t)st.st_size / FORMAT_KEY; index-- > 1;) {
        if (pread(fd, record, sizeof record, (off_t)(index * FORMAT_KEY)) != FORMAT_KEY) return -EIO;
        if (!is_whole(record) || format_get_u32(record + AT_FLAGS) & FLAG_ERASED) continue;
        int error = unwrap(context, record + AT_KEY, key);
        secret_wipe(key, sizeof key);
        return error ? -EKEYREJECTED : 0;
    }
    return 0;
}

int session_keys_fit(const char *log_folder,
                     int (*unwrap)(void *context, const uint8_t wrapped[FORMAT_WRAPPED_KEY],
                                   uint8_t key_out[32]),
                     void *context)
{
    int folder = open(log_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return errno == ENOENT ? 0 : -errno;
    int fd = openat(folder, "keys", O_RDONLY | O_CLOEXEC);
    int error = fd < 0 && errno != ENOENT ? -errno : 0;
    close(folder);
    if (fd < 0) return error;
    error = newest_fits(fd, unwrap, context);
    close(fd);
    return error;
}

static bool is_among(const uint64_t *sessions, size_t n, uint64_t session)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sessions[middle] < session)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && sessions[low] == session;
}

static int bury(int fd, uint64_t index, uint8_t record[FORMAT_KEY], const struct session_grave *grave)
{
    memset(record + AT_KEY, 0, FORMAT_WRAPPED_KEY);
    format_put_u64(record + AT_KEY, grave->erasure);
    format_put_u64(record + AT_KEY + 8, (uint64_t)grave->erased_us);
    format_put_u32(record + AT_FLAGS, FLAG_ERASED);
    finish(record);
    return put(fd, index, record);
}

/* Calls visit for each whole record behind the file's head, until it answers anything but 0. A part of a
 * record at the end is one that is being appended. */
static int each(int fd, int (*visit)(void *context, uint64_t index, uint8_t record[FORMAT_KEY]),
                void *context)
{
    uint8_t *window = malloc((size_t)WINDOW * FORMAT_KEY);
    int error = window ? 0 : -ENOMEM;
    ssize_t n = 0;
    for (uint64_t at = 0; !error; at += (uint64_t)n) {
        n = pread(fd, window, (size_t)WINDOW * FORMAT_KEY, (off_t)(at * FORMAT_KEY));
        if (n < 0) error = -errno;
        n /= FORMAT_KEY;
        if (n <= 0) break;
        for (uint64_t i = at == 0; i < (uint64_t)n && !error; i++)
            error = visit(context, at + i, window + i * FORMAT_KEY);
    }
    free(window);
    return error;
}

struct erasing {
    int fd;
    const uint64_t *sessions;
    size_t n;
    const struct session_grave *grave;
    int64_t erased;
};

/* A damaged record is overwritten as well: it may still hold its key. */
static int erase_one(void *context, uint64_t index, uint8_t record[FORMAT_KEY])
{
    struct erasing *e = context;
    uint64_t session = format_get_u64(record);
    if (session == 0 || !is_among(e->sessions, e->n, session)) return 0;
    if (is_whole(record) && format_get_u32(record + AT_FLAGS) & FLAG_ERASED) return 0;
    e->erased++;
    return bury(e->fd, index, record, e->grave);
}

int64_t session_keys_erase(int fd, const uint64_t *sessions, size_t n, const struct session_grave *grave)
{
    struct erasing e = { fd, sessions, n, grave, 0 };
    int error = each(fd, erase_one, &e);
    if (fdatasync(fd) < 0 && !error) error = -errno;
    return error ? error : e.erased;
}

struct copying {
    int to;
    int (*change)(void *context, const uint8_t before[FORMAT_WRAPPED_KEY],
                  uint8_t after_out[FORMAT_WRAPPED_KEY]);
    void *context;
    uint64_t n;
};

static int copy_one(void *context, uint64_t index, uint8_t record[FORMAT_KEY])
{
    struct copying *c = context;
    uint8_t after[FORMAT_WRAPPED_KEY];
    if (!is_whole(record)) return -EBADMSG;
    if (!(format_get_u32(record + AT_FLAGS) & FLAG_ERASED)) {
        int error = c->change(c->context, record + AT_KEY, after);
        if (error) return error;
        memcpy(record + AT_KEY, after, sizeof after);
        finish(record);
        c->n++;
    }
    return put(c->to, index, record);
}

int session_keys_copy(int from, int to,
                      int (*change)(void *context, const uint8_t before[FORMAT_WRAPPED_KEY],
                                    uint8_t after_out[FORMAT_WRAPPED_KEY]),
                      void *context, uint64_t *n_out)
{
    uint8_t head[FORMAT_KEY];
    struct copying c = { to, change, context, 0 };
    if (pread(from, head, sizeof head, 0) != FORMAT_KEY || memcmp(head, magic, sizeof magic) != 0)
        return -EBADMSG;
    int error = put(to, 0, head);
    if (!error) error = each(from, copy_one, &c);
    if (!error && fdatasync(to) < 0) error = -errno;
    *n_out = c.n;
    return error;
}
