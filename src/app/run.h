/* Running other programs: an argument vector, no shell. For the demo and for commands that hand over to psql;
 * never on a loop. */
#ifndef POSTERN_APP_RUN_H
#define POSTERN_APP_RUN_H
#include "base/buf.h"
#include "base/check.h"
#include <sys/types.h>

struct run {
    const char *const *argv;        /* argv[0] is looked up in PATH; NULL at the end */
    const char *const *environment; /* "NAME=VALUE" to add or replace; NULL at the end, or NULL */
    const char *input;              /* written to standard input; NULL: /dev/null */
    const char *user;               /* become this user where we are root; NULL: stay */
    const char *directory;          /* NULL: stay */
    struct buf *output;             /* gets standard output and error; NULL: they go where ours go */
    const char *log;                /* a file that gets both instead; NULL */
};
/* Runs it and waits: its exit status, 128 + the signal that ended it, or -errno. */
int run_wait(const struct run *run) MUST_USE;
/* Starts it: the process id, or -errno. It dies with us. */
pid_t run_start(const struct run *run) MUST_USE;
/* Waits for a process that run_start made: its status, as of run_wait. */
int run_join(pid_t pid) MUST_USE;
/* Ends a process that run_start made: the signal, and after five seconds SIGKILL. Returns its status as
 * run_wait does. */
int run_stop(pid_t pid, int signal_number);
#endif
