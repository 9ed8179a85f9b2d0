/* A progress bar on standard error, for work that a person waits for: only on a terminal, only when it takes
 * longer than a moment, and gone when it is done. */
#ifndef POSTERN_CLI_PROGRESS_H
#define POSTERN_CLI_PROGRESS_H
#include "cli/command.h"

struct progress {
    const struct cli_call *call;
    const char *what;
    int64_t started_us, shown_us;
};
struct progress progress_begin(const struct cli_call *call, const char *what);
/* total 0: not known. */
void progress_show(struct progress *p, uint64_t done, uint64_t total);
void progress_end(struct progress *p);
#endif
