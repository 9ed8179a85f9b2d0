/* Free ones wait in short lists; all of it under one lock that is never held while something is read. */
#include "api/readers.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { INDEXES = 8, READINGS = 8, OUT_MOST = 24, TRANSCRIPT_CEILING = 64 << 20 };

struct readers {
    char log[4200], index[4200];
    const struct record_keys *keys;
    const struct record_far *far;
    struct record_keys locked; /* the same, by one thread at a time */
    pthread_mutex_t lock, keys_lock;
    struct index *indexes[INDEXES];
    struct reading *readings[READINGS];
    unsigned n_out;
    uint64_t clock;
};

static int locked_unwrap(void *context, const uint8_t wrapped[60], uint8_t key_out[32])
{
    struct readers *r = context;
    pthread_mutex_lock(&r->keys_lock);
    int error = r->keys->unwrap(r->keys->context, wrapped, key_out);
    pthread_mutex_unlock(&r->keys_lock);
    return error;
}

struct readers *readers_new(const char *data, const struct record_keys *keys, const struct record_far *far)
{
    struct readers *r = calloc(1, sizeof *r);
    if (!r || strlen(data) > 4096) {
        free(r);
        return NULL;
    }
    snprintf(r->log, sizeof r->log, "%s/log", data);
    snprintf(r->index, sizeof r->index, "%s/index.db", data);
    r->keys = keys;
    r->far = far;
    r->locked = (struct record_keys){ .context = r, .unwrap = locked_unwrap };
    memcpy(r->locked.public_key, keys->public_key, sizeof r->locked.public_key);
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->keys_lock, NULL);
    return r;
}

static void reading_free(struct reading *reading)
{
    if (!reading) return;
    record_reader_free(reading->reader);
    transcript_free(reading->transcript);
    free(reading);
}

void readers_free(struct readers *r)
{
    if (!r) return;
    for (int i = 0; i < INDEXES; i++)
        index_free(r->indexes[i]);
    for (int i = 0; i < READINGS; i++)
        reading_free(r->readings[i]);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->keys_lock);
    free(r);
}

int readers_index(struct readers *r, struct index **out)
{
    *out = NULL;
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < INDEXES && !*out; i++) {
        *out = r->indexes[i];
        r->indexes[i] = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    return *out ? 0 : index_open(r->index, INDEX_READ, out);
}

void readers_index_back(struct readers *r, struct index *index, bool good)
{
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < INDEXES && good && index; i++) {
        if (r->indexes[i]) continue;
        r->indexes[i] = index;
        index = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    index_free(index);
}

int readers_log(struct readers *r, struct record_reader **out)
{
    int error = record_reader_open(r->log, &r->locked, out);
    if (!error) record_reader_reach(*out, r->far);
    return error;
}

const char *readers_folder(const struct readers *r)
{
    return r->log;
}

const struct record_keys *readers_keys(const struct readers *r)
{
    return &r->locked;
}

const struct record_far *readers_far(const struct readers *r)
{
    return r->far;
}

static void pass(void *context, const struct transcript_event *event)
{
    (void)context, (void)event;
}

/* Rows tell nothing that a later event needs. */
static bool is_bulk(uint8_t type)
{
    return type == FRAME_ROWS || type == FRAME_COPY_OUT || type == FRAME_COPY_IN;
}

static int next_frame(struct reading *g, struct frame *frame)
{
    switch (record_reader_next(g->reader, frame)) {
    case RECORD_READ_FRAME:
        g->next = frame->sequence + 1;
        if (frame->type == FRAME_SESSION_END) g->ended = true;
        return 1;
    case RECORD_READ_END: return 0;
    case RECORD_READ_BAD: break;
    }
    return -EBADMSG;
}

int reading_step(struct reading *g, void (*visit)(void *context, const struct transcript_event *event),
                 void *context)
{
    struct frame frame;
    int got = next_frame(g, &frame);
    if (got > 0) transcript_feed(g->transcript, &frame, visit, context);
    return got;
}

/* Reads up to the frame before `from`. */
static int read_up_to(struct reading *g, uint32_t from)
{
    while (g->next < from) {
        struct frame frame;
        int got = next_frame(g, &frame);
        if (got < 0) return got;
        if (got == 0) return 0;
        if (!is_bulk(frame.type)) transcript_feed(g->transcript, &frame, pass, NULL);
    }
    return 0;
}

static int reading_new(struct readers *r, uint64_t session, struct reading **out, char why[256])
{
    struct reading *g = calloc(1, sizeof *g);
    if (!g) return -ENOMEM;
    g->session = session;
    g->next = 1;
    g->transcript = transcript_new(TRANSCRIPT_CEILING);
    int error = g->transcript ? record_reader_open(r->log, &r->locked, &g->reader) : -ENOMEM;
    if (!error) record_reader_reach(g->reader, r->far);
    if (!error) {
        switch (record_reader_session(g->reader, session, 1)) {
        case RECORD_READ_FRAME: break;
        case RECORD_READ_END: error = -ENOENT; break;
        case RECORD_READ_BAD:
            snprintf(why, 256, "%s", record_reader_message(g->reader));
            error = -EBADMSG;
            break;
        }
    }
    if (error)
        reading_free(g);
    else
        *out = g;
    return error;
}

static struct reading *take_kept(struct readers *r, uint64_t session, uint32_t from)
{
    struct reading *g = NULL;
    for (int i = 0; i < READINGS && !g; i++) {
        if (!r->readings[i] || r->readings[i]->session != session || r->readings[i]->next != from) continue;
        g = r->readings[i];
        r->readings[i] = NULL;
    }
    return g;
}

int readers_open(struct readers *r, uint64_t session, uint32_t from, struct reading **out, char why[256])
{
    *out = NULL;
    why[0] = 0;
    pthread_mutex_lock(&r->lock);
    struct reading *g = take_kept(r, session, from);
    bool full = !g && r->n_out >= OUT_MOST;
    r->n_out += !full;
    pthread_mutex_unlock(&r->lock);
    if (full) return -EBUSY;
    int error = g ? 0 : reading_new(r, session, &g, why);
    if (!error) error = read_up_to(g, from);
    if (error == -EBADMSG && !why[0]) snprintf(why, 256, "%s", record_reader_message(g->reader));
    if (!error) {
        *out = g;
        return 0;
    }
    if (error == -EBADMSG && g) reading_free(g);
    pthread_mutex_lock(&r->lock);
    r->n_out--;
    pthread_mutex_unlock(&r->lock);
    return error;
}

void readers_back(struct readers *r, struct reading *g, bool good)
{
    struct reading *out = good ? NULL : g;
    pthread_mutex_lock(&r->lock);
    r->n_out--;
    if (good) {
        int place = 0;
        for (int i = 0; i < READINGS; i++) {
            if (!r->readings[i]) {
                place = i;
                break;
            }
            if (r->readings[i]->used < r->readings[place]->used) place = i;
        }
        out = r->readings[place];
        g->used = ++r->clock;
        r->readings[place] = g;
    }
    pthread_mutex_unlock(&r->lock);
    reading_free(out);
}
