#include "base/test.h"

#include "net/address.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

static void what_is_listened_on_is_a_number_and_a_port_or_a_path(void **state)
{
    (void)state;
    static const struct {
        const char *text, *formatted; /* NULL: refused */
    } cases[] = {
        { "127.0.0.1:6432", "127.0.0.1:6432" },
        { "0.0.0.0:0", "0.0.0.0:0" },
        { "*:6432", "0.0.0.0:6432" },
        { ":6432", "0.0.0.0:6432" },
        { "localhost:1", "127.0.0.1:1" },
        { "[::1]:65535", "[::1]:65535" },
        { "[::]:5432", "[::]:5432" },
        { "[2001:DB8:0::1]:5432", "[2001:db8::1]:5432" },
        { "unix:/run/postern/.s.PGSQL.5432", "unix:/run/postern/.s.PGSQL.5432" },
        { "unix:/a:1", "unix:/a:1" },
        { "", NULL },
        { ":", NULL },
        { "127.0.0.1", NULL },
        { "127.0.0.1:", NULL },
        { "127.0.0.1:65536", NULL },
        { "127.0.0.1:-1", NULL },
        { "127.0.0.1: 1", NULL },
        { "127.0.0.1:1x", NULL },
        { "127.0.0.1:99999999999999999999", NULL },
        { "127.1:1", NULL },
        { "127.0.0.256:1", NULL },
        { "[::1]", NULL },
        { "[::g]:1", NULL },
        { "db.example.com:5432", NULL },
        { "/run/x:1", NULL },
        { "unix:", NULL },
        { "unix:relative", NULL },
        { "unix:127.0.0.1", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address a;
        char text[ADDRESS_TEXT];
        int error = address_of_listen(cases[i].text, &a);
        if (error != (cases[i].formatted ? 0 : -EINVAL)) print_error("%s\n", cases[i].text);
        assert_int_equal(error, cases[i].formatted ? 0 : -EINVAL);
        if (error) continue;
        address_format(&a, text);
        assert_string_equal(text, cases[i].formatted);
    }
}

static void a_host_too_long_for_any_number_is_refused(void **state)
{
    (void)state;
    char text[200];
    struct address a;
    for (int n = 1; n < 150; n++) {
        snprintf(text, sizeof text, "%0*d:1", n, 0);
        assert_int_equal(address_of_listen(text, &a), -EINVAL);
    }
}

static void a_path_is_as_long_as_a_socket_may_have_it(void **state)
{
    (void)state;
    char path[200];
    struct address a;
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[107] = 0;
    char text[ADDRESS_TEXT];
    assert_int_equal(address_of_ip(path, 0, &a), 0);
    assert_true(address_is_unix(&a) && address_is_local(&a));
    address_format(&a, text);
    assert_string_equal(text + 5, path);
    path[107] = 'x';
    path[108] = 0;
    assert_int_equal(address_of_ip(path, 0, &a), -EINVAL);
    assert_int_equal(address_of_ip("", 0, &a), -EINVAL);
}

static void local_is_loopback_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool local;
    } cases[] = {
        { "127.0.0.1", true },    { "127.255.1.2", true },
        { "::1", true },          { "::ffff:127.0.0.1", true },
        { "/tmp/s", true },       { "0.0.0.0", false },
        { "128.0.0.1", false },   { "126.255.255.255", false },
        { "1.0.0.127", false },   { "::", false },
        { "::2", false },         { "::ffff:10.0.0.1", false },
        { "::127.0.0.1", false }, { "fe80::1", false },
    };
    struct address a;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(address_of_ip(cases[i].host, 1, &a), 0);
        if (address_is_local(&a) != cases[i].local) print_error("%s\n", cases[i].host);
        assert_int_equal(address_is_local(&a), cases[i].local);
        assert_int_equal(address_is_unix(&a), cases[i].host[0] == '/');
    }
    a = (struct address){ 0 };
    assert_false(address_is_local(&a) || address_is_unix(&a));
}

static void an_address_without_a_name_has_a_text_all_the_same(void **state)
{
    (void)state;
    char text[ADDRESS_TEXT];
    struct address a = { 0 };
    address_format(&a, text);
    assert_string_equal(text, "unknown");
    a.storage.ss_family = AF_UNIX;
    a.length = sizeof(sa_family_t);
    address_format(&a, text);
    assert_string_equal(text, "unix:");
}

static void the_port_of_a_target_is_kept(void **state)
{
    (void)state;
    struct address a;
    assert_int_equal(address_of_ip("::1", 5432, &a), 0);
    assert_int_equal(ntohs(((struct sockaddr_in6 *)&a.storage)->sin6_port), 5432);
    assert_int_equal(address_of_ip("10.1.2.3", 5433, &a), 0);
    assert_int_equal(ntohs(((struct sockaddr_in *)&a.storage)->sin_port), 5433);
    assert_int_equal(address_of_ip("localhost", 5432, &a), -EINVAL);
    assert_int_equal(a.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_listened_on_is_a_number_and_a_port_or_a_path),
        cmocka_unit_test(a_host_too_long_for_any_number_is_refused),
        cmocka_unit_test(a_path_is_as_long_as_a_socket_may_have_it),
        cmocka_unit_test(local_is_loopback_and_nothing_else),
        cmocka_unit_test(an_address_without_a_name_has_a_text_all_the_same),
        cmocka_unit_test(the_port_of_a_target_is_kept),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
