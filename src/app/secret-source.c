/* Reading secrets. What is read lies in one wiped buffer and in the secret that is handed out, nowhere else.
 */
#include "app/secret-source.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct intake {
    uint8_t data[SECRET_BYTES_CEILING + 2]; /* a line end, and one byte that is too much */
    size_t n;
};

static int finish(struct intake *in, struct secret *secret_out)
{
    if (in->n && in->data[in->n - 1] == '\n') in->n--;
    if (in->n && in->data[in->n - 1] == '\r') in->n--;
    if (in->n == 0) return -ENODATA;
    if (in->n > SECRET_BYTES_CEILING) return -EFBIG;
    *secret_out = secret_copy(bytes_make(in->data, in->n));
    return secret_out->data ? 0 : -ENOMEM;
}

static int read_variable(const char *name, struct intake *in)
{
    const char *value = getenv(name);
    if (!value) return -ENOENT;
    in->n = strlen(value);
    if (in->n > SECRET_BYTES_CEILING) return -EFBIG;
    memcpy(in->data, value, in->n);
    return 0;
}

/* Reads what is there: 1: more may come, 0: the end, or -errno. */
static int read_some(int fd, struct intake *in)
{
    size_t room = sizeof in->data - in->n;
    if (room == 0) return -EFBIG;
    ssize_t n = read(fd, in->data + in->n, room);
    if (n < 0) return errno == EINTR || errno == EAGAIN ? 1 : -errno;
    in->n += (size_t)n;
    return n > 0;
}

static int read_file(const char *path, struct intake *in)
{
    /* NONBLOCK: a FIFO without a writer must not stop us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), outcome = 1;
    if (fd < 0) return -errno;
    while (outcome == 1)
        outcome = read_some(fd, in);
    close(fd);
    return outcome;
}

/* Its output goes to fd, its errors to ours; it leads a process group of its own, so that all of it can be
 * ended, and gets default signals. */
static int spawn_shell(const char *command, int fd, pid_t *pid_out)
{
    char *const arguments[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                                (char *)(uintptr_t)command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return -error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (!error) error = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
        if (!error) error = posix_spawn(pid_out, "/bin/sh", &actions, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

static int64_t now_ms(void)
{
    return clock_monotonic_us(&clock_system) / 1000;
}

static int drain(int fd, int64_t deadline_ms, struct intake *in)
{
    for (;;) {
        int64_t left = deadline_ms - now_ms();
        struct pollfd poller = { .fd = fd, .events = POLLIN };
        if (left <= 0) return -ETIMEDOUT;
        int ready = poll(&poller, 1, (int)left);
        if (ready < 0 && errno != EINTR) return -errno;
        if (ready <= 0) continue;
        int outcome = read_some(fd, in);
        if (outcome <= 0) return outcome;
    }
}

/* Waits for the end of a command that has closed its output, up to the deadline. */
static int reap(pid_t pid, int64_t deadline_ms)
{
    int status;
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
        if (ended < 0 && errno != EINTR) return -errno;
        if (now_ms() >= deadline_ms) return -ETIMEDOUT;
        poll(NULL, 0, 5);
    }
}

static int read_command(const char *command, int timeout_ms, struct intake *in)
{
    int ends[2], status;
    pid_t pid;
    int64_t deadline = now_ms() + timeout_ms;
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    int outcome = spawn_shell(command, ends[1], &pid);
    close(ends[1]);
    if (outcome < 0) {
        close(ends[0]);
        return outcome;
    }
    outcome = drain(ends[0], deadline, in);
    close(ends[0]);
    if (outcome == 0) outcome = reap(pid, deadline);
    if (outcome == 0 || outcome == -EIO) return outcome;
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return outcome;
}

int secret_source_read(const struct yaml_secret *source, int timeout_ms, struct secret *secret_out)
{
    *secret_out = (struct secret){ 0 };
    if (source->source == YAML_SOURCE_NONE) return 0;
    struct intake *in = calloc(1, sizeof *in);
    if (!in) return -ENOMEM;
    const char *name = (const char *)source->name.p;
    int outcome = -EINVAL;
    switch (source->source) {
    case YAML_SOURCE_NONE: break;
    case YAML_SOURCE_ENV: outcome = read_variable(name, in); break;
    case YAML_SOURCE_FILE: outcome = read_file(name, in); break;
    case YAML_SOURCE_EXEC: outcome = read_command(name, timeout_ms, in); break;
    }
    if (outcome == 0) outcome = finish(in, secret_out);
    secret_wipe(in, sizeof *in);
    free(in);
    return outcome;
}
