/* One buffer between the thread that makes and the stream that is read; two references to it. */
#include "api/making.h"
#include "api/private.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    MOST = 3,     /* at once, of all: threads of the service are left while they wait for a first byte */
    FIRST_S = 20, /* until an answer begins without its first byte */
    CHUNK = 256 << 10,
    STACK = 1 << 20,
    BUFFER = 128 << 20
};

struct makings {
    pthread_mutex_t lock;
    pthread_cond_t none;
    unsigned n;
    bool stopping;
};
struct making {
    struct makings *of;
    struct api *api;
    struct making_plan plan;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf buffer;
    unsigned references;
    bool begun, done, gone, failed; /* begun: something was put; gone: nobody reads */
    int status;                     /* of the problem, where it failed */
    char kind[32], message[512];
};

struct makings *makings_new(void)
{
    struct makings *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->none, NULL);
    return m;
}

static bool is_stopping(struct makings *m)
{
    pthread_mutex_lock(&m->lock);
    bool stopping = m->stopping;
    pthread_mutex_unlock(&m->lock);
    return stopping;
}

void makings_stop(struct makings *m)
{
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_mutex_unlock(&m->lock);
}

void makings_free(struct makings *m)
{
    if (!m) return;
    pthread_mutex_lock(&m->lock);
    while (m->n)
        pthread_cond_wait(&m->none, &m->lock);
    pthread_mutex_unlock(&m->lock);
    pthread_cond_destroy(&m->none);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static bool may_begin(struct makings *m)
{
    pthread_mutex_lock(&m->lock);
    bool may = !m->stopping && m->n < MOST;
    m->n += may;
    pthread_mutex_unlock(&m->lock);
    return may;
}

static void ended(struct makings *m)
{
    pthread_mutex_lock(&m->lock);
    if (--m->n == 0) pthread_cond_broadcast(&m->none);
    pthread_mutex_unlock(&m->lock);
}

static void release(struct making *m)
{
    pthread_mutex_lock(&m->lock);
    bool last = --m->references == 0;
    pthread_mutex_unlock(&m->lock);
    if (!last) return;
    m->plan.free(m->plan.context);
    buf_wipe(&m->buffer);
    buf_free(&m->buffer);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- whoever makes */

/* With the lock held, so that the service is still there: it stops behind the reader. */
static void tell(struct making *m)
{
    pthread_cond_broadcast(&m->changed);
    if (!m->gone) api_wake(m->api);
}

/* The reader may be slow, and the end may come meanwhile: it is looked at now and then. */
static void wait_a_moment(struct making *m)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_cond_clockwait(&m->changed, &m->lock, CLOCK_MONOTONIC, &until);
}

int making_put(struct making *m, const void *data, size_t n)
{
    pthread_mutex_lock(&m->lock);
    while (!m->gone && buf_length(&m->buffer) > m->plan.ahead && !is_stopping(m->of))
        wait_a_moment(m);
    bool wanted = !m->gone && !is_stopping(m->of);
    bool was_empty = !buf_length(&m->buffer);
    if (wanted) buf_append(&m->buffer, bytes_make(data, n));
    m->begun |= n > 0;
    if (wanted && was_empty && n) tell(m);
    int error = !wanted ? -EPIPE : m->buffer.failed ? -ENOMEM : 0;
    pthread_mutex_unlock(&m->lock);
    return error;
}

bool making_is_wanted(struct making *m)
{
    pthread_mutex_lock(&m->lock);
    bool wanted = !m->gone && !is_stopping(m->of);
    pthread_mutex_unlock(&m->lock);
    return wanted;
}

void making_fail(struct making *m, int status, const char *kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&m->lock);
    m->failed = true;
    m->status = status;
    snprintf(m->kind, sizeof m->kind, "%s", kind);
    vsnprintf(m->message, sizeof m->message, format, args);
    pthread_mutex_unlock(&m->lock);
    va_end(args);
}

static void *making_main(void *context)
{
    struct making *m = context;
    struct makings *of = m->of;
    m->plan.make(m, m->plan.context);
    pthread_mutex_lock(&m->lock);
    m->done = true;
    m->failed |= m->buffer.failed || is_stopping(of);
    tell(m);
    pthread_mutex_unlock(&m->lock);
    release(m);
    ended(of);
    return NULL;
}

/* ---- whoever reads */

static enum http_more making_more(void *stream, struct buf *out)
{
    struct making *m = stream;
    pthread_mutex_lock(&m->lock);
    size_t n = buf_length(&m->buffer) < CHUNK ? buf_length(&m->buffer) : CHUNK;
    buf_append(out, bytes_slice(buf_bytes(&m->buffer), 0, n));
    buf_consume(&m->buffer, n);
    bool empty = !buf_length(&m->buffer);
    enum http_more more = m->done && m->failed ? HTTP_MORE_BROKEN
                          : m->done && empty   ? HTTP_MORE_END
                          : n                  ? HTTP_MORE_YES
                                               : HTTP_MORE_LATER;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return more;
}

static void making_ended(void *stream)
{
    struct making *m = stream;
    pthread_mutex_lock(&m->lock);
    m->gone = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    release(m);
}

/* Waits for the first byte, or for what went wrong before it. */
static bool wait_for_first(struct making *m)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += FIRST_S;
    pthread_mutex_lock(&m->lock);
    int error = 0;
    while (!error && !m->begun && !m->done)
        error = pthread_cond_clockwait(&m->changed, &m->lock, CLOCK_MONOTONIC, &until);
    bool good = m->begun || !(m->done && m->failed);
    pthread_mutex_unlock(&m->lock);
    return good;
}

static bool begin_thread(struct making *m)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK);
    bool good = pthread_create(&thread, &attributes, making_main, m) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

static void answer(struct api_call *call, struct making *m)
{
    api_json(call);
    call->x->type = m->plan.type;
    if (m->plan.filename.n) {
        struct bytes disposition =
            arena_printf(call->arena, "attachment; filename=\"%.*s\"", BYTES_FMT(m->plan.filename));
        if (disposition.p) http_exchange_header(call->x, "Content-Disposition", disposition);
    }
    call->x->more = making_more;
    call->x->ended = making_ended;
    call->x->stream = m;
}

void making_start(struct api_call *call, const struct making_plan *plan)
{
    struct makings *of = call->api->makings;
    struct making *m = calloc(1, sizeof *m);
    if (!m || !may_begin(of)) {
        plan->free(plan->context);
        free(m);
        api_problem(call, 429, "too-many", "Too many long answers are being made.");
        return;
    }
    *m = (struct making){ .of = of, .api = call->api, .plan = *plan, .references = 2 };
    m->status = 503;
    snprintf(m->kind, sizeof m->kind, "unavailable");
    snprintf(m->message, sizeof m->message, "It cannot be made now.");
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    buf_init(&m->buffer, BUFFER);
    if (!begin_thread(m)) {
        m->references = 1;
        release(m);
        ended(of);
        api_problem(call, 503, "unavailable", "There is no memory.");
        return;
    }
    if (wait_for_first(m)) {
        answer(call, m);
        return;
    }
    api_problem(call, m->status, m->kind, "%s", m->message);
    making_ended(m);
}
