/* Reading a log back, from its files alone: sessions, frames, and the proof. Nothing here writes. */
#ifndef POSTERN_RECORD_READER_H
#define POSTERN_RECORD_READER_H
#include "base/arena.h"
#include "base/bytes.h"
#include "record/frame.h"
#include "record/lane.h"
#include "record/segment-file.h"
#include "record/session-keys.h"

struct record_reader;
/* unwrap may be NULL where only heads are wanted. 0 or -errno. */
int record_reader_open(const char *folder, const struct record_keys *keys,
                       struct record_reader **reader_out) MUST_USE;
void record_reader_free(struct record_reader *reader);
/* Where blocks that went to the archive are read from now on; far outlives the reader. Without it, or NULL,
 * they are out of reach: BAD. Right behind opening. */
void record_reader_reach(struct record_reader *reader, const struct record_far *far);

enum record_read { RECORD_READ_BAD = 0 /* message says what */, RECORD_READ_END, RECORD_READ_FRAME };
/* The frames of one session in order, from frame `from` on. RECORD_READ_FRAME: it is there, and
 * record_reader_next yields its frames; RECORD_READ_END: no block of it yet. At END of a session that goes
 * on, record_reader_next may be called again later. BAD (also where the session's key was erased) stays until
 * the reader is placed anew: record_reader_session starts again. */
enum record_read record_reader_session(struct record_reader *reader, uint64_t session,
                                       uint32_t from) MUST_USE;
enum record_read record_reader_next(struct record_reader *reader, struct frame *frame_out) MUST_USE;
/* Whether the session's key was erased, as far as its first block tells; grave_out is filled then. */
bool record_reader_is_erased(struct record_reader *reader, uint64_t session,
                             struct session_grave *grave_out) MUST_USE;
const char *record_reader_message(const struct record_reader *reader);

/* Follows the log block by block, for an index: position is opaque, 0 at the start, and grows. */
struct record_block {
    uint64_t position, next_position;
    uint64_t session;
    uint32_t first_sequence, last_sequence, number;
    uint32_t types;            /* of its frames: frame_type_bit of each */
    int64_t first_us, time_us; /* of its first frame; when it was sealed */
    bool erased;               /* its key was: erasure says by which erasure, erased_us when */
    uint64_t erasure;
    int64_t erased_us;
};
/* RECORD_READ_FRAME: a block was opened, and record_reader_next now yields its frames; where there is no key
 * for it (none given, or erased), block_out is filled all the same and record_reader_next says BAD: go on at
 * next_position. RECORD_READ_END: nothing newer yet. */
enum record_read record_reader_follow(struct record_reader *reader, uint64_t position,
                                      struct record_block *block_out) MUST_USE;

/* From now on record_reader_follow opens only blocks that hold a frame of these types (frame_type_bit of
 * each): of another, block_out is filled and record_reader_next says END. At first: all. */
void record_reader_follow_types(struct record_reader *reader, uint32_t types);

/* Verification with a public key and the files alone. */
struct record_verify_result {
    bool ok;
    uint64_t blocks, sessions, bytes, checkpoints;
    uint64_t erased;  /* of those blocks: their session's key was erased, and nobody can open them */
    uint64_t removed; /* of those: their ciphertext was given back to the disk, and their heads prove them */
    uint64_t tree_size; /* of the newest signed checkpoint */
    uint64_t bad_leaf;  /* the first block that is wrong, missing or out of place, when !ok */
    uint64_t bad_session;
    uint32_t bad_first_sequence, bad_last_sequence;
    uint64_t
        unproven_blocks;    /* newer than the newest checkpoint: safe from a crash, not yet tamper-evident */
    size_t keys;            /* that signed the log, one after the other */
    uint8_t newest_key[32]; /* the last of them: equal to the one to verify with, unless that was handed on */
    char origin[256];       /* the log's name */
    char message[512];
};
/* keys: NULL, or for opening blocks to check every frame and its sequence too. progress (may be NULL) is
 * called now and then. 0 or -errno where the files cannot be read at all; -ENOLINK where some of the log is
 * in the archive. */
int record_verify(const char *folder, const uint8_t public_key[32], const struct record_keys *keys,
                  void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                  struct record_verify_result *result_out) MUST_USE;
/* The same. far: where what is in the archive is read; NULL: nowhere. Where it gives nothing, its error is
 * answered. anchored: NULL, or checkpoints that were kept elsewhere (anchored.h): the log must still begin
 * with their trees. They are walked once: read them anew for another log. A rewritten or a cut log is not
 * ok. */
struct anchored;
int record_verify_against(const char *folder, const struct record_far *far, const uint8_t public_key[32],
                          const struct record_keys *keys, struct anchored *anchored,
                          void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                          struct record_verify_result *result_out) MUST_USE;
#endif
