#include "base/test.h"

#include "base/clock.h"
#include "http/server.h"
#include "identity/demo-issuer.h"
#include "identity/discovery.h"
#include "identity/timing.h"
#include "jose/sign.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Nothing takes so long, however slow the machine is: what comes so late does not come. */
enum { LONG_MS = 300000, HOUR_MS = 3600000 };

/* A provider that a test can make misbehave, and an identity that fetches from it. */
struct fixture {
    struct http_server *server;
    char url[64];
    _Atomic int status, n_fetches;             /* of the key set */
    _Atomic int n_requests;                    /* of whatever, answered or not */
    _Atomic bool holds;                        /* it answers nothing as long as this is true */
    _Atomic int64_t first_us, last_us;         /* when the key set was fetched */
    char issuer_in_document[64], jwks_uri[96]; /* set before the identity is made */
    pthread_mutex_t lock;
    pthread_cond_t told;
    int n_told;
    struct jose_signer *published, *signer; /* published: under the lock */
    struct identity *identity;
    struct identity_timing timing;
    struct arena arena;
    struct buf token;
    struct principal principal;
    enum identity_refusal refusal;
    struct bytes detail;
};

static void answer(void *context, struct bytes path, struct http_answer *out)
{
    struct fixture *f = context;
    f->n_requests++;
    while (f->holds)
        usleep(1000);
    out->status = f->status;
    if (f->status != 200) return;
    if (bytes_is(path, "/tenant/.well-known/openid-configuration")) {
        buf_printf(&out->body, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s\"}", f->issuer_in_document, f->jwks_uri);
    } else if (bytes_is(path, "/keys")) {
        f->last_us = clock_monotonic_us(&clock_system);
        if (f->n_fetches++ == 0) f->first_us = f->last_us;
        out->headers = "Cache-Control: max-age=1\r\n";
        pthread_mutex_lock(&f->lock);
        if (!jose_signers_key_set(&f->published, 1, &out->body)) out->status = 500;
        pthread_mutex_unlock(&f->lock);
    } else {
        out->status = 404;
    }
}

static void on_keys(void *context)
{
    struct fixture *f = context;
    pthread_mutex_lock(&f->lock);
    f->n_told++;
    pthread_cond_broadcast(&f->told);
    pthread_mutex_unlock(&f->lock);
}

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->status = 200;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->told, NULL);
    arena_init(&f->arena, 8192, 4 << 20);
    buf_init(&f->token, 1 << 20);
    f->signer = f->published = jose_signer_new(JOSE_ES256, BYTES_LITERAL("one"));
    if (!f->signer || http_server_new(answer, f, LONG_MS, &f->server)) return -1;
    unsigned port = http_server_port(f->server);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/tenant", port);
    snprintf(f->issuer_in_document, sizeof f->issuer_in_document, "%s", f->url);
    snprintf(f->jwks_uri, sizeof f->jwks_uri, "http://127.0.0.1:%u/keys", port);
    f->timing = (struct identity_timing){ .refresh_ms = HOUR_MS,
                                          .min_refresh_ms = HOUR_MS,
                                          .ask_ms = HOUR_MS,
                                          .backoff_ms = 50,
                                          .max_backoff_ms = 100,
                                          .keep_ms = HOUR_MS,
                                          .fetch_ms = LONG_MS };
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    f->holds = false;
    identity_free(f->identity);
    http_server_free(f->server);
    if (f->published != f->signer) jose_signer_free(f->published);
    jose_signer_free(f->signer);
    arena_free(&f->arena);
    buf_free(&f->token);
    pthread_cond_destroy(&f->told);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    struct identity_issuer_options options = { .issuer = bytes_of(f->url),
                                               .audience = BYTES_LITERAL("postern"),
                                               .leeway_s = -1 };
    assert_int_equal(identity_new_timed(&options, 1, &f->timing, on_keys, f, &f->identity), 0);
}

