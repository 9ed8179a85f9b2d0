/* A thousand statements that wait for people at one desk, each in a session of its own against a scripted
 * server: what each takes, and that all of them end. */
#include "base/test.h"

#include "session/session-private.h"
#include "session/talk.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { SESSIONS = 1000, MOST_BYTES = 32 * 1024 };

static struct talk *talks;
static struct desk *desk;

static void run_line(struct talk *t, const char *text)
{
    struct talk_line line;
    assert_true(talk_line_split(bytes_of(text), 0, &t->arena, &line));
    talk_line_run(t, &line);
    assert_false(t->failed);
}

static size_t memory(void)
{
    return mallinfo2().uordblks;
}

static unsigned threads(void)
{
    char line[200];
    unsigned n = 0;
    FILE *file = fopen("/proc/self/status", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Threads: %u", &n) == 1) break;
    fclose(file);
    return n;
}

static const struct talk_script script = { .path = "test-hold" };

static void set_up_one(struct talk *t)
{
    static const char policy[] = "name: p\nwho: any\nallow: [all]\n"
                                 "hold: [{ name: w, effects: [delete], where: missing, by: [dba] }]\n";
    talk_init(t, &script, TALK_WHOLE, 1);
    assert_true(talk_world_policy(&t->world, bytes_of(policy), "test-hold"));
    assert_true(talk_world_desk(&t->world, false));
    /* One desk for all. */
    desk_close(t->world.world.desk);
    t->world.world.desk = desk;
    run_line(t, "login");
}

static void a_thousand_held_statements_take_no_thread_and_little_memory(void **state)
{
    (void)state;
    talks = calloc(SESSIONS, sizeof *talks);
    assert_non_null(talks);
    set_up_one(&talks[0]); /* for its clock, which all share */
    struct desk_options options = { .clock = &talks[0].world.clock,
                                    .most_of_principal = SESSIONS,
                                    .without_thread = true };
    assert_int_equal(desk_open(&options, &desk), 0);
    talks[0].world.world.desk = desk;
    for (int i = 1; i < SESSIONS; i++)
        set_up_one(&talks[i]);
    unsigned before_threads = threads();
    size_t before = memory();
    for (int i = 0; i < SESSIONS; i++)
        run_line(&talks[i], "c > Query \"delete from public.orders\"");
    for (int i = 0; i < SESSIONS; i++) {
        talk_flush(&talks[i]);
        run_line(&talks[i], "c < NoticeResponse NOTICE ...");
        run_line(&talks[i], "silent");
    }
    size_t each = (memory() - before) / SESSIONS;
    struct desk_counts counts;
    desk_count(desk, &counts);
    print_message(
        "a held statement takes %zu bytes: %zu at the desk, the rest in its session and its record\n", each,
        counts.bytes / SESSIONS);
    assert_int_equal(counts.waiting, SESSIONS);
    assert_int_equal(threads(), before_threads);
    assert_true(each < MOST_BYTES);
    /* Nobody looks at a clock but for the heart-beat. */
    for (int i = 0; i < SESSIONS; i++)
        assert_true(session_due_us(talks[i].session) - session_now(talks[i].session) >= 20000000);
    for (int i = 0; i < SESSIONS; i++) {
        run_line(&talks[i], "cancel");
        run_line(&talks[i], "s < Query *");
    }
    desk_count(desk, &counts);
    assert_int_equal(counts.waiting, 0);
    for (int i = 0; i < SESSIONS; i++) {
        talk_end_session(&talks[i]);
        assert_false(talks[i].failed);
        talks[i].world.world.desk = NULL;
    }
    desk_close(desk);
    for (int i = 0; i < SESSIONS; i++)
        talk_free(&talks[i]);
    free(talks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_held_statements_take_no_thread_and_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
