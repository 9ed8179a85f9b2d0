/* What /readyz and /metrics tell of the index in PostgreSQL. */
#ifndef POSTERN_API_HEALTH_INDEX_H
#define POSTERN_API_HEALTH_INDEX_H
#include "api/api.h"

/* "shared_index ok", or failed; nothing where there is none. A server that is away takes no gateway out as
 * long as what waits for it keeps below its bound: then it is "record" that failed. */
void health_say_index(struct buf *out, const struct api_shared_index *index);
void health_write_index(struct buf *out, const struct api_shared_index *index);
#endif
