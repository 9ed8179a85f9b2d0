/* From a token to a principal, in this order: read it, find its issuer, verify the signature, judge the
 * claims. A refusal that speaks of claims is therefore about a token that the issuer really signed; the only
 * exception is a token whose key is not known: its claims are judged first, so that one that would be refused
 * anyway (an expired one, say) brings no fetch about. */
#include "identity/identity.h"
#include "identity/claims.h"
#include "identity/detail.h"
#include "identity/fetcher.h"
#include "identity/issuers.h"
#include "identity/timing.h"
#include "jose/jws.h"
#include "json/read.h"
#include <errno.h>
#include <stdlib.h>

struct identity {
    struct issuers *issuers;
    struct fetcher *fetcher; /* NULL: all keys are pinned */
};

static const struct {
    const char *code, *sentence;
} refusals[] = {
#define X(NAME, code, sentence) { code, sentence },
    IDENTITY_REFUSALS(X)
#undef X
};

const char *identity_refusal_code(enum identity_refusal refusal)
{
    CHECK((size_t)refusal < sizeof refusals / sizeof *refusals);
    return refusals[refusal].code;
}

const char *identity_refusal_sentence(enum identity_refusal refusal)
{
    CHECK((size_t)refusal < sizeof refusals / sizeof *refusals);
    return refusals[refusal].sentence;
}

struct identity_timing identity_timing_default(int64_t refresh_s)
{
    if (refresh_s <= 0) refresh_s = 3600;
    if (refresh_s > 86400) refresh_s = 86400;
    struct identity_timing timing = {
        .refresh_ms = refresh_s * 1000,
        .min_refresh_ms = refresh_s < 60 ? refresh_s * 1000 : 60000,
        .ask_ms = 10000,
        .backoff_ms = 1000,
        .max_backoff_ms = refresh_s < 300 ? refresh_s * 1000 : 300000,
        .keep_ms = 24 * 3600 * 1000LL,
        .fetch_ms = 5000,
    };
    return timing;
}

int identity_new_timed(const struct identity_issuer_options *options, size_t n,
                       const struct identity_timing *timing, void (*on_keys)(void *context), void *context,
                       struct identity **identity_out)
{
    *identity_out = NULL;
    struct identity *identity = calloc(1, sizeof *identity);
    if (!identity) return -ENOMEM;
    int error = issuers_new(options, n, &identity->issuers);
    if (!error && identity->issuers->n_fetched)
        error = fetcher_start(identity->issuers, timing, on_keys, context, &identity->fetcher);
    if (error) {
        identity_free(identity);
        return error;
    }
    *identity_out = identity;
    return 0;
}

void identity_count_keys(struct identity *identity, size_t *n_out, size_t *n_with_keys_out)
{
    struct issuers *issuers = identity->issuers;
    *n_out = issuers->n;
    *n_with_keys_out = 0;
    for (size_t i = 0; i < issuers->n; i++) {
        struct key_snapshot *keys = issuer_keys(issuers, &issuers->list[i]);
        *n_with_keys_out += keys != NULL;
        key_snapshot_release(keys);
    }
}

int identity_new(const struct identity_issuer_options *options, size_t n, int64_t refresh_s,
                 void (*on_keys)(void *context), void *context, struct identity **identity_out)
{
    struct identity_timing timing = identity_timing_default(refresh_s);
    return identity_new_timed(options, n, &timing, on_keys, context, identity_out);
}

void identity_free(struct identity *identity)
{
    if (!identity) return;
    fetcher_stop(identity->fetcher);
    issuers_free(identity->issuers);
    free(identity);
}

/* One call of identity_verify_token. */
struct attempt {
    struct identity *identity;
    int64_t now_us;
    struct arena *arena;
    struct jws jws;
    json_t *claims;
    struct bytes iss; /* borrowed from claims */
    struct issuer *issuer;
    struct principal *principal_out;
    enum identity_refusal refusal;
    const char *why;
};

