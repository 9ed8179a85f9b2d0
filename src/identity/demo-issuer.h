/* The identity provider of `postern demo`: an issuer of its own, with a key made when it starts, that
 * publishes its discovery document and keys over HTTP on loopback, as a real one does. It hands tokens to its
 * own process only (there is no token endpoint), and its key ends with it. Never part of a gateway that
 * serves. */
#ifndef POSTERN_IDENTITY_DEMO_ISSUER_H
#define POSTERN_IDENTITY_DEMO_ISSUER_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"

struct demo_issuer;
/* audience: what goes into aud; copied. Starts a thread. 0 or -errno. */
int demo_issuer_new(struct bytes audience, struct demo_issuer **issuer_out) MUST_USE;
void demo_issuer_free(struct demo_issuer *issuer);

/* "http://127.0.0.1:PORT", to be configured as the issuer; valid until demo_issuer_free. */
struct bytes demo_issuer_url(const struct demo_issuer *issuer);

struct demo_claims {
    struct bytes user;
    const struct bytes *groups;
    size_t n_groups;
    bool machine; /* token_use is then "machine", otherwise "person": machine_claim token_use, machine_value
                     machine */
    struct bytes actor;        /* act.sub; empty: no act claim */
    struct bytes on_behalf_of; /* empty: no such claim */
    int64_t now_us;            /* UTC: iat and nbf */
    int64_t ttl_s;             /* exp */
};
/* A signed token (ES256), in the arena; empty where there was no room. */
struct bytes demo_issuer_token(struct demo_issuer *issuer, const struct demo_claims *claims,
                               struct arena *arena) MUST_USE;
/* Makes a new key; tokens of the old one stay valid, as with a provider that rotates well, until the next
 * call. 0 or -errno. */
int demo_issuer_rotate(struct demo_issuer *issuer) MUST_USE;
#endif
