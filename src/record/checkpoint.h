/* Checkpoints: C2SP tlog-checkpoint notes, signed with Ed25519. The checkpoints file holds every one ever
 * signed, oldest first, an empty line behind each.
 *
 * A handover is the checkpoint with which one signing key hands on to the next: it has two extension lines,
 * "old-key KEY" and "new-key KEY" (verifier keys), and both keys sign it. */
#ifndef POSTERN_RECORD_CHECKPOINT_H
#define POSTERN_RECORD_CHECKPOINT_H
#include "base/buf.h"
#include "base/bytes.h"
#include "record/lane.h"

enum { CHECKPOINT_MAX = 4096, CHECKPOINT_SIGNATURES = 4 };

struct checkpoint {
    struct bytes origin; /* borrowed from the text that was read */
    uint64_t size;
    uint8_t root[32];
    struct bytes signed_text;      /* what the signatures cover, borrowed */
    struct bytes old_key, new_key; /* of a handover: verifier keys as text; else empty */
    struct checkpoint_signature {
        uint8_t key_id[4], signature[64];
    } signatures[CHECKPOINT_SIGNATURES]; /* those under the origin's name */
    unsigned n_signatures;               /* at least one */
};

/* Whether a name can stand in a note: not empty, no white space, no '+', at most 200 bytes. */
bool checkpoint_origin_fits(struct bytes origin);
/* Appends a signed note and its empty line to out. 0, or what keys->sign gave, or -EIO where the signature is
 * not by the public key. */
int checkpoint_sign(const struct record_keys *keys, const char *origin, uint64_t size, const uint8_t root[32],
                    struct buf *out) MUST_USE;
/* The same for a handover, signed with both keys, which are of the same origin. */
int checkpoint_sign_handover(const struct record_keys *old, const struct record_keys *new, const char *origin,
                             uint64_t size, const uint8_t root[32], struct buf *out) MUST_USE;
/* Reads the note at *at of a checkpoints file; *at moves behind it. Signatures under other names (of
 * witnesses) are passed over. False: malformed or cut. */
bool checkpoint_next(struct bytes file, size_t *at, struct checkpoint *checkpoint_out) MUST_USE;
/* Whether the key signed it, under the name that it gives as its origin. */
bool checkpoint_verify(const struct checkpoint *c, const uint8_t public_key[32]) MUST_USE;
/* Whether it is a handover that both its keys signed; then they are given. */
bool checkpoint_handover(const struct checkpoint *c, uint8_t old_out[32], uint8_t new_out[32]) MUST_USE;
/* The last whole note of a checkpoints file, of which `end` is the end, with its empty line; the file's
 * beginning may be missing. False: there is none. */
bool checkpoint_last(struct bytes end, struct bytes *note_out, struct checkpoint *checkpoint_out) MUST_USE;
#endif
