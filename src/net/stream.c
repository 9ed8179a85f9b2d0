/* Sockets and TLS behind one set of outcomes. Errors of the peer are no news to anybody but the session:
 * nothing is logged here. */
#include "net/stream.h"
#include "net/tls-private.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

void stream_init(struct stream *s, int fd)
{
    int one = 1, idle = 30, interval = 10, probes = 6;
    *s = (struct stream){ .fd = fd };
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    /* All of these fail on a Unix-domain socket, which needs none of them. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

enum stream_io stream_connect(struct stream *s, const struct address *to, int *error_out)
{
    int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        *error_out = -errno;
        return STREAM_FAILED;
    }
    stream_init(s, fd);
    if (connect(fd, (const struct sockaddr *)&to->storage, to->length) == 0) return STREAM_DONE;
    if (errno == EINPROGRESS) return STREAM_AGAIN;
    *error_out = -errno;
    stream_close(s);
    return STREAM_FAILED;
}

enum stream_io stream_connected(struct stream *s, int *error_out)
{
    int error = 0;
    socklen_t n = sizeof error;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n)) error = errno;
    if (error == 0) return STREAM_DONE;
    *error_out = -error;
    return STREAM_FAILED;
}

static enum stream_io tls_outcome(struct stream *s, int result, bool reading)
{
    switch (SSL_get_error(s->tls, result)) {
    case SSL_ERROR_WANT_READ:
        if (!reading) s->wants_read = true;
        return STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        if (reading) s->wants_write = true;
        return STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN: return STREAM_EOF;
    default: ERR_clear_error(); return STREAM_FAILED;
    }
}

static enum stream_io tls_read(struct stream *s, uint8_t *to, size_t n, size_t *n_out)
{
    *n_out = 0;
    s->wants_write = false;
    ERR_clear_error();
    while (*n_out < n) {
        int most = n - *n_out > 1 << 30 ? 1 << 30 : (int)(n - *n_out);
        int got = SSL_read(s->tls, to + *n_out, most);
        if (got <= 0) {
            enum stream_io outcome = tls_outcome(s, got, true);
            return *n_out ? STREAM_DONE : outcome;
        }
        *n_out += (size_t)got;
    }
    return STREAM_DONE;
}

enum stream_io stream_read(struct stream *s, uint8_t *to, size_t n, size_t *n_out)
{
    if (s->tls) return tls_read(s, to, n, n_out);
    ssize_t got = recv(s->fd, to, n, 0);
    *n_out = got > 0 ? (size_t)got : 0;
    if (got > 0) return STREAM_DONE;
    if (got == 0) return STREAM_EOF;
    return errno == EAGAIN || errno == EINTR ? STREAM_AGAIN : STREAM_FAILED;
}

size_t stream_pending(const struct stream *s)
{
    return s->tls ? (size_t)SSL_pending(s->tls) : 0;
}

enum stream_io stream_write(struct stream *s, struct bytes from, size_t *n_out)
{
    *n_out = 0;
    if (s->tls) {
        s->wants_read = false;
        ERR_clear_error();
        /* A record at a time: of more, OpenSSL tells nothing until all is out, if each try ends in waiting.
         */
        int most = SSL3_RT_MAX_PLAIN_LENGTH;
        int put = SSL_write(s->tls, from.p, from.n > (size_t)most ? most : (int)from.n);
        if (put <= 0) return tls_outcome(s, put, false);
        *n_out = (size_t)put;
        return STREAM_DONE;
    }
    ssize_t put = send(s->fd, from.p, from.n, MSG_NOSIGNAL);
    if (put >= 0) {
        *n_out = (size_t)put;
        return STREAM_DONE;
    }
    return errno == EAGAIN || errno == EINTR ? STREAM_AGAIN : STREAM_FAILED;
}

static int tls_attach(struct stream *s, SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);
    if (!ssl || SSL_set_fd(ssl, s->fd) != 1) {
        SSL_free(ssl);
        return -ENOMEM;
    }
    s->tls = ssl;
    return 0;
}

