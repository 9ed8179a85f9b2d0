/* What somebody from whom columns are masked may do, beyond what the policies say. Only src/policy includes
 * this. */
#ifndef POSTERN_POLICY_JUDGE_MASKS_H
#define POSTERN_POLICY_JUDGE_MASKS_H
#include "policy/outcome.h"

/* False: nothing stands against it. */
bool policy_masks_deny(const struct policy_question *question, struct policy_outcome *out);
/* The sentence, and what is allowed instead. p == NULL: there is no memory. */
struct bytes policy_masks_message(const struct sql_statement *statement, const struct policy_outcome *outcome,
                                  struct arena *arena);
struct bytes policy_masks_hint(const struct sql_statement *statement, const struct policy_outcome *outcome,
                               struct arena *arena);
#endif
