/* What tls.c and stream.c share; for this room only. */
#ifndef POSTERN_NET_TLS_PRIVATE_H
#define POSTERN_NET_TLS_PRIVATE_H
#include "net/tls.h"
#include <openssl/ssl.h>

struct tls_server {
    SSL_CTX *context;
};
struct tls_client {
    SSL_CTX *context;
    enum tls_check check;
};
#endif
