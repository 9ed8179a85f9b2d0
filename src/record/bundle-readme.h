/* README.txt of a bundle: what it is and how it is checked, for whoever was handed one. Nothing is proven by
 * it. */
#ifndef POSTERN_RECORD_BUNDLE_README_H
#define POSTERN_RECORD_BUNDLE_README_H
#include "record/bundle.h"
#include "record/format.h"

struct bundle_readme {
    const struct bundle_request *request;
    const struct checkpoint *checkpoint;
    uint64_t anchored; /* size of the anchored checkpoint; 0: none */
};
void bundle_readme_begin(const struct bundle_readme *r, struct buf *out);
/* One line a session, from its first block and its last. */
void bundle_readme_session(const struct format_block *first, const struct format_block *last, size_t n_blocks,
                           bool erased, struct buf *out);
void bundle_readme_end(struct buf *out);
#endif
