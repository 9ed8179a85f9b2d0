/* Making a block of a session's open frames; of this room only. */
#ifndef POSTERN_RECORD_PACK_SEAL_H
#define POSTERN_RECORD_PACK_SEAL_H
#include "record/pack.h"

/* Compresses, encrypts and appends what is open in s, which has at least one frame, and moves its chain on.
 * -errno: nothing happened. */
int pack_seal(struct pack *p, struct pack_session *s) MUST_USE;
#endif
