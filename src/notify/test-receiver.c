#include "base/test.h"

#include "notify/receiver.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A receiver that is a program: it writes the bodies that it takes into a file, and fails for as long as
 * another file is there. No test waits for less than LONG_US where something is to happen. */
enum { LONG_US = 300000000 };

struct fixture {
    char folder[64], taken[96], broken[96], script[512];
    const char *argv[4];
    struct notify_receiver options;
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    snprintf(f->folder, sizeof f->folder, "/tmp/postern-receiver.XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->taken, sizeof f->taken, "%s/taken", f->folder);
    snprintf(f->broken, sizeof f->broken, "%s/broken", f->folder);
    snprintf(f->script, sizeof f->script, "if [ -e %s ]; then echo x >> %s; exit 1; fi; cat >> %s", f->broken,
             f->broken, f->taken);
    f->argv[0] = "/bin/sh";
    f->argv[1] = "-c";
    f->argv[2] = f->script;
    f->options = (struct notify_receiver){ .name = "test",
                                           .way = NOTIFY_COMMAND,
                                           .argv = f->argv,
                                           .wants = 1u << NOTIFY_HOLD | 1u << NOTIFY_DENY,
                                           .timeout_us = 60000000,
                                           .retry_us = LONG_US };
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    unlink(f->taken);
    unlink(f->broken);
    rmdir(f->folder);
    free(f);
    return 0;
}

static struct notify_fact fact_of(enum notify_kind kind, const char *message)
{
    return (struct notify_fact){ .kind = kind,
                                 .type = "test",
                                 .at_us = clock_wall_us(&clock_system),
                                 .message = bytes_of(message),
                                 .count = 1 };
}

static void offer(struct receiver *r, enum notify_kind kind, const char *message)
{
    struct notify_fact fact = fact_of(kind, message);
    receiver_offer(r, &fact);
}

static void finish(struct receiver *r, int64_t within_us)
{
    receiver_finish(r);
    receiver_free(r, clock_monotonic_us(&clock_system) + within_us);
}

static void set_broken(struct fixture *f, bool broken)
{
    if (!broken) {
        unlink(f->broken);
        return;
    }
    FILE *file = fopen(f->broken, "w");
    assert_non_null(file);
    fclose(file);
}

/* The words behind "message", in order, with a blank between. */
static void read_taken(struct fixture *f, char *out, size_t size)
{
    char line[4096];
    size_t n = 0;
    FILE *file = fopen(f->taken, "r");
    out[0] = 0;
    while (file && fgets(line, sizeof line, file)) {
        char word[64] = "";
        int count = 0;
        const char *at = strstr(line, "\"message\":\""), *counted = strstr(line, "\"count\":");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "\"message\":\"%60[^\"]\"", word), 1);
        if (counted) sscanf(counted, "\"count\":%d", &count);
        n += (size_t)snprintf(out + n, size - n, count > 1 ? "%s*%d " : "%s ", word, count);
    }
    if (file) fclose(file);
}

static void wait_for_attempts(struct receiver *r, uint64_t least)
{
    struct notify_counts counts = { 0 };
    while (counts.attempts < least) {
        usleep(2000);
        receiver_count(r, &counts);
    }
}

static void what_is_wanted_comes_in_order_and_nothing_is_lost_at_the_end(void **state)
{
    struct fixture *f = *state;
    char taken[1024];
    struct receiver *r = receiver_new(&f->options, &clock_system, 1000);
    for (int i = 0; i < 5; i++) {
        char message[8];
        snprintf(message, sizeof message, "m%d", i);
        offer(r, NOTIFY_HOLD, message);
        offer(r, NOTIFY_DECIDED, "unwanted");
    }
    finish(r, LONG_US);
    read_taken(f, taken, sizeof taken);
    assert_string_equal(taken, "m0 m1 m2 m3 m4 ");
}

