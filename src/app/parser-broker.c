/* The broker: hands a text to a parser that is free, and its result back. What waits, waits in its client's
 * socket: the broker takes one text of one client at a time, clients in turn, and only when a parser is free,
 * so that it needs no queue and no client can crowd out another. It watches the parsers' processor time from
 * outside, since a parser that was taken over would not watch its own. */
#include "app/child.h"
#include "app/parser-wire.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PARSERS_MOST = 64, FAILURES_MOST = 20 };

struct parser {
    pid_t pid;
    int socket;
    clockid_t cpu_clock;
    bool busy;
    size_t client; /* whose text it has */
    uint64_t number;
    int64_t cpu_start_us, wall_start_us;
};
struct broker {
    parser_understand *understand;
    struct parser_limits limits;
    int *clients; /* -1: ended */
    size_t n_clients, n_open, turn;
    struct parser parsers[PARSERS_MOST];
    size_t n_parsers;
    unsigned n_failures; /* of parsers that died before they took a text, in a row */
};

_Noreturn static void end_on(const char *why, int rc)
{
    log_line(LOG_ERROR, "the parser child ends reason=\"%s\" error=%s", why,
             rc ? strerrorname_np(-rc) : "none");
    _exit(3);
}

static void start_parser(struct broker *b, struct parser *p)
{
    int ends[2];
    int rc = child_socketpair(ends);
    if (rc) end_on("no socket for a parser", rc);
    pid_t pid = child_fork("postern-parser", &ends[1], 1);
    if (pid < 0) end_on("a parser cannot be forked", pid);
    if (pid == 0) parser_work(b->understand, b->limits.memory_bytes, ends[1]);
    close(ends[1]);
    *p = (struct parser){ .pid = pid, .socket = ends[0] };
    if (clock_getcpuclockid(pid, &p->cpu_clock)) end_on("no clock for a parser", 0);
}

