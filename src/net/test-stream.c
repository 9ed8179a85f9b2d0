/* Bytes over streams, in clear and under TLS alike. */
#include "net/test-pair.h"

/* ---- bytes, in clear and under TLS alike */

/* All of `sent` from here to there through a small window. What is left after AGAIN moves in memory, as a
 * queue does that grows. */
static void pour(void)
{
    size_t written = 0, read = 0, n;
    int small = 8192, n_again = 0, n_part = 0;
    setsockopt(f.here.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    uint8_t *left = NULL;
    while (read < BIG) {
        enum stream_io io = STREAM_AGAIN;
        if (written < BIG) {
            free(left);
            left = malloc(BIG - written);
            assert_non_null(left);
            memcpy(left, f.sent + written, BIG - written);
            io = stream_write(&f.here, bytes_make(left, BIG - written), &n);
            assert_int_not_equal(io, STREAM_FAILED);
            assert_int_not_equal(io, STREAM_EOF);
            n_part += io == STREAM_DONE && n < BIG - written;
            written += n;
        }
        if (io == STREAM_DONE) continue;
        n_again++;
        while (stream_read(&f.there, f.got + read, BIG - read < 100000 ? BIG - read : 100000, &n) ==
               STREAM_DONE) {
            read += n;
            if (read == BIG) break;
        }
    }
    free(left);
    assert_true(n_again > 3 && n_part > 3);
    assert_memory_equal(f.got, f.sent, BIG);
    memset(f.got, 0, BIG);
}

static void what_is_written_in_parts_arrives_whole(void **state)
{
    (void)state;
    pour();
    over_tcp();
    pour();
}

static void so_it_does_under_tls(void **state)
{
    (void)state;
    secure(f.server);
    pour();
    stream_close(&f.here);
    over_tcp();
    secure(f.server);
    pour();
}

static void with_nothing_there_a_read_says_again(void **state)
{
    (void)state;
    uint8_t byte;
    size_t n = 9;
    assert_int_equal(stream_read(&f.here, &byte, 1, &n), STREAM_AGAIN);
    assert_int_equal(n, 0);
    secure(f.server);
    n = 9;
    assert_int_equal(stream_read(&f.here, &byte, 1, &n), STREAM_AGAIN);
    assert_int_equal(n, 0);
}

static void half_close(void)
{
    put(&f.here, "the last words");
    stream_shutdown(&f.here);
    expect(&f.there, "the last words");
    expect_end(&f.there, STREAM_EOF);
    expect_end(&f.there, STREAM_EOF);
    put(&f.there, "an answer");
    stream_shutdown(&f.there);
    expect(&f.here, "an answer");
    expect_end(&f.here, STREAM_EOF);
}

static void a_peer_that_ended_its_side_still_reads(void **state)
{
    (void)state;
    half_close();
    over_tcp();
    half_close();
}

static void so_it_does_under_tls_too(void **state)
{
    (void)state;
    secure(f.server);
    half_close();
    over_tcp();
    secure(f.server);
    half_close();
}

static void writing_to_a_peer_that_is_gone_fails_and_raises_no_signal(void **state)
{
    (void)state;
    size_t n;
    signal(SIGPIPE, SIG_DFL);
    stream_close(&f.there);
    assert_int_equal(stream_write(&f.here, BYTES_LITERAL("hello?"), &n), STREAM_FAILED);
    assert_int_equal(n, 0);
    signal(SIGPIPE, SIG_IGN);
    over_tcp();
    secure(f.server);
    stream_close(&f.there);
    enum stream_io io = STREAM_DONE;
    for (int i = 0; i < 60000 && io == STREAM_DONE; i++) {
        io = stream_write(&f.here, BYTES_LITERAL("hello?"), &n);
        wait_a_little(&f.here);
    }
    assert_int_equal(io, STREAM_FAILED);
}

static void a_connection_that_was_reset_fails(void **state)
{
    (void)state;
    struct linger at_once = { 1, 0 };
    over_tcp();
    setsockopt(f.there.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    stream_close(&f.there);
    expect_end(&f.here, STREAM_FAILED);
}

/* An end that anybody on the way can make is no end in order. */
static void under_tls_an_end_without_notice_is_a_failure(void **state)
{
    (void)state;
    secure(f.server);
    put(&f.there, "cut");
    shutdown(f.there.fd, SHUT_WR);
    uint8_t got[100];
    size_t n;
    assert_int_equal(read_soon(&f.here, got, sizeof got, &n), STREAM_DONE); /* first what did arrive */
    assert_bytes(bytes_make(got, n), "cut");
    expect_end(&f.here, STREAM_FAILED);
    expect_end(&f.here, STREAM_FAILED);
}

static void what_was_decrypted_and_not_read_is_pending(void **state)
{
    (void)state;
    uint8_t got[4];
    size_t n;
    put(&f.there, "in clear");
    assert_int_equal(stream_pending(&f.here), 0);
    expect(&f.here, "in clear");
    secure(f.server);
    assert_int_equal(stream_pending(&f.here), 0);
    put(&f.there, "0123456789");
    assert_int_equal(read_soon(&f.here, got, 4, &n), STREAM_DONE);
    assert_int_equal(n, 4);
    assert_int_equal(stream_pending(&f.here), 6);
    expect(&f.here, "456789");
    assert_int_equal(stream_pending(&f.here), 0);
}

static void closing_is_for_good_and_may_be_done_twice(void **state)
{
    (void)state;
    stream_close(&f.here);
    assert_int_equal(f.here.fd, -1);
    stream_close(&f.here);
    stream_shutdown(&f.here);
    expect_end(&f.there, STREAM_EOF);
}

static void where_nobody_listens_connecting_fails(void **state)
{
    (void)state;
    struct stream s;
    struct address at;
    int error = 0, bound = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(address_of_ip("127.0.0.1", 0, &at), 0);
    assert_int_equal(bind(bound, (struct sockaddr *)&at.storage, at.length), 0);
    assert_int_equal(getsockname(bound, (struct sockaddr *)&at.storage, &at.length), 0);
    enum stream_io io = stream_connect(&s, &at, &error);
    if (io == STREAM_AGAIN) {
        struct pollfd p = { .fd = s.fd, .events = POLLOUT };
        assert_int_equal(poll(&p, 1, 300000), 1);
        io = stream_connected(&s, &error);
        stream_close(&s);
    }
    assert_int_equal(io, STREAM_FAILED);
    assert_int_equal(error, -ECONNREFUSED);
    close(bound);
    assert_int_equal(address_of_ip("/nowhere/at/all", 0, &at), 0);
    assert_int_equal(stream_connect(&s, &at, &error), STREAM_FAILED);
    assert_int_equal(error, -ENOENT);
    assert_int_equal(s.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(what_is_written_in_parts_arrives_whole),
        TEST(so_it_does_under_tls),
        TEST(with_nothing_there_a_read_says_again),
        TEST(a_peer_that_ended_its_side_still_reads),
        TEST(so_it_does_under_tls_too),
        TEST(writing_to_a_peer_that_is_gone_fails_and_raises_no_signal),
        TEST(a_connection_that_was_reset_fails),
        TEST(under_tls_an_end_without_notice_is_a_failure),
        TEST(what_was_decrypted_and_not_read_is_pending),
        TEST(closing_is_for_good_and_may_be_done_twice),
        TEST(where_nobody_listens_connecting_fails),
    };
    return cmocka_run_group_tests_name("stream", tests, begin_all, end_all);
}
