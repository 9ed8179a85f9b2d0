/* Writing the log. A log is a folder; a lane is one worker's own way into it, without locks. What a worker
 * appends is staged in memory; record_lane_commit seals all of it into the memory-mapped tail in one step,
 * after which it survives the death of the process. The order that the rest of the program keeps: append,
 * commit, and only then let bytes go to a server or a client.
 *
 * A sequencer thread, started by record_log_open, follows all lanes: it merges them into blocks of single
 * sessions (compressed, encrypted with the session's key), adds each block's head to the Merkle tree, signs a
 * checkpoint every second, and lets go of tail segments that are wholly in synced blocks. Format:
 * doc/log-format.md. */
#ifndef POSTERN_RECORD_LANE_H
#define POSTERN_RECORD_LANE_H
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "record/frame.h"

/* What the log needs of keys; the program puts the keys child behind it, a test a key in memory. All return 0
 * or -errno; they may block for a round trip to the child, and are called from the sequencer thread and at
 * opening only. */
struct record_keys {
    void *context;
    /* Wraps a 32-byte data key under the key-encryption key; room for 60 bytes (12 nonce, 32, 16 tag). */
    int (*wrap)(void *context, const uint8_t key[32], uint8_t wrapped_out[60]);
    int (*unwrap)(void *context, const uint8_t wrapped[60], uint8_t key_out[32]);
    /* Ed25519 over the message. */
    int (*sign)(void *context, struct bytes message, uint8_t signature_out[64]);
    uint8_t public_key[32];
};

struct record_options {
    const char *folder;        /* made if it is not there */
    const char *origin;        /* the log's name in checkpoints, "postern.example/log-1" */
    unsigned n_lanes;          /* workers, plus one for the gateway itself: lane n_lanes - 1 */
    size_t tail_segment_bytes; /* 0: 64 MiB */
    uint64_t segment_bytes;    /* of blocks: a fuller segment is followed by another; 0: 64 MiB */
    int64_t segment_us;        /* an older one too; 0: however old it is */
    const struct clock *clock; /* asked by the workers and by the log's own threads */
    const struct record_keys *keys;
    /* Called from the sequencer thread when a lane that answered RECORD_WAIT or RECORD_FULL has room again.
     */
    void (*on_room)(void *context, unsigned lane);
    /* Called from the sequencer thread when blocks were synced: index and live views follow. */
    void (*on_blocks)(void *context);
    void *context;
};

struct record_log;
/* Opens or makes the log, recovers what a crash left in the tail (cut parts are written down as
 * FRAME_GATEWAY), and starts the sequencer. 0 or -errno, logged. */
int record_log_open(const struct record_options *options, struct record_log **log_out) MUST_USE;
/* Sequences everything committed, seals, signs the last checkpoint, stops the thread, frees. Lanes are gone
 * then. */
void record_log_close(struct record_log *log);
/* Lane i, owned by the log; used by one thread. */
struct record_lane *record_log_lane(struct record_log *log, unsigned i);

/* From any thread: once so many bytes of blocks more are stored, intents are refused with RECORD_FULL, until
 * this is called with room again. UINT64_MAX, as in the beginning: there is no such bound. */
void record_log_allow(struct record_log *log, uint64_t more_bytes);

/* From any thread: intents are refused with RECORD_FULL, until this is called with false. */
void record_log_refuse(struct record_log *log, bool refuse);

/* For /metrics and readiness; read without a lock, each number for itself. */
struct record_stats {
    uint64_t frames, bytes_appended, blocks, bytes_stored, tail_backlog_bytes;
    bool refusing;   /* some lane has no room for intents */
    bool spool_full; /* all are refused, since record_log_allow said so */
};
void record_log_stats(struct record_log *log, struct record_stats *stats_out);

/* The part of a session that the log knows; embedded in the session, used by its worker only. The gateway's
 * own frames (FRAME_GATEWAY, FRAME_REJECTED) go through { .id = 0, .next_sequence = 1 }, one for each lane
 * that writes such; the sequencer numbers them, and record_append gives 0 as their sequence. Behind
 * FRAME_SESSION_END the session is over: every later append says RECORD_FULL. */
struct record_session {
    uint64_t id;
    uint32_t next_sequence; /* of the frame that will be appended next; starts at 1 */
    uint32_t n_reserved;    /* runs whose outcome has its room reserved */
};
/* A new session number, unique in this log. */
struct record_session record_session_begin(struct record_lane *lane);

/* RECORD_FULL: no room, and none is coming until someone makes some: refuse (58030). RECORD_WAIT: the
 * sequencer is behind; stop reading from the peer until on_room. RECORD_OK: staged; *sequence_out (may be
 * NULL) names the frame. */
enum record_outcome { RECORD_FULL = 0, RECORD_WAIT, RECORD_OK };

/* INTENT is for what a client asks: it leaves the reserve alone. OUTCOME is for what must be written about
 * something already forwarded: it may take from the reserve (64 kB a reserved run), and so succeeds for
 * completions, errors and FRAME_CUT even when the disk is full. Rows are appended as INTENT: where they no
 * longer fit, the OUTCOME says so. */
enum record_urgency { RECORD_INTENT = 0, RECORD_OUTCOME };

/* Stages one frame whose body is the parts, one after the other (copied). A body is at most 1 MiB - 64 kB;
 * larger things come in pieces with FRAME_PART. */
enum record_outcome record_append(struct record_lane *lane, struct record_session *session,
                                  enum record_urgency urgency, enum frame_type type, uint8_t flags,
                                  int64_t time_us, const struct bytes *parts, size_t n_parts,
                                  uint32_t *sequence_out) MUST_USE;
/* Reserves 64 kB for the outcome of a run about to be forwarded; RECORD_OK or RECORD_FULL or RECORD_WAIT. */
enum record_outcome record_reserve(struct record_lane *lane, struct record_session *session) MUST_USE;
/* Gives one reservation back, once its completion or error is appended. */
void record_release(struct record_lane *lane, struct record_session *session);
/* Seals what was staged. False: the lane is dead (its file was truncated or unmapped under us): nothing
 * staged since the last commit is safe, nothing of it may be forwarded, and every later append says
 * RECORD_FULL. */
bool record_lane_commit(struct record_lane *lane) MUST_USE;

/* ---- wiping: what was committed so far leaves the tail's files. Erasing needs it, since a batch of the tail
 * could be opened with the key in the file's head long after its frames stand in blocks. */

/* Seals what was staged and goes on in the next segment of the tail; the lane's own thread. Where there is no
 * room behind it (a lane that is dead, or pressed) it stays, and false is answered: try again. */
bool record_lane_turn(struct record_lane *lane) MUST_USE;
/* From here on segments of the tail that are no longer needed are removed and not kept for reuse. */
void record_log_wipe(struct record_log *log, bool on);
/* Whether everything that lane i had before its last turn is gone from the tail. From any thread. */
bool record_log_is_wiped(struct record_log *log, unsigned i) MUST_USE;
#endif
