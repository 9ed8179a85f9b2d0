/* A map by name under one lock, which is held for a few instructions and the copy of a principal, never over
 * the stretching of a password. Invariants: a login's name is never given out twice; nothing here can be
 * turned back into a password; `bytes` is what the principals' arenas were counted as. */
#include "identity/minted.h"
#include "base/codec.h"
#include "base/map.h"
#include "crypto/random.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_CEILING = 512 << 10, NAME_BYTES = 16, PASSWORD_BYTES = 32 };
#define PREFIX "postern-"
static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

struct entry {
    struct entry *next;
    char name[MINTED_NAME];
    struct scram_verifier verifier;
    struct arena arena;
    struct principal principal; /* expires_us is the login's */
    uint64_t sign_in;
    size_t bytes;
};

struct minted {
    struct minted_options options;
    uint8_t key[PASSWORD_KEY_BYTES]; /* of salts, and of what mocks are made of */
    pthread_mutex_t lock;
    struct map by_name;
    struct entry *all; /* newest first */
    size_t bytes;
};

struct minted *minted_new(const struct minted_options *options)
{
    struct minted *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->options = *options;
    random_bytes(m->key, sizeof m->key);
    if (options->key) memcpy(m->key, options->key, sizeof m->key);
    m->options.key = NULL;
    map_init(&m->by_name, MINTED_MOST, options->seed);
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

static void entry_free(struct entry *e)
{
    secret_wipe(&e->verifier, sizeof e->verifier);
    arena_wipe(&e->arena);
    arena_free(&e->arena);
    free(e);
}

static void entries_free(struct entry *e)
{
    for (struct entry *next; e; e = next) {
        next = e->next;
        entry_free(e);
    }
}

void minted_free(struct minted *m)
{
    if (!m) return;
    entries_free(m->all);
    map_free(&m->by_name, NULL);
    pthread_mutex_destroy(&m->lock);
    secret_wipe(m->key, sizeof m->key);
    free(m);
}

bool minted_is_name(struct bytes user)
{
    if (user.n != MINTED_NAME - 1 || !bytes_starts_with(user, PREFIX)) return false;
    for (size_t i = strlen(PREFIX); i < user.n; i++)
        if (!memchr(letters, user.p[i], 32)) return false;
    return true;
}

/* ---- under the lock */

static bool is_over(const struct minted *m, const struct entry *e)
{
    return clock_wall_us(m->options.clock) >= e->principal.expires_us;
}

static bool is_same(const struct principal *a, const struct principal *b)
{
    return bytes_equal(a->issuer, b->issuer) && bytes_equal(a->subject, b->subject);
}

/* Unlinks what *at names, and returns it. */
static struct entry *take(struct minted *m, struct entry **at)
{
    struct entry *e = *at;
    *at = e->next;
    map_take(&m->by_name, bytes_of(e->name));
    m->bytes -= e->bytes;
    return e;
}

static void sweep(struct minted *m)
{
    for (struct entry **at = &m->all; *at;) {
        if (is_over(m, *at))
            entry_free(take(m, at));
        else
            at = &(*at)->next;
    }
}

static enum minted_outcome put(struct minted *m, struct entry *e)
{
    size_t n_of_one = 0;
    sweep(m);
    for (const struct entry *other = m->all; other; other = other->next)
        n_of_one += is_same(&other->principal, &e->principal);
    if (n_of_one >= m->options.most_of_one) return MINTED_CROWDED;
    if (m->bytes + e->bytes > MINTED_MOST_BYTES ||
        map_put(&m->by_name, bytes_of(e->name), e, NULL) != MAP_ADDED)
        return MINTED_FULL;
    e->next = m->all;
    m->all = e;
    m->bytes += e->bytes;
    return MINTED_GIVEN;
}

/* ---- minting */

static bool make_salt(const struct minted *m, struct bytes name, struct scram_verifier *v)
{
    uint8_t hash[PASSWORD_KEY_BYTES];
    v->iterations = MINTED_ITERATIONS;
    v->n_salt = MINTED_SALT;
    if (password_hmac(bytes_make(m->key, sizeof m->key), BYTES_LITERAL("salt"), name, hash)) return false;
    memcpy(v->salt, hash, MINTED_SALT);
    return true;
}

static bool make_verifier(const struct minted *m, struct bytes name, struct bytes password,
                          struct scram_verifier *v)
{
    struct password_stretch stretch;
    struct password_keys keys;
    if (!make_salt(m, name, v)) return false;
    bool good =
        password_stretch_begin(&stretch, password, bytes_make(v->salt, v->n_salt), v->iterations) == 0 &&
        password_stretch_step(&stretch, v->iterations) == 1 && password_stretch_keys(&stretch, &keys) == 0;
    password_stretch_end(&stretch);
    if (good) {
        memcpy(v->stored, keys.stored, sizeof v->stored);
        memcpy(v->server, keys.server, sizeof v->server);
    }
    secret_wipe(&keys, sizeof keys);
    return good;
}

static void make_name(char out[MINTED_NAME])
{
    uint8_t raw[NAME_BYTES];
    random_bytes(raw, sizeof raw);
    snprintf(out, MINTED_NAME, PREFIX);
    for (size_t i = 0; i < NAME_BYTES; i++)
        out[strlen(PREFIX) + i] = letters[raw[i] & 31];
    out[MINTED_NAME - 1] = 0;
}

static bool make_password(char out[MINTED_PASSWORD])
{
    uint8_t raw[PASSWORD_BYTES];
    struct buf text;
    random_bytes(raw, sizeof raw);
    buf_init(&text, 256);
    codec_base64(CODEC_BASE64URL, bytes_make(raw, sizeof raw), &text);
    bool good = !text.failed && buf_length(&text) == MINTED_PASSWORD - 1;
    if (good) memcpy(out, buf_bytes(&text).p, MINTED_PASSWORD - 1);
    out[good ? MINTED_PASSWORD - 1 : 0] = 0;
    buf_wipe(&text);
    buf_free(&text);
    secret_wipe(raw, sizeof raw);
    return good;
}

static struct entry *make_entry(struct minted *m, const struct principal *principal, int64_t expires_us,
                                struct minted_login *login)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    arena_init(&e->arena, 1024, ARENA_CEILING);
    make_name(e->name);
    bool good = principal_copy(&e->arena, principal, &e->principal) && make_password(login->password) &&
                make_verifier(m, bytes_of(e->name), bytes_of(login->password), &e->verifier);
    e->principal.expires_us = expires_us;
    e->bytes = sizeof *e + principal->claims.n + 64 * principal->n_groups;
    for (size_t i = 0; i < principal->n_groups; i++)
        e->bytes += principal->groups[i].n;
    memcpy(login->name, e->name, sizeof login->name);
    if (good) return e;
    entry_free(e);
    return NULL;
}

