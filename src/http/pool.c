/* One mutex, one condition, one queue. */
#include "http/pool.h"
#include "base/thread.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct pool_job *first, **last;
    bool stop;
    unsigned n;
    pthread_t threads[];
};

static void *pool_main(void *context)
{
    struct pool *pool = context;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->stop)
            pthread_cond_wait(&pool->some, &pool->lock);
        struct pool_job *job = pool->first;
        if (!job) break;
        pool->first = job->next;
        if (!pool->first) pool->last = &pool->first;
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int pool_start(unsigned n_threads, struct pool **pool_out)
{
    sigset_t all, before;
    struct pool *pool = calloc(1, sizeof *pool + n_threads * sizeof pool->threads[0]);
    if (!pool) return -ENOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->some, NULL);
    pool->last = &pool->first;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    for (; pool->n < n_threads && !error; pool->n += !error)
        error = thread_start(&pool->threads[pool->n], "http-pool", pool_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        pool_stop(pool);
        return error;
    }
    *pool_out = pool;
    return 0;
}

void pool_add(struct pool *pool, struct pool_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->last = job;
    pool->last = &job->next;
    pthread_cond_signal(&pool->some);
    pthread_mutex_unlock(&pool->lock);
}

void pool_stop(struct pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->some);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->some);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
