/* Live views: what happens, told to whoever reads a stream of it. */
#ifndef POSTERN_API_EVENTS_H
#define POSTERN_API_EVENTS_H
#include "base/check.h"

struct api;
struct events;
struct events *events_new(struct api *api) MUST_USE;
void events_free(struct events *events);
/* What happens at the desk is told from now on; until events_unwatch, before the service stops. */
void events_watch(struct events *events);
void events_unwatch(struct events *events);
#endif
