/* What the commands under `approvals` share: asking a running gateway's desk over the control socket, as a
 * person whose token goes along. */
#ifndef POSTERN_CLI_APPROVALS_ASK_H
#define POSTERN_CLI_APPROVALS_ASK_H
#include "cli/command.h"
#include "cli/control-line.h"

/* The option that all of them take. */
#define APPROVALS_TOKEN                                                                                      \
    {                                                                                                        \
        "token", 0, "FILE", "A file with your token; without it, the variable POSTERN_TOKEN"                 \
    }
/* Sends a request with the fields and the token, and calls visit for each line of the answer before the last,
 * which it judges: CLI_YES, CLI_NO (said on standard error), CLI_FAILED (likewise). message_out (may be NULL)
 * gets the last line's message. */
int approvals_ask(struct cli_call *call, const char *verb, const struct control_field *fields, size_t n,
                  void (*visit)(void *context, const struct control_line *line), void *context,
                  struct buf *message_out) MUST_USE;
#endif
