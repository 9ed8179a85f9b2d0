#include "base/test.h"

#include "app/child.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `what` in a confined child; how it ended, as waitpid tells. */
static int confined(enum child_filter filter, void (*what)(void))
{
    pid_t pid = child_fork("test", NULL, 0);
    assert_true(pid >= 0);
    if (pid == 0) {
        if (child_confine(filter)) _exit(99);
        what();
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    return how;
}

static void do_nothing(void)
{
}
static void do_memory(void)
{
    for (size_t n = 1; n < 1 << 24; n *= 3) {
        char *p = malloc(n);
        if (!p) _exit(1);
        memset(p, 1, n);
        free(p);
    }
}
static void do_socket(void)
{
    (void)!socket(AF_INET, SOCK_STREAM, 0);
}
static void do_unix_socket(void)
{
    (void)!socket(AF_UNIX, SOCK_STREAM, 0);
}
static void do_connect(void)
{
    connect(0, NULL, 0);
}
static void do_bind(void)
{
    bind(0, NULL, 0);
}
static void do_accept(void)
{
    accept(0, NULL, NULL);
}
static void do_open(void)
{
    (void)!open("/etc/passwd", O_RDONLY);
}
static void do_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
}
static void do_fork(void)
{
    if (syscall(SYS_fork) == 0) _exit(0);
}
static void do_ptrace(void)
{
    ptrace(PTRACE_ATTACH, getpid(), NULL, NULL);
}
static void do_read_memory(void)
{
    struct iovec v = { NULL, 0 };
    (void)!process_vm_readv(1, &v, 1, &v, 1, 0);
}
static void do_kill(void)
{
    kill(getpid(), SIGUSR1);
}
static void do_executable_memory(void)
{
    (void)!mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void do_write_elsewhere(void)
{
    (void)!write(1, "x", 1);
}
static void do_io_uring(void)
{
    syscall(SYS_io_uring_setup, 1, NULL);
}

static void a_confined_child_does_its_work(void **state)
{
    (void)state;
    for (int f = CHILD_FILTER_KEYS; f <= CHILD_FILTER_BROKER; f++) {
        assert_int_equal(confined((enum child_filter)f, do_nothing), 0);
        assert_int_equal(confined((enum child_filter)f, do_memory), 0);
    }
}

static void forbidden_calls_kill_a_confined_child(void **state)
{
    (void)state;
    static void (*const everywhere[])(void) = {
        do_socket,
        do_unix_socket,
        do_connect,
        do_bind,
        do_accept,
        do_open,
        do_exec,
        do_ptrace,
        do_read_memory,
        do_executable_memory,
        do_write_elsewhere,
        do_io_uring,
    };
    for (int f = CHILD_FILTER_KEYS; f <= CHILD_FILTER_BROKER; f++)
        for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
            int how = confined((enum child_filter)f, everywhere[i]);
            if (!WIFSIGNALED(how) || WTERMSIG(how) != SIGSYS)
                fail_msg("call %zu got through filter %d", i, f);
            assert_false(WCOREDUMP(how));
        }
    assert_true(WIFSIGNALED(confined(CHILD_FILTER_KEYS, do_fork)));
    assert_true(WIFSIGNALED(confined(CHILD_FILTER_PARSER, do_fork)));
    assert_true(WIFSIGNALED(confined(CHILD_FILTER_KEYS, do_kill)));
    assert_true(WIFSIGNALED(confined(CHILD_FILTER_PARSER, do_kill)));
}

static void a_child_has_only_the_descriptors_it_was_given(void **state)
{
    (void)state;
    int ends[2], other = open("/dev/null", O_RDONLY), far = dup2(other, 700);
    assert_int_equal(child_socketpair(ends), 0);
    pid_t pid = child_fork("test", &ends[1], 1);
    if (pid == 0) {
        int n = 0, last = -1;
        for (int fd = 3; fd < 1024; fd++)
            if (fcntl(fd, F_GETFD) >= 0) n++, last = fd;
        _exit(n == 1 && last == ends[1] ? 0 : 1);
    }
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_int_equal(how, 0);
    close(ends[0]);
    close(ends[1]);
    close(other);
    close(far);
}

static void a_child_that_crashes_leaves_no_core(void **state)
{
    (void)state;
    struct rlimit most = { RLIM_INFINITY, RLIM_INFINITY };
    setrlimit(RLIMIT_CORE, &most);
    pid_t pid = child_fork("test", NULL, 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        kill(getpid(), SIGABRT);
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how));
    assert_false(WCOREDUMP(how));
}

static void a_child_dies_with_its_parent(void **state)
{
    (void)state;
    int alive[2];
    assert_int_equal(pipe(alive), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t child = child_fork("test", &alive[1], 1);
        if (child == 0)
            for (;;)
                pause();
        _exit(child > 0 ? 0 : 1);
    }
    close(alive[1]);
    char c;
    assert_int_equal(read(alive[0], &c, 1), 0); /* the end: nobody holds the other side */
    waitpid(parent, NULL, 0);
    close(alive[0]);
}

static void root_becomes_another_user_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0) return;
    assert_int_equal(child_become(0, 0), 0);
    pid_t pid = child_fork("test", NULL, 0);
    if (pid == 0) {
        if (child_become(65534, 0) != -EINVAL) _exit(1);
        if (child_become(65534, 65534)) _exit(2);
        _exit(geteuid() == 65534 && getegid() == 65534 && setuid(0) != 0 ? 0 : 3);
    }
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_int_equal(how, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_confined_child_does_its_work),
        cmocka_unit_test(forbidden_calls_kill_a_confined_child),
        cmocka_unit_test(a_child_has_only_the_descriptors_it_was_given),
        cmocka_unit_test(a_child_that_crashes_leaves_no_core),
        cmocka_unit_test(a_child_dies_with_its_parent),
        cmocka_unit_test(root_becomes_another_user_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
