/* The tail: files of fixed size that lanes append batches to through a mapping. A segment is made whole
 * (allocated, mapped, its pages touched) before a lane gets it, so that an append can fail neither for want
 * of disk nor by a page fault that needs some. */
#ifndef POSTERN_RECORD_TAIL_H
#define POSTERN_RECORD_TAIL_H
#include "base/bytes.h"
#include "record/format.h"
#include <stdatomic.h>

struct tail_segment {
    uint8_t *map;
    size_t size, used; /* used: where the last batch ends, once the lane has left the segment */
    uint64_t number, file;
    int fd;
    atomic_int gone; /* a page of it was cut away under us: it holds nothing that can be trusted any more */
};

/* Makes the file tail/<lane>-<file>, allocates size bytes, writes its head and maps it. 0 or -errno. */
int tail_segment_make(int tail_folder, const struct format_tail *head, uint64_t file,
                      struct tail_segment **segment_out) MUST_USE;
/* Gives a segment that is no longer needed a new head. -EIO where somebody changed its size meanwhile. */
int tail_segment_reuse(struct tail_segment *segment, const struct format_tail *head) MUST_USE;
/* Unmaps and frees; keep == false removes the file too. */
void tail_segment_free(struct tail_segment *segment, int tail_folder, uint32_t lane, bool keep);
/* The name of the file, for opening it relative to the folder. */
void tail_segment_name(uint32_t lane, uint64_t file, char out[32]);
#endif
