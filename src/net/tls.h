/* TLS contexts, for the two legs. OpenSSL is named nowhere outside this room but in crypto and jose. */
#ifndef POSTERN_NET_TLS_H
#define POSTERN_NET_TLS_H
#include "base/bytes.h"
#include "base/check.h"

struct tls_server; /* our certificate, towards clients; shared by workers, counted by its owner */
/* PEM files; a key under a passphrase is refused. TLS 1.2 and newer; ALPN "postgresql" is selected where it
 * is offered. client_ca: NULL, or a file of authorities whose client certificates are asked for. 0 or -errno;
 * *error_out is a sentence (static or thread-local) for the operator. */
int tls_server_new(const char *certificate, const char *key, const char *client_ca, struct tls_server **out,
                   const char **error_out) MUST_USE;
/* ALPN selects "http/1.1" instead, and nothing where it is not offered. Before the first connection. */
void tls_server_speak_http(struct tls_server *tls);
void tls_server_free(struct tls_server *tls);

enum tls_check { TLS_CHECK_NONE = 0, TLS_CHECK_CA, TLS_CHECK_FULL };
struct tls_client; /* towards database servers, and receivers of streams */
/* ca: a PEM file, or NULL for the system's. */
int tls_client_new(enum tls_check check, const char *ca, struct tls_client **out,
                   const char **error_out) MUST_USE;
/* No ALPN is offered: what is spoken is not PostgreSQL's. Before the first connection. */
void tls_client_speak_plain(struct tls_client *tls);
void tls_client_free(struct tls_client *tls);
#endif
