/* A thread a stream: a batch of blocks becomes lines, the lines are delivered, the position behind them is
 * stored. Whatever goes wrong, the batch is made again from the stored position, after a pause that doubles
 * up to half a minute. */
#include "app/stream.h"
#include "app/stream-sink.h"
#include "base/log.h"
#include "base/thread.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH_BLOCKS = 256,
    BATCH_BYTES = 4 << 20,
    BATCH_CEILING = 256 << 20,
    PAUSE_MS = 250,
    PAUSE_MOST_MS = 30000,
    LAST_MS = 5000
};

struct stream {
    struct streams *all;
    const struct config_stream *to;
    const struct record_keys *keys;
    char name[CONFIG_STREAM_NAME], position_file[4400];
    pthread_t thread;
    bool started, stop; /* stop: atomic, for the sink */
    struct stream_sink *sink;
    struct record_reader *reader;
    struct stream_lines *lines;
    struct buf batch;
    uint64_t n_batch; /* entries */
    uint64_t position;
    int last_error;
    /* for the metrics */
    atomic_uint_fast64_t n_delivered, n_failed;
    _Atomic int64_t oldest_us; /* of the oldest block that was not delivered; 0: none */
};

struct streams {
    const struct clock *clock;
    struct bytes gateway;
    const struct record_far *far;
    const struct config *config;
    char log[4200];
    struct stream *items;
    size_t n;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    uint64_t n_wakes;
    bool stop;
};

/* ---- the position: written anew and renamed, once what is before it is safe */

static int store_position(struct stream *s)
{
    char text[64], fresh[4410];
    int n = snprintf(text, sizeof text, "postern-stream 1 %llu\n", (unsigned long long)s->position);
    snprintf(fresh, sizeof fresh, "%s.new", s->position_file);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    int error = write(fd, text, (size_t)n) == n ? 0 : -ENOSPC;
    if (!error && fdatasync(fd)) error = -errno;
    close(fd);
    return error ? error : rename(fresh, s->position_file) ? -errno : 0;
}

/* One that is not there, or not whole, is the log's beginning: twice is better than never. */
static void load_position(struct stream *s)
{
    char text[64];
    int64_t position;
    static const char front[] = "postern-stream 1 ";
    s->position = 0;
    int fd = open(s->position_file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0) close(fd);
    struct bytes b = bytes_make(text, n > 0 ? (size_t)n : 0);
    if (!b.n || text[b.n - 1] != '\n' || !bytes_starts_with(b, front)) {
        if (n >= 0) log_line(LOG_WARNING, "stream %s: its position cannot be read: it begins anew", s->name);
        return;
    }
    b = bytes_slice(b, sizeof front - 1, b.n - sizeof front);
    if (bytes_to_int64(b, &position) && position >= 0) s->position = (uint64_t)position;
}

/* ---- a batch */

static void on_entry(void *context, const struct stream_entry *entry)
{
    struct stream *s = context;
    stream_sink_format(s->sink, entry, &s->batch);
    s->n_batch++;
}

static void forget(struct stream *s)
{
    stream_lines_free(s->lines);
    record_reader_free(s->reader);
    s->lines = NULL;
    s->reader = NULL;
    buf_free(&s->batch);
    buf_init(&s->batch, BATCH_CEILING);
    s->n_batch = 0;
}

static int open_log(struct stream *s)
{
    struct streams *all = s->all;
    if (s->reader) return 0;
    int error = record_reader_open(all->log, s->keys, &s->reader);
    if (error) return error;
    record_reader_reach(s->reader, all->far);
    record_reader_follow_types(s->reader, stream_lines_types());
    s->lines = stream_lines_new(all->log, s->keys, all->far, all->gateway, s->to->text, on_entry, s);
    return s->lines ? 0 : -ENOMEM;
}

/* Lines of the next blocks. 0 and *n_out blocks; -errno. */
static int gather(struct stream *s, uint64_t *next_out, unsigned *n_out)
{
    struct record_block block;
    *next_out = s->position;
    for (*n_out = 0; *n_out < BATCH_BLOCKS && buf_length(&s->batch) < BATCH_BYTES; ++*n_out) {
        enum record_read got = record_reader_follow(s->reader, *next_out, &block);
        if (got == RECORD_READ_END) break;
        if (got == RECORD_READ_BAD) {
            log_line(LOG_WARNING, "stream %s: the log cannot be followed: %s", s->name,
                     record_reader_message(s->reader));
            return -EBADMSG;
        }
        if (!*n_out) s->oldest_us = block.time_us;
        if (!stream_lines_block(s->lines, s->reader, &block) || s->batch.failed) return -ENOMEM;
        *next_out = block.next_position;
    }
    return 0;
}

static int step(struct stream *s, bool *more)
{
    unsigned n = 0;
    uint64_t next;
    int error = open_log(s);
    *more = false;
    if (!error) error = gather(s, &next, &n);
    if (error) return error;
    if (!n) {
        s->oldest_us = 0;
        return 0;
    }
    if (buf_length(&s->batch)) error = stream_sink_deliver(s->sink, buf_bytes(&s->batch));
    if (error) return error;
    s->position = next;
    error = store_position(s); /* it is delivered all the same: the worst is that it comes twice */
    s->n_delivered += s->n_batch;
    buf_consume(&s->batch, buf_length(&s->batch));
    s->n_batch = 0;
    *more = true;
    return error;
}

/* ---- the thread */

