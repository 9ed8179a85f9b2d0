/* What judging found, before it is put into words. Only src/policy includes this. */
#ifndef POSTERN_POLICY_OUTCOME_H
#define POSTERN_POLICY_OUTCOME_H
#include "policy/match.h"
#include "policy/ruleset.h"

enum policy_outcome_kind {
    OUTCOME_NOT_ALLOWED = 0,
    OUTCOME_NOT_UNDERSTOOD,
    OUTCOME_PINNED,
    OUTCOME_DENIED,
    OUTCOME_MASKED, /* columns are masked, and this does not go with it */
    OUTCOME_HELD,
    OUTCOME_ALLOWED
};
enum policy_mask_reason {
    MASK_REASON_NONE = 0,
    MASK_REASON_EFFECT,     /* `missing` is what it does */
    MASK_REASON_CHANNEL,    /* LISTEN, NOTIFY */
    MASK_REASON_UNMASKABLE, /* the statement's own words */
    MASK_REASON_WRITTEN,
    MASK_REASON_STORED,
    MASK_REASON_COMPARED,
    MASK_REASON_RANKED
};
enum { POLICY_HOLDS_CEILING = 16 };
struct policy_outcome {
    enum policy_outcome_kind kind;
    const struct policy *policy;      /* NULL where nothing allowed it */
    const struct policy_allow *allow; /* NULL where nothing was needed */
    const struct policy_rule *rule;
    struct policy_hit hit;
    uint32_t missing; /* the effect that nobody allows */
    enum policy_mask_reason masked;
    /* HELD: all that hold. ALLOWED: those that would above limit.rows, the smallest number of any; limit is
     * the first of them. */
    const struct policy_rule *holds[POLICY_HOLDS_CEILING];
    size_t n_holds;
    /* All that hold, with whatever number of rows: what a person's approval is needed for. */
    struct {
        const struct policy *policy;
        const struct policy_rule *rule;
    } needs[POLICY_HOLDS_CEILING];
    size_t n_needs; /* more than the ceiling: nobody can be asked for so much */
    struct {
        bool is; /* there is one */
        uint64_t rows;
        const struct policy *policy;
        const struct policy_rule *rule;
        struct policy_hit hit;
    } limit;
};

/* would: what enforcing everything would have found. */
void policy_outcome_tell(const struct policy_ruleset *ruleset, const struct sql_statement *statement,
                         const struct policy_outcome *is, const struct policy_outcome *would,
                         struct arena *arena, struct policy_verdict *verdict_out);
#endif
