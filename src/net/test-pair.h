/* What tests of streams share: certificates, made here with OpenSSL, and a pair of streams whose ends are in
 * one thread. */
#ifndef POSTERN_NET_TEST_PAIR_H
#define POSTERN_NET_TEST_PAIR_H
#include "base/test.h"

#include "net/stream.h"
#include "net/tls-private.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG = 3 << 20 };

struct fixture {
    char folder[32], certificate[64], key[64], other_certificate[64], other_key[64], locked_key[64];
    struct tls_server *server;
    struct stream here, there; /* a pair; `here` is the client */
    uint8_t sent[BIG], got[BIG];
};
static struct fixture f;

/* ---- certificates */

struct recipe {
    const char *key; /* "EC", "RSA", "RSA-PSS", "ED25519" */
    const EVP_MD *digest;
    const char *names; /* as subjectAltName has them */
    long lives_s;      /* from now */
};

static inline X509 *certificate_of(EVP_PKEY *key, const struct recipe *recipe)
{
    X509 *x = X509_new();
    assert_non_null(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), -2 * 86400);
    X509_gmtime_adj(X509_getm_notAfter(x), recipe->lives_s);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"a test's own", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    X509V3_CTX context;
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, recipe->names);
    assert_non_null(names);
    X509_add_ext(x, names, -1);
    X509_EXTENSION_free(names);
    EVP_MD_CTX *sign = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    assert_int_equal(EVP_DigestSignInit(sign, &how, recipe->digest, NULL, key), 1);
    if (strcmp(recipe->key, "RSA-PSS") == 0)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING), 1);
    assert_true(X509_sign_ctx(x, sign) > 0);
    EVP_MD_CTX_free(sign);
    return x;
}

static inline EVP_PKEY *key_of(const char *kind)
{
    if (strcmp(kind, "EC") == 0) return EVP_EC_gen("P-256");
    if (strcmp(kind, "ED25519") == 0) return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_RSA_gen(2048);
}

static inline void put_certificate(X509 *x, const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, x), 1);
    fclose(file);
}

static inline void put_key(EVP_PKEY *key, const char *path, const char *passphrase)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                          (void *)passphrase),
                     1);
    fclose(file);
}

/* A certificate that is its own authority, and its key, in files. */
static inline void make(const struct recipe *recipe, const char *certificate, const char *key_path)
{
    EVP_PKEY *key = key_of(recipe->key);
    assert_non_null(key);
    X509 *x = certificate_of(key, recipe);
    put_certificate(x, certificate);
    put_key(key, key_path, NULL);
    X509_free(x);
    EVP_PKEY_free(key);
}

#define NAMES "DNS:db.example, DNS:*.wild.example, IP:127.0.0.1, IP:::1"

static inline struct tls_server *server_of(const char *certificate, const char *key, const char *client_ca)
{
    struct tls_server *tls = NULL;
    const char *error = NULL;
    if (tls_server_new(certificate, key, client_ca, &tls, &error)) fail_msg("tls_server_new: %s", error);
    return tls;
}

static inline struct tls_client *client_of(enum tls_check check, const char *ca)
{
    struct tls_client *tls = NULL;
    const char *error = NULL;
    if (tls_client_new(check, ca, &tls, &error)) fail_msg("tls_client_new: %s", error);
    return tls;
}

/* ---- fixture */

static inline int begin_all(void **state)
{
    (void)state;

    const struct recipe usual = { "EC", EVP_sha256(), NAMES, 86400 };
    signal(SIGPIPE, SIG_IGN);
    snprintf(f.folder, sizeof f.folder, "/tmp/postern-test-XXXXXX");
    if (!mkdtemp(f.folder)) return -1;
    snprintf(f.certificate, sizeof f.certificate, "%s/certificate.pem", f.folder);
    snprintf(f.key, sizeof f.key, "%s/key.pem", f.folder);
    snprintf(f.other_certificate, sizeof f.other_certificate, "%s/other.pem", f.folder);
    snprintf(f.other_key, sizeof f.other_key, "%s/other-key.pem", f.folder);
    snprintf(f.locked_key, sizeof f.locked_key, "%s/locked-key.pem", f.folder);
    make(&usual, f.certificate, f.key);
    make(&usual, f.other_certificate, f.other_key);
    f.server = server_of(f.certificate, f.key, NULL);
    for (size_t i = 0; i < BIG; i++)
        f.sent[i] = (uint8_t)(i * 2654435761u >> 13);
    return 0;
}

