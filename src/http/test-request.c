#include "base/test.h"

#include "http/request.h"

static void a_plain_get_is_read(void **state)
{
    (void)state;
    struct http_request request;
    assert_int_equal(
        http_request_read(BYTES_LITERAL("GET /a?b HTTP/1.1\r\nhOST:  x:1 \r\nAccept: */*\r\n\r\n"), &request),
        HTTP_HEAD_READ);
    assert_bytes(request.path, "/a?b");
    assert_bytes(request.host, "x:1");
    assert_false(request.head);
    assert_int_equal(
        http_request_read(BYTES_LITERAL("HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), &request),
        HTTP_HEAD_READ);
    assert_true(request.head);
}

static void whatever_else_comes_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *head;
        enum http_head expected;
    } cases[] = {
        { "", HTTP_HEAD_INCOMPLETE },
        { "GET / HTTP/1.1\r\nHost: x\r\n", HTTP_HEAD_INCOMPLETE },
        { "POST / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_HEAD_METHOD },
        { "get / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_HEAD_METHOD },
        { "GET / HTTP/1.0\r\nHost: x\r\n\r\n", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\r\n\r\n", HTTP_HEAD_BAD },
        { "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_HEAD_BAD },
        { "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_HEAD_BAD },
        { "GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\r\nHost : x\r\n\r\n", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\nHost: x\r\n\r\n", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_HEAD_BAD },
        { "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET", HTTP_HEAD_BAD },
        { "\r\n\r\n", HTTP_HEAD_BAD },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request request;
        assert_int_equal(http_request_read(bytes_of(cases[i].head), &request), cases[i].expected);
    }
}

static void a_head_without_end_is_too_long(void **state)
{
    (void)state;
    static char head[HTTP_MAX_HEAD_BYTES + 1];
    struct http_request request;
    memset(head, 'a', sizeof head);
    assert_int_equal(http_request_read(bytes_make(head, HTTP_MAX_HEAD_BYTES - 1), &request),
                     HTTP_HEAD_INCOMPLETE);
    assert_int_equal(http_request_read(bytes_make(head, HTTP_MAX_HEAD_BYTES), &request), HTTP_HEAD_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_get_is_read),
        cmocka_unit_test(whatever_else_comes_is_refused),
        cmocka_unit_test(a_head_without_end_is_too_long),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