int stream_start_tls_server(struct stream *s, struct tls_server *tls)
{
    int error = tls_attach(s, tls->context);
    if (!error) SSL_set_accept_state(s->tls);
    return error;
}

int stream_start_tls_client(struct stream *s, struct tls_client *tls, const char *server_name)
{
    struct address ip;
    int error = tls_attach(s, tls->context);
    if (error) return error;
    SSL_set_connect_state(s->tls);
    bool numeric = address_of_ip(server_name, 0, &ip) == 0;
    if (!numeric) SSL_set_tlsext_host_name(s->tls, server_name);
    if (tls->check == TLS_CHECK_FULL) {
        X509_VERIFY_PARAM *verify = SSL_get0_param(s->tls);
        int good = numeric ? X509_VERIFY_PARAM_set1_ip_asc(verify, server_name)
                           : X509_VERIFY_PARAM_set1_host(verify, server_name, 0);
        if (!good) return -EINVAL;
    }
    return 0;
}

enum stream_io stream_handshake(struct stream *s, const char **message_out)
{
    s->wants_write = false;
    ERR_clear_error();
    int result = SSL_do_handshake(s->tls);
    if (result == 1) return STREAM_DONE;
    unsigned long code = ERR_peek_error();
    long verify = SSL_get_verify_result(s->tls);
    if (message_out) {
        *message_out = verify != X509_V_OK ? X509_verify_cert_error_string(verify)
                       : code              ? ERR_reason_error_string(code)
                                           : NULL;
        if (!*message_out) *message_out = "the peer ended the handshake";
    }
    enum stream_io outcome = tls_outcome(s, result, true);
    return outcome == STREAM_EOF ? STREAM_FAILED : outcome;
}

bool stream_alpn_is_postgresql(const struct stream *s)
{
    const unsigned char *name = NULL;
    unsigned n = 0;
    if (s->tls) SSL_get0_alpn_selected(s->tls, &name, &n);
    return bytes_is(bytes_make(name, n), "postgresql");
}

void stream_describe_tls(const struct stream *s, char out[100])
{
    out[0] = 0;
    if (s->tls) snprintf(out, 100, "%s %s", SSL_get_version(s->tls), SSL_get_cipher_name(s->tls));
}

static size_t end_point_of(const X509 *certificate, uint8_t out[64])
{
    int digest_nid = NID_undef;
    unsigned n = 0;
    if (!certificate) return 0;
    /* RFC 5929, section 4.1: MD5 and SHA-1 give way to SHA-256. It leaves open what a signature without one
     * hash of its own has (Ed25519, or an algorithm that nobody knows): SHA-256 too, since who stands between
     * must not be able to have the binding left out by showing such a certificate. */
    if (!X509_get_signature_info((X509 *)(uintptr_t)certificate, &digest_nid, NULL, NULL, NULL))
        digest_nid = NID_undef;
    const EVP_MD *digest =
        digest_nid == NID_md5 || digest_nid == NID_sha1 ? NULL : EVP_get_digestbynid(digest_nid);
    if (!digest || EVP_MD_get_size(digest) > 64) digest = EVP_sha256();
    ERR_clear_error();
    return X509_digest(certificate, digest, out, &n) == 1 ? n : 0;
}

size_t stream_peer_end_point(const struct stream *s, uint8_t out[64])
{
    return end_point_of(s->tls ? SSL_get0_peer_certificate(s->tls) : NULL, out);
}

size_t stream_own_end_point(const struct stream *s, uint8_t out[64])
{
    return end_point_of(s->tls ? SSL_get_certificate(s->tls) : NULL, out);
}

void stream_shutdown(struct stream *s)
{
    if (s->tls && SSL_is_init_finished(s->tls)) SSL_shutdown(s->tls);
    if (s->fd >= 0) shutdown(s->fd, SHUT_WR);
}

void stream_close(struct stream *s)
{
    if (s->tls) {
        if (SSL_is_init_finished(s->tls)) SSL_shutdown(s->tls);
        ERR_clear_error();
        SSL_free(s->tls);
    }
    if (s->fd >= 0) close(s->fd);
    *s = (struct stream){ .fd = -1 };
}
