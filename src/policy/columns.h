/* What rules and allows say of single columns. Only where a statement was understood in a view of the
 * catalogue are its columns known; elsewhere every column of a relation may be used in every way. Only
 * src/policy includes this. */
#ifndef POSTERN_POLICY_COLUMNS_H
#define POSTERN_POLICY_COLUMNS_H
#include "policy/snapshot.h"

enum {
    POLICY_USES_READ = SQL_USE_OUTPUT | SQL_USE_PREDICATE | SQL_USE_STORED | SQL_USE_EQUAL,
    POLICY_USES_ANY = POLICY_USES_READ | SQL_USE_WRITTEN,
    /* Effects that happen to single columns. */
    POLICY_EFFECTS_OF_COLUMNS = EFFECT_READ | EFFECT_WRITE | EFFECT_UPDATE | EFFECT_BULK_IN | EFFECT_BULK_OUT
};
/* The uses by which these effects show; 0: none does. */
uint32_t policy_uses_of(uint32_t effects);

/* Whether it is known which columns of the relation the statement uses: it was understood in a view, and what
 * it uses or returns was traced. */
bool policy_columns_known(const struct sql_statement *statement, const struct sql_relation *relation);
/* Whether the rule's columns speak of this relation of the statement. *column_out: the one that was hit; NULL
 * where it cannot be told which. */
bool policy_columns_hit(const struct policy_rule *rule, const struct sql_statement *statement,
                        size_t relation, const struct sql_column **column_out);
/* Whether an item for columns says anything of the relation. */
bool policy_columns_concern(const struct policy_allow *allow, const struct sql_relation *relation);
bool policy_column_allowed(const struct policy_allow *allow, const struct sql_relation *relation,
                           const struct sql_column *column);
#endif