static void what_fails_is_tried_again_and_keeps_its_place(void **state)
{
    struct fixture *f = *state;
    char taken[1024];
    struct notify_counts counts;
    set_broken(f, true);
    struct receiver *r = receiver_new(&f->options, &clock_system, 1000);
    offer(r, NOTIFY_HOLD, "first");
    offer(r, NOTIFY_HOLD, "second");
    wait_for_attempts(r, 3);
    receiver_count(r, &counts);
    assert_int_equal(counts.delivered, 0);
    assert_int_equal(counts.waiting, 2);
    set_broken(f, false);
    finish(r, LONG_US);
    read_taken(f, taken, sizeof taken);
    assert_string_equal(taken, "first second ");
}

static void what_nobody_takes_is_given_up_when_its_time_is_over(void **state)
{
    struct fixture *f = *state;
    struct notify_counts counts = { 0 };
    set_broken(f, true);
    f->options.retry_us = 1;
    struct receiver *r = receiver_new(&f->options, &clock_system, 1000);
    offer(r, NOTIFY_HOLD, "x");
    while (counts.failed == 0) {
        usleep(2000);
        receiver_count(r, &counts);
    }
    assert_int_equal(counts.waiting, 0);
    assert_int_equal(counts.attempts, 1);
    finish(r, LONG_US);
}

static void the_same_refusal_is_told_once_with_its_count_and_behind_what_waits_for_people(void **state)
{
    struct fixture *f = *state;
    char taken[1024];
    set_broken(f, true);
    struct receiver *r = receiver_new(&f->options, &clock_system, 1000);
    offer(r, NOTIFY_HOLD, "hold");
    wait_for_attempts(r, 1); /* what is refused waits behind it now */
    for (int i = 0; i < 100; i++)
        offer(r, NOTIFY_DENY, i % 4 ? "again" : "other");
    offer(r, NOTIFY_HOLD, "hold2");
    set_broken(f, false);
    finish(r, LONG_US);
    read_taken(f, taken, sizeof taken);
    assert_string_equal(taken, "hold hold2 other*25 again*75 ");
}

static void queues_have_a_ceiling_and_what_is_over_is_counted(void **state)
{
    struct fixture *f = *state;
    struct notify_counts counts;
    set_broken(f, true);
    struct receiver *r = receiver_new(&f->options, &clock_system, LONG_US);
    for (int i = 0; i < RECEIVER_QUEUE + 10; i++)
        offer(r, NOTIFY_HOLD, "m");
    for (int i = 0; i < RECEIVER_REFUSALS + 5; i++) {
        char message[16];
        snprintf(message, sizeof message, "d%d", i);
        offer(r, NOTIFY_DENY, message);
    }
    receiver_count(r, &counts);
    assert_int_equal(counts.waiting, RECEIVER_QUEUE + RECEIVER_REFUSALS);
    assert_int_equal(counts.dropped, 15);
    finish(r, 1); /* nobody takes it: the end does not wait for ever */
}

static void the_end_does_not_wait_for_a_program_that_hangs(void **state)
{
    struct fixture *f = *state;
    snprintf(f->script, sizeof f->script, "sleep 1000");
    struct receiver *r = receiver_new(&f->options, &clock_system, 1000);
    offer(r, NOTIFY_HOLD, "x");
    wait_for_attempts(r, 1);
    finish(r, 1000);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_wanted_comes_in_order_and_nothing_is_lost_at_the_end, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_fails_is_tried_again_and_keeps_its_place, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_takes_is_given_up_when_its_time_is_over, begin, end),
        cmocka_unit_test_setup_teardown(
            the_same_refusal_is_told_once_with_its_count_and_behind_what_waits_for_people, begin, end),
        cmocka_unit_test_setup_teardown(queues_have_a_ceiling_and_what_is_over_is_counted, begin, end),
        cmocka_unit_test_setup_teardown(the_end_does_not_wait_for_a_program_that_hangs, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
