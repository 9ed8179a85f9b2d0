#include "base/test.h"

#include "yaml/quantity.h"

static void durations_are_numbers_with_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = { { "30s", 30000000 },
                  { "15m", 900000000 },
                  { "8h", 28800000000 },
                  { "400d", 34560000000000 },
                  { "5ms", 5000 },
                  { "7us", 7 },
                  { "0", 0 },
                  { "0s", 0 },
                  { "1", -1 },
                  { "s", -1 },
                  { "", -1 },
                  { "-1s", -1 },
                  { "1 s", -1 },
                  { "1.5h", -1 },
                  { "1S", -1 },
                  { "1s2", -1 },
                  { "+1s", -1 },
                  { "999999999999999d", -1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t us = -1;
        assert_int_equal(yaml_duration_parse(bytes_of(cases[i].text), &us), cases[i].us >= 0);
        assert_true(us == cases[i].us);
    }
}

static void sizes_are_numbers_with_units_or_bytes(void **state)
{
    (void)state;
    int64_t n = -1;
    assert_true(yaml_size_parse(BYTES_LITERAL("64kB"), &n) && n == 65536);
    assert_true(yaml_size_parse(BYTES_LITERAL("16MB"), &n) && n == 16 << 20);
    assert_true(yaml_size_parse(BYTES_LITERAL("12"), &n) && n == 12);
    assert_false(yaml_size_parse(BYTES_LITERAL("1KB"), &n));
    assert_false(yaml_size_parse(BYTES_LITERAL("9999999999TB"), &n));
    assert_true(n == 12);
}

static void what_is_printed_is_read_back(void **state)
{
    (void)state;
    static const int64_t numbers[] = { 0, 1, 999, 1000, 1024, 65536, 90000000, 86400000000, INT64_MAX };
    struct buf text;
    buf_init(&text, 256);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t n = -1;
        yaml_duration_print(numbers[i], &text);
        assert_true(yaml_duration_parse(buf_bytes(&text), &n) && n == numbers[i]);
        buf_consume(&text, buf_length(&text));
        yaml_size_print(numbers[i], &text);
        assert_true(yaml_size_parse(buf_bytes(&text), &n) && n == numbers[i]);
        buf_consume(&text, buf_length(&text));
    }
    yaml_duration_print(90000000, &text);
    assert_bytes(buf_bytes(&text), "90s");
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_numbers_with_units),
        cmocka_unit_test(sizes_are_numbers_with_units_or_bytes),
        cmocka_unit_test(what_is_printed_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
