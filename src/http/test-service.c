/* The service as strangers meet it: over real sockets, with bytes that no library would send. */
#include "base/test.h"

#include "base/clock.h"
#include "http/service.h"
#include "net/address.h"
#include "net/listener.h"
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000 };

static struct http_service *service;
static uint16_t port;
static atomic_int n_ended, n_more, n_handled;
static atomic_bool go;

static size_t body_most(void *context, const struct http_asked *asked)
{
    (void)context;
    return bytes_is(asked->method, "POST") ? 100 : 0;
}

static enum http_more count_to_three(void *stream, struct buf *out)
{
    int *n = stream;
    buf_printf(out, "<%d>", ++*n);
    return *n == 3 ? HTTP_MORE_END : HTTP_MORE_YES;
}

static enum http_more flood(void *stream, struct buf *out)
{
    (void)stream;
    atomic_fetch_add(&n_more, 1);
    for (int i = 0; i < 1000; i++)
        buf_append_text(out, "0123456789012345678901234567890123456789012345678901234567890123456789");
    return HTTP_MORE_YES;
}

static enum http_more wait_for_go(void *stream, struct buf *out)
{
    (void)stream;
    if (!atomic_load(&go)) return HTTP_MORE_LATER;
    buf_append_text(out, "gone");
    return HTTP_MORE_END;
}

static enum http_more break_it(void *stream, struct buf *out)
{
    (void)stream, (void)out;
    return HTTP_MORE_BROKEN;
}

static void ended(void *stream)
{
    free(stream);
    atomic_fetch_add(&n_ended, 1);
}

static void handle(void *context, struct http_exchange *x)
{
    (void)context;
    static const struct {
        const char *path;
        enum http_more (*more)(void *stream, struct buf *out);
    } streams[] = {
        { "/three", count_to_three }, { "/flood", flood }, { "/wait", wait_for_go }, { "/broken", break_it }
    };
    atomic_fetch_add(&n_handled, 1);
    x->status = 200;
    x->type = "text/plain";
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        if (!bytes_is(x->asked->path, streams[i].path)) continue;
        x->more = streams[i].more;
        x->ended = ended;
        x->stream = calloc(1, sizeof(int));
        return;
    }
    if (bytes_is(x->asked->path, "/header")) http_exchange_header(x, "Location", BYTES_LITERAL("/a\r\nX: y"));
    buf_printf(&x->answer, "[%.*s %.*s %.*s]", BYTES_FMT(x->asked->method), BYTES_FMT(x->asked->path),
               BYTES_FMT(x->body));
}

static int start(void **state)
{
    struct address address;
    int listener;
    struct http_patience patience = {
        .idle_ms = DEADLINE_MS, .head_ms = DEADLINE_MS, .body_ms = DEADLINE_MS, .write_ms = DEADLINE_MS
    };
    signal(SIGPIPE, SIG_IGN);
    if (address_of_listen("127.0.0.1:0", &address) || listener_open(&address, &listener)) return -1;
    port = ntohs(((struct sockaddr_in *)&address.storage)->sin_port);
    if (*state) patience = *(struct http_patience *)*state;
    struct http_service_options options = { .clock = &clock_system,
                                            .listeners = &listener,
                                            .n_listeners = 1,
                                            .n_threads = 2,
                                            .most_connections = 40,
                                            .patience = patience,
                                            .body_most = body_most,
                                            .handle = handle };
    atomic_store(&n_ended, 0);
    atomic_store(&n_more, 0);
    atomic_store(&go, false);
    return http_service_start(&options, &service);
}

static int stop(void **state)
{
    (void)state;
    http_service_stop(service);
    return 0;
}

static int start_hasty(void **state)
{
    static struct http_patience hasty = {
        .idle_ms = 200, .head_ms = 200, .body_ms = 200, .write_ms = 200, .linger_ms = 100
    };
    void *given = &hasty;
    (void)state;
    return start(&given);
}

static int connected(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

static void say(int fd, struct bytes text)
{
    while (text.n) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
        if (n <= 0) return;
        text = bytes_slice(text, (size_t)n, text.n);
    }
}

/* Reads until the end or until `last` was seen; the text is in `to`. False: the deadline passed. */
static bool hear(int fd, const char *last, struct buf *to)
{
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (last && bytes_find(buf_bytes(to), bytes_of(last)) >= 0) return true;
        if (poll(&p, 1, DEADLINE_MS) <= 0) return false;
        uint8_t *room = buf_room(to, 4096);
        ssize_t n = recv(fd, room, 4096, 0);
        if (n <= 0) return true;
        buf_added(to, (size_t)n);
    }
}

