/* The thread takes the front, lets go of the lock, delivers, and takes the lock again to say how it went. */
#include "notify/receiver.h"
#include "base/log.h"
#include "base/thread.h"
#include "crypto/random.h"
#include "notify/deliver.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REST_MOST_US = 300000000,
    REFUSAL_EVERY_US = 1000000,
    HURRIED_US = 250000 /* a rest at the end */
};

struct item {
    struct item *next;
    struct notify_fact *fact;
    char id[DELIVER_ID];
    uint64_t attempts;
};
struct queue {
    struct item *first, **last;
    size_t n;
};
struct receiver {
    const struct notify_receiver *options;
    const struct clock *clock;
    int64_t first_retry_us;
    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    pthread_t thread;
    struct queue urgent, refusals;
    struct notify_counts counts;
    unsigned failures;                                /* in a row */
    int64_t rests_until_us, next_refusal_us, ends_us; /* monotonic; ends_us: INT64_MAX while it serves */
    bool finishing, full_said, gone;                  /* gone: the thread has done its last */
    atomic_bool cancel;
};

static int64_t now_us(const struct receiver *r)
{
    return clock_monotonic_us(r->clock);
}

/* ---- queues */

static void queue_push(struct queue *q, struct item *item)
{
    *q->last = item;
    q->last = &item->next;
    q->n++;
}

static struct item *queue_pop(struct queue *q)
{
    struct item *item = q->first;
    q->first = item->next;
    if (!q->first) q->last = &q->first;
    q->n--;
    return item;
}

static void item_free(struct item *item)
{
    if (!item) return;
    free(item->fact);
    free(item);
}

static struct item *item_new(const struct notify_fact *fact)
{
    uint8_t random[16];
    struct item *item = calloc(1, sizeof *item);
    if (!item || !(item->fact = fact_copy(fact))) {
        free(item);
        return NULL;
    }
    random_bytes(random, sizeof random);
    snprintf(item->id, sizeof item->id, "msg_");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(item->id + 4 + 2 * i, 3, "%02x", random[i]);
    return item;
}

/* Another one like it that was not tried yet: it counts for both. What was tried stays as it is, since a
 * receiver may have taken it under its id. */
static bool is_counted(struct receiver *r, const struct notify_fact *fact)
{
    for (struct item *item = r->refusals.first; item; item = item->next)
        if (item->attempts == 0 && fact_is_same(item->fact, fact)) {
            item->fact->count += fact->count;
            return true;
        }
    return false;
}

static void no_room(struct receiver *r)
{
    r->counts.dropped++;
    if (!r->full_said)
        log_line(LOG_WARNING, "notify: %s: too much waits; some is not told", r->options->name);
    r->full_said = true;
}

void receiver_offer(struct receiver *r, const struct notify_fact *fact)
{
    bool refusal = fact->kind == NOTIFY_DENY;
    if (!(r->options->wants & 1u << fact->kind)) return;
    pthread_mutex_lock(&r->lock);
    struct queue *q = refusal ? &r->refusals : &r->urgent;
    if (r->finishing || (refusal && is_counted(r, fact))) {
        r->counts.dropped += r->finishing;
    } else {
        struct item *item = q->n < (refusal ? RECEIVER_REFUSALS : RECEIVER_QUEUE) ? item_new(fact) : NULL;
        if (item) {
            queue_push(q, item);
            pthread_cond_signal(&r->work);
        } else {
            no_room(r);
        }
    }
    pthread_mutex_unlock(&r->lock);
}

/* ---- the thread */

/* The queue whose front is to be delivered now, or NULL and when there may be one. */
static struct queue *choose(struct receiver *r, int64_t now, int64_t *when_out)
{
    *when_out = INT64_MAX;
    if (!r->urgent.n && !r->refusals.n) return NULL;
    int64_t due = r->rests_until_us;
    if (!r->urgent.n && !r->finishing && r->next_refusal_us > due) due = r->next_refusal_us;
    if (due <= now) return r->urgent.n ? &r->urgent : &r->refusals;
    *when_out = due;
    return NULL;
}

static void wait_until(struct receiver *r, int64_t when_us)
{
    struct timespec at = { .tv_sec = when_us / 1000000, .tv_nsec = when_us % 1000000 * 1000 };
    if (when_us == INT64_MAX)
        pthread_cond_wait(&r->work, &r->lock);
    else
        pthread_cond_timedwait(&r->work, &r->lock, &at);
}

/* Twice as long each time, a fifth more or less, so that many do not come back at once. */
static int64_t rest_us(const struct receiver *r)
{
    unsigned doublings = r->failures > 20 ? 20 : r->failures - 1;
    int64_t rest = r->first_retry_us << doublings;
    if (rest > REST_MOST_US) rest = REST_MOST_US;
    rest += (int64_t)(random_u64() % (uint64_t)(rest / 5 * 2 + 1)) - rest / 5;
    return r->finishing && rest > HURRIED_US ? HURRIED_US : rest;
}

