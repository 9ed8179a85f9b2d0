/* The only calls of this room into OpenSSL's EVP for keys and verification. Numbers are big-endian, as JWK
 * has them. Only this room includes it. */
#ifndef POSTERN_JOSE_EVP_H
#define POSTERN_JOSE_EVP_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/codec.h"
#include "jose/algorithm.h"
#include <openssl/evp.h>

/* NULL: no key that postern accepts (sizes, exponent, point off the curve), or no memory. */
EVP_PKEY *jose_evp_rsa(struct bytes n, struct bytes e) MUST_USE;
EVP_PKEY *jose_evp_ec(enum jose_key_type type, struct bytes x, struct bytes y) MUST_USE;
EVP_PKEY *jose_evp_ed25519(struct bytes x) MUST_USE;

/* Whether this is the key's signature over the input, in JWS form (r and s side by side for ECDSA). */
bool jose_evp_verify(EVP_PKEY *key, enum jose_algorithm algorithm, struct bytes input,
                     struct bytes signature) MUST_USE;
/* Appends the signature in JWS form. False: OpenSSL failed or out is full. */
bool jose_evp_sign(EVP_PKEY *key, enum jose_algorithm algorithm, struct bytes input,
                   struct buf *out) MUST_USE;
#endif
