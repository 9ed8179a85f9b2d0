/* Appending a leaf is adding one in binary: each carry joins the two newest subtrees (RFC 6962, 2.1). */
#include "record/tree.h"
#include <string.h>

void tree_leaf_hash(struct sha256 *h, struct bytes leaf, uint8_t hash_out[32])
{
    sha256_begin(h);
    sha256_add(h, bytes_make("\0", 1));
    sha256_add(h, leaf);
    sha256_end(h, hash_out);
}

void tree_join(struct sha256 *h, const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
    sha256_begin(h);
    sha256_add(h, bytes_make("\1", 1));
    sha256_add(h, bytes_make(left, 32));
    sha256_add(h, bytes_make(right, 32));
    sha256_end(h, out);
}

void tree_append(struct tree *t, struct sha256 *h, const uint8_t leaf_hash[32])
{
    unsigned n = tree_spine_length(t);
    uint8_t hash[32];
    memcpy(hash, leaf_hash, sizeof hash);
    for (uint64_t carry = t->size; carry & 1; carry >>= 1)
        tree_join(h, t->spine[--n], hash, hash);
    memcpy(t->spine[n], hash, sizeof hash);
    t->size++;
}

void tree_root(const struct tree *t, struct sha256 *h, uint8_t root_out[32])
{
    unsigned n = tree_spine_length(t);
    if (n == 0) {
        sha256_of(h, (struct bytes){ 0 }, root_out);
        return;
    }
    memcpy(root_out, t->spine[--n], 32);
    while (n > 0)
        tree_join(h, t->spine[--n], root_out, root_out);
}
