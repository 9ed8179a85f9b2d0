/* A loop that only has tasks. */
#include "app/understander.h"
#include "base/thread.h"
#include "net/loop.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { WAITING_MOST = 64 };

struct understander {
    struct loop *loop;
    pthread_t thread;
    unsigned n_waiting; /* atomic */
    struct loop_task last;
};

struct order {
    struct loop_task task;
    struct understander *understander;
    struct view_job *job;
    void (*done)(void *context, struct view_job *job);
    void *context;
};

static void run_order(struct loop_task *task)
{
    struct order *o = (struct order *)task;
    session_job_run(o->job);
    __atomic_sub_fetch(&o->understander->n_waiting, 1, __ATOMIC_SEQ_CST);
    o->done(o->context, o->job);
    free(o);
}

bool understander_ask(struct understander *u, struct view_job *job,
                      void (*done)(void *context, struct view_job *job), void *context)
{
    struct order *o = NULL;
    if (__atomic_add_fetch(&u->n_waiting, 1, __ATOMIC_SEQ_CST) <= WAITING_MOST) o = malloc(sizeof *o);
    if (!o) {
        __atomic_sub_fetch(&u->n_waiting, 1, __ATOMIC_SEQ_CST);
        return false;
    }
    *o = (struct order){ { .run = run_order }, u, job, done, context };
    loop_post(u->loop, &o->task);
    return true;
}

static void *understander_main(void *context)
{
    struct understander *u = context;
    loop_run(u->loop);
    return NULL;
}

int understander_start(const struct clock *clock, struct understander **out)
{
    struct understander *u = calloc(1, sizeof *u);
    if (!u) return -ENOMEM;
    int error = loop_new(clock, &u->loop);
    if (!error) error = thread_start(&u->thread, "understander", understander_main, u);
    if (error) {
        loop_free(u->loop);
        free(u);
        return error;
    }
    *out = u;
    return 0;
}

static void run_last(struct loop_task *task)
{
    struct understander *u = (struct understander *)((char *)task - offsetof(struct understander, last));
    loop_stop(u->loop);
}

void understander_stop(struct understander *u)
{
    if (!u) return;
    u->last.run = run_last;
    loop_post(u->loop, &u->last);
    pthread_join(u->thread, NULL);
    loop_free(u->loop);
    free(u);
}
