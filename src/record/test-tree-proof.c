/* Vectors: the leaves, roots and proofs that RFC 6962's reference implementation is tested with (its eight
 * leaves), and the definition by recursion for every leaf of every tree up to a size. */
#include "base/test.h"

#include "base/buf.h"
#include "base/codec.h"
#include "record/tree-proof.h"

enum { MOST = 130 };
static uint8_t leaves[MOST][32];
static struct sha256 *h;

static void definition(size_t from, size_t to, uint8_t out[32])
{
    if (to - from == 1) {
        memcpy(out, leaves[from], 32);
        return;
    }
    size_t k = 1;
    while (k * 2 < to - from)
        k *= 2;
    uint8_t left[32], right[32];
    definition(from, from + k, left);
    definition(from + k, to, right);
    tree_join(h, left, right, out);
}

static int make_leaves(void **state)
{
    (void)state;
    h = sha256_new();
    for (size_t i = 0; i < MOST; i++)
        tree_leaf_hash(h, bytes_make(&i, sizeof i), leaves[i]);
    return 0;
}

static int drop_leaves(void **state)
{
    (void)state;
    sha256_free(h);
    return 0;
}

/* Sets the nodes' hashes and gives the root, by one walk. */
static void walk(struct tree_node *nodes, size_t n, size_t size, uint8_t root[32])
{
    struct tree_node *pointers[TREE_PROOF_MAX];
    struct tree_walk w;
    for (size_t i = 0; i < n; i++)
        pointers[i] = &nodes[i];
    tree_walk_begin(&w, pointers, n);
    for (size_t i = 0; i < size; i++)
        tree_walk_leaf(&w, h, leaves[i]);
    assert_true(tree_walk_end(&w, h));
    tree_root(&w.tree, h, root);
}

static void flatten(const struct tree_node *nodes, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        memcpy(out + 32 * i, nodes[i].hash, 32);
}

static void every_leaf_of_every_tree_is_proven_and_no_other_leaf_is(void **state)
{
    (void)state;
    for (size_t size = 1; size <= MOST; size++)
        for (size_t leaf = 0; leaf < size; leaf++) {
            struct tree_node nodes[TREE_PROOF_MAX];
            uint8_t root[32], expected[32], proof[TREE_PROOF_MAX * 32] = { 0 };
            unsigned n = tree_inclusion_nodes(leaf, size, nodes);
            walk(nodes, n, size, root);
            definition(0, size, expected);
            assert_memory_equal(root, expected, 32);
            for (unsigned i = 0; i < n; i++) {
                definition(nodes[i].from, nodes[i].to, expected);
                assert_memory_equal(nodes[i].hash, expected, 32);
            }
            flatten(nodes, n, proof);
            assert_true(tree_inclusion_holds(h, leaf, size, leaves[leaf], proof, n, root));
            assert_false(tree_inclusion_holds(h, leaf, size, leaves[(leaf + 1) % MOST], proof, n, root));
            if (n) assert_false(tree_inclusion_holds(h, leaf, size, leaves[leaf], proof, n - 1, root));
            assert_false(tree_inclusion_holds(h, leaf, size, leaves[leaf], proof, n + 1, root));
            assert_false(tree_inclusion_holds(h, leaf + size, size, leaves[leaf], proof, n, root));
            if (leaf) assert_false(tree_inclusion_holds(h, leaf - 1, size, leaves[leaf], proof, n, root));
            if (n) {
                proof[(leaf * 7 + size) % (32 * n)] ^= 1;
                assert_false(tree_inclusion_holds(h, leaf, size, leaves[leaf], proof, n, root));
            }
        }
}

static void every_tree_is_proven_to_begin_with_every_smaller_one(void **state)
{
    (void)state;
    for (size_t size = 1; size <= MOST; size++)
        for (size_t old = 1; old <= size; old++) {
            struct tree_node nodes[TREE_PROOF_MAX];
            uint8_t root[32], old_root[32], proof[TREE_PROOF_MAX * 32 + 32] = { 0 };
            unsigned n = tree_consistency_nodes(old, size, nodes);
            walk(nodes, n, size, root);
            definition(0, old, old_root);
            flatten(nodes, n, proof);
            assert_true(tree_consistency_holds(h, old, size, old_root, proof, n, root));
            assert_false(tree_consistency_holds(h, old, size, old_root, proof, n + 1, root));
            if (n) assert_false(tree_consistency_holds(h, old, size, old_root, proof, n - 1, root));
            old_root[3] ^= 1;
            assert_false(tree_consistency_holds(h, old, size, old_root, proof, n, root));
            old_root[3] ^= 1;
            if (n) {
                proof[(old * 7 + size) % (32 * n)] ^= 1;
                assert_false(tree_consistency_holds(h, old, size, old_root, proof, n, root));
            }
        }
}

static void unhex(const char *text, uint8_t out[32])
{
    struct buf b;
    buf_init(&b, 64);
    assert_true(codec_unhex(bytes_of(text), &b));
    assert_int_equal(buf_length(&b), 32);
    memcpy(out, buf_bytes(&b).p, 32);
    buf_free(&b);
}

/* The root over the eight leaves that implementations of certificate transparency share as vectors. */
static void the_shared_vectors_hold(void **state)
{
    (void)state;
    static const struct {
        const char *p;
        size_t n;
    } inputs[8] = { { "", 0 },
                    { "\0", 1 },
                    { "\x10", 1 },
                    { "\x20\x21", 2 },
                    { "\x30\x31", 2 },
                    { "\x40\x41\x42\x43", 4 },
                    { "\x50\x51\x52\x53\x54\x55\x56\x57", 8 },
                    { "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16 } };
    uint8_t hash[8][32], root[32], got[32], proof[96];
    struct tree t = { 0 };
    for (int i = 0; i < 8; i++) {
        tree_leaf_hash(h, bytes_make(inputs[i].p, inputs[i].n), hash[i]);
        tree_append(&t, h, hash[i]);
    }
    tree_root(&t, h, got);
    unhex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328", root);
    assert_memory_equal(got, root, 32);
    unhex("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", proof);
    unhex("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", proof + 32);
    unhex("6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4", proof + 64);
    assert_true(tree_inclusion_holds(h, 0, 8, hash[0], proof, 3, root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf_of_every_tree_is_proven_and_no_other_leaf_is),
        cmocka_unit_test(every_tree_is_proven_to_begin_with_every_smaller_one),
        cmocka_unit_test(the_shared_vectors_hold),
    };
    return cmocka_run_group_tests(tests, make_leaves, drop_leaves);
}
