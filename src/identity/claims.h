/* What a token's claims are worth to one issuer's rules, and the principal that they make. It asks nothing of
 * the signature: the caller verifies that. */
#ifndef POSTERN_IDENTITY_CLAIMS_H
#define POSTERN_IDENTITY_CLAIMS_H
#include "identity/identity.h"
#include "json/read.h"

enum {
    CLAIMS_MAX_DEPTH = 16,
    CLAIMS_MAX_AUDIENCES = 64,
    CLAIMS_MAX_GROUPS = 4096,
    CLAIMS_MAX_NAME_BYTES = 512, /* a user, a group, a jti */
};

/* A claim by its name or, where no claim has that whole name, by a dotted path ("realm_access.roles"). The
 * whole name goes first, since namespaced claims are URLs with dots in them. NULL: not there. */
const json_t *claims_find(const json_t *claims, struct bytes name);

/* Whether aud is this audience or an array that holds it. */
bool claims_are_for(const json_t *claims, struct bytes audience);

/* True: *principal_out is whole (but for `claims`, which the caller has as text), in the arena. False:
 * refusal_out says why, *why_out (static text) more. The rules' defaults are filled in (issuers.h). */
bool claims_judge(const json_t *claims, const struct identity_issuer_options *rules, int64_t now_us,
                  struct arena *arena, struct principal *principal_out, enum identity_refusal *refusal_out,
                  const char **why_out) MUST_USE;
#endif
