/* Who looked at which recording lately: pages of one reading are one look. */
#ifndef POSTERN_API_LOOKS_H
#define POSTERN_API_LOOKS_H
#include "base/bytes.h"
#include "base/check.h"

struct looks;
struct looks *looks_new(void) MUST_USE;
void looks_free(struct looks *looks);
/* Whether this is part of a look that is in the log: the same who (issuer and subject), session and way
 * within five minutes. */
bool looks_is_known(struct looks *looks, struct bytes who, uint64_t session, const char *how, int64_t now_us);
/* It is in the log now. */
void looks_remember(struct looks *looks, struct bytes who, uint64_t session, const char *how, int64_t now_us);
#endif
