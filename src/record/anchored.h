/* Checkpoints that were kept elsewhere (anchored), and whether a log still holds what they sign. Whoever has
 * the signing key can write another history and sign it; what was anchored before it cannot be changed. */
#ifndef POSTERN_RECORD_ANCHORED_H
#define POSTERN_RECORD_ANCHORED_H
#include "record/key-chain.h"
#include "record/tree.h"

struct anchored_tree {
    uint64_t size;
    uint8_t root[32];
};
struct anchored {
    struct anchored_tree *trees; /* by size */
    size_t n, at;                /* at: the next that a walk comes to */
    struct bytes origin;         /* borrowed from the notes; empty: there was none */
    uint64_t held;               /* the largest size whose root was right so far; 0: none */
};

enum anchored_outcome {
    ANCHORED_MALFORMED = 0,
    ANCHORED_OTHER_LOGS /* notes of several origins */,
    ANCHORED_CONFLICT /* two roots for one size */,
    ANCHORED_READ
};
/* Notes one behind the other, as an anchor's file has them, in any order; the notes must outlive it.
 * Signatures are not looked at: what was kept elsewhere is believed because of where it was kept. */
enum anchored_outcome anchored_read(struct bytes notes, struct anchored *out) MUST_USE;
void anchored_free(struct anchored *a);
/* A walk's tree has grown by a leaf. False: it has the size of an anchored checkpoint and another root. */
bool anchored_holds(struct anchored *a, const struct tree *tree, struct sha256 *sha) MUST_USE;
#endif
