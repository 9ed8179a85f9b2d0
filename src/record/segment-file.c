/* From the archive a window is read at a time. It doubles while reading goes on where it ended, from what a
 * session's block takes to what makes walking a whole segment a handful of requests. */
#include "record/segment-file.h"
#include "record/blocks.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AHEAD_LEAST = 256 << 10, AHEAD_MOST = 8 << 20 };

void segment_file_init(struct segment_file *f, int segments_folder, const struct record_far *far)
{
    *f = (struct segment_file){ .folder = segments_folder, .far = far, .fd = -1 };
}

struct segment_file segment_file_of(int fd)
{
    return (struct segment_file){ .folder = -1, .fd = fd, .open = true };
}

static void leave(struct segment_file *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    f->open = f->away = false;
    f->window_n = 0;
}

void segment_file_free(struct segment_file *f)
{
    leave(f);
    free(f->window);
    f->window = NULL;
}

static int open_away(struct segment_file *f, uint64_t first_leaf)
{
    int error = receipt_read(f->folder, first_leaf, &f->receipt);
    if (!error && !f->far) error = -ENOLINK;
    if (error) return error;
    f->away = f->open = true;
    f->first_leaf = first_leaf;
    f->window_at = f->next_at = 0;
    f->ahead = AHEAD_LEAST;
    return 0;
}

int segment_file_open(struct segment_file *f, uint64_t first_leaf)
{
    char name[32];
    if (f->open && f->first_leaf == first_leaf) return 0;
    leave(f);
    if (f->far && f->far->first) {
        int error = open_away(f, first_leaf);
        if (error != -ENOENT) return error;
    }
    blocks_name(first_leaf, "blocks", name);
    f->fd = openat(f->folder, name, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0) {
        int error = errno == ENOENT ? open_away(f, first_leaf) : -errno;
        if (error == -ENOLINK) f->error = error;
        return error;
    }
    f->first_leaf = first_leaf;
    f->open = true;
    return 0;
}

int segment_file_size(struct segment_file *f, uint64_t *bytes_out)
{
    struct stat st;
    CHECK(f->open);
    if (!f->away && fstat(f->fd, &st) < 0) return -errno;
    *bytes_out = f->away ? f->receipt.bytes : (uint64_t)st.st_size;
    return 0;
}

/* Makes the window hold bytes from `at` on. */
static int fill(struct segment_file *f, uint64_t at)
{
    f->ahead = f->window_n && at == f->next_at ? f->ahead * 2 : AHEAD_LEAST;
    if (f->ahead > AHEAD_MOST) f->ahead = AHEAD_MOST;
    if (f->ahead > f->window_room) {
        uint8_t *more = realloc(f->window, f->ahead);
        if (!more) return -ENOMEM;
        f->window = more;
        f->window_room = f->ahead;
    }
    size_t n = f->receipt.bytes - at < f->ahead ? (size_t)(f->receipt.bytes - at) : f->ahead;
    ssize_t got = f->far->read(f->far->context, &f->receipt, at, f->window, n);
    f->window_n = got > 0 ? (size_t)got : 0;
    f->window_at = at;
    f->next_at = at + f->window_n;
    if (got < 0) return (int)got;
    return 0;
}

static ssize_t read_away(struct segment_file *f, uint64_t at, uint8_t *out, size_t n)
{
    size_t done = 0;
    while (done < n && at < f->receipt.bytes) {
        if (at < f->window_at || at - f->window_at >= f->window_n) {
            int error = fill(f, at);
            if (error) {
                f->error = error;
                return error;
            }
            if (f->window_n == 0) break;
        }
        size_t from = (size_t)(at - f->window_at), take = f->window_n - from;
        if (take > n - done) take = n - done;
        memcpy(out + done, f->window + from, take);
        done += take;
        at += take;
    }
    return (ssize_t)done;
}

ssize_t segment_file_read(struct segment_file *f, uint64_t at, uint8_t *out, size_t n)
{
    CHECK(f->open);
    if (f->away) return read_away(f, at, out, n);
    ssize_t got = pread(f->fd, out, n, (off_t)at);
    return got < 0 ? -errno : got;
}
