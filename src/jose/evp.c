/* Keys and signatures on OpenSSL 3. OpenSSL's error queue is per thread; it is cleared wherever a call
 * failed, so that nothing of one token's failure shows up in another's. */
#include "jose/evp.h"
#include "jose/jwk.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

static EVP_PKEY *key_from(const char *kind, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    if (!context || !params || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        ERR_clear_error();
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* Odd, at least 65537 in practice; RFC 8017 allows 3, which old providers still have. */
static bool rsa_numbers_are_sound(const BIGNUM *n, const BIGNUM *e)
{
    int bits = BN_num_bits(n), e_bits = BN_num_bits(e);
    return bits >= JOSE_MIN_RSA_BITS && bits <= JOSE_MAX_RSA_BITS && BN_is_odd(n) && BN_is_odd(e) &&
           e_bits >= 2 && e_bits <= 64;
}

EVP_PKEY *jose_evp_rsa(struct bytes n, struct bytes e)
{
    EVP_PKEY *key = NULL;
    if (n.n > JOSE_MAX_RSA_BITS / 8 + 1 || e.n > 9) return NULL;
    BIGNUM *big_n = BN_bin2bn(n.p, (int)n.n, NULL), *big_e = BN_bin2bn(e.p, (int)e.n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (big_n && big_e && build && rsa_numbers_are_sound(big_n, big_e) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, big_n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, big_e))
        key = key_from("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(big_n);
    BN_free(big_e);
    return key;
}

EVP_PKEY *jose_evp_ec(enum jose_key_type type, struct bytes x, struct bytes y)
{
    const char *curve = type == JOSE_KEY_P256 ? "P-256" : type == JOSE_KEY_P384 ? "P-384" : "P-521";
    size_t size = type == JOSE_KEY_P256 ? 32 : type == JOSE_KEY_P384 ? 48 : 66;
    uint8_t point[1 + 2 * 66] = { 4 }; /* uncompressed: SEC 1, 2.3.3 */
    if (x.n != size || y.n != size) return NULL;
    memcpy(point + 1, x.p, size);
    memcpy(point + 1 + size, y.p, size);
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size))
        key = key_from("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

EVP_PKEY *jose_evp_ed25519(struct bytes x)
{
    if (x.n != 32) return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, x.n);
}

/* Padding for RSA; nothing to set for the others. */
static bool set_padding(EVP_PKEY_CTX *context, const struct jose_algorithm_facts *facts)
{
    if (facts->key_type != JOSE_KEY_RSA) return true;
    if (!facts->pss) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
}

/* JWS has r and s side by side, each as long as the curve's order (RFC 7518, 3.4); OpenSSL wants DER. The DER
 * is allocated by OpenSSL. 0: failed. */
static size_t signature_to_der(struct bytes signature, size_t half, uint8_t **der_out)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature.p, (int)half, NULL), *s = BN_bin2bn(signature.p + half, (int)half, NULL);
    int n = 0;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        r = s = NULL;
        n = i2d_ECDSA_SIG(pair, der_out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return n > 0 ? (size_t)n : 0;
}

bool jose_evp_verify(EVP_PKEY *key, enum jose_algorithm algorithm, struct bytes input, struct bytes signature)
{
    const struct jose_algorithm_facts *facts = jose_algorithm_facts(algorithm);
    uint8_t *der = NULL;
    if (facts->half) {
        if (signature.n != 2 * facts->half) return false;
        signature.n = signature_to_der(signature, facts->half, &der);
        signature.p = der;
        if (!der) return false;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    bool good = context &&
                EVP_DigestVerifyInit_ex(context, &key_context, facts->digest, NULL, NULL, key, NULL) > 0 &&
                set_padding(key_context, facts) &&
                EVP_DigestVerify(context, signature.p, signature.n, input.p, input.n) == 1;
    if (!good) ERR_clear_error();
    EVP_MD_CTX_free(context);
    OPENSSL_free(der);
    return good;
}

/* The reverse of signature_to_der. */
static bool append_pair(struct bytes der, size_t half, struct buf *out)
{
    const unsigned char *at = der.p;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der.n);
    uint8_t *room = pair ? buf_room(out, 2 * half) : NULL;
    bool done = room && BN_bn2binpad(ECDSA_SIG_get0_r(pair), room, (int)half) == (int)half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), room + half, (int)half) == (int)half;
    if (done) buf_added(out, 2 * half);
    ECDSA_SIG_free(pair);
    return done;
}

bool jose_evp_sign(EVP_PKEY *key, enum jose_algorithm algorithm, struct bytes input, struct buf *out)
{
    const struct jose_algorithm_facts *facts = jose_algorithm_facts(algorithm);
    uint8_t raw[JOSE_MAX_RSA_BITS / 8];
    size_t n = sizeof raw;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    bool done = context &&
                EVP_DigestSignInit_ex(context, &key_context, facts->digest, NULL, NULL, key, NULL) > 0 &&
                set_padding(key_context, facts) && EVP_DigestSign(context, raw, &n, input.p, input.n) > 0;
    EVP_MD_CTX_free(context);
    if (!done) {
        ERR_clear_error();
        return false;
    }
    if (facts->half) return append_pair(bytes_make(raw, n), facts->half, out);
    buf_append(out, bytes_make(raw, n));
    return !out->failed;
}
