/* What the forked children share: how one is made, and how it is shut in. A child starts with nothing of its
 * parent but its memory and the descriptors that it is given; then it reads what it needs; then it gives up
 * every privilege and every system call that its work does not need. */
#ifndef POSTERN_APP_CHILD_H
#define POSTERN_APP_CHILD_H
#include "base/check.h"
#include <stddef.h>
#include <sys/types.h>

/* No core file of this process, and no /proc/PID/mem, environ or ptrace for others of the same user. For the
 * gateway too, first of all. */
void child_forbid_dumps(void);

/* Both ends of a message socket (SOCK_SEQPACKET, close-on-exec). 0 or -errno. */
int child_socketpair(int ends_out[2]) MUST_USE;

/* Forks. In the parent: the pid, or -errno. In the child: 0, and then: it dies with its parent; its signals
 * are as at the start, but SIGINT, SIGTERM, SIGHUP and SIGPIPE are ignored, since it ends when its sockets
 * do; descriptors are /dev/null, /dev/null, the log and those in keep, nothing else; no dumps; umask 077.
 * Call while the process has one thread. */
pid_t child_fork(const char *name, const int *keep, size_t n_keep) MUST_USE;

/* Where the process is root and uid is not 0: becomes that user for good. 0 or -errno. */
int child_become(uid_t uid, gid_t gid) MUST_USE;

/* Which system calls stay. All filters: memory that is never executable, clocks, locks, the log on
 * descriptor 2, exit. KEYS adds talking over the sockets there are. PARSER adds that, and mapping and writing
 * what it is handed. BROKER adds making, watching and killing parsers. None has socket, connect, bind,
 * accept, open, exec, ptrace or process_vm_readv; a forbidden call kills the process. */
enum child_filter { CHILD_FILTER_KEYS, CHILD_FILTER_PARSER, CHILD_FILTER_BROKER };
/* No new privileges, no capabilities, the filter. 0 or -errno; there is no way back. */
int child_confine(enum child_filter filter) MUST_USE;
/* The filter alone. */
int child_filter_load(enum child_filter filter) MUST_USE;
#endif
