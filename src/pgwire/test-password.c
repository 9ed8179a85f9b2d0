#include "base/test.h"

#include "base/buf.h"
#include "base/codec.h"
#include "pgwire/password.h"

static struct password_keys keys_of(const char *password, struct bytes salt, uint32_t iterations,
                                    uint32_t slice)
{
    struct password_stretch s;
    struct password_keys keys;
    int rc;
    assert_int_equal(password_stretch_begin(&s, bytes_of(password), salt, iterations), 0);
    do
        assert_true((rc = password_stretch_step(&s, slice)) >= 0);
    while (rc == 0);
    assert_int_equal(password_stretch_keys(&s, &keys), 0);
    password_stretch_end(&s);
    return keys;
}

static void rfc_7677_gives_its_own_proof_and_signature(void **state)
{
    (void)state;
    struct buf salt, out;
    buf_init(&salt, 100);
    buf_init(&out, 200);
    assert_true(codec_unbase64(CODEC_BASE64, bytes_of("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt));
    const char *message =
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    uint32_t slices[] = { 1, 100, 4096, 1000000 };
    for (size_t i = 0; i < 4; i++) {
        uint8_t proof[32], signature[32];
        struct password_keys keys = keys_of("pencil", buf_bytes(&salt), 4096, slices[i]);
        assert_int_equal(password_prove(&keys, bytes_of(message), proof, signature), 0);
        codec_base64(CODEC_BASE64, bytes_make(proof, 32), &out);
        assert_bytes(buf_bytes(&out), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        buf_consume(&out, buf_length(&out));
        codec_base64(CODEC_BASE64, bytes_make(signature, 32), &out);
        assert_bytes(buf_bytes(&out), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        buf_consume(&out, buf_length(&out));
        assert_true(password_proof_holds(keys.stored, bytes_of(message), proof));
        proof[7] ^= 1;
        assert_false(password_proof_holds(keys.stored, bytes_of(message), proof));
    }
    buf_free(&salt);
    buf_free(&out);
}

static void zero_iterations_and_unfinished_work_are_refused(void **state)
{
    (void)state;
    struct password_stretch s;
    struct password_keys keys;
    assert_true(password_stretch_begin(&s, bytes_of("x"), bytes_of("salt"), 0) < 0);
    password_stretch_end(&s);
    assert_int_equal(password_stretch_begin(&s, bytes_of("x"), bytes_of("salt"), 10), 0);
    assert_int_equal(password_stretch_step(&s, 5), 0);
    assert_true(password_stretch_keys(&s, &keys) < 0);
    password_stretch_end(&s);
    assert_true(password_stretch_step(&s, 5) < 0);
}

/* Computed with PostgreSQL's rule: md5(md5(password user) salt). */
static void md5_is_what_postgresql_expects(void **state)
{
    (void)state;
    char text[PASSWORD_MD5_TEXT];
    assert_int_equal(
        password_md5(bytes_of("secret"), bytes_of("alice"), (const uint8_t *)"\x01\x02\x03\x04", text), 0);
    assert_string_equal(text, "md598a0412b9c31436fc53776e863350083");
}

static void preparation_follows_saslprep_and_falls_back_to_the_raw_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "plain ASCII\x01\x7f", "plain ASCII\x01\x7f" }, /* PostgreSQL leaves ASCII alone, controls too */
        { "I\xC2\xADX", "IX" },                           /* RFC 4013: soft hyphen mapped to nothing */
        { "\xC2\xAA", "a" },                              /* NFKC */
        { "\xE2\x85\xA8", "IX" },                         /* NFKC of U+2168 */
        { "a\xC2\xA0"
          "b",
          "a b" }, /* no-break space to space */
        { "\xC3\xBC", "\xC3\xBC" },
        { "u\xCC\x88", "\xC3\xBC" },                /* composed */
        { "\xD8\xA7\x31", "\xD8\xA7\x31" },         /* bidi rule: prohibited, so raw */
        { "\xC3\x28", "\xC3\x28" },                 /* not UTF-8: raw */
        { "a\xC2\xAD\x07", "a\xC2\xAD\x07" },       /* a control beside non-ASCII: prohibited, so raw */
        { "\xC2\xAD", "\xC2\xAD" },                 /* nothing is left: raw */
        { "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80" }, /* unassigned in Unicode 3.2: raw */
        { "e\xCD\x81", "e\xCD\x81" },               /* deprecated tone mark: raw */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct secret s = password_prepare(bytes_of(cases[i].in));
        assert_bytes(secret_bytes(&s), cases[i].out);
        secret_free(&s);
    }
    assert_null(password_prepare(bytes_of("")).data);
    assert_null(password_prepare(bytes_make("a\0b", 3)).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_7677_gives_its_own_proof_and_signature),
        cmocka_unit_test(zero_iterations_and_unfinished_work_are_refused),
        cmocka_unit_test(md5_is_what_postgresql_expects),
        cmocka_unit_test(preparation_follows_saslprep_and_falls_back_to_the_raw_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
