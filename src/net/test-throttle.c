#include "base/test.h"

#include "net/throttle.h"
#include <stdio.h>

static void a_burst_passes_and_then_one_in_each_interval(void **state)
{
    (void)state;
    static struct throttle t = { .seed = 1, .interval_us = 1000, .burst = 3 };
    struct bytes a = BYTES_LITERAL("10.0.0.1");
    int64_t now = 5000000;
    for (int i = 0; i < 3; i++)
        assert_true(throttle_take(&t, a, now));
    assert_false(throttle_take(&t, a, now));
    assert_false(throttle_take(&t, a, now + 999));
    assert_true(throttle_take(&t, a, now + 1000));
    assert_false(throttle_take(&t, a, now + 1001));
    for (int i = 0; i < 3; i++) /* what is not used is kept, up to the burst */
        assert_true(throttle_take(&t, a, now + 1000000));
    assert_false(throttle_take(&t, a, now + 1000000));
}

static void one_that_does_much_holds_up_nobody_else(void **state)
{
    (void)state;
    static struct throttle t = { .seed = 77, .interval_us = 1000000, .burst = 1 };
    unsigned passed = 0;
    for (int i = 0; i < 100; i++)
        passed += throttle_take(&t, BYTES_LITERAL("10.0.0.1"), 1);
    assert_int_equal(passed, 1);
    passed = 0;
    for (int i = 2; i < 22; i++) {
        char name[32];
        snprintf(name, sizeof name, "10.0.0.%d", i);
        passed += throttle_take(&t, bytes_of(name), 1);
    }
    assert_true(passed >= 18); /* two may share a place */
}

static void a_host_is_named_without_its_port(void **state)
{
    (void)state;
    assert_bytes(throttle_host(BYTES_LITERAL("127.0.0.1:6432")), "127.0.0.1");
    assert_bytes(throttle_host(BYTES_LITERAL("[::1]:6432")), "[::1]");
    assert_bytes(throttle_host(BYTES_LITERAL("unix:/run/a:b")), "unix:");
    assert_bytes(throttle_host(BYTES_LITERAL("odd")), "odd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_and_then_one_in_each_interval),
        cmocka_unit_test(one_that_does_much_holds_up_nobody_else),
        cmocka_unit_test(a_host_is_named_without_its_port),
    };
    return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
