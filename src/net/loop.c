/* epoll, a binary heap of timers, and a mutexed list for other threads, which is only looked at when the
 * eventfd says so. */
#include "net/loop.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH = 128 };

/* Stands still between two looks at the real one. */
struct stamps {
    struct clock clock;
    int64_t wall_us, monotonic_us;
};

struct loop {
    int epoll, wake;
    bool is_fine;
    const struct clock *clock;
    struct stamps stamps;
    int64_t now_us;
    struct epoll_event ready[BATCH]; /* of this turn; data.ptr is NULL once its source was removed */
    int n_ready;
    struct loop_timer **heap; /* heap[1..n_timers] */
    size_t n_timers, heap_size;
    pthread_mutex_t lock; /* of the two below */
    struct loop_task *first, **last;
    bool stop; /* atomic */
    struct loop_source wake_source;
    void (*on_turn_end)(void *context);
    void *turn_end_context;
};

static void on_wake(struct loop_source *source, uint32_t events)
{
    (void)events;
    uint64_t count;
    ssize_t n = read(source->fd, &count, sizeof count);
    (void)n;
}

static int64_t stamps_wall_us(const struct clock *c)
{
    return ((const struct stamps *)(const void *)c)->wall_us;
}

static int64_t stamps_monotonic_us(const struct clock *c)
{
    return ((const struct stamps *)(const void *)c)->monotonic_us;
}

/* Once a turn, so that a wall clock that is set is followed. */
static void look_at_clocks(struct loop *loop)
{
    loop->now_us = clock_monotonic_us(loop->clock);
    loop->stamps.monotonic_us = loop->now_us;
    loop->stamps.wall_us = clock_wall_us(loop->clock);
}

static void look_again(struct loop *loop)
{
    int64_t now = clock_monotonic_us(loop->clock);
    loop->stamps.wall_us += now - loop->stamps.monotonic_us;
    loop->stamps.monotonic_us = now;
}

int loop_new(const struct clock *clock, struct loop **loop_out)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) return -ENOMEM;
    loop->clock = clock;
    loop->last = &loop->first;
    pthread_mutex_init(&loop->lock, NULL);
    loop->stamps.clock = (struct clock){ stamps_wall_us, stamps_monotonic_us };
    look_at_clocks(loop);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->wake_source = (struct loop_source){ .fd = loop->wake, .on_ready = on_wake };
    /* Linux 5.11, and a sandbox that knows the call. */
    struct timespec none = { 0 };
    loop->is_fine = epoll_pwait2(loop->epoll, loop->ready, BATCH, &none, NULL) == 0;
    int error = loop->epoll < 0 || loop->wake < 0 ? -errno : loop_add(loop, &loop->wake_source, EPOLLIN);
    if (error) {
        loop_free(loop);
        return error;
    }
    *loop_out = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop) return;
    if (loop->epoll >= 0) close(loop->epoll);
    if (loop->wake >= 0) close(loop->wake);
    pthread_mutex_destroy(&loop->lock);
    free(loop->heap);
    free(loop);
}

bool loop_is_fine(const struct loop *loop)
{
    return loop->is_fine;
}

int64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

const struct clock *loop_stamps(const struct loop *loop)
{
    return &loop->stamps.clock;
}

static void loop_wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t n = write(loop->wake, &one, sizeof one);
    (void)n;
}

void loop_stop(struct loop *loop)
{
    __atomic_store_n(&loop->stop, true, __ATOMIC_RELEASE);
    loop_wake(loop);
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = source };
    source->events = events;
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event) ? -errno : 0;
}

void loop_watch(struct loop *loop, struct loop_source *source, uint32_t events)
{
    if (source->events == events) return;
    struct epoll_event event = { .events = events, .data.ptr = source };
    source->events = events;
    CHECK(epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event) == 0);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    for (int i = 0; i < loop->n_ready; i++)
        if (loop->ready[i].data.ptr == source) loop->ready[i].data.ptr = NULL;
}

static void heap_put(struct loop *loop, size_t place, struct loop_timer *timer)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static void heap_up(struct loop *loop, struct loop_timer *timer)
{
    size_t i = timer->place;
    for (; i > 1 && loop->heap[i / 2]->due_us > timer->due_us; i /= 2)
        heap_put(loop, i, loop->heap[i / 2]);
    heap_put(loop, i, timer);
}

