/* Held statements in the index, while it follows: see index_approvals in index.h. */
#ifndef POSTERN_RECORD_INDEX_APPROVALS_H
#define POSTERN_RECORD_INDEX_APPROVALS_H
#include "record/index.h"

/* A FRAME_APPROVAL of this session (0: the gateway's own). 0 or what sqlite.h says. */
int index_approval_take(struct index *index, uint64_t session, const struct frame *frame) MUST_USE;
#endif
