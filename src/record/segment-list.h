/* Which segments a log has, by the first leaf of each, in order. */
#ifndef POSTERN_RECORD_SEGMENT_LIST_H
#define POSTERN_RECORD_SEGMENT_LIST_H
#include "base/check.h"
#include <stddef.h>
#include <stdint.h>

struct segment_list {
    uint64_t *first_leaf;
    size_t n;
};

/* Lists the segments of an open segments/ folder, those whose blocks are in the archive too. 0 or -errno. */
int segment_list_read(int segments_folder, struct segment_list *list_out) MUST_USE;
void segment_list_free(struct segment_list *list);
#endif
