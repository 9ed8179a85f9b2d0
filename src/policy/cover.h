/* Whether one rule, allow or policy covers another: whatever the second matches, the first does. Errs towards
 * no. Only src/policy includes this. */
#ifndef POSTERN_POLICY_COVER_H
#define POSTERN_POLICY_COVER_H
#include "policy/snapshot.h"

/* Whatever b matches, a matches. */
bool policy_rule_covers(const struct policy_rule *a, const struct policy_rule *b);
/* Whatever b allows, a allows, and b narrows nothing. */
bool policy_allow_covers_allow(const struct policy_allow *a, const struct policy_allow *b);
/* Whoever and wherever b is for, a is for as well. */
bool policy_reach_covers(const struct policy *a, const struct policy *b);
#endif
