/* Opening a block: from its head and ciphertext to its frames. Shared by the reader and by verification. */
#ifndef POSTERN_RECORD_OPENER_H
#define POSTERN_RECORD_OPENER_H
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "record/format.h"
#include "record/lane.h"
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
    uint32_t types, types_seen; /* what the head says, and what came so far */
    const char *message;        /* why something was BAD or CLOSED */
};

/* The log's folder must be open; keys may be NULL. 0 or -errno. */
int opener_init(struct opener *o, int log_folder, const struct record_keys *keys) MUST_USE;
void opener_free(struct opener *o);

/* CLOSED: whole, but there is no key for it (none was given, or it was erased). */
enum opened { OPENED_BAD = 0, OPENED_CLOSED, OPENED };
/* Reads the ciphertext of a head that stands at `offset` of a .blocks file into o->cipher, and checks the
 * head there and the digest. */
enum opened opener_read(struct opener *o, int blocks_fd, uint64_t offset,
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
