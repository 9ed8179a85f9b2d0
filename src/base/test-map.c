#include "base/test.h"

#include "base/map.h"
#include <stdio.h>

static void what_is_put_is_found_until_it_is_taken(void **state)
{
    (void)state;
    struct map m;
    map_init(&m, 1000, 42);
    char key[16];
    for (size_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%zu", i);
        assert_int_equal(map_put(&m, bytes_of(key), (void *)i, NULL), MAP_ADDED);
    }
    assert_int_equal(map_put(&m, bytes_of("one more"), (void *)1, NULL), MAP_FULL);
    void *old = NULL;
    assert_int_equal(map_put(&m, bytes_of("k7"), (void *)70, &old), MAP_REPLACED);
    assert_ptr_equal(old, (void *)7);
    for (size_t i = 1; i <= 1000; i += 2) {
        snprintf(key, sizeof key, "k%zu", i);
        assert_non_null(map_take(&m, bytes_of(key)));
        assert_null(map_take(&m, bytes_of(key)));
    }
    for (size_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof key, "k%zu", i);
        assert_ptr_equal(map_get(&m, bytes_of(key)), i % 2 ? NULL : (void *)i);
    }
    map_free(&m, NULL);
    assert_null(map_get(&m, bytes_of("k2")));
}

static void keys_may_hold_any_bytes(void **state)
{
    (void)state;
    struct map m;
    map_init(&m, 10, 1);
    assert_int_equal(map_put(&m, bytes_make("", 0), (void *)1, NULL), MAP_ADDED);
    assert_int_equal(map_put(&m, bytes_make("\0", 1), (void *)2, NULL), MAP_ADDED);
    assert_int_equal(map_put(&m, bytes_make("\0\0", 2), (void *)3, NULL), MAP_ADDED);
    assert_ptr_equal(map_get(&m, bytes_make("\0", 1)), (void *)2);
    assert_ptr_equal(map_get(&m, bytes_make(NULL, 0)), (void *)1);
    map_free(&m, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_found_until_it_is_taken),
        cmocka_unit_test(keys_may_hold_any_bytes),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
