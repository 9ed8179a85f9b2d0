/* socket, bind, listen, accept. */
#include "net/listener.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Removes a socket file that nobody listens on; -EADDRINUSE where somebody does. */
static int clear_stale(const struct address *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->storage;
    struct stat st;
    if (lstat(un->sun_path, &st)) return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode)) return -EADDRINUSE;
    /* Not blocking: one who lives, but whose queue is full, would keep us waiting; it is EAGAIN so. */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int error = connect(fd, (const struct sockaddr *)un, address->length) == 0 || errno != ECONNREFUSED
                    ? -EADDRINUSE
                    : 0;
    close(fd);
    return error ? error : unlink(un->sun_path) ? -errno : 0;
}

int listener_open(struct address *address, int *fd_out)
{
    int one = 1;
    bool local = address_is_unix(address);
    int error = local ? clear_stale(address) : 0;
    if (error) return error;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (!local) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    }
    struct sockaddr *name = (struct sockaddr *)&address->storage;
    if (bind(fd, name, address->length) || listen(fd, SOMAXCONN) ||
        (!local && getsockname(fd, name, &address->length))) {
        error = -errno;
        close(fd);
        return error;
    }
    *fd_out = fd;
    return 0;
}

int listener_accept(int listener, int *fd_out, struct address *peer_out)
{
    *peer_out = (struct address){ .length = sizeof peer_out->storage };
    int fd = accept4(listener, (struct sockaddr *)&peer_out->storage, &peer_out->length,
                     SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return -errno;
    *fd_out = fd;
    return 0;
}
