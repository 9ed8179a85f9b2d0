/* Ed25519 (RFC 8032), the signature of checkpoints. A private key is its 32-byte seed; whoever holds one
 * wipes it. */
#ifndef POSTERN_CRYPTO_SIGN_H
#define POSTERN_CRYPTO_SIGN_H
#include "base/bytes.h"
#include "base/check.h"

enum { ED25519_SEED = 32, ED25519_PUBLIC = 32, ED25519_SIGNATURE = 64 };

/* A fresh key pair. */
bool ed25519_generate(uint8_t seed_out[ED25519_SEED], uint8_t public_out[ED25519_PUBLIC]) MUST_USE;
/* The public key that belongs to a seed. */
bool ed25519_public(const uint8_t seed[ED25519_SEED], uint8_t public_out[ED25519_PUBLIC]) MUST_USE;
bool ed25519_sign(const uint8_t seed[ED25519_SEED], struct bytes message,
                  uint8_t signature_out[ED25519_SIGNATURE]) MUST_USE;
/* False: not signed by this key, or no key at all. */
bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC], struct bytes message,
                    const uint8_t signature[ED25519_SIGNATURE]) MUST_USE;
#endif