static int64_t now_us(void)
{
    return clock_wall_us(&clock_system);
}

/* A good token of the fixture's signer; extra: more claims, beginning with a comma, or "". */
static void make_token(struct fixture *f, const char *extra)
{
    struct buf payload;
    buf_init(&payload, 1 << 20);
    buf_consume(&f->token, buf_length(&f->token));
    buf_printf(&payload, "{\"iss\":\"%s\",\"aud\":\"postern\",\"sub\":\"alice\",\"exp\":%lld", f->url,
               (long long)(now_us() / 1000000 + 7200));
    buf_append_text(&payload, extra);
    buf_append_text(&payload, "}");
    assert_true(jose_signer_token(f->signer, buf_bytes(&payload), &f->token));
    buf_free(&payload);
}

static enum identity_outcome verify(struct fixture *f, struct bytes token)
{
    return identity_verify_token(f->identity, token, now_us(), &f->arena, &f->principal, &f->refusal,
                                 &f->detail);
}

/* As a session does: tries again whenever it is told of keys. */
static enum identity_outcome verify_waiting(struct fixture *f)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LONG_MS / 1000;
    for (;;) {
        pthread_mutex_lock(&f->lock);
        int told = f->n_told;
        pthread_mutex_unlock(&f->lock);
        enum identity_outcome outcome = verify(f, buf_bytes(&f->token));
        if (outcome != IDENTITY_WAIT) return outcome;
        pthread_mutex_lock(&f->lock);
        int error = 0;
        while (f->n_told == told && !error)
            error = pthread_cond_timedwait(&f->told, &f->lock, &until);
        pthread_mutex_unlock(&f->lock);
        if (error) return IDENTITY_WAIT;
    }
}

/* As a client does that logs in again and again, whatever it is told. */
static bool is_verified_in_time(struct fixture *f)
{
    for (int i = 0; i < LONG_MS / 10; i++) {
        if (verify_waiting(f) == IDENTITY_VERIFIED) return true;
        usleep(10000);
    }
    return false;
}

static void wait_for_more(_Atomic int *n, int most_so_far)
{
    for (int i = 0; i < LONG_MS && *n <= most_so_far; i++)
        usleep(1000);
    assert_true(*n > most_so_far);
}

static void refused_for(struct fixture *f, enum identity_refusal expected)
{
    assert_int_equal(verify_waiting(f), IDENTITY_REFUSED);
    assert_int_equal(f->refusal, expected);
    assert_int_equal(f->principal.user.n, 0);
}

/* Publishes and signs with another key. */
static void rotate(struct fixture *f, const char *kid)
{
    pthread_mutex_lock(&f->lock);
    jose_signer_free(f->signer);
    f->signer = f->published = jose_signer_new(JOSE_ES256, bytes_of(kid));
    pthread_mutex_unlock(&f->lock);
}

static void a_good_token_is_verified_once_the_keys_are_there(void **state)
{
    struct fixture *f = *state;
    f->holds = true;
    start(f);
    make_token(f, ",\"groups\":[\"g\"],\"jti\":\"t\"");
    assert_int_equal(verify(f, buf_bytes(&f->token)), IDENTITY_WAIT);
    f->holds = false;
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    assert_bytes(f->principal.user, "alice");
    assert_bytes(f->principal.issuer, f->url);
    assert_bytes(f->principal.groups[0], "g");
    assert_true(bytes_starts_with(f->principal.claims, "{\"iss\":"));
    assert_int_equal(f->n_fetches, 1);
}

