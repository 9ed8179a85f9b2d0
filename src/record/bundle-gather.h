/* What goes into a bundle, gathered from the log's heads: the blocks of the wanted sessions, and the hashes
 * that prove each of them in the tree that a checkpoint signs. Private to bundle-write.c. */
#ifndef POSTERN_RECORD_BUNDLE_GATHER_H
#define POSTERN_RECORD_BUNDLE_GATHER_H
#include "record/bundle.h"
#include "record/heads.h"
#include "record/tree-proof.h"

struct bundle_block {
    struct heads_entry entry;
    size_t first_node; /* of its proof, in nodes */
    unsigned n_nodes;
};
struct bundle_gather {
    const struct bundle_request *request;
    struct bundle_written *out; /* its message says what is wrong */
    int folder;
    struct heads heads;
    struct sha256 *sha;
    uint8_t *notes; /* the checkpoints file */
    size_t n_notes;
    struct bytes note; /* the newest checkpoint, in notes */
    struct checkpoint checkpoint;
    struct anchored_tree anchored; /* size 0: none */
    struct bytes anchored_note;
    struct bundle_block *blocks; /* by session, then by number */
    size_t n_blocks;
    struct tree_node *nodes;
    size_t n_nodes;
    struct tree_node consistency[TREE_PROOF_MAX];
    unsigned n_consistency;
};
/* bundle_gather_free in any case. BUNDLE_WRITTEN: everything is there. */
enum bundle_outcome bundle_gather(const struct bundle_request *request, struct bundle_gather *g,
                                  struct bundle_written *out) MUST_USE;
void bundle_gather_free(struct bundle_gather *g);
/* Sets out->message and answers BUNDLE_REFUSED. */
enum bundle_outcome bundle_refuse(struct bundle_written *out, const char *format, ...) PRINTF_LIKE(2, 3);
#endif
