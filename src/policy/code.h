/* Code that is not PostgreSQL's own: whether a policy trusts it, and which functions rules speak of. Only
 * src/policy includes this. */
#ifndef POSTERN_POLICY_CODE_H
#define POSTERN_POLICY_CODE_H
#include "policy/ruleset.h"
#include "policy/standing.h"

/* Whether some policy in sight trusts it, or it belongs to an extension of the published list
 * (extensions.def). */
bool policy_code_trusted(const struct policy_ruleset *ruleset, enum policy_view view,
                         const struct sql_code *code);
/* The first call that makes the statement a procedure; NULL: none does (DO names none). *code_out: what it
 * stands for; NULL outside of a view, and for pg_catalog's. */
const struct sql_function *policy_procedure_called(const struct policy_ruleset *ruleset,
                                                   enum policy_view view,
                                                   const struct sql_statement *statement,
                                                   const struct sql_code **code_out);
/* Whether the statement makes or changes code that a policy in sight trusts, or allows to be called, by its
 * name. */
bool policy_code_is_vouched(const struct policy_ruleset *ruleset, enum policy_view view,
                            const struct sql_statement *statement);
/* What the function does besides, by the published lists. */
uint32_t policy_function_effects(const struct sql_statement *statement, const struct sql_function *function);
/* Whether a rule's functions speak of the call: by its name, or by anything that it could stand for. */
bool policy_function_hit(const struct policy_patterns *patterns, const struct sql_statement *statement,
                         const struct sql_function *function);
/* Whether all procedures that are called are of these, and one is. */
bool policy_functions_allowed(const struct policy_patterns *patterns, const struct policy_ruleset *ruleset,
                              enum policy_view view, const struct sql_statement *statement);
#endif