static void say(struct stream *s, int error)
{
    if (error == s->last_error || error == -ECANCELED) return;
    s->last_error = error;
    if (error)
        log_line(LOG_WARNING, "stream %s is late: %s", s->name,
                 stream_sink_why(s->sink)[0] ? stream_sink_why(s->sink) : strerror(-error));
    else
        log_line(LOG_INFO, "stream %s goes on", s->name);
}

/* Until blocks are synced, or so long. Answers whether to go on. */
static bool pause_for(struct stream *s, uint64_t *seen, int ms, bool until_woken)
{
    struct streams *all = s->all;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&all->lock);
    while (!all->stop && !(until_woken && *seen != all->n_wakes))
        if (pthread_cond_timedwait(&all->woken, &all->lock, &until) == ETIMEDOUT) break;
    *seen = all->n_wakes;
    bool go_on = !all->stop;
    pthread_mutex_unlock(&all->lock);
    return go_on;
}

static void *run(void *context)
{
    struct stream *s = context;
    uint64_t seen = 0;
    int pause = PAUSE_MS;
    bool go_on = true, more = false;
    while (go_on || more) {
        int error = step(s, &more);
        say(s, error);
        if (error) {
            s->n_failed++;
            forget(s);
            if (!go_on) break;
            go_on = pause_for(s, &seen, pause, false);
            pause = pause * 2 > PAUSE_MOST_MS ? PAUSE_MOST_MS : pause * 2;
            continue;
        }
        pause = PAUSE_MS;
        if (!more && go_on) {
            go_on = pause_for(s, &seen, 1000, true);
            more = !go_on; /* what was synced last */
        }
        if (__atomic_load_n(&s->stop, __ATOMIC_SEQ_CST)) break;
    }
    forget(s);
    return NULL;
}

static int start_one(struct streams *all, struct stream *s, const char *data)
{
    snprintf(s->name, sizeof s->name, "%.*s", BYTES_FMT(s->to->name));
    snprintf(s->position_file, sizeof s->position_file, "%s/streams/%s", data, s->name);
    s->all = all;
    buf_init(&s->batch, BATCH_CEILING);
    load_position(s);
    s->sink = stream_sink_new(s->to, &s->stop);
    if (!s->sink) return -ENOMEM;
    int error = thread_start(&s->thread, "stream", run, s);
    s->started = !error;
    return error;
}

int streams_start(const struct streams_options *options, struct streams **out)
{
    char folder[4200];
    size_t n = options->config->streams.n;
    *out = NULL;
    if (!n) return 0;
    struct streams *all = calloc(1, sizeof *all);
    struct stream *items = calloc(n, sizeof *items);
    pthread_condattr_t attributes;
    if (!all || !items) {
        free(all);
        free(items);
        return -ENOMEM;
    }
    *all = (struct streams){ .clock = options->clock,
                             .gateway = options->gateway,
                             .far = options->far,
                             .config = config_ref(options->config),
                             .items = items,
                             .n = n };
    snprintf(all->log, sizeof all->log, "%.4000s/log", options->data);
    snprintf(folder, sizeof folder, "%.4000s/streams", options->data);
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&all->woken, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = mkdir(folder, 0700) && errno != EEXIST ? -errno : 0;
    for (size_t i = 0; i < n && !error; i++) {
        items[i].to = &all->config->streams.items[i];
        items[i].keys = &options->keys[i];
        error = start_one(all, &items[i], options->data);
    }
    *out = all;
    if (!error) return 0;
    log_line(LOG_ERROR, "streams cannot start: %s", strerror(-error));
    streams_stop(all);
    *out = NULL;
    return error;
}

void streams_wake(struct streams *all)
{
    if (!all) return;
    pthread_mutex_lock(&all->lock);
    all->n_wakes++;
    pthread_cond_broadcast(&all->woken);
    pthread_mutex_unlock(&all->lock);
}

void streams_reopen(struct streams *all)
{
    for (size_t i = 0; all && i < all->n; i++)
        stream_sink_reopen(all->items[i].sink);
}

void streams_health(struct streams *all, struct api_health *out)
{
    int64_t now = all ? clock_wall_us(all->clock) : 0;
    for (size_t i = 0; all && i < all->n && out->n_streams < API_STREAMS; i++) {
        struct stream *s = &all->items[i];
        struct api_stream *to = &out->streams[out->n_streams++];
        int64_t oldest = s->oldest_us;
        snprintf(to->name, sizeof to->name, "%s", s->name);
        to->delivered = s->n_delivered;
        to->failed = s->n_failed;
        to->lag_us = oldest && now > oldest ? now - oldest : 0;
        to->is_late = to->lag_us > s->to->lag_us;
    }
}

/* Each gets a moment for what is left, then is told to give up. */
static void join(struct stream *s)
{
    struct timespec until;
    if (!s->started) return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LAST_MS / 1000;
    if (pthread_clockjoin_np(s->thread, NULL, CLOCK_MONOTONIC, &until) == 0) return;
    __atomic_store_n(&s->stop, true, __ATOMIC_SEQ_CST);
    pthread_join(s->thread, NULL);
}

void streams_stop(struct streams *all)
{
    if (!all) return;
    pthread_mutex_lock(&all->lock);
    all->stop = true;
    pthread_cond_broadcast(&all->woken);
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; i < all->n; i++) {
        join(&all->items[i]);
        stream_sink_free(all->items[i].sink);
        buf_free(&all->items[i].batch);
    }
    pthread_cond_destroy(&all->woken);
    pthread_mutex_destroy(&all->lock);
    config_unref(all->config);
    free(all->items);
    free(all);
}
