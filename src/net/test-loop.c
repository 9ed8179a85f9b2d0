#include "base/test.h"

#include "net/loop.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Time stands still within a turn and moves by `step` at its end, so that a loop with a timer never sleeps.
 */
struct fixture {
    struct clock clock;
    int64_t now, step;
    struct loop *loop;
    char story[100]; /* what happened, a letter each */
    int n_turns, most_turns;
};
static struct fixture f;

static int64_t now_us(const struct clock *c)
{
    (void)c;
    return f.now;
}

static void on_turn_end(void *context)
{
    assert_ptr_equal(context, &f);
    f.now += f.step;
    if (++f.n_turns >= f.most_turns) loop_stop(f.loop);
}

static int begin(void **state)
{
    (void)state;
    f = (struct fixture){ .clock = { now_us, now_us }, .now = 1000000, .most_turns = 1 };
    if (loop_new(&f.clock, &f.loop)) return -1;
    loop_set_turn_end(f.loop, on_turn_end, &f);
    return 0;
}

static int end(void **state)
{
    (void)state;
    loop_free(f.loop);
    return 0;
}

static void run(int turns)
{
    f.n_turns = 0;
    f.most_turns = turns;
    loop_run(f.loop);
    assert_int_equal(f.n_turns, turns);
}

/* Stopped is stopped; another run takes another loop. */
static void renew(void)
{
    loop_free(f.loop);
    assert_int_equal(loop_new(&f.clock, &f.loop), 0);
    loop_set_turn_end(f.loop, on_turn_end, &f);
    memset(f.story, 0, sizeof f.story);
}

static void tell(char what)
{
    size_t n = strlen(f.story);
    assert_true(n + 1 < sizeof f.story);
    f.story[n] = what;
}

static void on_told_turn_end(void *context)
{
    tell('|');
    on_turn_end(context);
}

/* ---- timers */

enum { MODEL = 3000 };
struct modelled {
    struct loop_timer timer;
    int64_t due;
    bool set;
};
static struct modelled model[MODEL];
static uint64_t random_state = 88172645463325252u;
static int n_fired;

static uint32_t random_below(uint32_t most)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % most;
}

static void change_some_timer(void);

static void on_modelled(struct loop_timer *timer)
{
    struct modelled *m = (struct modelled *)timer;
    assert_true(m->set);
    assert_int_equal(timer->place, 0);
    assert_true(m->due <= f.now);
    for (size_t i = 0; i < MODEL; i++)
        if (model[i].set && model[i].due < m->due) fail_msg("timer %zu was due before", i);
    m->set = false;
    n_fired++;
    if (n_fired % 4 == 0 && f.n_turns < 600) change_some_timer();
}

static void change_some_timer(void)
{
    struct modelled *m = &model[random_below(MODEL)];
    if (random_below(4) == 0) {
        loop_timer_cancel(f.loop, &m->timer);
        m->set = false;
        assert_int_equal(m->timer.place, 0);
        return;
    }
    m->timer.on_due = on_modelled;
    m->due = f.now + 1 + random_below(5000);
    m->set = true;
    assert_int_equal(loop_timer_set(f.loop, &m->timer, m->due), 0);
    assert_int_not_equal(m->timer.place, 0);
}

static void on_turn_of_model(void *context)
{
    size_t n_set = 0;
    for (size_t i = 0; i < MODEL; i++) {
        n_set += model[i].set;
        if (model[i].set && model[i].due <= loop_now_us(f.loop)) fail_msg("timer %zu is due and was left", i);
    }
    on_turn_end(context);
    if (f.n_turns > 600 && n_set == 0) loop_stop(f.loop);
    for (int i = 0; i < 20 && f.n_turns <= 600; i++)
        change_some_timer();
}

static void many_timers_fire_in_their_order_and_none_is_lost(void **state)
{
    (void)state;
    f.step = 10;
    memset(model, 0, sizeof model);
    n_fired = 0;
    loop_set_turn_end(f.loop, on_turn_of_model, &f);
    for (size_t i = 0; i < 2 * MODEL; i++)
        change_some_timer();
    f.most_turns = 1 << 30;
    loop_run(f.loop);
    assert_true(n_fired > MODEL);
    for (size_t i = 0; i < MODEL; i++)
        assert_false(model[i].set);
}

