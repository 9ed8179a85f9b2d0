/* Two threads: the watcher looks each second how much waits, and makes the log refuse and take again, however
 * long the server keeps the other waiting; the carrier brings one batch after another. Each has the index
 * open for itself. What they share is behind one lock, which nobody holds while anything is waited for. */
#include "app/publisher.h"
#include "app/index-server.h"
#include "base/log.h"
#include "base/thread.h"
#include "crypto/random.h"
#include "record/publish.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH = 1200,
    NAP_MS = 1000,
    REST_LEAST_MS = 500,
    REST_MOST_MS = 10000,
    BEAT_US = 30000000,
    LEAVE_S = 3
};

struct publisher {
    char index_path[PATH], log_path[PATH], origin[256];
    const struct clock *clock;
    int cancel_fd;
    pthread_t watcher, carrier;
    bool watches, carries;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    /* Under the lock. */
    const struct config *config;
    struct record_log *log; /* NULL: it is closed */
    uint64_t generation;    /* of the configuration */
    bool stop;
    struct publisher_state state;
    int64_t current_us; /* when everything was there last */
};

static void nap(struct publisher *p, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&p->lock);
    uint64_t generation = p->generation;
    while (!p->stop && p->generation == generation)
        if (pthread_cond_timedwait(&p->woken, &p->lock, &until) == ETIMEDOUT) break;
    pthread_mutex_unlock(&p->lock);
}

