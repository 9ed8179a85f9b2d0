/* A line of the log's own from the command line: what was exported, which key was rotated. Where a gateway
 * runs on the data folder it writes the line; where none does, the log is opened for it, which also does what
 * any start does (a tail that a crash left is recovered). */
#ifndef POSTERN_APP_LOG_NOTE_H
#define POSTERN_APP_LOG_NOTE_H
#include "base/bytes.h"
#include "base/check.h"
#include "cli/command.h"
#include "cli/control-line.h"

/* fields: what is written, each with a name of [a-z0-9_]; "what" first. Who calls, by the kernel's word, is
 * added
 * ("user", "client"). kek: the key-encryption key, for a log that nobody has open. All of it fits into a
 * control line. False: it was said on standard error why not; nothing that hangs on it may go on. */
bool log_note(const struct cli_call *call, const char *data, const uint8_t kek[32],
              const struct control_field *fields, size_t n) MUST_USE;
/* The same of a look at recordings (cli_world.look): where nobody could write it (a copy of a log without its
 * signing key, a file system that is read-only or full), that is said, and the look goes on, since whoever
 * has the files and the key can read them with any other program; where a gateway runs and cannot, it does
 * not. */
bool log_look(const struct cli_call *call, const char *data, const uint8_t kek[32],
              const struct control_field *fields, size_t n) MUST_USE;
/* The same as the gateway does it for its control socket: the body of a FRAME_GATEWAY. */
struct buf;
void log_note_fields(const struct control_field *fields, size_t n, uint64_t uid, struct buf *out);
#endif
