#include "base/test.h"

#include "http/exchange.h"
#include "http/server.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { LONG_MS = 300000 };

struct fixture {
    struct http_server *server;
    struct http_line *line;
    char etag[32];
};

static void answer(void *context, struct bytes path, struct http_answer *out)
{
    (void)context;
    out->status = bytes_is(path, "/gone") ? 404 : bytes_is(path, "/moved") ? 302 : 200;
    out->headers = bytes_is(path, "/moved") ? "Location: /other\r\n" : "ETag:  \"abc\" \r\n";
    buf_append_text(&out->body, "0123456789");
}

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f || http_server_new(answer, f, LONG_MS, &f->server)) return -1;
    f->line = http_line_new((struct bytes){ 0 });
    return f->line ? 0 : -1;
}

static int end(void **state)
{
    struct fixture *f = *state;
    http_line_free(f->line);
    http_server_free(f->server);
    free(f);
    return 0;
}

static void on_header(void *context, struct bytes name, struct bytes value)
{
    struct fixture *f = context;
    if (bytes_equal_nocase(name, BYTES_LITERAL("etag")))
        snprintf(f->etag, sizeof f->etag, "%.*s", BYTES_FMT(value));
}

static enum http_outcome go(struct fixture *f, const char *method, const char *path, struct buf *body,
                            struct http_answered *answered)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(f->server), path);
    struct http_line_request x = {
        .method = method, .url = bytes_of(url), .deadline_ms = LONG_MS, .on_header = on_header, .context = f
    };
    return http_line_exchange(f->line, &x, body, answered);
}

static void headers_and_body_of_one_exchange_after_another(void **state)
{
    struct fixture *f = *state;
    struct http_answered answered;
    struct buf body;
    buf_init(&body, 100);
    assert_int_equal(go(f, "GET", "/a", &body, &answered), HTTP_ANSWERED);
    assert_int_equal(answered.status, 200);
    assert_true(bytes_is(buf_bytes(&body), "0123456789"));
    assert_string_equal(f->etag, "\"abc\"");
    buf_consume(&body, 10);
    assert_int_equal(go(f, "HEAD", "/gone", &body, &answered), HTTP_ANSWERED);
    assert_int_equal(answered.status, 404);
    assert_int_equal(buf_length(&body), 0);
    buf_free(&body);
}

static void a_redirect_is_not_followed_and_a_long_answer_not_taken(void **state)
{
    struct fixture *f = *state;
    struct http_answered answered;
    struct buf body;
    buf_init(&body, 100);
    assert_int_equal(go(f, "GET", "/moved", &body, &answered), HTTP_ANSWERED);
    assert_int_equal(answered.status, 302);
    buf_free(&body);
    buf_init(&body, 5);
    assert_int_equal(go(f, "GET", "/a", &body, &answered), HTTP_TOO_LONG);
    buf_free(&body);
}

static void plain_http_leaves_no_machine_and_a_cancelled_exchange_ends(void **state)
{
    struct fixture *f = *state;
    struct http_answered answered;
    struct buf body;
    atomic_bool cancel = true;
    buf_init(&body, 100);
    struct http_line_request x = { .method = "GET",
                                   .url = BYTES_LITERAL("http://192.0.2.1/a"),
                                   .deadline_ms = LONG_MS };
    assert_int_equal(http_line_exchange(f->line, &x, &body, &answered), HTTP_FAILED);
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/a", http_server_port(f->server));
    x.url = bytes_of(url);
    x.cancel = &cancel;
    assert_int_equal(http_line_exchange(f->line, &x, &body, &answered), HTTP_FAILED);
    buf_free(&body);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(headers_and_body_of_one_exchange_after_another, begin, end),
        cmocka_unit_test_setup_teardown(a_redirect_is_not_followed_and_a_long_answer_not_taken, begin, end),
        cmocka_unit_test_setup_teardown(plain_http_leaves_no_machine_and_a_cancelled_exchange_ends, begin,
                                        end),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
