/* The gateway's own words about anchors must not make news of which it then has to speak: they are counted
 * when they are written, and when they are found sealed. */
#include "app/anchors.h"
#include "app/anchor-way.h"
#include "app/notices.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/thread.h"
#include "notify/sign.h"
#include "record/frame.h"
#include "record/newest.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    LOOK_US = 500000,
    FIRST_RETRY_US = 1000000,
    LAST_RETRY_US = 300000000,
    LATE_US = 60000000,
    PATH = 4200
};

struct anchor {
    struct anchors *all;
    const struct config_anchor *config;
    const struct anchor_way *way;
    struct secret secret;
    char name[NOTIFY_NAME];
    pthread_t thread;
    bool runs;
    /* Of its thread. */
    uint64_t looked; /* up to here the log holds no news */
    uint64_t found;  /* how many of our own words were met */
    int64_t next_us, retry_us;
    /* Under the lock. */
    uint64_t size, done, failed;
    int64_t since_us; /* news waits since then; 0: none does */
    int64_t done_us;
};
struct anchors {
    const struct config *config;
    const struct clock *clock;
    struct journal *journal;
    char log[PATH], public_key_path[PATH];
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool stop;
    atomic_bool cancel;
    uint64_t written; /* our own words in the log; under the lock */
    size_t n;
    struct anchor items[API_ANCHORS];
};

static uint64_t written(struct anchors *all)
{
    pthread_mutex_lock(&all->lock);
    uint64_t n = all->written;
    pthread_mutex_unlock(&all->lock);
    return n;
}

/* Whether the log up to `size` holds more than was anchored and our own words. */
static bool is_news(struct anchor *a, uint64_t size)
{
    struct newest_since since;
    if (a->looked == 0) return size > 0;
    if (size <= a->looked) return size < a->looked; /* a log that shrank: the place says so */
    if (newest_since(a->all->log, a->looked, size, &since)) return true;
    if (since.others || since.frames > written(a->all) - a->found) return true;
    a->looked = size;
    a->found += since.frames;
    return false;
}

/* That it was taken, for the record. Where the log has no room for it, the anchor stands all the same. */
static void record(struct anchor *a, const struct newest *c)
{
    struct buf body, root;
    buf_init(&body, 16 * 1024);
    buf_init(&root, 256);
    codec_base64(CODEC_BASE64, bytes_make(c->root, sizeof c->root), &root);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "what", "anchored");
    frame_fields_add_text(&f, "anchor", a->name);
    frame_fields_add_text(&f, "how", a->way->name);
    frame_fields_add_number(&f, "size", (int64_t)c->size);
    frame_fields_add(&f, "root", buf_bytes(&root));
    /* Counted first: sealed words that are not counted yet would be news. */
    pthread_mutex_lock(&a->all->lock);
    a->all->written++;
    pthread_mutex_unlock(&a->all->lock);
    if (body.failed || !journal_write(a->all->journal, FRAME_GATEWAY, buf_bytes(&body))) {
        pthread_mutex_lock(&a->all->lock);
        a->all->written--;
        pthread_mutex_unlock(&a->all->lock);
    }
    buf_free(&body);
    buf_free(&root);
}

static void taken(struct anchor *a, const struct newest *c, bool last)
{
    int64_t now = clock_monotonic_us(a->all->clock);
    pthread_mutex_lock(&a->all->lock);
    bool again = a->retry_us > 0;
    a->size = c->size;
    a->done++;
    a->done_us = now;
    a->since_us = 0;
    pthread_mutex_unlock(&a->all->lock);
    if (again) log_line(LOG_INFO, "anchor %s: checkpoints are taken again", a->name);
    a->looked = c->size;
    a->retry_us = 0;
    a->next_us = now + a->config->every_us;
    if (last) return;
    a->found = written(a->all);
    record(a, c);
}

static void not_taken(struct anchor *a, const char *why)
{
    pthread_mutex_lock(&a->all->lock);
    a->failed++;
    pthread_mutex_unlock(&a->all->lock);
    if (!a->retry_us)
        log_line(LOG_WARNING, "anchor %s: a checkpoint is not taken, trying again reason=\"%s\"", a->name,
                 why);
    a->retry_us = a->retry_us ? 2 * a->retry_us : FIRST_RETRY_US;
    if (a->retry_us > LAST_RETRY_US) a->retry_us = LAST_RETRY_US;
    a->next_us = clock_monotonic_us(a->all->clock) + a->retry_us;
}

