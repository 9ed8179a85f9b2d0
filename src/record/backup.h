/* A copy of a data folder that verifies, taken while a gateway writes it. The order does it: first the
 * checkpoints, then of the segments that they cover heads before blocks, and the keys last: whatever is
 * written meanwhile is more than the copy needs, never less. What was committed and is in no block yet (the
 * tail; a second or two) is not in it. The index is not either: it is made anew from the log. See
 * doc/backup.md. */
#ifndef POSTERN_RECORD_BACKUP_H
#define POSTERN_RECORD_BACKUP_H
#include "base/check.h"
#include <stdbool.h>
#include <stdint.h>

struct backup_result {
    uint64_t files, bytes;
    char file[128]; /* what it was at when it failed */
};
/* Into a folder that is made, or is empty (-ENOTEMPTY). with_kek: the key-encryption key's file too, where
 * there is one. 0 or -errno. */
int backup_folder(const char *data, const char *to, bool with_kek, struct backup_result *result_out) MUST_USE;
#endif
