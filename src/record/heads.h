/* The .heads files as one array of block heads, by leaf: what readers find blocks with. Works on a log that
 * is being written: entries appear when their blocks are there. */
#ifndef POSTERN_RECORD_HEADS_H
#define POSTERN_RECORD_HEADS_H
#include "record/format.h"
#include "record/segment-list.h"

struct heads_entry {
    uint8_t raw[FORMAT_BLOCK_HEAD];
    struct format_block head;
    uint64_t first_leaf, offset; /* the segment, and where in its .blocks file the head stands */
};

struct heads {
    int folder; /* segments/ */
    struct segment_list list;
    int fd;           /* of the .heads file in use, -1: none */
    uint64_t segment; /* its first leaf */
    uint64_t from, n; /* leaves in the window */
    uint8_t *window;
};

/* 0 or -errno. */
int heads_open(int log_folder, struct heads *heads_out) MUST_USE;
void heads_close(struct heads *h);

/* HEADS_BAD: the entry cannot be what the log wrote. HEADS_END: no such leaf yet. */
enum heads_outcome { HEADS_BAD = 0, HEADS_END, HEADS_FOUND };
enum heads_outcome heads_get(struct heads *h, uint64_t leaf, struct heads_entry *entry_out) MUST_USE;
/* The leaf from which on blocks were sealed at or after this time, as far as clocks went forward; finds it in
 * log(n) steps. */
uint64_t heads_find_time(struct heads *h, int64_t time_us);
#endif
