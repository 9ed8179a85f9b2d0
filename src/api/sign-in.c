/* A begun sign-in is sealed into the browser's cookie under a key of this process: the state in it binds the
 * answer to what was asked, the cookie binds it to the browser that asked. What has served is remembered
 * until it would be too old anyway. */
#include "api/sign-in.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "json/read.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    SPENT = 4096,
    BEGUN_US = 600000000,
    FRESH_US = 600000000,
    AGAIN_US = 5000000,
    FETCH_MS = 8000,
    WAIT_MS = 8000,
    STEP_MS = 50
};

struct provider {
    pthread_mutex_t lock; /* over the fetch too: one asks, the others wait for it */
    struct arena arena;
    struct oauth_endpoints endpoints;
    int64_t fetched_us, failed_us; /* monotonic; 0: never */
};

struct sign_in {
    const struct api_options *options;
    struct identity *identity; /* judges ID tokens; NULL: nobody can sign in */
    struct provider providers[API_ISSUERS];
    pthread_mutex_t lock;
    uint8_t key[AEAD_KEY];
    struct {
        char state[44];
        int64_t until_us;
    } spent[SPENT];
    size_t at;
};

static void on_keys(void *context)
{
    (void)context; /* whoever waits looks again by itself */
}

int sign_in_new(const struct api_options *options, struct sign_in **out)
{
    struct identity_issuer_options rules[API_ISSUERS];
    struct sign_in *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->options = options;
    pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < API_ISSUERS; i++) {
        pthread_mutex_init(&s->providers[i].lock, NULL);
        arena_init(&s->providers[i].arena, 4096, 1 << 20);
    }
    random_bytes(s->key, sizeof s->key);
    int error = 0;
    for (size_t i = 0; i < options->n_issuers; i++)
        rules[i] = options->issuers[i].id;
    if (options->n_issuers) error = identity_new(rules, options->n_issuers, 600, on_keys, NULL, &s->identity);
    if (error)
        sign_in_free(s);
    else
        *out = s;
    return error;
}

void sign_in_free(struct sign_in *s)
{
    if (!s) return;
    identity_free(s->identity);
    for (size_t i = 0; i < API_ISSUERS; i++) {
        arena_free(&s->providers[i].arena);
        pthread_mutex_destroy(&s->providers[i].lock);
    }
    pthread_mutex_destroy(&s->lock);
    secret_wipe(s->key, sizeof s->key);
    free(s);
}

bool sign_in_path_is_ours(struct bytes to)
{
    if (to.n == 0 || to.n >= SIGN_IN_TO || to.p[0] != '/') return false;
    if (to.n > 1 && (to.p[1] == '/' || to.p[1] == '\\')) return false;
    for (size_t i = 0; i < to.n; i++)
        if (to.p[i] <= ' ' || to.p[i] >= 0x7F || to.p[i] == '\\') return false;
    return true;
}

/* nonce, tag, ciphertext, as text. */
static bool seal(const struct sign_in *s, const struct sign_in_begun *b, char cookie_out[SIGN_IN_COOKIE])
{
    uint8_t room[AEAD_NONCE + AEAD_TAG + sizeof *b];
    struct buf text;
    struct aead *aead = aead_new(AEAD_SEAL, s->key);
    random_bytes(room, AEAD_NONCE);
    bool good = aead && aead_seal(aead, room, BYTES_LITERAL("sign-in"), bytes_make(b, sizeof *b),
                                  room + AEAD_NONCE + AEAD_TAG, room + AEAD_NONCE);
    aead_free(aead);
    buf_init(&text, SIGN_IN_COOKIE);
    codec_base64(CODEC_BASE64URL, bytes_make(room, sizeof room), &text);
    buf_put_u8(&text, 0);
    good = good && !text.failed;
    if (good) memcpy(cookie_out, buf_bytes(&text).p, buf_length(&text));
    buf_free(&text);
    return good;
}

static bool unseal(const struct sign_in *s, struct bytes cookie, struct sign_in_begun *out)
{
    struct buf raw;
    buf_init(&raw, SIGN_IN_COOKIE);
    struct aead *aead = aead_new(AEAD_OPEN, s->key);
    bool good = aead && cookie.n < SIGN_IN_COOKIE && codec_unbase64(CODEC_BASE64URL, cookie, &raw) &&
                buf_length(&raw) == AEAD_NONCE + AEAD_TAG + sizeof *out;
    const uint8_t *p = buf_bytes(&raw).p;
    good =
        good && aead_open(aead, p, BYTES_LITERAL("sign-in"),
                          bytes_make(p + AEAD_NONCE + AEAD_TAG, sizeof *out), p + AEAD_NONCE, (uint8_t *)out);
    aead_free(aead);
    buf_free(&raw);
    return good;
}

bool sign_in_begin(struct sign_in *s, size_t issuer, struct bytes to, struct sign_in_begun *out,
                   char cookie_out[SIGN_IN_COOKIE])
{
    memset(out, 0, sizeof *out);
    out->issuer = issuer;
    out->until_us = clock_wall_us(s->options->clock) + BEGUN_US;
    oauth_random(out->state);
    oauth_random(out->nonce);
    oauth_random(out->verifier);
    if (sign_in_path_is_ours(to))
        memcpy(out->to, to.p, to.n);
    else
        out->to[0] = '/';
    return seal(s, out, cookie_out);
}

