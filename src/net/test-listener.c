#include "base/test.h"

#include "net/listener.h"
#include "net/stream.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
    char folder[32], path[48], text[64];
    struct address address;
};

static int begin(void **state)
{
    static struct fixture f;
    snprintf(f.folder, sizeof f.folder, "/tmp/postern-test-XXXXXX");
    if (!mkdtemp(f.folder)) return -1;
    snprintf(f.path, sizeof f.path, "%s/socket", f.folder);
    snprintf(f.text, sizeof f.text, "unix:%s", f.path);
    *state = &f;
    return address_of_listen(f.text, &f.address);
}

static int end(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    return rmdir(f->folder);
}

static int open_at(struct address *address)
{
    int fd = -1;
    assert_int_equal(listener_open(address, &fd), 0);
    return fd;
}

/* A connection made and accepted; it carries a byte. */
static void connect_once(int listener, const struct address *to, struct address *peer)
{
    struct stream s;
    int error = 0, fd = -1;
    size_t n;
    uint8_t byte = 0;
    assert_int_not_equal(stream_connect(&s, to, &error), STREAM_FAILED);
    struct pollfd p = { .fd = listener, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 300000), 1);
    assert_int_equal(listener_accept(listener, &fd, peer), 0);
    p = (struct pollfd){ .fd = s.fd, .events = POLLOUT };
    assert_int_equal(poll(&p, 1, 300000), 1);
    assert_int_equal(stream_connected(&s, &error), STREAM_DONE);
    assert_int_equal(stream_write(&s, BYTES_LITERAL("!"), &n), STREAM_DONE);
    p = (struct pollfd){ .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 300000), 1);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, '!');
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
    stream_close(&s);
}

static void port_0_becomes_the_port_that_the_kernel_chose(void **state)
{
    (void)state;
    struct address address, peer;
    char before[ADDRESS_TEXT], text[ADDRESS_TEXT];
    assert_int_equal(address_of_listen("127.0.0.1:0", &address), 0);
    int fd = open_at(&address);
    address_format(&address, before);
    assert_string_not_equal(before, "127.0.0.1:0");
    connect_once(fd, &address, &peer);
    assert_true(address_is_local(&peer) && !address_is_unix(&peer));
    address_format(&peer, text);
    assert_string_not_equal(text, before);
    close(fd);
}

static void without_a_connection_there_is_nothing_to_accept(void **state)
{
    struct fixture *f = *state;
    struct address peer;
    int fd = open_at(&f->address), accepted = -1;
    assert_int_equal(listener_accept(fd, &accepted, &peer), -EAGAIN);
    assert_int_equal(accepted, -1);
    close(fd);
}

static void every_worker_has_its_own_at_one_tcp_address(void **state)
{
    (void)state;
    struct address address;
    assert_int_equal(address_of_listen("127.0.0.1:0", &address), 0);
    int one = open_at(&address);
    struct address again = address;
    int two = open_at(&again);
    assert_int_not_equal(one, two);
    assert_memory_equal(&again.storage, &address.storage, address.length);
    close(one);
    close(two);
}

static void a_unix_socket_carries_bytes(void **state)
{
    struct fixture *f = *state;
    struct address peer;
    int fd = open_at(&f->address);
    connect_once(fd, &f->address, &peer);
    assert_true(address_is_unix(&peer));
    close(fd);
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct address peer;
    close(open_at(&f->address));
    assert_int_equal(access(f->path, F_OK), 0);
    int fd = open_at(&f->address);
    connect_once(fd, &f->address, &peer);
    close(fd);
}

static void a_live_unix_socket_is_refused_and_goes_on(void **state)
{
    struct fixture *f = *state;
    struct address peer;
    int fd = open_at(&f->address), other = -1;
    assert_int_equal(listener_open(&f->address, &other), -EADDRINUSE);
    assert_int_equal(other, -1);
    assert_int_equal(listener_accept(fd, &other, &peer), 0); /* the one that asked whether we live */
    close(other);
    connect_once(fd, &f->address, &peer);
    close(fd);
}

static void a_live_unix_socket_with_a_full_queue_is_refused_at_once(void **state)
{
    struct fixture *f = *state;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), waiting[4], other = -1;
    const struct sockaddr *name = (const struct sockaddr *)&f->address.storage;
    assert_int_equal(bind(fd, name, f->address.length), 0);
    assert_int_equal(listen(fd, 0), 0);
    bool full = false;
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        full |= connect(waiting[i], name, f->address.length) != 0 && errno == EAGAIN;
    }
    assert_true(full);
    alarm(300);
    assert_int_equal(listener_open(&f->address, &other), -EADDRINUSE);
    alarm(0);
    assert_int_equal(access(f->path, F_OK), 0);
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    close(fd);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct fixture *f = *state;
    int fd = -1;
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fputs("precious", file);
    fclose(file);
    assert_int_equal(listener_open(&f->address, &fd), -EADDRINUSE);
    struct stat st;
    assert_int_equal(lstat(f->path, &st), 0);
    assert_int_equal(st.st_size, 8);
    /* Nor is a link followed: what it points to may be anybody's. */
    unlink(f->path);
    assert_int_equal(symlink("/nowhere/at/all", f->path), 0);
    assert_int_equal(listener_open(&f->address, &fd), -EADDRINUSE);
    assert_int_equal(lstat(f->path, &st), 0);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct address address;
    int fd = -1;
    assert_int_equal(address_of_listen("unix:/nowhere/at/all", &address), 0);
    assert_int_equal(listener_open(&address, &fd), -ENOENT);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(port_0_becomes_the_port_that_the_kernel_chose),
        TEST(without_a_connection_there_is_nothing_to_accept),
        TEST(every_worker_has_its_own_at_one_tcp_address),
        TEST(a_unix_socket_carries_bytes),
        TEST(a_stale_unix_socket_is_replaced),
        TEST(a_live_unix_socket_is_refused_and_goes_on),
        TEST(a_live_unix_socket_with_a_full_queue_is_refused_at_once),
        TEST(a_file_that_is_no_socket_is_left_alone),
        TEST(a_folder_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
