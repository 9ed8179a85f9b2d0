/* Whether a rule or an allow speaks of a statement. Pure, and takes no memory. Only src/policy includes this.
 */
#ifndef POSTERN_POLICY_MATCH_H
#define POSTERN_POLICY_MATCH_H
#include "policy/snapshot.h"

/* What a rule hit: for its message. */
struct policy_hit {
    const struct sql_relation *relation; /* NULL where the rule names none */
    const struct sql_function *function;
};
/* effects: those of the statement that are judged at all. */
bool policy_rule_matches(const struct policy_rule *rule, const struct sql_statement *statement,
                         uint32_t effects, struct policy_hit *hit_out);
/* Whether the item allows this one effect on this relation, or (NULL) where no relation of the statement
 * bears it. */
bool policy_allow_covers(const struct policy_allow *allow, const struct sql_statement *statement,
                         uint32_t effect, const struct sql_relation *relation);
/* The effects that some relation of the statement bears. */
uint32_t policy_borne_effects(const struct sql_statement *statement);
#endif
