/* Configuration of issuers, checked once; and their keys, handed out by reference. */
#include "identity/issuers.h"
#include "base/log.h"
#include "http/client.h"
#include "identity/claims.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct key_snapshot *key_snapshot_new(struct jose_key_set *set)
{
    struct key_snapshot *snapshot = malloc(sizeof *snapshot);
    if (!snapshot) return NULL;
    atomic_init(&snapshot->references, 1);
    snapshot->set = set;
    return snapshot;
}

void key_snapshot_release(struct key_snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1) return;
    jose_key_set_free(snapshot->set);
    free(snapshot);
}

/* A negative number of bytes read is -errno. */
static ssize_t file_read(const char *path, uint8_t *to, size_t size)
{
    FILE *file = fopen(path, "rbe");
    if (!file) return -errno;
    size_t n = fread(to, 1, size, file);
    int error = ferror(file) ? EIO : 0;
    fclose(file);
    return error ? -error : (ssize_t)n;
}

static int pinned_keys_read(struct bytes path, struct key_snapshot **keys_out)
{
    struct jose_key_set *set = NULL;
    uint8_t *text = malloc(JOSE_MAX_KEY_SET_BYTES + 1);
    if (!text) return -ENOMEM;
    ssize_t n = file_read((const char *)path.p, text, JOSE_MAX_KEY_SET_BYTES + 1);
    enum jose_keys outcome =
        n < 0 ? JOSE_KEYS_MALFORMED : jose_key_set_parse(bytes_make(text, (size_t)n), &set);
    free(text);
    if (n < 0 || outcome != JOSE_KEYS_READ || set->n == 0) {
        log_line(LOG_ERROR, "identity: no usable key in the pinned key file file=%s reason=%s", path.p,
                 n < 0                            ? strerror((int)-n)
                 : outcome == JOSE_KEYS_TOO_LONG  ? "too long"
                 : outcome == JOSE_KEYS_TOO_MANY  ? "too many keys"
                 : outcome == JOSE_KEYS_MALFORMED ? "not a JWK set"
                                                  : "no key that may verify signatures");
        jose_key_set_free(set);
        return n < 0 ? (int)n : -EINVAL;
    }
    if (set->n_ignored)
        log_line(LOG_WARNING,
                 "identity: keys passed over in the pinned key file file=%s used=%zu ignored=%zu", path.p,
                 set->n, set->n_ignored);
    *keys_out = key_snapshot_new(set);
    if (!*keys_out) jose_key_set_free(set);
    return *keys_out ? 0 : -ENOMEM;
}

static int option_copy(struct arena *arena, struct bytes given, const char *otherwise, struct bytes *out)
{
    if (given.n > ISSUERS_MAX_TEXT || (given.n && memchr(given.p, 0, given.n)) || !bytes_is_utf8(given))
        return -EINVAL;
    *out = arena_copy(arena, given.n ? given : bytes_of(otherwise));
    return out->p ? 0 : -ENOMEM;
}

static int options_copy(struct arena *arena, const struct identity_issuer_options *given,
                        struct identity_issuer_options *out)
{
    const struct {
        struct bytes given;
        const char *otherwise;
        struct bytes *out;
    } texts[] = {
        { given->issuer, "", &out->issuer },
        { given->audience, "", &out->audience },
        { given->jwks_file, "", &out->jwks_file },
        { given->user_claim, "sub", &out->user_claim },
        { given->groups_claim, "groups", &out->groups_claim },
        { given->machine_claim, "", &out->machine_claim },
        { given->machine_value, "", &out->machine_value },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int error = option_copy(arena, texts[i].given, texts[i].otherwise, texts[i].out);
        if (error) return error;
    }
    out->leeway_s = given->leeway_s < 0 ? 30 : given->leeway_s;
    return 0;
}

/* NULL: nothing is wrong. */
static const char *options_fault(const struct identity_issuer_options *options)
{
    if (options->issuer.n == 0) return "the issuer is empty";
    if (options->audience.n == 0) return "the audience is empty";
    if (options->leeway_s > 120) return "the leeway is over 120 seconds";
    if (options->user_claim.n >= 256 || options->groups_claim.n >= 256 || options->machine_claim.n >= 256)
        return "a claim's name is too long";
    if (options->jwks_file.n) return NULL;
    if (memchr(options->issuer.p, '?', options->issuer.n)) return "the issuer has a query";
    if (http_url_kind(options->issuer) == HTTP_URL_REFUSED)
        return "the issuer is neither an https URL nor an http URL of a loopback address";
    return NULL;
}