static struct loop_timer timers[4];
static void on_timer(struct loop_timer *timer)
{
    tell((char)('0' + (timer - timers)));
}

static void set(int timer, int64_t after)
{
    timers[timer].on_due = on_timer;
    assert_int_equal(loop_timer_set(f.loop, &timers[timer], f.now + after), 0);
}

static void a_timer_fires_once_when_it_is_due_and_not_before(void **state)
{
    (void)state;
    memset(timers, 0, sizeof timers);
    f.step = 100;
    set(0, 300);
    set(1, 200);
    set(2, 200);
    set(3, 250);
    loop_timer_cancel(f.loop, &timers[2]);
    loop_timer_cancel(f.loop, &timers[2]);
    set(1, 100); /* moved */
    set(2, 100000);
    int64_t start = f.now;
    run(2);
    assert_string_equal(f.story, "1");
    assert_true(loop_now_us(f.loop) == start + 100);
    struct loop_timer late[] = { timers[0], timers[3] };
    assert_true(late[0].place != 0 && late[1].place != 0);
    renew();
    memset(timers, 0, sizeof timers);
    set(0, 0);
    set(3, -50);
    set(1, 350);
    run(5);
    assert_string_equal(f.story, "301");
}

static void real_time_passes_before_a_timer_fires(void **state)
{
    (void)state;
    memset(timers, 0, sizeof timers);
    struct loop *loop;
    struct loop *virtual = f.loop;
    assert_int_equal(loop_new(&clock_system, &loop), 0);
    f.loop = loop;
    loop_set_turn_end(loop, on_turn_end, &f);
    int64_t start = clock_monotonic_us(&clock_system);
    timers[0].on_due = on_timer;
    assert_int_equal(loop_timer_set(loop, &timers[0], start + 30500), 0);
    run(1);
    assert_string_equal(f.story, "0");
    assert_true(clock_monotonic_us(&clock_system) - start >= 30500);
    loop_free(loop);
    f.loop = virtual;
}

static void on_again(struct loop_timer *timer)
{
    tell('t');
    assert_int_equal(loop_timer_set(f.loop, timer, loop_now_us(f.loop)), 0);
}

static void a_timer_that_sets_itself_to_now_does_not_keep_the_turn_from_ending(void **state)
{
    (void)state;
    struct loop_timer timer = { .on_due = on_again };
    assert_int_equal(loop_timer_set(f.loop, &timer, f.now), 0);
    alarm(300);
    run(3);
    alarm(0);
    assert_string_equal(f.story, "ttt");
}

/* ---- sources */

struct watched {
    struct loop_source source;
    char letter;
    struct watched *other; /* removed when this one is ready */
    bool frees, replaces;
};

static struct watched *survivor; /* of two that remove each other */
static struct watched *first, *second;

static struct watched *watched_new(char letter)
{
    struct watched *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->letter = letter;
    w->source.fd = eventfd(1, EFD_NONBLOCK);
    assert_true(w->source.fd >= 0);
    return w;
}

static void let_go(struct watched *w)
{
    loop_remove(f.loop, &w->source);
    close(w->source.fd);
    free(w);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct watched *w = (struct watched *)source;
    assert_true(events & (EPOLLIN | EPOLLOUT));
    tell(w->letter);
    struct watched *other = w->other;
    if (!other) return;
    w->other = NULL;
    survivor = w;
    if (other->other == w) other->other = NULL;
    int fd = other->source.fd;
    let_go(other);
    if (!w->replaces) return;
    /* Very likely the same descriptor, and the same memory; it is ready, but of this turn it gets nothing. */
    struct watched *replacement = watched_new('r');
    assert_int_equal(replacement->source.fd, fd);
    replacement->source.on_ready = on_ready;
    assert_int_equal(loop_add(f.loop, &replacement->source, EPOLLIN), 0);
    first = replacement;
}

