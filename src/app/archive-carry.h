/* Carrying one sealed segment into the bucket, and removing the local copy of one that is there. Both may be
 * called again after whatever failed, and after a crash at any place. */
#ifndef POSTERN_APP_ARCHIVE_CARRY_H
#define POSTERN_APP_ARCHIVE_CARRY_H
#include "app/archive-store.h"
#include "record/archive.h"

struct archive_carry {
    struct archive_store *store;
    const struct clock *clock;
    struct s3 *s3;
    const char *data;   /* folder: log.pub is in it */
    const char *origin; /* the log's name */
    int log, segments;  /* folders, open */
    char folder[300];   /* in the bucket; "": not known yet */
};
/* False: why says what stood in the way (room for 320). *bytes_out: of what went up. */
bool archive_carry_send(struct archive_carry *c, const struct archive_view *view, size_t segment,
                        uint64_t *bytes_out, char why[320]) MUST_USE;
bool archive_carry_drop(struct archive_carry *c, const struct archive_view *view, size_t segment,
                        char why[320]) MUST_USE;
#endif
