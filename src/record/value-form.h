/* A value as the index knows it: its normal form, and a keyed hash of that. Who has the index alone can
 * neither read a value nor try whether it is there; who has the key can try one that they know.
 *
 *     hash = first 16 bytes of SHA-256(HMAC-SHA-256(key, normal form) || column)
 *
 * so that the same value in two columns shows nothing in common. */
#ifndef POSTERN_RECORD_VALUE_FORM_H
#define POSTERN_RECORD_VALUE_FORM_H
#include "base/bytes.h"
#include "crypto/hash.h"

enum { VALUE_KEY = 32, VALUE_HASH = 16 };

struct value_hasher {
    struct sha256 *hash;
    uint8_t inner[64], outer[64]; /* the key, as HMAC pads it */
};
/* False: no memory. */
bool value_hasher_init(struct value_hasher *h, const uint8_t key[VALUE_KEY]) MUST_USE;
void value_hasher_free(struct value_hasher *h); /* forgets the key */

/* The normal form, into out, which has room for value.n: without white space around it, letters of ASCII in
 * lower case; where it is twelve digits or more with single spaces or hyphens between, only the digits. */
struct bytes value_normal(struct bytes value, uint8_t *out);

/* The two steps. sealed: of the normal form; may wait until it is known which column it is of. */
void value_seal(struct value_hasher *h, struct bytes normal, uint8_t sealed_out[SHA256_SIZE]);
void value_hash(struct value_hasher *h, const uint8_t sealed[SHA256_SIZE], struct bytes column,
                uint8_t hash_out[VALUE_HASH]);
#endif