static void on_stamped(struct loop_source *source, uint32_t events)
{
    const struct clock *stamps = loop_stamps(f.loop);
    (void)events;
    assert_int_equal(clock_monotonic_us(stamps), f.now);
    assert_int_equal(clock_wall_us(stamps), f.now);
    f.now += 70; /* the work takes its time */
    assert_int_equal(clock_monotonic_us(stamps), f.now - 70);
    assert_int_equal(clock_wall_us(stamps), f.now - 70);
    assert_int_equal(loop_now_us(f.loop), 1000000);
    tell(((struct watched *)source)->letter);
}

static void on_stamped_timer(struct loop_timer *timer)
{
    (void)timer;
    assert_int_equal(clock_monotonic_us(loop_stamps(f.loop)), f.now);
    tell('t');
}

static void stamps_stand_still_while_one_thing_is_done(void **state)
{
    (void)state;
    struct watched *a = watched_new('s'), *b = watched_new('s');
    struct loop_timer timer = { .on_due = on_stamped_timer };
    a->source.on_ready = b->source.on_ready = on_stamped;
    assert_int_equal(loop_add(f.loop, &a->source, EPOLLIN), 0);
    assert_int_equal(loop_add(f.loop, &b->source, EPOLLIN), 0);
    assert_int_equal(loop_timer_set(f.loop, &timer, f.now), 0);
    run(1);
    assert_string_equal(f.story, "sst");
    let_go(a);
    let_go(b);
}

static struct watched *watch(char letter)
{
    struct watched *w = watched_new(letter);
    w->source.on_ready = on_ready;
    assert_int_equal(loop_add(f.loop, &w->source, EPOLLIN), 0);
    return w;
}

static void a_source_removed_within_a_turn_gets_nothing_more_of_it(void **state)
{
    (void)state;
    struct watched *a = watch('x'), *b = watch('x');
    a->other = b;
    b->other = a;
    run(1);
    assert_string_equal(f.story, "x");
    let_go(survivor);
}

static void on_first(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct watched *w = (struct watched *)source;
    tell('f');
    struct watched *gone = w == first ? second : first;
    first = second = NULL;
    if (gone) let_go(gone);
    let_go(w); /* and itself too */
}

static void a_source_may_free_itself_and_others(void **state)
{
    (void)state;
    first = watched_new('f');
    second = watched_new('f');
    first->source.on_ready = second->source.on_ready = on_first;
    assert_int_equal(loop_add(f.loop, &first->source, EPOLLIN), 0);
    assert_int_equal(loop_add(f.loop, &second->source, EPOLLIN), 0);
    struct loop_timer awake = { .on_due = on_again };
    assert_int_equal(loop_timer_set(f.loop, &awake, f.now), 0);
    run(2);
    assert_string_equal(f.story, "ftt");
}

static void what_comes_in_the_place_of_a_removed_source_waits_for_the_next_turn(void **state)
{
    (void)state;
    struct watched *a = watch('a'), *b = watch('a');
    a->other = b;
    b->other = a;
    a->replaces = b->replaces = true;
    loop_set_turn_end(f.loop, on_told_turn_end, &f);
    run(2);
    if (strcmp(f.story, "a|ra|") != 0) assert_string_equal(f.story, "a|ar|");
    let_go(first);
    let_go(survivor);
}

static void a_source_is_told_what_it_asks_for(void **state)
{
    (void)state;
    struct watched *w = watch('w');
    struct loop_timer awake = { .on_due = on_again };
    loop_watch(f.loop, &w->source, 0);
    assert_int_equal(loop_timer_set(f.loop, &awake, f.now), 0);
    run(2);
    assert_string_equal(f.story, "tt");
    loop_remove(f.loop, &w->source);
    renew();
    awake = (struct loop_timer){ .on_due = on_again };
    assert_int_equal(loop_timer_set(f.loop, &awake, f.now), 0);
    assert_int_equal(loop_add(f.loop, &w->source, 0), 0);
    assert_int_equal(loop_add(f.loop, &w->source, 0), -EEXIST);
    loop_watch(f.loop, &w->source, EPOLLOUT);
    run(1);
    assert_string_equal(f.story, "wt");
    let_go(w);
}

