/* An event loop of one thread, over epoll: sources (file descriptors), timers, work posted by other threads,
 * and hooks that run at the end of every turn. Everything here but loop_post and loop_stop is called from the
 * loop's own thread. */
#ifndef POSTERN_NET_LOOP_H
#define POSTERN_NET_LOOP_H
#include "base/check.h"
#include "base/clock.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
int loop_new(const struct clock *clock, struct loop **loop_out) MUST_USE;
void loop_free(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* From any thread or signal-free context. */
void loop_stop(struct loop *loop);
/* The monotonic time at the start of this turn. */
int64_t loop_now_us(const struct loop *loop);
/* The time at which what runs now (an event, a timer, a task) was taken up: read once for each, for whoever
 * stamps several things with it. Not for telling whether something has happened since. */
const struct clock *loop_stamps(const struct loop *loop);

/* A file descriptor to watch; embedded in its owner. on_ready may remove or free any source, its own too. */
struct loop_source {
    int fd;
    uint32_t events; /* what is asked for: EPOLLIN, EPOLLOUT */
    void (*on_ready)(struct loop_source *source, uint32_t events);
    size_t slot; /* the loop's own */
};
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events) MUST_USE;
/* Nothing happens where the events are the same already. */
void loop_watch(struct loop *loop, struct loop_source *source, uint32_t events);
/* Before the descriptor is closed. Events of this turn that are still to come for it are dropped. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* A timer; embedded in its owner, zeroed at first. */
struct loop_timer {
    int64_t due_us;
    void (*on_due)(struct loop_timer *timer);
    size_t place; /* in the heap, from 1; 0: not set */
};
/* Sets or moves it; it is unset again when on_due is called, which may set it anew. 0 or -ENOMEM. */
int loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_us) MUST_USE;
/* Whether timers are good to some tens of microseconds; otherwise to a millisecond. Either way none is early.
 */
bool loop_is_fine(const struct loop *loop);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* Work that another thread hands over; the loop calls run once, on its own thread, in order of posting. */
struct loop_task {
    struct loop_task *next;
    void (*run)(struct loop_task *task);
};
void loop_post(struct loop *loop, struct loop_task *task);
/* Runs what was posted and has not run: for the end, when the loop does not run any more. */
void loop_run_posted(struct loop *loop);

/* Called at the end of every turn, after all events, timers and tasks, before the loop sleeps. */
void loop_set_turn_end(struct loop *loop, void (*on_turn_end)(void *context), void *context);
#endif
