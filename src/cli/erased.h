/* What is left of a session that was erased: when, by whom and why. */
#ifndef POSTERN_CLI_ERASED_H
#define POSTERN_CLI_ERASED_H
#include "cli/evidence.h"

/* Whether the session was erased; says so then, on standard output: answer CLI_NO. Needs the index and the
 * reader. */
bool erased_says(const struct cli_call *call, struct evidence *e, uint64_t session) MUST_USE;
/* The erased ones, the newest first; limit 0: all. 0 or -errno. */
int erased_list(const struct cli_call *call, struct evidence *e, uint64_t limit) MUST_USE;
#endif
