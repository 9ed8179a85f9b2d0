/* Budgets: counted to the last one, for a day, over a restart, by many threads. */
#include "app/budgets.h"
#include "base/test.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct principal ada = { .user = BYTES_LITERAL("ada"),
                                      .issuer = BYTES_LITERAL("https://id.example") };
static const struct principal bob = { .user = BYTES_LITERAL("bob"),
                                      .issuer = BYTES_LITERAL("https://id.example") };
static int64_t now_us;
static char folder[64], path[80];

static int64_t wall_us(const struct clock *c)
{
    (void)c;
    return now_us;
}
static const struct clock fake = { wall_us, wall_us };

static int set_up(void **state)
{
    (void)state;
    now_us = 1700000000000000;
    snprintf(folder, sizeof folder, "/tmp/postern-budgets-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/budgets", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static struct budgets *opened(void)
{
    struct budgets *all = NULL;
    assert_int_equal(budgets_open(folder, &fake, 7, &all), 0);
    return all;
}

static void a_budget_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    struct budgets *all = opened();
    struct session_budget *b = budgets_of(all, &ada, BYTES_LITERAL("orders"));
    assert_true(budgets_take(all, b, BUDGET_AFFECTED, 7, 10));
    assert_false(budgets_take(all, b, BUDGET_AFFECTED, 4, 10));
    assert_true(budgets_take(all, b, BUDGET_AFFECTED, 3, 10));
    assert_int_equal(budgets_left(all, b, BUDGET_AFFECTED, 10), 0);
    assert_int_equal(budgets_left(all, b, BUDGET_ROWS, 10), 10);
    budgets_release(all, b);
    budgets_close(all);
}

static void principals_and_connections_have_budgets_of_their_own(void **state)
{
    (void)state;
    struct budgets *all = opened();
    struct session_budget *one = budgets_of(all, &ada, BYTES_LITERAL("orders")),
                          *same = budgets_of(all, &ada, BYTES_LITERAL("orders")),
                          *connection = budgets_of(all, &ada, BYTES_LITERAL("stock")),
                          *principal = budgets_of(all, &bob, BYTES_LITERAL("orders"));
    assert_true(budgets_take(all, one, BUDGET_ROWS, 6, 10));
    assert_int_equal(budgets_left(all, same, BUDGET_ROWS, 10), 4);
    assert_int_equal(budgets_left(all, connection, BUDGET_ROWS, 10), 10);
    assert_int_equal(budgets_left(all, principal, BUDGET_ROWS, 10), 10);
    budgets_close(all);
}

static void a_restart_on_the_same_day_forgets_nothing(void **state)
{
    (void)state;
    struct budgets *all = opened();
    struct session_budget *b = budgets_of(all, &ada, BYTES_LITERAL("orders"));
    assert_true(budgets_take(all, b, BUDGET_BYTES, 1ull << 40, UINT64_MAX));
    budgets_close(all);
    all = opened();
    b = budgets_of(all, &ada, BYTES_LITERAL("orders"));
    assert_true(budgets_left(all, b, BUDGET_BYTES, (1ull << 40) + 5) == 5);
    budgets_close(all);
}

static void what_was_used_is_on_disk_before_it_is_closed(void **state)
{
    (void)state;
    struct budgets *all = opened(), *after = NULL;
    struct session_budget *b = budgets_of(all, &ada, BYTES_LITERAL("orders"));
    assert_true(budgets_take(all, b, BUDGET_ROWS, 3, 10));
    for (int i = 0; i < 6000 && access(path, R_OK); i++)
        usleep(20000);
    after = opened(); /* as after a crash: the first is still open */
    b = budgets_of(after, &ada, BYTES_LITERAL("orders"));
    assert_int_equal(budgets_left(after, b, BUDGET_ROWS, 10), 7);
    budgets_close(after);
    budgets_close(all);
}

static void a_day_begins_anew_and_a_clock_that_is_set_back_does_not(void **state)
{
    (void)state;
    struct budgets *all = opened();
    struct session_budget *b = budgets_of(all, &ada, BYTES_LITERAL("orders"));
    assert_true(budgets_take(all, b, BUDGET_ROWS, 10, 10));
    now_us += 86400000000;
    assert_int_equal(budgets_left(all, b, BUDGET_ROWS, 10), 10);
    assert_true(budgets_take(all, b, BUDGET_ROWS, 10, 10));
    now_us -= 86400000000;
    assert_int_equal(budgets_left(all, b, BUDGET_ROWS, 10), 0);
    budgets_close(all);
    all = opened();
    b = budgets_of(all, &ada, BYTES_LITERAL("orders"));
    assert_int_equal(budgets_left(all, b, BUDGET_ROWS, 10), 0);
    now_us += 2 * 86400000000;
    assert_int_equal(budgets_left(all, b, BUDGET_ROWS, 10), 10);
    budgets_close(all);
}

static void a_damaged_file_is_no_fresh_budget(void **state)
{
    (void)state;
    struct budgets *all = opened();
    struct session_budget *b = budgets_of(all, &ada, BYTES_LITERAL("orders"));
    assert_true(budgets_take(all, b, BUDGET_ROWS, 10, 10));
    budgets_close(all);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 30, SEEK_SET), 0);
    assert_int_equal(ftruncate(fileno(file), 40), 0);
    fclose(file);
    assert_int_equal(budgets_open(folder, &fake, 7, &all), -EBADMSG);
}

struct taker {
    pthread_t thread;
    struct budgets *all;
    struct session_budget *budget;
    uint64_t taken;
};

static void *take_many(void *context)
{
    struct taker *t = context;
    for (int i = 0; i < 20000; i++)
        t->taken += budgets_take(t->all, t->budget, BUDGET_STATEMENTS, 1, 30000);
    return NULL;
}

static void threads_together_take_no_more_than_there_is(void **state)
{
    (void)state;
    struct budgets *all = opened();
    struct taker takers[4];
    uint64_t taken = 0;
    for (int i = 0; i < 4; i++) {
        takers[i] = (struct taker){ .all = all, .budget = budgets_of(all, &ada, BYTES_LITERAL("orders")) };
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_many, &takers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(takers[i].thread, NULL);
        taken += takers[i].taken;
    }
    assert_int_equal(taken, 30000);
    budgets_close(all);
}

static void a_full_table_makes_room_of_what_is_of_another_day(void **state)
{
    (void)state;
    struct budgets *all = opened();
    char name[16];
    for (int day = 0; day < 2; day++, now_us += 86400000000)
        for (int i = 0; i < BUDGETS_CEILING; i++) {
            snprintf(name, sizeof name, "%d-%d", day, i);
            struct principal who = { .user = bytes_of(name) };
            struct session_budget *b = budgets_of(all, &who, BYTES_LITERAL("orders"));
            assert_non_null(b);
            budgets_release(all, b);
        }
    now_us -= 86400000000;
    assert_null(budgets_of(all, &ada, BYTES_LITERAL("orders")));
    budgets_close(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_budget_is_taken_whole_or_not_at_all),
        T(principals_and_connections_have_budgets_of_their_own),
        T(a_restart_on_the_same_day_forgets_nothing),
        T(what_was_used_is_on_disk_before_it_is_closed),
        T(a_day_begins_anew_and_a_clock_that_is_set_back_does_not),
        T(a_damaged_file_is_no_fresh_budget),
        T(threads_together_take_no_more_than_there_is),
        T(a_full_table_makes_room_of_what_is_of_another_day),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