static bool stopped(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

/* ---- the watcher */

/* It is full at its bound, and has room again an eighth below. */
static void note_waiting(struct publisher *p, uint64_t waiting)
{
    int64_t now = clock_monotonic_us(p->clock);
    pthread_mutex_lock(&p->lock);
    uint64_t spool = (uint64_t)p->config->store.postgres.spool;
    bool full = waiting >= (p->state.full ? spool - spool / 8 : spool);
    if (full != p->state.full)
        log_line(full ? LOG_ERROR : LOG_INFO,
                 full ? "too much waits for the shared index: statements are refused as on_failure says"
                      : "what waits for the shared index has room again");
    p->state.full = full;
    p->state.waiting = waiting;
    p->state.spool = spool;
    if (!waiting) p->current_us = now;
    p->state.behind_us = waiting ? now - p->current_us : 0;
    if (p->log) record_log_refuse(p->log, full);
    pthread_mutex_unlock(&p->lock);
}

static int watch_once(struct publisher *p, struct index **index)
{
    uint64_t waiting = 0;
    pthread_mutex_lock(&p->lock);
    uint64_t spool = (uint64_t)p->config->store.postgres.spool;
    pthread_mutex_unlock(&p->lock);
    struct publish_state state;
    int error = *index ? 0 : index_open(p->index_path, INDEX_WRITE, index);
    if (!error) error = publish_outbox_state(*index, &state);
    if (!error) error = publish_outbox_count(*index, spool + 1, &waiting);
    if (error == -ENOENT) error = 0; /* the carrier makes it */
    if (!error) note_waiting(p, waiting);
    if (!error) return 0;
    index_free(*index);
    *index = NULL;
    return error;
}

static void *watch(void *context)
{
    struct publisher *p = context;
    struct index *index = NULL;
    int said = 0;
    while (!stopped(p)) {
        int error = watch_once(p, &index);
        if (error && error != said && error != -EBUSY)
            log_line(LOG_ERROR, "it cannot be counted what waits for the shared index: %s", strerror(-error));
        said = error;
        nap(p, NAP_MS);
    }
    index_free(index);
    return NULL;
}

/* ---- the carrier */

struct carrier {
    const struct config *config;
    uint64_t generation;
    struct index *index;
    struct publish *publish;
    struct postgres *pg;
    unsigned failures;
    int said; /* the error that was logged */
    int64_t beat_us;
};

static void let_go(struct carrier *c)
{
    publish_free(c->publish);
    index_free(c->index);
    postgres_close(c->pg);
    c->publish = NULL;
    c->index = NULL;
    c->pg = NULL;
}

static void take_config(struct publisher *p, struct carrier *c)
{
    pthread_mutex_lock(&p->lock);
    const struct config *old = c->config;
    bool same = old && c->generation == p->generation;
    if (!same) c->config = config_ref(p->config);
    c->generation = p->generation;
    pthread_mutex_unlock(&p->lock);
    if (same) return;
    let_go(c);
    config_unref(old);
}

/* -EAGAIN: there is nothing to publish yet. */
static int attach(struct publisher *p, struct carrier *c, char why[POSTGRES_WHY])
{
    int error = index_open(p->index_path, INDEX_WRITE, &c->index);
    struct publish_options options = { .log = p->log_path,
                                       .origin = p->origin,
                                       .program = "postern " POSTERN_VERSION,
                                       .schema = c->config->store.postgres.schema,
                                       .index = c->index };
    c->publish = error ? NULL : publish_new(&options);
    if (error || !c->publish) {
        postgres_say(why, "the index", strerror(error ? -error : ENOMEM));
        return error ? error : -ENOMEM;
    }
    error = index_server_open(&c->config->store.postgres, p->cancel_fd, &c->pg, why);
    if (!error) error = publish_attach(c->publish, c->pg, why);
    c->beat_us = clock_monotonic_us(p->clock);
    return error;
}

static void note_step(struct publisher *p, struct carrier *c, int error, const struct publish_news *news,
                      const char *why)
{
    pthread_mutex_lock(&p->lock);
    bool was = p->state.failing, stop = p->stop;
    p->state.failing = error;
    if (error) p->state.failed++;
    p->state.walks = news->walks;
    if (!error && news->rows) p->state.rows += news->rows, p->state.batches++;
    if (!error && news->is_all) p->current_us = clock_monotonic_us(p->clock);
    pthread_mutex_unlock(&p->lock);
    c->failures = error ? c->failures + 1 : 0;
    if (error && error != c->said && !stop) log_line(LOG_WARNING, "the shared index is behind: %s", why);
    if (!error && was) log_line(LOG_INFO, "the shared index goes on");
    c->said = error;
}

/* Doubling, between half and one and a half of it. */
static void rest_after(struct publisher *p, unsigned failures)
{
    int64_t ms = REST_LEAST_MS;
    for (; failures > 1 && ms < REST_MOST_MS; failures--)
        ms *= 2;
    if (ms > REST_MOST_MS) ms = REST_MOST_MS;
    nap(p, ms / 2 + (int64_t)(random_u64() % (uint64_t)ms));
}

/* Whether the server is still there, where nothing has changed for a while. */
static int beat(struct publisher *p, struct carrier *c, char why[POSTGRES_WHY])
{
    int64_t now = clock_monotonic_us(p->clock);
    if (now - c->beat_us < BEAT_US) return postgres_glance(c->pg, why);
    c->beat_us = now;
    return publish_beat(c->publish, c->pg, why);
}

/* One batch, or a connection first. Answers whether to come again at once. */
static bool carry_once(struct publisher *p, struct carrier *c)
{
    char why[POSTGRES_WHY] = "";
    struct publish_news news = { 0 };
    enum publish_outcome outcome = PUBLISH_DONE;
    int error = c->pg ? 0 : attach(p, c, why);
    if (error == -EAGAIN && !*why) { /* the log is empty */
        let_go(c);
        return false;
    }
    if (!error) outcome = publish_step(c->publish, c->pg, &news, why);
    if (!error && outcome == PUBLISH_FAILED) error = -EIO;
    if (!error && outcome == PUBLISH_DONE) error = beat(p, c, why);
    if (error || outcome == PUBLISH_AGAIN) let_go(c);
    if (outcome == PUBLISH_AGAIN) return true;
    note_step(p, c, error, &news, why);
    return !error && outcome == PUBLISH_MORE;
}

static void *carry(void *context)
{
    struct publisher *p = context;
    struct carrier c = { 0 };
    for (bool stop = false; !stop;) {
        take_config(p, &c);
        bool more = carry_once(p, &c);
        stop = stopped(p) && (!more || c.failures);
        if (stop || more) continue;
        if (c.failures)
            rest_after(p, c.failures);
        else
            nap(p, NAP_MS);
    }
    let_go(&c);
    config_unref(c.config);
    return NULL;
}

/* ---- life */

/* Nothing is published: nothing needs to be noted. */
static int forget_all(const char *path)
{
    struct index *index;
    if (access(path, F_OK)) return 0;
    int error = index_open(path, INDEX_WRITE, &index);
    if (error) return 0; /* the follower says what is wrong with it */
    error = publish_outbox_remove(index);
    index_free(index);
    return error == -EBUSY ? 0 : error;
}

static int start_threads(struct publisher *p)
{
    p->cancel_fd = eventfd(0, EFD_CLOEXEC);
    if (p->cancel_fd < 0) return -errno;
    int error = thread_start(&p->watcher, "publish-watch", watch, p);
    p->watches = !error;
    if (!error) error = thread_start(&p->carrier, "publish-carry", carry, p);
    p->carries = p->watches && !error;
    return error;
}

int publisher_start(const struct publisher_options *options, struct publisher **out)
{
    pthread_condattr_t attributes;
    struct index *index = NULL;
    *out = NULL;
    struct publisher *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    snprintf(p->index_path, sizeof p->index_path, "%s/index.db", options->data);
    snprintf(p->log_path, sizeof p->log_path, "%s/log", options->data);
    snprintf(p->origin, sizeof p->origin, "%s", options->origin);
    if (!options->config->store.postgres.hosts.n) {
        int error = forget_all(p->index_path);
        free(p);
        return error;
    }
    p->clock = options->clock;
    p->config = config_ref(options->config);
    p->log = options->log;
    p->cancel_fd = -1;
    p->current_us = clock_monotonic_us(p->clock);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->woken, &attributes);
    pthread_condattr_destroy(&attributes);
    /* From the first change on all is noted, and what waits already counts from the first statement on. */
    struct publish_state state;
    int error = index_open(p->index_path, INDEX_WRITE, &index);
    if (!error) error = publish_outbox_open(index, &state);
    index_free(index);
    index = NULL;
    if (!error) error = watch_once(p, &index);
    index_free(index);
    if (!error) error = start_threads(p);
    if (error) {
        log_line(LOG_ERROR, "the shared index cannot be published: %s", strerror(-error));
        publisher_stop(p);
        return error;
    }
    *out = p;
    return 0;
}

