/* posix_spawn, a pipe or two, and poll with a pidfd: no signal handler, nothing that a multi-threaded program
 * must not do between fork and exec. */
#include "notify/command.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 250, NAMES = 16 };

static const char *const passed_on[] = {
    "PATH",    "HOME",       "USER",           "LOGNAME",         "LANG",
    "TZ",      "LC_ALL",     "TMPDIR",         "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY"
};
_Static_assert(sizeof passed_on / sizeof *passed_on + 2 <= NAMES, "room for the event and the end");

struct running {
    pid_t pid;
    int input, output, ended; /* -1: closed */
    struct bytes rest;
    const struct command *command;
};

static void shut(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* "NAME=VALUE", freed by the caller; the environment itself is only read. */
static char *variable(const char *name, const char *value)
{
    char *text = NULL;
    return value && asprintf(&text, "%s=%s", name, value) >= 0 ? text : NULL;
}

static void environment(const char *event, char *out[NAMES])
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        if ((out[n] = variable(passed_on[i], getenv(passed_on[i])))) n++;
    if ((out[n] = variable("POSTERN_EVENT", event))) n++;
    out[n] = NULL;
}

static int spawn(const struct command *c, int in, int out, pid_t *pid_out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t all, none;
    char *own[NAMES] = { NULL };
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0) return -errno;
    if (c->event) environment(c->event, own);
    sigfillset(&all);
    sigemptyset(&none);
    int error = posix_spawn_file_actions_init(&files);
    if (!error) error = posix_spawnattr_init(&how);
    if (!error) {
        posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
        posix_spawnattr_setsigdefault(&how, &all);
        posix_spawnattr_setsigmask(&how, &none);
        error = posix_spawn_file_actions_adddup2(&files, in, 0);
        if (!error) error = posix_spawn_file_actions_adddup2(&files, out >= 0 ? out : null, 1);
        if (!error) error = posix_spawn_file_actions_addclosefrom_np(&files, 3);
        if (!error)
            error =
                posix_spawn(pid_out, c->argv[0], &files, &how, (char **)c->argv, c->event ? own : environ);
        posix_spawnattr_destroy(&how);
        posix_spawn_file_actions_destroy(&files);
    }
    for (size_t i = 0; i < NAMES; i++)
        free(own[i]);
    close(null);
    return -error;
}

static int start(struct running *r)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    int error = pipe2(in, O_CLOEXEC) ? -errno : 0;
    if (!error && r->command->output && pipe2(out, O_CLOEXEC)) error = -errno;
    if (!error) error = spawn(r->command, in[0], out[1], &r->pid);
    shut(&in[0]);
    shut(&out[1]);
    r->input = in[1];
    r->output = out[0];
    if (error) return error;
    fcntl(r->input, F_SETFL, O_NONBLOCK);
    r->ended = pidfd_open(r->pid, 0);
    return r->ended < 0 ? -errno : 0;
}

static void feed(struct running *r)
{
    ssize_t n = r->rest.n ? write(r->input, r->rest.p, r->rest.n) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) r->rest = bytes_slice(r->rest, (size_t)n, r->rest.n);
    if (n < 0 || !r->rest.n) shut(&r->input); /* one that does not read its input may well succeed */
}

static void collect(struct running *r)
{
    uint8_t *room = buf_room(r->command->output, 1024);
    ssize_t n = room ? read(r->output, room, 1024) : 0;
    if (n > 0)
        buf_added(r->command->output, (size_t)n);
    else if (n == 0 || errno != EINTR)
        shut(&r->output);
}

/* Until it has ended and its output has: 0; or there is no time left: what became of it. */
static int converse(struct running *r)
{
    int64_t deadline_us = clock_monotonic_us(&clock_system) + r->command->deadline_ms * 1000;
    bool ended = false;
    while (!ended || r->output >= 0) {
        int64_t left_ms = (deadline_us - clock_monotonic_us(&clock_system)) / 1000;
        if (left_ms <= 0) return -ETIMEDOUT;
        if (r->command->cancel && atomic_load(r->command->cancel)) return -ECANCELED;
        struct pollfd fds[] = { { .fd = r->input, .events = POLLOUT },
                                { .fd = r->output, .events = POLLIN },
                                { .fd = ended ? -1 : r->ended, .events = POLLIN } };
        int ready = poll(fds, 3, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
        if (ready < 0 && errno != EINTR) return -errno;
        if (ready <= 0) continue;
        if (fds[0].revents) feed(r);
        if (fds[1].revents) collect(r);
        ended |= fds[2].revents != 0;
    }
    return 0;
}

int command_run(const struct command *command, char why_out[160])
{
    struct running r = { .input = -1, .output = -1, .ended = -1, .rest = command->input, .command = command };
    int how = 0, status = start(&r);
    if (!status) status = converse(&r);
    shut(&r.input);
    shut(&r.output);
    shut(&r.ended);
    if (r.pid > 0) {
        if (status) kill(-r.pid, SIGKILL);
        while (waitpid(r.pid, &how, 0) < 0 && errno == EINTR)
            continue;
        if (!status) status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    }
    if (status == -ETIMEDOUT)
        snprintf(why_out, 160, "it took too long");
    else if (status < 0)
        snprintf(why_out, 160, "%s", strerrordesc_np(-status));
    else
        snprintf(why_out, 160, "it ended with status %d", status);
    return status;
}
