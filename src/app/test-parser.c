#include "base/test.h"

#include "app/parser-child.h"
#include "sql/facts.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* No parser comes near the first; the second is for one that must. Where it is set, a machine that pauses may
 * cost a harmless text its answer as well. */
enum { LONG_MS = 300000, SHORT_MS = 300, TRIES = 200 };

/* What the test and all parsers see: how many texts have been begun, and the gate that a text can wait at. */
static struct {
    _Atomic unsigned n_begun, n_at_gate;
    atomic_bool is_open;
} * shared;

/* Stands in for the grammar where a test needs a parser that misbehaves: the text's first letter says how. */
static bool understand_as_told(struct bytes text, struct buf *out)
{
    static volatile unsigned spin;
    char *p = NULL;
    unsigned turn = atomic_fetch_add(&shared->n_begun, 1);
    switch (text.p[0]) {
    case 'G': /* wait at the gate */
        atomic_fetch_add(&shared->n_at_gate, 1);
        while (!atomic_load(&shared->is_open))
            usleep(1000);
        break;
    case 'T': buf_printf(out, "%u", turn); return false;
    case 'L': /* loop for ever */
        for (;;)
            spin++;
    case 'Z': /* sleep for ever */
        for (;;)
            sleep(100);
    case 'C': abort();
    case 'M': /* take memory without end */
        for (size_t i = 0; i < 1000; i++) {
            p = malloc(64 << 20);
            if (!p) abort();
            memset(p, 1, 64 << 20);
        }
        break;
    case 'N': (void)!socket(AF_INET, SOCK_STREAM, 0); break;
    case 'O': (void)!open("/etc/passwd", O_RDONLY); break;
    case 'B': /* more facts than may be */
        for (size_t i = 0; i < 3000; i++) {
            uint8_t *room = buf_room(out, 4096);
            if (!room) return false;
            memset(room, 1, 4096);
            buf_added(out, 4096);
        }
        return false;
    case 'E': return false; /* no facts at all */
    default: break;
    }
    uint32_t sum = 0;
    for (size_t i = 0; i < text.n; i++)
        sum = sum * 31 + text.p[i];
    buf_printf(out, "%zu %u", text.n, sum);
    return false;
}

static struct parser_child *start_for(parser_understand *understand, unsigned n_clients, unsigned n_parsers,
                                      unsigned cpu_ms, unsigned wall_ms)
{
    struct parser_options o = { .understand = understand,
                                .n_clients = n_clients,
                                .n_parsers = n_parsers,
                                .cpu_ms = cpu_ms,
                                .wall_ms = wall_ms,
                                .memory_bytes = (size_t)600 << 20 };
    struct parser_child *child = NULL;
    atomic_store(&shared->n_begun, 0);
    atomic_store(&shared->n_at_gate, 0);
    atomic_store(&shared->is_open, false);
    assert_int_equal(parser_child_start(&o, &child), 0);
    return child;
}

static struct parser_child *start(parser_understand *understand, unsigned n_clients, unsigned n_parsers)
{
    return start_for(understand, n_clients, n_parsers, LONG_MS, LONG_MS);
}

/* Sends a text that a parser then holds until the gate is opened. */
static void hold_at_gate(struct parser_client *c, uint64_t token)
{
    assert_int_equal(parser_client_submit(c, bytes_of("Gate"), token), PARSER_SUBMIT_QUEUED);
    for (int i = 0; i < 60000 && !atomic_load(&shared->n_at_gate); i++)
        usleep(1000);
    assert_int_equal(atomic_load(&shared->n_at_gate), 1);
}

static struct parser_answer wait_answer(struct parser_client *c)
{
    struct parser_answer a = { 0 };
    struct pollfd fd = { .fd = parser_client_fd(c), .events = POLLIN };
    enum parser_receive got;
    while ((got = parser_client_receive(c, &a)) == PARSER_NOTHING)
        assert_int_equal(poll(&fd, 1, LONG_MS), 1);
    assert_int_equal(got, PARSER_DONE);
    return a;
}

