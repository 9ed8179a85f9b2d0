/* Who asks: a token in the Authorization header, or a cookie of a sign-in. */
#ifndef POSTERN_API_AUTHENTICATE_H
#define POSTERN_API_AUTHENTICATE_H
#include "api/call.h"

/* Fills the call's snapshot and, where the route wants somebody, principal and roles; with a cookie on
 * whatever changes something also asks for the CSRF token and the origin. False: a problem was answered. */
bool authenticate(struct api_call *call) MUST_USE;
/* For a route for nobody that shows more to some: the same, but no problem where nobody is signed in. */
bool authenticate_maybe(struct api_call *call) MUST_USE;
/* As a client's token is judged at the database's door; waits for the issuer's keys, up to some seconds. */
enum identity_outcome authenticate_token(struct api_call *call, struct bytes token,
                                         struct principal *principal_out,
                                         enum identity_refusal *refusal_out) MUST_USE;
/* Whether the Host header names this server: its URL's, or a loopback name where the request came from this
 * machine. A page of another site whose name was turned to our address says that name. */
bool authenticate_host_is_ours(const struct api_call *call) MUST_USE;
/* "https://postern.example.com": what a browser calls us in this request. In the arena. */
struct bytes authenticate_origin(const struct api_call *call);
/* The cookies' names: with the prefix that browsers enforce, where it is https. */
const char *authenticate_cookie(const struct api_call *call, bool sign_in);
#endif
