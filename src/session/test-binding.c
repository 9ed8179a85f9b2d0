/* What a session's names may hold. */
#include "base/test.h"
#include "session/binding.h"
#include <stdio.h>
#include <stdlib.h>

enum { BIG = 16 << 20 };

/* A text that no cache keeps, with one pin of the caller's. */
static struct understood *big_understood(void)
{
    struct understood *u = calloc(1, sizeof *u);
    assert_non_null(u);
    arena_init(&u->arena, 4096, 2 * BIG);
    assert_non_null(arena_alloc(&u->arena, BIG));
    u->n_pins = 1;
    return u;
}

static struct bytes name_of(char space[16], int i)
{
    snprintf(space, 16, "s%d", i);
    return bytes_of(space);
}

static int push_until_refused(struct bindings *b, struct understood_cache *cache)
{
    char name[16];
    for (int i = 0;; i++) {
        struct understood *u = big_understood();
        struct binding *binding = binding_push(b, false, name_of(name, i), u);
        understood_unpin(cache, u);
        if (!binding) return i;
        binding_commit(b, binding);
        binding_release(b, binding);
    }
}

static void names_hold_texts_up_to_a_ceiling_of_bytes(void **state)
{
    (void)state;
    struct understood_cache *cache = understood_cache_new(64, 1 << 20, 1);
    struct bindings b;
    char name[16];
    bindings_init(&b, cache, 1);
    int n = push_until_refused(&b, cache);
    assert_in_range(n, 1, BINDINGS_BYTES_CEILING / BIG);
    assert_null(binding_find(&b, false, name_of(name, n)));
    binding_forget(&b, false, name_of(name, 0));
    struct understood *u = big_understood();
    struct binding *again = binding_push(&b, false, name_of(name, n), u);
    understood_unpin(cache, u);
    assert_non_null(again);
    binding_release(&b, again);
    bindings_free(&b);
    assert_int_equal(b.bytes, 0);
    understood_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_hold_texts_up_to_a_ceiling_of_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
