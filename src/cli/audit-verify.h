/* The two things that `postern audit verify` takes: logs and bundles. Private to audit-verify*.c. */
#ifndef POSTERN_CLI_AUDIT_VERIFY_H
#define POSTERN_CLI_AUDIT_VERIFY_H
#include "cli/pinned.h"

/* Verifies a bundle and prints what came out of it; answers the exit code. */
int audit_verify_bundle(struct cli_call *call, const struct pinned *pinned, const char *path);
#endif
