/* The Merkle tree of RFC 6962 over the block heads, as far as a writer needs it: only the right spine is kept
 * (the root of each perfect subtree, largest first), 32 bytes a level. */
#ifndef POSTERN_RECORD_TREE_H
#define POSTERN_RECORD_TREE_H
#include "base/bytes.h"
#include "crypto/hash.h"

struct tree {
    uint64_t size;         /* leaves */
    uint8_t spine[64][32]; /* as many as size has bits set, the largest subtree first */
};

/* RFC 6962's leaf hash: SHA-256 of 0x00 and the leaf. */
void tree_leaf_hash(struct sha256 *h, struct bytes leaf, uint8_t hash_out[32]);
/* RFC 6962's inner node: SHA-256 of 0x01, left and right. out may be either of them. */
void tree_join(struct sha256 *h, const uint8_t left[32], const uint8_t right[32], uint8_t out[32]);
void tree_append(struct tree *t, struct sha256 *h, const uint8_t leaf_hash[32]);
/* Of an empty tree: the hash of nothing. */
void tree_root(const struct tree *t, struct sha256 *h, uint8_t root_out[32]);
/* How many hashes of the spine are in use. */
static inline unsigned tree_spine_length(const struct tree *t)
{
    return (unsigned)__builtin_popcountll(t->size);
}
#endif