static inline int end_all(void **state)
{
    (void)state;
    tls_server_free(f.server);
    unlink(f.certificate);
    unlink(f.key);
    unlink(f.other_certificate);
    unlink(f.other_key);
    unlink(f.locked_key);
    return rmdir(f.folder);
}

static inline int begin(void **state)
{
    (void)state;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return -1;
    stream_init(&f.here, pair[0]);
    stream_init(&f.there, pair[1]);
    alarm(600);
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    alarm(0);
    stream_close(&f.here);
    stream_close(&f.there);
    return 0;
}

/* The pair becomes one over TCP, on loopback. */
static inline void over_tcp(void)
{
    struct address at;
    int error, listener = socket(AF_INET, SOCK_STREAM, 0);
    stream_close(&f.here);
    stream_close(&f.there);
    assert_int_equal(address_of_ip("127.0.0.1", 0, &at), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at.storage, at.length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at.storage, &at.length), 0);
    assert_int_not_equal(stream_connect(&f.here, &at, &error), STREAM_FAILED);
    stream_init(&f.there, accept(listener, NULL, NULL));
    assert_true(f.there.fd >= 0);
    close(listener);
    struct pollfd p = { .fd = f.here.fd, .events = POLLOUT };
    assert_int_equal(poll(&p, 1, 300000), 1);
    assert_int_equal(stream_connected(&f.here, &error), STREAM_DONE);
}

static inline void wait_a_little(const struct stream *s)
{
    struct pollfd p = { .fd = s->fd, .events = POLLIN };
    poll(&p, 1, 5);
}

/* Handshakes on both sides until neither goes on; their outcomes. */
struct shaken {
    enum stream_io here, there;
    const char *message; /* of the client */
};

static inline struct shaken shake(void)
{
    struct shaken s = { STREAM_AGAIN, STREAM_AGAIN, NULL };
    for (int i = 0; i < 60000 && (s.here == STREAM_AGAIN || s.there == STREAM_AGAIN); i++) {
        if (s.here == STREAM_AGAIN) s.here = stream_handshake(&f.here, &s.message);
        if (s.there == STREAM_AGAIN) s.there = stream_handshake(&f.there, NULL);
        if (s.here == STREAM_FAILED && s.there == STREAM_AGAIN) shutdown(f.here.fd, SHUT_WR);
        if (s.there == STREAM_FAILED && s.here == STREAM_AGAIN) shutdown(f.there.fd, SHUT_WR);
        if (i > 4) wait_a_little(&f.here);
    }
    return s;
}

static inline void start(struct tls_server *server, struct tls_client *client, const char *name)
{
    assert_int_equal(stream_start_tls_server(&f.there, server), 0);
    assert_int_equal(stream_start_tls_client(&f.here, client, name), 0);
}

static inline void secure(struct tls_server *server)
{
    struct tls_client *client = client_of(TLS_CHECK_NONE, NULL);
    start(server, client, "db.example");
    tls_client_free(client); /* the stream holds what it needs */
    struct shaken s = shake();
    assert_int_equal(s.here, STREAM_DONE);
    assert_int_equal(s.there, STREAM_DONE);
}

/* A client that is not ours, with its context as the test wants it. */
static inline void start_raw(struct tls_server *server, SSL_CTX *context)
{
    assert_int_equal(stream_start_tls_server(&f.there, server), 0);
    SSL *ssl = SSL_new(context);
    assert_non_null(ssl);
    SSL_set_fd(ssl, f.here.fd);
    SSL_set_connect_state(ssl);
    f.here.tls = ssl;
}

static inline enum stream_io read_soon(struct stream *s, uint8_t *to, size_t n, size_t *n_out)
{
    for (int i = 0; i < 60000; i++) {
        enum stream_io io = stream_read(s, to, n, n_out);
        if (io != STREAM_AGAIN) return io;
        wait_a_little(s);
    }
    return STREAM_AGAIN;
}

static inline void put(struct stream *s, const char *text)
{
    size_t n;
    assert_int_equal(stream_write(s, bytes_of(text), &n), STREAM_DONE);
    assert_int_equal(n, strlen(text));
}

static inline void expect(struct stream *s, const char *text)
{
    uint8_t got[100];
    size_t n, have = 0;
    while (have < strlen(text)) {
        assert_int_equal(read_soon(s, got + have, strlen(text) - have, &n), STREAM_DONE);
        have += n;
    }
    assert_memory_equal(got, text, have);
}

static inline void expect_end(struct stream *s, enum stream_io end)
{
    uint8_t byte;
    size_t n;
    assert_int_equal(read_soon(s, &byte, 1, &n), end);
    assert_int_equal(n, 0);
}
#endif
