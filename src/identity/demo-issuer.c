/* Two threads touch it: the server's, which reads keys to publish them, and the caller's, which signs and
 * rotates. Signers and the URL (whose port is known only once the server listens) stand under a lock. */
#include "identity/demo-issuer.h"
#include "http/server.h"
#include "jose/sign.h"
#include "json/writer.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { MAX_TOKEN = 32768 };

struct demo_issuer {
    struct http_server *server;
    char url[40];
    struct bytes audience; /* owned */
    pthread_mutex_t lock;
    struct jose_signer *signers[2]; /* newest first; the second may be NULL */
    unsigned n_signers;
};

/* A random 128-bit number in hexadecimal: key ids and jti. */
static bool random_name(char out[33])
{
    uint8_t raw[16];
    if (getrandom(raw, sizeof raw, 0) != sizeof raw) return false;
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(out + 2 * i, 3, "%02x", raw[i]);
    return true;
}

static void publish_discovery(const struct demo_issuer *issuer, struct buf *out)
{
    static const struct {
        const char *name, *value;
    } lists[] = {
        { "response_types_supported", "none" },
        { "subject_types_supported", "public" },
        { "id_token_signing_alg_values_supported", "ES256" },
    };
    char uri[64];
    snprintf(uri, sizeof uri, "%s/jwks", issuer->url);
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_text_member(&w, "issuer", bytes_of(issuer->url));
    json_write_text_member(&w, "jwks_uri", bytes_of(uri));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        json_write_name(&w, lists[i].name);
        json_write_array(&w);
        json_write_text(&w, bytes_of(lists[i].value));
        json_write_end(&w);
    }
    json_write_end(&w);
}

static void answer(void *context, struct bytes path, struct http_answer *out)
{
    struct demo_issuer *issuer = context;
    out->headers = "Cache-Control: max-age=60\r\n";
    if (bytes_is(path, "/.well-known/openid-configuration")) {
        pthread_mutex_lock(&issuer->lock);
        publish_discovery(issuer, &out->body);
        pthread_mutex_unlock(&issuer->lock);
        out->status = out->body.failed ? 500 : 200;
    } else if (bytes_is(path, "/jwks")) {
        pthread_mutex_lock(&issuer->lock);
        out->status = jose_signers_key_set(issuer->signers, issuer->n_signers, &out->body) ? 200 : 500;
        pthread_mutex_unlock(&issuer->lock);
    }
}

int demo_issuer_rotate(struct demo_issuer *issuer)
{
    char kid[33];
    struct jose_signer *fresh = random_name(kid) ? jose_signer_new(JOSE_ES256, bytes_of(kid)) : NULL;
    if (!fresh) return -EIO;
    pthread_mutex_lock(&issuer->lock);
    jose_signer_free(issuer->signers[1]);
    issuer->signers[1] = issuer->signers[0];
    issuer->signers[0] = fresh;
    issuer->n_signers = issuer->signers[1] ? 2 : 1;
    pthread_mutex_unlock(&issuer->lock);
    return 0;
}

int demo_issuer_new(struct bytes audience, struct demo_issuer **issuer_out)
{
    *issuer_out = NULL;
    struct demo_issuer *issuer = calloc(1, sizeof *issuer + audience.n);
    if (!issuer) return -ENOMEM;
    pthread_mutex_init(&issuer->lock, NULL);
    uint8_t *copy = (uint8_t *)(issuer + 1);
    if (audience.n) memcpy(copy, audience.p, audience.n);
    issuer->audience = bytes_make(copy, audience.n);
    int error = demo_issuer_rotate(issuer);
    if (!error) error = http_server_new(answer, issuer, 0, &issuer->server);
    if (error) {
        demo_issuer_free(issuer);
        return error;
    }
    pthread_mutex_lock(&issuer->lock);
    snprintf(issuer->url, sizeof issuer->url, "http://127.0.0.1:%u", http_server_port(issuer->server));
    pthread_mutex_unlock(&issuer->lock);
    *issuer_out = issuer;
    return 0;
}

void demo_issuer_free(struct demo_issuer *issuer)
{
    if (!issuer) return;
    http_server_free(issuer->server);
    jose_signer_free(issuer->signers[0]);
    jose_signer_free(issuer->signers[1]);
    pthread_mutex_destroy(&issuer->lock);
    free(issuer);
}

struct bytes demo_issuer_url(const struct demo_issuer *issuer)
{
    return bytes_of(issuer->url);
}

static void write_claims(const struct demo_issuer *issuer, const struct demo_claims *claims, const char *jti,
                         struct buf *out)
{
    int64_t now_s = claims->now_us / 1000000;
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_text_member(&w, "iss", bytes_of(issuer->url));
    json_write_text_member(&w, "aud", issuer->audience);
    json_write_text_member(&w, "sub", claims->user);
    json_write_name(&w, "groups");
    json_write_array(&w);
    for (size_t i = 0; i < claims->n_groups; i++)
        json_write_text(&w, claims->groups[i]);
    json_write_end(&w);
    json_write_text_member(&w, "token_use",
                           claims->machine ? BYTES_LITERAL("machine") : BYTES_LITERAL("person"));
    if (claims->actor.n) {
        json_write_name(&w, "act");
        json_write_object(&w);
        json_write_text_member(&w, "sub", claims->actor);
        json_write_end(&w);
    }
    if (claims->on_behalf_of.n) json_write_text_member(&w, "on_behalf_of", claims->on_behalf_of);
    json_write_text_member(&w, "jti", bytes_of(jti));
    json_write_int_member(&w, "iat", now_s);
    json_write_int_member(&w, "nbf", now_s);
    json_write_int_member(&w, "exp", now_s + claims->ttl_s);
    json_write_end(&w);
}

struct bytes demo_issuer_token(struct demo_issuer *issuer, const struct demo_claims *claims,
                               struct arena *arena)
{
    char jti[33];
    struct buf payload, token;
    struct bytes result = { 0 };
    buf_init(&payload, MAX_TOKEN);
    buf_init(&token, MAX_TOKEN);
    if (random_name(jti)) {
        write_claims(issuer, claims, jti, &payload);
        pthread_mutex_lock(&issuer->lock);
        bool done = !payload.failed && jose_signer_token(issuer->signers[0], buf_bytes(&payload), &token);
        pthread_mutex_unlock(&issuer->lock);
        if (done) result = arena_copy(arena, buf_bytes(&token));
    }
    buf_free(&payload);
    buf_free(&token);
    return result;
}
