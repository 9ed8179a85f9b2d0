/* The proof that one entry of a session stands in the log: its block's head, which is a leaf of the tree
 * (doc/log-format.md), and the hashes from there to the root that the newest checkpoint signs. The head holds
 * the digest of the block's ciphertext, the session and the numbers of its entries. */
#ifndef POSTERN_RECORD_ENTRY_PROOF_H
#define POSTERN_RECORD_ENTRY_PROOF_H
#include "base/buf.h"
#include "record/bundle.h"
#include "record/format.h"
#include "record/tree-proof.h"

struct entry_proof {
    uint8_t head[FORMAT_BLOCK_HEAD];
    struct format_block block; /* the same, decoded */
    uint8_t leaf_hash[32];
    struct tree_node nodes[TREE_PROOF_MAX];
    unsigned n_nodes;
    uint64_t tree_size;
};
/* folder: the log's; public_key: the log's, now. Appends the checkpoint's note to note_out. It walks over the
 * heads of the whole log. BUNDLE_LATER: no checkpoint covers the session's newest block yet, one will within
 * a second or two while a gateway runs; BUNDLE_REFUSED: message says why not: there is no such entry, or
 * something is wrong with the log. */
enum bundle_outcome entry_proof_find(const char *folder, const uint8_t public_key[32], uint64_t session,
                                     uint32_t sequence, struct entry_proof *out, struct buf *note_out,
                                     char message[300]) MUST_USE;
#endif
