/* Making and reusing segments. The head is on the disk before the pages are touched, so that syncing it does
 * not carry 64 MiB of zeros along. */
#include "record/tail.h"
#include "record/sigbus.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

void tail_segment_name(uint32_t lane, uint64_t file, char out[32])
{
    snprintf(out, 32, "%03" PRIu32 "-%010" PRIu64, lane % 1000, file % 10000000000U);
}

/* Touches each page for writing, whatever the kernel offers. */
static void populate(struct tail_segment *s)
{
    if (madvise(s->map, s->size, MADV_POPULATE_WRITE) == 0) return;
    for (size_t at = FORMAT_TAIL_HEAD; at < s->size; at += 4096)
        *(volatile uint8_t *)(s->map + at) = 0;
}

static int fill(struct tail_segment *s, const struct format_tail *head)
{
    uint8_t page[FORMAT_TAIL_HEAD];
    int error = posix_fallocate(s->fd, 0, (off_t)head->size);
    if (error) return -error;
    format_tail_encode(head, page);
    ssize_t n = pwrite(s->fd, page, sizeof page, 0);
    if (n != (ssize_t)sizeof page) return n < 0 ? -errno : -EIO;
    if (fdatasync(s->fd) < 0) return -errno;
    void *map = mmap(NULL, head->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (map == MAP_FAILED) return -errno;
    s->map = map;
    s->size = head->size;
    s->number = head->number;
    if (!sigbus_guard(map, s->size, &s->gone)) return -ENOMEM;
    populate(s);
    return atomic_load(&s->gone) ? -EIO : 0;
}

int tail_segment_make(int tail_folder, const struct format_tail *head, uint64_t file,
                      struct tail_segment **segment_out)
{
    char name[32];
    tail_segment_name(head->lane, file, name);
    struct tail_segment *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->file = file;
    s->fd = openat(tail_folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = s->fd < 0 ? -errno : fill(s, head);
    if (!error && fsync(tail_folder) < 0) error = -errno;
    if (error) {
        tail_segment_free(s, tail_folder, head->lane, s->fd < 0);
        return error;
    }
    *segment_out = s;
    return 0;
}

int tail_segment_reuse(struct tail_segment *s, const struct format_tail *head)
{
    struct stat st;
    if (atomic_load(&s->gone) || fstat(s->fd, &st) < 0 || st.st_size != (off_t)s->size || st.st_nlink == 0)
        return -EIO;
    CHECK(head->size == s->size);
    memset(s->map + FORMAT_TAIL_HEAD, 0, FORMAT_BATCH_HEAD); /* no batch yet */
    format_tail_encode(head, s->map);
    s->number = head->number;
    s->used = 0;
    return atomic_load(&s->gone) ? -EIO : 0;
}

void tail_segment_free(struct tail_segment *s, int tail_folder, uint32_t lane, bool keep)
{
    char name[32];
    if (!s) return;
    if (s->map) {
        sigbus_unguard(s->map);
        munmap(s->map, s->size);
    }
    if (s->fd >= 0) close(s->fd);
    if (!keep) {
        tail_segment_name(lane, s->file, name);
        unlinkat(tail_folder, name, 0);
    }
    free(s);
}
