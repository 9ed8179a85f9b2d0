/* postern approvals approve, and deny. */
#include "cli/approvals-ask.h"
#include "cli/commands.h"

static const struct cli_option options[] = {
    APPROVALS_TOKEN,
    { "reason", 0, "TEXT", "Why; some rules want one" },
    { 0 },
};

static int decide(struct cli_call *call, const char *approve)
{
    struct control_field fields[] = { { BYTES_LITERAL("id"), bytes_of(call->arguments[0]) },
                                      { BYTES_LITERAL("approve"), bytes_of(approve) },
                                      { BYTES_LITERAL("reason"), cli_option_bytes(call, "reason") } };
    struct buf message;
    buf_init(&message, 64 * 1024);
    int code = approvals_ask(call, "decide", fields, 3, NULL, NULL, &message);
    if (code == CLI_YES && !cli_option(call, "json"))
        fprintf(call->world->out, "%.*s\n", BYTES_FMT(buf_bytes(&message)));
    if (code == CLI_YES && cli_option(call, "json")) fprintf(call->world->out, "{\"decided\": true}\n");
    buf_free(&message);
    return code;
}

static int run_approve(struct cli_call *call)
{
    return decide(call, "yes");
}

static int run_deny(struct cli_call *call)
{
    return decide(call, "no");
}

const struct cli_command cli_command_approvals_approve = {
    .name = "approvals approve",
    .summary = "Approve a statement that waits, as the person of your token",
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .options = options,
    .notes = "The answer is no (exit code 1) where you may not: your own request, one asked on your behalf, "
             "not in the "
             "groups,\nalready decided, expired. Where the rule wants several people, yours is noted.",
    .run = run_approve,
};
const struct cli_command cli_command_approvals_deny = {
    .name = "approvals deny",
    .summary = "Deny a statement that waits",
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run_deny,
};
