#include "base/test.h"

#include "http/client.h"
#include "http/server.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* No answer takes so long; SHORT_MS is for one that does not come before it is over. */
enum { LONG_MS = 300000, SHORT_MS = 100 };

struct fixture {
    struct http_server *server;
    _Atomic int n_requests;
    _Atomic bool may_answer; /* what is slow */
    char elsewhere[80];
};

static void answer(void *context, struct bytes path, struct http_answer *out)
{
    struct fixture *f = context;
    f->n_requests++;
    if (bytes_is(path, "/ok")) {
        out->status = 200;
        out->headers = "Cache-Control: public, max-age=120\r\n";
        buf_append_text(&out->body, "{\"a\":1}");
    } else if (bytes_is(path, "/near")) {
        out->status = 302;
        out->headers = "Location: /ok\r\n";
    } else if (bytes_is(path, "/loop")) {
        out->status = 302;
        out->headers = "Location: /loop\r\n";
    } else if (bytes_is(path, "/file")) {
        out->status = 302;
        out->headers = "Location: file:///etc/passwd\r\n";
    } else if (bytes_is(path, "/far")) {
        out->status = 302;
        out->headers = f->elsewhere;
    } else if (bytes_is(path, "/long")) {
        out->status = 200;
        for (int i = 0; i < 1000; i++)
            buf_append_text(&out->body, "0123456789");
    } else if (bytes_is(path, "/slow")) {
        while (!f->may_answer)
            usleep(1000);
    }
}

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f || http_server_new(answer, f, LONG_MS, &f->server)) return -1;
    /* The same server by another name is another host. */
    snprintf(f->elsewhere, sizeof f->elsewhere, "Location: http://localhost:%u/ok\r\n",
             http_server_port(f->server));
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    f->may_answer = true;
    http_server_free(f->server);
    free(f);
    return 0;
}

static enum http_outcome fetch(struct fixture *f, const char *path, int64_t deadline_ms, struct buf *body,
                               struct http_answered *answered)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(f->server), path);
    struct http_get get = { .url = bytes_of(url), .deadline_ms = deadline_ms };
    return http_get(&get, body, answered);
}

static void an_answer_comes_with_its_status_and_age(void **state)
{
    struct buf body;
    struct http_answered answered;
    buf_init(&body, 4096);
    assert_int_equal(fetch(*state, "/ok", LONG_MS, &body, &answered), HTTP_ANSWERED);
    assert_int_equal(answered.status, 200);
    assert_int_equal(answered.max_age_s, 120);
    assert_bytes(buf_bytes(&body), "{\"a\":1}");
    assert_int_equal(fetch(*state, "/none", LONG_MS, &body, &answered), HTTP_ANSWERED);
    assert_int_equal(answered.status, 404);
    assert_int_equal(answered.max_age_s, -1);
    buf_free(&body);
}

static void a_redirect_is_followed_only_on_the_same_host(void **state)
{
    struct fixture *f = *state;
    struct buf body;
    struct http_answered answered;
    buf_init(&body, 4096);
    assert_int_equal(fetch(f, "/near", LONG_MS, &body, &answered), HTTP_ANSWERED);
    assert_int_equal(answered.status, 200);
    assert_bytes(buf_bytes(&body), "{\"a\":1}");
    f->n_requests = 0;
    assert_int_equal(fetch(f, "/far", LONG_MS, &body, &answered), HTTP_FAILED);
    assert_int_equal(fetch(f, "/file", LONG_MS, &body, &answered), HTTP_FAILED);
    assert_int_equal(f->n_requests, 2);
    assert_int_equal(fetch(f, "/loop", LONG_MS, &body, &answered), HTTP_FAILED);
    assert_int_equal(f->n_requests, 2 + 4);
    buf_free(&body);
}

static void ceiling_and_deadline_are_kept(void **state)
{
    struct buf body;
    struct http_answered answered;
    buf_init(&body, 5000);
    assert_int_equal(fetch(*state, "/long", LONG_MS, &body, &answered), HTTP_TOO_LONG);
    buf_free(&body);
    buf_init(&body, 5000);
    assert_int_equal(fetch(*state, "/slow", SHORT_MS, &body, &answered), HTTP_TIMED_OUT);
    buf_free(&body);
}

