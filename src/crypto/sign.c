/* Each call makes its EVP_PKEY and lets it go: about 28 µs a signature, once a second. */
#include "crypto/sign.h"
#include "crypto/random.h"
#include <openssl/evp.h>

bool ed25519_public(const uint8_t seed[ED25519_SEED], uint8_t public_out[ED25519_PUBLIC])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, ED25519_SEED);
    size_t n = ED25519_PUBLIC;
    bool found = key && EVP_PKEY_get_raw_public_key(key, public_out, &n) == 1 && n == ED25519_PUBLIC;
    EVP_PKEY_free(key);
    return found;
}

bool ed25519_generate(uint8_t seed_out[ED25519_SEED], uint8_t public_out[ED25519_PUBLIC])
{
    random_bytes(seed_out, ED25519_SEED);
    return ed25519_public(seed_out, public_out);
}

bool ed25519_sign(const uint8_t seed[ED25519_SEED], struct bytes message,
                  uint8_t signature_out[ED25519_SIGNATURE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, ED25519_SEED);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t n = ED25519_SIGNATURE;
    bool made = key && context && EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
                EVP_DigestSign(context, signature_out, &n, message.p, message.n) == 1 &&
                n == ED25519_SIGNATURE;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return made;
}

bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC], struct bytes message,
                    const uint8_t signature[ED25519_SIGNATURE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public_key, ED25519_PUBLIC);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key && context && EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
                EVP_DigestVerify(context, signature, ED25519_SIGNATURE, message.p, message.n) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}
