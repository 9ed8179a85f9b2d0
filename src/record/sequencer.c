/* Always true here: a frame leaves the current batch only when pack took it, so whatever fails is tried again
 * from there; a segment of the tail goes only when every block that was open when its last frame was read has
 * been sealed and synced. */
#include "record/sequencer.h"
#include "base/log.h"
#include "base/thread.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    NAP_US = 100000,
    RETRY_US = 200000,
    CHECKPOINT_US = 1000000,
    TURN_BYTES = 1 << 20,
    SYNC_BYTES = 16 << 20
};

/* Blocks on the disk, so that the tail can let go of their frames. */
static int sequencer_sync(struct sequencer *s)
{
    int error = session_keys_sync(s->keys);
    return error ? error : blocks_sync(s->blocks);
}

int sequencer_settle(struct sequencer *s)
{
    int error = sequencer_sync(s);
    if (!error) error = blocks_checkpoint(s->blocks, s->options->keys, s->options->origin);
    if (error || !(blocks_segment_is_full(s->blocks) || s->segment_is_due)) return error;
    struct buf open;
    buf_init(&open, (size_t)1 << 30);
    pack_encode_open(s->pack, &open);
    error = open.failed ? -ENOMEM : blocks_begin_segment(s->blocks, buf_bytes(&open));
    buf_free(&open);
    if (!error) s->segment_is_due = false;
    return error;
}

/* A lane's file was cut under us: what it held is lost, and that is written down. */
static int lane_lost(struct sequencer *s, struct follow *f)
{
    struct record_lane *lane = &s->lanes[f - s->follow];
    struct buf body;
    atomic_store(&lane->dead, 1);
    uint64_t lost = atomic_load(&lane->committed_bytes) - atomic_load(&lane->consumed_bytes);
    buf_init(&body, 1024);
    struct frame_fields fields = frame_fields_begin(&body);
    frame_fields_add_text(&fields, "event", "lane cut");
    frame_fields_add_number(&fields, "lane", lane->index);
    frame_fields_add_number(&fields, "bytes-cut", (int64_t)lost);
    int error = pack_own_frame(s->pack, 0, FRAME_GATEWAY, clock_wall_us(s->options->clock), buf_bytes(&body));
    buf_free(&body);
    if (error) return error;
    f->lost = true;
    log_line(LOG_ERROR,
             "the tail of lane %u was cut under us: %" PRIu64 " bytes are lost, the lane is closed",
             lane->index, lost);
    return 0;
}

/* The batch that stands where the lane is followed, opened into s->plain. False: the lane is lost. */
static bool open_batch(struct sequencer *s, struct follow *f, struct tail_segment *segment)
{
    struct format_batch batch;
    uint8_t nonce[AEAD_NONCE];
    if (segment->size - f->at < FORMAT_BATCH_HEAD) return false;
    format_batch_decode(segment->map + f->at, &batch);
    if (batch.length == 0 || batch.length > FORMAT_BATCH_MAX || batch.first_frame != f->next_frame ||
        format_batch_size(batch.length) > segment->size - f->at)
        return false;
    s->lane = (uint32_t)(f - s->follow);
    format_batch_nonce(s->lane, segment->number, batch.first_frame, nonce);
    if (!aead_open(s->aead, nonce, (struct bytes){ 0 },
                   bytes_make(segment->map + f->at + FORMAT_BATCH_HEAD, batch.length), batch.tag, s->plain))
        return false;
    s->at = 0;
    s->n = batch.length;
    s->lane_frame = batch.first_frame;
    f->next_frame += batch.n_frames;
    f->at += format_batch_size(batch.length);
    atomic_fetch_add(&s->lanes[s->lane].consumed_bytes, format_batch_size(batch.length));
    return true;
}

/* Hands the rest of the current batch to pack. Its tag was just checked, which says more than each CRC. */
static int pack_batch(struct sequencer *s)
{
    struct bytes plain = bytes_make(s->plain, s->n);
    while (s->at < s->n) {
        struct frame frame;
        uint32_t crc;
        size_t at = s->at;
        CHECK(format_frame_next(plain, &at, &frame, &crc));
        int error = pack_frame(s->pack, &frame, s->lane, s->lane_frame);
        if (error) return error;
        s->at = at;
        s->lane_frame++;
    }
    return 0;
}

