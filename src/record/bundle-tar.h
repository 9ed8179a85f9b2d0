/* The file that a bundle is: a tar of plain files (POSIX ustar), written in one way only: each header follows
 * from a name and a size, padding is zeros, and behind the last file are 1,024 zeros and nothing more. So any
 * tar unpacks it, and nothing can stand in it that verification does not see. */
#ifndef POSTERN_RECORD_BUNDLE_TAR_H
#define POSTERN_RECORD_BUNDLE_TAR_H
#include "base/bytes.h"
#include "base/check.h"

enum { BUNDLE_TAR_BLOCK = 512, BUNDLE_TAR_END = 1024, BUNDLE_TAR_NAME = 100 };

struct bundle_member {
    char name[BUNDLE_TAR_NAME];
    uint64_t at, size; /* where its content stands in the file */
};
/* The name is shorter than BUNDLE_TAR_NAME, the size below 8 GiB. */
void bundle_tar_head(const char *name, uint64_t size, uint8_t out[BUNDLE_TAR_BLOCK]);
/* Zeros behind so much content. */
static inline size_t bundle_tar_padding(uint64_t size)
{
    return (size_t)(-size & (BUNDLE_TAR_BLOCK - 1));
}
/* MEMBER: the one at *at, which moves behind it, padding included. END: there are no more, and the file ends
 * as it must. */
enum bundle_tar { BUNDLE_TAR_BAD = 0, BUNDLE_TAR_MEMBER, BUNDLE_TAR_LAST };
enum bundle_tar bundle_tar_next(int fd, uint64_t file_size, uint64_t *at,
                                struct bundle_member *member_out) MUST_USE;
/* Reads exactly n bytes. */
bool bundle_tar_read(int fd, uint64_t at, void *out, size_t n) MUST_USE;
#endif
