/* AES-256-GCM of short messages, by nettle: libcrypto's way to a cipher goes through so much code that a
 * hundred bytes, sealed now and then, cost several times what the cipher takes (doc/decisions.md). For aead.c
 * alone, which takes it where the processor has instructions for both halves of GCM: elsewhere nettle's would
 * look things up in tables by secret bytes. */
#ifndef POSTERN_CRYPTO_AEAD_SMALL_H
#define POSTERN_CRYPTO_AEAD_SMALL_H
#include "crypto/aead.h"
#include <nettle/gcm.h>

enum { AEAD_SMALL = 1024 }; /* bytes: from about here on libcrypto is the faster one */

bool aead_small_is_fast(void);
/* The key stays in `context` until it is wiped by its owner. */
void aead_small_key(struct gcm_aes256_ctx *context, const uint8_t key[AEAD_KEY]);
void aead_small_seal(struct gcm_aes256_ctx *context, const uint8_t nonce[AEAD_NONCE], struct bytes associated,
                     struct bytes plain, uint8_t *out, uint8_t tag_out[AEAD_TAG]);
/* False: not what was sealed; out must not be used. */
bool aead_small_open(struct gcm_aes256_ctx *context, const uint8_t nonce[AEAD_NONCE], struct bytes associated,
                     struct bytes cipher, const uint8_t tag[AEAD_TAG], uint8_t *out) MUST_USE;
#endif
