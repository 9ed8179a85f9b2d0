/* Packing frames into blocks: one open block a session, at most 32 kB of frames or one second; compressed,
 * sealed under the session's own key, and handed to blocks.h. Used by the sequencer thread, and at opening.
 */
#ifndef POSTERN_RECORD_PACK_H
#define POSTERN_RECORD_PACK_H
#include "base/map.h"
#include "crypto/aead.h"
#include "record/blocks.h"
#include "record/session-keys.h"
#include <zstd.h>

enum {
    PACK_BLOCK = 136 << 10,     /* of frames, in one block, unless a frame alone has more */
    PACK_OPEN_BYTES = 64 << 20, /* in all open blocks; the oldest is sealed when it is more */
    PACK_OPEN_US = 1000000,
    PACK_GATEWAY_LANE = 0xFFFFFFFF, /* the lane of frames that the log itself writes */
};

/* What goes on from one block of a session to the next. */
struct pack_chain {
    uint64_t id, key_index; /* 0: no key yet in this opening of the log */
    uint8_t key[AEAD_KEY];
    uint32_t number, last_sequence; /* of what is sealed */
    uint8_t hash[FORMAT_HASH];
};

/* A session, with its open block if it has one. */
struct pack_session {
    struct pack_chain own, *chain;      /* those of session 0 share one chain */
    struct pack_session *older, *newer; /* open ones, in order of opening */
    struct buf plain;
    size_t shrunk; /* bytes of plain that were compressed before they came here */
    uint32_t n_frames, first_sequence, next_sequence;
    uint32_t types; /* of the frames in the open block */
    uint32_t lane;
    uint64_t lane_frame, opened;
    int64_t first_us, last_us, opened_us; /* frames' times; opened_us by the monotonic clock */
    bool ended;
};

struct pack {
    struct blocks *blocks;
    struct session_keys *keys;
    const struct record_keys *wrapper;
    const struct clock *clock;
    uint64_t boot;
    struct map sessions;
    struct pack_chain gateway;                         /* session 0 */
    struct pack_session of_lane[FORMAT_LANES_MAX + 1]; /* session 0's open blocks; the last: our own */
    struct pack_session *oldest, *newest;
    uint64_t n_opened;
    size_t open_bytes;
    unsigned step; /* how far behind: see pack_adapt */
    ZSTD_CCtx *zstd;
    struct aead *aead;
    uint8_t *compressed;
    uint64_t newest_ms; /* of the session numbers seen */
};

int pack_init(struct pack *p, struct blocks *blocks, struct session_keys *keys,
              const struct record_keys *wrapper, const struct clock *clock, uint64_t boot) MUST_USE;
void pack_free(struct pack *p);

/* A session as a log's files tell of it; makes it known. For opening. -ENOMEM, or 0. */
int pack_resume(struct pack *p, const struct pack_chain *chain, bool ended) MUST_USE;
/* Adds a frame. One that is in a block already is passed over. -errno: nothing was
 * taken; call again later with the same frame. */
int pack_frame(struct pack *p, const struct frame *frame, uint32_t lane, uint64_t lane_frame) MUST_USE;
/* A frame that the log writes itself; session 0, or one that is known. */
int pack_own_frame(struct pack *p, uint64_t session, enum frame_type type, int64_t time_us,
                   struct bytes body) MUST_USE;
/* Seals what has been open for a second at now_us (INT64_MAX: everything). */
int pack_seal_due(struct pack *p, int64_t now_us) MUST_USE;
/* Tunes compression to how far the sequencer is behind. */
void pack_adapt(struct pack *p, uint64_t backlog);
/* Closes every session that has no end: a crash is the end of it. */
int pack_end_sessions(struct pack *p, const char *reason, int64_t time_us, unsigned *n_out) MUST_USE;
/* After opening, with everything sealed: forgets sessions that have ended and where lanes stood, since lanes
 * count from 1 again. */
int pack_begin_boot(struct pack *p) MUST_USE;
/* What stands in an .open file: the tree's spine and every session that goes on. */
void pack_encode_open(struct pack *p, struct buf *out);
/* Reads one back into pack and tree. False: malformed. */
bool pack_decode_open(struct pack *p, struct bytes in, uint64_t first_leaf, struct tree *tree_out) MUST_USE;
#endif