static struct parser_answer ask(struct parser_client *c, const char *text)
{
    assert_int_equal(parser_client_submit(c, bytes_of(text), 42), PARSER_SUBMIT_QUEUED);
    struct parser_answer a = wait_answer(c);
    assert_int_equal(a.token, 42);
    return a;
}

/* The answer to a harmless text where parsers have little time. */
static struct parser_answer ask_until_answered(struct parser_client *c, const char *text)
{
    struct parser_answer a = ask(c, text);
    for (int i = 0; i < TRIES && a.outcome == PARSER_KILLED; i++)
        a = ask(c, text);
    return a;
}

static void assert_summed(struct parser_answer a, struct bytes text)
{
    char expected[64];
    uint32_t sum = 0;
    for (size_t i = 0; i < text.n; i++)
        sum = sum * 31 + text.p[i];
    snprintf(expected, sizeof expected, "%zu %u", text.n, sum);
    assert_int_equal(a.outcome, PARSER_ANSWERED);
    assert_bytes(a.encoded, expected);
}

static void texts_of_every_size_arrive_whole(void **state)
{
    (void)state;
    struct parser_child *child = start(understand_as_told, 1, 1);
    struct parser_client *c = parser_child_client(child, 0);
    static const size_t sizes[] = { 1, 2, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1, 5000001 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = malloc(sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            text[k] = (char)('a' + k * 7 % 13);
        struct bytes b = bytes_make(text, sizes[i]);
        assert_int_equal(parser_client_submit(c, b, i), PARSER_SUBMIT_QUEUED);
        assert_summed(wait_answer(c), b);
        free(text);
    }
    assert_int_equal(parser_client_submit(c, bytes_make("", 0), 1), PARSER_SUBMIT_REFUSED);
    assert_int_equal(parser_client_submit(c, bytes_make("x", (size_t)PARSER_TEXT_MOST + 1), 1),
                     PARSER_SUBMIT_REFUSED);
    parser_child_stop(child);
}

static void a_parser_that_misbehaves_is_killed_and_the_next_text_is_served(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned cpu_ms, wall_ms;
    } bad[] = { { "Loop", SHORT_MS, LONG_MS },   { "Zzz", LONG_MS, SHORT_MS }, { "Crash", LONG_MS, LONG_MS },
                { "Network", LONG_MS, LONG_MS }, { "Open", LONG_MS, LONG_MS }, { "Bloat", LONG_MS, LONG_MS },
                { "Empty", LONG_MS, LONG_MS } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct parser_child *child = start_for(understand_as_told, 1, 1, bad[i].cpu_ms, bad[i].wall_ms);
        struct parser_client *c = parser_child_client(child, 0);
        if (ask(c, bad[i].text).outcome != PARSER_KILLED) fail_msg("answered: %s", bad[i].text);
        bool is_short = bad[i].cpu_ms == SHORT_MS || bad[i].wall_ms == SHORT_MS;
        assert_summed(is_short ? ask_until_answered(c, "good") : ask(c, "good"), bytes_of("good"));
        parser_child_stop(child);
    }
}

static void a_parser_s_memory_is_bounded(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return; /* no limit on address space under a sanitizer */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return;
#endif
#endif
    struct parser_child *child = start(understand_as_told, 1, 1); /* time is not what ends it */
    assert_int_equal(ask(parser_child_client(child, 0), "Memory").outcome, PARSER_KILLED);
    assert_summed(ask(parser_child_client(child, 0), "good"), bytes_of("good"));
    parser_child_stop(child);
}

