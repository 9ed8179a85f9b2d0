/* Tests of what needs no server: texts for it, and what becomes of a server that is not there. (What a server
 * answers is tested in tests/pgindex.) */
#include "base/buf.h"
#include "store/postgres.h"
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

static void names_and_elements_are_quoted(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    postgres_quote(&b, BYTES_LITERAL("a\"b"));
    postgres_array_add(&b, BYTES_LITERAL("x\\\"y"));
    postgres_array_add(&b, (struct bytes){ 0 });
    postgres_array_add(&b, BYTES_LITERAL(""));
    postgres_array_add(&b, BYTES_LITERAL("NULL"));
    assert_bytes(buf_bytes(&b), "\"a\"\"b\"\"x\\\\\\\"y\"NULL\"\"\"NULL\"");
    buf_free(&b);
}

static void what_a_server_says_is_one_line(void **state)
{
    (void)state;
    char why[POSTGRES_WHY], large[1000];
    postgres_say(why, "42501", "no\n\trights \x1b[31m\n");
    assert_string_equal(why, "42501: no rights ?[31m");
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = 0;
    postgres_say(why, "", large);
    assert_int_equal(strlen(why), POSTGRES_WHY - 1);
}

/* A listener that says nothing. */
static uint16_t listen_silently(int *fd_out)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof address;
    *fd_out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd_out, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(*fd_out, 8), 0);
    assert_int_equal(getsockname(*fd_out, (struct sockaddr *)&address, &n), 0);
    return ntohs(address.sin_port);
}

static int try_to_open(uint16_t port, int cancel_fd, unsigned connect_ms, char why[POSTGRES_WHY])
{
    char text[8];
    struct postgres *pg = NULL;
    snprintf(text, sizeof text, "%u", port);
    struct postgres_options options = { .hosts = "127.0.0.1",
                                        .ports = text,
                                        .user = "u",
                                        .database = "d",
                                        .application = "test",
                                        .password = BYTES_LITERAL("hunter2"),
                                        .tls = POSTGRES_TLS_DISABLE,
                                        .cancel_fd = cancel_fd,
                                        .connect_ms = connect_ms,
                                        .statement_ms = 1000 };
    int error = postgres_open(&options, &pg, why);
    assert_null(pg);
    assert_null(strstr(why, "hunter2"));
    return error;
}

static void a_server_that_is_silent_has_a_deadline(void **state)
{
    (void)state;
    int fd;
    char why[POSTGRES_WHY];
    uint16_t port = listen_silently(&fd);
    assert_int_equal(try_to_open(port, -1, 50, why), -ETIMEDOUT);
    int cancel = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(try_to_open(port, cancel, 3600000, why), -ECANCELED);
    close(cancel);
    close(fd);
    assert_int_equal(try_to_open(port, -1, 60000, why), -ECONNREFUSED);
    assert_non_null(strstr(why, "refused"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_elements_are_quoted),
        cmocka_unit_test(what_a_server_says_is_one_line),
        cmocka_unit_test(a_server_that_is_silent_has_a_deadline),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
