/* A refusal's detail, for the record: the reason, and what the token says of itself (iss, kid, alg), escaped.
 * It never holds the token, its signature or another claim. */
#ifndef POSTERN_IDENTITY_DETAIL_H
#define POSTERN_IDENTITY_DETAIL_H
#include "base/arena.h"
#include "base/bytes.h"

enum { DETAIL_MAX_BYTES = 200 };
/* Empty runs are left out. At most DETAIL_MAX_BYTES long; empty where the arena is full. */
struct bytes detail_write(struct arena *arena, const char *why, struct bytes iss, struct bytes kid,
                          struct bytes alg);
#endif
