/* What /readyz and /metrics say of streams out. */
#ifndef POSTERN_API_HEALTH_STREAMS_H
#define POSTERN_API_HEALTH_STREAMS_H
#include "api/api.h"
#include "base/buf.h"

/* A line for each: a stream that is late makes nothing worse for sessions, and does not take the gateway out.
 */
void health_streams_ready(const struct api_health *health, struct buf *out);
void health_streams_metrics(const struct api_health *health, struct buf *out);
#endif
