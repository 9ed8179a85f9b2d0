/* What others ask of all workers: to end a session, to add to its claims, how much was done. */
#include "app/worker-private.h"
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

enum { KILL_ANSWER_S = 5 };

/* Shared by the tasks of one call; the last to let go frees it. */
struct kill_request {
    unsigned n_users, n_left; /* atomic */
    bool found;               /* atomic */
    sem_t answered;
    uint64_t session;
    char by[1200];
    struct buf claims; /* not empty: these are added, and nothing ends */
};
struct kill_task {
    struct loop_task task;
    struct worker *worker;
    struct kill_request *request;
};

static void kill_request_release(struct kill_request *request)
{
    if (__atomic_sub_fetch(&request->n_users, 1, __ATOMIC_ACQ_REL)) return;
    sem_destroy(&request->answered);
    buf_free(&request->claims);
    free(request);
}

static void run_kill(struct loop_task *task)
{
    struct kill_task *t = (struct kill_task *)task;
    struct session *session = relays_find(&t->worker->relays, t->request->session);
    if (session) {
        if (buf_length(&t->request->claims))
            session_claim(session, buf_bytes(&t->request->claims));
        else
            session_kill(session, false, bytes_of(t->request->by));
        relay_touch(&t->worker->relays, session);
        __atomic_store_n(&t->request->found, true, __ATOMIC_SEQ_CST);
    }
    if (__atomic_sub_fetch(&t->request->n_left, 1, __ATOMIC_SEQ_CST) == 0 || session)
        sem_post(&t->request->answered);
    kill_request_release(t->request);
    free(t);
}

static struct kill_request *request_new(uint64_t session)
{
    struct kill_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    sem_init(&request->answered, 0, 0);
    buf_init(&request->claims, 1 << 20);
    request->session = session;
    return request;
}

/* Hands it to every worker, and waits. */
static bool request_run(struct workers *workers, struct kill_request *request)
{
    struct timespec until;
    request->n_users = 1 + workers->n;
    request->n_left = workers->n;
    for (unsigned i = 0; i < workers->n; i++) {
        struct worker *worker = worker_at(workers, i);
        struct kill_task *t = worker ? calloc(1, sizeof *t) : NULL;
        if (!t) {
            if (__atomic_sub_fetch(&request->n_left, 1, __ATOMIC_SEQ_CST) == 0) sem_post(&request->answered);
            kill_request_release(request);
            continue;
        }
        *t = (struct kill_task){ .task.run = run_kill, .worker = worker, .request = request };
        loop_post(t->worker->loop, &t->task);
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += KILL_ANSWER_S;
    while (sem_timedwait(&request->answered, &until) && errno == EINTR)
        ;
    bool found = __atomic_load_n(&request->found, __ATOMIC_SEQ_CST);
    kill_request_release(request);
    return found;
}

bool workers_kill(struct workers *workers, uint64_t session, const char *by)
{
    struct kill_request *request = request_new(session);
    if (!request) return false;
    memcpy(request->by, by, strnlen(by, sizeof request->by - 1));
    return request_run(workers, request);
}

bool workers_claim(struct workers *workers, uint64_t session, struct bytes fields)
{
    struct kill_request *request = request_new(session);
    if (!request) return false;
    buf_append(&request->claims, fields);
    if (!request->claims.failed && fields.n) return request_run(workers, request);
    request->n_users = 1;
    kill_request_release(request);
    return false;
}

void workers_count(const struct workers *workers, struct worker_counts *out)
{
    for (unsigned i = 0; i < workers->n; i++) {
        struct worker *worker = worker_at(workers, i);
        if (!worker) continue;
        struct session_counts *counts = &worker->world.counts;
        out->sent += atomic_load_explicit(&counts->sent, memory_order_relaxed);
        out->refused += atomic_load_explicit(&counts->refused, memory_order_relaxed);
        out->held += atomic_load_explicit(&counts->held, memory_order_relaxed);
    }
}
