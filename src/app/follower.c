/* One thread, one reader, one index; woken when blocks were synced, and now and then by itself, in case
 * another process held the index. */
#include "app/follower.h"
#include "base/log.h"
#include "record/index.h"
#include "record/reader.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATH = 1100, RETRY_S = 5 };

struct follower {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken, stop;
    struct index *index;
    struct record_reader *reader;
    bool complained;
};

/* Until the end of the log, or an error that another try may not have. */
static void catch_up(struct follower *f)
{
    struct index_progress progress = { 0 };
    int error;
    do
        error = index_follow(f->index, f->reader, &progress);
    while (error == 0 && !progress.at_end);
    if (error == 0 && progress.damaged)
        log_line(LOG_WARNING,
                 "the index passed over %lu damaged frames or blocks; `postern audit verify` says more",
                 (unsigned long)progress.damaged);
    if (error && error != -EBUSY && !f->complained)
        log_line(LOG_ERROR, "the index cannot follow the log: %s: %s", strerror(-error),
                 record_reader_message(f->reader));
    f->complained = error && error != -EBUSY;
}

static void *follower_main(void *context)
{
    struct follower *f = context;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (!f->woken && !f->stop) {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec += RETRY_S;
            if (pthread_cond_timedwait(&f->wake, &f->lock, &until) == ETIMEDOUT) break;
        }
        bool last = f->stop;
        f->woken = false;
        pthread_mutex_unlock(&f->lock);
        catch_up(f);
        if (last) return NULL;
        pthread_mutex_lock(&f->lock);
    }
}

static void follower_free(struct follower *f)
{
    if (f->index) index_free(f->index);
    if (f->reader) record_reader_free(f->reader);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->wake);
    free(f);
}

int follower_start(const char *data, const struct record_keys *keys, struct follower **out)
{
    char log[PATH], path[PATH];
    struct follower *f = calloc(1, sizeof *f);
    if (!f) return -ENOMEM;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, NULL);
    f->woken = true;
    snprintf(log, sizeof log, "%s/log", data);
    snprintf(path, sizeof path, "%s/index.db", data);
    int error = record_reader_open(log, keys, &f->reader);
    if (!error) error = index_open(path, INDEX_WRITE, &f->index);
    if (!error) error = -pthread_create(&f->thread, NULL, follower_main, f);
    if (error) {
        log_line(LOG_ERROR, "the index %s cannot be opened: %s", path, strerror(-error));
        follower_free(f);
        return error;
    }
    *out = f;
    return 0;
}

void follower_wake(struct follower *f)
{
    pthread_mutex_lock(&f->lock);
    f->woken = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

void follower_stop(struct follower *f)
{
    if (!f) return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    follower_free(f);
}