/* One batch of a lane: 1: there was one; 0: none; -errno. */
static int follow_batch(struct sequencer *s, struct follow *f)
{
    struct record_lane *lane = &s->lanes[f - s->follow];
    uint64_t committed = atomic_load(&lane->committed);
    if (f->lost) return 0;
    while ((f->number << 32 | f->at) != committed) {
        struct tail_segment *segment = atomic_load(&lane->ring[f->number % LANE_SEGMENTS]);
        if (committed >> 32 > f->number && f->at == segment->used) {
            f->left[f->number % LANE_SEGMENTS].opened = s->pack->n_opened;
            f->left[f->number % LANE_SEGMENTS].sealed = false;
            f->number++;
            f->at = FORMAT_TAIL_HEAD;
            continue;
        }
        if (!open_batch(s, f, segment)) {
            int error = lane_lost(s, f);
            return error ? error : 1;
        }
        int error = pack_batch(s);
        return error ? error : 1;
    }
    return atomic_load(&lane->dead) ? lane_lost(s, f) : 0;
}

static uint64_t backlog(struct sequencer *s)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < s->n_lanes; i++)
        n += atomic_load(&s->lanes[i].committed_bytes) - atomic_load(&s->lanes[i].consumed_bytes);
    return n;
}

/* Lets go of segments of the tail whose frames are all in synced blocks. */
static void retire(struct sequencer *s, struct follow *f)
{
    bool any = false;
    while (f->retired < f->number) {
        uint64_t i = f->retired % LANE_SEGMENTS;
        if (!f->left[i].sealed) {
            if (s->pack->oldest && s->pack->oldest->opened <= f->left[i].opened) break;
            f->left[i].sealed = true;
            f->left[i].leaves = s->blocks->tree.size;
        }
        if (s->blocks->synced < f->left[i].leaves) break;
        f->retired++;
        any = true;
    }
    if (!any) return;
    atomic_store(&s->lanes[f - s->follow].retired, f->retired);
    bell_ring(&s->shared->spares_bell);
}

/* Tells lanes that were refused that it is worth trying again. */
static void offer_room(struct sequencer *s)
{
    if (atomic_load(&s->shared->spool_full) || atomic_load(&s->shared->refused)) return;
    for (unsigned i = 0; i < s->n_lanes; i++) {
        struct record_lane *lane = &s->lanes[i];
        if (!atomic_load(&lane->wants_room)) continue;
        if (atomic_load(&lane->ready) == atomic_load(&lane->refused_ready) &&
            atomic_load(&lane->reserved_now) >= atomic_load(&lane->refused_reserved))
            continue;
        if (atomic_exchange(&lane->wants_room, 0) && s->options->on_room)
            s->options->on_room(s->options->context, i);
    }
}

/* Half of a lane's segments wait for open blocks or for the disk: it would soon have to wait as well. */
static bool tail_is_pressed(struct sequencer *s)
{
    for (unsigned i = 0; i < s->n_lanes; i++)
        if (s->follow[i].number - s->follow[i].retired >= LANE_SEGMENTS / 2) return true;
    return false;
}

static bool segment_has_blocks(const struct sequencer *s)
{
    return s->blocks->tree.size > s->blocks->first_leaf;
}

/* Notes when the newest segment began to fill, and whether that is long enough ago. */
static void look_at_segment(struct sequencer *s, int64_t now)
{
    if (!s->options->segment_us) return;
    if (!segment_has_blocks(s)) s->segment_since_us = 0;
    if (segment_has_blocks(s) && !s->segment_since_us) s->segment_since_us = now;
    s->segment_is_due = segment_has_blocks(s) && now - s->segment_since_us >= s->options->segment_us;
}

static void look_at_spool(struct sequencer *s)
{
    uint64_t most = atomic_load(&s->shared->most_stored);
    if (most != UINT64_MAX || atomic_load_explicit(&s->shared->spool_full, memory_order_relaxed))
        atomic_store(&s->shared->spool_full, s->blocks->stored_bytes >= most);
}

/* Blocks that became due, the checkpoint of the second, and what follows from both. */
static int seal_and_settle(struct sequencer *s, bool all)
{
    int64_t now = clock_monotonic_us(s->options->clock);
    bool pressed = tail_is_pressed(s);
    int error = pack_seal_due(s->pack, all || pressed ? INT64_MAX : now);
    atomic_store(&s->shared->leaves, s->blocks->tree.size);
    atomic_store_explicit(&s->n_blocks, s->blocks->tree.size, memory_order_relaxed);
    atomic_store_explicit(&s->n_stored, s->blocks->stored_bytes, memory_order_relaxed);
    look_at_spool(s);
    look_at_segment(s, now);
    bool due = all || now >= s->next_checkpoint_us || blocks_segment_is_full(s->blocks) || s->segment_is_due;
    if (error) return error;
    if (!due) return pressed || s->blocks->unsynced_bytes >= SYNC_BYTES ? sequencer_sync(s) : 0;
    if (s->blocks->checkpointed == s->blocks->tree.size && !s->segment_is_due) return 0;
    uint64_t first_leaf = s->blocks->first_leaf;
    error = sequencer_settle(s);
    s->next_checkpoint_us = now + (error ? RETRY_US : CHECKPOINT_US);
    if (error) return error;
    bool news = s->noticed != s->blocks->synced || s->blocks->first_leaf != first_leaf;
    if (news && s->options->on_blocks) s->options->on_blocks(s->options->context);
    s->noticed = s->blocks->synced;
    return 0;
}

