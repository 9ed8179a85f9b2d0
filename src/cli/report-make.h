/* Making a report: what stands above it, and its sections, at one moment of the index and in pieces. */
#ifndef POSTERN_CLI_REPORT_MAKE_H
#define POSTERN_CLI_REPORT_MAKE_H
#include "cli/report-form.h"

struct report_plan {
    const struct report_form *form;
    struct report_head *head; /* periods, made_us, index_path and version are given; the rest is filled */
    const char *log_folder;   /* for the newest checkpoint */
    struct bytes only;        /* this section; empty: all */
    uint64_t most;            /* rows of a section; 0: all */
    /* Takes what stands in the buffer, and empties it. False: it is over, and why is the caller's to know. */
    bool (*flush)(void *context, struct buf *out);
    void *context;
};
/* 0; -ENOENT: there is no such section; -ECANCELED: flush said so; or -errno of the index. */
int report_make(struct index *index, const struct report_plan *plan) MUST_USE;
#endif
