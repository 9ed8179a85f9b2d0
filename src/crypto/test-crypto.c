/* Vectors: FIPS 180-4 examples, RFC 4231 case 2, PBKDF2 over the RFC 6070 inputs with SHA-256, RFC 5869 A.1
 * and A.3, RFC 8032 7.1, and the AES-256-GCM test cases 13 to 16 of the GCM specification. */
#include "base/test.h"

#include "base/codec.h"
#include "crypto/aead-small.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/sign.h"
#include <openssl/evp.h>

static void assert_hex(const uint8_t *actual, size_t n, const char *expected)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    codec_hex(bytes_make(actual, n), &b);
    assert_bytes(buf_bytes(&b), expected);
    buf_free(&b);
}

static void unhex(const char *text, uint8_t *out)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    assert_true(codec_unhex(bytes_of(text), &b));
    if (buf_length(&b)) memcpy(out, buf_bytes(&b).p, buf_length(&b));
    buf_free(&b);
}

static void hashes_are_those_of_the_standards(void **state)
{
    (void)state;
    uint8_t out[64], key[32];
    struct sha256 *h = sha256_new();
    for (int twice = 0; twice < 2; twice++) {
        sha256_of(h, BYTES_LITERAL("abc"), out);
        assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        sha256_begin(h);
        sha256_end(h, out);
        assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
    sha256_free(h);
    sha256_once(BYTES_LITERAL("abc"), out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hmac_sha256(BYTES_LITERAL("Jefe"), BYTES_LITERAL("what do ya want for nothing?"), out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    pbkdf2_sha256(BYTES_LITERAL("password"), BYTES_LITERAL("salt"), 4096, out);
    assert_hex(out, 32, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
    memset(key, 0x0b, 22);
    uint8_t some_salt[13], info[10];
    unhex("000102030405060708090a0b0c", some_salt);
    unhex("f0f1f2f3f4f5f6f7f8f9", info);
    hkdf_sha256(bytes_make(key, 22), bytes_make(some_salt, 13), bytes_make(info, 10), out, 42);
    assert_hex(out, 42,
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    hkdf_sha256(bytes_make(key, 22), (struct bytes){ 0 }, (struct bytes){ 0 }, out, 42);
    assert_hex(out, 42,
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void sealing_is_that_of_the_specification_and_contexts_can_be_used_again(void **state)
{
    (void)state;
    uint8_t key[32], nonce[12], plain[60], associated[20], out[60], back[60], tag[16];
    unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key);
    unhex("cafebabefacedbaddecaf888", nonce);
    unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b1"
          "6aed"
          "f5aa0de657ba637b39",
          plain);
    unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", associated);
    uint8_t zero[32] = { 0 };
    struct aead *seal = aead_new(AEAD_SEAL, zero), *open = aead_new(AEAD_OPEN, zero);
    assert_true(aead_seal(seal, zero, (struct bytes){ 0 }, (struct bytes){ 0 }, out, tag));
    assert_hex(tag, 16, "530f8afbc74536b9a963b4f1c4cb738b");
    assert_true(aead_rekey(seal, key) && aead_rekey(open, key));
    for (int twice = 0; twice < 2; twice++) {
        assert_true(aead_seal(seal, nonce, bytes_make(associated, 20), bytes_make(plain, 60), out, tag));
        assert_hex(
            out, 60,
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
            "c5f61e6393ba7a0abcc9f662");
        assert_hex(tag, 16, "76fc6ece0f4e1768cddf8853bb2d551b");
        assert_true(aead_open(open, nonce, bytes_make(associated, 20), bytes_make(out, 60), tag, back));
        assert_memory_equal(back, plain, 60);
        out[3] ^= 1;
        assert_false(aead_open(open, nonce, bytes_make(associated, 20), bytes_make(out, 60), tag, back));
        out[3] ^= 1;
        assert_false(aead_open(open, nonce, bytes_make(associated, 19), bytes_make(out, 60), tag, back));
        tag[15] ^= 128;
        assert_false(aead_open(open, nonce, bytes_make(associated, 20), bytes_make(out, 60), tag, back));
    }
    aead_free(seal);
    aead_free(open);
}

/* What libcrypto itself makes of a message: the oracle for both ways that aead.c takes. */
static void seal_by_libcrypto(const uint8_t *key, const uint8_t *nonce, struct bytes associated,
                              struct bytes plain, uint8_t *out, uint8_t *tag)
{
    int n;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), key, nonce, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(context, NULL, &n, associated.p, (int)associated.n), 1);
    assert_int_equal(EVP_EncryptUpdate(context, out, &n, plain.p, (int)plain.n), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, out + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, tag), 1);
    EVP_CIPHER_CTX_free(context);
}

static void short_and_long_messages_are_sealed_alike(void **state)
{
    (void)state;
    enum { MOST = 3 * AEAD_SMALL };
    static uint8_t plain[MOST], out[MOST], expected[MOST + 16], back[MOST];
    uint8_t key[AEAD_KEY], nonce[AEAD_NONCE], associated[41], tag[AEAD_TAG], expected_tag[AEAD_TAG];
    random_bytes(key, sizeof key);
    random_bytes(plain, sizeof plain);
    random_bytes(associated, sizeof associated);
    struct aead *seal = aead_new(AEAD_SEAL, key), *open = aead_new(AEAD_OPEN, key);
    for (size_t n = 0; n <= MOST; n += n < 70 || (n > AEAD_SMALL - 4 && n < AEAD_SMALL + 4) ? 1 : 61) {
        struct bytes with = bytes_make(associated, n % sizeof associated), message = bytes_make(plain, n);
        if (n % 7 == 0) { /* another key in between, for both ways */
            random_bytes(key, sizeof key);
            assert_true(aead_rekey(seal, key) && aead_rekey(open, key));
        }
        random_bytes(nonce, sizeof nonce);
        seal_by_libcrypto(key, nonce, with, message, expected, expected_tag);
        assert_true(aead_seal(seal, nonce, with, message, out, tag));
        assert_memory_equal(out, expected, n);
        assert_memory_equal(tag, expected_tag, AEAD_TAG);
        assert_true(aead_open(open, nonce, with, bytes_make(out, n), tag, back));
        assert_memory_equal(back, plain, n);
        tag[n % AEAD_TAG] ^= 1;
        assert_false(aead_open(open, nonce, with, bytes_make(out, n), tag, back));
        tag[n % AEAD_TAG] ^= 1;
        if (n) out[n / 2] ^= 0x40;
        if (n) assert_false(aead_open(open, nonce, with, bytes_make(out, n), tag, back));
        /* In place. */
        memcpy(back, plain, n);
        assert_true(aead_seal(seal, nonce, with, bytes_make(back, n), back, tag));
        assert_memory_equal(back, expected, n);
        assert_true(aead_open(open, nonce, with, bytes_make(back, n), tag, back));
        assert_memory_equal(back, plain, n);
    }
    aead_free(seal);
    aead_free(open);
}

static void signatures_are_those_of_the_standard_and_nothing_else_verifies(void **state)
{
    (void)state;
    uint8_t seed[32], pub[32], signature[64], message[1] = { 0x72 };
    unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed);
    assert_true(ed25519_public(seed, pub));
    assert_hex(pub, 32, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_true(ed25519_sign(seed, bytes_make(message, 1), signature));
    assert_hex(
        signature, 64,
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00");
    assert_true(ed25519_verify(pub, bytes_make(message, 1), signature));
    message[0]++;
    assert_false(ed25519_verify(pub, bytes_make(message, 1), signature));
    message[0]--;
    signature[40] ^= 1;
    assert_false(ed25519_verify(pub, bytes_make(message, 1), signature));
    uint8_t other[32], other_seed[32];
    signature[40] ^= 1;
    assert_true(ed25519_generate(other_seed, other));
    assert_false(ed25519_verify(other, bytes_make(message, 1), signature));
}

static void random_numbers_differ(void **state)
{
    (void)state;
    uint64_t a = random_u64(), b = random_u64();
    assert_true(a != b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_standards),
        cmocka_unit_test(sealing_is_that_of_the_specification_and_contexts_can_be_used_again),
        cmocka_unit_test(short_and_long_messages_are_sealed_alike),
        cmocka_unit_test(signatures_are_those_of_the_standard_and_nothing_else_verifies),
        cmocka_unit_test(random_numbers_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
