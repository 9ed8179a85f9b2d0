/* One row a command: a new command is a row here and a file. Rows with the same first word stand together. */
#include "app/commands.h"
#include "cli/commands.h"

const struct cli_command *const command_table[] = {
    &command_gateway,
    &command_check,
    &command_doctor,
    &command_demo,
    &cli_command_sessions_list,
    &cli_command_sessions_show,
    &cli_command_sessions_replay,
    &cli_command_sessions_tail,
    &cli_command_sessions_kill,
    &cli_command_audit_search,
    &cli_command_audit_verify,
    &cli_command_audit_who_saw,
    &cli_command_approvals_list,
    &cli_command_approvals_show,
    &cli_command_approvals_approve,
    &cli_command_approvals_deny,
    &cli_command_policy_lint,
    &cli_command_policy_explain,
    &cli_command_policy_test,
    &cli_command_policy_replay,
    &cli_command_policy_catalog,
    &cli_command_keys_show,
    &command_keys_init,
    &cli_command_help,
    &cli_command_version,
    &cli_command_man,
    &cli_command_completion,
    NULL,
};
