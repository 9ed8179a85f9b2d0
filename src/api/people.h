/* People who signed in with a browser: a random number in a cookie, everything else here, in memory. A
 * restart signs everybody out. */
#ifndef POSTERN_API_PEOPLE_H
#define POSTERN_API_PEOPLE_H
#include "base/check.h"
#include "base/clock.h"
#include "identity/principal.h"

enum { PEOPLE_COOKIE = 44 };

/* Counted; what is here never changes. */
struct person {
    char csrf[PEOPLE_COOKIE];
    struct arena arena;
    struct principal principal;
    struct bytes id_token; /* the provider's; for signing out there */
    /* As the database's door took the tokens of this sign-in: for POST /v1/token. Empty: it takes none. */
    struct principal door;
    uint64_t number;    /* of the sign-in, from 1 */
    size_t issuer;      /* which of the API's */
    int64_t expires_us; /* wall clock */
};

struct people;
/* session_us: how long a sign-in lasts at most; idle for an hour ends it too. NULL: no memory. */
struct people *people_new(const struct clock *clock, int64_t session_us, uint64_t seed) MUST_USE;
void people_free(struct people *people);

/* A sign-in: copies the principals; door may be NULL. cookie_out gets what the browser is to hold. False: too
 * many are signed in, or no memory. */
bool people_enter(struct people *people, const struct principal *principal, const struct principal *door,
                  struct bytes id_token, size_t issuer, char cookie_out[PEOPLE_COOKIE]) MUST_USE;
/* Whose cookie it is; NULL: nobody's, or it is over. A reference, to be released. */
struct person *people_find(struct people *people, struct bytes cookie) MUST_USE;
void people_release(struct people *people, struct person *person);
/* Ends it: nobody finds it any more. */
void people_leave(struct people *people, struct person *person);
/* Whether it is still signed in. */
bool people_is_in(struct people *people, const struct person *person);
#endif
