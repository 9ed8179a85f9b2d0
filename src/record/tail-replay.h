/* What a crash left in the tail: found, opened and handed to pack, which passes over what is in blocks
 * already. */
#ifndef POSTERN_RECORD_TAIL_REPLAY_H
#define POSTERN_RECORD_TAIL_REPLAY_H
#include "record/pack.h"
#include "record/tail.h"

struct tail_file {
    struct format_tail head;
    char name[32];
    bool good; /* the head could be read; otherwise nothing was ever committed to it, or it is torn */
};

struct tail_files {
    struct tail_file *files; /* by opening, lane and number */
    size_t n;
    uint64_t first_leaf; /* no frame in them is in a block before this one; UINT64_MAX where there are none */
};

/* What one lane had, for the note that recovery writes. */
struct tail_lane_report {
    uint32_t lane;
    uint64_t frames, bytes_cut;
};

/* Lists tail/. 0 or -errno. */
int tail_files_list(int tail_folder, struct tail_files *files_out) MUST_USE;
void tail_files_free(struct tail_files *files);
/* Replays the files from *at on that belong to one lane of one opening, and moves *at behind them. Stops at
 * the first batch that does not open. settle is called now and then, where blocks may be written out. 0 or
 * -errno: the tail is as it was. */
int tail_replay_lane(int tail_folder, const struct tail_files *files, size_t *at, struct pack *pack,
                     int (*settle)(void *context), void *context,
                     struct tail_lane_report *report_out) MUST_USE;
/* Removes them all. */
int tail_files_remove(int tail_folder, const struct tail_files *files) MUST_USE;
#endif
