/* The seccomp filters of the children, as lists of what is allowed; anything else kills the process. Built
 * with libseccomp, which also refuses foreign architectures' system calls. */
#include "app/child.h"
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>

/* What any child needs: memory, time, locks, the log, leaving. rt_sigaction and tgkill are abort()'s. */
static const int base[] = {
    SCMP_SYS(brk),           SCMP_SYS(munmap),       SCMP_SYS(mremap),
    SCMP_SYS(madvise),       SCMP_SYS(futex),        SCMP_SYS(sched_yield),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),     SCMP_SYS(gettimeofday), SCMP_SYS(restart_syscall),
    SCMP_SYS(getrandom),     SCMP_SYS(getpid),       SCMP_SYS(gettid),
    SCMP_SYS(tgkill),        SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),  SCMP_SYS(sigaltstack),  SCMP_SYS(exit),
    SCMP_SYS(exit_group),    SCMP_SYS(close),        SCMP_SYS(poll),
    SCMP_SYS(ppoll),         SCMP_SYS(recvmsg),      SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),       SCMP_SYS(sendto),
};
static const int parser[] = { SCMP_SYS(pwrite64), SCMP_SYS(fstat), SCMP_SYS(newfstatat) };
/* set_robust_list and rseq are fork's; socketpair only joins what the broker makes itself. */
static const int broker[] = {
    SCMP_SYS(clone),   SCMP_SYS(clone3),      SCMP_SYS(fork),       SCMP_SYS(vfork),
    SCMP_SYS(wait4),   SCMP_SYS(waitid),      SCMP_SYS(kill),       SCMP_SYS(prctl),
    SCMP_SYS(seccomp), SCMP_SYS(close_range), SCMP_SYS(prlimit64),  SCMP_SYS(setrlimit),
    SCMP_SYS(getppid), SCMP_SYS(umask),       SCMP_SYS(socketpair), SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),    SCMP_SYS(capset),      SCMP_SYS(geteuid),    SCMP_SYS(set_tid_address),
};

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
    return rc;
}

/* Memory may be had, but never run; the log may be written, but nothing else. */
static int allow_with_arguments(scmp_filter_ctx ctx)
{
    int rc =
        seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!rc)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!rc) rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, 2));
    return rc;
}

int child_filter_load(enum child_filter filter)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!ctx) return -ENOMEM;
    int rc = allow(ctx, base, sizeof base / sizeof *base);
    if (!rc) rc = allow_with_arguments(ctx);
    if (!rc && filter != CHILD_FILTER_KEYS) rc = allow(ctx, parser, sizeof parser / sizeof *parser);
    if (!rc && filter == CHILD_FILTER_BROKER) rc = allow(ctx, broker, sizeof broker / sizeof *broker);
    if (!rc) rc = seccomp_load(ctx);
    seccomp_release(ctx);
    return rc;
}