static void each_refusal_says_why(void **state)
{
    struct fixture *f = *state;
    start(f);
    make_token(f, "");
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    make_token(f, ",\"nbf\":253402300799");
    refused_for(f, IDENTITY_CLAIMS); /* nbf later than exp */
    make_token(f, ",\"sub\":\"mallory\"");
    refused_for(f, IDENTITY_MALFORMED); /* a claim twice */
    make_token(f, ",\"groups\":7");
    refused_for(f, IDENTITY_CLAIMS);
    const struct {
        const char *claims;
        enum identity_refusal refusal;
    } cases[] = {
        { "\"aud\":\"postern\",\"sub\":\"a\",\"exp\":1000", IDENTITY_EXPIRED },
        { "\"aud\":\"other\",\"sub\":\"a\",\"exp\":9999999999", IDENTITY_AUDIENCE },
        { "\"aud\":\"postern\",\"sub\":\"a\",\"exp\":9999999999,\"nbf\":9999999998", IDENTITY_NOT_YET },
        { "\"aud\":\"postern\",\"exp\":9999999999", IDENTITY_CLAIMS },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char payload[300];
        snprintf(payload, sizeof payload, "{\"iss\":\"%s\",%s}", f->url, cases[i].claims);
        buf_consume(&f->token, buf_length(&f->token));
        assert_true(jose_signer_token(f->signer, bytes_of(payload), &f->token));
        refused_for(f, cases[i].refusal);
    }
    buf_consume(&f->token, buf_length(&f->token));
    assert_true(
        jose_signer_token(f->signer, BYTES_LITERAL("{\"iss\":\"https://other\",\"sub\":\"a\"}"), &f->token));
    refused_for(f, IDENTITY_ISSUER);
    assert_int_equal(f->n_fetches, 1);
    buf_consume(&f->token, buf_length(&f->token));
    buf_append_text(&f->token, "correct horse battery staple");
    refused_for(f, IDENTITY_MALFORMED);
    assert_bytes(f->detail, "not three parts");
}

static void a_header_with_another_algorithm_is_refused(void **state)
{
    struct fixture *f = *state;
    char payload[300];
    start(f);
    make_token(f, "");
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    snprintf(payload, sizeof payload, "{\"iss\":\"%s\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":9999999999}",
             f->url);
    const char *headers[] = { "{\"alg\":\"none\"}", "{\"alg\":\"HS256\",\"kid\":\"one\"}",
                              "{\"alg\":\"RS256\",\"kid\":\"one\"}", "{\"alg\":\"ES384\",\"kid\":\"one\"}" };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        buf_consume(&f->token, buf_length(&f->token));
        assert_true(
            jose_signer_token_with_header(f->signer, bytes_of(headers[i]), bytes_of(payload), &f->token));
        refused_for(f, IDENTITY_ALGORITHM);
    }
    assert_int_equal(f->n_fetches, 1);
}

static void a_signature_of_another_key_is_refused(void **state)
{
    struct fixture *f = *state;
    start(f);
    f->published = jose_signer_new(JOSE_ES256, BYTES_LITERAL("one")); /* the same kid */
    make_token(f, "");
    refused_for(f, IDENTITY_SIGNATURE);
}

static void a_rotated_key_is_fetched_when_a_token_names_it(void **state)
{
    struct fixture *f = *state;
    start(f);
    make_token(f, "");
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    rotate(f, "two");
    make_token(f, "");
    assert_int_equal(verify(f, buf_bytes(&f->token)), IDENTITY_WAIT);
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    assert_int_equal(f->n_fetches, 2);
}

static void junk_keys_bring_about_one_fetch_at_most(void **state)
{
    struct fixture *f = *state;
    start(f);
    make_token(f, "");
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    struct jose_signer *own = f->signer;
    for (int i = 0; i < 50; i++) {
        char kid[20];
        snprintf(kid, sizeof kid, "junk-%d", i);
        f->signer = jose_signer_new(JOSE_ES256, bytes_of(kid));
        make_token(f, "");
        refused_for(f, IDENTITY_KEY);
        assert_true(bytes_find(f->detail, bytes_of(kid)) > 0);
        jose_signer_free(f->signer);
        f->signer = own;
    }
    assert_int_equal(f->n_fetches, 2);
    make_token(f, "");
    assert_int_equal(verify(f, buf_bytes(&f->token)), IDENTITY_VERIFIED);
}