enum minted_outcome minted_mint(struct minted *m, const struct principal *principal, int64_t until_us,
                                uint64_t sign_in, struct minted_login *login_out)
{
    int64_t now_us = clock_wall_us(m->options.clock), expires_us = now_us + m->options.lifetime_us;
    *login_out = (struct minted_login){ 0 };
    if (m->options.lifetime_us <= 0) return MINTED_OFF;
    if (until_us && until_us < expires_us) expires_us = until_us;
    if (principal->expires_us && principal->expires_us < expires_us) expires_us = principal->expires_us;
    if (expires_us <= now_us) return MINTED_OVER;
    struct entry *e = make_entry(m, principal, expires_us, login_out);
    enum minted_outcome outcome = MINTED_FULL;
    if (e) {
        e->sign_in = sign_in;
        pthread_mutex_lock(&m->lock);
        outcome = put(m, e);
        pthread_mutex_unlock(&m->lock);
        if (outcome != MINTED_GIVEN) entry_free(e);
    }
    if (outcome != MINTED_GIVEN) secret_wipe(login_out, sizeof *login_out);
    login_out->expires_us = expires_us;
    return outcome;
}

/* ---- signing in */

void minted_verifier(struct minted *m, struct bytes name, struct scram_verifier *out)
{
    *out = (struct scram_verifier){ .mock = true };
    /* As much work for a name that is there as for one that is not. */
    bool good = make_salt(m, name, out) && password_hmac(bytes_make(m->key, sizeof m->key),
                                                         BYTES_LITERAL("stored"), name, out->stored) == 0;
    CHECK(good); /* libcrypto has SHA-256 */
    pthread_mutex_lock(&m->lock);
    const struct entry *e = map_get(&m->by_name, name);
    if (e && !is_over(m, e)) *out = e->verifier;
    pthread_mutex_unlock(&m->lock);
}

bool minted_principal(struct minted *m, struct bytes name, struct arena *arena, struct principal *out)
{
    pthread_mutex_lock(&m->lock);
    const struct entry *e = map_get(&m->by_name, name);
    bool good = e && !is_over(m, e) && principal_copy(arena, &e->principal, out);
    pthread_mutex_unlock(&m->lock);
    return good;
}

/* ---- ending */

static bool fits(const struct entry *e, const struct minted_end *which)
{
    return (!which->name.n || bytes_is(which->name, e->name)) &&
           (!which->owner || is_same(&e->principal, which->owner)) &&
           (!which->sign_in || e->sign_in == which->sign_in);
}

size_t minted_end_all(struct minted *m, const struct minted_end *which)
{
    struct entry *ended = NULL;
    size_t n = 0;
    pthread_mutex_lock(&m->lock);
    sweep(m);
    for (struct entry **at = &m->all; *at;) {
        if (!fits(*at, which)) {
            at = &(*at)->next;
            continue;
        }
        struct entry *e = take(m, at);
        e->next = ended;
        ended = e;
        n++;
    }
    pthread_mutex_unlock(&m->lock);
    for (const struct entry *e = ended; e && which->ended; e = e->next)
        which->ended(which->context, bytes_of(e->name), &e->principal);
    entries_free(ended);
    return n;
}

size_t minted_count(struct minted *m)
{
    pthread_mutex_lock(&m->lock);
    sweep(m);
    size_t n = m->by_name.n;
    pthread_mutex_unlock(&m->lock);
    return n;
}
