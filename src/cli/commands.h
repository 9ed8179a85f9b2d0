/* The commands of this room, one file each; the program puts them into its table. */
#ifndef POSTERN_CLI_COMMANDS_H
#define POSTERN_CLI_COMMANDS_H
#include "cli/command.h"

extern const struct cli_command cli_command_sessions_list, cli_command_sessions_show,
    cli_command_sessions_replay, cli_command_sessions_tail, cli_command_sessions_kill,
    cli_command_audit_report, cli_command_audit_search, cli_command_audit_verify, cli_command_audit_who_saw,
    cli_command_keys_show, cli_command_policy_lint, cli_command_policy_explain, cli_command_policy_test,
    cli_command_policy_replay, cli_command_policy_catalog, cli_command_approvals_list,
    cli_command_approvals_show, cli_command_approvals_approve, cli_command_approvals_deny,
    cli_command_approvals_watch, cli_command_login, cli_command_token, cli_command_connect;
#endif