/* Goes round the lanes until they have nothing more. */
static int drain(struct sequencer *s)
{
    int error = pack_batch(s), settling = 0;
    for (bool more = true; more && !error;) {
        more = false;
        pack_adapt(s->pack, backlog(s));
        for (unsigned i = 0; i < s->n_lanes && !error; i++) {
            uint64_t stop = atomic_load(&s->lanes[i].consumed_bytes) + TURN_BYTES;
            int got = 1;
            while (got > 0 && atomic_load(&s->lanes[i].consumed_bytes) < stop && !s->follow[i].lost) {
                got = follow_batch(s, &s->follow[i]);
                if (got > 0) more = true;
            }
            if (got < 0) error = got;
        }
        /* What fails here does not keep frames from being packed, as long as there is room for them. */
        int now = error ? 0 : seal_and_settle(s, false);
        if (now) settling = now;
        for (unsigned i = 0; i < s->n_lanes; i++)
            retire(s, &s->follow[i]);
        offer_room(s);
    }
    return error ? error : settling;
}

static void note_error(struct sequencer *s, int error)
{
    if (error == s->error) return;
    if (error)
        log_line(LOG_ERROR, "the log cannot be written, trying again: %s", strerror(-error));
    else
        log_line(LOG_INFO, "the log is written again");
    s->error = error;
    atomic_store(&s->shared->stalled, error != 0);
    if (!error) bell_ring(&s->shared->spares_bell);
}

static bool anything_committed(struct sequencer *s)
{
    for (unsigned i = 0; i < s->n_lanes; i++)
        if (!s->follow[i].lost &&
            (s->follow[i].number << 32 | s->follow[i].at) != atomic_load(&s->lanes[i].committed))
            return true;
    return false;
}

/* How long nothing comes due by itself; -1: for ever. */
static int64_t idle_us(const struct sequencer *s)
{
    if (!s->options->segment_us || !segment_has_blocks(s)) return -1;
    int64_t left = s->segment_since_us + s->options->segment_us - clock_monotonic_us(s->options->clock);
    return left < NAP_US ? NAP_US : left;
}

/* Until there is something to do. */
static void rest(struct sequencer *s, uint32_t seen)
{
    bool open = s->pack->oldest || s->blocks->checkpointed != s->blocks->tree.size;
    if (s->error) {
        /* Awake for the lanes: ringing would not help. */
        bell_wait(&s->shared->sequencer_bell, seen, RETRY_US);
        return;
    }
    atomic_store(&s->shared->mode, open ? SEQUENCER_NAPS : SEQUENCER_SLEEPS);
    if (open ? backlog(s) < LANE_WAKE : !anything_committed(s))
        bell_wait(&s->shared->sequencer_bell, seen, open ? NAP_US : idle_us(s));
    atomic_store(&s->shared->mode, SEQUENCER_AWAKE);
    if (!open) bell_ring(&s->shared->spares_bell); /* it syncs what is being written from now on */
}

static void *sequencer_run(void *argument)
{
    struct sequencer *s = argument;
    while (!atomic_load(&s->stop)) {
        uint32_t seen = bell_look(&s->shared->sequencer_bell);
        note_error(s, drain(s));
        offer_room(s);
        if (!atomic_load(&s->stop)) rest(s, seen);
    }
    return NULL;
}

int sequencer_start(struct sequencer *s)
{
    for (unsigned i = 0; i < s->n_lanes; i++) {
        s->follow[i].at = FORMAT_TAIL_HEAD;
        s->follow[i].next_frame = 1;
    }
    return thread_start(&s->thread, "log-sequencer", sequencer_run, s);
}

int sequencer_stop(struct sequencer *s)
{
    atomic_store(&s->stop, true);
    bell_ring(&s->shared->sequencer_bell);
    pthread_join(s->thread, NULL);
    int error = drain(s);
    return error ? error : seal_and_settle(s, true);
}
