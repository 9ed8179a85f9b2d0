/* Opening a block: from its head and ciphertext to its frames. Shared by the reader and by verification. */
#ifndef POSTERN_RECORD_OPENER_H
#define POSTERN_RECORD_OPENER_H
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "record/format.h"
#include "record/lane.h"
#include "record/segment-file.h"
#include "record/session-keys.h"
#include "record/shrink.h"

struct opener {
    const struct record_keys *keys; /* NULL: heads only */
    int keys_fd;
    uint64_t key_index; /* the key that aead has; 0: none */
    struct aead *aead;
    struct sha256 *sha;
    ZSTD_DCtx *zstd;
    uint8_t *cipher, *plain;
    uint8_t *expanded;   /* the body of a frame that was compressed; NULL until one comes */
    struct bytes frames; /* of the block that was opened last */
    /* Where opener_next stands. */
    size_t at;
    struct frame frame;
    uint32_t last_sequence;
    bool has_crc;               /* each frame, as earlier versions wrote them */
    uint32_t types, types_seen; /* what the head says, and what came so far */
    const char *message;        /* why something was BAD or CLOSED */
    bool erased;                /* what is CLOSED is so since its key was erased */
    struct session_grave grave; /* then: which erasure, and when */
};

/* The log's folder must be open; keys may be NULL. 0 or -errno. */
int opener_init(struct opener *o, int log_folder, const struct record_keys *keys) MUST_USE;
void opener_free(struct opener *o);

/* CLOSED: whole, but there is no key for it (none was given, or it was erased). */
enum opened { OPENED_BAD = 0, OPENED_CLOSED, OPENED };
/* Reads the ciphertext of a head that stands at `offset` of a segment into o->cipher, and checks the head
 * there and the digest. BAD also where the archive cannot be reached: blocks->error tells that apart. */
enum opened opener_read(struct opener *o, struct segment_file *blocks, uint64_t offset,
                        const uint8_t raw[FORMAT_BLOCK_HEAD], const struct format_block *head) MUST_USE;
/* Whether the key of the block was erased: o->erased and o->grave say so then. Its ciphertext may be gone,
 * with zeros in its place: see log-format.md. */
bool opener_is_erased(struct opener *o, const struct format_block *head) MUST_USE;
/* Whether a block whose key was erased has zeros for a ciphertext, behind its head. */
bool opener_is_removed(struct opener *o, struct segment_file *blocks, uint64_t offset,
                       const uint8_t raw[FORMAT_BLOCK_HEAD], const struct format_block *head) MUST_USE;
/* Opens what opener_read read; opener_next yields its frames then. */
enum opened opener_open(struct opener *o, const uint8_t raw[FORMAT_BLOCK_HEAD],
                        const struct format_block *head) MUST_USE;
/* The same with a data key at hand. The opener may be one without a folder (-1) and keys (NULL). */
enum opened opener_open_with(struct opener *o, const uint8_t raw[FORMAT_BLOCK_HEAD],
                             const struct format_block *head, const uint8_t key[AEAD_KEY]) MUST_USE;
/* The next frame of the block: 1: there is one; 0: the block is at its end; -1: bad. */
int opener_next(struct opener *o, struct frame *frame_out) MUST_USE;
#endif
