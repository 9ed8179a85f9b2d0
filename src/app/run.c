/* fork, exec, wait. */
#include "app/run.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void become(const char *name)
{
    if (!name || geteuid() != 0) return;
    struct passwd *user = getpwnam(name);
    if (!user || setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)) _exit(126);
}

static _Noreturn void child(const struct run *run, int input, int output)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    become(run->user);
    if (dup2(input, 0) < 0) _exit(126);
    if (output >= 0 && (dup2(output, 1) < 0 || dup2(output, 2) < 0)) _exit(126);
    if (run->directory && chdir(run->directory)) _exit(126);
    for (const char *const *e = run->environment; e && *e; e++)
        putenv((char *)*e);
    execvp(run->argv[0], (char *const *)run->argv);
    _exit(127);
}

/* Starts with a pipe for input and, where it is collected, one for output; *input_out and *output_out are our
 * ends or -1. */
static pid_t start(const struct run *run, int *input_out, int *output_out)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, error;
    if (run->input ? pipe2(in, O_CLOEXEC) : (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        return -errno;
    if (run->output && pipe2(out, O_CLOEXEC)) return -errno;
    if (run->log && (out[1] = open(run->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) child(run, in[0], out[1]);
    error = errno;
    close(in[0]);
    if (out[1] >= 0) close(out[1]);
    *input_out = in[1];
    *output_out = out[0];
    return pid < 0 ? -error : pid;
}

int run_join(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void converse(const struct run *run, int input, int output)
{
    const char *rest = run->input;
    while (input >= 0 || output >= 0) {
        struct pollfd fds[] = { { .fd = input, .events = POLLOUT }, { .fd = output, .events = POLLIN } };
        if (poll(fds, 2, -1) < 0 && errno != EINTR) break;
        if (input >= 0 && fds[0].revents) {
            ssize_t n = *rest ? write(input, rest, strlen(rest)) : 0;
            if (n > 0) rest += n;
            if (n <= 0 || !*rest) {
                close(input);
                input = -1;
            }
        }
        if (output >= 0 && fds[1].revents) {
            uint8_t *room = buf_room(run->output, 4096), dropped[4096];
            ssize_t n = read(output, room ? room : dropped, 4096);
            if (n <= 0) {
                close(output);
                output = -1;
            } else if (room) {
                buf_added(run->output, (size_t)n);
            }
        }
    }
    if (input >= 0) close(input);
    if (output >= 0) close(output);
}

int run_wait(const struct run *run)
{
    int input, output;
    pid_t pid = start(run, &input, &output);
    if (pid < 0) return pid;
    converse(run, input, output);
    return run_join(pid);
}

pid_t run_start(const struct run *run)
{
    int input, output;
    pid_t pid = start(run, &input, &output);
    if (input >= 0) close(input);
    if (output >= 0) close(output);
    return pid;
}

int run_stop(pid_t pid, int signal_number)
{
    int status;
    kill(pid, signal_number);
    for (int i = 0; i < 500; i++) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (ended < 0 && errno != EINTR) return -errno;
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    kill(pid, SIGKILL);
    return run_join(pid);
}
