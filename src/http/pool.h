/* A few threads that run jobs in order: for what may block. */
#ifndef POSTERN_HTTP_POOL_H
#define POSTERN_HTTP_POOL_H
#include "base/check.h"

struct pool_job { /* embedded in its owner; one place in the queue at a time */
    struct pool_job *next;
    void (*run)(struct pool_job *job);
};
struct pool;
/* All signals are blocked in its threads. 0 or -errno. */
int pool_start(unsigned n_threads, struct pool **pool_out) MUST_USE;
/* From any thread. */
void pool_add(struct pool *pool, struct pool_job *job);
/* Runs what is in the queue, then ends the threads. NULL is fine. */
void pool_stop(struct pool *pool);
#endif
