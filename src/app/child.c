/* Forking a child and stripping it of what it inherits. Nothing here knows what a child is for. */
#include "app/child.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

void child_forbid_dumps(void)
{
    struct rlimit none = { 0, 0 };
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

int child_socketpair(int ends_out[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_out) ? -errno : 0;
}

static int compare_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Closes everything from 3 on but what is in keep. */
static void close_others(const int *keep, size_t n_keep)
{
    enum { MOST = 512 };
    int sorted[MOST];
    CHECK(n_keep <= MOST);
    for (size_t i = 0; i < n_keep; i++)
        sorted[i] = keep[i];
    qsort(sorted, n_keep, sizeof *sorted, compare_int);
    unsigned from = 3;
    for (size_t i = 0; i < n_keep; i++) {
        unsigned fd = (unsigned)sorted[i];
        CHECK(sorted[i] >= 3);
        if (fd > from) CHECK(close_range(from, fd - 1, 0) == 0);
        if (fd >= from) from = fd + 1;
    }
    CHECK(close_range(from, ~0U, 0) == 0);
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int i = 1; i < NSIG; i++)
        if (i != SIGKILL && i != SIGSTOP) signal(i, SIG_DFL);
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
}

static bool is_null(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* A child of a confined child has them already, and could not open anything. */
static void use_null_for_standard_streams(void)
{
    struct stat st;
    bool has_log = fstat(2, &st) == 0;
    if (is_null(0) && is_null(1) && has_log) return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1);
    if (!has_log) CHECK(dup2(null, 2) == 2);
    if (null > 2) close(null);
}

pid_t child_fork(const char *name, const int *keep, size_t n_keep)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0) return pid < 0 ? -errno : pid;
    child_forbid_dumps();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) _exit(0);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    reset_signals();
    close_others(keep, n_keep);
    use_null_for_standard_streams();
    umask(077);
    return 0;
}

int child_become(uid_t uid, gid_t gid)
{
    if (uid == 0 || geteuid() != 0) return 0;
    if (gid == 0) return -EINVAL;
    if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) return -errno;
    if (setuid(0) == 0) return -EPERM;
    /* A change of user clears both. */
    child_forbid_dumps();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return 0;
}

/* All capabilities, for good: the bounding set matters no more once no_new_privs is set. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };
    return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int child_confine(enum child_filter filter)
{
    tzset(); /* the log's gmtime_r would open /etc/localtime at the first line */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
    int rc = drop_capabilities();
    return rc ? rc : child_filter_load(filter);
}
