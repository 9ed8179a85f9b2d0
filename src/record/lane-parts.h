/* A lane from the inside, for the files of this room only: lane.c appends, spares.c makes segments ahead,
 * sequencer.c follows. A lane's segments are numbered; of those, retired <= followed <= current < ready:
 * the sequencer retires, the worker moves `current` up, the spares thread moves `ready` up. */
#ifndef POSTERN_RECORD_LANE_PARTS_H
#define POSTERN_RECORD_LANE_PARTS_H
#include "crypto/aead.h"
#include "record/bell.h"
#include "record/format.h"
#include "record/lane.h"
#include "record/shrink.h"
#include "record/tail.h"

enum {
    LANE_SEGMENTS = 8,             /* a lane's share of the disk, in segments */
    LANE_STAGING_SOFT = 256 << 10, /* a batch is sealed early rather than grow past this */
    LANE_RESERVE = 64 << 10,
    LANE_WASTE = FORMAT_BATCH_MAX + 64, /* at most so much stays empty at the end of a segment */
    LANE_SEGMENT_LEAST = 4 << 20,
    LANE_WAKE = 256 << 10, /* a backlog that ends the sequencer's nap */
};

/* What the sequencer does; a commit looks at it to know whether to ring. */
enum sequencer_mode { SEQUENCER_AWAKE = 0, SEQUENCER_NAPS, SEQUENCER_SLEEPS };

/* What lanes share with the threads of the log. */
struct lane_shared {
    struct bell sequencer_bell, spares_bell;
    _Atomic int mode;      /* enum sequencer_mode */
    atomic_bool stalled;   /* blocks cannot be written at present */
    atomic_bool tail_full; /* a segment could not be allocated */
    /* record_log_allow: what may be stored, and that it is. */
    _Atomic uint64_t most_stored;
    atomic_bool spool_full;
    atomic_bool refused; /* record_log_refuse */
    atomic_bool wipes;   /* segments that are let go are removed, not kept */
    const struct clock *clock;
    _Atomic uint64_t leaves; /* blocks in the log */
    size_t segment_size;
};

struct record_lane {
    /* The worker's own. */
    struct lane_shared *shared;
    struct aead *aead;
    uint8_t *staging;
    struct shrink shrink;
    size_t staged;
    uint32_t n_staged, index;
    uint64_t next_frame; /* number of the first staged frame, or of the next one */
    struct tail_segment *segment;
    size_t at; /* where the next batch goes */
    uint32_t n_reserved;
    int64_t last_ms; /* of the newest session number */
    uint32_t counter;
    /* Written by the worker, read by the others. */
    _Alignas(64) _Atomic uint64_t committed; /* segment number << 32 | offset behind the last batch */
    _Atomic uint64_t committed_bytes;
    _Atomic uint64_t current; /* number of the segment that is written */
    _Atomic uint64_t n_frames, n_bytes;
    _Atomic uint64_t turned; /* number of the segment that the last turn began */
    _Atomic uint32_t reserved_now;
    /* Set when an append was refused, with what stood then: a change of either may be room. */
    _Atomic uint32_t wants_room, refused_reserved;
    _Atomic uint64_t refused_ready;
    atomic_int dead;
    /* Written by the sequencer and the spares thread. */
    _Alignas(64) _Atomic uint64_t consumed_bytes;
    _Atomic uint64_t retired, ready;
    _Atomic uint64_t wiped; /* while wiping: segments before this one are removed */
    _Atomic(struct tail_segment *) ring[LANE_SEGMENTS];
    /* The spares thread's own. */
    uint64_t next_file, reclaimed;
    struct tail_segment *idle[LANE_SEGMENTS]; /* let go, for reuse */
    unsigned n_idle;
};

/* Staging buffer and cipher; the first segment comes from spares. */
int lane_init(struct record_lane *lane, struct lane_shared *shared, uint32_t index,
              const uint8_t boot_key[AEAD_KEY]) MUST_USE;
void lane_free(struct record_lane *lane);
/* Takes up segment 0, once it is ready. */
void lane_start(struct record_lane *lane);
/* How many segments should stand ready behind the current one, given what is reserved. */
unsigned lane_spares_wanted(const struct lane_shared *shared, uint32_t n_reserved);
#endif
