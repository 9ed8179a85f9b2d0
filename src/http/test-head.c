#include "base/test.h"

#include "base/buf.h"
#include "http/head.h"

static enum http_reads reads(const char *head)
{
    struct http_asked asked;
    return http_head_read(bytes_of(head), &asked);
}

static void a_request_is_read(void **state)
{
    (void)state;
    struct http_asked asked;
    assert_int_equal(http_head_read(BYTES_LITERAL("POST /v1/x?a=b HTTP/1.1\r\nhOST:  x:1 \r\n"
                                                  "Content-Length: 5\r\nCookie: a=1; b=2;c=\r\n"
                                                  "Connection: keep-alive, Close\r\n\r\nhello"),
                                    &asked),
                     HTTP_READ_DONE);
    assert_bytes(asked.method, "POST");
    assert_bytes(asked.path, "/v1/x");
    assert_bytes(asked.query, "a=b");
    assert_bytes(asked.host, "x:1");
    assert_int_equal(asked.length, 5);
    assert_true(asked.closes);
    assert_bytes(http_asked_cookie(&asked, "a"), "1");
    assert_bytes(http_asked_cookie(&asked, "b"), "2");
    assert_true(http_asked_cookie(&asked, "c").p != NULL);
    assert_null(http_asked_cookie(&asked, "d").p);
    assert_bytes(http_asked_field(&asked, "content-length"), "5");
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum http_reads expected;
    } cases[] = {
        { "", HTTP_READ_MORE },
        { "GET / HTTP/1.1\r\nHost: x\r\n", HTTP_READ_MORE },
        { "GET / HTTP/1.1\r\nHost: x\r\n\r", HTTP_READ_MORE },
        { "GET / HTTP/1.1\r\n\r\n", HTTP_READ_BAD },                          /* no host */
        { "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", HTTP_READ_BAD },    /* two */
        { "GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_READ_BAD },                 /* empty */
        { "GET / HTTP/1.1\nHost: x\n\n", HTTP_READ_BAD },                     /* bare LF */
        { "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", HTTP_READ_BAD },         /* one bare LF */
        { "GET / HTTP/1.1\r\nHost: x\r\rX: y\r\n\r\n", HTTP_READ_BAD },       /* bare CR */
        { "GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n", HTTP_READ_BAD }, /* folded */
        { "GET / HTTP/1.1\r\n Host: x\r\n\r\n", HTTP_READ_BAD },              /* folded */
        { "GET / HTTP/1.1\r\nHost : x\r\n\r\n", HTTP_READ_BAD },              /* space */
        { "GET / HTTP/1.1\r\nHost: x\r\nX\r\n\r\n", HTTP_READ_BAD },          /* no colon */
        { "GET / HTTP/1.1\r\nHost: x\r\nX: \x01\r\n\r\n", HTTP_READ_BAD },    /* control */
        { "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_READ_BAD },              /* two spaces */
        { "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", HTTP_READ_BAD },              /* trailing */
        { "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_READ_BAD },       /* a proxy's */
        { "GET * HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_READ_BAD },               /* no path */
        { "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_READ_BAD },             /* fragment */
        { "GET /\xC3\xA4 HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_READ_BAD },       /* raw bytes */
        { "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_READ_BAD },               /* method */
        { "GET / HTTP/1.0\r\nHost: x\r\n\r\n", HTTP_READ_VERSION },
        { "GET / HTTP/2.0\r\nHost: x\r\n\r\n", HTTP_READ_VERSION },
        { "GET / http/1.1\r\nHost: x\r\n\r\n", HTTP_READ_BAD },
        { "GET /\r\n\r\n", HTTP_READ_BAD },
        { "\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
          HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_READ_CODING },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", HTTP_READ_CODING },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n", HTTP_READ_BAD },
        { "POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", HTTP_READ_EXPECTS },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum http_reads outcome = reads(cases[i].head);
        if (outcome != cases[i].expected) fail_msg("%s: %d", cases[i].head, outcome);
    }
    struct http_asked asked;
    assert_int_equal(http_head_read(BYTES_LITERAL("GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n"), &asked),
                     HTTP_READ_BAD);
    assert_int_equal(http_head_read(BYTES_LITERAL("GET / HTTP/1.1\r\nHost: x\r\n\0"), &asked), HTTP_READ_BAD);
}

static void heads_and_targets_have_ceilings(void **state)
{
    (void)state;
    struct buf head;
    struct http_asked asked;
    buf_init(&head, 1 << 20);
    buf_append_text(&head, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    while (buf_length(&head) < HTTP_HEAD_MOST)
        buf_put_u8(&head, 'a');
    assert_int_equal(http_head_read(buf_bytes(&head), &asked), HTTP_READ_TOO_LONG);
    buf_free(&head);
    buf_append_text(&head, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < HTTP_FIELDS_MOST; i++)
        buf_append_text(&head, "X: y\r\n");
    buf_append_text(&head, "\r\n");
    assert_int_equal(http_head_read(buf_bytes(&head), &asked), HTTP_READ_TOO_LONG);
    buf_free(&head);
    buf_append_text(&head, "GET /");
    for (int i = 0; i < HTTP_TARGET_MOST; i++)
        buf_put_u8(&head, 'a');
    buf_append_text(&head, " HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(http_head_read(buf_bytes(&head), &asked), HTTP_READ_TARGET_LONG);
    buf_free(&head);
}

static bool path_is_taken(const char *path, size_t *n_out)
{
    static struct bytes segments[8];
    struct arena arena;
    arena_init(&arena, 4096, 1 << 20);
    bool taken = http_path_split(bytes_of(path), &arena, segments, 8, n_out);
    arena_free(&arena);
    return taken;
}

static void paths_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "a",
                                       "//",
                                       "/a//b",
                                       "/a/",
                                       "/..",
                                       "/a/../b",
                                       "/./a",
                                       "/%2e%2e/a",
                                       "/%2E./a",
                                       "/a%2fb",
                                       "/a%2Fb",
                                       "/a%5cb",
                                       "/a\\b",
                                       "/a%00b",
                                       "/a%0ab",
                                       "/a%7f",
                                       "/a%",
                                       "/a%2",
                                       "/a%zz",
                                       "/a%c0%af",
                                       "/a%ff",
                                       "/%2e",
                                       "/a/%2e%2e",
                                       "/..%2f..%2fetc",
                                       "/1/2/3/4/5/6/7/8/9" };
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (path_is_taken(bad[i], &n)) fail_msg("%s is taken", bad[i]);
    assert_true(path_is_taken("/", &n) && n == 0);
    assert_true(path_is_taken("/v1/sessions/06gz", &n) && n == 3);
    assert_true(path_is_taken("/a%20b/c..d/...", &n) && n == 3);
}

static void queries_are_decoded_or_refused(void **state)
{
    (void)state;
    struct http_parameter p[4];
    struct arena arena;
    size_t n;
    static const char *const bad[] = { "a=1&a=2", "a=%", "a=%4",  "a=%00",     "=1",      "&",
                                       "a=1&",    "%=1", "a=%ff", "a&b&c&d&e", "a=%u0041" };
    arena_init(&arena, 4096, 1 << 20);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (http_query_split(bytes_of(bad[i]), &arena, p, 4, &n)) fail_msg("%s is taken", bad[i]);
    assert_true(http_query_split(BYTES_LITERAL("a=x%20y+z&b=%C3%A4&c"), &arena, p, 4, &n));
    assert_int_equal(n, 3);
    assert_bytes(p[0].value, "x y z");
    assert_bytes(p[1].value, "\xC3\xA4");
    assert_bytes(p[2].value, "");
    arena_free(&arena);
}

static void a_cookie_that_is_there_twice_is_none(void **state)
{
    (void)state;
    struct http_asked asked;
    assert_int_equal(
        http_head_read(BYTES_LITERAL("GET / HTTP/1.1\r\nHost: x\r\nCookie: a=1; b=2; a=3\r\n\r\n"), &asked),
        HTTP_READ_DONE);
    assert_null(http_asked_cookie(&asked, "a").p);
    assert_bytes(http_asked_cookie(&asked, "b"), "2");
    assert_int_equal(
        http_head_read(BYTES_LITERAL("GET / HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"),
                       &asked),
        HTTP_READ_DONE);
    assert_null(http_asked_cookie(&asked, "a").p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(heads_and_targets_have_ceilings),
        cmocka_unit_test(paths_that_lead_elsewhere_are_refused),
        cmocka_unit_test(queries_are_decoded_or_refused),
        cmocka_unit_test(a_cookie_that_is_there_twice_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
