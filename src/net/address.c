/* Numeric addresses only: names are resolved by resolver.c, off the loop. */
#include "net/address.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

static int address_of_path(const char *path, struct address *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->storage;
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof un->sun_path) return -EINVAL;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n + 1);
    out->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return 0;
}

int address_of_ip(const char *host, uint16_t port, struct address *out)
{
    *out = (struct address){ 0 };
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
    if (host[0] == '/') return address_of_path(host, out);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out->length = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        out->length = sizeof *v6;
        return 0;
    }
    return -EINVAL;
}

int address_of_listen(const char *text, struct address *out)
{
    char host[64];
    if (strncmp(text, "unix:", 5) == 0) return text[5] == '/' ? address_of_ip(text + 5, 0, out) : -EINVAL;
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !bytes_to_int64(bytes_of(colon + 1), &port) || port < 0 || port > 65535) return -EINVAL;
    size_t n = (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n >= sizeof host) return -EINVAL;
    memcpy(host, text, n);
    host[n] = 0;
    const char *numeric = strcmp(host, "localhost") == 0     ? "127.0.0.1"
                          : n == 0 || strcmp(host, "*") == 0 ? "0.0.0.0"
                                                             : host;
    return numeric[0] == '/' ? -EINVAL : address_of_ip(numeric, (uint16_t)port, out);
}

void address_format(const struct address *address, char *out)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->storage;
    char ip[INET6_ADDRSTRLEN] = "";
    switch (address->length ? address->storage.ss_family : AF_UNSPEC) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip);
        snprintf(out, ADDRESS_TEXT, "%s:%u", ip, ntohs(v4->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof ip);
        snprintf(out, ADDRESS_TEXT, "[%s]:%u", ip, ntohs(v6->sin6_port));
        break;
    case AF_UNIX:
        snprintf(out, ADDRESS_TEXT, "unix:%s", address->length > sizeof(sa_family_t) ? un->sun_path : "");
        break;
    default: snprintf(out, ADDRESS_TEXT, "unknown"); break;
    }
}

bool address_is_unix(const struct address *address)
{
    return address->length && address->storage.ss_family == AF_UNIX;
}

bool address_is_local(const struct address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
    if (!address->length) return false;
    if (address->storage.ss_family == AF_UNIX) return true;
    if (address->storage.ss_family == AF_INET) return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (address->storage.ss_family != AF_INET6) return false;
    if (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)) return true;
    return IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127;
}
