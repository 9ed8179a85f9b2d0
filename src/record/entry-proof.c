/* What a bundle gathers of a session is what proves each of its blocks. */
#include "record/entry-proof.h"
#include "record/bundle-gather.h"
#include <stdio.h>

static const struct bundle_block *block_of(const struct bundle_gather *g, uint32_t sequence)
{
    for (size_t i = 0; i < g->n_blocks; i++) {
        const struct format_block *head = &g->blocks[i].entry.head;
        if (head->first_sequence <= sequence && sequence <= head->last_sequence) return &g->blocks[i];
    }
    return NULL;
}

static void fill(const struct bundle_gather *g, const struct bundle_block *b, struct entry_proof *out)
{
    out->block = b->entry.head;
    out->n_nodes = b->n_nodes;
    out->tree_size = g->checkpoint.size;
    memcpy(out->head, b->entry.raw, sizeof out->head);
    memcpy(out->nodes, g->nodes + b->first_node, b->n_nodes * sizeof *out->nodes);
    tree_leaf_hash(g->sha, bytes_make(out->head, sizeof out->head), out->leaf_hash);
}

enum bundle_outcome entry_proof_find(const char *folder, const uint8_t public_key[32], uint64_t session,
                                     uint32_t sequence, struct entry_proof *out, struct buf *note_out,
                                     char message[300])
{
    const struct bundle_request request = {
        .folder = folder, .public_key = public_key, .sessions = &session, .n_sessions = 1
    };
    struct bundle_written said = { 0 };
    struct bundle_gather g;
    *out = (struct entry_proof){ 0 };
    enum bundle_outcome got = bundle_gather(&request, &g, &said);
    const struct bundle_block *block = got == BUNDLE_WRITTEN ? block_of(&g, sequence) : NULL;
    if (got == BUNDLE_WRITTEN && !block) got = bundle_refuse(&said, "the log has no such entry");
    if (got == BUNDLE_WRITTEN) {
        fill(&g, block, out);
        buf_append(note_out, g.note);
    }
    bundle_gather_free(&g);
    snprintf(message, 300, "%s", said.message);
    return got;
}
