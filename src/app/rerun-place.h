/* Where a recorded session may be run again: from the CONNECTION that somebody gives to a connection string,
 * and whether it is production. */
#ifndef POSTERN_APP_RERUN_PLACE_H
#define POSTERN_APP_RERUN_PLACE_H
#include "app/config.h"
#include "base/secret.h"
#include "cli/command.h"
#include "cli/rerun-server.h"

/* connection: a connection's name in the configuration, or a libpq connection string or URI. recorded: the
 * session's database, which a connection that serves several is asked for. The result may hold a password.
 * *named_out: it is one of the configuration. False: said why. config may be NULL. */
bool rerun_place_find(const struct cli_call *call, const struct config *config, const char *connection,
                      struct bytes recorded, struct secret *string_out, bool *named_out) MUST_USE;
/* Why the database that was connected to is taken for production; false: it is not. A database that has the
 * name of the recorded one is, wherever it is: hosts have many names. So is each that a connection of the
 * configuration serves. */
bool rerun_place_is_production(const struct config *config, struct rerun_place place, struct bytes recorded,
                               struct buf *why) MUST_USE;
#endif
