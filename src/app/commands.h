/* The commands that only this room can run, since they build worlds or read the configuration; and the table
 * of all commands. */
#ifndef POSTERN_APP_COMMANDS_H
#define POSTERN_APP_COMMANDS_H
#include "cli/command.h"

extern const struct cli_command command_gateway, command_demo, command_check, command_doctor,
    command_keys_init, command_openapi, command_audit_export, command_keys_rotate, command_store_backup,
    command_store_erase, command_store_hold, command_store_holds, command_store_prune, command_store_publish,
    command_store_reindex, command_store_release, command_store_rewrap, command_store_schema,
    command_sessions_rerun;
/* NULL behind the last. */
extern const struct cli_command *const command_table[];
/* For struct cli_world: where the configuration says that the data and the key are. */
bool command_locate(const struct cli_world *world, const char *config, struct cli_place *place_out);
#endif