/* ---- tasks, the end of a turn, and stopping */

static struct loop_task tasks[3];
static void on_task(struct loop_task *task)
{
    tell((char)('A' + (task - tasks)));
    if (task == &tasks[0]) loop_post(f.loop, &tasks[2]);
}

static void a_turn_is_events_then_timers_then_tasks_and_then_its_end(void **state)
{
    (void)state;
    memset(timers, 0, sizeof timers);
    struct watched *w = watch('w');
    set(0, 0);
    set(1, 50);
    tasks[0].run = tasks[1].run = tasks[2].run = on_task;
    loop_post(f.loop, &tasks[0]);
    loop_post(f.loop, &tasks[1]);
    loop_set_turn_end(f.loop, on_told_turn_end, &f);
    f.step = 50;
    run(3);
    assert_string_equal(f.story, "w0AB|w1C|w|");
    let_go(w);
}

enum { THREADS = 4, POSTS = 5000 };
struct posted {
    struct loop_task task;
    int thread, number;
};
static struct posted posted[THREADS][POSTS];
static int next_of[THREADS], n_ran;
static pthread_t loop_thread;

static void on_posted(struct loop_task *task)
{
    struct posted *p = (struct posted *)task;
    assert_true(pthread_equal(pthread_self(), loop_thread));
    assert_int_equal(next_of[p->thread], p->number);
    next_of[p->thread]++;
    if (++n_ran == THREADS * POSTS) loop_stop(f.loop);
}

static void *post_all(void *context)
{
    struct posted *mine = context;
    for (int i = 0; i < POSTS; i++)
        loop_post(f.loop, &mine[i].task);
    return NULL;
}

static void what_other_threads_post_runs_once_in_its_order_on_the_loop(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    loop_thread = pthread_self();
    f.most_turns = 1 << 30;
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < POSTS; i++)
            posted[t][i] = (struct posted){ { .run = on_posted }, t, i };
        assert_int_equal(pthread_create(&threads[t], NULL, post_all, posted[t]), 0);
    }
    alarm(300);
    loop_run(f.loop);
    alarm(0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    assert_int_equal(n_ran, THREADS * POSTS);
}

struct stopper {
    struct loop_task task;
    _Atomic bool runs; /* the loop does, and soon sleeps */
};

static void on_runs(struct loop_task *task)
{
    ((struct stopper *)task)->runs = true;
}

static void *stop_later(void *context)
{
    struct stopper *s = context;
    loop_post(f.loop, &s->task);
    while (!s->runs)
        usleep(1000);
    usleep(30000);
    loop_stop(f.loop);
    return NULL;
}

static void a_sleeping_loop_is_stopped_by_another_thread(void **state)
{
    (void)state;
    pthread_t thread;
    struct stopper stopper = { .task = { .run = on_runs } };
    f.most_turns = 1 << 30;
    assert_int_equal(pthread_create(&thread, NULL, stop_later, &stopper), 0);
    alarm(300);
    loop_run(f.loop);
    alarm(0);
    pthread_join(thread, NULL);
    int n_turns = f.n_turns;
    assert_in_range(n_turns, 1, 2);
    loop_run(f.loop); /* and stays so */
    assert_int_equal(f.n_turns, n_turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(many_timers_fire_in_their_order_and_none_is_lost),
        TEST(a_timer_fires_once_when_it_is_due_and_not_before),
        TEST(real_time_passes_before_a_timer_fires),
        TEST(a_timer_that_sets_itself_to_now_does_not_keep_the_turn_from_ending),
        TEST(stamps_stand_still_while_one_thing_is_done),
        TEST(a_source_removed_within_a_turn_gets_nothing_more_of_it),
        TEST(a_source_may_free_itself_and_others),
        TEST(what_comes_in_the_place_of_a_removed_source_waits_for_the_next_turn),
        TEST(a_source_is_told_what_it_asks_for),
        TEST(a_turn_is_events_then_timers_then_tasks_and_then_its_end),
        TEST(what_other_threads_post_runs_once_in_its_order_on_the_loop),
        TEST(a_sleeping_loop_is_stopped_by_another_thread),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