/* The whole conversation: what is sent, then everything until the server ends it. */
static void talk(struct bytes request, struct buf *answer)
{
    int fd = connected();
    buf_init(answer, 64 << 20);
    say(fd, request);
    assert_true(hear(fd, NULL, answer));
    close(fd);
}

static bool holds(const struct buf *answer, const char *text)
{
    return bytes_find(buf_bytes(answer), bytes_of(text)) >= 0;
}

#define ASSERT_STARTS(answer, text) assert_memory_equal(buf_bytes(&(answer)).p, text, strlen(text))

static void requests_are_answered_on_one_connection(void **state)
{
    (void)state;
    struct buf answer;
    talk(BYTES_LITERAL("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                       "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
                       "HEAD /c HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /three HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
         &answer);
    assert_true(holds(&answer, "[GET /a ]"));
    assert_true(holds(&answer, "[POST /b hello]"));
    assert_false(holds(&answer, "[HEAD /c ]"));
    assert_true(holds(&answer, "\r\n\r\n3\r\n<1>\r\n3\r\n<2>\r\n3\r\n<3>\r\n0\r\n\r\n"));
    assert_true(holds(&answer, "Connection: close\r\n"));
    assert_true(holds(&answer, "[GET /d ]"));
    buf_free(&answer);
}

static void every_answer_carries_the_guards(void **state)
{
    (void)state;
    static const char *const guards[] = { "X-Content-Type-Options: nosniff\r\n",
                                          "frame-ancestors 'none';",
                                          "Cross-Origin-Opener-Policy: same-origin\r\n",
                                          "Cross-Origin-Resource-Policy: same-origin\r\n",
                                          "Referrer-Policy: same-origin\r\n",
                                          "Cache-Control: no-store\r\n",
                                          "default-src 'none'; script-src 'self';" };
    static const char *const requests[] = { "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                            "GET /three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                            "nonsense\r\n\r\n" };
    for (size_t r = 0; r < 3; r++) {
        struct buf answer;
        talk(bytes_of(requests[r]), &answer);
        for (size_t i = 0; i < sizeof guards / sizeof *guards; i++)
            assert_true(holds(&answer, guards[i]));
        assert_false(holds(&answer, "unsafe-inline"));
        assert_false(holds(&answer, "Strict-Transport-Security"));
        buf_free(&answer);
    }
}

static void what_is_no_request_is_refused_and_ends_the_connection(void **state)
{
    (void)state;
    static const struct {
        const char *request, *answer;
    } cases[] = {
        { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "HTTP/1.1 400 " },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
          "HTTP/1.1 400 " },
        { "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 400 " },
        { "GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 " },
        { "GET / HTTP/1.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 " },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 411 " },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 413 " },
        { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 413 " },
        { "\x16\x03\x01\x02", "HTTP/1.1 400 " },
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf answer;
        int before = atomic_load(&n_handled);
        talk(bytes_of(cases[i].request), &answer);
        ASSERT_STARTS(answer, cases[i].answer);
        assert_true(holds(&answer, "Connection: close\r\n"));
        /* One answer: what stood behind was not taken for another request. */
        assert_true(bytes_find(bytes_slice(buf_bytes(&answer), 1, SIZE_MAX), BYTES_LITERAL("HTTP/1.1 ")) < 0);
        assert_int_equal(atomic_load(&n_handled), before);
        buf_free(&answer);
    }
}