static void only_https_and_loopback_http_are_fetched(void **state)
{
    (void)state;
    const struct {
        const char *url;
        enum http_url_kind kind;
    } cases[] = {
        { "https://idp.example.com", HTTP_URL_HTTPS },
        { "https://idp.example.com:8443/realms/x", HTTP_URL_HTTPS },
        { "http://127.0.0.1:1/x", HTTP_URL_LOOPBACK },
        { "http://127.9.9.9", HTTP_URL_LOOPBACK },
        { "http://[::1]:1/x", HTTP_URL_LOOPBACK },
        { "http://localhost:1", HTTP_URL_LOOPBACK },
        { "http://idp.example.com", HTTP_URL_REFUSED },
        { "http://localhost.example.com", HTTP_URL_REFUSED },
        { "http://127.0.0.1.example.com", HTTP_URL_REFUSED },
        { "http://128.0.0.1", HTTP_URL_REFUSED },
        { "http://[::2]/", HTTP_URL_REFUSED },
        { "http://user@127.0.0.1/", HTTP_URL_REFUSED },
        { "https://user:word@idp.example.com/", HTTP_URL_REFUSED },
        { "https://idp.example.com/#x", HTTP_URL_REFUSED },
        { "https://idp.example.com/a b", HTTP_URL_REFUSED },
        { "https://idp.example.com\\@evil.example/", HTTP_URL_REFUSED },
        { "file:///etc/passwd", HTTP_URL_REFUSED },
        { "ftp://127.0.0.1/", HTTP_URL_REFUSED },
        { "127.0.0.1", HTTP_URL_REFUSED },
        { "https://", HTTP_URL_REFUSED },
        { "", HTTP_URL_REFUSED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(http_url_kind(bytes_of(cases[i].url)), cases[i].kind);
    struct buf body;
    struct http_answered answered;
    struct http_get get = { .url = BYTES_LITERAL("http://10.255.255.1/"), .deadline_ms = LONG_MS };
    buf_init(&body, 5000);
    assert_int_equal(http_get(&get, &body, &answered), HTTP_FAILED);
    buf_free(&body);
}

static void the_age_of_an_answer_is_read_from_cache_control(void **state)
{
    (void)state;
    const struct {
        const char *value;
        int64_t age;
    } cases[] = {
        { "max-age=60", 60 },
        { " public , MAX-AGE=7 \r\n", 7 },
        { "max-age=60, no-store", 0 },
        { "no-cache", 0 },
        { "", -1 },
        { "max-age=-5", -1 },
        { "max-age=x", -1 },
        { "s-maxage=9", -1 },
        { "max-age=99999999999999999999", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(http_max_age(bytes_of(cases[i].value)), cases[i].age);
}

/* A TLS server with a certificate that no authority signed. Returns its pid and port. */
static pid_t tls_server(const char *directory, int *port_out)
{
    char key[200], certificate[200], line[200] = "";
    int out[2];
    snprintf(key, sizeof key, "%s/key.pem", directory);
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", directory);
    pid_t maker = fork();
    if (maker == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", (char *)NULL);
        _exit(127);
    }
    int status;
    assert_true(waitpid(maker, &status, 0) == maker && status == 0);
    assert_int_equal(pipe(out), 0);
    pid_t server = fork();
    if (server == 0) {
        dup2(out[1], 1);
        close(out[0]);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-key", key, "-cert", certificate,
               "-www", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *lines = fdopen(out[0], "r");
    while (fgets(line, sizeof line, lines))
        if (sscanf(line, "ACCEPT 127.0.0.1:%d", port_out) == 1) break;
    fclose(lines);
    return server;
}

static void a_certificate_that_no_authority_signed_is_refused(void **state)
{
    (void)state;
    char directory[] = "/tmp/postern-test-XXXXXX", url[80], file[200];
    int port = 0;
    assert_non_null(mkdtemp(directory));
    pid_t server = tls_server(directory, &port);
    struct buf body;
    struct http_answered answered = { 0 };
    snprintf(url, sizeof url, "https://localhost:%d/", port);
    struct http_get get = { .url = bytes_of(url), .deadline_ms = LONG_MS };
    buf_init(&body, 100000);
    enum http_outcome refused = http_get(&get, &body, &answered);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    buf_free(&body);
    const char *names[] = { "key.pem", "certificate.pem" };
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", directory, names[i]);
        unlink(file);
    }
    rmdir(directory);
    assert_true(port > 0);
    assert_int_equal(refused, HTTP_FAILED);
    assert_non_null(strstr(answered.why, "certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_comes_with_its_status_and_age, begin, end),
        cmocka_unit_test_setup_teardown(a_redirect_is_followed_only_on_the_same_host, begin, end),
        cmocka_unit_test_setup_teardown(ceiling_and_deadline_are_kept, begin, end),
        cmocka_unit_test(only_https_and_loopback_http_are_fetched),
        cmocka_unit_test(the_age_of_an_answer_is_read_from_cache_control),
        cmocka_unit_test(a_certificate_that_no_authority_signed_is_refused),
    };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
