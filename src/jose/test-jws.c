#include "base/test.h"

#include "base/codec.h"
#include "jose/jws.h"
#include "jose/sign.h"
#include <openssl/hmac.h>
#include <stdlib.h>

static const enum jose_algorithm all[] = { JOSE_RS256, JOSE_RS384, JOSE_RS512, JOSE_PS256, JOSE_PS384,
                                           JOSE_PS512, JOSE_ES256, JOSE_ES384, JOSE_ES512, JOSE_EdDSA };
enum { N_ALL = sizeof all / sizeof *all };

struct fixture {
    struct arena arena;
    struct buf token, set_text;
    struct jose_signer *signers[N_ALL];
    struct jose_key_set *set; /* all of them, kid = the algorithm's name */
    struct jws jws;
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    arena_init(&f->arena, 4096, 4 << 20);
    buf_init(&f->token, 1 << 20);
    buf_init(&f->set_text, 1 << 20);
    for (size_t i = 0; i < N_ALL; i++) {
        f->signers[i] = jose_signer_new(all[i], bytes_of(jose_algorithm_facts(all[i])->name));
        if (!f->signers[i]) return -1;
    }
    if (!jose_signers_key_set(f->signers, N_ALL, &f->set_text)) return -1;
    return jose_key_set_parse(buf_bytes(&f->set_text), &f->set) == JOSE_KEYS_READ ? 0 : -1;
}

static int end(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < N_ALL; i++)
        jose_signer_free(f->signers[i]);
    jose_key_set_free(f->set);
    buf_free(&f->token);
    buf_free(&f->set_text);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static enum jws_parsed parse(struct fixture *f, struct bytes token)
{
    const char *why;
    enum jws_parsed outcome = jws_parse(token, &f->arena, &f->jws, &why);
    assert_true((outcome == JWS_PARSED) == (why == NULL));
    return outcome;
}

static void sign(struct fixture *f, size_t signer, const char *header)
{
    buf_consume(&f->token, buf_length(&f->token));
    bool done = header ? jose_signer_token_with_header(f->signers[signer], bytes_of(header),
                                                       BYTES_LITERAL("{\"a\":1}"), &f->token)
                       : jose_signer_token(f->signers[signer], BYTES_LITERAL("{\"a\":1}"), &f->token);
    assert_true(done);
}

static enum jws_parsed parsed_with_header(struct fixture *f, const char *header)
{
    sign(f, 6, header);
    return parse(f, buf_bytes(&f->token));
}

static void every_accepted_algorithm_verifies_with_its_own_key_only(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->set->n, N_ALL);
    for (size_t i = 0; i < N_ALL; i++) {
        sign(f, i, NULL);
        assert_int_equal(parse(f, buf_bytes(&f->token)), JWS_PARSED);
        assert_int_equal(f->jws.algorithm, all[i]);
        assert_bytes(f->jws.payload, "{\"a\":1}");
        assert_int_equal(jws_verify(&f->jws, f->set), JWS_GOOD);
        for (size_t k = 0; k < N_ALL; k++) {
            f->jws.kid = f->set->keys[k].kid;
            if (k != i) assert_int_equal(jws_verify(&f->jws, f->set), JWS_WRONG_ALGORITHM);
        }
    }
}

static void any_changed_byte_of_a_token_refuses_it(void **state)
{
    struct fixture *f = *state;
    const size_t signers[] = { 0, 3, 6, 9 };
    for (size_t s = 0; s < 4; s++) {
        sign(f, signers[s], NULL);
        size_t n = buf_length(&f->token);
        uint8_t *copy = malloc(n);
        memcpy(copy, buf_bytes(&f->token).p, n);
        for (size_t i = 0; i < n; i++) {
            copy[i] ^= 1;
            if (parse(f, bytes_make(copy, n)) == JWS_PARSED)
                assert_int_not_equal(jws_verify(&f->jws, f->set), JWS_GOOD);
            copy[i] ^= 1;
            arena_reset(&f->arena);
        }
        free(copy);
    }
}

static void a_key_for_another_algorithm_of_its_type_is_not_used(void **state)
{
    struct fixture *f = *state;
    sign(f, 0, "{\"alg\":\"PS256\",\"kid\":\"RS256\"}");
    assert_int_equal(parse(f, buf_bytes(&f->token)), JWS_PARSED);
    assert_int_equal(jws_verify(&f->jws, f->set), JWS_WRONG_ALGORITHM);
    sign(f, 6, "{\"alg\":\"RS256\",\"kid\":\"ES256\"}");
    assert_int_equal(parse(f, buf_bytes(&f->token)), JWS_PARSED);
    assert_int_equal(jws_verify(&f->jws, f->set), JWS_WRONG_ALGORITHM);
}

