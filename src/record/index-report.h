/* The sections of an audit report: each is one question to the documented views (doc/audit-sql.md), so that
 * whoever reads a figure can ask it again. */
#ifndef POSTERN_RECORD_INDEX_REPORT_H
#define POSTERN_RECORD_INDEX_REPORT_H
#include "record/index.h"

enum { INDEX_REPORT_COLUMNS = 12 };
struct index_report_section {
    const char *name;                              /* "refusals" */
    const char *title;                             /* for people */
    const char *note;                              /* what the figures are and are not: sentences */
    const char *columns[INDEX_REPORT_COLUMNS + 1]; /* NULL behind the last; '#' in front: a number */
    const char *command;                           /* of postern, that tells the same; NULL: there is none */
    const char *sql; /* ?1, ?2: the period in microseconds since 1970, whole minutes, the end excluded */
};
/* The sections in their order; NULL behind the last. */
const struct index_report_section *index_report_section(size_t i);

/* The section's SQL with the period in the place of its parameters. */
void index_report_sql(const struct index_report_section *section, int64_t since_us, int64_t until_us,
                      struct buf *out);
/* Rows in the order of the section; cells[i].p == NULL is NULL. Borrowed until visit returns. limit 0: all. 0
 * or -errno. */
int index_report_rows(struct index *index, const struct index_report_section *section, int64_t since_us,
                      int64_t until_us, uint64_t limit,
                      void (*visit)(void *context, const struct bytes *cells, size_t n),
                      void *context) MUST_USE;
/* All that a section has to be asked of stays the same between these two: one moment of the index. */
int index_report_begin(struct index *index) MUST_USE;
void index_report_end(struct index *index);
#endif
