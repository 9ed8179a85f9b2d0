/* What was found, for people, for programs, and as a script of SQL. */
#ifndef POSTERN_APP_DOCTOR_PRINT_H
#define POSTERN_APP_DOCTOR_PRINT_H
#include "app/doctor.h"

struct doctor_style {
    bool coloured;
    bool all;                   /* every object of a check, not only the first few */
    enum doctor_severity least; /* findings of less weight are left out */
};
/* Every report of the list. */
void doctor_print_text(const struct doctor_report *reports, const struct doctor_style *style,
                       struct buf *out);
/* One object a line: findings, then what could not be looked at, whose severity is "unknown". */
void doctor_print_json(const struct doctor_report *reports, const struct doctor_style *style,
                       struct buf *out);
/* What mends, as a script for psql; what is not SQL stands in comments. */
void doctor_print_sql(const struct doctor_report *reports, const struct doctor_style *style, struct buf *out);
#endif
