/* Who saw which column: what a text's frame says of its results, kept with the text, and counted as it runs.
 * Only the files of the index include this. */
#ifndef POSTERN_RECORD_INDEX_SEEN_H
#define POSTERN_RECORD_INDEX_SEEN_H
#include "base/arena.h"
#include "record/index-private.h"

/* One column that one statement of a text shows. */
struct index_seen {
    struct index_seen *next;
    uint32_t statement; /* from 1; 0: the text's only one */
    struct bytes relation, column, state;
};
/* Of a FRAME_TEXT's fields, in the arena. False: no memory. */
bool index_seen_read(struct bytes fields, struct arena *arena, struct index_seen **seen_out) MUST_USE;
/* As the index has them of a text that an earlier block defined. 0 or -errno. */
int index_seen_save(struct index *index, uint64_t session, uint32_t text,
                    const struct index_seen *seen) MUST_USE;
int index_seen_load(struct index *index, uint64_t session, uint32_t text, struct arena *arena,
                    struct index_seen **seen_out) MUST_USE;

struct index_seen_count {
    uint64_t n, rows;
    uint32_t first_sequence, last_sequence;
};
/* Adds to the row of `seen` for it. */
int index_seen_add(struct index *index, uint64_t session, int64_t shape, int64_t minute,
                   const struct index_seen *seen, const struct index_seen_count *count) MUST_USE;
#endif
