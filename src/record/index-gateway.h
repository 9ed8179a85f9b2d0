/* What the gateway says of itself and of its own record: starts, policies that came into force, who looked at
 * recordings, where the record has a hole. Only the files of the index include this. */
#ifndef POSTERN_RECORD_INDEX_GATEWAY_H
#define POSTERN_RECORD_INDEX_GATEWAY_H
#include "record/index-private.h"

/* Of a FRAME_GATEWAY, or of a FRAME_CUT in a session. 0 or -errno. */
int index_gateway_take(struct index *index, uint64_t session, const struct frame *frame) MUST_USE;
#endif
