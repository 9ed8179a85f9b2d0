/* What the gateway tells about its anchors: in /metrics and /readyz. */
#ifndef POSTERN_API_ANCHORED_H
#define POSTERN_API_ANCHORED_H
#include "api/api.h"
#include "base/buf.h"

void anchored_metrics(const struct api_health *h, struct buf *out);
/* A line where there are anchors. What waits for an anchor is recorded all the same: it is said, and takes
 * nothing out of service. */
void anchored_ready(const struct api_health *h, struct buf *out);
#endif
