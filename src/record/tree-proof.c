/* A node of the tree of n leaves is either perfect (2^l leaves, beginning at a multiple of that) or the
 * ragged rest that ends at n. A perfect one is met when its last leaf is appended, as one of the carries; a
 * ragged one is a fold of the spine behind the last leaf. */
#include "record/tree-proof.h"
#include <stdlib.h>

/* The largest power of two below n; n > 1. */
static uint64_t split_of(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

unsigned tree_inclusion_nodes(uint64_t leaf, uint64_t size, struct tree_node out[TREE_PROOF_MAX])
{
    uint64_t from = 0, to = size;
    struct tree_node down[TREE_PROOF_MAX] = { 0 };
    unsigned n = 0;
    CHECK(leaf < size);
    while (to - from > 1) {
        uint64_t middle = from + split_of(to - from);
        CHECK(n < TREE_PROOF_MAX);
        down[n++] = leaf < middle ? (struct tree_node){ .from = middle, .to = to }
                                  : (struct tree_node){ .from = from, .to = middle };
        *(leaf < middle ? &to : &from) = middle;
    }
    for (unsigned i = 0; i < n; i++)
        out[i] = down[n - 1 - i];
    return n;
}

/* SUBPROOF of RFC 6962, from the root down. */
unsigned tree_consistency_nodes(uint64_t old, uint64_t size, struct tree_node out[TREE_PROOF_MAX])
{
    uint64_t from = 0, to = size;
    struct tree_node down[TREE_PROOF_MAX] = { 0 };
    unsigned n = 0;
    CHECK(old <= size);
    if (old == 0 || old == size) return 0;
    while (to != old) {
        uint64_t middle = from + split_of(to - from);
        CHECK(n + 1 < TREE_PROOF_MAX);
        down[n++] = old <= middle ? (struct tree_node){ .from = middle, .to = to }
                                  : (struct tree_node){ .from = from, .to = middle };
        *(old <= middle ? &to : &from) = middle;
    }
    /* Where the old tree is perfect its root is known, and not part of the proof. */
    if (from != 0) down[n++] = (struct tree_node){ .from = from, .to = to };
    for (unsigned i = 0; i < n; i++)
        out[i] = down[n - 1 - i];
    return n;
}

static int by_end(const void *a, const void *b)
{
    const struct tree_node *x = *(const struct tree_node *const *)a;
    const struct tree_node *y = *(const struct tree_node *const *)b;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    return x->from == y->from ? 0 : x->from > y->from ? -1 : 1;
}

void tree_walk_begin(struct tree_walk *walk, struct tree_node **nodes, size_t n)
{
    *walk = (struct tree_walk){ .wanted = nodes, .n = n };
    if (n) qsort(nodes, n, sizeof *nodes, by_end);
}

/* Gives the hash to whoever wants this node. */
static void offer(struct tree_walk *walk, uint64_t from, uint64_t to, const uint8_t hash[32])
{
    for (; walk->at < walk->n; walk->at++) {
        struct tree_node *node = walk->wanted[walk->at];
        if (node->from != from || node->to != to) return;
        memcpy(node->hash, hash, 32);
    }
}

void tree_walk_leaf(struct tree_walk *walk, struct sha256 *h, const uint8_t leaf_hash[32])
{
    struct tree *t = &walk->tree;
    unsigned n = tree_spine_length(t);
    uint8_t hash[32];
    memcpy(hash, leaf_hash, sizeof hash);
    uint64_t to = t->size + 1, length = 1;
    offer(walk, to - length, to, hash);
    for (uint64_t carry = t->size; carry & 1; carry >>= 1) {
        tree_join(h, t->spine[--n], hash, hash);
        length *= 2;
        offer(walk, to - length, to, hash);
    }
    memcpy(t->spine[n], hash, sizeof hash);
    t->size++;
}

bool tree_walk_end(struct tree_walk *walk, struct sha256 *h)
{
    const struct tree *t = &walk->tree;
    unsigned n = tree_spine_length(t);
    uint8_t hash[32];
    uint64_t from = t->size, rest = t->size;
    if (n == 0) return walk->n == 0;
    memcpy(hash, t->spine[--n], 32);
    from -= rest & -rest;
    for (rest &= rest - 1; n > 0; rest &= rest - 1) {
        tree_join(h, t->spine[--n], hash, hash);
        from -= rest & -rest;
        offer(walk, from, t->size, hash);
    }
    return walk->at == walk->n;
}

bool tree_inclusion_holds(struct sha256 *h, uint64_t leaf, uint64_t size, const uint8_t leaf_hash[32],
                          const uint8_t *proof, size_t n, const uint8_t root[32])
{
    uint8_t hash[32];
    uint64_t place = leaf, last = size - 1;
    if (leaf >= size) return false;
    memcpy(hash, leaf_hash, sizeof hash);
    for (size_t i = 0; i < n; i++) {
        if (last == 0) return false;
        if (place & 1 || place == last) {
            tree_join(h, proof + 32 * i, hash, hash);
            while (!(place & 1) && place != 0) {
                place >>= 1;
                last >>= 1;
            }
        } else {
            tree_join(h, hash, proof + 32 * i, hash);
        }
        place >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(hash, root, sizeof hash) == 0;
}

bool tree_consistency_holds(struct sha256 *h, uint64_t old, uint64_t size, const uint8_t old_root[32],
                            const uint8_t *proof, size_t n, const uint8_t root[32])
{
    uint8_t was[32], is[32];
    if (old == 0 || old > size) return false;
    if (old == size) return n == 0 && memcmp(old_root, root, 32) == 0;
    bool perfect = (old & (old - 1)) == 0;
    if (!perfect && n == 0) return false;
    const uint8_t *first = perfect ? old_root : proof;
    size_t i = perfect ? 0 : 1;
    uint64_t place = old - 1, last = size - 1;
    while (place & 1) {
        place >>= 1;
        last >>= 1;
    }
    memcpy(was, first, 32);
    memcpy(is, first, 32);
    for (; i < n; i++) {
        if (last == 0) return false;
        if (place & 1 || place == last) {
            tree_join(h, proof + 32 * i, was, was);
            tree_join(h, proof + 32 * i, is, is);
            while (!(place & 1) && place != 0) {
                place >>= 1;
                last >>= 1;
            }
        } else {
            tree_join(h, is, proof + 32 * i, is);
        }
        place >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(was, old_root, 32) == 0 && memcmp(is, root, 32) == 0;
}
