/* Addresses as people write them: "127.0.0.1:6432", "[::1]:6432", "db.example.com:5432",
 * "unix:/run/postern/.s.PGSQL.5432". */
#ifndef POSTERN_NET_ADDRESS_H
#define POSTERN_NET_ADDRESS_H
#include "base/bytes.h"
#include "base/check.h"
#include <sys/socket.h>

struct address {
    struct sockaddr_storage storage;
    socklen_t length; /* 0: none */
};
enum { ADDRESS_TEXT = 128 };

/* A numeric IP address or a Unix socket's path (beginning with '/'); port is ignored for a path. -EINVAL:
 * neither. */
int address_of_ip(const char *host, uint16_t port, struct address *out) MUST_USE;
/* "HOST:PORT" or "unix:PATH", HOST numeric, empty or "*" for any, or "localhost". -EINVAL. */
int address_of_listen(const char *text, struct address *out) MUST_USE;
/* "127.0.0.1:6432" or "unix:/path"; room for ADDRESS_TEXT bytes. */
void address_format(const struct address *address, char *out);
bool address_is_unix(const struct address *address);
/* A loopback IP address or a Unix socket: nothing in clear leaves the machine. */
bool address_is_local(const struct address *address);
#endif