static void an_expired_token_of_an_unknown_key_brings_about_no_fetch(void **state)
{
    struct fixture *f = *state;
    start(f);
    make_token(f, "");
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    struct jose_signer *own = f->signer;
    char payload[200];
    f->signer = jose_signer_new(JOSE_ES256, BYTES_LITERAL("junk"));
    snprintf(payload, sizeof payload, "{\"iss\":\"%s\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":1000}",
             f->url);
    buf_consume(&f->token, buf_length(&f->token));
    assert_true(jose_signer_token(f->signer, bytes_of(payload), &f->token));
    assert_int_equal(verify(f, buf_bytes(&f->token)), IDENTITY_REFUSED);
    assert_int_equal(f->refusal, IDENTITY_EXPIRED);
    make_token(f, ""); /* were the one fetch in an hour used up, there would be nothing to wait for */
    assert_int_equal(verify(f, buf_bytes(&f->token)), IDENTITY_WAIT);
    refused_for(f, IDENTITY_KEY);
    jose_signer_free(f->signer);
    f->signer = own;
    assert_int_equal(f->n_fetches, 2);
}

static void a_provider_that_is_away_is_tried_again(void **state)
{
    struct fixture *f = *state;
    f->status = 503;
    start(f);
    make_token(f, "");
    refused_for(f,
                IDENTITY_UNAVAILABLE); /* after a wait for the first fetch, and for one that was asked for */
    f->status = 200;
    wait_for_more(&f->n_fetches, 0);
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
}

static void keys_outlive_a_provider_that_is_away(void **state)
{
    struct fixture *f = *state;
    f->timing.refresh_ms = f->timing.min_refresh_ms = 50;
    start(f);
    make_token(f, "");
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    f->status = 503;
    wait_for_more(&f->n_requests, f->n_requests + 3); /* two at least were refused */
    assert_int_equal(verify(f, buf_bytes(&f->token)), IDENTITY_VERIFIED);
}

static void keys_whose_provider_stays_away_are_dropped_until_it_is_back(void **state)
{
    struct fixture *f = *state;
    f->timing.refresh_ms = f->timing.min_refresh_ms = 50;
    f->timing.keep_ms = 1000;
    start(f);
    make_token(f, "");
    assert_true(is_verified_in_time(f));
    f->status = 503;
    for (int i = 0; i < LONG_MS / 10 && verify_waiting(f) == IDENTITY_VERIFIED; i++)
        usleep(10000);
    refused_for(f, IDENTITY_UNAVAILABLE);
    f->status = 200;
    assert_true(is_verified_in_time(f));
}

static void keys_are_fetched_again_as_their_age_says(void **state)
{
    struct fixture *f = *state;
    f->timing.min_refresh_ms = 100; /* the provider says max-age=1, the longest is an hour */
    start(f);
    wait_for_more(&f->n_fetches, 0);
    wait_for_more(&f->n_fetches, 1);
    assert_true(f->last_us - f->first_us >= 990000);
}

static void a_document_of_another_issuer_is_not_believed(void **state)
{
    struct fixture *f = *state;
    snprintf(f->issuer_in_document, sizeof f->issuer_in_document, "https://other.example");
    start(f);
    make_token(f, "");
    refused_for(f, IDENTITY_UNAVAILABLE);
    assert_int_equal(f->n_fetches, 0);
}