static void a_client_with_many_texts_does_not_crowd_out_another(void **state)
{
    (void)state;
    struct parser_child *child = start(understand_as_told, 2, 1);
    struct parser_client *greedy = parser_child_client(child, 0), *modest = parser_child_client(child, 1);
    hold_at_gate(greedy, 0);
    for (unsigned i = 1; i < PARSER_PENDING_MOST; i++)
        assert_int_equal(parser_client_submit(greedy, bytes_of("Turn"), i), PARSER_SUBMIT_QUEUED);
    assert_int_equal(parser_client_submit(greedy, bytes_of("Turn"), 99), PARSER_SUBMIT_BUSY);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(parser_client_submit(modest, bytes_of("Turn"), i), PARSER_SUBMIT_QUEUED);
    atomic_store(&shared->is_open, true);
    for (unsigned i = 0; i < 3; i++) { /* they alternate, whoever is first */
        struct parser_answer a = wait_answer(modest);
        char turn[16] = { 0 };
        assert_int_equal(a.token, i);
        assert_int_equal(a.outcome, PARSER_ANSWERED);
        assert_true(a.encoded.n < sizeof turn);
        memcpy(turn, a.encoded.p, a.encoded.n);
        assert_in_range(strtoul(turn, NULL, 10), 1 + 2 * i, 2 + 2 * i);
    }
    for (unsigned i = 0; i < PARSER_PENDING_MOST; i++)
        assert_int_equal(wait_answer(greedy).outcome, PARSER_ANSWERED);
    parser_child_stop(child);
}

static void two_parsers_work_side_by_side(void **state)
{
    (void)state;
    struct parser_child *child = start(understand_as_told, 2, 2);
    struct parser_client *a = parser_child_client(child, 0), *b = parser_child_client(child, 1);
    struct parser_answer answer;
    hold_at_gate(a, 1);
    for (int i = 0; i < 10; i++)
        assert_summed(ask(b, "good"), bytes_of("good"));
    assert_int_equal(parser_client_receive(a, &answer), PARSER_NOTHING);
    atomic_store(&shared->is_open, true);
    assert_int_equal(wait_answer(a).outcome, PARSER_ANSWERED);
    parser_child_stop(child);
}

static void a_cancelled_text_has_no_answer_and_is_not_touched(void **state)
{
    (void)state;
    struct parser_child *child = start(understand_as_told, 1, 1);
    struct parser_client *c = parser_child_client(child, 0);
    char *large = malloc(3 << 20);
    memset(large, 'x', 3 << 20);
    hold_at_gate(c, 1);
    assert_int_equal(parser_client_submit(c, bytes_make(large, 3 << 20), 2), PARSER_SUBMIT_QUEUED);
    parser_client_cancel(c, 1);
    parser_client_cancel(c, 2);
    free(large);
    atomic_store(&shared->is_open, true);
    assert_int_equal(parser_client_submit(c, bytes_of("good"), 3), PARSER_SUBMIT_QUEUED);
    struct parser_answer a = wait_answer(c);
    assert_int_equal(a.token, 3);
    assert_summed(a, bytes_of("good"));
    parser_child_stop(child);
}

/* The first process whose parent is pid, or 0. */
static pid_t child_of(pid_t pid)
{
    char path[64];
    long found = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%ld", &found) != 1) found = 0;
    if (f) fclose(f);
    return (pid_t)found;
}

static void killing_the_parser_costs_its_text_and_no_more(void **state)
{
    (void)state;
    struct parser_child *child = start(understand_as_told, 1, 1);
    struct parser_client *c = parser_child_client(child, 0);
    assert_summed(ask(c, "good"), bytes_of("good"));
    pid_t parser = child_of(parser_child_pid(child));
    assert_true(parser > 0);
    hold_at_gate(c, 5);
    assert_int_equal(kill(parser, SIGKILL), 0);
    assert_int_equal(wait_answer(c).outcome, PARSER_KILLED);
    assert_summed(ask(c, "good"), bytes_of("good"));
    parser_child_stop(child);
}

static void killing_the_broker_refuses_what_is_pending_and_what_comes(void **state)
{
    (void)state;
    struct parser_child *child = start(understand_as_told, 1, 1);
    struct parser_client *c = parser_child_client(child, 0);
    struct parser_answer a;
    hold_at_gate(c, 1);
    assert_int_equal(parser_client_submit(c, bytes_of("Zzz"), 2), PARSER_SUBMIT_QUEUED);
    assert_int_equal(kill(parser_child_pid(child), SIGKILL), 0);
    uint64_t tokens = wait_answer(c).token;
    a = wait_answer(c);
    assert_int_equal(a.outcome, PARSER_KILLED);
    assert_int_equal(tokens + a.token, 3);
    struct pollfd fd = { .fd = parser_client_fd(c), .events = POLLIN };
    assert_int_equal(poll(&fd, 1, LONG_MS), 1);
    assert_int_equal(parser_client_receive(c, &a), PARSER_LOST);
    assert_int_equal(parser_client_submit(c, bytes_of("good"), 3), PARSER_SUBMIT_REFUSED);
    parser_child_stop(child);
}

