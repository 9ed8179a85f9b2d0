/* The issuers that are trusted, and the keys of each. What is configured never changes; what the fetcher
 * changes (keys, whether a fetch is pending) stands under one lock that is held for a few instructions, never
 * across a fetch, a parse or a signature.
 *
 * A key snapshot is immutable and counted: a verifier takes a reference, verifies without the lock, and lets
 * go; the fetcher puts a new snapshot in its place meanwhile. */
#ifndef POSTERN_IDENTITY_ISSUERS_H
#define POSTERN_IDENTITY_ISSUERS_H
#include "identity/identity.h"
#include "jose/jwk.h"
#include "json/read.h"
#include <pthread.h>
#include <stdatomic.h>

enum { ISSUERS_MAX = 64, ISSUERS_MAX_TEXT = 2048 };

struct key_snapshot {
    atomic_uint references;
    struct jose_key_set *set;
};
/* Takes over the set; one reference. NULL: no memory, and the set is still the caller's. */
struct key_snapshot *key_snapshot_new(struct jose_key_set *set) MUST_USE;
/* NULL is fine. */
void key_snapshot_release(struct key_snapshot *snapshot);

struct issuer {
    struct identity_issuer_options options; /* defaults filled in; the text is the list's */
    bool pinned;                            /* the keys came from a file and stay */

    /* Under the lock. */
    struct key_snapshot *keys; /* NULL: none yet, or too old to trust */
    bool pending;              /* a fetch is under way, or will be as soon as the fetcher wakes */
    bool may_ask; /* an unknown key may bring a fetch about; the fetcher gives this back in time */
    bool asked;   /* somebody did */
};

struct issuers {
    struct arena arena;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* asked, or time to stop; CLOCK_MONOTONIC */
    size_t n, n_fetched;    /* n_fetched: those that are not pinned */
    struct issuer list[];
};
/* Checks and copies the options and reads pinned key files. 0 or -errno; what is wrong is in the log. */
int issuers_new(const struct identity_issuer_options *options, size_t n,
                struct issuers **issuers_out) MUST_USE;
void issuers_free(struct issuers *issuers);

/* The one whose issuer this is, and whose audience the claims are for; where only the first is true, the
 * first such; NULL: none. */
struct issuer *issuers_find(struct issuers *issuers, struct bytes iss, const json_t *claims);
/* A reference to the present keys, or NULL. */
struct key_snapshot *issuer_keys(struct issuers *issuers, struct issuer *issuer) MUST_USE;
/* Asks the fetcher for new keys, as often as that is allowed. True: a fetch is pending (this one or
 * another's). */
bool issuer_ask(struct issuers *issuers, struct issuer *issuer) MUST_USE;
/* For the fetcher: puts these keys (may be NULL) in place of the present ones. Takes over the reference. */
void issuer_set_keys(struct issuers *issuers, struct issuer *issuer, struct key_snapshot *keys);
#endif
