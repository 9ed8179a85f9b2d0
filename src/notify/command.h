/* Running a program of the operator's: an argument vector, no shell, a deadline. It gets the body on standard
 * input, a session and process group of its own, no descriptor but the first three, default signals, and of
 * our environment only what a mail program or a desktop needs. Past the deadline its whole group is killed.
 */
#ifndef POSTERN_NOTIFY_COMMAND_H
#define POSTERN_NOTIFY_COMMAND_H
#include "base/buf.h"
#include "base/check.h"
#include <stdatomic.h>

struct command {
    const char *const *argv; /* argv[0] is a path */
    struct bytes input;
    const char *event; /* POSTERN_EVENT in its environment; NULL: none, and the whole environment is ours */
    int64_t deadline_ms;
    const atomic_bool *cancel; /* may be NULL; once true, it is killed within a quarter of a second */
    struct buf *output;        /* gets standard output, up to its ceiling; NULL: /dev/null */
};
/* 0: it ended with status 0; else why_out says how it ended: the status, 128 + a signal, -ETIMEDOUT,
 * -ECANCELED, or another -errno where it could not be started. */
int command_run(const struct command *command, char why_out[160]) MUST_USE;
#endif
