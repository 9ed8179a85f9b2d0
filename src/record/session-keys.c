/* A record is session, wrapped key, 4 bytes of zeros, 4 of flags, CRC-32C. An erased one keeps its session
 * and has the flag ERASED and zeros for a key. */
#include "record/session-keys.h"
#include "base/codec.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "PSTNKEYS";
enum { AT_KEY = 8, AT_FLAGS = 72, AT_CRC = 76, FLAG_ERASED = 1 };

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

enum session_key session_keys_read(int fd, uint64_t index, uint64_t session,
                                   uint8_t wrapped_out[FORMAT_WRAPPED_KEY])
{
    uint8_t record[FORMAT_KEY];
    if (index == 0 || index > INT64_MAX / FORMAT_KEY ||
        pread(fd, record, sizeof record, (off_t)(index * FORMAT_KEY)) != FORMAT_KEY ||
        format_get_u32(record + AT_CRC) != codec_crc32c(0, bytes_make(record, AT_CRC)) ||
        format_get_u64(record) != session)
        return SESSION_KEY_BAD;
    if (format_get_u32(record + AT_FLAGS) & FLAG_ERASED) return SESSION_KEY_ERASED;
    memcpy(wrapped_out, record + AT_KEY, FORMAT_WRAPPED_KEY);
    return SESSION_KEY_FOUND;
}

int64_t session_keys_erase(int fd, uint64_t session)
{
    int64_t erased = 0;
    uint8_t record[FORMAT_KEY];
    for (uint64_t i = 1; pread(fd, record, sizeof record, (off_t)(i * FORMAT_KEY)) == FORMAT_KEY; i++) {
        if (format_get_u64(record) != session) continue;
        memset(record + AT_KEY, 0, FORMAT_WRAPPED_KEY);
        format_put_u32(record + AT_FLAGS, FLAG_ERASED);
        finish(record);
        int error = put(fd, i, record);
        if (error) return error;
        erased++;
    }
    return fdatasync(fd) < 0 ? -errno : erased;
}
