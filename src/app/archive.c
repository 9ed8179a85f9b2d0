/* The watcher looks each second and at each wake; the carrier takes one step at a time and looks again. What
 * they share is behind one lock, which nobody holds while a file or the network is waited for. */
#include "app/archive.h"
#include "app/archive-carry.h"
#include "base/log.h"
#include "base/thread.h"
#include "crypto/random.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { REST_LEAST_MS = 500, REST_MOST_MS = 10000, DROP_AGAIN_US = 60000000 };

struct archive {
    struct archive_options options;
    struct archive_rules rules;
    struct archive_carry carry;
    pthread_t watcher, carrier;
    bool watches, carries;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    /* Under the lock. */
    bool stop;
    uint64_t wakes; /* counts them: each thread remembers which it has seen */
    struct archive_state state;
    int64_t behind_since_us;
};

static void nap_until_woken(struct archive *a, uint64_t *seen, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&a->lock);
    while (!a->stop && (!seen || *seen == a->wakes))
        if (pthread_cond_timedwait(&a->woken, &a->lock, &until) == ETIMEDOUT) break;
    if (seen) *seen = a->wakes;
    pthread_mutex_unlock(&a->lock);
}

static bool stopped(struct archive *a)
{
    pthread_mutex_lock(&a->lock);
    bool stop = a->stop;
    pthread_mutex_unlock(&a->lock);
    return stop;
}

/* ---- the watcher */

static void note_plan(struct archive *a, const struct archive_plan *plan)
{
    int64_t now = clock_monotonic_us(a->options.clock);
    struct record_stats stats;
    record_log_stats(a->options.log, &stats);
    bool full = stats.spool_full;
    pthread_mutex_lock(&a->lock);
    if (full != a->state.full)
        log_line(full ? LOG_ERROR : LOG_INFO,
                 full ? "the archive's spool is full: statements are refused as on_failure says"
                      : "the archive's spool has room again");
    a->state.full = full;
    a->state.waiting_bytes = plan->waiting_bytes;
    a->state.n_waiting = plan->n_waiting;
    a->state.n_kept = plan->n_kept;
    a->state.n_away = plan->n_away;
    if (!plan->n_waiting) a->behind_since_us = 0;
    if (plan->n_waiting && !a->behind_since_us) a->behind_since_us = now;
    a->state.behind_us = a->behind_since_us ? now - a->behind_since_us : 0;
    pthread_mutex_unlock(&a->lock);
}

/* What is stored between listing and telling the log is taken off: it is in no file that was counted. */
static int watch_once(struct archive *a)
{
    struct record_stats before, after;
    struct archive_view view;
    record_log_stats(a->options.log, &before);
    int error = archive_look(a->carry.segments, &view);
    if (!error) {
        struct archive_plan plan = archive_decide(&view, NULL, &a->rules);
        record_log_stats(a->options.log, &after);
        uint64_t since = after.bytes_stored - before.bytes_stored;
        record_log_allow(a->options.log, plan.room_bytes > since ? plan.room_bytes - since : 0);
        note_plan(a, &plan);
    }
    archive_view_free(&view);
    return error;
}

static void *watch(void *context)
{
    struct archive *a = context;
    uint64_t seen = 0;
    int said = 0;
    while (!stopped(a)) {
        nap_until_woken(a, &seen, 1000);
        int error = watch_once(a);
        if (error && error != said)
            log_line(LOG_ERROR, "the archive cannot look at the log: %s", strerror(-error));
        said = error;
    }
    return NULL;
}

/* ---- the carrier */

static void note_step(struct archive *a, bool good, enum archive_step step, uint64_t bytes, const char *why)
{
    pthread_mutex_lock(&a->lock);
    bool was = a->state.failing;
    a->state.failing = !good;
    if (!good) a->state.failed++;
    if (good && step == ARCHIVE_SEND) a->state.sent++, a->state.sent_bytes += bytes;
    if (good && step == ARCHIVE_DROP) a->state.dropped++;
    a->wakes++; /* the watcher looks at once: there is room, or there is less to do */
    pthread_cond_broadcast(&a->woken);
    pthread_mutex_unlock(&a->lock);
    if (!good && !was) log_line(LOG_WARNING, "the archive is behind: %s", why);
    if (good && was) log_line(LOG_INFO, "the archive goes on");
}

struct turn {
    struct archive_view view, seen;
    int64_t drop_from_us; /* what could not be removed is not tried again before */
    unsigned failures;
};

