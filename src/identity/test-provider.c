/* Against npm's oidc-provider, as tests/idp starts it. Skipped (exit code 77) where it is not installed;
 * POSTERN_REQUIRE_IDP=1 makes that a failure. */
#include "base/test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "identity/timing.h"
#include "json/read.h"
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    pid_t pid;
    int hold; /* our end of the provider's standard input: it ends when this closes */
    json_t *started;
    pthread_mutex_t lock;
    pthread_cond_t told;
    int n_told;
    struct identity *identity;
    struct arena arena;
    struct principal principal;
    enum identity_refusal refusal;
};

static const char *source_root(void)
{
    const char *root = getenv("POSTERN_SOURCE");
    return root ? root : ".";
}

static void on_keys(void *context)
{
    struct fixture *f = context;
    pthread_mutex_lock(&f->lock);
    f->n_told++;
    pthread_cond_broadcast(&f->told);
    pthread_mutex_unlock(&f->lock);
}

static const char *started_text(const struct fixture *f, const char *name)
{
    return json_string_value(json_object_get(f->started, name));
}

static int begin_with(void **state, const char *algorithm)
{
    char program[4096], line[8192];
    int in[2], out[2];
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    snprintf(program, sizeof program, "%s/tests/idp/provider.js", source_root());
    if (pipe(in) || pipe(out)) return -1;
    f->pid = fork();
    if (f->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        execlp("node", "node", program, "--with-parent", "--algorithm", algorithm, "--ttl", "7200",
               (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    f->hold = in[1];
    FILE *lines = fdopen(out[0], "r");
    bool read = fgets(line, sizeof line, lines) != NULL;
    fclose(lines);
    struct bytes text = bytes_make(line, read ? strcspn(line, "\n") : 0);
    if (json_read_object(text, sizeof line, 8, &f->started) != JSON_READ) return -1;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->told, NULL);
    arena_init(&f->arena, 8192, 4 << 20);
    struct identity_issuer_options options = { .issuer = bytes_of(started_text(f, "issuer")),
                                               .audience = bytes_of(started_text(f, "audience")),
                                               .machine_claim = BYTES_LITERAL("token_use"),
                                               .machine_value = BYTES_LITERAL("machine"),
                                               .leeway_s = -1 };
    struct identity_timing timing = identity_timing_default(0);
    timing.fetch_ms = 300000; /* the machine may be slow */
    return identity_new_timed(&options, 1, &timing, on_keys, f, &f->identity);
}

static int begin(void **state)
{
    return begin_with(state, "ES256");
}

static int begin_rsa(void **state)
{
    return begin_with(state, "RS256");
}

static int begin_pss(void **state)
{
    return begin_with(state, "PS256");
}

static int begin_eddsa(void **state)
{
    return begin_with(state, "EdDSA");
}

static int end(void **state)
{
    struct fixture *f = *state;
    identity_free(f->identity);
    close(f->hold);
    kill(f->pid, SIGTERM);
    waitpid(f->pid, NULL, 0);
    json_decref(f->started);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static size_t take(char *data, size_t size, size_t n, void *context)
{
    buf_append(context, bytes_make(data, size * n));
    return size * n;
}

/* Posts a form; user and secret may be NULL. The answer is appended to out. */
static void post(const char *url, const char *user, const char *secret, const char *form, struct buf *out)
{
    CURL *curl = curl_easy_init();
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 300L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    if (user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, secret);
    }
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    assert_int_equal(status, 200);
}

/* A token of the client-credentials grant; in the arena. */
static struct bytes token_of(struct fixture *f, const char *client)
{
    struct buf answer;
    struct bytes text;
    json_t *object;
    const char *secret = NULL;
    const json_t *clients = json_object_get(f->started, "clients");
    for (size_t i = 0; i < json_array_size(clients); i++) {
        const json_t *one = json_array_get(clients, i);
        if (strcmp(json_string_value(json_object_get(one, "client_id")), client) == 0)
            secret = json_string_value(json_object_get(one, "client_secret"));
    }
    assert_non_null(secret);
    buf_init(&answer, 100000);
    post(started_text(f, "token_endpoint"), client, secret, "grant_type=client_credentials&scope=postern",
         &answer);
    assert_int_equal(json_read_object(buf_bytes(&answer), 100000, 8, &object), JSON_READ);
    assert_int_equal(json_member_text(object, "access_token", &text), JSON_MEMBER_FOUND);
    struct bytes token = arena_copy(&f->arena, text);
    json_decref(object);
    buf_free(&answer);
    return token;
}

static void control(struct fixture *f, const char *verb)
{
    char url[200];
    struct buf answer;
    buf_init(&answer, 100000);
    snprintf(url, sizeof url, "%s/test/%s", started_text(f, "issuer"), verb);
    post(url, NULL, NULL, "", &answer);
    buf_free(&answer);
}

static enum identity_outcome verify_waiting(struct fixture *f, struct bytes token)
{
    struct timespec until;
    struct bytes detail;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 300;
    for (;;) {
        pthread_mutex_lock(&f->lock);
        int told = f->n_told, error = 0;
        pthread_mutex_unlock(&f->lock);
        enum identity_outcome outcome = identity_verify_token(
            f->identity, token, clock_wall_us(&clock_system), &f->arena, &f->principal, &f->refusal, &detail);
        if (outcome != IDENTITY_WAIT) return outcome;
        pthread_mutex_lock(&f->lock);
        while (f->n_told == told && !error)
            error = pthread_cond_timedwait(&f->told, &f->lock, &until);
        pthread_mutex_unlock(&f->lock);
        if (error) return IDENTITY_WAIT;
    }
}

static void a_machine_logs_in_with_its_groups(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(verify_waiting(f, token_of(f, "agent")), IDENTITY_VERIFIED);
    assert_bytes(f->principal.user, "agent");
    assert_int_equal(f->principal.n_groups, 1);
    assert_bytes(f->principal.groups[0], "ai-agents");
    assert_true(f->principal.machine);
    assert_true(f->principal.token_id.n > 0);
    assert_true(f->principal.expires_us > clock_wall_us(&clock_system));
}

static void persons_and_delegates_are_told_apart(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(verify_waiting(f, token_of(f, "alice")), IDENTITY_VERIFIED);
    assert_bytes(f->principal.user, "alice@example.test");
    assert_false(f->principal.machine);
    assert_int_equal(f->principal.n_groups, 2);
    assert_int_equal(f->principal.actor.n, 0);
    assert_int_equal(verify_waiting(f, token_of(f, "delegate")), IDENTITY_VERIFIED);
    assert_bytes(f->principal.on_behalf_of, "alice@example.test");
    assert_bytes(f->principal.actor, "agent");
}

static void a_changed_token_is_refused(void **state)
{
    struct fixture *f = *state;
    struct bytes token = token_of(f, "agent");
    ((uint8_t *)token.p)[token.n - 20] ^= 1;
    assert_int_equal(verify_waiting(f, token), IDENTITY_REFUSED);
    assert_true(f->refusal == IDENTITY_SIGNATURE || f->refusal == IDENTITY_MALFORMED);
}

static void tokens_of_a_new_key_and_of_the_old_one_are_verified(void **state)
{
    struct fixture *f = *state;
    struct bytes old = token_of(f, "agent");
    assert_int_equal(verify_waiting(f, old), IDENTITY_VERIFIED);
    control(f, "rotate");
    assert_int_equal(verify_waiting(f, token_of(f, "agent")), IDENTITY_VERIFIED);
    assert_int_equal(verify_waiting(f, old), IDENTITY_VERIFIED);
}

static void tokens_of_a_withdrawn_key_are_refused_once_new_keys_are_here(void **state)
{
    struct fixture *f = *state;
    struct bytes old = token_of(f, "agent");
    assert_int_equal(verify_waiting(f, old), IDENTITY_VERIFIED);
    control(f, "rotate-and-drop");
    assert_int_equal(verify_waiting(f, token_of(f, "agent")), IDENTITY_VERIFIED);
    assert_int_equal(verify_waiting(f, old), IDENTITY_REFUSED);
    assert_int_equal(f->refusal, IDENTITY_KEY);
}

static void known_keys_verify_while_the_provider_is_away(void **state)
{
    struct fixture *f = *state;
    struct bytes token = token_of(f, "agent");
    assert_int_equal(verify_waiting(f, token), IDENTITY_VERIFIED);
    control(f, "away");
    assert_int_equal(verify_waiting(f, token), IDENTITY_VERIFIED);
    control(f, "rotate");
    assert_int_equal(verify_waiting(f, token_of(f, "agent")), IDENTITY_REFUSED);
    assert_int_equal(f->refusal, IDENTITY_KEY);
}

#define WITH(begin_, test) cmocka_unit_test_setup_teardown(test, begin_, end)
int main(void)
{
    char installed[4096];
    snprintf(installed, sizeof installed, "%s/tests/idp/node_modules/oidc-provider/package.json",
             source_root());
    if (access(installed, R_OK) != 0) {
        fprintf(stderr, "skipped: %s is not there; scripts/setup test installs it\n", installed);
        return getenv("POSTERN_REQUIRE_IDP") ? 1 : 77;
    }
    const struct CMUnitTest tests[] = {
        WITH(begin, a_machine_logs_in_with_its_groups),
        WITH(begin_rsa, a_machine_logs_in_with_its_groups),
        WITH(begin_pss, a_machine_logs_in_with_its_groups),
        WITH(begin_eddsa, a_machine_logs_in_with_its_groups),
        WITH(begin, persons_and_delegates_are_told_apart),
        WITH(begin, a_changed_token_is_refused),
        WITH(begin, tokens_of_a_new_key_and_of_the_old_one_are_verified),
        WITH(begin, tokens_of_a_withdrawn_key_are_refused_once_new_keys_are_here),
        WITH(begin, known_keys_verify_while_the_provider_is_away),
    };
    return cmocka_run_group_tests_name("provider", tests, NULL, NULL);
}