static void a_discovery_document_is_read_strictly(void **state)
{
    (void)state;
    const struct {
        const char *issuer, *document;
        bool good;
    } cases[] = {
        { "https://a", "{\"issuer\":\"https://a\",\"jwks_uri\":\"https://b/keys\"}", true },
        { "http://127.0.0.1:1", "{\"issuer\":\"http://127.0.0.1:1\",\"jwks_uri\":\"http://127.0.0.1:2/k\"}",
          true },
        { "http://127.0.0.1:1", "{\"issuer\":\"http://127.0.0.1:1\",\"jwks_uri\":\"https://b/k\"}", true },
        { "https://a", "{\"issuer\":\"https://a\",\"jwks_uri\":\"http://127.0.0.1/keys\"}", false },
        { "https://a", "{\"issuer\":\"https://a\",\"jwks_uri\":\"http://b/keys\"}", false },
        { "https://a", "{\"issuer\":\"https://a\",\"jwks_uri\":\"file:///etc/passwd\"}", false },
        { "https://a", "{\"issuer\":\"https://a\",\"jwks_uri\":\"/keys\"}", false },
        { "https://a", "{\"issuer\":\"https://a/\",\"jwks_uri\":\"https://b/keys\"}", false },
        { "https://a", "{\"issuer\":\"https://A\",\"jwks_uri\":\"https://b/keys\"}", false },
        { "https://a", "{\"issuer\":\"https://a\"}", false },
        { "https://a", "{\"jwks_uri\":\"https://b/keys\"}", false },
        { "https://a", "{\"issuer\":\"https://a\",\"issuer\":\"https://a\",\"jwks_uri\":\"https://b/k\"}",
          false },
        { "https://a", "<html>", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct bytes uri;
        const char *why;
        arena_init(&arena, 4096, 65536);
        assert_int_equal(
            discovery_read(bytes_of(cases[i].document), bytes_of(cases[i].issuer), &arena, &uri, &why),
            cases[i].good);
        arena_free(&arena);
    }
}

static void a_token_of_30_kilobytes_is_verified_and_one_of_60_refused(void **state)
{
    struct fixture *f = *state;
    struct buf extra;
    buf_init(&extra, 1 << 20);
    start(f);
    buf_append_text(&extra, ",\"groups\":[\"g0\"");
    for (int i = 1; buf_length(&extra) < 22000; i++)
        buf_printf(&extra, ",\"group-number-%d\"", i);
    buf_append(&extra, BYTES_LITERAL("]\0"));
    make_token(f, (const char *)buf_bytes(&extra).p);
    assert_true(buf_length(&f->token) > 29000 && buf_length(&f->token) < 32768);
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    assert_true(f->principal.n_groups > 1000);
    buf_consume(&extra, buf_length(&extra));
    buf_append_text(&extra, ",\"x\":\"");
    while (buf_length(&extra) < 45000)
        buf_append_text(&extra, "xxxxxxxxxx");
    buf_append(&extra, BYTES_LITERAL("\"\0"));
    make_token(f, (const char *)buf_bytes(&extra).p);
    assert_true(buf_length(&f->token) > 60000);
    refused_for(f, IDENTITY_TOO_LONG);
    buf_free(&extra);
}

static void the_detail_is_short_escaped_and_without_the_token(void **state)
{
    struct fixture *f = *state;
    struct jose_signer *own = f->signer;
    char kid[400];
    start(f);
    make_token(f, "");
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    memset(kid, 'k', sizeof kid);
    memcpy(kid, "\x1b[2J\n\"\xE2\x80\xAE", 9);
    f->signer = jose_signer_new(JOSE_ES256, bytes_make(kid, sizeof kid));
    make_token(f, "");
    refused_for(f, IDENTITY_KEY);
    jose_signer_free(f->signer);
    f->signer = own;
    assert_true(f->detail.n <= 200);
    assert_true(bytes_is_utf8(f->detail));
    for (size_t i = 0; i < f->detail.n; i++)
        assert_true(f->detail.p[i] >= 0x20 && f->detail.p[i] < 0x7F);
    assert_true(bytes_find(f->detail, BYTES_LITERAL("\\u001b[2J\\n\\\"\\u202e")) > 0);
    struct bytes token = buf_bytes(&f->token);
    for (size_t i = 0; i + 16 <= token.n; i++)
        assert_true(bytes_find(f->detail, bytes_slice(token, i, 16)) < 0);
}

/* Writes the set of a fresh signer to a file of this directory. */
static void write_pinned(const char *path, struct jose_signer *signer)
{
    struct buf text;
    buf_init(&text, 4096);
    assert_true(jose_signers_key_set(&signer, 1, &text));
    FILE *file = fopen(path, "we");
    fwrite(buf_bytes(&text).p, 1, buf_length(&text), file);
    fclose(file);
    buf_free(&text);
}

static void pinned_keys_need_no_network(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/postern-jwks-XXXXXX";
    close(mkstemp(path));
    write_pinned(path, f->signer);
    struct identity_issuer_options options = { .issuer = bytes_of(f->url),
                                               .audience = BYTES_LITERAL("postern"),
                                               .jwks_file = bytes_of(path) };
    assert_int_equal(identity_new(&options, 1, 0, on_keys, f, &f->identity), 0);
    make_token(f, "");
    assert_int_equal(verify(f, buf_bytes(&f->token)), IDENTITY_VERIFIED);
    rotate(f, "two");
    make_token(f, "");
    assert_int_equal(verify(f, buf_bytes(&f->token)), IDENTITY_REFUSED);
    assert_int_equal(f->refusal, IDENTITY_KEY);
    assert_int_equal(f->n_fetches, 0);
    size_t n, n_with_keys;
    identity_count_keys(f->identity, &n, &n_with_keys);
    assert_int_equal(n, 1);
    assert_int_equal(n_with_keys, 1);
    unlink(path);
}

static void a_configuration_that_cannot_be_right_is_refused(void **state)
{
    (void)state;
    const struct {
        struct identity_issuer_options options;
        int error;
    } cases[] = {
        { { .audience = BYTES_LITERAL("a") }, -EINVAL },
        { { .issuer = BYTES_LITERAL("https://a") }, -EINVAL },
        { { .issuer = BYTES_LITERAL("http://a"), .audience = BYTES_LITERAL("a") }, -EINVAL },
        { { .issuer = BYTES_LITERAL("https://a?x=1"), .audience = BYTES_LITERAL("a") }, -EINVAL },
        { { .issuer = BYTES_LITERAL("https://a"), .audience = BYTES_LITERAL("a"), .leeway_s = 121 },
          -EINVAL },
        { { .issuer = BYTES_LITERAL("a"),
            .audience = BYTES_LITERAL("a"),
            .jwks_file = BYTES_LITERAL("/nonexistent/jwks.json") },
          -ENOENT },
        { { .issuer = BYTES_LITERAL("a"),
            .audience = BYTES_LITERAL("a"),
            .jwks_file = BYTES_LITERAL("/dev/null") },
          -EINVAL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct identity *identity;
        assert_int_equal(identity_new(&cases[i].options, 1, 0, on_keys, NULL, &identity), cases[i].error);
        assert_null(identity);
    }
}

/* Many threads verify while keys change under them; for the thread sanitizer. */
static void *verify_many(void *context)
{
    const struct fixture *f = context;
    struct arena arena;
    long good = 0;
    arena_init(&arena, 8192, 1 << 20);
    for (int i = 0; i < 300; i++) {
        struct principal principal;
        enum identity_refusal refusal;
        struct bytes detail;
        good += identity_verify_token(f->identity, buf_bytes(&f->token), now_us(), &arena, &principal,
                                      &refusal, &detail) == IDENTITY_VERIFIED;
        arena_reset(&arena);
    }
    arena_free(&arena);
    return (void *)good;
}

static void many_threads_verify_while_keys_are_fetched(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[4];
    f->timing.refresh_ms = f->timing.min_refresh_ms = 1;
    start(f);
    make_token(f, "");
    assert_int_equal(verify_waiting(f), IDENTITY_VERIFIED);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_many, f), 0);
    for (int i = 0; i < 4; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_int_equal((long)good, 300);
    }
    wait_for_more(&f->n_fetches, 1);
}

