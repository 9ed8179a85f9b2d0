/* Contexts of OpenSSL, and what both legs have in common: TLS 1.2 and newer, no compression, no
 * renegotiation, no resumption (each handshake checks certificates anew), buffers released when idle. */
#include "net/tls.h"
#include "net/tls-private.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

static const unsigned char alpn_postgresql[] = "\x0apostgresql";

static const char *last_error(void)
{
    unsigned long code = ERR_get_error();
    const char *reason =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    ERR_clear_error();
    return reason ? reason : "unknown TLS error";
}

/* A key under a passphrase is refused: OpenSSL would ask for it at the terminal. */
static int no_passphrase(char *to, int room, int writing, void *context)
{
    (void)to, (void)room, (void)writing, (void)context;
    return -1;
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(method);
    if (!context) return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

/* Selects "postgresql"; a client that offers only other protocols is refused (ALPACA), one that offers none
 * goes on. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                       unsigned in_n, void *context)
{
    (void)ssl, (void)context;
    unsigned char *selected;
    if (SSL_select_next_proto(&selected, out_n, alpn_postgresql, sizeof alpn_postgresql - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

int tls_server_new(const char *certificate, const char *key, const char *client_ca, struct tls_server **out,
                   const char **error_out)
{
    struct tls_server *tls = calloc(1, sizeof *tls);
    if (!tls) {
        *error_out = "no memory";
        return -ENOMEM;
    }
    tls->context = context_new(TLS_server_method());
    bool good = tls->context && SSL_CTX_use_certificate_chain_file(tls->context, certificate) == 1 &&
                SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) == 1 &&
                SSL_CTX_check_private_key(tls->context) == 1;
    if (good && client_ca) {
        good = SSL_CTX_load_verify_locations(tls->context, client_ca, NULL) == 1;
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    }
    if (!good) {
        *error_out = last_error();
        tls_server_free(tls);
        return -EINVAL;
    }
    SSL_CTX_set_alpn_select_cb(tls->context, select_alpn, NULL);
    *out = tls;
    return 0;
}

/* A browser that offers only what we do not speak is answered without ALPN: it falls back to HTTP/1.1. */
static int select_http(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                       unsigned in_n, void *context)
{
    static const unsigned char http[] = "\x08http/1.1";
    (void)ssl, (void)context;
    unsigned char *selected;
    if (SSL_select_next_proto(&selected, out_n, http, sizeof http - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

void tls_server_speak_http(struct tls_server *tls)
{
    SSL_CTX_set_alpn_select_cb(tls->context, select_http, NULL);
}

void tls_server_free(struct tls_server *tls)
{
    if (tls) SSL_CTX_free(tls->context);
    free(tls);
}

int tls_client_new(enum tls_check check, const char *ca, struct tls_client **out, const char **error_out)
{
    struct tls_client *tls = calloc(1, sizeof *tls);
    if (!tls) {
        *error_out = "no memory";
        return -ENOMEM;
    }
    tls->context = context_new(TLS_client_method());
    tls->check = check;
    bool good = tls->context != NULL;
    if (good && check != TLS_CHECK_NONE) {
        good = (ca ? SSL_CTX_load_verify_locations(tls->context, ca, NULL)
                   : SSL_CTX_set_default_verify_paths(tls->context)) == 1;
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    }
    if (!good) {
        *error_out = last_error();
        tls_client_free(tls);
        return -EINVAL;
    }
    SSL_CTX_set_alpn_protos(tls->context, alpn_postgresql, sizeof alpn_postgresql - 1);
    *out = tls;
    return 0;
}

void tls_client_speak_plain(struct tls_client *tls)
{
    SSL_CTX_set_alpn_protos(tls->context, NULL, 0);
}

void tls_client_free(struct tls_client *tls)
{
    if (tls) SSL_CTX_free(tls->context);
    free(tls);
}
