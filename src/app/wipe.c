/* Lanes of threads that are no workers hold the gateway's own frames alone, which are never erased: they
 * stay. */
#include "app/wipe.h"
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_NS = 10000000 };

/* Shared by the tasks of one round; the last to let go frees it. */
struct round {
    unsigned n_users; /* atomic */
    bool failed;      /* atomic: some lane stayed */
    sem_t answered;
};
struct turn_task {
    struct loop_task task;
    struct record_lane *lane;
    struct round *round;
};

static void round_release(struct round *round)
{
    if (__atomic_sub_fetch(&round->n_users, 1, __ATOMIC_ACQ_REL)) return;
    sem_destroy(&round->answered);
    free(round);
}

static void run_turn(struct loop_task *task)
{
    struct turn_task *t = (struct turn_task *)task;
    if (!record_lane_turn(t->lane)) __atomic_store_n(&t->round->failed, true, __ATOMIC_SEQ_CST);
    sem_post(&t->round->answered);
    round_release(t->round);
    free(t);
}

static struct worker *worker_of(struct workers *workers, unsigned i)
{
    struct worker **all = __atomic_load_n(&workers->all, __ATOMIC_ACQUIRE);
    return all ? __atomic_load_n(&all[i], __ATOMIC_ACQUIRE) : NULL;
}

static struct timespec later(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static bool is_past(const struct timespec *until)
{
    struct timespec now = later(0);
    return now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* Every worker's lane turns. */
static bool turn_all(struct workers *workers, struct record_log *log, const struct timespec *until)
{
    unsigned posted = 0;
    bool good = true;
    struct round *round = calloc(1, sizeof *round);
    if (!round) return false;
    sem_init(&round->answered, 0, 0);
    round->n_users = 1;
    for (unsigned i = 0; i < workers->n && good; i++) {
        struct worker *worker = worker_of(workers, i);
        struct turn_task *t = worker ? calloc(1, sizeof *t) : NULL;
        good = t != NULL;
        if (!t) break;
        *t = (struct turn_task){ .task.run = run_turn, .lane = record_log_lane(log, i), .round = round };
        __atomic_add_fetch(&round->n_users, 1, __ATOMIC_ACQ_REL);
        worker_post(worker, &t->task);
        posted++;
    }
    for (unsigned i = 0; i < posted && good; i++) {
        int got;
        while ((got = sem_timedwait(&round->answered, until)) && errno == EINTR)
            continue;
        good = got == 0;
    }
    good = good && !__atomic_load_n(&round->failed, __ATOMIC_SEQ_CST);
    round_release(round);
    return good;
}

static bool all_wiped(struct workers *workers, struct record_log *log)
{
    for (unsigned i = 0; i < workers->n; i++)
        if (!record_log_is_wiped(log, i)) return false;
    return true;
}

bool wipe_tail(struct workers *workers, struct record_log *log, unsigned timeout_ms)
{
    static const struct timespec nap = { .tv_nsec = LOOK_NS };
    struct timespec until = later(timeout_ms);
    record_log_wipe(log, true);
    bool turned, wiped = false;
    while (!(turned = turn_all(workers, log, &until)) && !is_past(&until))
        nanosleep(&nap, NULL);
    while (turned && !(wiped = all_wiped(workers, log)) && !is_past(&until))
        nanosleep(&nap, NULL);
    record_log_wipe(log, false);
    return wiped;
}
