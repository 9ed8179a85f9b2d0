/* What other policies change of the columns that come out masked. */
#ifndef POSTERN_CLI_MASK_CHANGE_H
#define POSTERN_CLI_MASK_CHANGE_H
#include "mask/mask.h"
#include "sql/facts.h"

/* The columns that a text shows as their masks, of all its statements, as a list (mask/seen.h) in the arena.
 * p == NULL: there is no memory. */
struct bytes mask_change_now(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                             const struct sql_facts *facts, struct arena *arena);
/* The same as the record has it, of a text's fields. */
struct bytes mask_change_then(struct bytes fields, struct arena *arena);
/* The members of one list that the other does not have, in the arena; empty: none. */
struct bytes mask_change_more(struct bytes list, struct bytes than, struct arena *arena);
#endif
