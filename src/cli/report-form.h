/* A report as a file: HTML, CSV or JSON. What clients and providers named (principals, tables, rules) is text
 * of others: it can show itself, and can be neither markup nor a formula. */
#ifndef POSTERN_CLI_REPORT_FORM_H
#define POSTERN_CLI_REPORT_FORM_H
#include "record/index-report.h"
#include "json/writer.h"

/* What stands above the figures. */
struct report_head {
    int64_t since_us, until_us, made_us;
    const char *index_path, *version;
    struct bytes origin, root; /* of the newest checkpoint: the log's name, the tree's root in hexadecimal */
    uint64_t tree_size;        /* 0: there is no checkpoint */
    int64_t indexed_us;        /* the newest block that the figures know; 0: none */
};

struct report;
/* begin; for each section: section, rows, section_end; end. */
struct report_form {
    const char *name; /* "html" */
    void (*begin)(struct report *r);
    void (*section)(struct report *r);
    void (*row)(struct report *r, const struct bytes *cells, size_t n);
    void (*section_end)(struct report *r);
    void (*end)(struct report *r);
};
struct report {
    const struct report_form *form;
    const struct report_head *head;
    const struct index_report_section *section;
    uint64_t n_rows; /* of the section, so far */
    bool cut;        /* the section has more rows than are shown */
    struct buf *out; /* whoever calls empties it now and then */
    struct json_writer json;
};
/* NULL: there is no such form. */
const struct report_form *report_form_named(struct bytes name);
#endif