static int64_t cpu_us(const struct parser *p)
{
    struct timespec t;
    if (clock_gettime(p->cpu_clock, &t)) return INT64_MAX; /* it is dead */
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void close_client(struct broker *b, size_t i)
{
    close(b->clients[i]);
    b->clients[i] = -1;
    if (--b->n_open) return;
    for (size_t k = 0; k < b->n_parsers; k++)
        kill(b->parsers[k].pid, SIGKILL);
    _exit(0);
}

static void answer(struct broker *b, size_t client, const struct parser_result *result)
{
    if (b->clients[client] >= 0 && parser_send(b->clients[client], result, sizeof *result, -1))
        close_client(b, client);
}

/* The parser is dead or must be: its text, if it has one, is refused, and another takes its place. */
static void replace_parser(struct broker *b, struct parser *p, const char *why)
{
    int how = 0;
    kill(p->pid, SIGKILL);
    while (waitpid(p->pid, &how, 0) < 0 && errno == EINTR)
        continue;
    close(p->socket);
    log_line(LOG_WARNING, "a parser was replaced reason=\"%s\" busy=%d signal=%d", why, p->busy,
             WIFSIGNALED(how) ? WTERMSIG(how) : 0);
    b->n_failures = p->busy ? 0 : b->n_failures + 1;
    if (b->n_failures > FAILURES_MOST) end_on("parsers die before they have work", 0);
    struct parser_result result = { .number = p->number, .outcome = PARSER_KILLED };
    bool busy = p->busy;
    size_t client = p->client;
    start_parser(b, p);
    if (busy) answer(b, client, &result);
}

/* It has answered, and ends as it said. */
static void succeed_parser(struct broker *b, struct parser *p)
{
    kill(p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(p->socket);
    start_parser(b, p);
}

static void hear_parser(struct broker *b, struct parser *p)
{
    struct parser_result result;
    int rc = parser_receive(p->socket, &result, sizeof result, NULL, MSG_DONTWAIT);
    if (rc == 0) return;
    if (rc < 0 || !p->busy || result.number != p->number || result.n_facts > PARSER_FACTS_MOST) {
        replace_parser(b, p, rc == -EPIPE ? "it died" : "it broke the protocol");
        return;
    }
    size_t client = p->client;
    b->n_failures = 0;
    if (result.leaves)
        succeed_parser(b, p);
    else
        p->busy = false;
    answer(b, client, &result);
}

/* Takes one text of a client and gives it to a free parser. False: it had none. */
static bool hear_client(struct broker *b, size_t i, struct parser *p)
{
    struct parser_request request;
    int fd;
    int rc = parser_receive(b->clients[i], &request, sizeof request, &fd, MSG_DONTWAIT);
    if (rc == -EBADMSG) end_on("a malformed request", rc);
    if (rc < 0) close_client(b, i);
    if (rc <= 0) return false;
    if (fd < 0 || request.n_bytes > PARSER_TEXT_MOST) end_on("a malformed request", 0);
    p->busy = true;
    p->client = i;
    p->number = request.number;
    p->cpu_start_us = cpu_us(p);
    p->wall_start_us = clock_monotonic_us(&clock_system);
    rc = parser_send(p->socket, &request, sizeof request, fd);
    close(fd);
    if (rc) replace_parser(b, p, "it died");
    return true;
}

/* Kills what has had its time. Milliseconds until the next one could have, or -1. */
static int watch(struct broker *b)
{
    int64_t next_us = -1;
    for (size_t i = 0; i < b->n_parsers; i++) {
        struct parser *p = &b->parsers[i];
        if (!p->busy) continue;
        int64_t cpu = cpu_us(p);
        int64_t cpu_left = b->limits.cpu_ms * INT64_C(1000) - (cpu == INT64_MAX ? 0 : cpu - p->cpu_start_us);
        int64_t wall_left =
            b->limits.wall_ms * INT64_C(1000) + p->wall_start_us - clock_monotonic_us(&clock_system);
        if (cpu_left <= 0 || wall_left <= 0) {
            replace_parser(b, p, cpu_left <= 0 ? "processor time" : "time");
            continue;
        }
        /* One thread cannot use more processor time than passes. */
        int64_t left = cpu_left < wall_left ? cpu_left : wall_left;
        if (next_us < 0 || left < next_us) next_us = left;
    }
    return next_us < 0 ? -1 : (int)(next_us / 1000) + 1;
}

/* Gives waiting texts to free parsers, clients in turn. */
static void hand_out(struct broker *b, const struct pollfd *fds)
{
    for (size_t k = 0, tried = 0; k < b->n_parsers; k++)
        while (!b->parsers[k].busy && tried < b->n_clients) {
            b->turn = (b->turn + 1) % b->n_clients;
            tried++;
            if (b->clients[b->turn] >= 0 && fds[b->turn].revents)
                (void)!hear_client(b, b->turn, &b->parsers[k]);
        }
}

_Noreturn void parser_broker_serve(const struct parser_options *o, const int *clients, size_t n_clients)
{
    struct broker *b = calloc(1, sizeof *b);
    struct pollfd *fds = calloc(n_clients + PARSERS_MOST, sizeof *fds);
    CHECK(b && fds);
    b->understand = o->understand;
    b->limits = (struct parser_limits){ o->cpu_ms ? o->cpu_ms : 2000, o->wall_ms ? o->wall_ms : 30000,
                                        o->memory_bytes ? o->memory_bytes : (size_t)2 << 30 };
    b->clients = (int *)clients;
    b->n_clients = b->n_open = n_clients;
    b->n_parsers = o->n_parsers ? o->n_parsers : 1;
    CHECK(b->n_parsers <= PARSERS_MOST);
    for (size_t k = 0; k < b->n_parsers; k++)
        start_parser(b, &b->parsers[k]);
    for (;;) {
        int timeout_ms = watch(b);
        bool is_one_free = false;
        for (size_t k = 0; k < b->n_parsers; k++) {
            fds[n_clients + k] = (struct pollfd){ .fd = b->parsers[k].socket, .events = POLLIN };
            is_one_free |= !b->parsers[k].busy;
        }
        /* Without events the end of a client still shows. */
        for (size_t i = 0; i < n_clients; i++)
            fds[i] = (struct pollfd){ .fd = b->clients[i], .events = is_one_free ? POLLIN : 0 };
        if (poll(fds, n_clients + b->n_parsers, timeout_ms) < 0 && errno != EINTR)
            end_on("poll failed", -errno);
        for (size_t k = 0; k < b->n_parsers; k++)
            if (fds[n_clients + k].revents) hear_parser(b, &b->parsers[k]);
        for (size_t i = 0; i < n_clients; i++)
            if (b->clients[i] >= 0 && fds[i].revents & (POLLHUP | POLLERR) && !(fds[i].revents & POLLIN) &&
                !is_one_free)
                close_client(b, i);
        hand_out(b, fds);
    }
}
