#include "base/test.h"

#include "net/resolver.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 500 };

struct fixture {
    struct loop *loop;
    struct resolver *resolver;
    struct loop_timer guard;
    pthread_t thread; /* of the loop */
    int n_answers, n_awaited;
};
static struct fixture f;

struct asked {
    struct resolver_query query;
    int order; /* of its answer, from 1; 0: none */
    bool here; /* whether it was answered on the loop's thread */
};

static int begin(void **state)
{
    (void)state;
    f = (struct fixture){ .thread = pthread_self() };
    return loop_new(&clock_system, &f.loop) || resolver_new(&f.resolver);
}

static int end(void **state)
{
    (void)state;
    resolver_free(f.resolver);
    loop_free(f.loop);
    return 0;
}

static void on_answer(struct resolver_query *query)
{
    struct asked *a = (struct asked *)query;
    assert_int_equal(a->order, 0);
    a->order = ++f.n_answers;
    a->here = pthread_equal(pthread_self(), f.thread);
    if (f.n_answers == f.n_awaited) loop_stop(f.loop);
}

static void ask(struct asked *a, const char *host, uint16_t port)
{
    *a = (struct asked){ .query = { .loop = f.loop, .port = port, .on_answer = on_answer } };
    snprintf(a->query.host, sizeof a->query.host, "%s", host);
    resolver_ask(f.resolver, &a->query);
}

static void on_guard(struct loop_timer *timer)
{
    (void)timer;
    loop_stop(f.loop);
}

/* Runs the loop until that many answers have come, or five minutes are over. */
static void await(int n)
{
    f.n_awaited = n;
    f.guard.on_due = on_guard;
    assert_int_equal(loop_timer_set(f.loop, &f.guard, loop_now_us(f.loop) + 300000000), 0);
    loop_run(f.loop);
}

static void localhost_has_a_loopback_address_with_the_port_asked_for(void **state)
{
    (void)state;
    static struct asked a;
    ask(&a, "localhost", 5432);
    await(1);
    assert_int_equal(a.order, 1);
    assert_true(a.here);
    assert_true(a.query.n_addresses >= 1);
    assert_null(a.query.error);
    for (size_t i = 0; i < a.query.n_addresses; i++) {
        char text[ADDRESS_TEXT];
        address_format(&a.query.addresses[i], text);
        assert_true(address_is_local(&a.query.addresses[i]));
        assert_non_null(strstr(text, ":5432"));
    }
}

static void a_number_is_its_own_answer(void **state)
{
    (void)state;
    static struct asked a;
    char text[ADDRESS_TEXT];
    ask(&a, "127.1.2.3", 1);
    await(1);
    assert_int_equal(a.query.n_addresses, 1);
    address_format(&a.query.addresses[0], text);
    assert_string_equal(text, "127.1.2.3:1");
}

/* No host has a name with spaces in it, so that nobody needs to be asked. */
static void a_bad_name_gets_an_error(void **state)
{
    (void)state;
    static struct asked a;
    ask(&a, "no such name", 5432);
    await(1);
    assert_int_equal(a.order, 1);
    assert_int_equal(a.query.n_addresses, 0);
    assert_non_null(a.query.error);
    assert_true(strlen(a.query.error) > 0);
}

static void answers_come_in_the_order_of_asking(void **state)
{
    (void)state;
    static struct asked asked[MANY];
    for (int i = 0; i < MANY; i++)
        ask(&asked[i], i % 3 ? "127.0.0.1" : "no such name", (uint16_t)i);
    await(MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(asked[i].order, i + 1);
        assert_int_equal(asked[i].query.n_addresses, i % 3 ? 1 : 0);
        assert_int_equal(asked[i].query.error == NULL, i % 3 != 0);
    }
}

static void on_last(struct loop_task *task)
{
    (void)task;
    loop_stop(f.loop);
}

/* The thread may have come to any of them: those it came to are answered, in order, and the others never are.
 * They are freed here, so that a touch later would show. */
static void to_free_it_drops_those_that_wait(void **state)
{
    (void)state;
    struct asked *asked = calloc(MANY, sizeof *asked);
    assert_non_null(asked);
    for (int i = 0; i < MANY; i++)
        ask(&asked[i], "localhost", (uint16_t)i);
    resolver_free(f.resolver);
    f.resolver = NULL;
    /* Nothing is under way now: what was posted is answered before what is posted now, and that is all. */
    struct loop_task last = { .run = on_last };
    f.n_awaited = -1;
    loop_post(f.loop, &last);
    loop_run(f.loop);
    assert_true(f.n_answers <= MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(asked[i].order, i < f.n_answers ? i + 1 : 0);
        assert_int_equal(asked[i].query.n_addresses > 0, i < f.n_answers);
    }
    free(asked);
}

static void nothing_asked_is_nothing_to_wait_for(void **state)
{
    (void)state;
    resolver_free(f.resolver);
    f.resolver = NULL;
    resolver_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(localhost_has_a_loopback_address_with_the_port_asked_for),
        TEST(a_number_is_its_own_answer),
        TEST(a_bad_name_gets_an_error),
        TEST(answers_come_in_the_order_of_asking),
        TEST(to_free_it_drops_those_that_wait),
        TEST(nothing_asked_is_nothing_to_wait_for),
    };
    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
