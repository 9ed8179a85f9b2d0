/* Whether a segment that is here is still what its heads say. Its sum does not tell that: where sessions were
 * erased, zeros stand in the places of their blocks (erase.h), and the file's sum is another one. */
#ifndef POSTERN_RECORD_SEGMENT_WHOLE_H
#define POSTERN_RECORD_SEGMENT_WHOLE_H
#include "base/check.h"
#include <stdint.h>

/* Reads the blocks from first_leaf to end_leaf, a sealed segment of an open log folder: each has the content
 * that its head names, or is zeros and its session's key was erased; *removed_out is how many are zeros.
 * 0; -EBADMSG: something else stands there; -errno. */
int segment_is_whole(int log_folder, uint64_t first_leaf, uint64_t end_leaf, uint64_t *removed_out) MUST_USE;
#endif
