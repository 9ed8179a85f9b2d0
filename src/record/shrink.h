/* Bodies of frames, compressed by the lane that appends them: what is large is made small before it is
 * encrypted, written, read back and sealed into a block, and not only at the end. Pure; no file is touched.
 */
#ifndef POSTERN_RECORD_SHRINK_H
#define POSTERN_RECORD_SHRINK_H
#include "base/bytes.h"
#include "base/check.h"
#include "record/format.h"
#include <zstd.h>

enum {
    SHRINK_LEAST = 16 << 10, /* shorter bodies are left to the block: together they compress better */
    SHRINK_BULK = 48 << 10,  /* so much in one read: whoever sends is faster than we are */
};

struct shrink {
    ZSTD_CCtx *zstd;
    uint8_t *out;
    unsigned pass, failures; /* bodies to be passed over, since those before did not get smaller */
    int level;
    bool easy; /* the last one shrank to an eighth or less */
};

/* False: out of memory; shrink_free is needed all the same. */
bool shrink_init(struct shrink *s) MUST_USE;
void shrink_free(struct shrink *s);
/* The body as one zstd frame, in memory of s until the next call; empty where that is not worth it. */
struct bytes shrink_body(struct shrink *s, struct bytes body);

/* Gives back what shrink_body took. out has room for FORMAT_BODY_MAX. False: not one zstd frame that says
 * its length and keeps to it. Takes hostile bytes. */
bool shrink_expand(ZSTD_DCtx *zstd, struct bytes in, uint8_t *out, size_t *n_out) MUST_USE;
#endif
