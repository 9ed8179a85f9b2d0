/* What of a snapshot applies to a session, laid out for judging. Only src/policy includes this. */
#ifndef POSTERN_POLICY_RULESET_H
#define POSTERN_POLICY_RULESET_H
#include "policy/snapshot.h"

/* As it is: policies and rules that observe say nothing, unless no policy enforces, when all is allowed.
 * As if all were enforced: what `would` is made from. */
enum policy_view { POLICY_VIEW_ENFORCED = 0, POLICY_VIEW_ALL, POLICY_N_VIEWS };
struct policy_sight {
    uint32_t free;     /* effects that some policy allows whatever they touch; never unknown */
    bool columns;      /* some item allows columns only */
    bool unknown;      /* text that nobody understands may pass */
    struct bytes hint; /* "Allowed here: read, write." */
};
struct policy_ruleset {
    const struct policy_snapshot *snapshot;
    const struct policy **policies; /* in name order; at least one */
    size_t n;
    struct policy_terms terms;
    struct policy_sight sights[POLICY_N_VIEWS];
    bool enforces; /* some policy does */
    bool observes; /* some policy or rule does */
    bool open;
    bool masks; /* columns are masked */
    uint64_t key;
};

static inline bool policy_in_view(const struct policy *policy, enum policy_view view)
{
    return view == POLICY_VIEW_ALL || !policy->observe;
}
static inline bool policy_rule_in_view(const struct policy_rule *rule, enum policy_view view)
{
    return view == POLICY_VIEW_ALL || !rule->observe;
}
/* Names of effects, comma-separated; three of a schema's as "schema". */
void policy_effects_print(uint32_t effects, struct buf *out);
#endif
