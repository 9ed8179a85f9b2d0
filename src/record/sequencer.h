/* The sequencer: one thread that follows all lanes, packs their frames into blocks, syncs and signs each
 * second, and lets go of tail segments that are wholly in synced blocks. It works while there is work, naps
 * while something is open, and sleeps otherwise until a commit rings. */
#ifndef POSTERN_RECORD_SEQUENCER_H
#define POSTERN_RECORD_SEQUENCER_H
#include "record/lane-parts.h"
#include "record/pack.h"
#include <pthread.h>

/* Where the sequencer stands in a lane. */
struct follow {
    uint64_t number, next_frame; /* segment; frame */
    size_t at;
    uint64_t retired; /* segments let go of */
    bool lost;        /* the lane is dead and that is written down */
    /* For each segment that was followed to its end: what has to be sealed, and synced, before it may go. */
    struct {
        uint64_t opened, leaves;
        bool sealed;
    } left[LANE_SEGMENTS];
};

struct sequencer {
    struct lane_shared *shared;
    struct record_lane *lanes;
    unsigned n_lanes;
    const struct record_options *options;
    struct blocks *blocks;
    struct session_keys *keys;
    struct pack *pack;
    struct aead *aead;
    struct follow follow[FORMAT_LANES_MAX];
    /* The batch that is being packed; at == n: none. */
    uint8_t *plain;
    size_t at, n;
    uint32_t lane;
    uint64_t lane_frame;
    int64_t next_checkpoint_us;
    int64_t segment_since_us; /* when the newest segment got its first block, as far as seen */
    bool segment_is_due;      /* it is old enough for another to follow */
    uint64_t noticed;         /* blocks that on_blocks was told of */
    int error;                /* what stopped it last, said once */
    pthread_t thread;
    atomic_bool stop;
    _Atomic uint64_t n_blocks, n_stored; /* for stats */
};

int sequencer_start(struct sequencer *s) MUST_USE;
/* Packs, syncs and signs everything committed; 0, or what stood in the way: the tail still has it then. */
int sequencer_stop(struct sequencer *s) MUST_USE;
/* Syncs keys and blocks, signs, and begins another segment where the newest is full. */
int sequencer_settle(struct sequencer *s) MUST_USE;
#endif
