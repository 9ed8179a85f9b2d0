/* A blocking client: the CLI has nothing else to do. */
#include "cli/control-client.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int control_client_open(const char *data, struct control_client *c)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    *c = (struct control_client){ .fd = -1 };
    buf_init(&c->in, 4 * CONTROL_LINE_MOST);
    arena_init(&c->arena, 4096, 1 << 20);
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", data);
    if (n < 0 || (size_t)n >= sizeof address.sun_path) return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        c->fd = fd;
        return 0;
    }
    int error = -errno;
    close(fd);
    return error;
}

void control_client_close(struct control_client *c)
{
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
    arena_free(&c->arena);
}

int control_client_send(struct control_client *c, struct bytes line)
{
    while (line.n) {
        ssize_t n = send(c->fd, line.p, line.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        line = bytes_slice(line, (size_t)n, line.n);
    }
    return 0;
}

int control_client_receive(struct control_client *c, int timeout_ms, struct control_line *line_out)
{
    for (;;) {
        size_t used = 0;
        arena_reset(&c->arena);
        switch (control_line_read(buf_bytes(&c->in), &c->arena, line_out, &used)) {
        case CONTROL_BAD: return -EPROTO;
        case CONTROL_LINE: {
            /* The verb and the names point into what is consumed here: they stay until the next append. */
            buf_consume(&c->in, used);
            return 1;
        }
        case CONTROL_MORE: break;
        }
        struct pollfd p = { .fd = c->fd, .events = POLLIN };
        int ready = poll(&p, 1, timeout_ms);
        if (ready < 0 && errno == EINTR) return 0;
        if (ready <= 0) return ready < 0 ? -errno : 0;
        uint8_t *room = buf_room(&c->in, 4096);
        if (!room) return -ENOBUFS;
        ssize_t n = recv(c->fd, room, 4096, 0);
        if (n <= 0) return n < 0 ? -errno : -EPIPE;
        buf_added(&c->in, (size_t)n);
    }
}
