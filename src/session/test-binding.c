#include "base/test.h"

#include "session/binding.h"
#include <stdio.h>
#include <stdlib.h>

enum { BIG = 16 << 20 };

/* Understood texts are only pinned and let go here: what is in them is not looked at. */
struct fixture {
    struct bindings bindings;
    struct understood one, two;
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    bindings_init(&f->bindings, NULL, 7);
    f->one = f->two = (struct understood){ .n_pins = 1, .cached = true };
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    bindings_free(&f->bindings);
    assert_int_equal(f->one.n_pins, 1);
    assert_int_equal(f->two.n_pins, 1);
    free(f);
    return 0;
}

static struct binding *make(struct fixture *f, bool portal, const char *name, struct understood *u)
{
    struct binding *b = binding_push(&f->bindings, portal, bytes_of(name), u);
    assert_non_null(b);
    return b;
}

static void settle(struct fixture *f, struct binding *b, bool taken)
{
    if (taken)
        binding_commit(&f->bindings, b);
    else
        binding_revert(&f->bindings, b);
    binding_release(&f->bindings, b);
}

static const struct understood *found(struct fixture *f, bool portal, const char *name)
{
    const struct binding *b = binding_find(&f->bindings, portal, bytes_of(name));
    return b ? b->understood : NULL;
}

static void what_was_made_last_is_found_before_the_server_has_answered(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, false, "a", &f->one), true);
    struct binding *newer = make(f, false, "a", &f->two);
    assert_ptr_equal(found(f, false, "a"), &f->two);
    settle(f, newer, true);
    assert_ptr_equal(found(f, false, "a"), &f->two);
}

static void what_the_server_did_not_take_gives_the_name_back(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, false, "a", &f->one), true);
    settle(f, make(f, false, "a", &f->two), false);
    assert_ptr_equal(found(f, false, "a"), &f->one);
}

static void one_in_the_middle_of_a_chain_can_be_taken_back(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, false, "a", &f->one), true);
    struct binding *middle = make(f, false, "a", &f->two), *newest = make(f, false, "a", &f->one);
    settle(f, middle, false);
    assert_ptr_equal(binding_find(&f->bindings, false, bytes_of("a")), newest);
    settle(f, newest, false);
    assert_ptr_equal(found(f, false, "a"), &f->one);
}

static void a_tombstone_hides_a_name_at_once_and_removes_it_when_it_is_final(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, false, "a", &f->one), true);
    struct binding *gone = make(f, false, "a", NULL);
    assert_null(found(f, false, "a"));
    settle(f, gone, false);
    assert_ptr_equal(found(f, false, "a"), &f->one);
    settle(f, make(f, false, "a", NULL), true);
    assert_null(found(f, false, "a"));
    assert_int_equal(f->bindings.statements.n, 0);
}

static void a_name_that_is_forgotten_keeps_what_is_on_its_way(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, false, "", &f->one), true);
    struct binding *coming = make(f, false, "", &f->two);
    binding_forget(&f->bindings, false, (struct bytes){ 0 });
    assert_ptr_equal(found(f, false, ""), &f->two);
    settle(f, coming, false);
    assert_null(found(f, false, ""));
}

static void the_end_of_a_transaction_takes_portals_but_held_and_coming_ones(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, true, "p", &f->one), true);
    settle(f, make(f, true, "", &f->one), true);
    struct binding *held = make(f, true, "h", &f->one), *coming = make(f, true, "p", &f->two);
    held->hold = true;
    settle(f, held, true);
    bindings_forget_all(&f->bindings, true, false);
    assert_ptr_equal(found(f, true, "p"), &f->two);
    assert_ptr_equal(found(f, true, "h"), &f->one);
    assert_null(found(f, true, ""));
    settle(f, coming, false);
    assert_null(found(f, true, "p"));
}

static void forgetting_all_statements_leaves_the_unnamed_one(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, false, "a", &f->one), true);
    settle(f, make(f, false, "", &f->two), true);
    bindings_forget_all(&f->bindings, false, true);
    assert_null(found(f, false, "a"));
    assert_ptr_equal(found(f, false, ""), &f->two);
}

static void names_are_equal_when_their_first_63_bytes_are(void **state)
{
    struct fixture *f = *state;
    char first[71], second[71];
    memset(first, 'n', 70);
    memset(second, 'n', 70);
    first[70] = second[70] = 0;
    second[63] = 'x';
    settle(f, make(f, false, first, &f->one), true);
    assert_ptr_equal(found(f, false, second), &f->one);
    second[62] = 'x';
    assert_null(found(f, false, second));
}

static void a_portal_keeps_its_statement_though_the_name_is_gone(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, false, "a", &f->one), true);
    struct binding *portal = make(f, true, "", &f->one);
    portal->of = binding_use(binding_find(&f->bindings, false, bytes_of("a")));
    settle(f, make(f, false, "a", NULL), true);
    assert_ptr_equal(portal->of->understood, &f->one);
    settle(f, portal, true);
}

static void statements_and_portals_have_a_space_each(void **state)
{
    struct fixture *f = *state;
    settle(f, make(f, false, "a", &f->one), true);
    assert_null(found(f, true, "a"));
}

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_was_made_last_is_found_before_the_server_has_answered),
        TEST(what_the_server_did_not_take_gives_the_name_back),
        TEST(one_in_the_middle_of_a_chain_can_be_taken_back),
        TEST(a_tombstone_hides_a_name_at_once_and_removes_it_when_it_is_final),
        TEST(a_name_that_is_forgotten_keeps_what_is_on_its_way),
        TEST(the_end_of_a_transaction_takes_portals_but_held_and_coming_ones),
        TEST(forgetting_all_statements_leaves_the_unnamed_one),
        TEST(names_are_equal_when_their_first_63_bytes_are),
        TEST(a_portal_keeps_its_statement_though_the_name_is_gone),
        TEST(statements_and_portals_have_a_space_each),
        cmocka_unit_test(names_hold_texts_up_to_a_ceiling_of_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
