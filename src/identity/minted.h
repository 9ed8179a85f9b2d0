/* Short-lived logins that the gateway mints for whoever a provider's token has vouched for: a user name and a
 * password for clients that speak SCRAM-SHA-256. A login stands for the principal as it was verified, and for
 * no longer than that. The password is made here, given out once, and forgotten: what stays is a SCRAM
 * verifier, in memory. All calls are for any thread.
 *
 * Nobody learns from the dialogue which names exist: a login's salt is a keyed hash of its name, so that a
 * name that was never given out, one that is over and one that is good are answered alike. */
#ifndef POSTERN_IDENTITY_MINTED_H
#define POSTERN_IDENTITY_MINTED_H
#include "base/check.h"
#include "base/clock.h"
#include "identity/principal.h"
#include "pgwire/scram.h"

enum {
    MINTED_NAME = 25,     /* "postern-", 16 letters and digits, NUL */
    MINTED_PASSWORD = 44, /* 32 random bytes as base64url, NUL: plain ASCII, which SASLprep leaves alone */
    MINTED_ITERATIONS = 4096, /* RFC 7677's least: what is stretched is random already */
    MINTED_SALT = 16,
    MINTED_MOST = 16384,
    MINTED_MOST_BYTES = 64 << 20 /* of all principals */
};

struct minted;
struct minted_options {
    const struct clock *clock;
    int64_t lifetime_us; /* at most; 0: none are minted */
    size_t most_of_one;  /* of one principal: issuer and subject */
    uint64_t seed;
    const uint8_t *key; /* PASSWORD_KEY_BYTES, of salts; NULL: random ones, as a gateway has them */
};
/* NULL: no memory. */
struct minted *minted_new(const struct minted_options *options) MUST_USE;
void minted_free(struct minted *m);

struct minted_login {
    char name[MINTED_NAME], password[MINTED_PASSWORD];
    int64_t expires_us; /* UTC */
};
/* OFF: the gateway mints none. OVER: what vouches for the principal is over. CROWDED: this principal has as
 * many as one may have. FULL: so have all, or there is no memory. */
enum minted_outcome { MINTED_FULL = 0, MINTED_CROWDED, MINTED_OVER, MINTED_OFF, MINTED_GIVEN };
/* Until the principal's own end, until_us (0: none besides), or the lifetime from now: the first of them.
 * sign_in: a number of what it belongs to, for minted_end_all; 0: nothing. The caller wipes *login_out. */
enum minted_outcome minted_mint(struct minted *m, const struct principal *principal, int64_t until_us,
                                uint64_t sign_in, struct minted_login *login_out) MUST_USE;

/* Whether a user name has the form of a login's. */
bool minted_is_name(struct bytes user) MUST_USE;
/* What the dialogue with a client needs that gives this name: a mock where there is no such login (now). */
void minted_verifier(struct minted *m, struct bytes name, struct scram_verifier *verifier_out);
/* Once the client has proven that it knows the password: whom it stands for, in the arena; expires_us is the
 * login's. False: it has ended meanwhile, or there is no memory. */
bool minted_principal(struct minted *m, struct bytes name, struct arena *arena,
                      struct principal *principal_out) MUST_USE;

/* Ending: `ended` is called for each login that does, once the lock is let go and it lets nobody in any more.
 * How many. name empty: all that fit. owner NULL: anybody's. sign_in 0: whatever they belong to. */
struct minted_end {
    struct bytes name;
    const struct principal *owner;
    uint64_t sign_in;
    void (*ended)(void *context, struct bytes name, const struct principal *principal);
    void *context;
};
size_t minted_end_all(struct minted *m, const struct minted_end *which);
/* Logins that are good now. */
size_t minted_count(struct minted *m);
#endif
