/* A signer is a key pair and what a token's header says of it. */
#include "jose/sign.h"
#include "jose/evp.h"
#include "json/writer.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

struct jose_signer {
    enum jose_algorithm algorithm;
    EVP_PKEY *key;
    size_t kid_n;
    uint8_t kid[];
};

static EVP_PKEY *key_new(enum jose_key_type type)
{
    switch (type) {
    case JOSE_KEY_UNKNOWN: break;
    case JOSE_KEY_RSA: return EVP_RSA_gen(2048);
    case JOSE_KEY_P256: return EVP_EC_gen("P-256");
    case JOSE_KEY_P384: return EVP_EC_gen("P-384");
    case JOSE_KEY_P521: return EVP_EC_gen("P-521");
    case JOSE_KEY_ED25519: return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

struct jose_signer *jose_signer_new(enum jose_algorithm algorithm, struct bytes kid)
{
    struct jose_signer *signer = calloc(1, sizeof *signer + kid.n + 1);
    if (!signer) return NULL;
    signer->algorithm = algorithm;
    signer->kid_n = kid.n;
    if (kid.n) memcpy(signer->kid, kid.p, kid.n);
    signer->key = key_new(jose_algorithm_facts(algorithm)->key_type);
    if (!signer->key) {
        ERR_clear_error();
        jose_signer_free(signer);
        return NULL;
    }
    return signer;
}

void jose_signer_free(struct jose_signer *signer)
{
    if (!signer) return;
    EVP_PKEY_free(signer->key);
    free(signer);
}

bool jose_signer_token_with_header(const struct jose_signer *signer, struct bytes header,
                                   struct bytes payload, struct buf *out)
{
    struct buf signature;
    size_t before = buf_length(out);
    buf_init(&signature, 4096);
    codec_base64(CODEC_BASE64URL, header, out);
    buf_put_u8(out, '.');
    codec_base64(CODEC_BASE64URL, payload, out);
    struct bytes input = bytes_slice(buf_bytes(out), before, buf_length(out));
    bool done = !out->failed && jose_evp_sign(signer->key, signer->algorithm, input, &signature);
    if (done) {
        buf_put_u8(out, '.');
        codec_base64(CODEC_BASE64URL, buf_bytes(&signature), out);
    }
    buf_free(&signature);
    return done && !out->failed;
}

bool jose_signer_token(const struct jose_signer *signer, struct bytes payload, struct buf *out)
{
    struct buf header;
    buf_init(&header, 4096);
    struct json_writer w = json_writer_over(&header);
    json_write_object(&w);
    json_write_text_member(&w, "alg", bytes_of(jose_algorithm_facts(signer->algorithm)->name));
    json_write_text_member(&w, "typ", BYTES_LITERAL("JWT"));
    if (signer->kid_n) json_write_text_member(&w, "kid", bytes_make(signer->kid, signer->kid_n));
    json_write_end(&w);
    bool done = !header.failed && jose_signer_token_with_header(signer, buf_bytes(&header), payload, out);
    buf_free(&header);
    return done;
}

static bool write_base64_member(struct json_writer *w, const char *name, struct bytes raw)
{
    struct buf text;
    buf_init(&text, 4096);
    codec_base64(CODEC_BASE64URL, raw, &text);
    bool done = !text.failed;
    if (done) json_write_text_member(w, name, buf_bytes(&text));
    buf_free(&text);
    return done;
}

/* A number of the key, big-endian; size: how many bytes it must fill, 0: as many as it needs. */
static bool write_number_member(struct json_writer *w, const char *name, const EVP_PKEY *key,
                                const char *parameter, size_t size)
{
    uint8_t raw[1024];
    BIGNUM *number = NULL;
    if (!EVP_PKEY_get_bn_param(key, parameter, &number)) return false;
    if (size == 0) size = (size_t)BN_num_bytes(number);
    bool done = size <= sizeof raw && BN_bn2binpad(number, raw, (int)size) == (int)size &&
                write_base64_member(w, name, bytes_make(raw, size));
    BN_free(number);
    return done;
}

static bool write_ec_members(struct json_writer *w, const EVP_PKEY *key, const char *curve, size_t size)
{
    json_write_text_member(w, "kty", BYTES_LITERAL("EC"));
    json_write_text_member(w, "crv", bytes_of(curve));
    return write_number_member(w, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, size) &&
           write_number_member(w, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, size);
}

static bool write_key_members(struct json_writer *w, enum jose_key_type type, const EVP_PKEY *key)
{
    uint8_t raw[32];
    size_t n = sizeof raw;
    switch (type) {
    case JOSE_KEY_UNKNOWN: return false;
    case JOSE_KEY_RSA:
        json_write_text_member(w, "kty", BYTES_LITERAL("RSA"));
        return write_number_member(w, "n", key, OSSL_PKEY_PARAM_RSA_N, 0) &&
               write_number_member(w, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
    case JOSE_KEY_P256: return write_ec_members(w, key, "P-256", 32);
    case JOSE_KEY_P384: return write_ec_members(w, key, "P-384", 48);
    case JOSE_KEY_P521: return write_ec_members(w, key, "P-521", 66);
    case JOSE_KEY_ED25519:
        json_write_text_member(w, "kty", BYTES_LITERAL("OKP"));
        json_write_text_member(w, "crv", BYTES_LITERAL("Ed25519"));
        return EVP_PKEY_get_raw_public_key(key, raw, &n) > 0 &&
               write_base64_member(w, "x", bytes_make(raw, n));
    }
    return false;
}

bool jose_signers_key_set(struct jose_signer *const *signers, size_t n, struct buf *out)
{
    struct json_writer w = json_writer_over(out);
    bool done = true;
    json_write_object(&w);
    json_write_name(&w, "keys");
    json_write_array(&w);
    for (size_t i = 0; done && i < n; i++) {
        const struct jose_algorithm_facts *facts = jose_algorithm_facts(signers[i]->algorithm);
        json_write_object(&w);
        done = write_key_members(&w, facts->key_type, signers[i]->key);
        json_write_text_member(&w, "use", BYTES_LITERAL("sig"));
        json_write_text_member(&w, "alg", bytes_of(facts->name));
        if (signers[i]->kid_n)
            json_write_text_member(&w, "kid", bytes_make(signers[i]->kid, signers[i]->kid_n));
        json_write_end(&w);
    }
    json_write_end(&w);
    json_write_end(&w);
    return done && !out->failed;
}
