/* Whether an UPDATE or DELETE has a WHERE that picks rows. The question cannot be decided in general, and
 * this file does not try: it sees through constants, columns compared with themselves, their combinations by
 * AND, OR, NOT and CASE, and sub-selects that do not look at the row; where it can see that all rows pass, it
 * says so; where it gives up (depth, budget), it says so too. Limits on affected rows catch the rest. */
#include "sql/fold.h"
#include "sql/walk.h"

enum sql_where where_read(const Node *clause, const RangeVar *target)
{
    struct fold_state state = { .target = target, .budget = FOLD_BUDGET };
    if (!clause) return SQL_WHERE_MISSING;
    enum fold f = fold_condition(&state, clause, FOLD_DEPTH_CEILING);
    if (state.gave_up) return SQL_WHERE_TRIVIAL;
    switch (f) {
    case FOLD_TRUE:
    case FOLD_CONSTANT: return SQL_WHERE_TRIVIAL;
    case FOLD_FALSE:
    case FOLD_ROW: return SQL_WHERE_PRESENT;
    }
    return SQL_WHERE_TRIVIAL;
}