static enum identity_outcome refused(struct attempt *a, enum identity_refusal refusal, const char *why)
{
    a->refusal = refusal;
    if (why) a->why = why;
    return IDENTITY_REFUSED;
}

static enum identity_outcome attempt_claims(struct attempt *a)
{
    if (!claims_judge(a->claims, &a->issuer->options, a->now_us, a->arena, a->principal_out, &a->refusal,
                      &a->why))
        return IDENTITY_REFUSED;
    a->principal_out->claims = a->jws.payload;
    return IDENTITY_VERIFIED;
}

/* The key is not known: wait for a fetch if one is to come, and only for claims that would pass. */
static enum identity_outcome attempt_wait(struct attempt *a, bool had_keys)
{
    enum identity_outcome judged = attempt_claims(a);
    *a->principal_out = (struct principal){ 0 };
    if (judged != IDENTITY_VERIFIED) return judged;
    if (issuer_ask(a->identity->issuers, a->issuer)) return IDENTITY_WAIT;
    return had_keys ? refused(a, IDENTITY_KEY, "no key, or more than one, fits the header")
                    : refused(a, IDENTITY_UNAVAILABLE, "the issuer's keys could not be fetched");
}

static enum identity_outcome attempt_signature(struct attempt *a)
{
    struct key_snapshot *keys = issuer_keys(a->identity->issuers, a->issuer);
    if (!keys) return attempt_wait(a, false);
    enum jws_verdict verdict = jws_verify(&a->jws, keys->set);
    key_snapshot_release(keys);
    switch (verdict) {
    case JWS_BAD_SIGNATURE: return refused(a, IDENTITY_SIGNATURE, "the signature is not that of the key");
    case JWS_WRONG_ALGORITHM: return refused(a, IDENTITY_ALGORITHM, "the key is for another algorithm");
    case JWS_UNKNOWN_KEY: return attempt_wait(a, true);
    case JWS_GOOD: return attempt_claims(a);
    }
    return IDENTITY_REFUSED;
}

static enum identity_outcome attempt_run(struct attempt *a, struct bytes token)
{
    switch (jws_parse(token, a->arena, &a->jws, &a->why)) {
    case JWS_MALFORMED: return refused(a, IDENTITY_MALFORMED, NULL);
    case JWS_TOO_LONG: return refused(a, IDENTITY_TOO_LONG, NULL);
    case JWS_NO_ALGORITHM: return refused(a, IDENTITY_ALGORITHM, NULL);
    case JWS_PARSED: break;
    }
    if (json_read_object(a->jws.payload, JWS_MAX_BYTES, CLAIMS_MAX_DEPTH, &a->claims) != JSON_READ)
        return refused(a, IDENTITY_MALFORMED, "the payload is not a strict JSON object");
    if (json_member_text(a->claims, "iss", &a->iss) != JSON_MEMBER_FOUND)
        return refused(a, IDENTITY_ISSUER, "iss is missing or no string");
    a->issuer = issuers_find(a->identity->issuers, a->iss, a->claims);
    if (!a->issuer) return refused(a, IDENTITY_ISSUER, "no issuer of this name is configured");
    return attempt_signature(a);
}

enum identity_outcome identity_verify_token(struct identity *identity, struct bytes token, int64_t now_us,
                                            struct arena *arena, struct principal *principal_out,
                                            enum identity_refusal *refusal_out, struct bytes *detail_out)
{
    struct attempt a = { .identity = identity,
                         .now_us = now_us,
                         .arena = arena,
                         .principal_out = principal_out,
                         .why = "refused" };
    *principal_out = (struct principal){ 0 };
    *refusal_out = IDENTITY_MALFORMED;
    *detail_out = (struct bytes){ 0 };
    enum identity_outcome outcome = attempt_run(&a, token);
    if (outcome == IDENTITY_REFUSED) {
        *principal_out = (struct principal){ 0 };
        *refusal_out = a.refusal;
        *detail_out = detail_write(arena, a.why, a.iss, a.jws.kid, a.jws.alg);
    }
    json_decref(a.claims);
    return outcome;
}
