/* Packets with a descriptor. A descriptor that came with a packet that is refused is closed at once. */
#include "app/parser-wire.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int parser_send(int socket, const void *packet, size_t n, int fd)
{
    struct iovec part = { (void *)packet, n };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    union control control = { 0 };
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int parser_receive(int socket, void *packet, size_t n, int *fd_out, int flags)
{
    struct iovec part = { packet, n };
    union control control = { 0 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof control.bytes };
    int fd = -1;
    if (fd_out) *fd_out = -1;
    ssize_t got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    if ((size_t)got == n && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && (fd < 0 || fd_out)) {
        if (fd_out) *fd_out = fd;
        return 1;
    }
    if (fd >= 0) close(fd);
    return got == 0 ? -EPIPE : -EBADMSG;
}
