/* libcrypto's digests behind calls that cannot be forgotten to check: a refusal stops the process. */
#include "crypto/hash.h"
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    h->context = EVP_MD_CTX_new();
    if (h->algorithm && h->context) return h;
    sha256_free(h);
    return NULL;
}

void sha256_free(struct sha256 *h)
{
    if (!h) return;
    EVP_MD_CTX_free(h->context);
    EVP_MD_free(h->algorithm);
    free(h);
}

void sha256_begin(struct sha256 *h)
{
    CHECK(EVP_DigestInit_ex2(h->context, h->algorithm, NULL) == 1);
}

void sha256_add(struct sha256 *h, struct bytes data)
{
    if (data.n) CHECK(EVP_DigestUpdate(h->context, data.p, data.n) == 1);
}

void sha256_end(struct sha256 *h, uint8_t out[SHA256_SIZE])
{
    CHECK(EVP_DigestFinal_ex(h->context, out, NULL) == 1);
}

void sha256_of(struct sha256 *h, struct bytes data, uint8_t out[SHA256_SIZE])
{
    sha256_begin(h);
    sha256_add(h, data);
    sha256_end(h, out);
}

void sha256_once(struct bytes data, uint8_t out[SHA256_SIZE])
{
    CHECK(EVP_Q_digest(NULL, "SHA256", NULL, data.p, data.n, out, NULL) == 1);
}

void hmac_sha256(struct bytes key, struct bytes data, uint8_t out[SHA256_SIZE])
{
    static const uint8_t none[1] = { 0 };
    size_t n = 0;
    CHECK(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.n ? key.p : none, key.n, data.n ? data.p : none,
                    data.n, out, SHA256_SIZE, &n) != NULL);
    CHECK(n == SHA256_SIZE);
}

void pbkdf2_sha256(struct bytes password, struct bytes salt, unsigned iterations, uint8_t out[SHA256_SIZE])
{
    CHECK(password.n <= INT_MAX && salt.n <= INT_MAX && iterations >= 1 && iterations <= INT_MAX);
    CHECK(PKCS5_PBKDF2_HMAC((const char *)password.p, (int)password.n, salt.p, (int)salt.n, (int)iterations,
                            EVP_sha256(), SHA256_SIZE, out) == 1);
}

void hkdf_sha256(struct bytes secret, struct bytes salt, struct bytes info, uint8_t *out, size_t n_out)
{
    static uint8_t none[1];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    CHECK(kdf != NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    EVP_KDF_free(kdf);
    CHECK(context != NULL);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.n ? (void *)secret.p : none, secret.n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.n ? (void *)salt.p : none, salt.n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.n ? (void *)info.p : none, info.n),
        OSSL_PARAM_construct_end(),
    };
    CHECK(EVP_KDF_derive(context, out, n_out, params) == 1);
    EVP_KDF_CTX_free(context);
}

bool md5_once(struct bytes data, uint8_t out[MD5_SIZE])
{
    size_t n = 0;
    return EVP_Q_digest(NULL, "MD5", NULL, data.p, data.n, out, &n) == 1 && n == MD5_SIZE;
}