static void a_token_without_kid_needs_the_one_key_that_fits(void **state)
{
    struct fixture *f = *state;
    sign(f, 6, "{\"alg\":\"ES256\"}");
    assert_int_equal(parse(f, buf_bytes(&f->token)), JWS_PARSED);
    assert_int_equal(jws_verify(&f->jws, f->set), JWS_GOOD);
    struct jose_signer *two[2] = { f->signers[6], jose_signer_new(JOSE_ES256, BYTES_LITERAL("second")) };
    struct jose_key_set *set;
    struct buf text;
    buf_init(&text, 4096);
    assert_true(jose_signers_key_set(two, 2, &text));
    assert_int_equal(jose_key_set_parse(buf_bytes(&text), &set), JOSE_KEYS_READ);
    assert_int_equal(jws_verify(&f->jws, set), JWS_UNKNOWN_KEY);
    f->jws.kid = BYTES_LITERAL("third");
    assert_int_equal(jws_verify(&f->jws, set), JWS_UNKNOWN_KEY);
    f->jws.kid = BYTES_LITERAL("second");
    assert_int_equal(jws_verify(&f->jws, set), JWS_BAD_SIGNATURE);
    f->jws.kid = BYTES_LITERAL("ES256");
    assert_int_equal(jws_verify(&f->jws, set), JWS_GOOD);
    jose_signer_free(two[1]);
    jose_key_set_free(set);
    buf_free(&text);
}

static void none_and_hmac_are_no_algorithms(void **state)
{
    struct fixture *f = *state;
    const char *names[] = { "none", "None",  "NONE",   "",        "HS256",    "HS384", "HS512",
                            "RS1",  "es256", "ES256K", "Ed25519", "RSA-OAEP", "dir" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char header[80];
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"ES256\"}", names[i]);
        assert_int_equal(parsed_with_header(f, header), JWS_NO_ALGORITHM);
        assert_bytes(f->jws.alg, names[i]);
    }
    /* An unsigned token has an empty third part. */
    assert_int_equal(parse(f, BYTES_LITERAL("eyJhbGciOiJub25lIn0.e30.")), JWS_MALFORMED);
}

static void hmac_made_with_the_public_key_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t mac[32];
    unsigned n = sizeof mac;
    struct buf token;
    buf_init(&token, 4096);
    codec_base64(CODEC_BASE64URL, BYTES_LITERAL("{\"alg\":\"HS256\",\"kid\":\"RS256\"}"), &token);
    buf_put_u8(&token, '.');
    codec_base64(CODEC_BASE64URL, BYTES_LITERAL("{\"a\":1}"), &token);
    struct bytes input = buf_bytes(&token), key = buf_bytes(&f->set_text);
    HMAC(EVP_sha256(), key.p, (int)key.n, input.p, input.n, mac, &n);
    buf_put_u8(&token, '.');
    codec_base64(CODEC_BASE64URL, bytes_make(mac, n), &token);
    assert_int_equal(parse(f, buf_bytes(&token)), JWS_NO_ALGORITHM);
    buf_free(&token);
}

static void headers_that_ask_for_more_are_refused(void **state)
{
    struct fixture *f = *state;
    const char *malformed[] = {
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}",
        "{\"alg\":\"ES256\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"b64\":false}",
        "{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}",
        "{\"alg\":\"ES256\",\"zip\":\"DEF\"}",
        "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}",
        "{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"application/secevent+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":1}",
        "{\"alg\":\"ES256\",\"kid\":1}",
        "{\"alg\":[\"ES256\"]}",
        "{\"kid\":\"x\"}",
        "{}",
        "[]",
        "\"ES256\"",
        "{\"alg\":\"ES256\"} ",
        "{\"alg\":\"ES256\"}x",
        "{\"alg\":\"ES256\",\"x\":[[[[[[[[[]]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        /* White space around the object is JSON's own. */
        enum jws_parsed expected = strcmp(malformed[i], "{\"alg\":\"ES256\"} ") ? JWS_MALFORMED : JWS_PARSED;
        assert_int_equal(parsed_with_header(f, malformed[i]), expected);
    }
    assert_int_equal(parsed_with_header(f, "{\"alg\":\"ES256\",\"typ\":\"at+JWT\"}"), JWS_PARSED);
    assert_int_equal(parsed_with_header(f, "{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\"}"), JWS_PARSED);
    /* Keys that a token brings along are not looked at. */
    assert_int_equal(
        parsed_with_header(f, "{\"alg\":\"ES256\",\"kid\":\"x\",\"jku\":\"https://evil.example/\"}"),
        JWS_PARSED);
    assert_int_equal(jws_verify(&f->jws, f->set), JWS_UNKNOWN_KEY);
}

