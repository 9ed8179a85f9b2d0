/* A window of entries is read at a time; looking at leaves in order costs one read in 256. */
#include "record/heads.h"
#include "record/blocks.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW = 256 };

int heads_open(int log_folder, struct heads *h)
{
    *h = (struct heads){ .fd = -1 };
    h->folder = openat(log_folder, "segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (h->folder < 0) return -errno;
    h->window = malloc(WINDOW * (size_t)FORMAT_ENTRY);
    int error = h->window ? segment_list_read(h->folder, &h->list) : -ENOMEM;
    if (error) heads_close(h);
    return error;
}

void heads_close(struct heads *h)
{
    segment_list_free(&h->list);
    free(h->window);
    if (h->fd >= 0) close(h->fd);
    if (h->folder >= 0) close(h->folder);
}

/* Which segment holds a leaf: the last that begins at or before it. -1: none. */
static ptrdiff_t segment_of(const struct heads *h, uint64_t leaf)
{
    size_t low = 0, high = h->list.n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (h->list.first_leaf[middle] <= leaf)
            low = middle + 1;
        else
            high = middle;
    }
    return (ptrdiff_t)low - 1;
}

static bool open_segment(struct heads *h, uint64_t first_leaf)
{
    char name[32];
    if (h->fd >= 0 && h->segment == first_leaf) return true;
    if (h->fd >= 0) close(h->fd);
    blocks_name(first_leaf, "heads", name);
    h->fd = openat(h->folder, name, O_RDONLY | O_CLOEXEC);
    h->segment = first_leaf;
    h->n = 0;
    return h->fd >= 0;
}

/* Fills the window from the leaf on; false: not there. */
static bool load(struct heads *h, uint64_t leaf)
{
    ptrdiff_t i = segment_of(h, leaf);
    if (i < 0 || !open_segment(h, h->list.first_leaf[i])) return false;
    ssize_t got =
        pread(h->fd, h->window, WINDOW * (size_t)FORMAT_ENTRY, (off_t)((leaf - h->segment) * FORMAT_ENTRY));
    h->from = leaf;
    h->n = got > 0 ? (uint64_t)got / FORMAT_ENTRY : 0;
    return h->n > 0;
}

enum heads_outcome heads_get(struct heads *h, uint64_t leaf, struct heads_entry *entry)
{
    if (leaf < h->from || leaf - h->from >= h->n) {
        if (!load(h, leaf)) {
            /* Perhaps a segment was begun since the folder was listed. */
            struct segment_list list;
            if (segment_list_read(h->folder, &list) < 0) return HEADS_BAD;
            segment_list_free(&h->list);
            h->list = list;
            if (!load(h, leaf)) return HEADS_END;
        }
    }
    const uint8_t *raw = h->window + (leaf - h->from) * FORMAT_ENTRY;
    memcpy(entry->raw, raw, FORMAT_BLOCK_HEAD);
    entry->offset = format_get_u64(raw + FORMAT_BLOCK_HEAD);
    entry->first_leaf = h->segment;
    return format_block_decode(raw, &entry->head) && entry->head.leaf == leaf &&
                   entry->offset <= INT64_MAX / 2
               ? HEADS_FOUND
               : HEADS_BAD;
}

/* How many leaves there are, by the newest segment's file. */
static uint64_t heads_count(struct heads *h)
{
    if (h->list.n == 0 || !open_segment(h, h->list.first_leaf[h->list.n - 1])) return 0;
    off_t size = lseek(h->fd, 0, SEEK_END);
    return h->segment + (size > 0 ? (uint64_t)size / FORMAT_ENTRY : 0);
}

uint64_t heads_find_time(struct heads *h, int64_t time_us)
{
    uint64_t low = h->list.n ? h->list.first_leaf[0] : 0, high = heads_count(h);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct heads_entry entry;
        if (heads_get(h, middle, &entry) == HEADS_FOUND && entry.head.sealed_us < time_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
