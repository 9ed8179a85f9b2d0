/* Inclusion and consistency proofs of RFC 6962 (2.1.1, 2.1.2): which subtrees a proof consists of, their
 * hashes in one walk over the leaves, and the check. Pure.
 *
 * The walk sees each leaf hash once and keeps the right spine and what is asked for: a proof from a log of n
 * blocks reads the n heads and hashes 2n times, in memory for the nodes of the proofs alone. */
#ifndef POSTERN_RECORD_TREE_PROOF_H
#define POSTERN_RECORD_TREE_PROOF_H
#include "base/check.h"
#include "record/tree.h"

enum { TREE_PROOF_MAX = 64 }; /* most hashes of one proof */

/* A subtree: that over the leaves from `from`, up to and without `to`. */
struct tree_node {
    uint64_t from, to;
    uint8_t hash[32];
};

/* The nodes of the proof that leaf `leaf` is in the tree of this size, in the proof's order, hashes not set;
 * how many they are. leaf < size. */
unsigned tree_inclusion_nodes(uint64_t leaf, uint64_t size, struct tree_node out[TREE_PROOF_MAX]);
/* Likewise that the tree of `size` leaves begins with that of `old`; none where they are equal or old is 0.
 */
unsigned tree_consistency_nodes(uint64_t old, uint64_t size, struct tree_node out[TREE_PROOF_MAX]);

/* One walk over all leaves of a tree, which sets the hashes of any number of its nodes. */
struct tree_walk {
    struct tree tree;
    struct tree_node **wanted; /* by where they end, then the smaller ones first */
    size_t n, at;
};
/* Sorts the pointers, which stay the caller's. */
void tree_walk_begin(struct tree_walk *walk, struct tree_node **nodes, size_t n);
void tree_walk_leaf(struct tree_walk *walk, struct sha256 *h, const uint8_t leaf_hash[32]);
/* Behind the last leaf. True: every node was met; walk->tree has the root. */
bool tree_walk_end(struct tree_walk *walk, struct sha256 *h) MUST_USE;

/* Whether these n hashes, one behind the other, prove it (RFC 9162, 2.1.3.2 and 2.1.4.2). */
bool tree_inclusion_holds(struct sha256 *h, uint64_t leaf, uint64_t size, const uint8_t leaf_hash[32],
                          const uint8_t *proof, size_t n, const uint8_t root[32]) MUST_USE;
bool tree_consistency_holds(struct sha256 *h, uint64_t old, uint64_t size, const uint8_t old_root[32],
                            const uint8_t *proof, size_t n, const uint8_t root[32]) MUST_USE;
#endif
