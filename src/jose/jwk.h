/* Public keys from a JWK set (RFC 7517). A set is immutable once parsed, and many threads may verify with it
 * at once.
 *
 * Entries that postern cannot or must not use are passed over and counted, since providers publish keys for
 * other purposes beside those for signing: an unknown kty or crv, `use` other than sig, `key_ops` without
 * verify, an RSA modulus under 2048 or over 8192 bits, an even or tiny exponent, a coordinate of the wrong
 * length or off the curve, an `alg` that does not belong to the key, and keys whose private half is
 * published. */
#ifndef POSTERN_JOSE_JWK_H
#define POSTERN_JOSE_JWK_H
#include "base/bytes.h"
#include "base/check.h"
#include "jose/algorithm.h"

struct evp_pkey_st;

enum {
    JOSE_MAX_KEYS = 64,
    JOSE_MAX_KEY_SET_BYTES = 256 * 1024,
    JOSE_MAX_KID_BYTES = 512,
    JOSE_MIN_RSA_BITS = 2048,
    JOSE_MAX_RSA_BITS = 8192,
};

struct jose_key {
    struct bytes kid; /* empty: the entry has none */
    enum jose_key_type type;
    enum jose_algorithm pinned; /* the entry's alg; JOSE_ALGORITHM_NONE: any algorithm of its type */
    struct evp_pkey_st *key;
};
struct jose_key_set {
    size_t n, n_ignored;
    struct jose_key keys[];
};

enum jose_keys { JOSE_KEYS_MALFORMED = 0, JOSE_KEYS_TOO_LONG, JOSE_KEYS_TOO_MANY, JOSE_KEYS_READ };
/* json: {"keys": [...]}, or one bare key. JOSE_KEYS_READ: *set_out is new, possibly without any usable key;
 * freed with jose_key_set_free. Otherwise it is NULL. */
enum jose_keys jose_key_set_parse(struct bytes json, struct jose_key_set **set_out) MUST_USE;
void jose_key_set_free(struct jose_key_set *set);

/* Whether this key may verify signatures of this algorithm. */
bool jose_key_fits(const struct jose_key *key, enum jose_algorithm algorithm);
#endif
