#include "base/test.h"

static void utf8_is_taken_in_its_shortest_form_only(void **state)
{
    (void)state;
    const char *good[] = {
        "", "plain", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"
    };
    const char *bad[] = { "\xC0\x80",
                          "\xC1\xBF",
                          "\x80",
                          "\xE0\x80\x80",
                          "\xED\xA0\x80",
                          "\xF4\x90\x80\x80",
                          "\xF8\x88\x80\x80\x80",
                          "\xC3",
                          "a\xFF" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(bytes_is_utf8(bytes_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(bytes_is_utf8(bytes_of(bad[i])));
    assert_false(bytes_is_utf8(bytes_make("a\0b", 3)));
}

static void a_number_has_nothing_around_it(void **state)
{
    (void)state;
    int64_t n = 7;
    assert_true(bytes_to_int64(bytes_of("-42"), &n));
    assert_int_equal(n, -42);
    assert_true(bytes_to_int64(bytes_of("9223372036854775807"), &n));
    const char *bad[] = { "", "-", " 1", "1 ", "0x1", "9223372036854775808", "+1" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(bytes_to_int64(bytes_of(bad[i]), &n));
    assert_true(n == INT64_MAX);
}

static void search_and_order(void **state)
{
    (void)state;
    assert_int_equal(bytes_find(bytes_of("postern"), bytes_of("tern")), 3);
    assert_int_equal(bytes_find(bytes_of("post"), bytes_of("tern")), -1);
    assert_true(bytes_compare(bytes_of("a"), bytes_of("ab")) < 0);
    assert_true(bytes_equal_nocase(bytes_of("SELECT"), bytes_of("select")));
    assert_false(bytes_equal_constant_time(bytes_of("abc"), bytes_of("abd")));
    assert_bytes(bytes_slice(bytes_of("postern"), 4, 99), "ern");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_taken_in_its_shortest_form_only),
        cmocka_unit_test(a_number_has_nothing_around_it),
        cmocka_unit_test(search_and_order),
    };
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
