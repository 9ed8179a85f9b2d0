/* See aead-small.h. GCM's parts in the order of NIST SP 800-38D: nonce, associated data, message, tag. */
#include "crypto/aead-small.h"
#include <nettle/memops.h>

bool aead_small_is_fast(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#else
    return false;
#endif
}

void aead_small_key(struct gcm_aes256_ctx *context, const uint8_t key[AEAD_KEY])
{
    gcm_aes256_set_key(context, key);
}

static void begin(struct gcm_aes256_ctx *context, const uint8_t nonce[AEAD_NONCE], struct bytes associated)
{
    gcm_aes256_set_iv(context, AEAD_NONCE, nonce);
    if (associated.n) gcm_aes256_update(context, associated.n, associated.p);
}

void aead_small_seal(struct gcm_aes256_ctx *context, const uint8_t nonce[AEAD_NONCE], struct bytes associated,
                     struct bytes plain, uint8_t *out, uint8_t tag_out[AEAD_TAG])
{
    begin(context, nonce, associated);
    if (plain.n) gcm_aes256_encrypt(context, plain.n, out, plain.p);
    gcm_aes256_digest(context, AEAD_TAG, tag_out);
}

bool aead_small_open(struct gcm_aes256_ctx *context, const uint8_t nonce[AEAD_NONCE], struct bytes associated,
                     struct bytes cipher, const uint8_t tag[AEAD_TAG], uint8_t *out)
{
    uint8_t expected[AEAD_TAG], found[AEAD_TAG];
    memcpy(expected, tag, AEAD_TAG); /* out may be what the tag stands in */
    begin(context, nonce, associated);
    if (cipher.n) gcm_aes256_decrypt(context, cipher.n, out, cipher.p);
    gcm_aes256_digest(context, AEAD_TAG, found);
    return memeql_sec(expected, found, AEAD_TAG);
}
