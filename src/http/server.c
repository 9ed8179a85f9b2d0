/* The thread polls the listening socket and a pipe end whose closing tells it to stop. */
#include "http/server.h"
#include "base/clock.h"
#include "base/thread.h"
#include "http/request.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTION_MS = 2000, MAX_BODY = 1 << 20 };

struct http_server {
    http_answer_fn *answer;
    void *context;
    int64_t connection_us;
    int listener;
    int stop[2]; /* the thread reads [0]; closing [1] stops it */
    uint16_t port;
    pthread_t thread;
};

/* Waits for events on fd. False: the time is over, or the server stops. */
static bool ready(const struct http_server *server, int fd, short events, int64_t deadline_us)
{
    struct pollfd fds[2] = { { .fd = fd, .events = events }, { .fd = server->stop[0], .events = POLLIN } };
    int64_t left = deadline_us < 0 ? -1 : (deadline_us - clock_monotonic_us(&clock_system)) / 1000;
    if (deadline_us >= 0 && left <= 0) return false;
    int n = poll(fds, 2, (int)left);
    return n > 0 && fds[0].revents && !fds[1].revents;
}

static bool send_all(const struct http_server *server, int fd, struct bytes b, int64_t deadline_us)
{
    while (b.n) {
        if (!ready(server, fd, POLLOUT, deadline_us)) return false;
        ssize_t n = send(fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (n > 0) b = bytes_slice(b, (size_t)n, b.n);
    }
    return true;
}

static bool host_is_ours(const struct http_server *server, struct bytes host)
{
    char port[8];
    snprintf(port, sizeof port, ":%u", server->port);
    struct bytes suffix = bytes_of(port);
    if (host.n < suffix.n || !bytes_equal(bytes_slice(host, host.n - suffix.n, suffix.n), suffix))
        return false;
    host.n -= suffix.n;
    return bytes_is(host, "127.0.0.1") || bytes_equal_nocase(host, BYTES_LITERAL("localhost"));
}

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 302: return "Found";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    default: return "Answer";
    }
}

static void respond(const struct http_server *server, int fd, struct http_answer *answer, bool head,
                    int64_t deadline_us)
{
    struct buf text;
    buf_init(&text, MAX_BODY + 4096);
    buf_printf(&text,
               "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
               "X-Content-Type-Options: nosniff\r\n%s\r\n",
               answer->status, status_text(answer->status), answer->content_type, buf_length(&answer->body),
               answer->headers ? answer->headers : "");
    if (!head) buf_append(&text, buf_bytes(&answer->body));
    if (!text.failed && send_all(server, fd, buf_bytes(&text), deadline_us)) {
        /* What the peer still sends is read, so that closing does not reset what it has yet to read. */
        uint8_t rest[1024];
        shutdown(fd, SHUT_WR);
        while (ready(server, fd, POLLIN, deadline_us) && recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
            ;
    }
    buf_free(&text);
}

static void serve(const struct http_server *server, int fd)
{
    uint8_t head[HTTP_MAX_HEAD_BYTES + 1];
    size_t n = 0;
    struct http_request request;
    enum http_head outcome = HTTP_HEAD_INCOMPLETE;
    int64_t deadline_us = clock_monotonic_us(&clock_system) + server->connection_us;
    while (outcome == HTTP_HEAD_INCOMPLETE && n < sizeof head) {
        if (!ready(server, fd, POLLIN, deadline_us)) return;
        ssize_t got = recv(fd, head + n, sizeof head - n, MSG_DONTWAIT);
        if (got <= 0) return;
        n += (size_t)got;
        outcome = http_request_read(bytes_make(head, n), &request);
    }
    struct http_answer answer = { .status = 404, .content_type = "application/json" };
    buf_init(&answer.body, MAX_BODY);
    switch (outcome) {
    case HTTP_HEAD_READ:
        if (host_is_ours(server, request.host))
            server->answer(server->context, request.path, &answer);
        else
            answer.status = 400;
        break;
    case HTTP_HEAD_METHOD: answer.status = 405; break;
    case HTTP_HEAD_BAD: answer.status = 400; break;
    case HTTP_HEAD_TOO_LONG:
    case HTTP_HEAD_INCOMPLETE: answer.status = 431; break;
    }
    if (answer.body.failed) {
        answer.status = 500;
        buf_free(&answer.body);
    }
    respond(server, fd, &answer, outcome == HTTP_HEAD_READ && request.head, deadline_us);
    buf_free(&answer.body);
}

static void *server_main(void *context)
{
    struct http_server *server = context;
    struct pollfd stop = { .fd = server->stop[0], .events = POLLIN };
    while (poll(&stop, 1, 0) == 0) {
        if (!ready(server, server->listener, POLLIN, -1)) continue;
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        serve(server, fd);
        close(fd);
    }
    return NULL;
}

static int listen_on_loopback(struct http_server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&address, size) < 0 ||
        listen(server->listener, 16) < 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    server->port = ntohs(address.sin_port);
    return pipe2(server->stop, O_CLOEXEC) < 0 ? -errno : 0;
}

static void server_close(struct http_server *server)
{
    const int fds[] = { server->listener, server->stop[0], server->stop[1] };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0) close(fds[i]);
    free(server);
}

int http_server_new(http_answer_fn *answer, void *context, unsigned connection_ms,
                    struct http_server **server_out)
{
    sigset_t all, before;
    *server_out = NULL;
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) return -ENOMEM;
    *server = (struct http_server){ .answer = answer,
                                    .context = context,
                                    .connection_us =
                                        (connection_ms ? connection_ms : CONNECTION_MS) * INT64_C(1000),
                                    .listener = -1,
                                    .stop = { -1, -1 } };
    int error = listen_on_loopback(server);
    if (!error) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = thread_start(&server->thread, "http-server", server_main, server);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (error) {
        server_close(server);
        return error;
    }
    *server_out = server;
    return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_free(struct http_server *server)
{
    if (!server) return;
    close(server->stop[1]);
    server->stop[1] = -1;
    pthread_join(server->thread, NULL);
    server_close(server);
}
