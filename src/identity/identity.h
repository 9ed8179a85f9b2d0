/* Verifies what a client presents. A snapshot of issuers and keys is immutable; a thread of its own (the key
 * fetcher) makes new ones, so that verification on a worker's loop blocks on nothing. */
#ifndef POSTERN_IDENTITY_IDENTITY_H
#define POSTERN_IDENTITY_IDENTITY_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "identity/principal.h"

struct identity_issuer_options {
    struct bytes issuer;    /* compared with iss, byte for byte */
    struct bytes audience;  /* must be in aud */
    struct bytes jwks_file; /* pinned keys; empty: discovery over HTTPS (HTTP for loopback hosts only) */
    struct bytes user_claim, groups_claim, machine_claim; /* empty: sub, groups, none */
    struct bytes machine_value; /* the value of machine_claim that says machine; empty: any */
    int64_t leeway_s;           /* for exp, nbf and iat; 0 to 120; negative: 30 */
};
struct identity;
/* seconds between regular fetches; on_keys is called from the fetcher's thread when keys of an issuer arrived
 * (or failed to), so that waiting sessions try again. The options are copied. 0 or -errno. */
int identity_new(const struct identity_issuer_options *issuers, size_t n, int64_t refresh_s,
                 void (*on_keys)(void *context), void *context, struct identity **identity_out) MUST_USE;
void identity_free(struct identity *identity);

/* How many issuers there are, and of how many keys are there that tokens can be verified with now. */
void identity_count_keys(struct identity *identity, size_t *n_out, size_t *n_with_keys_out);

/* The reasons, each with an audit code for the record and a sentence for the client that helps no attacker.
 */
#define IDENTITY_REFUSALS(X)                                                                                 \
    X(MALFORMED, "malformed", "the password is not a token this gateway can read")                           \
    X(TOO_LONG, "too-long", "the token is too long")                                                         \
    X(ISSUER, "issuer", "the token's issuer is not one this gateway trusts")                                 \
    X(ALGORITHM, "algorithm", "the token's signature algorithm is not accepted")                             \
    X(KEY, "key", "the token's signing key is not known")                                                    \
    X(SIGNATURE, "signature", "the token's signature is not valid")                                          \
    X(EXPIRED, "expired", "the token has expired")                                                           \
    X(NOT_YET, "not-yet", "the token is not valid yet")                                                      \
    X(AUDIENCE, "audience", "the token was made for someone else")                                           \
    X(CLAIMS, "claims", "the token lacks a claim that this gateway needs")                                   \
    X(UNAVAILABLE, "unavailable", "the identity provider's keys cannot be fetched now")
enum identity_refusal {
#define X(NAME, code, sentence) IDENTITY_##NAME,
    IDENTITY_REFUSALS(X)
#undef X
};
const char *identity_refusal_code(enum identity_refusal refusal);
const char *identity_refusal_sentence(enum identity_refusal refusal);

/* REFUSED: *refusal_out says why, detail_out (for the record only; never holds the token) more. WAIT: keys
 * are being fetched; call again after on_keys, at most for the caller's own deadline. VERIFIED:
 * *principal_out, all in the arena. now_us: UTC. */
enum identity_outcome { IDENTITY_REFUSED = 0, IDENTITY_WAIT, IDENTITY_VERIFIED };
enum identity_outcome identity_verify_token(struct identity *identity, struct bytes token, int64_t now_us,
                                            struct arena *arena, struct principal *principal_out,
                                            enum identity_refusal *refusal_out,
                                            struct bytes *detail_out) MUST_USE;
#endif
