/* How often keys are fetched. Apart from identity.h so that tests can make hours into milliseconds. */
#ifndef POSTERN_IDENTITY_TIMING_H
#define POSTERN_IDENTITY_TIMING_H
#include "identity/identity.h"

struct identity_timing {
    int64_t refresh_ms;     /* the longest between regular fetches */
    int64_t min_refresh_ms; /* a provider's max-age below this is raised to it */
    int64_t ask_ms;         /* an unknown key brings about at most one fetch in this time */
    int64_t backoff_ms;     /* after the first failure; doubles with each further one */
    int64_t max_backoff_ms;
    int64_t keep_ms;  /* keys whose provider stays away are trusted so long after their last fetch */
    int64_t fetch_ms; /* the deadline of each of the two requests of a fetch */
};
/* What identity_new uses. */
struct identity_timing identity_timing_default(int64_t refresh_s);
int identity_new_timed(const struct identity_issuer_options *issuers, size_t n,
                       const struct identity_timing *timing, void (*on_keys)(void *context), void *context,
                       struct identity **identity_out) MUST_USE;
#endif
