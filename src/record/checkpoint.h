/* Checkpoints: C2SP tlog-checkpoint notes, signed with Ed25519. The checkpoints file holds every one ever
 * signed, oldest first, an empty line behind each. */
#ifndef POSTERN_RECORD_CHECKPOINT_H
#define POSTERN_RECORD_CHECKPOINT_H
#include "base/buf.h"
#include "base/bytes.h"
#include "record/lane.h"

enum { CHECKPOINT_MAX = 1024 };

struct checkpoint {
    struct bytes origin; /* borrowed from the text that was read */
    uint64_t size;
    uint8_t root[32];
    struct bytes signed_text; /* what the signature covers, borrowed */
    uint8_t key_id[4];
    uint8_t signature[64];
};

/* Whether a name can stand in a note: not empty, no white space, no '+', at most 200 bytes. */
bool checkpoint_origin_fits(struct bytes origin);
/* Appends a signed note and its empty line to out. 0, or what keys->sign gave, or -EIO where the signature is
 * not by the public key. */
int checkpoint_sign(const struct record_keys *keys, const char *origin, uint64_t size, const uint8_t root[32],
                    struct buf *out) MUST_USE;
/* Reads the note at *at of a checkpoints file; *at moves behind it. False: malformed or cut. */
bool checkpoint_next(struct bytes file, size_t *at, struct checkpoint *checkpoint_out) MUST_USE;
/* Whether the key signed it, under the name that it gives as its origin. */
bool checkpoint_verify(const struct checkpoint *c, const uint8_t public_key[32]) MUST_USE;
#endif
