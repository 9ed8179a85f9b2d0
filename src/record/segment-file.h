/* The blocks of one segment, wherever they are: in segments/<first leaf>.blocks, or, where only a receipt is
 * left of them, in the archive. Readers and verification read blocks through it. */
#ifndef POSTERN_RECORD_SEGMENT_FILE_H
#define POSTERN_RECORD_SEGMENT_FILE_H
#include "base/check.h"
#include "record/receipt.h"
#include <sys/types.h>

/* The archive, as readers see it; the program puts a client of its store behind it. Calls come from any
 * thread, and may block for as long as the store's time-outs say. */
struct record_far {
    void *context;
    /* Up to n bytes at `at` of what the receipt names: how many there were (fewer only at the end), or
     * -errno: -EHOSTUNREACH (away or in trouble), -EACCES (it says no), -ENOENT. */
    ssize_t (*read)(void *context, const struct receipt *receipt, uint64_t at, uint8_t *out, size_t n);
    bool first; /* what has a receipt is read from the archive even where it is here */
};

struct segment_file {
    int folder;                   /* segments/, borrowed */
    const struct record_far *far; /* NULL: there is none */
    int fd;                       /* of the segment that is open, where it is here; else -1 */
    bool open, away;
    uint64_t first_leaf;
    struct receipt receipt; /* where it is away */
    uint8_t *window;        /* bytes of the archive that were read ahead */
    uint64_t window_at, next_at;
    size_t window_n, window_room, ahead;
    int error; /* the last failure of the archive; 0: none. It says nothing of the blocks */
};

void segment_file_init(struct segment_file *f, int segments_folder, const struct record_far *far);
void segment_file_free(struct segment_file *f);
/* Of a file that holds blocks and is open: fd is borrowed, and no other segment is ever opened. */
struct segment_file segment_file_of(int fd) MUST_USE;
/* Another segment, or the same again. 0; -ENOENT: it is nowhere; -ENOLINK: it is in the archive, and there is
 * no way to it from here; -errno. */
int segment_file_open(struct segment_file *f, uint64_t first_leaf) MUST_USE;
/* Its length, in bytes. 0 or -errno. */
int segment_file_size(struct segment_file *f, uint64_t *bytes_out) MUST_USE;
/* Bytes at `at`: how many there were, or -errno. */
ssize_t segment_file_read(struct segment_file *f, uint64_t at, uint8_t *out, size_t n) MUST_USE;
#endif
