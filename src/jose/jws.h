/* Signed tokens in compact form (RFC 7515, RFC 7519). Reading and verifying are two steps, since the keys to
 * verify with depend on who the token says has issued it: what jws_parse gives is unverified, and only
 * chooses.
 *
 *     jws_parse(token, arena, &jws)  ->  JWS_PARSED      header and payload decoded, algorithm known
 *     jws_verify(&jws, set)          ->  JWS_GOOD        exactly one key of the set fits, and it signed this
 *
 * Header members that point to keys (jku, jwk, x5u, x5c) are never looked at. */
#ifndef POSTERN_JOSE_JWS_H
#define POSTERN_JOSE_JWS_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "jose/algorithm.h"
#include "jose/jwk.h"

enum { JWS_MAX_BYTES = 32768, JWS_MAX_HEADER_BYTES = 8192 };

struct jws {
    struct bytes
        signing_input;    /* header and payload as they came, the dot between; borrowed from the token */
    struct bytes payload; /* decoded; in the arena, like all below */
    struct bytes signature;
    struct bytes alg, kid; /* as the header says; kid is empty where there is none */
    enum jose_algorithm algorithm;
};

enum jws_parsed {
    JWS_MALFORMED = 0, /* not three strict base64url parts, a header that is no strict JSON object, `crit`,
                          `b64`, a typ that belongs to another kind of token, or no room in the arena */
    JWS_TOO_LONG,      /* the token or its header */
    JWS_NO_ALGORITHM,  /* none, HMAC, or one that nobody knows; jws_out->alg says which */
    JWS_PARSED,
};
/* *jws_out is filled as far as it was read. *why_out is static text for the record, NULL where parsed. */
enum jws_parsed jws_parse(struct bytes token, struct arena *arena, struct jws *jws_out,
                          const char **why_out) MUST_USE;

enum jws_verdict {
    JWS_BAD_SIGNATURE = 0,
    JWS_UNKNOWN_KEY,     /* no key has this kid; or there is no kid, and none or several keys fit */
    JWS_WRONG_ALGORITHM, /* the key with this kid is not for this algorithm */
    JWS_GOOD,
};
enum jws_verdict jws_verify(const struct jws *jws, const struct jose_key_set *set) MUST_USE;
#endif
