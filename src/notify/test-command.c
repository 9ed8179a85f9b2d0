#include "base/test.h"

#include "notify/command.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Nothing here takes so long; SHORT_MS is for what is to be cut off. */
enum { LONG_MS = 300000, SHORT_MS = 100 };

static int shell(const char *script, struct bytes input, int64_t deadline_ms, const atomic_bool *cancel,
                 struct buf *output)
{
    char why[160] = "";
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    struct command c = { .argv = argv,
                         .input = input,
                         .event = "approval.asked",
                         .deadline_ms = deadline_ms,
                         .cancel = cancel,
                         .output = output };
    int status = command_run(&c, why);
    if (status) assert_true(why[0] != 0);
    return status;
}

static void it_gets_its_input_and_the_event_and_little_of_our_environment(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    setenv("SECRET_OF_OURS", "hunter2", 1);
    assert_int_equal(
        shell("cat; echo \"$POSTERN_EVENT$SECRET_OF_OURS\"", BYTES_LITERAL("in "), LONG_MS, NULL, &out), 0);
    assert_bytes(buf_bytes(&out), "in approval.asked\n");
    buf_free(&out);
}

static void arguments_are_not_read_by_a_shell(void **state)
{
    (void)state;
    char why[160];
    struct buf out;
    const char *argv[] = { "/bin/echo", "$(id); `id` *", NULL };
    struct command c = { .argv = argv, .event = "x", .deadline_ms = LONG_MS, .output = &out };
    buf_init(&out, 4096);
    assert_int_equal(command_run(&c, why), 0);
    assert_bytes(buf_bytes(&out), "$(id); `id` *\n");
    buf_free(&out);
}

static void a_long_input_that_nobody_reads_is_no_failure(void **state)
{
    (void)state;
    static uint8_t input[1 << 20];
    assert_int_equal(shell("exit 0", bytes_make(input, sizeof input), LONG_MS, NULL, NULL), 0);
    assert_int_equal(shell("cat > /dev/null", bytes_make(input, sizeof input), LONG_MS, NULL, NULL), 0);
}

static void how_it_ended_is_told(void **state)
{
    (void)state;
    char why[160];
    const char *argv[] = { "/nowhere/at/all", NULL };
    struct command c = { .argv = argv, .event = "x", .deadline_ms = LONG_MS };
    assert_int_equal(shell("exit 7", (struct bytes){ 0 }, LONG_MS, NULL, NULL), 7);
    assert_int_equal(shell("kill -KILL $$", (struct bytes){ 0 }, LONG_MS, NULL, NULL), 128 + SIGKILL);
    assert_int_equal(command_run(&c, why), -ENOENT);
}

static void past_the_deadline_the_whole_group_is_killed(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    /* The child of the shell holds the output open: only its death ends it. */
    assert_int_equal(shell("sleep 1000 & sleep 1000", (struct bytes){ 0 }, SHORT_MS, NULL, &out), -ETIMEDOUT);
    buf_free(&out);
}

static void what_is_cancelled_ends(void **state)
{
    (void)state;
    atomic_bool cancel = true;
    assert_int_equal(shell("sleep 1000", (struct bytes){ 0 }, LONG_MS, &cancel, NULL), -ECANCELED);
}

static void it_inherits_no_descriptor(void **state)
{
    (void)state;
    struct buf out;
    int ends[2];
    buf_init(&out, 4096);
    assert_int_equal(pipe(ends), 0); /* without O_CLOEXEC */
    assert_int_equal(shell("ls /proc/self/fd | wc -l", (struct bytes){ 0 }, LONG_MS, NULL, &out), 0);
    assert_bytes(buf_bytes(&out), "4\n"); /* three, and that of ls's own look */
    close(ends[0]);
    close(ends[1]);
    buf_free(&out);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gets_its_input_and_the_event_and_little_of_our_environment),
        cmocka_unit_test(arguments_are_not_read_by_a_shell),
        cmocka_unit_test(a_long_input_that_nobody_reads_is_no_failure),
        cmocka_unit_test(how_it_ended_is_told),
        cmocka_unit_test(past_the_deadline_the_whole_group_is_killed),
        cmocka_unit_test(what_is_cancelled_ends),
        cmocka_unit_test(it_inherits_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