static void a_body_is_asked_for_where_the_client_waits(void **state)
{
    (void)state;
    struct buf answer;
    int fd = connected();
    buf_init(&answer, 1 << 20);
    say(fd,
        BYTES_LITERAL("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    assert_true(hear(fd, "HTTP/1.1 100 Continue\r\n\r\n", &answer));
    say(fd, BYTES_LITERAL("hello"));
    assert_true(hear(fd, "[POST /b hello]", &answer));
    close(fd);
    buf_free(&answer);
}

static void our_own_data_cannot_become_a_header(void **state)
{
    (void)state;
    struct buf answer;
    talk(BYTES_LITERAL("GET /header HTTP/1.1\r\nHost: x\r\n\r\n"), &answer);
    ASSERT_STARTS(answer, "HTTP/1.1 500 ");
    assert_false(holds(&answer, "X: y"));
    buf_free(&answer);
}

static void a_stream_sleeps_until_it_is_woken(void **state)
{
    (void)state;
    struct buf answer;
    int fd = connected();
    buf_init(&answer, 1 << 20);
    say(fd, BYTES_LITERAL("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(hear(fd, "\r\n\r\n", &answer));
    atomic_store(&go, true);
    http_service_wake(service);
    assert_true(hear(fd, "4\r\ngone\r\n0\r\n\r\n", &answer));
    /* The connection goes on. */
    say(fd, BYTES_LITERAL("GET /e HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(hear(fd, "[GET /e ]", &answer));
    close(fd);
    buf_free(&answer);
    assert_int_equal(atomic_load(&n_ended), 1);
}

static void a_stream_that_breaks_does_not_look_whole(void **state)
{
    (void)state;
    struct buf answer;
    talk(BYTES_LITERAL("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n"), &answer);
    ASSERT_STARTS(answer, "HTTP/1.1 200 ");
    assert_false(holds(&answer, "0\r\n\r\n"));
    buf_free(&answer);
}

static void wait_for_ends(int n)
{
    for (int i = 0; i < DEADLINE_MS / 10 && atomic_load(&n_ended) < n; i++)
        poll(NULL, 0, 10);
    assert_int_equal(atomic_load(&n_ended), n);
}

static void who_leaves_ends_their_stream(void **state)
{
    (void)state;
    struct buf answer;
    int fd = connected();
    buf_init(&answer, 1 << 20);
    say(fd, BYTES_LITERAL("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(hear(fd, "\r\n\r\n", &answer));
    close(fd);
    wait_for_ends(1);
    buf_free(&answer);
}

static void a_slow_head_body_and_reader_are_ended(void **state)
{
    (void)state;
    static const struct {
        const char *request, *answer;
    } cases[] = { { "GET / HTTP/1.1\r\nHo", "HTTP/1.1 408 " },
                  { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc", "HTTP/1.1 408 " },
                  { "", "" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf answer;
        /* On a slow machine the connection may be over before the first byte is there: try again. */
        for (int try = 0; try < 100; try++) {
            talk(bytes_of(cases[i].request), &answer);
            if (i == 2 || buf_length(&answer)) break;
            buf_free(&answer);
        }
        ASSERT_STARTS(answer, cases[i].answer);
        assert_true(i < 2 || buf_length(&answer) == 0);
        buf_free(&answer);
    }
    /* A reader that takes nothing: the stream is asked until the socket is full, then ended. */
    int fd = connected();
    say(fd, BYTES_LITERAL("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n"));
    wait_for_ends(1);
    assert_true(atomic_load(&n_more) > 1);
    close(fd);
}

static void a_head_that_trickles_is_ended_all_the_same(void **state)
{
    (void)state;
    int fd = connected();
    struct pollfd p = { .fd = fd, .events = POLLIN };
    say(fd, BYTES_LITERAL("GET / HTTP/1.1\r\nX: "));
    int i = 0;
    for (; i < DEADLINE_MS / 20 && poll(&p, 1, 20) == 0; i++)
        say(fd, BYTES_LITERAL("a"));
    assert_true(i < DEADLINE_MS / 20);
    close(fd);
}

static void what_is_too_much_is_let_go(void **state)
{
    (void)state;
    int fds[41];
    struct buf answer;
    for (int i = 0; i < 41; i++)
        fds[i] = connected();
    /* One of them is over the ceiling, and it is the last: the others came before it. */
    buf_init(&answer, 4096);
    assert_true(hear(fds[40], NULL, &answer));
    assert_int_equal(buf_length(&answer), 0);
    say(fds[0], BYTES_LITERAL("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(hear(fds[0], "[GET /a ]", &answer));
    for (int i = 0; i < 41; i++)
        close(fds[i]);
    buf_free(&answer);
    struct http_service_stats stats;
    http_service_stats(service, &stats);
    assert_int_equal(stats.refused, 1);
}

static void it_stops_with_connections_and_streams_open(void **state)
{
    (void)state;
    struct buf answer;
    int fd = connected(), idle = connected();
    buf_init(&answer, 1 << 20);
    say(fd, BYTES_LITERAL("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(hear(fd, "\r\n\r\n", &answer));
    http_service_stop(service);
    service = NULL;
    assert_int_equal(atomic_load(&n_ended), 1);
    assert_true(hear(fd, NULL, &answer));
    close(fd);
    close(idle);
    buf_free(&answer);
}

#define TEST(f)  cmocka_unit_test_setup_teardown(f, start, stop)
#define HASTY(f) cmocka_unit_test_setup_teardown(f, start_hasty, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_answered_on_one_connection),
        TEST(every_answer_carries_the_guards),
        TEST(what_is_no_request_is_refused_and_ends_the_connection),
        TEST(a_body_is_asked_for_where_the_client_waits),
        TEST(our_own_data_cannot_become_a_header),
        TEST(a_stream_sleeps_until_it_is_woken),
        TEST(a_stream_that_breaks_does_not_look_whole),
        TEST(who_leaves_ends_their_stream),
        HASTY(a_slow_head_body_and_reader_are_ended),
        HASTY(a_head_that_trickles_is_ended_all_the_same),
        TEST(what_is_too_much_is_let_go),
        TEST(it_stops_with_connections_and_streams_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
