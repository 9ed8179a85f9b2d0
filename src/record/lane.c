/* Appending: the hot path. A frame is copied into the staging buffer with its CRC; a commit encrypts the
 * staging buffer into the mapping and publishes where it ends. No lock, no allocation, no system call, but
 * for a ring of the sequencer's bell when that sleeps, and of the spares' bell once a segment.
 *
 * Always true here: what is staged fits into the current segment, or a spare one is ready for it; so sealing
 * cannot fail for want of room. The bytes of a batch are complete before its length, and the length before
 * `committed` says so: a process that dies in between leaves no batch. */
#include "base/codec.h"
#include "record/lane-parts.h"
#include <errno.h>
#include <stdlib.h>

int lane_init(struct record_lane *lane, struct lane_shared *shared, uint32_t index,
              const uint8_t boot_key[AEAD_KEY])
{
    lane->shared = shared;
    lane->index = index;
    lane->next_frame = 1;
    lane->aead = aead_new(AEAD_SEAL, boot_key);
    lane->staging = malloc(FORMAT_BATCH_MAX);
    return shrink_init(&lane->shrink) && lane->aead && lane->staging ? 0 : -ENOMEM;
}

void lane_free(struct record_lane *lane)
{
    aead_free(lane->aead);
    free(lane->staging);
    shrink_free(&lane->shrink);
}

void lane_start(struct record_lane *lane)
{
    lane->segment = atomic_load(&lane->ring[0]);
    lane->at = FORMAT_TAIL_HEAD;
    atomic_store(&lane->committed, FORMAT_TAIL_HEAD);
}

/* What a segment surely holds, whatever the sizes of batches. */
static size_t segment_room(const struct lane_shared *shared)
{
    return shared->segment_size - FORMAT_TAIL_HEAD - LANE_WASTE;
}

unsigned lane_spares_wanted(const struct lane_shared *shared, uint32_t n_reserved)
{
    uint64_t more = (uint64_t)n_reserved * 2 * LANE_RESERVE / segment_room(shared);
    return more + 1 < LANE_SEGMENTS - 2 ? (unsigned)more + 1 : LANE_SEGMENTS - 2;
}

/* Segments that stand ready behind the current one. */
static uint64_t n_spares(struct record_lane *lane)
{
    return atomic_load(&lane->ready) - 1 - atomic_load_explicit(&lane->current, memory_order_relaxed);
}

/* Whether `need` more staged bytes find room, with `reserve` bytes left over behind them. Early sealing can
 * make two batches of what is staged; a batch that no longer fits leaves the end of its segment empty. */
static bool lane_fits(struct record_lane *lane, size_t need, uint64_t reserve)
{
    size_t left = lane->segment->size - lane->at;
    size_t batch = format_batch_size(lane->staged + need) + FORMAT_BATCH_HEAD + 8;
    if (batch + reserve <= left) return true;
    uint64_t behind = n_spares(lane) * segment_room(lane->shared);
    if (behind == 0) return false;
    if (batch + LANE_STAGING_SOFT <= left) return reserve <= left - batch - LANE_STAGING_SOFT + behind;
    return reserve + batch <= behind;
}

/* There is no room: asks for some, and tells whether it is coming. */
static enum record_outcome lane_refuse(struct record_lane *lane, size_t need, uint64_t reserve)
{
    struct lane_shared *shared = lane->shared;
    if (atomic_load(&lane->dead)) return RECORD_FULL;
    atomic_store(&lane->refused_ready, atomic_load(&lane->ready));
    atomic_store(&lane->refused_reserved, lane->n_reserved);
    atomic_store(&lane->wants_room, 1);
    if (lane_fits(lane, need, reserve)) return RECORD_OK;
    bell_ring(&shared->spares_bell);
    bell_ring(&shared->sequencer_bell);
    return atomic_load(&shared->stalled) || atomic_load(&shared->tail_full) ? RECORD_FULL : RECORD_WAIT;
}

static bool lane_is_refused(const struct lane_shared *shared)
{
    return atomic_load_explicit(&shared->spool_full, memory_order_relaxed) ||
           atomic_load_explicit(&shared->refused, memory_order_relaxed);
}

/* A spool is at its bound: room comes when the archive, or the shared index, takes some of it. */
static bool lane_spool_is_full(struct record_lane *lane)
{
    struct lane_shared *shared = lane->shared;
    if (!lane_is_refused(shared)) return false;
    atomic_store(&lane->refused_ready, UINT64_MAX); /* unlike `ready`: told of room whatever that is */
    atomic_store(&lane->wants_room, 1);
    return lane_is_refused(shared);
}

