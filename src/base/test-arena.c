#include "base/test.h"

#include "base/arena.h"

static void what_it_gives_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64, 4096);
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < 40; i++) {
            uint8_t *p = arena_alloc(&a, (size_t)i);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (int k = 0; k < i; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xFF, (size_t)i);
        }
        arena_reset(&a);
    }
    arena_free(&a);
}

static void past_the_ceiling_it_gives_nothing_and_lives(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64, 1024);
    assert_null(arena_alloc(&a, 2000));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc_array(&a, SIZE_MAX / 2, 4));
    assert_non_null(arena_alloc(&a, 500));
    assert_null(arena_alloc(&a, 800));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 100));
    arena_free(&a);
}

static void text_ends_in_a_nul_that_does_not_count(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64, 4096);
    struct bytes text = arena_printf(&a, "%s %d", "rule", 7);
    assert_bytes(text, "rule 7");
    assert_int_equal(text.p[text.n], 0);
    assert_bytes(arena_copy(&a, bytes_of("")), "");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_gives_is_zeroed_and_aligned),
        cmocka_unit_test(past_the_ceiling_it_gives_nothing_and_lives),
        cmocka_unit_test(text_ends_in_a_nul_that_does_not_count),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
