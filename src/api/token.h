/* Minted logins, as the API hands them out. */
#ifndef POSTERN_API_TOKEN_H
#define POSTERN_API_TOKEN_H
#include "api/call.h"

/* Whether the database's door takes this token, of a sign-in as `who`: then with it *principal_out comes in.
 */
bool token_at_door(struct api_call *call, const struct principal *who, struct bytes token,
                   struct principal *principal_out) MUST_USE;
/* Somebody signs out: what was minted in that sign-in ends. */
void token_end_of_sign_in(struct api_call *call, const struct person *person);
#endif