static void put(struct anchor *a, const struct newest *c, struct bytes note, bool last)
{
    uint8_t key[32];
    char why[160] = "";
    struct buf public_key;
    buf_init(&public_key, 4096);
    int error = verifier_key_load(a->all->public_key_path, key, &public_key);
    struct anchor_note it = { c, note, buf_bytes(&public_key) };
    struct anchor_to to = { a->config, secret_bytes(&a->secret), a->all->clock,
                            last ? NULL : &a->all->cancel };
    if (error)
        snprintf(why, sizeof why, "log.pub cannot be read: %s", strerror(-error));
    else
        error = a->way->put(&to, &it, why);
    if (error)
        not_taken(a, why);
    else
        taken(a, c, last);
    buf_free(&public_key);
}

/* One look. last: the log is closed, and this is the last attempt. */
static void look(struct anchor *a, bool last)
{
    struct newest c;
    struct buf note;
    int64_t now = clock_monotonic_us(a->all->clock);
    if (!last && now < a->next_us) return;
    buf_init(&note, 64 * 1024);
    /* The last one is kept whatever it holds: then the log ends where its anchor does. */
    if (newest_read(a->all->log, &c, &note) == 0 && c.size &&
        (last ? c.size != a->size : is_news(a, c.size))) {
        pthread_mutex_lock(&a->all->lock);
        if (!a->since_us) a->since_us = now;
        pthread_mutex_unlock(&a->all->lock);
        put(a, &c, buf_bytes(&note), last);
    }
    buf_free(&note);
}

static void *run(void *context)
{
    struct anchor *a = context;
    struct anchors *all = a->all;
    pthread_mutex_lock(&all->lock);
    while (!all->stop) {
        struct timespec until;
        pthread_mutex_unlock(&all->lock);
        look(a, false);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_US * 1000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&all->lock);
        if (!all->stop) pthread_cond_timedwait(&all->woken, &all->lock, &until);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

static int build(struct anchors *all, size_t i)
{
    struct anchor *a = &all->items[i];
    a->all = all;
    a->config = &all->config->anchors.items[i];
    a->way = anchor_way_of(a->config);
    if (!a->way) return -EINVAL;
    if (a->config->name.n)
        snprintf(a->name, sizeof a->name, "%.*s", BYTES_FMT(a->config->name));
    else
        snprintf(a->name, sizeof a->name, "%zu", i + 1);
    return a->way->signs ? notices_read_key(&a->config->secret, a->name, &a->secret) : 0;
}

int anchors_start(const struct config *config, const char *data, struct journal *journal,
                  const struct clock *clock, struct anchors **out)
{
    pthread_condattr_t attributes;
    *out = NULL;
    if (!config->anchors.n) return 0;
    struct anchors *all = calloc(1, sizeof *all);
    if (!all) return -ENOMEM;
    all->config = config_ref(config);
    all->clock = clock;
    all->journal = journal;
    snprintf(all->log, sizeof all->log, "%s/log", data);
    snprintf(all->public_key_path, sizeof all->public_key_path, "%s/log.pub", data);
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&all->woken, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = 0;
    for (; !error && all->n < config->anchors.n && all->n < API_ANCHORS; all->n++)
        error = build(all, all->n);
    for (size_t i = 0; !error && i < all->n; i++) {
        error = thread_start(&all->items[i].thread, "anchor", run, &all->items[i]);
        all->items[i].runs = !error;
    }
    if (error) {
        log_line(LOG_ERROR, "anchors: they cannot start: %s", strerror(-error));
        anchors_stop(all);
        all->n = 0;
        anchors_free(all);
        return error;
    }
    *out = all;
    return 0;
}

size_t anchors_count(struct anchors *all, struct api_anchor out[API_ANCHORS])
{
    if (!all) return 0;
    int64_t now = clock_monotonic_us(all->clock);
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->n; i++) {
        const struct anchor *a = &all->items[i];
        int64_t waits = a->since_us ? now - a->since_us : 0;
        out[i] = (struct api_anchor){ .name = a->name,
                                      .size = a->size,
                                      .done = a->done,
                                      .failed = a->failed,
                                      .waits_us = waits,
                                      .late = waits > LATE_US };
    }
    pthread_mutex_unlock(&all->lock);
    return all->n;
}

void anchors_stop(struct anchors *all)
{
    if (!all) return;
    atomic_store(&all->cancel, true);
    pthread_mutex_lock(&all->lock);
    all->stop = true;
    pthread_cond_broadcast(&all->woken);
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].runs) pthread_join(all->items[i].thread, NULL);
}

void anchors_free(struct anchors *all)
{
    if (!all) return;
    for (size_t i = 0; i < all->n; i++)
        look(&all->items[i], true);
    for (size_t i = 0; i < API_ANCHORS; i++)
        secret_free(&all->items[i].secret);
    pthread_cond_destroy(&all->woken);
    pthread_mutex_destroy(&all->lock);
    config_unref(all->config);
    free(all);
}