static void facts_from_the_child_are_those_of_this_process(void **state)
{
    (void)state;
    struct parser_child *child = start(parser_understand_sql, 1, 1);
    struct parser_client *c = parser_child_client(child, 0);
    struct arena arena;
    struct buf text;
    buf_init(&text, 4 << 20);
    arena_init(&arena, 1 << 16, 64 << 20);
    buf_append_text(&text, "insert into public.orders (id, note) values (1, 'a')");
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, ", (%d, 'some text')", i);
    buf_append_text(&text, "; delete from audit_log; select pg_sleep(1)");
    struct bytes whole = buf_bytes(&text);
    assert_true(whole.n > SQL_INLINE_BYTES);
    assert_int_equal(parser_client_submit(c, whole, 1), PARSER_SUBMIT_QUEUED);
    struct parser_answer a = wait_answer(c);
    assert_int_equal(a.outcome, PARSER_ANSWERED);
    const struct sql_facts *there, *here;
    assert_int_equal(sql_facts_decode(whole, a.encoded, &arena, &there), SQL_UNDERSTOOD);
    assert_int_equal(sql_understand(whole, &arena, &here), SQL_UNDERSTOOD);
    assert_int_equal(there->n_statements, 3);
    struct buf again;
    buf_init(&again, 1 << 20);
    sql_facts_encode(whole, SQL_UNDERSTOOD, here, &again);
    assert_int_equal(buf_length(&again), a.encoded.n);
    assert_memory_equal(buf_bytes(&again).p, a.encoded.p, a.encoded.n);
    assert_int_equal(there->statements[1].where, SQL_WHERE_MISSING);

    assert_int_equal(parser_client_submit(c, bytes_of("selec 1"), 1), PARSER_SUBMIT_QUEUED);
    a = wait_answer(c);
    assert_int_equal(sql_facts_decode(bytes_of("selec 1"), a.encoded, &arena, &there), SQL_UNKNOWN);
    buf_free(&again);
    buf_free(&text);
    arena_free(&arena);
    parser_child_stop(child);
}

static void the_grammar_itself_is_killed_when_its_time_is_over(void **state)
{
    (void)state;
    struct parser_child *child = start_for(parser_understand_sql, 1, 1, 40, LONG_MS);
    struct parser_client *c = parser_child_client(child, 0);
    struct buf text;
    buf_init(&text, 32 << 20);
    buf_append_text(&text, "insert into orders values (1, 'a')");
    for (int i = 0; i < 400000; i++)
        buf_printf(&text, ", (%d, 'some text')", i);
    assert_int_equal(parser_client_submit(c, buf_bytes(&text), 1), PARSER_SUBMIT_QUEUED);
    assert_int_equal(wait_answer(c).outcome, PARSER_KILLED);
    assert_int_equal(ask_until_answered(c, "select 1").outcome, PARSER_ANSWERED);
    buf_free(&text);
    parser_child_stop(child);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_every_size_arrive_whole),
        cmocka_unit_test(a_parser_that_misbehaves_is_killed_and_the_next_text_is_served),
        cmocka_unit_test(a_parser_s_memory_is_bounded),
        cmocka_unit_test(a_client_with_many_texts_does_not_crowd_out_another),
        cmocka_unit_test(two_parsers_work_side_by_side),
        cmocka_unit_test(a_cancelled_text_has_no_answer_and_is_not_touched),
        cmocka_unit_test(killing_the_parser_costs_its_text_and_no_more),
        cmocka_unit_test(killing_the_broker_refuses_what_is_pending_and_what_comes),
        cmocka_unit_test(facts_from_the_child_are_those_of_this_process),
        cmocka_unit_test(the_grammar_itself_is_killed_when_its_time_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
