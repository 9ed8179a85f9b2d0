/* What the command line asks of a running gateway while it works on the store: to write down in the record
 * what is done, and to wipe the tail. */
#ifndef POSTERN_APP_CONTROL_STORE_H
#define POSTERN_APP_CONTROL_STORE_H
#include "app/worker.h"
#include "cli/control-line.h"
#include "record/journal.h"

/* False: not one of these verbs. Otherwise *verdict_out is "ok", "no" or "error", and *message_out says why
 * (NULL: nothing). */
bool control_store(struct workers *workers, struct record_log *log, struct journal *journal,
                   const struct control_line *line, const char **verdict_out,
                   const char **message_out) MUST_USE;
#endif
