/* Live views: what happens, told to whoever reads a stream of it. */
#ifndef POSTERN_API_EVENTS_H
#define POSTERN_API_EVENTS_H
#include "base/check.h"

struct api;
struct events;
struct events *events_new(struct api *api) MUST_USE;
void events_free(struct events *events);
#endif
