/* The thread that fetches keys: regularly, when a token names a key that is not known, and again, ever later,
 * when a provider is away. It is the only one that waits for the network, and the only one that looks at a
 * clock. */
#ifndef POSTERN_IDENTITY_FETCHER_H
#define POSTERN_IDENTITY_FETCHER_H
#include "identity/issuers.h"
#include "identity/timing.h"

struct fetcher;
/* Starts the thread; the issuers outlive it. on_keys is called from it, without a lock held, after each
 * fetch, and when keys became too old. 0 or -errno. */
int fetcher_start(struct issuers *issuers, const struct identity_timing *timing,
                  void (*on_keys)(void *context), void *context, struct fetcher **fetcher_out) MUST_USE;
/* Ends the thread, cutting short a fetch under way (within about a second). NULL is fine. */
void fetcher_stop(struct fetcher *fetcher);
#endif