static void heap_down(struct loop *loop, struct loop_timer *timer)
{
    size_t i = timer->place;
    for (;;) {
        size_t child = 2 * i;
        if (child > loop->n_timers) break;
        if (child < loop->n_timers && loop->heap[child + 1]->due_us < loop->heap[child]->due_us) child++;
        if (loop->heap[child]->due_us >= timer->due_us) break;
        heap_put(loop, i, loop->heap[child]);
        i = child;
    }
    heap_put(loop, i, timer);
}

int loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_us)
{
    if (timer->place == 0) {
        if (loop->n_timers + 2 > loop->heap_size) {
            size_t size = loop->heap_size ? loop->heap_size * 2 : 64;
            struct loop_timer **heap = realloc(loop->heap, size * sizeof(struct loop_timer *));
            if (!heap) return -ENOMEM;
            loop->heap = heap;
            loop->heap_size = size;
        }
        heap_put(loop, ++loop->n_timers, timer);
    }
    timer->due_us = due_us;
    heap_up(loop, timer);
    heap_down(loop, timer);
    return 0;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
    if (timer->place == 0) return;
    struct loop_timer *last = loop->heap[loop->n_timers--];
    size_t place = timer->place;
    timer->place = 0;
    if (last == timer) return;
    heap_put(loop, place, last);
    heap_up(loop, last);
    heap_down(loop, last);
}

void loop_post(struct loop *loop, struct loop_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&loop->lock);
    bool was_empty = loop->first == NULL;
    *loop->last = task;
    loop->last = &task->next;
    pthread_mutex_unlock(&loop->lock);
    if (was_empty) loop_wake(loop);
}

void loop_run_posted(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct loop_task *task = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    while (task) {
        struct loop_task *next = task->next;
        look_again(loop);
        task->run(task);
        task = next;
    }
}

/* No more than there are at first: one that sets itself to now, again and again, must not keep the turn from
 * ending. */
static void run_timers(struct loop *loop)
{
    for (size_t most = loop->n_timers; most && loop->n_timers; most--) {
        if (loop->heap[1]->due_us > loop->now_us) break;
        struct loop_timer *timer = loop->heap[1];
        loop_timer_cancel(loop, timer);
        look_again(loop);
        timer->on_due(timer);
    }
}

/* Until the first timer is due; less than nothing: for ever. */
static int64_t timeout_us(const struct loop *loop)
{
    if (loop->n_timers == 0) return -1;
    int64_t left = loop->heap[1]->due_us - clock_monotonic_us(loop->clock);
    return left <= 0 ? 0 : left > 60000000 ? 60000000 : left;
}

static int loop_wait(struct loop *loop)
{
    int64_t us = timeout_us(loop);
    if (us <= 0 || !loop->is_fine)
        return epoll_wait(loop->epoll, loop->ready, BATCH, us < 0 ? -1 : (int)((us + 999) / 1000));
    struct timespec timeout = { us / 1000000, us % 1000000 * 1000 };
    return epoll_pwait2(loop->epoll, loop->ready, BATCH, &timeout, NULL);
}

void loop_set_turn_end(struct loop *loop, void (*on_turn_end)(void *context), void *context)
{
    loop->on_turn_end = on_turn_end;
    loop->turn_end_context = context;
}

void loop_run(struct loop *loop)
{
    while (!__atomic_load_n(&loop->stop, __ATOMIC_ACQUIRE)) {
        int n = loop_wait(loop);
        if (n < 0 && errno != EINTR) {
            log_line(LOG_ERROR, "event loop: epoll_wait: %s", strerror(errno));
            return;
        }
        loop->n_ready = n < 0 ? 0 : n;
        look_at_clocks(loop);
        bool woken = false;
        for (int i = 0; i < loop->n_ready; i++) {
            struct loop_source *source = loop->ready[i].data.ptr;
            if (!source) continue;
            woken |= source == &loop->wake_source;
            if (i > 0) look_again(loop);
            source->on_ready(source, loop->ready[i].events);
        }
        loop->n_ready = 0;
        run_timers(loop);
        if (woken) loop_run_posted(loop);
        if (loop->on_turn_end) loop->on_turn_end(loop->turn_end_context);
    }
}
