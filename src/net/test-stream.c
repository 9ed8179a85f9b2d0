/* Streams in clear and under TLS, both ends in one thread. Certificates are made here, with OpenSSL. */
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

static X509 *certificate_of(EVP_PKEY *key, const struct recipe *recipe)
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

static EVP_PKEY *key_of(const char *kind)
{
    if (strcmp(kind, "EC") == 0) return EVP_EC_gen("P-256");
    if (strcmp(kind, "ED25519") == 0) return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_RSA_gen(2048);
}

static void put_certificate(X509 *x, const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, x), 1);
    fclose(file);
}

static void put_key(EVP_PKEY *key, const char *path, const char *passphrase)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                          (void *)passphrase),
                     1);
    fclose(file);
}

/* A certificate that is its own authority, and its key, in files. */
static void make(const struct recipe *recipe, const char *certificate, const char *key_path)
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

static struct tls_server *server_of(const char *certificate, const char *key, const char *client_ca)
{
    struct tls_server *tls = NULL;
    const char *error = NULL;
    if (tls_server_new(certificate, key, client_ca, &tls, &error)) fail_msg("tls_server_new: %s", error);
    return tls;
}

static struct tls_client *client_of(enum tls_check check, const char *ca)
{
    struct tls_client *tls = NULL;
    const char *error = NULL;
    if (tls_client_new(check, ca, &tls, &error)) fail_msg("tls_client_new: %s", error);
    return tls;
}

/* ---- fixture */

static int begin_all(void **state)
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

static int end_all(void **state)
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

static int begin(void **state)
{
    (void)state;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return -1;
    stream_init(&f.here, pair[0]);
    stream_init(&f.there, pair[1]);
    alarm(600);
    return 0;
}

static int end(void **state)
{
    (void)state;
    alarm(0);
    stream_close(&f.here);
    stream_close(&f.there);
    return 0;
}

/* The pair becomes one over TCP, on loopback. */
static void over_tcp(void)
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

static void wait_a_little(const struct stream *s)
{
    struct pollfd p = { .fd = s->fd, .events = POLLIN };
    poll(&p, 1, 5);
}

/* Handshakes on both sides until neither goes on; their outcomes. */
struct shaken {
    enum stream_io here, there;
    const char *message; /* of the client */
};

static struct shaken shake(void)
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

static void start(struct tls_server *server, struct tls_client *client, const char *name)
{
    assert_int_equal(stream_start_tls_server(&f.there, server), 0);
    assert_int_equal(stream_start_tls_client(&f.here, client, name), 0);
}

static void secure(struct tls_server *server)
{
    struct tls_client *client = client_of(TLS_CHECK_NONE, NULL);
    start(server, client, "db.example");
    tls_client_free(client); /* the stream holds what it needs */
    struct shaken s = shake();
    assert_int_equal(s.here, STREAM_DONE);
    assert_int_equal(s.there, STREAM_DONE);
}

/* A client that is not ours, with its context as the test wants it. */
static void start_raw(struct tls_server *server, SSL_CTX *context)
{
    assert_int_equal(stream_start_tls_server(&f.there, server), 0);
    SSL *ssl = SSL_new(context);
    assert_non_null(ssl);
    SSL_set_fd(ssl, f.here.fd);
    SSL_set_connect_state(ssl);
    f.here.tls = ssl;
}

static enum stream_io read_soon(struct stream *s, uint8_t *to, size_t n, size_t *n_out)
{
    for (int i = 0; i < 60000; i++) {
        enum stream_io io = stream_read(s, to, n, n_out);
        if (io != STREAM_AGAIN) return io;
        wait_a_little(s);
    }
    return STREAM_AGAIN;
}

static void put(struct stream *s, const char *text)
{
    size_t n;
    assert_int_equal(stream_write(s, bytes_of(text), &n), STREAM_DONE);
    assert_int_equal(n, strlen(text));
}

static void expect(struct stream *s, const char *text)
{
    uint8_t got[100];
    size_t n, have = 0;
    while (have < strlen(text)) {
        assert_int_equal(read_soon(s, got + have, strlen(text) - have, &n), STREAM_DONE);
        have += n;
    }
    assert_memory_equal(got, text, have);
}

static void expect_end(struct stream *s, enum stream_io end)
{
    uint8_t byte;
    size_t n;
    assert_int_equal(read_soon(s, &byte, 1, &n), end);
    assert_int_equal(n, 0);
}

/* ---- bytes, in clear and under TLS alike */

