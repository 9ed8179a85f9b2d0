/* The receipt of a segment that is in the archive: segments/<first leaf>.archived, a text of "name value"
 * lines. It is written once the archive holds the segment, and before anything of it is removed here: where
 * it stands, the segment's blocks are found in the archive, whether or not they are here too. */
#ifndef POSTERN_RECORD_RECEIPT_H
#define POSTERN_RECORD_RECEIPT_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"

enum { RECEIPT_TEXT = 768, RECEIPT_MOST = 4096 };

struct receipt {
    uint64_t first_leaf;
    char bucket[RECEIPT_TEXT], key[RECEIPT_TEXT], version[RECEIPT_TEXT]; /* of the .blocks object */
    uint64_t bytes;                                                      /* of the .blocks file */
    char sha256[65];                                                     /* of it, in hexadecimal */
    uint64_t checkpoints_to; /* how far into the file `checkpoints` the archive goes with this segment */
    int64_t at_us;
};
/* The receipt as text, and back. False: it is not one. */
void receipt_print(const struct receipt *receipt, struct buf *out);
bool receipt_parse(struct bytes text, struct receipt *receipt_out) MUST_USE;
/* Of an open segments/ folder. 0; -ENOENT: there is none; -EBADMSG; -errno. */
int receipt_read(int folder, uint64_t first_leaf, struct receipt *receipt_out) MUST_USE;
/* Whole or not at all, and synced. 0 or -errno. */
int receipt_write(int folder, const struct receipt *receipt) MUST_USE;
#endif