static void ecdsa_signatures_have_exactly_their_length(void **state)
{
    struct fixture *f = *state;
    sign(f, 6, NULL);
    assert_int_equal(parse(f, buf_bytes(&f->token)), JWS_PARSED);
    uint8_t longer[66] = { 0 };
    struct bytes good = f->jws.signature;
    assert_int_equal(good.n, 64);
    memcpy(longer + 1, good.p, 32); /* the same numbers, each with a zero before it */
    memcpy(longer + 34, good.p + 32, 32);
    f->jws.signature = bytes_make(longer, 66);
    assert_int_equal(jws_verify(&f->jws, f->set), JWS_BAD_SIGNATURE);
    memcpy(longer, good.p, 64);
    for (size_t n = 0; n <= 66; n++) {
        f->jws.signature = bytes_make(longer, n);
        assert_int_equal(jws_verify(&f->jws, f->set), n == 64 ? JWS_GOOD : JWS_BAD_SIGNATURE);
    }
    memset(longer, 0, sizeof longer); /* r = s = 0 */
    f->jws.signature = bytes_make(longer, 64);
    assert_int_equal(jws_verify(&f->jws, f->set), JWS_BAD_SIGNATURE);
}

static void base64_has_one_form_only(void **state)
{
    struct fixture *f = *state;
    /* An Ed25519 signature is 64 bytes: its last letter carries 4 bits that must be zero. */
    sign(f, 9, NULL);
    size_t n = buf_length(&f->token);
    uint8_t *copy = calloc(1, n + 2);
    memcpy(copy, buf_bytes(&f->token).p, n);
    assert_int_equal(parse(f, bytes_make(copy, n)), JWS_PARSED);
    copy[n - 1]++; /* A, Q, g or w: the next letter sets a trailing bit */
    assert_int_equal(parse(f, bytes_make(copy, n)), JWS_MALFORMED);
    copy[n - 1]--;
    const char *tails[] = { "=", "\n", " ", ".", "+", "/", "A" };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        copy[n] = (uint8_t)tails[i][0];
        assert_int_not_equal(parse(f, bytes_make(copy, n + 1)), i == 6 ? JWS_TOO_LONG : JWS_PARSED);
    }
    free(copy);
    const char *shapes[] = { "", ".", "..", "...", "a.b", "e30.e30.e30.e30", ".e30.e30", "e30..e30" };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        assert_int_equal(parse(f, bytes_of(shapes[i])), JWS_MALFORMED);
}

static void length_is_limited(void **state)
{
    struct fixture *f = *state;
    struct buf payload;
    buf_init(&payload, 1 << 20);
    /* Header and signature take 129 bytes here; the payload's letters come in fours of three bytes. */
    for (int more = 0; more < 2; more++) {
        buf_consume(&payload, buf_length(&payload));
        buf_consume(&f->token, buf_length(&f->token));
        buf_append_text(&payload, "{\"a\":\"");
        while (buf_length(&payload) < 24000u + (more ? 1000 : 0))
            buf_put_u8(&payload, 'x');
        buf_append_text(&payload, "\"}");
        assert_true(jose_signer_token(f->signers[6], buf_bytes(&payload), &f->token));
        if (!more) {
            assert_true(buf_length(&f->token) > 31000 && buf_length(&f->token) <= JWS_MAX_BYTES);
            assert_int_equal(parse(f, buf_bytes(&f->token)), JWS_PARSED);
            assert_int_equal(jws_verify(&f->jws, f->set), JWS_GOOD);
        }
    }
    while (buf_length(&f->token) <= JWS_MAX_BYTES)
        buf_put_u8(&f->token, 'A');
    assert_int_equal(parse(f, buf_bytes(&f->token)), JWS_TOO_LONG);
    buf_free(&payload);
    /* A header is limited by itself. */
    static char header[9000];
    memset(header, ' ', sizeof header - 1);
    memcpy(header, "{\"alg\":\"ES256\"}", 15);
    assert_int_equal(parsed_with_header(f, header), JWS_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_accepted_algorithm_verifies_with_its_own_key_only),
        cmocka_unit_test(any_changed_byte_of_a_token_refuses_it),
        cmocka_unit_test(a_key_for_another_algorithm_of_its_type_is_not_used),
        cmocka_unit_test(a_token_without_kid_needs_the_one_key_that_fits),
        cmocka_unit_test(none_and_hmac_are_no_algorithms),
        cmocka_unit_test(hmac_made_with_the_public_key_is_refused),
        cmocka_unit_test(headers_that_ask_for_more_are_refused),
        cmocka_unit_test(ecdsa_signatures_have_exactly_their_length),
        cmocka_unit_test(base64_has_one_form_only),
        cmocka_unit_test(length_is_limited),
    };
    return cmocka_run_group_tests_name("jws", tests, begin, end);
}
