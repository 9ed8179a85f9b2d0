/* Who is calling: what a verified token says. */
#ifndef POSTERN_IDENTITY_PRINCIPAL_H
#define POSTERN_IDENTITY_PRINCIPAL_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"

struct principal {
    struct bytes
        user; /* the name that policies and people use, from the issuer's user_claim (default: sub) */
    struct bytes subject; /* sub */
    struct bytes issuer;
    struct bytes *groups;
    size_t n_groups;
    bool machine; /* no person: a client-credentials token, as the issuer's configuration tells it */
    /* verified delegation: whom the caller acts for (the on_behalf_of claim, or sub where there is an act
     * claim), and who acts (act.sub, RFC 8693); empty if none. user_claim "act.sub" makes the actor the user.
     */
    struct bytes on_behalf_of, actor;
    struct bytes token_id; /* jti; empty if none */
    int64_t expires_us;    /* UTC; 0: never */
    struct bytes claims;   /* the token's payload as JSON text, for policies' `claims:` */
};
/* All of it, in the arena. False: no memory, and *to is as it was. */
bool principal_copy(struct arena *arena, const struct principal *from, struct principal *to) MUST_USE;
#endif
