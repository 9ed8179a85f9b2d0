/* A provider's keys, by way of its discovery document (OpenID Connect Discovery 1.0). */
#ifndef POSTERN_IDENTITY_DISCOVERY_H
#define POSTERN_IDENTITY_DISCOVERY_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "jose/jwk.h"
#include <stdatomic.h>

/* The jwks_uri of a discovery document. False: it is not a strict JSON object, its issuer is not this one
 * byte for byte, or its jwks_uri is not a URL to fetch (an https issuer's must be https); *why_out (static)
 * says which. */
bool discovery_read(struct bytes document, struct bytes issuer, struct arena *arena,
                    struct bytes *jwks_uri_out, const char **why_out) MUST_USE;

struct discovery_result {
    struct jose_key_set *set; /* at least one key; the caller's */
    int64_t max_age_s;        /* of the key set's answer; -1: nothing said */
    char why[256];            /* for the log, where it failed */
};
/* Blocks for at most two deadlines. False: *result_out holds no set, and why. */
bool discovery_fetch(struct bytes issuer, int64_t deadline_ms, const atomic_bool *cancel,
                     struct discovery_result *result_out) MUST_USE;
#endif
