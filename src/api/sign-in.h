/* Signing in with a browser (doc/sign-in.md): what is kept between sending it to a provider and its coming
 * back, and what is known of providers. */
#ifndef POSTERN_API_SIGN_IN_H
#define POSTERN_API_SIGN_IN_H
#include "api/api.h"

struct sign_in;
/* 0 or -errno. */
int sign_in_new(const struct api_options *options, struct sign_in **out) MUST_USE;
void sign_in_free(struct sign_in *s);

/* A sign-in that was begun. It stands in the browser's cookie, sealed, so that nothing is kept here for
 * whoever only begins. */
enum { SIGN_IN_TO = 512, SIGN_IN_COOKIE = 1200 };
struct sign_in_begun {
    char state[44], nonce[44], verifier[44];
    char to[SIGN_IN_TO]; /* the path to go to afterwards */
    uint64_t issuer;
    int64_t until_us; /* wall clock */
};
/* Makes one, and its cookie (text, NUL behind it). */
bool sign_in_begin(struct sign_in *s, size_t issuer, struct bytes to, struct sign_in_begun *out,
                   char cookie_out[SIGN_IN_COOKIE]) MUST_USE;
/* Opens the cookie. False: it is not ours, older than ten minutes, of another state, or has served already.
 */
bool sign_in_open(struct sign_in *s, struct bytes state, struct bytes cookie,
                  struct sign_in_begun *out) MUST_USE;
/* It has served: it does not open again. False: it had served meanwhile. */
bool sign_in_spend(struct sign_in *s, const struct sign_in_begun *begun) MUST_USE;
/* The provider's endpoints, fetched when they are older than ten minutes; copied into the arena. Blocks. */
bool sign_in_endpoints(struct sign_in *s, size_t issuer, struct arena *arena,
                       struct oauth_endpoints *out) MUST_USE;
/* Verifies an ID token of this issuer with this nonce; waits for keys for some seconds. False: why_out says
 * why (for the log). */
bool sign_in_verify(struct sign_in *s, size_t issuer, struct bytes id_token, const char *nonce,
                    struct arena *arena, struct principal *principal_out, const char **why_out) MUST_USE;
/* Whether a text is a path of ours that may be gone to: "/x?y", never "//elsewhere". */
bool sign_in_path_is_ours(struct bytes to);
#endif
