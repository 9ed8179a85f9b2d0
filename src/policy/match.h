/* Whether a rule or an allow speaks of a statement. Pure, and takes no memory. Only src/policy includes this.
 */
#ifndef POSTERN_POLICY_MATCH_H
#define POSTERN_POLICY_MATCH_H
#include "policy/ruleset.h"

/* What is judged, by what, and how. */
struct policy_question {
    const struct policy_ruleset *ruleset;
    enum policy_view view;
    const struct sql_statement *statement;
    uint32_t effects; /* those of the statement that are judged at all */
};
/* What a rule hit, or nobody allows: for the message. */
struct policy_hit {
    const struct sql_relation *relation; /* NULL where the rule names none */
    const struct sql_column *column;     /* of the relation */
    const struct sql_function *function;
    const struct sql_code *code; /* what the function stands for, where that is known */
};
bool policy_rule_matches(const struct policy_rule *rule, const struct policy_question *question,
                         struct policy_hit *hit_out);

static const size_t POLICY_NO_RELATION = SIZE_MAX;
/* Whether the item allows this one effect on this relation (an index), or where no relation of the statement
 * bears it (POLICY_NO_RELATION). */
bool policy_allow_covers(const struct policy_allow *allow, const struct policy_question *question,
                         uint32_t effect, size_t relation);
/* Whether the item allows this effect on this column of the relation, whether it names columns or not. */
bool policy_allow_covers_column(const struct policy_allow *allow, const struct policy_question *question,
                                uint32_t effect, size_t relation, const struct sql_column *column);
/* The effects that some relation of the statement bears. */
uint32_t policy_borne_effects(const struct sql_statement *statement);
#endif