static void say_end(struct receiver *r, const struct item *item, const char *why)
{
    r->counts.failed++;
    log_line(LOG_ERROR, "notify: %s: given up after %" PRIu64 " attempts: %s id=%s type=%s", r->options->name,
             item->attempts, why, item->id, item->fact->type);
}

static void finish(struct receiver *r, struct queue *q, enum delivered how, const char *why)
{
    struct item *item = q->first;
    bool late = clock_wall_us(r->clock) - item->fact->at_us >= r->options->retry_us;
    switch (how) {
    case DELIVER_DONE:
        if (r->failures) log_line(LOG_INFO, "notify: %s: it works again", r->options->name);
        r->failures = 0;
        r->full_said = false;
        r->rests_until_us = 0;
        r->counts.delivered++;
        break;
    case DELIVER_AGAIN:
        if (r->failures++ == 0)
            log_line(LOG_WARNING, "notify: %s: not delivered, will be tried again: %s", r->options->name,
                     why);
        r->rests_until_us = now_us(r) + rest_us(r);
        if (!late) return;
        say_end(r, item, why);
        break;
    case DELIVER_NEVER: say_end(r, item, why); break;
    }
    if (q == &r->refusals) r->next_refusal_us = now_us(r) + REFUSAL_EVERY_US;
    item_free(queue_pop(q));
}

static void attempt(struct receiver *r, struct queue *q)
{
    char why[160] = "";
    struct item *item = q->first;
    item->attempts++;
    r->counts.attempts++;
    pthread_mutex_unlock(&r->lock);
    enum delivered how = deliver(r->options, item->fact, item->id, r->clock, &r->cancel, why);
    pthread_mutex_lock(&r->lock);
    finish(r, q, how, why);
}

static void *run(void *context)
{
    struct receiver *r = context;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        int64_t when, now = now_us(r);
        struct queue *q = choose(r, now, &when);
        if (now >= r->ends_us || (r->finishing && !r->urgent.n && !r->refusals.n)) break;
        if (q)
            attempt(r, q);
        else
            wait_until(r, when < r->ends_us ? when : r->ends_us);
    }
    r->gone = true;
    pthread_cond_signal(&r->ended);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- life */

struct receiver *receiver_new(const struct notify_receiver *options, const struct clock *clock,
                              int64_t first_retry_us)
{
    pthread_condattr_t attributes;
    struct receiver *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->options = options;
    r->clock = clock;
    r->first_retry_us = first_retry_us;
    r->ends_us = INT64_MAX;
    r->urgent.last = &r->urgent.first;
    r->refusals.last = &r->refusals.first;
    r->counts.name = options->name;
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->work, &attributes);
    pthread_cond_init(&r->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    if (thread_start(&r->thread, "notify", run, r) == 0) return r;
    pthread_cond_destroy(&r->work);
    pthread_cond_destroy(&r->ended);
    pthread_mutex_destroy(&r->lock);
    free(r);
    return NULL;
}

void receiver_count(struct receiver *r, struct notify_counts *out)
{
    pthread_mutex_lock(&r->lock);
    *out = r->counts;
    out->waiting = r->urgent.n + r->refusals.n;
    pthread_mutex_unlock(&r->lock);
}

void receiver_finish(struct receiver *r)
{
    pthread_mutex_lock(&r->lock);
    r->finishing = true;
    if (r->rests_until_us > now_us(r) + HURRIED_US) r->rests_until_us = now_us(r) + HURRIED_US;
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->lock);
}

void receiver_free(struct receiver *r, int64_t deadline_us)
{
    struct timespec at = { .tv_sec = deadline_us / 1000000, .tv_nsec = deadline_us % 1000000 * 1000 };
    pthread_mutex_lock(&r->lock);
    r->ends_us = deadline_us;
    pthread_cond_signal(&r->work);
    while (!r->gone && pthread_cond_timedwait(&r->ended, &r->lock, &at) == 0)
        continue;
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->cancel, true); /* what hangs still */
    pthread_join(r->thread, NULL);
    size_t left = r->urgent.n + r->refusals.n;
    if (left) log_line(LOG_ERROR, "notify: %s: the gateway ends with %zu not told", r->options->name, left);
    while (r->urgent.n)
        item_free(queue_pop(&r->urgent));
    while (r->refusals.n)
        item_free(queue_pop(&r->refusals));
    pthread_cond_destroy(&r->work);
    pthread_cond_destroy(&r->ended);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