/* All of `sent` from here to there through a small window. What is left after AGAIN moves in memory, as a
 * queue does that grows. */
static void pour(void)
{
    size_t written = 0, read = 0, n;
    int small = 8192, n_again = 0, n_part = 0;
    setsockopt(f.here.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    uint8_t *left = NULL;
    while (read < BIG) {
        enum stream_io io = STREAM_AGAIN;
        if (written < BIG) {
            free(left);
            left = malloc(BIG - written);
            assert_non_null(left);
            memcpy(left, f.sent + written, BIG - written);
            io = stream_write(&f.here, bytes_make(left, BIG - written), &n);
            assert_int_not_equal(io, STREAM_FAILED);
            assert_int_not_equal(io, STREAM_EOF);
            n_part += io == STREAM_DONE && n < BIG - written;
            written += n;
        }
        if (io == STREAM_DONE) continue;
        n_again++;
        while (stream_read(&f.there, f.got + read, BIG - read < 100000 ? BIG - read : 100000, &n) ==
               STREAM_DONE) {
            read += n;
            if (read == BIG) break;
        }
    }
    free(left);
    assert_true(n_again > 3 && n_part > 3);
    assert_memory_equal(f.got, f.sent, BIG);
    memset(f.got, 0, BIG);
}

static void what_is_written_in_parts_arrives_whole(void **state)
{
    (void)state;
    pour();
    over_tcp();
    pour();
}

static void so_it_does_under_tls(void **state)
{
    (void)state;
    secure(f.server);
    pour();
    stream_close(&f.here);
    over_tcp();
    secure(f.server);
    pour();
}

static void with_nothing_there_a_read_says_again(void **state)
{
    (void)state;
    uint8_t byte;
    size_t n = 9;
    assert_int_equal(stream_read(&f.here, &byte, 1, &n), STREAM_AGAIN);
    assert_int_equal(n, 0);
    secure(f.server);
    n = 9;
    assert_int_equal(stream_read(&f.here, &byte, 1, &n), STREAM_AGAIN);
    assert_int_equal(n, 0);
}

static void half_close(void)
{
    put(&f.here, "the last words");
    stream_shutdown(&f.here);
    expect(&f.there, "the last words");
    expect_end(&f.there, STREAM_EOF);
    expect_end(&f.there, STREAM_EOF);
    put(&f.there, "an answer");
    stream_shutdown(&f.there);
    expect(&f.here, "an answer");
    expect_end(&f.here, STREAM_EOF);
}

static void a_peer_that_ended_its_side_still_reads(void **state)
{
    (void)state;
    half_close();
    over_tcp();
    half_close();
}

static void so_it_does_under_tls_too(void **state)
{
    (void)state;
    secure(f.server);
    half_close();
    over_tcp();
    secure(f.server);
    half_close();
}

static void writing_to_a_peer_that_is_gone_fails_and_raises_no_signal(void **state)
{
    (void)state;
    size_t n;
    signal(SIGPIPE, SIG_DFL);
    stream_close(&f.there);
    assert_int_equal(stream_write(&f.here, BYTES_LITERAL("hello?"), &n), STREAM_FAILED);
    assert_int_equal(n, 0);
    signal(SIGPIPE, SIG_IGN);
    over_tcp();
    secure(f.server);
    stream_close(&f.there);
    enum stream_io io = STREAM_DONE;
    for (int i = 0; i < 60000 && io == STREAM_DONE; i++) {
        io = stream_write(&f.here, BYTES_LITERAL("hello?"), &n);
        wait_a_little(&f.here);
    }
    assert_int_equal(io, STREAM_FAILED);
}

static void a_connection_that_was_reset_fails(void **state)
{
    (void)state;
    struct linger at_once = { 1, 0 };
    over_tcp();
    setsockopt(f.there.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    stream_close(&f.there);
    expect_end(&f.here, STREAM_FAILED);
}

/* An end that anybody on the way can make is no end in order. */
static void under_tls_an_end_without_notice_is_a_failure(void **state)
{
    (void)state;
    secure(f.server);
    put(&f.there, "cut");
    shutdown(f.there.fd, SHUT_WR);
    uint8_t got[100];
    size_t n;
    assert_int_equal(read_soon(&f.here, got, sizeof got, &n), STREAM_DONE); /* first what did arrive */
    assert_bytes(bytes_make(got, n), "cut");
    expect_end(&f.here, STREAM_FAILED);
    expect_end(&f.here, STREAM_FAILED);
}

static void what_was_decrypted_and_not_read_is_pending(void **state)
{
    (void)state;
    uint8_t got[4];
    size_t n;
    put(&f.there, "in clear");
    assert_int_equal(stream_pending(&f.here), 0);
    expect(&f.here, "in clear");
    secure(f.server);
    assert_int_equal(stream_pending(&f.here), 0);
    put(&f.there, "0123456789");
    assert_int_equal(read_soon(&f.here, got, 4, &n), STREAM_DONE);
    assert_int_equal(n, 4);
    assert_int_equal(stream_pending(&f.here), 6);
    expect(&f.here, "456789");
    assert_int_equal(stream_pending(&f.here), 0);
}

static void closing_is_for_good_and_may_be_done_twice(void **state)
{
    (void)state;
    stream_close(&f.here);
    assert_int_equal(f.here.fd, -1);
    stream_close(&f.here);
    stream_shutdown(&f.here);
    expect_end(&f.there, STREAM_EOF);
}

static void where_nobody_listens_connecting_fails(void **state)
{
    (void)state;
    struct stream s;
    struct address at;
    int error = 0, bound = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(address_of_ip("127.0.0.1", 0, &at), 0);
    assert_int_equal(bind(bound, (struct sockaddr *)&at.storage, at.length), 0);
    assert_int_equal(getsockname(bound, (struct sockaddr *)&at.storage, &at.length), 0);
    enum stream_io io = stream_connect(&s, &at, &error);
    if (io == STREAM_AGAIN) {
        struct pollfd p = { .fd = s.fd, .events = POLLOUT };
        assert_int_equal(poll(&p, 1, 300000), 1);
        io = stream_connected(&s, &error);
        stream_close(&s);
    }
    assert_int_equal(io, STREAM_FAILED);
    assert_int_equal(error, -ECONNREFUSED);
    close(bound);
    assert_int_equal(address_of_ip("/nowhere/at/all", 0, &at), 0);
    assert_int_equal(stream_connect(&s, &at, &error), STREAM_FAILED);
    assert_int_equal(error, -ENOENT);
    assert_int_equal(s.fd, -1);
}

/* ---- handshakes */

static void both_sides_agree_on_tls_and_on_postgresql(void **state)
{
    (void)state;
    char text[100];
    stream_describe_tls(&f.there, text);
    assert_string_equal(text, "");
    assert_false(stream_alpn_is_postgresql(&f.there));
    secure(f.server);
    assert_true(stream_alpn_is_postgresql(&f.there));
    assert_true(stream_alpn_is_postgresql(&f.here));
    stream_describe_tls(&f.there, text);
    assert_true(bytes_starts_with(bytes_of(text), "TLSv1.3 TLS_"));
    put(&f.here, "ping");
    expect(&f.there, "ping");
}

/* A handshake of a raw client with that list of protocols (NULL: none offered). */
static struct shaken offer(const char *protocols, int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    if (protocols)
        assert_int_equal(
            SSL_CTX_set_alpn_protos(context, (const uint8_t *)protocols, (unsigned)strlen(protocols)), 0);
    start_raw(f.server, context);
    SSL_CTX_free(context);
    return shake();
}

static void another_protocol_is_refused(void **state)
{
    (void)state;
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    for (int i = 0; i < 2; i++) {
        struct shaken s = offer("\x08http/1.1\x02h2", versions[i]);
        assert_int_equal(s.here, STREAM_FAILED);
        assert_int_equal(s.there, STREAM_FAILED);
        end(state);
        assert_int_equal(begin(state), 0);
        s = offer("\x0bpostgresql2", versions[i]);
        assert_int_equal(s.there, STREAM_FAILED);
        end(state);
        assert_int_equal(begin(state), 0);
    }
}

static void postgresql_is_chosen_from_among_others(void **state)
{
    (void)state;
    struct shaken s = offer("\x08http/1.1\x0apostgresql", TLS1_2_VERSION);
    assert_int_equal(s.there, STREAM_DONE);
    assert_int_equal(s.here, STREAM_DONE);
    assert_true(stream_alpn_is_postgresql(&f.there));
}

static void no_protocol_offered_is_let_through_and_told(void **state)
{
    (void)state;
    struct shaken s = offer(NULL, TLS1_3_VERSION);
    assert_int_equal(s.there, STREAM_DONE);
    assert_int_equal(s.here, STREAM_DONE);
    assert_false(stream_alpn_is_postgresql(&f.there));
}

static void tls_older_than_1_2_is_refused(void **state)
{
    (void)state;
    struct shaken s = offer("\x0apostgresql", TLS1_1_VERSION);
    assert_int_equal(s.there, STREAM_FAILED);
    assert_int_equal(s.here, STREAM_FAILED);
}

static void what_is_no_handshake_fails_with_a_sentence(void **state)
{
    (void)state;
    const char *message = NULL;
    assert_int_equal(stream_start_tls_server(&f.there, f.server), 0);
    assert_int_equal(stream_handshake(&f.there, &message), STREAM_AGAIN);
    put(&f.here, "GET / HTTP/1.1\r\n\r\n");
    assert_int_equal(stream_handshake(&f.there, &message), STREAM_FAILED);
    assert_non_null(message);
    assert_true(strlen(message) > 0);
    stream_shutdown(&f.there); /* of no use, and no harm */
    end(state);
    assert_int_equal(begin(state), 0);
    assert_int_equal(stream_start_tls_server(&f.there, f.server), 0);
    stream_close(&f.here);
    message = NULL;
    assert_int_equal(stream_handshake(&f.there, &message), STREAM_FAILED);
    assert_non_null(message);
}

static void a_handshake_is_never_resumed(void **state)
{
    (void)state;
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct tls_server *asking = server_of(f.certificate, f.key, f.certificate);
    for (int i = 0; i < 2; i++) {
        SSL_SESSION *session = NULL;
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_max_proto_version(context, versions[i]);
        for (int round = 0; round < 2; round++) {
            start_raw(asking, context);
            if (session) SSL_set_session(f.here.tls, session);
            struct shaken s = shake();
            assert_int_equal(s.here, STREAM_DONE);
            assert_int_equal(s.there, STREAM_DONE);
            put(&f.there, "x");
            expect(&f.here, "x"); /* tickets of TLS 1.3 would have come before it */
            assert_false(SSL_session_reused(f.here.tls));
            SSL_SESSION_free(session);
            session = SSL_get1_session(f.here.tls);
            assert_false(SSL_SESSION_has_ticket(session));
            end(state);
            assert_int_equal(begin(state), 0);
        }
        SSL_SESSION_free(session);
        SSL_CTX_free(context);
    }
    tls_server_free(asking);
}

/* ---- whom to believe */

static struct shaken check(enum tls_check how, const char *ca, const char *name)
{
    struct tls_client *client = client_of(how, ca);
    stream_close(&f.here);
    stream_close(&f.there);
    assert_int_equal(begin(NULL), 0);
    start(f.server, client, name);
    tls_client_free(client);
    return shake();
}

static void a_name_is_checked_where_it_is_to_be(void **state)
{
    (void)state;
    const char *ca = f.certificate, *other = f.other_certificate;
    const struct {
        enum tls_check how;
        const char *ca, *name;
        bool good;
    } cases[] = {
        { TLS_CHECK_NONE, NULL, "wrong.example", true },
        { TLS_CHECK_CA, ca, "wrong.example", true },
        { TLS_CHECK_CA, other, "db.example", false },
        { TLS_CHECK_CA, NULL, "db.example", false }, /* the system does not know it */
        { TLS_CHECK_FULL, ca, "db.example", true },
        { TLS_CHECK_FULL, ca, "DB.Example", true },
        { TLS_CHECK_FULL, ca, "a.wild.example", true },
        { TLS_CHECK_FULL, ca, "127.0.0.1", true },
        { TLS_CHECK_FULL, ca, "::1", true },
        { TLS_CHECK_FULL, ca, "wrong.example", false },
        { TLS_CHECK_FULL, ca, "example", false },
        { TLS_CHECK_FULL, ca, "db.example.org", false },
        { TLS_CHECK_FULL, ca, "sub.db.example", false },
        { TLS_CHECK_FULL, ca, "a.b.wild.example", false },
        { TLS_CHECK_FULL, ca, "a test's own", false }, /* its common name is not one of its names */
        { TLS_CHECK_FULL, ca, "127.0.0.2", false },
        { TLS_CHECK_FULL, other, "db.example", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shaken s = check(cases[i].how, cases[i].ca, cases[i].name);
        if ((s.here == STREAM_DONE) != cases[i].good) print_error("case %zu: %s\n", i, cases[i].name);
        assert_int_equal(s.here, cases[i].good ? STREAM_DONE : STREAM_FAILED);
        if (!cases[i].good) assert_true(strlen(s.message) > 0);
        if (cases[i].good) assert_int_equal(s.there, STREAM_DONE);
    }
    struct shaken s = check(TLS_CHECK_FULL, ca, "wrong.example");
    assert_string_equal(s.message, X509_verify_cert_error_string(X509_V_ERR_HOSTNAME_MISMATCH));
}

static void a_name_that_no_certificate_can_have_is_no_handshake(void **state)
{
    (void)state;
    struct tls_client *client = client_of(TLS_CHECK_FULL, f.certificate);
    assert_int_equal(stream_start_tls_client(&f.here, client, "/run/postgresql"), -EINVAL);
    tls_client_free(client);
}

static void an_expired_certificate_is_refused_where_it_is_checked(void **state)
{
    (void)state;
    const struct recipe old = { "EC", EVP_sha256(), NAMES, -86400 };
    char certificate[80], key[80];
    snprintf(certificate, sizeof certificate, "%s/old.pem", f.folder);
    snprintf(key, sizeof key, "%s/old-key.pem", f.folder);
    make(&old, certificate, key);
    struct tls_server *server = server_of(certificate, key, NULL), *usual = f.server;
    f.server = server;
    struct shaken s = check(TLS_CHECK_CA, certificate, "db.example");
    f.server = usual;
    assert_int_equal(s.here, STREAM_FAILED);
    assert_string_equal(s.message, X509_verify_cert_error_string(X509_V_ERR_CERT_HAS_EXPIRED));
    tls_server_free(server);
    unlink(certificate);
    unlink(key);
}

static void a_client_certificate_of_a_stranger_is_refused_and_none_is_not(void **state)
{
    (void)state;
    struct tls_server *asking = server_of(f.certificate, f.key, f.certificate);
    secure(asking); /* ours shows none */
    const struct {
        const char *certificate, *key;
        enum stream_io there;
    } cases[] = { { f.certificate, f.key, STREAM_DONE },
                  { f.other_certificate, f.other_key, STREAM_FAILED } };
    for (int i = 0; i < 2; i++) {
        end(state);
        assert_int_equal(begin(state), 0);
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        assert_int_equal(SSL_CTX_use_certificate_file(context, cases[i].certificate, SSL_FILETYPE_PEM), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(context, cases[i].key, SSL_FILETYPE_PEM), 1);
        start_raw(asking, context);
        SSL_CTX_free(context);
        assert_int_equal(shake().there, cases[i].there);
    }
    tls_server_free(asking);
}

static void files_that_do_not_fit_are_errors_with_a_sentence(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    put_key(key, f.locked_key, "passphrase");
    EVP_PKEY_free(key);
    const struct {
        const char *certificate, *key, *ca;
    } cases[] = {
        { "/nowhere", f.key, NULL },
        { f.certificate, "/nowhere", NULL },
        { f.certificate, f.other_key, NULL },
        { f.certificate, f.key, "/nowhere" },
        { f.key, f.key, NULL },
        { f.certificate, f.locked_key, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_server *tls = NULL;
        const char *error = NULL;
        assert_int_equal(tls_server_new(cases[i].certificate, cases[i].key, cases[i].ca, &tls, &error),
                         -EINVAL);
        assert_null(tls);
        assert_non_null(error);
        assert_string_not_equal(error, "unknown TLS error");
    }
    struct tls_client *tls = NULL;
    const char *error = NULL;
    assert_int_equal(tls_client_new(TLS_CHECK_FULL, "/nowhere", &tls, &error), -EINVAL);
    assert_non_null(error);
}

/* ---- channel binding */

static size_t end_point_of(struct tls_server *server, uint8_t out[64])
{
    stream_close(&f.here);
    stream_close(&f.there);
    assert_int_equal(begin(NULL), 0);
    secure(server);
    assert_int_equal(stream_peer_end_point(&f.there, out), 0); /* ours shows the server no certificate */
    return stream_peer_end_point(&f.here, out);
}

static void is_digest_of_file(const char *path, const EVP_MD *digest, const uint8_t *found, size_t n_found)
{
    uint8_t expected[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned n = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    int n_der = i2d_X509(x, &der);
    assert_true(n_der > 0);
    assert_int_equal(EVP_Digest(der, (size_t)n_der, expected, &n, digest, NULL), 1);
    assert_int_equal(n_found, n);
    assert_memory_equal(found, expected, n);
    OPENSSL_free(der);
    X509_free(x);
}

static void the_end_point_is_the_hash_that_rfc_5929_names(void **state)
{
    (void)state;
    const struct {
        const char *key;
        const EVP_MD *digest, *expected;
    } cases[] = {
        { "EC", EVP_sha256(), EVP_sha256() },      { "EC", EVP_sha384(), EVP_sha384() },
        { "RSA", EVP_sha256(), EVP_sha256() },     { "RSA", EVP_sha512(), EVP_sha512() },
        { "RSA", EVP_sha1(), EVP_sha256() },       { "RSA-PSS", EVP_sha256(), EVP_sha256() },
        { "RSA-PSS", EVP_sha512(), EVP_sha512() }, { "ED25519", NULL, EVP_sha256() },
    };
    char certificate[80], key[80];
    snprintf(certificate, sizeof certificate, "%s/bound.pem", f.folder);
    snprintf(key, sizeof key, "%s/bound-key.pem", f.folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t found[64];
        const struct recipe recipe = { cases[i].key, cases[i].digest, NAMES, 86400 };
        make(&recipe, certificate, key);
        struct tls_server *server = server_of(certificate, key, NULL);
        size_t n = end_point_of(server, found);
        is_digest_of_file(certificate, cases[i].expected, found, n);
        tls_server_free(server);
    }
    unlink(certificate);
    unlink(key);
}

/* Or else who stands between could show one, and have the binding left out. */
static void a_signature_that_nobody_knows_has_an_end_point_too(void **state)
{
    (void)state;
    static const uint8_t oid[] = { 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02 }; /* ecdsa-with-SHA256 */
    const struct recipe recipe = { "EC", EVP_sha256(), NAMES, 86400 };
    char certificate[80];
    uint8_t *der = NULL, found[64];
    snprintf(certificate, sizeof certificate, "%s/odd.pem", f.folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certificate_of(key, &recipe);
    int n = i2d_X509(x, &der), n_changed = 0;
    X509_free(x);
    for (int i = 0; i + (int)sizeof oid <= n; i++)
        if (memcmp(der + i, oid, sizeof oid) == 0) {
            der[i + 7] = 0x7F;
            n_changed++;
        }
    assert_int_equal(n_changed, 2);
    const uint8_t *p = der;
    x = d2i_X509(NULL, &p, n);
    assert_non_null(x);
    put_certificate(x, certificate);
    /* Ours would not show it. */
    struct tls_server *server = server_of(f.certificate, f.key, NULL);
    SSL_CTX_set_security_level(server->context, 0);
    assert_int_equal(SSL_CTX_use_certificate(server->context, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, key), 1);
    size_t n_found = end_point_of(server, found);
    is_digest_of_file(certificate, EVP_sha256(), found, n_found);
    tls_server_free(server);
    X509_free(x);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    unlink(certificate);
}

static void in_clear_there_is_no_end_point(void **state)
{
    (void)state;
    uint8_t found[64];
    assert_int_equal(stream_peer_end_point(&f.here, found), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(what_is_written_in_parts_arrives_whole),
        TEST(so_it_does_under_tls),
        TEST(with_nothing_there_a_read_says_again),
        TEST(a_peer_that_ended_its_side_still_reads),
        TEST(so_it_does_under_tls_too),
        TEST(writing_to_a_peer_that_is_gone_fails_and_raises_no_signal),
        TEST(a_connection_that_was_reset_fails),
        TEST(under_tls_an_end_without_notice_is_a_failure),
        TEST(what_was_decrypted_and_not_read_is_pending),
        TEST(closing_is_for_good_and_may_be_done_twice),
        TEST(where_nobody_listens_connecting_fails),
        TEST(both_sides_agree_on_tls_and_on_postgresql),
        TEST(another_protocol_is_refused),
        TEST(postgresql_is_chosen_from_among_others),
        TEST(no_protocol_offered_is_let_through_and_told),
        TEST(tls_older_than_1_2_is_refused),
        TEST(what_is_no_handshake_fails_with_a_sentence),
        TEST(a_handshake_is_never_resumed),
        TEST(a_name_is_checked_where_it_is_to_be),
        TEST(a_name_that_no_certificate_can_have_is_no_handshake),
        TEST(an_expired_certificate_is_refused_where_it_is_checked),
        TEST(a_client_certificate_of_a_stranger_is_refused_and_none_is_not),
        TEST(files_that_do_not_fit_are_errors_with_a_sentence),
        TEST(the_end_point_is_the_hash_that_rfc_5929_names),
        TEST(a_signature_that_nobody_knows_has_an_end_point_too),
        TEST(in_clear_there_is_no_end_point),
    };
    return cmocka_run_group_tests_name("stream", tests, begin_all, end_all);
}