/* One step; false: there was nothing to do, or it failed. */
static bool take_step(struct archive *a, struct turn *t)
{
    struct archive_rules rules = a->rules;
    uint64_t bytes = 0;
    char why[320] = "";
    archive_view_free(&t->seen);
    t->seen = t->view;
    t->view = (struct archive_view){ 0 };
    if (archive_look(a->carry.segments, &t->view) != 0) return false;
    if (clock_monotonic_us(a->options.clock) < t->drop_from_us) rules.drop = false;
    struct archive_plan plan = archive_decide(&t->view, &t->seen, &rules);
    bool good = false;
    switch (plan.step) {
    case ARCHIVE_REST: return false;
    case ARCHIVE_SEND: good = archive_carry_send(&a->carry, &t->view, plan.segment, &bytes, why); break;
    case ARCHIVE_DROP:
        good = archive_carry_drop(&a->carry, &t->view, plan.segment, why);
        if (!good) t->drop_from_us = clock_monotonic_us(a->options.clock) + DROP_AGAIN_US;
        break;
    }
    if (!good && stopped(a)) return false;
    t->failures = good ? 0 : t->failures + 1;
    note_step(a, good, plan.step, bytes, why);
    return good;
}

/* Doubling, between half and one and a half of it; wakes do not shorten it. */
static void rest_after(struct archive *a, unsigned failures)
{
    int64_t ms = REST_LEAST_MS;
    for (; failures > 1 && ms < REST_MOST_MS; failures--)
        ms *= 2;
    if (ms > REST_MOST_MS) ms = REST_MOST_MS;
    nap_until_woken(a, NULL, ms / 2 + (int64_t)(random_u64() % (uint64_t)ms));
}

static void *carry(void *context)
{
    struct archive *a = context;
    struct turn t = { 0 };
    uint64_t seen = 0;
    while (!stopped(a)) {
        if (take_step(a, &t)) continue;
        if (t.failures)
            rest_after(a, t.failures);
        else
            nap_until_woken(a, &seen, 1000);
    }
    archive_view_free(&t.view);
    archive_view_free(&t.seen);
    return NULL;
}

/* ---- life */

static int open_folders(struct archive *a)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/log", a->options.data);
    a->carry.log = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->carry.log < 0) return -errno;
    a->carry.segments = openat(a->carry.log, "segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return a->carry.segments < 0 ? -errno : 0;
}

static int start_threads(struct archive *a)
{
    int error = thread_start(&a->watcher, "archive-watch", watch, a);
    a->watches = !error;
    if (!error) error = thread_start(&a->carrier, "archive-carry", carry, a);
    a->carries = a->watches && !error;
    return error;
}

int archive_start(const struct archive_options *options, struct archive **out)
{
    pthread_condattr_t attributes;
    const struct config_store *config = archive_store_config(options->store);
    struct archive *a = calloc(1, sizeof *a);
    *out = NULL;
    if (!a) return -ENOMEM;
    a->options = *options;
    a->rules = (struct archive_rules){ (uint64_t)config->spool, config->drop_local };
    a->state.spool_bytes = a->rules.spool_bytes;
    a->carry = (struct archive_carry){ .store = options->store,
                                       .clock = options->clock,
                                       .data = options->data,
                                       .origin = options->origin,
                                       .log = -1,
                                       .segments = -1,
                                       .s3 = archive_store_client(options->store) };
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&a->woken, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = a->carry.s3 ? open_folders(a) : -ENOMEM;
    if (!error) error = watch_once(a);
    if (!error) error = start_threads(a);
    if (error) {
        log_line(LOG_ERROR, "the archive cannot start: %s", strerror(-error));
        archive_stop(a);
        archive_free(a);
        return error;
    }
    *out = a;
    return 0;
}

void archive_wake(struct archive *a)
{
    pthread_mutex_lock(&a->lock);
    a->wakes++;
    pthread_cond_broadcast(&a->woken);
    pthread_mutex_unlock(&a->lock);
}

void archive_stop(struct archive *a)
{
    if (!a) return;
    archive_store_cancel(a->options.store);
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->woken);
    pthread_mutex_unlock(&a->lock);
    if (a->watches) pthread_join(a->watcher, NULL);
    if (a->carries) pthread_join(a->carrier, NULL);
    a->watches = a->carries = false;
}

void archive_free(struct archive *a)
{
    if (!a) return;
    s3_free(a->carry.s3);
    if (a->carry.log >= 0) close(a->carry.log);
    if (a->carry.segments >= 0) close(a->carry.segments);
    pthread_cond_destroy(&a->woken);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void archive_tell(struct archive *a, struct archive_state *out)
{
    pthread_mutex_lock(&a->lock);
    *out = a->state;
    pthread_mutex_unlock(&a->lock);
    struct record_stats stats; /* the log knows before the watcher looks again */
    record_log_stats(a->options.log, &stats);
    out->full = stats.spool_full;
}
