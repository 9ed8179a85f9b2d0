/* What a rule that holds wants, in words: "agents/bulk: 2 people of security or dba, each with a reason". */
#ifndef POSTERN_APPROVAL_NEED_H
#define POSTERN_APPROVAL_NEED_H
#include "base/buf.h"
#include "policy/policy.h"

/* Names in it are what policies say: whoever shows it escapes it. */
void need_words(const struct policy_need *need, struct buf *out);
/* All of them, "; " between. */
void needs_words(const struct policy_need *needs, size_t n, struct buf *out);
/* The groups of all of them, each once, in order: into `by`, which has room for as many as all name. How
 * many. */
size_t needs_groups(const struct policy_need *needs, size_t n, struct bytes *by);
#endif
