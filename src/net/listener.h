/* Listening sockets. With SO_REUSEPORT each worker has its own for one TCP address, and the kernel spreads
 * the connections; a Unix-domain socket is one, which the workers share. */
#ifndef POSTERN_NET_LISTENER_H
#define POSTERN_NET_LISTENER_H
#include "base/check.h"
#include "net/address.h"

/* *address is updated with the port that the kernel chose for port 0. A stale Unix socket that nobody listens
 * on is replaced. 0 or -errno. */
int listener_open(struct address *address, int *fd_out) MUST_USE;
/* A descriptor for a new connection and the peer's address; -EAGAIN when there is none now. */
int listener_accept(int listener, int *fd_out, struct address *peer_out) MUST_USE;
#endif
