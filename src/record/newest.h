/* The end of a log that is being written, from its files alone: the newest signed checkpoint, and whether
 * what was sealed since some block is more than the gateway's own words about its anchors. */
#ifndef POSTERN_RECORD_NEWEST_H
#define POSTERN_RECORD_NEWEST_H
#include "base/buf.h"
#include "base/check.h"

struct newest {
    uint64_t size; /* 0: nothing is signed yet */
    uint8_t root[32];
    char origin[256];
};
/* Appends the note to note_out. 0 or -errno. */
int newest_read(const char *log_folder, struct newest *out, struct buf *note_out) MUST_USE;

struct newest_since {
    bool others;     /* there are blocks of sessions */
    uint64_t frames; /* of the gateway itself */
};
/* The blocks from `from` up to and without `to`; stops at the first one of a session. 0 or -errno. */
int newest_since(const char *log_folder, uint64_t from, uint64_t to, struct newest_since *out) MUST_USE;
#endif