static int issuer_init(struct issuers *issuers, const struct identity_issuer_options *given)
{
    struct issuer *issuer = &issuers->list[issuers->n];
    int error = options_copy(&issuers->arena, given, &issuer->options);
    const char *fault = error ? "an option is too long or not UTF-8" : options_fault(&issuer->options);
    for (size_t i = 0; !fault && i < issuers->n; i++)
        if (bytes_equal(issuers->list[i].options.issuer, issuer->options.issuer) &&
            bytes_equal(issuers->list[i].options.audience, issuer->options.audience))
            fault = "the same issuer and audience twice";
    if (fault) {
        log_line(LOG_ERROR, "identity: %s issuer=%.*s", fault, BYTES_FMT(bytes_slice(given->issuer, 0, 200)));
        return error ? error : -EINVAL;
    }
    issuer->pinned = issuer->options.jwks_file.n != 0;
    if (issuer->pinned) error = pinned_keys_read(issuer->options.jwks_file, &issuer->keys);
    if (error) return error;
    issuer->pending = issuer->may_ask = !issuer->pinned;
    issuers->n_fetched += !issuer->pinned;
    issuers->n++;
    return 0;
}

int issuers_new(const struct identity_issuer_options *options, size_t n, struct issuers **issuers_out)
{
    *issuers_out = NULL;
    if (n > ISSUERS_MAX) return -E2BIG;
    struct issuers *issuers = calloc(1, sizeof *issuers + n * sizeof issuers->list[0]);
    if (!issuers) return -ENOMEM;
    arena_init(&issuers->arena, 4096, 4 << 20);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&issuers->lock, NULL);
    pthread_cond_init(&issuers->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < n; i++) {
        int error = issuer_init(issuers, &options[i]);
        if (error) {
            issuers_free(issuers);
            return error;
        }
    }
    *issuers_out = issuers;
    return 0;
}

void issuers_free(struct issuers *issuers)
{
    if (!issuers) return;
    for (size_t i = 0; i < issuers->n; i++)
        key_snapshot_release(issuers->list[i].keys);
    pthread_cond_destroy(&issuers->changed);
    pthread_mutex_destroy(&issuers->lock);
    arena_free(&issuers->arena);
    free(issuers);
}

struct issuer *issuers_find(struct issuers *issuers, struct bytes iss, const json_t *claims)
{
    struct issuer *first = NULL;
    for (size_t i = 0; i < issuers->n; i++) {
        struct issuer *issuer = &issuers->list[i];
        if (!bytes_equal(issuer->options.issuer, iss)) continue;
        if (claims_are_for(claims, issuer->options.audience)) return issuer;
        if (!first) first = issuer;
    }
    return first;
}

struct key_snapshot *issuer_keys(struct issuers *issuers, struct issuer *issuer)
{
    pthread_mutex_lock(&issuers->lock);
    struct key_snapshot *keys = issuer->keys;
    if (keys) atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
    pthread_mutex_unlock(&issuers->lock);
    return keys;
}

bool issuer_ask(struct issuers *issuers, struct issuer *issuer)
{
    if (issuer->pinned) return false;
    pthread_mutex_lock(&issuers->lock);
    if (!issuer->pending && issuer->may_ask) {
        issuer->may_ask = false;
        issuer->asked = issuer->pending = true;
        pthread_cond_signal(&issuers->changed);
    }
    bool pending = issuer->pending;
    pthread_mutex_unlock(&issuers->lock);
    return pending;
}

void issuer_set_keys(struct issuers *issuers, struct issuer *issuer, struct key_snapshot *keys)
{
    pthread_mutex_lock(&issuers->lock);
    struct key_snapshot *old = issuer->keys;
    issuer->keys = keys;
    pthread_mutex_unlock(&issuers->lock);
    key_snapshot_release(old);
}