void publisher_reload(struct publisher *p, const struct config *config)
{
    bool there = config->store.postgres.hosts.n;
    if (!p && there) log_line(LOG_WARNING, "reload: the index is published from the next start on");
    if (p && !there) log_line(LOG_WARNING, "reload: the index is published until the next start");
    if (!p || !there) return;
    pthread_mutex_lock(&p->lock);
    const struct config *old = p->config;
    p->config = config_ref(config);
    p->generation++;
    pthread_cond_broadcast(&p->woken);
    pthread_mutex_unlock(&p->lock);
    config_unref(old);
}

void publisher_leave_log(struct publisher *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->log = NULL;
    pthread_mutex_unlock(&p->lock);
}

static void end_threads(struct publisher *p)
{
    struct timespec until;
    uint64_t one = 1;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->woken);
    pthread_mutex_unlock(&p->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LEAVE_S;
    if (p->carries && pthread_timedjoin_np(p->carrier, NULL, &until)) {
        if (write(p->cancel_fd, &one, sizeof one) != sizeof one) log_line(LOG_ERROR, "an event is lost");
        pthread_join(p->carrier, NULL);
    }
    if (p->watches) pthread_join(p->watcher, NULL);
}

void publisher_stop(struct publisher *p)
{
    if (!p) return;
    end_threads(p);
    if (p->cancel_fd >= 0) close(p->cancel_fd);
    pthread_cond_destroy(&p->woken);
    pthread_mutex_destroy(&p->lock);
    config_unref(p->config);
    free(p);
}

void publisher_tell(struct publisher *p, struct publisher_state *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->state;
    pthread_mutex_unlock(&p->lock);
}