static bool is_spent(struct sign_in *s, const char *state)
{
    bool spent = false;
    for (size_t i = 0; i < SPENT && !spent; i++)
        spent = memcmp(s->spent[i].state, state, sizeof s->spent[i].state) == 0;
    return spent;
}

bool sign_in_open(struct sign_in *s, struct bytes state, struct bytes cookie, struct sign_in_begun *out)
{
    if (state.n != 43 || !unseal(s, cookie, out)) return false;
    pthread_mutex_lock(&s->lock);
    bool spent = is_spent(s, out->state);
    pthread_mutex_unlock(&s->lock);
    return !spent && out->until_us > clock_wall_us(s->options->clock) &&
           out->issuer < s->options->n_issuers &&
           bytes_equal_constant_time(bytes_make(out->state, 43), state);
}

/* Where too many serve in ten minutes, the oldest that is still good must not be forgotten: then no more. */
bool sign_in_spend(struct sign_in *s, const struct sign_in_begun *begun)
{
    int64_t now_us = clock_wall_us(s->options->clock);
    bool done = false;
    pthread_mutex_lock(&s->lock);
    bool spent = is_spent(s, begun->state);
    for (size_t i = 0; i < SPENT && !done && !spent; i++) {
        size_t at = (s->at + i) % SPENT;
        if (s->spent[at].until_us > now_us) continue;
        memcpy(s->spent[at].state, begun->state, sizeof begun->state);
        s->spent[at].until_us = begun->until_us;
        s->at = at + 1;
        done = true;
    }
    pthread_mutex_unlock(&s->lock);
    return done;
}

static void fetch(struct sign_in *s, size_t issuer, int64_t now_us)
{
    struct provider *p = &s->providers[issuer];
    struct oauth_endpoints fresh;
    const char *why;
    struct arena arena;
    arena_init(&arena, 4096, 1 << 20);
    struct bytes url = s->options->issuers[issuer].client.issuer;
    if (oauth_discover(url, FETCH_MS, &arena, &fresh, &why)) {
        arena_free(&p->arena);
        p->arena = arena;
        p->endpoints = fresh;
        p->fetched_us = now_us;
        return;
    }
    p->failed_us = now_us;
    log_line(LOG_WARNING, "sign-in: %.*s: %s", BYTES_FMT(url), why);
    arena_free(&arena);
}

static bool endpoints_copy(const struct oauth_endpoints *from, struct arena *arena,
                           struct oauth_endpoints *to)
{
    *to = *from;
    to->authorization = arena_copy(arena, from->authorization);
    to->token = arena_copy(arena, from->token);
    to->device = arena_copy(arena, from->device);
    to->end_session = arena_copy(arena, from->end_session);
    return to->authorization.p && to->token.p && to->device.p && to->end_session.p;
}

bool sign_in_endpoints(struct sign_in *s, size_t issuer, struct arena *arena, struct oauth_endpoints *out)
{
    struct provider *p = &s->providers[issuer];
    pthread_mutex_lock(&p->lock);
    int64_t now_us = clock_monotonic_us(s->options->clock);
    bool fresh = p->fetched_us && now_us - p->fetched_us < FRESH_US;
    if (!fresh && (!p->failed_us || now_us - p->failed_us >= AGAIN_US)) fetch(s, issuer, now_us);
    /* Old ones are better than none. */
    bool good = p->fetched_us && endpoints_copy(&p->endpoints, arena, out);
    pthread_mutex_unlock(&p->lock);
    return good;
}

/* What OpenID Connect Core wants of an ID token besides what every token must have (3.1.3.7). */
static const char *id_claims_fault(const struct api_issuer *issuer, const struct principal *principal,
                                   const char *nonce)
{
    json_t *claims;
    struct bytes text;
    const char *fault = NULL;
    if (!bytes_equal(principal->issuer, issuer->client.issuer)) return "it is of another issuer";
    if (json_read_object(principal->claims, 1 << 20, 16, &claims) != JSON_READ) return "it cannot be read";
    if (json_member_text(claims, "nonce", &text) != JSON_MEMBER_FOUND ||
        !bytes_equal_constant_time(text, bytes_of(nonce)))
        fault = "its nonce is not the one that was asked with";
    enum json_member azp = json_member_text(claims, "azp", &text);
    if (azp == JSON_MEMBER_WRONG_TYPE || (azp == JSON_MEMBER_FOUND && !bytes_equal(text, issuer->client.id)))
        fault = "it was made for another client (azp)";
    if (azp == JSON_MEMBER_ABSENT && json_array_size(json_object_get(claims, "aud")) > 1)
        fault = "it is for several, and azp does not say for whom";
    json_decref(claims);
    return fault;
}

static void pause_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

bool sign_in_verify(struct sign_in *s, size_t issuer, struct bytes id_token, const char *nonce,
                    struct arena *arena, struct principal *principal_out, const char **why_out)
{
    enum identity_refusal refusal;
    struct bytes detail;
    *why_out = "the provider's keys did not come";
    if (!s->identity) return false;
    for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
        switch (identity_verify_token(s->identity, id_token, clock_wall_us(s->options->clock), arena,
                                      principal_out, &refusal, &detail)) {
        case IDENTITY_REFUSED: *why_out = identity_refusal_sentence(refusal); return false;
        case IDENTITY_WAIT: pause_ms(STEP_MS); continue;
        case IDENTITY_VERIFIED:
            *why_out = id_claims_fault(&s->options->issuers[issuer], principal_out, nonce);
            return *why_out == NULL;
        }
    }
    return false;
}
