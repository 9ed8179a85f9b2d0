/* AES-256-GCM with a context that is kept: setting up a key costs more than sealing a small record, so
 * whoever seals often holds a struct aead per direction and changes the key only when it really changes. Not
 * shared between threads. The caller makes nonces unique under a key: this room cannot know. */
#ifndef POSTERN_CRYPTO_AEAD_H
#define POSTERN_CRYPTO_AEAD_H
#include "base/bytes.h"
#include "base/check.h"

enum { AEAD_KEY = 32, AEAD_NONCE = 12, AEAD_TAG = 16 };
enum aead_direction { AEAD_SEAL, AEAD_OPEN };

struct aead;
/* NULL: no memory, or libcrypto has no AES-256-GCM. */
struct aead *aead_new(enum aead_direction direction, const uint8_t key[AEAD_KEY]) MUST_USE;
/* Wipes the key. NULL is fine. */
void aead_free(struct aead *a);
/* Another key from now on. False: libcrypto refused; the context must not be used then. */
bool aead_rekey(struct aead *a, const uint8_t key[AEAD_KEY]) MUST_USE;

/* Writes plain.n bytes of ciphertext to out (which may be plain itself) and the tag. False: libcrypto
 * refused; what stands in out is worthless. */
bool aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCE], struct bytes associated, struct bytes plain,
               uint8_t *out, uint8_t tag_out[AEAD_TAG]) MUST_USE;
/* Writes cipher.n bytes to out (which may be cipher itself). False: not what was sealed under this key, nonce
 * and associated data; out must not be used. */
bool aead_open(struct aead *a, const uint8_t nonce[AEAD_NONCE], struct bytes associated, struct bytes cipher,
               const uint8_t tag[AEAD_TAG], uint8_t *out) MUST_USE;
#endif
