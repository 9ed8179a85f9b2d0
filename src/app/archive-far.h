/* The archive as readers of the log see it (record/segment-file.h): bytes of segments that are there. */
#ifndef POSTERN_APP_ARCHIVE_FAR_H
#define POSTERN_APP_ARCHIVE_FAR_H
#include "app/archive-store.h"
#include "record/segment-file.h"

struct archive_far;
/* store: the gateway's, which outlives it; NULL: opened when the first byte is wanted, so that commands that
 * want none read no keys. *far_out is NULL where the configuration has no archive. 0 or -ENOMEM. */
int archive_far_new(const struct config *config, const struct clock *clock, struct archive_store *store,
                    struct archive_far **far_out) MUST_USE;
void archive_far_free(struct archive_far *far);
/* What record_reader_reach takes; NULL for NULL. From any thread. */
const struct record_far *archive_far_reach(const struct archive_far *far);
#endif
