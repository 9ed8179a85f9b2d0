/* Handshakes, whom to believe, and what a channel is bound by. */
#include "net/test-pair.h"

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
    return cmocka_run_group_tests_name("tls", tests, begin_all, end_all);
}
