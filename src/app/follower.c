/* One thread: it follows the log in batches, sleeps until it is woken or a second has passed, and ends once
 * it has caught up. A failure (a full disk, another writer) is logged once and tried again: the index is
 * derived and may be late. */
#include "app/follower.h"
#include "base/log.h"
#include "base/thread.h"
#include "record/index-values.h"
#include "record/index.h"
#include "record/reader.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VALUE_FRAMES = 2000 };

struct follower {
    char log[4200], index[4200];
    const struct record_keys *keys;
    const struct record_far *far;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool wake, stop;
    int last_error; /* what was logged */
};

static void say(struct follower *f, int error, const char *what)
{
    if (error == f->last_error) return;
    f->last_error = error;
    if (error)
        log_line(LOG_WARNING, "the index is late: %s reason=%s", what, strerror(-error));
    else
        log_line(LOG_INFO, "the index follows the log again");
}

/* Takes in what there is. A reader that met a damaged block is given up, and the index waits there: it says
 * so, and `audit verify` says more. Values come behind, a piece at a time, so that they keep the index from
 * nothing. */
static void follow(struct follower *f, struct index *index, struct index_values *values,
                   struct record_reader *reader)
{
    struct index_progress progress = { 0 };
    bool more = true;
    int error = 0;
    while (!error && (more || !progress.at_end)) {
        error = index_follow(index, reader, &progress);
        if (!error && progress.at_end)
            error = index_values_follow(values, index, reader, VALUE_FRAMES, false, &more);
    }
    if (error == -EBADMSG)
        say(f, error, record_reader_message(reader));
    else if (error != -EBUSY)
        say(f, error, "it cannot be written");
}

/* Answers whether to go on. */
static bool sleep_until_woken(struct follower *f)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&f->lock);
    while (!f->wake && !f->stop)
        if (pthread_cond_timedwait(&f->woken, &f->lock, &until) == ETIMEDOUT) break;
    bool go_on = !f->stop;
    f->wake = false;
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

static void *run(void *context)
{
    struct follower *f = context;
    struct index *index = NULL;
    struct record_reader *reader = NULL;
    struct index_values *values = index_values_new(f->keys);
    bool go_on = true;
    while (go_on) {
        go_on = sleep_until_woken(f);
        int error = !values ? -ENOMEM : reader ? 0 : record_reader_open(f->log, f->keys, &reader);
        if (!error) record_reader_reach(reader, f->far);
        if (!error && !index) error = index_open(f->index, INDEX_WRITE, &index);
        if (error)
            say(f, error, "it cannot be opened");
        else
            follow(f, index, values, reader);
    }
    index_values_free(values);
    index_free(index);
    record_reader_free(reader);
    return NULL;
}

int follower_start(const char *data, const struct record_keys *keys, const struct record_far *far,
                   struct follower **out)
{
    struct follower *f = calloc(1, sizeof *f);
    pthread_condattr_t attributes;
    if (!f) return -ENOMEM;
    if (strlen(data) > 4096) {
        free(f);
        return -ENAMETOOLONG;
    }
    snprintf(f->log, sizeof f->log, "%s/log", data);
    snprintf(f->index, sizeof f->index, "%s/index.db", data);
    f->keys = keys;
    f->far = far;
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&f->woken, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = thread_start(&f->thread, "index", run, f);
    if (!error) {
        *out = f;
        return 0;
    }
    pthread_cond_destroy(&f->woken);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return error;
}

void follower_wake(struct follower *follower)
{
    pthread_mutex_lock(&follower->lock);
    follower->wake = true;
    pthread_cond_signal(&follower->woken);
    pthread_mutex_unlock(&follower->lock);
}

void follower_stop(struct follower *follower)
{
    if (!follower) return;
    pthread_mutex_lock(&follower->lock);
    follower->stop = true;
    pthread_cond_signal(&follower->woken);
    pthread_mutex_unlock(&follower->lock);
    pthread_join(follower->thread, NULL);
    pthread_cond_destroy(&follower->woken);
    pthread_mutex_destroy(&follower->lock);
    free(follower);
}
