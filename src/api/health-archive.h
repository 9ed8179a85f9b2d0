/* What /readyz and /metrics tell of the archive. */
#ifndef POSTERN_API_HEALTH_ARCHIVE_H
#define POSTERN_API_HEALTH_ARCHIVE_H
#include "api/api.h"

/* "archive ok", or failed; nothing where there is none. A bucket that is away takes no gateway out as long as
 * its spool has room: then it is "record" that failed. */
void health_say_archive(struct buf *out, const struct api_archive *archive);
void health_write_archive(struct buf *out, const struct api_archive *archive);
#endif
