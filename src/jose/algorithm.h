/* The signature algorithms of JWS that are accepted (RFC 7518, section 3; RFC 8037), and which kind of key
 * each belongs to. `none` and the HMAC family are not in the table, and so cannot be asked for. */
#ifndef POSTERN_JOSE_ALGORITHM_H
#define POSTERN_JOSE_ALGORITHM_H
#include "base/bytes.h"

enum jose_key_type {
    JOSE_KEY_UNKNOWN = 0,
    JOSE_KEY_RSA,
    JOSE_KEY_P256,
    JOSE_KEY_P384,
    JOSE_KEY_P521,
    JOSE_KEY_ED25519,
};

/* name, key type, digest (NULL: the algorithm has its own), whether PSS, bytes of r and of s (ECDSA only) */
#define JOSE_ALGORITHMS(X)                                                                                   \
    X(RS256, JOSE_KEY_RSA, "SHA256", false, 0)                                                               \
    X(RS384, JOSE_KEY_RSA, "SHA384", false, 0)                                                               \
    X(RS512, JOSE_KEY_RSA, "SHA512", false, 0)                                                               \
    X(PS256, JOSE_KEY_RSA, "SHA256", true, 0)                                                                \
    X(PS384, JOSE_KEY_RSA, "SHA384", true, 0)                                                                \
    X(PS512, JOSE_KEY_RSA, "SHA512", true, 0)                                                                \
    X(ES256, JOSE_KEY_P256, "SHA256", false, 32)                                                             \
    X(ES384, JOSE_KEY_P384, "SHA384", false, 48)                                                             \
    X(ES512, JOSE_KEY_P521, "SHA512", false, 66)                                                             \
    X(EdDSA, JOSE_KEY_ED25519, NULL, false, 0)
enum jose_algorithm {
    JOSE_ALGORITHM_NONE = 0, /* none that is accepted */
#define X(NAME, type, digest, pss, half) JOSE_##NAME,
    JOSE_ALGORITHMS(X)
#undef X
};

struct jose_algorithm_facts {
    const char *name;
    enum jose_key_type key_type;
    const char *digest;
    bool pss;
    size_t half;
};
/* algorithm is not JOSE_ALGORITHM_NONE. */
const struct jose_algorithm_facts *jose_algorithm_facts(enum jose_algorithm algorithm);
/* Byte for byte, as RFC 7515 wants it; JOSE_ALGORITHM_NONE for all other names. */
enum jose_algorithm jose_algorithm_named(struct bytes name);
#endif
