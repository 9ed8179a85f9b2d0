/* Readers come from many threads, and a client serves one at a time: idle ones wait in a short list. */
#include "app/archive-far.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { IDLE = 4 };

struct archive_far {
    struct record_far reach;
    const struct config *config;
    const struct clock *clock;
    struct archive_store *store, *own;
    pthread_mutex_t lock;
    struct s3 *idle[IDLE];
};

static int take_client(struct archive_far *f, struct s3 **out)
{
    int error = 0;
    *out = NULL;
    pthread_mutex_lock(&f->lock);
    if (!f->store) {
        error = archive_store_open(f->config, f->clock, &f->own);
        f->store = f->own;
    }
    for (int i = 0; i < IDLE && !*out; i++) {
        *out = f->idle[i];
        f->idle[i] = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    if (!error && !*out && !(*out = archive_store_client(f->store))) error = -ENOMEM;
    return error;
}

static void give_client(struct archive_far *f, struct s3 *s3)
{
    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < IDLE && s3; i++) {
        if (f->idle[i]) continue;
        f->idle[i] = s3;
        s3 = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    s3_free(s3);
}

static ssize_t answer_of(enum s3_outcome outcome, const struct receipt *r, const struct s3_answer *a,
                         const struct buf *part)
{
    if (outcome == S3_DONE) return (ssize_t)buf_length(part);
    log_line(LOG_WARNING, "the archive does not give %s/%s: %s", r->bucket, r->key, a->why);
    switch (outcome) {
    case S3_MISSING: return -ENOENT;
    case S3_REFUSED: return -EACCES;
    case S3_FAILED:
    case S3_EXISTS:
    case S3_DONE: break;
    }
    return -EHOSTUNREACH;
}

static ssize_t far_read(void *context, const struct receipt *r, uint64_t at, uint8_t *out, size_t n)
{
    struct archive_far *f = context;
    struct s3 *s3 = NULL;
    struct s3_answer answer;
    struct buf part;
    if (n == 0) return 0;
    if (!bytes_is(f->config->store.bucket, r->bucket)) {
        log_line(LOG_WARNING, "the archive's bucket is now another than %s, where %s is", r->bucket, r->key);
        return -EACCES;
    }
    int error = take_client(f, &s3);
    if (error) return error;
    buf_init(&part, n);
    enum s3_outcome outcome = s3_get(s3, bytes_of(r->key), bytes_of(r->version), at, n, &part, &answer);
    ssize_t got = answer_of(outcome, r, &answer, &part);
    if (got > 0) memcpy(out, buf_bytes(&part).p, (size_t)got);
    buf_free(&part);
    give_client(f, s3);
    return got;
}

int archive_far_new(const struct config *config, const struct clock *clock, struct archive_store *store,
                    struct archive_far **out)
{
    *out = NULL;
    if (!config->store.bucket.n) return 0;
    struct archive_far *f = calloc(1, sizeof *f);
    if (!f) return -ENOMEM;
    f->reach = (struct record_far){ .context = f, .read = far_read };
    f->config = config_ref(config);
    f->clock = clock;
    f->store = store;
    pthread_mutex_init(&f->lock, NULL);
    *out = f;
    return 0;
}

void archive_far_free(struct archive_far *f)
{
    if (!f) return;
    for (int i = 0; i < IDLE; i++)
        s3_free(f->idle[i]);
    archive_store_free(f->own);
    config_unref(f->config);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

const struct record_far *archive_far_reach(const struct archive_far *f)
{
    return f ? &f->reach : NULL;
}
