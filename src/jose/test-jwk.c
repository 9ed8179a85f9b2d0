#include "base/test.h"

#include "base/codec.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include <stdio.h>
#include <stdlib.h>

/* RFC 7517, A.1; RFC 8037, A.2. */
#define EC_X "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define EC_Y "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
#define RSA_N                                                                                                \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"                \
    "BJECPebWKRXjBZCiFV4n3oknjh"                                                                             \
    "Mstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"                                         \
    "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQv"                                                     \
    "RL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"    \
    "kEgU8awapJzKn"                                                                                          \
    "qDKgw"
#define OKP_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

static void the_published_keys_are_read(void **state)
{
    (void)state;
    struct jose_key_set *set;
    const char *text = "{\"keys\":["
                       "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y
                       "\",\"use\":\"sig\",\"kid\":\"1\"},"
                       "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2\"},"
                       "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" OKP_X "\",\"key_ops\":[\"verify\"]}]}";
    assert_int_equal(jose_key_set_parse(bytes_of(text), &set), JOSE_KEYS_READ);
    assert_int_equal(set->n, 3);
    assert_int_equal(set->n_ignored, 0);
    assert_bytes(set->keys[0].kid, "1");
    assert_true(jose_key_fits(&set->keys[0], JOSE_ES256));
    assert_false(jose_key_fits(&set->keys[0], JOSE_ES384));
    assert_true(jose_key_fits(&set->keys[1], JOSE_RS256));
    assert_false(jose_key_fits(&set->keys[1], JOSE_PS256));
    assert_int_equal(set->keys[2].kid.n, 0);
    assert_true(jose_key_fits(&set->keys[2], JOSE_EdDSA));
    assert_false(jose_key_fits(&set->keys[2], JOSE_ALGORITHM_NONE));
    jose_key_set_free(set);
}

/* RFC 8037, A.4: the token of that document verifies with its key. */
static void the_published_token_verifies(void **state)
{
    (void)state;
    struct jose_key_set *set;
    struct arena arena;
    struct jws jws;
    const char *why;
    arena_init(&arena, 4096, 65536);
    assert_int_equal(
        jose_key_set_parse(bytes_of("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" OKP_X "\"}"), &set),
        JOSE_KEYS_READ);
    struct bytes token =
        BYTES_LITERAL("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
                      "MuM0KAg");
    assert_int_equal(jws_parse(token, &arena, &jws, &why), JWS_PARSED);
    assert_bytes(jws.payload, "Example of Ed25519 signing");
    assert_int_equal(jws_verify(&jws, set), JWS_GOOD);
    jose_key_set_free(set);
    arena_free(&arena);
}

static void entries_that_must_not_be_used_are_passed_over(void **state)
{
    (void)state;
#define EC "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\""
    const char *entries[] = {
        "{}",
        "[]",
        "1",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"AKP\",\"pub\":\"AAAA\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" OKP_X "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
        "{" EC ",\"use\":\"enc\"}",
        "{" EC ",\"use\":1}",
        "{" EC ",\"key_ops\":[\"sign\"]}",
        "{" EC ",\"key_ops\":\"verify\"}",
        "{" EC ",\"alg\":\"RS256\"}",
        "{" EC ",\"alg\":\"ES384\"}",
        "{" EC ",\"alg\":\"HS256\"}",
        "{" EC ",\"alg\":1}",
        "{" EC ",\"kid\":1}",
        "{" EC ",\"d\":\"AAAA\"}",
        /* x and y the wrong way round are not on the curve; a coordinate with a zero before it is too long.
         */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y "\",\"y\":\"" EC_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA" EC_X "\",\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "=\",\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}",   /* e = 1 */
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAA\"}", /* even */
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAAAAAAAAAAAQ\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}",
        "{\"kty\":\"RSA\",\"n\":\"" EC_X "\",\"e\":\"AQAB\"}",
    };
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        char text[2000];
        struct jose_key_set *set;
        snprintf(text, sizeof text, "{\"keys\":[%s,{" EC "}]}", entries[i]);
        assert_int_equal(jose_key_set_parse(bytes_of(text), &set), JOSE_KEYS_READ);
        assert_int_equal(set->n, 1);
        assert_int_equal(set->n_ignored, 1);
        jose_key_set_free(set);
    }
#undef EC
}

/* A modulus of so many bits, all ones but the first byte's upper part. */
static size_t keys_with_modulus(size_t bits)
{
    uint8_t n[2000];
    struct buf text;
    struct jose_key_set *set;
    memset(n, 0xFF, sizeof n);
    n[0] = (uint8_t)(0xFF >> ((8 - bits % 8) % 8));
    buf_init(&text, 8192);
    buf_append_text(&text, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
    codec_base64(CODEC_BASE64URL, bytes_make(n, (bits + 7) / 8), &text);
    buf_append_text(&text, "\"}");
    assert_int_equal(jose_key_set_parse(buf_bytes(&text), &set), JOSE_KEYS_READ);
    size_t found = set->n;
    jose_key_set_free(set);
    buf_free(&text);
    return found;
}

static void rsa_keys_have_2048_to_8192_bits(void **state)
{
    (void)state;
    assert_int_equal(keys_with_modulus(1024), 0);
    assert_int_equal(keys_with_modulus(2047), 0);
    assert_int_equal(keys_with_modulus(2048), 1);
    assert_int_equal(keys_with_modulus(4096), 1);
    assert_int_equal(keys_with_modulus(8192), 1);
    assert_int_equal(keys_with_modulus(8193), 0);
    assert_int_equal(keys_with_modulus(15000), 0);
}

static void a_set_that_is_none_is_refused(void **state)
{
    (void)state;
    const char *texts[] = {
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":1}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[]"
    };
    struct jose_key_set *set;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(jose_key_set_parse(bytes_of(texts[i]), &set), JOSE_KEYS_MALFORMED);
        assert_null(set);
    }
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_append_text(&text, "{\"keys\":[1");
    for (int i = 1; i < JOSE_MAX_KEYS; i++)
        buf_append_text(&text, ",1");
    struct bytes most = buf_bytes(&text);
    size_t n = most.n;
    buf_append_text(&text, "]}");
    assert_int_equal(jose_key_set_parse(buf_bytes(&text), &set), JOSE_KEYS_READ);
    assert_int_equal(set->n_ignored, JOSE_MAX_KEYS);
    jose_key_set_free(set);
    text.end = text.start + n;
    buf_append_text(&text, ",1]}");
    assert_int_equal(jose_key_set_parse(buf_bytes(&text), &set), JOSE_KEYS_TOO_MANY);
    while (buf_length(&text) <= JOSE_MAX_KEY_SET_BYTES)
        buf_append_text(&text, "                                ");
    assert_int_equal(jose_key_set_parse(buf_bytes(&text), &set), JOSE_KEYS_TOO_LONG);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_keys_are_read),
        cmocka_unit_test(the_published_token_verifies),
        cmocka_unit_test(entries_that_must_not_be_used_are_passed_over),
        cmocka_unit_test(rsa_keys_have_2048_to_8192_bits),
        cmocka_unit_test(a_set_that_is_none_is_refused),
    };
    return cmocka_run_group_tests_name("jwk", tests, NULL, NULL);
}
