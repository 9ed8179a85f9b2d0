/* The source reader: one thread, one poll loop, a fixed number of commands at a time. A command is
 * `/bin/sh -c CMD` in a session of its own, its output a pipe to us, its errors the operator's log; past the
 * deadline its whole session's process group is killed. A command that succeeds with no output gave nothing.
 */
#include "app/child.h"
#include "app/keys-source-wire.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMANDS_MOST = 64, COMMAND_MOST = 4096 };

struct command {
    pid_t pid; /* 0: the slot is free */
    int out;   /* -1 once it ended */
    uint64_t job;
    int64_t deadline_us;
    size_t n;
    uint8_t text[KEYS_SECRET_MOST + 3];
};
struct reader {
    int socket;
    unsigned deadline_ms;
    struct command commands[COMMANDS_MOST];
};

static int64_t now_us(void)
{
    return clock_monotonic_us(&clock_system);
}

static void answer(const struct reader *r, uint64_t job, int status, struct bytes text)
{
    struct source_answer head = { .job = job, .status = status };
    struct iovec parts[2] = { { &head, offsetof(struct source_answer, text) }, { (void *)text.p, text.n } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = status ? 1 : 2 };
    if (sendmsg(r->socket, &message, MSG_NOSIGNAL) < 0) _exit(1);
}

/* In the forked process; never comes back. */
static void run(const char *text, int out, pid_t reader)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != reader) _exit(126);
    for (int i = 1; i < NSIG; i++)
        if (i != SIGKILL && i != SIGSTOP) signal(i, SIG_DFL);
    if (dup2(out, 1) != 1 || close_range(3, ~0U, 0)) _exit(126);
    execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

/* 0 or -errno. */
static int start(struct reader *r, uint64_t job, struct bytes what)
{
    char text[COMMAND_MOST + 1];
    struct command *c = r->commands;
    while (c < r->commands + COMMANDS_MOST && c->pid)
        c++;
    if (c == r->commands + COMMANDS_MOST) return -EBUSY;
    if (what.n > COMMAND_MOST) return -ENOKEY;
    memcpy(text, what.p, what.n);
    text[what.n] = 0;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return -errno;
    pid_t reader = getpid(), pid = fork();
    if (pid == 0) run(text, ends[1], reader);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -EAGAIN;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *c = (struct command){ .pid = pid, .out = ends[0], .job = job };
    c->deadline_us = now_us() + (int64_t)r->deadline_ms * 1000;
    return 0;
}

/* Kills what is left of it, reaps it, answers, and frees the slot. status: 0 where its output decides. */
static void finish(struct reader *r, struct command *c, int status)
{
    int how = 0;
    if (status) kill(-c->pid, SIGKILL);
    if (status) kill(c->pid, SIGKILL); /* it had not reached setsid yet */
    if (c->out >= 0) close(c->out);
    while (waitpid(c->pid, &how, 0) < 0 && errno == EINTR)
        continue;
    struct bytes text = keys_source_trim(bytes_make(c->text, c->n));
    if (!status && (!WIFEXITED(how) || WEXITSTATUS(how) || text.n == 0 || text.n > KEYS_SECRET_MOST))
        status = -ENOKEY;
    if (status)
        log_line(LOG_ERROR, "a secret cannot be read source=exec reason=%s exit=%d bytes=%zu",
                 status == -ETIMEDOUT ? "deadline" : "failed", WIFEXITED(how) ? WEXITSTATUS(how) : -1, c->n);
    answer(r, c->job, status, text);
    secret_wipe(c, sizeof *c);
}

/* Output has come, or the end. The end of output with the program still running waits for the program: it
 * may still fail. */
static void collect(struct reader *r, struct command *c)
{
    ssize_t n = read(c->out, c->text + c->n, sizeof c->text - c->n);
    if (n > 0) c->n += (size_t)n;
    if (n > 0 && c->n == sizeof c->text) finish(r, c, -ENOKEY);
    if (n < 0 && errno != EAGAIN && errno != EINTR) finish(r, c, -ENOKEY);
    if (n != 0) return;
    close(c->out);
    c->out = -1;
}

/* Whether it ended, without reaping it. */
static bool has_ended(const struct command *c)
{
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == c->pid;
}

static void serve_request(struct reader *r)
{
    struct {
        struct source_request head;
        uint8_t text[COMMAND_MOST];
    } request;
    struct secret secret = { 0 };
    ssize_t n = recv(r->socket, &request, sizeof request, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < (ssize_t)sizeof request.head) _exit(0); /* the keys child is gone */
    struct bytes what = bytes_make(request.text, (size_t)n - sizeof request.head);
    int rc;
    if (request.head.kind == KEYS_SOURCE_EXEC) {
        rc = start(r, request.head.job, what);
        if (rc == 0) return;
    } else {
        rc = keys_source_read((enum keys_source_kind)request.head.kind, what, &secret);
    }
    answer(r, request.head.job, rc, secret_bytes(&secret));
    secret_free(&secret);
}

_Noreturn void keys_source_serve(int socket, unsigned deadline_ms)
{
    struct reader *r = calloc(1, sizeof *r);
    CHECK(r);
    r->socket = socket;
    r->deadline_ms = deadline_ms;
    for (;;) {
        struct pollfd fds[COMMANDS_MOST + 1] = { { .fd = socket, .events = POLLIN } };
        int timeout_ms = -1;
        int64_t now = now_us();
        for (size_t i = 0; i < COMMANDS_MOST; i++) {
            struct command *c = &r->commands[i];
            fds[i + 1] = (struct pollfd){ .fd = c->pid ? c->out : -1, .events = POLLIN };
            if (!c->pid) continue;
            if (c->out < 0 && has_ended(c))
                finish(r, c, 0);
            else if (now >= c->deadline_us)
                finish(r, c, -ETIMEDOUT);
            if (!c->pid) {
                fds[i + 1].fd = -1;
                continue;
            }
            /* The end of a program whose output ended is looked for every 5 ms. */
            int64_t left_ms = c->out < 0 ? 5 : (c->deadline_us - now) / 1000 + 1;
            if (timeout_ms < 0 || left_ms < timeout_ms) timeout_ms = (int)left_ms;
        }
        if (poll(fds, COMMANDS_MOST + 1, timeout_ms) < 0 && errno != EINTR) _exit(1);
        for (size_t i = 0; i < COMMANDS_MOST; i++)
            if (fds[i + 1].revents) collect(r, &r->commands[i]);
        if (fds[0].revents) serve_request(r);
    }
}