static void stopping_does_not_wait_for_a_provider_that_hangs(void **state)
{
    struct fixture *f = *state;
    f->timing.fetch_ms = HOUR_MS;
    f->holds = true;
    start(f);
    wait_for_more(&f->n_requests, 0);
    alarm(LONG_MS / 1000);
    size_t n, n_with_keys;
    identity_count_keys(f->identity, &n, &n_with_keys);
    assert_int_equal(n, 1);
    assert_int_equal(n_with_keys, 0);
    identity_free(f->identity); /* while the provider still holds its answer back */
    alarm(0);
    f->identity = NULL;
}

static void the_demo_issuer_is_one_like_any_other(void **state)
{
    struct fixture *f = *state;
    struct demo_issuer *demo;
    assert_int_equal(demo_issuer_new(BYTES_LITERAL("postern"), &demo), 0);
    struct identity_issuer_options options = { .issuer = demo_issuer_url(demo),
                                               .audience = BYTES_LITERAL("postern"),
                                               .machine_claim = BYTES_LITERAL("token_use"),
                                               .machine_value = BYTES_LITERAL("machine") };
    assert_int_equal(identity_new(&options, 1, 0, on_keys, f, &f->identity), 0);
    struct bytes groups[] = { BYTES_LITERAL("ai-agents"), BYTES_LITERAL("g\"2") };
    struct demo_claims claims = { .user = BYTES_LITERAL("agent"),
                                  .groups = groups,
                                  .n_groups = 2,
                                  .machine = true,
                                  .now_us = now_us(),
                                  .ttl_s = 7200 };
    for (int i = 0; i < 2; i++) {
        buf_consume(&f->token, buf_length(&f->token));
        buf_append(&f->token, demo_issuer_token(demo, &claims, &f->arena));
        assert_true(is_verified_in_time(f)); /* its deadlines are those of every day */
        assert_bytes(f->principal.user, "agent");
        assert_bytes(f->principal.groups[1], "g\"2");
        assert_true(f->principal.machine);
        assert_int_equal(demo_issuer_rotate(demo), 0);
    }
    identity_free(f->identity);
    f->identity = NULL;
    demo_issuer_free(demo);
}

