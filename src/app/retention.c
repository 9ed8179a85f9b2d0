/* The lock file keeps this and the command line from erasing at one time; who comes second waits. */
#include "app/retention.h"
#include "app/store-lock.h"
#include "app/wipe.h"
#include "base/log.h"
#include "base/thread.h"
#include "record/erase.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DAY_S = 86400, RETRY_S = 600, SETTLE_S = 2, WIPE_MS = 30000, PATH = 4400 };

struct retention {
    struct retention_options options;
    char data[PATH], index_path[PATH + 16];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool stop;
};

static bool note(void *context, struct bytes body)
{
    struct retention *r = context;
    return journal_write(r->options.journal, FRAME_GATEWAY, body);
}

static bool wipe(void *context)
{
    struct retention *r = context;
    return wipe_tail(r->options.workers, r->options.log, WIPE_MS);
}

static int work(const struct erase_place *place)
{
    struct erase_result result;
    struct erase_prune prune = { 0 };
    size_t n = 0;
    char id[14];
    int error = erase_resume(place, &result, &n);
    if (n) {
        session_id_format(result.erasure, id);
        if (error)
            log_line(LOG_ERROR, "erasure %s of %zu sessions cannot be finished: %s: %s", id, n, result.step,
                     strerror(-error));
        else
            log_line(LOG_WARNING, "erasure %s of %zu sessions, which was interrupted, is finished", id, n);
    }
    if (error) return error;
    error = erase_expired(place, BYTES_LITERAL("postern"), false, &prune);
    if (error)
        log_line(LOG_ERROR, "retention: what has expired cannot be erased: %s: %s", prune.result.step,
                 strerror(-error));
    else if (prune.expired)
        log_line(LOG_INFO, "retention: %zu sessions were erased, %zu are held", prune.expired, prune.held);
    return error;
}

static int turn(struct retention *r)
{
    struct index *index = NULL;
    int lock = -1;
    int error = store_lock(r->data, &lock);
    if (!error) error = index_open(r->index_path, INDEX_WRITE, &index);
    struct erase_place place = {
        .data = r->data, .index = index, .clock = r->options.clock, .note = note, .wipe = wipe, .context = r
    };
    if (!error)
        error = work(&place);
    else
        log_line(LOG_WARNING, "retention: the index cannot be opened: %s", strerror(-error));
    index_free(index);
    store_unlock(lock);
    return error;
}

/* Answers whether to go on. */
static bool sleep_for(struct retention *r, int seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&r->lock);
    while (!r->stop)
        if (pthread_cond_timedwait(&r->woken, &r->lock, &until) == ETIMEDOUT) break;
    bool go_on = !r->stop;
    pthread_mutex_unlock(&r->lock);
    return go_on;
}

static void *run(void *context)
{
    struct retention *r = context;
    int seconds = SETTLE_S;
    while (sleep_for(r, seconds))
        seconds = turn(r) ? RETRY_S : DAY_S;
    return NULL;
}

int retention_start(const struct retention_options *options, struct retention **out)
{
    pthread_condattr_t attributes;
    struct retention *r = calloc(1, sizeof *r);
    if (!r) return -ENOMEM;
    r->options = *options;
    snprintf(r->data, sizeof r->data, "%s", options->data);
    snprintf(r->index_path, sizeof r->index_path, "%s/index.db", options->data);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->woken, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = thread_start(&r->thread, "retention", run, r);
    if (error) {
        pthread_cond_destroy(&r->woken);
        pthread_mutex_destroy(&r->lock);
        free(r);
        return error;
    }
    *out = r;
    return 0;
}

void retention_stop(struct retention *r)
{
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->woken);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->woken);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
