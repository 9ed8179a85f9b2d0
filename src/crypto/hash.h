/* SHA-256 and HMAC-SHA-256, and what is derived with them; MD5, where a protocol wants it. A struct sha256 is
 * a context with the algorithm already fetched, for whoever hashes often; one thread at a time. */
#ifndef POSTERN_CRYPTO_HASH_H
#define POSTERN_CRYPTO_HASH_H
#include "base/bytes.h"
#include "base/check.h"

enum { SHA256_SIZE = 32 };

struct sha256;
/* NULL: no memory. */
struct sha256 *sha256_new(void) MUST_USE;
void sha256_free(struct sha256 *h);
/* A message: begin, any number of adds, end. libcrypto's refusal (it has none in practice) stops the process:
 * a wrong hash must never be used. */
void sha256_begin(struct sha256 *h);
void sha256_add(struct sha256 *h, struct bytes data);
void sha256_end(struct sha256 *h, uint8_t out[SHA256_SIZE]);
/* The three in one. */
void sha256_of(struct sha256 *h, struct bytes data, uint8_t out[SHA256_SIZE]);
/* Without a context, for what is hashed rarely. */
void sha256_once(struct bytes data, uint8_t out[SHA256_SIZE]);

/* RFC 2104. */
void hmac_sha256(struct bytes key, struct bytes data, uint8_t out[SHA256_SIZE]);
/* RFC 8018, as SCRAM-SHA-256 wants it (its Hi()). iterations >= 1. */
void pbkdf2_sha256(struct bytes password, struct bytes salt, unsigned iterations, uint8_t out[SHA256_SIZE]);
/* RFC 5869, extract and expand; n_out is at most 255 * 32. */
void hkdf_sha256(struct bytes secret, struct bytes salt, struct bytes info, uint8_t *out, size_t n_out);

/* RFC 1321: protects nothing from anybody. Object storage names parts by it, and wants it as a checksum of
 * transfers. False: libcrypto refuses it (FIPS). */
enum { MD5_SIZE = 16 };
bool md5_once(struct bytes data, uint8_t out[MD5_SIZE]) MUST_USE;
#endif
