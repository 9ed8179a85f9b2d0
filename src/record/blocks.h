/* The files of blocks: segments/<first leaf>.blocks holds heads and ciphertexts, .heads the heads once more
 * with where each stands, .open what recovery needs to begin there; next to them the checkpoints. This is the
 * writer, used by the sequencer thread only; blocks-scan.c reads the files back when a log is opened. */
#ifndef POSTERN_RECORD_BLOCKS_H
#define POSTERN_RECORD_BLOCKS_H
#include "base/buf.h"
#include "record/checkpoint.h"
#include "record/format.h"
#include "record/tree.h"

enum { BLOCKS_SEGMENT_BYTES = 64 << 20 /* unless told otherwise */ };

struct blocks {
    int folder;                /* segments/ */
    int fd, heads_fd;          /* of the newest segment, -1: none yet */
    int checkpoints_fd;        /* open for appending */
    uint64_t first_leaf;       /* of the newest segment */
    uint64_t segment_bytes;    /* how large one gets */
    uint64_t size, heads_size; /* what is written of the newest segment's files */
    uint64_t checkpoints_size;
    struct buf out, heads_out; /* not written yet: kept where the disk is full, written again in full */
    struct tree tree;          /* over all blocks, the unwritten ones too */
    uint64_t synced;           /* blocks that are on the disk */
    uint64_t checkpointed;     /* the size that the newest checkpoint signs */
    uint64_t stored_bytes, unsynced_bytes;
    int broken; /* what a sync failed with: what it lost is only known after a restart */
    struct sha256 *sha;
};

/* Adds a block: sets its leaf and digest, gives the leaf hash. It is in memory until blocks_flush. */
void blocks_append(struct blocks *b, struct format_block *head, struct bytes cipher, uint8_t hash_out[32]);
/* Writes what is not written yet. -errno: nothing is lost, call again. */
int blocks_flush(struct blocks *b) MUST_USE;
/* Flushes and syncs: everything appended so far is on the disk then. */
int blocks_sync(struct blocks *b) MUST_USE;
/* Signs a checkpoint over what is synced, where that is new. */
int blocks_checkpoint(struct blocks *b, const struct record_keys *keys, const char *origin) MUST_USE;
/* Whether the newest segment is large enough to begin another. */
bool blocks_segment_is_full(const struct blocks *b);
/* Begins the segment whose first leaf is the next one. Everything before is synced and checkpointed; open is
 * what recovery will find. */
int blocks_begin_segment(struct blocks *b, struct bytes open) MUST_USE;
void blocks_free(struct blocks *b);
/* segments/<first leaf><suffix>, room for 32. */
void blocks_name(uint64_t first_leaf, const char *suffix, char out[32]);
#endif
