/* Templates of doctor's sentences and of the SQL that mends. A place is {1} … {9} for a column of the check's
 * row, or {role}, {database}, {owner}, {policy}, {regard}.
 *
 * What fills a place is SQL already: the server quoted its names (quote_ident, format_type). Names may hold
 * anything, line ends and marks that turn the direction of text among it, and what mends is shown on a
 * terminal and copied from there. So in SQL each quoted name that would not show as it is becomes U&"…", and
 * whatever else does not show as it is refuses the whole. */
#ifndef POSTERN_APP_DOCTOR_FILL_H
#define POSTERN_APP_DOCTOR_FILL_H
#include "app/doctor.h"

enum doctor_fill {
    DOCTOR_FILL_SQL = 0, /* as above */
    DOCTOR_FILL_PLAIN,   /* names that do not show as they are refuse it: for pg_hba.conf */
    DOCTOR_FILL_WORDS    /* as it comes: whoever prints it makes it safe */
};
struct doctor_values {
    const struct doctor_facts *facts;
    const struct bytes *columns;
    size_t n;
    struct bytes policy, regard;
};
/* Appends. False: refused; what was appended is of no use. A place that is not there is our bug. */
bool doctor_fill(const char *template, const struct doctor_values *values, enum doctor_fill how,
                 struct buf *out) MUST_USE;
/* SQL that the server wrote, for showing and running: see above. */
bool doctor_fill_sql(struct bytes sql, enum doctor_fill how, struct buf *out) MUST_USE;
#endif