static void lane_next_segment(struct record_lane *lane)
{
    uint64_t number = lane->segment->number + 1;
    CHECK(atomic_load(&lane->ready) > number);
    lane->segment->used = lane->at;
    lane->segment = atomic_load(&lane->ring[number % LANE_SEGMENTS]);
    CHECK(lane->segment->number == number);
    lane->at = FORMAT_TAIL_HEAD;
    atomic_store(&lane->current, number);
    bell_ring(&lane->shared->spares_bell);
}

/* A batch's length is stored last and alone: what is read behind a crash is whole or not there. */
static void store_length(uint8_t *head, uint32_t length)
{
    uint32_t raw = __builtin_bswap32(length);
    __atomic_store_n((uint32_t *)(void *)head, raw, __ATOMIC_RELEASE);
}

static void lane_wake_sequencer(struct record_lane *lane, uint64_t bytes)
{
    struct lane_shared *shared = lane->shared;
    int mode = atomic_load(&shared->mode);
    if (mode == SEQUENCER_AWAKE) return;
    if (mode == SEQUENCER_NAPS &&
        bytes - atomic_load_explicit(&lane->consumed_bytes, memory_order_relaxed) < LANE_WAKE)
        return;
    if (atomic_exchange(&shared->mode, SEQUENCER_AWAKE) != SEQUENCER_AWAKE)
        bell_ring(&shared->sequencer_bell);
}

static void lane_seal(struct record_lane *lane)
{
    uint8_t nonce[AEAD_NONCE];
    size_t size = format_batch_size(lane->staged);
    if (lane->segment->size - lane->at < size) lane_next_segment(lane);
    uint8_t *head = lane->segment->map + lane->at;
    store_length(head, 0);
    format_batch_nonce(lane->index, lane->segment->number, lane->next_frame, nonce);
    format_put_u32(head + 4, lane->n_staged);
    format_put_u64(head + 8, lane->next_frame);
    bool sealed = aead_seal(lane->aead, nonce, (struct bytes){ 0 }, bytes_make(lane->staging, lane->staged),
                            head + FORMAT_BATCH_HEAD, head + 16);
    store_length(head, (uint32_t)lane->staged);
    if (!sealed || atomic_load(&lane->segment->gone)) {
        store_length(head, 0);
        atomic_store(&lane->dead, 1);
        bell_ring(&lane->shared->sequencer_bell); /* it writes down what happened */
        return;
    }
    lane->at += size;
    lane->next_frame += lane->n_staged;
    uint64_t bytes = atomic_load_explicit(&lane->committed_bytes, memory_order_relaxed) + size;
    atomic_store_explicit(&lane->committed_bytes, bytes, memory_order_relaxed);
    atomic_store(&lane->committed, lane->segment->number << 32 | lane->at);
    lane->staged = lane->n_staged = 0;
    lane_wake_sequencer(lane, bytes);
}

bool record_lane_commit(struct record_lane *lane)
{
    if (lane->staged && !atomic_load_explicit(&lane->dead, memory_order_relaxed)) lane_seal(lane);
    return !atomic_load_explicit(&lane->dead, memory_order_relaxed);
}

static uint64_t lane_reserve_bytes(const struct record_lane *lane)
{
    return (uint64_t)lane->n_reserved * (LANE_RESERVE + FORMAT_BATCH_HEAD + 8);
}

/* What is reserved must find room in the segments that stand ready, since what is left of this one is given
 * up. */
bool record_lane_turn(struct record_lane *lane)
{
    if (!record_lane_commit(lane)) return false;
    if (lane->at > FORMAT_TAIL_HEAD) {
        uint64_t behind = n_spares(lane) * segment_room(lane->shared);
        if (behind == 0 || lane_reserve_bytes(lane) > behind) {
            bell_ring(&lane->shared->spares_bell);
            return false;
        }
        lane_next_segment(lane);
        atomic_store(&lane->committed, lane->segment->number << 32 | lane->at);
    }
    atomic_store(&lane->turned, lane->segment->number);
    bell_ring(&lane->shared->sequencer_bell);
    bell_ring(&lane->shared->spares_bell);
    return true;
}

