/* The signing keys of a log, one after the other: each hands on to the next with a checkpoint that both sign
 * (checkpoint.h). Who trusts one of them can follow the others. */
#ifndef POSTERN_RECORD_KEY_CHAIN_H
#define POSTERN_RECORD_KEY_CHAIN_H
#include "base/bytes.h"
#include "base/check.h"
#include "record/checkpoint.h"

enum { KEY_CHAIN_MAX = 256 };
struct key_chain {
    uint8_t keys[KEY_CHAIN_MAX][32]; /* oldest first */
    size_t n, at;                    /* at: the one that signs now, for whoever walks the notes */
};

/* The keys that these notes (any number, others than handovers are passed over) name, where `pinned` is one
 * of them; only the pinned one where no note is a handover. False: some handover is not signed by both its
 * keys or does not follow the one before it, they are too many, or the pinned key is none of them; why_out
 * says. */
bool key_chain_read(struct bytes notes, const uint8_t pinned[32], struct key_chain *chain_out,
                    const char **why_out) MUST_USE;
/* The next note of a walk, in order: whether the key whose turn it is signed it. A handover moves on. */
bool key_chain_takes(struct key_chain *chain, const struct checkpoint *c) MUST_USE;
/* Whether any of the keys signed it. */
bool key_chain_signed(const struct key_chain *chain, const struct checkpoint *c) MUST_USE;
#endif
