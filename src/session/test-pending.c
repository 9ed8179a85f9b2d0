#include "base/test.h"

#include "session/pending.h"

static void answers_are_matched_in_the_order_of_the_questions(void **state)
{
    struct bindings bindings;
    struct pendings queue = { 0 };
    (void)state;
    bindings_init(&bindings, NULL, 1);
    for (uint32_t i = 1; i <= 100; i++) {
        struct pending *p = pending_push(&queue, PENDING_QUERY);
        assert_non_null(p);
        p->run = i;
        if (i % 3 == 0) pending_drop(&queue, &bindings, 0); /* so that the ring turns */
    }
    uint32_t next = 34;
    for (struct pending *p; (p = pending_head(&queue)); pending_drop(&queue, &bindings, 0))
        assert_int_equal(p->run, next++);
    assert_int_equal(next, 101);
    pending_free_all(&queue, &bindings);
    bindings_free(&bindings);
}

static void one_in_the_middle_can_be_taken_out(void **state)
{
    struct bindings bindings;
    struct pendings queue = { 0 };
    (void)state;
    bindings_init(&bindings, NULL, 1);
    for (uint32_t i = 0; i < 5; i++) {
        struct pending *p = pending_push(&queue, PENDING_SYNC);
        assert_non_null(p);
        p->run = i;
    }
    pending_drop(&queue, &bindings, 2);
    assert_int_equal(queue.n, 4);
    uint32_t left[] = { 0, 1, 3, 4 };
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(pending_at(&queue, i)->run, left[i]);
    pending_free_all(&queue, &bindings);
    bindings_free(&bindings);
}

static void the_queue_is_full_before_it_cannot_grow(void **state)
{
    struct bindings bindings;
    struct pendings queue = { 0 };
    uint32_t n = 0;
    (void)state;
    bindings_init(&bindings, NULL, 1);
    while (!pending_is_full(&queue)) {
        assert_non_null(pending_push(&queue, PENDING_SYNC));
        n++;
    }
    /* One message of a client pushes three at most. */
    for (int i = 0; i < 3; i++)
        assert_non_null(pending_push(&queue, PENDING_SYNC));
    assert_true(n < PENDING_CEILING);
    while (queue.n < PENDING_CEILING)
        assert_non_null(pending_push(&queue, PENDING_SYNC));
    assert_null(pending_push(&queue, PENDING_SYNC));
    pending_free_all(&queue, &bindings);
    bindings_free(&bindings);
}

static void what_an_entry_holds_goes_with_it(void **state)
{
    struct bindings bindings;
    struct pendings queue = { 0 };
    struct understood u = { .n_pins = 1, .cached = true };
    (void)state;
    bindings_init(&bindings, NULL, 1);
    struct pending *p = pending_push(&queue, PENDING_PARSE);
    assert_non_null(p);
    p->understood = understood_pin(&u);
    p->binding = binding_push(&bindings, false, bytes_of("a"), &u);
    p->refusal =
        refusal_new(REFUSAL_POLICY, "ERROR", bytes_of("no"), (struct bytes){ 0 }, (struct bytes){ 0 });
    assert_non_null(p->refusal);
    assert_int_equal(u.n_pins, 3);
    pending_free_all(&queue, &bindings);
    assert_int_equal(u.n_pins, 2);
    bindings_free(&bindings);
    assert_int_equal(u.n_pins, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_matched_in_the_order_of_the_questions),
        cmocka_unit_test(one_in_the_middle_can_be_taken_out),
        cmocka_unit_test(the_queue_is_full_before_it_cannot_grow),
        cmocka_unit_test(what_an_entry_holds_goes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