static void add_to(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static void lane_stage(struct record_lane *lane, struct frame *frame, const struct bytes *parts,
                       size_t n_parts)
{
    uint8_t *head = lane->staging + lane->staged, *body = head + FORMAT_FRAME_HEAD, *p = body;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].n) memcpy(p, parts[i].p, parts[i].n);
        p += parts[i].n;
    }
    add_to(&lane->n_frames, 1);
    add_to(&lane->n_bytes, (uint64_t)(p - body));
    frame->body = bytes_make(body, (size_t)(p - body));
    struct bytes small = shrink_body(&lane->shrink, frame->body);
    if (small.n) {
        memcpy(body, small.p, small.n);
        frame->body.n = small.n;
        frame->flags |= FRAME_ZSTD;
    }
    format_frame_head(head, frame); /* with the CRC of the body that now stands behind it */
    lane->staged += FORMAT_FRAME_HEAD + frame->body.n;
    lane->n_staged++;
}

enum record_outcome record_append(struct record_lane *lane, struct record_session *session,
                                  enum record_urgency urgency, enum frame_type type, uint8_t flags,
                                  int64_t time_us, const struct bytes *parts, size_t n_parts,
                                  uint32_t *sequence_out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_parts; i++)
        n += parts[i].n;
    CHECK(n <= FORMAT_BODY_MAX);
    if (atomic_load_explicit(&lane->dead, memory_order_relaxed) || session->next_sequence == 0)
        return RECORD_FULL;
    if (urgency == RECORD_INTENT && lane_spool_is_full(lane)) return RECORD_FULL;
    size_t need = FORMAT_FRAME_HEAD + n;
    uint64_t reserve = urgency == RECORD_INTENT ? lane_reserve_bytes(lane) : 0;
    if (!lane_fits(lane, need, reserve)) {
        enum record_outcome refused = lane_refuse(lane, need, reserve);
        if (refused != RECORD_OK) return refused;
    }
    if (lane->staged && lane->staged + need > LANE_STAGING_SOFT) {
        lane_seal(lane);
        if (atomic_load_explicit(&lane->dead, memory_order_relaxed)) return RECORD_FULL;
    }
    struct frame frame = { .session = session->id,
                           .sequence = session->id ? session->next_sequence : 0,
                           .type = (uint8_t)type,
                           .flags = flags,
                           .time_us = time_us };
    lane_stage(lane, &frame, parts, n_parts);
    if (sequence_out) *sequence_out = frame.sequence;
    if (session->id) session->next_sequence = type == FRAME_SESSION_END ? 0 : session->next_sequence + 1;
    return RECORD_OK;
}

static void lane_count_reserved(struct record_lane *lane, int change)
{
    uint32_t before = lane->n_reserved;
    lane->n_reserved += (uint32_t)change;
    atomic_store_explicit(&lane->reserved_now, lane->n_reserved, memory_order_relaxed);
    if (lane_spares_wanted(lane->shared, lane->n_reserved) > lane_spares_wanted(lane->shared, before))
        bell_ring(&lane->shared->spares_bell);
}

enum record_outcome record_reserve(struct record_lane *lane, struct record_session *session)
{
    if (atomic_load_explicit(&lane->dead, memory_order_relaxed)) return RECORD_FULL;
    if (lane_spool_is_full(lane)) return RECORD_FULL;
    uint64_t reserve = lane_reserve_bytes(lane) + LANE_RESERVE + FORMAT_BATCH_HEAD + 8;
    if (!lane_fits(lane, 0, reserve)) {
        enum record_outcome refused = lane_refuse(lane, 0, reserve);
        if (refused != RECORD_OK) return refused;
    }
    lane_count_reserved(lane, 1);
    session->n_reserved++;
    return RECORD_OK;
}

void record_release(struct record_lane *lane, struct record_session *session)
{
    CHECK(session->n_reserved > 0 && lane->n_reserved > 0);
    session->n_reserved--;
    lane_count_reserved(lane, -1);
    if (atomic_load_explicit(&lane->wants_room, memory_order_relaxed))
        bell_ring(&lane->shared->sequencer_bell);
}

/* 42 bits of milliseconds, 8 of the lane, 14 of a counter. Numbers of a lane only ever grow, so that a clock
 * set back makes none twice. */
struct record_session record_session_begin(struct record_lane *lane)
{
    int64_t ms = clock_wall_us(lane->shared->clock) / 1000;
    if (ms > lane->last_ms) {
        lane->last_ms = ms;
        lane->counter = 0;
    } else if (++lane->counter == 1 << 14) {
        lane->last_ms++;
        lane->counter = 0;
    }
    uint64_t id =
        ((uint64_t)lane->last_ms & ((1ULL << 42) - 1)) << 22 | (uint64_t)lane->index << 14 | lane->counter;
    return (struct record_session){ .id = id, .next_sequence = 1 };
}