#define WITH_PROVIDER(test) cmocka_unit_test_setup_teardown(test, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PROVIDER(a_good_token_is_verified_once_the_keys_are_there),
        WITH_PROVIDER(each_refusal_says_why),
        WITH_PROVIDER(a_header_with_another_algorithm_is_refused),
        WITH_PROVIDER(a_signature_of_another_key_is_refused),
        WITH_PROVIDER(a_rotated_key_is_fetched_when_a_token_names_it),
        WITH_PROVIDER(junk_keys_bring_about_one_fetch_at_most),
        WITH_PROVIDER(an_expired_token_of_an_unknown_key_brings_about_no_fetch),
        WITH_PROVIDER(a_provider_that_is_away_is_tried_again),
        WITH_PROVIDER(keys_outlive_a_provider_that_is_away),
        WITH_PROVIDER(keys_whose_provider_stays_away_are_dropped_until_it_is_back),
        WITH_PROVIDER(keys_are_fetched_again_as_their_age_says),
        WITH_PROVIDER(a_document_of_another_issuer_is_not_believed),
        cmocka_unit_test(a_discovery_document_is_read_strictly),
        WITH_PROVIDER(a_token_of_30_kilobytes_is_verified_and_one_of_60_refused),
        WITH_PROVIDER(the_detail_is_short_escaped_and_without_the_token),
        WITH_PROVIDER(pinned_keys_need_no_network),
        cmocka_unit_test(a_configuration_that_cannot_be_right_is_refused),
        WITH_PROVIDER(many_threads_verify_while_keys_are_fetched),
        WITH_PROVIDER(stopping_does_not_wait_for_a_provider_that_hangs),
        WITH_PROVIDER(the_demo_issuer_is_one_like_any_other),
    };
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
