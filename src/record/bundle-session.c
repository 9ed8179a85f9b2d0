/* One session: its blocks follow one another from the first, each is a leaf of the signed tree, and each
 * opens with its key to frames without a gap. */
#include "base/codec.h"
#include "base/secret.h"
#include "record/bundle-check.h"
#include <inttypes.h>
#include <stdio.h>

struct walk {
    struct bundle_check *check;
    struct bundle_session *out;
    const struct bundle_member *blocks, *proofs;
    struct bytes keys; /* lines that are left */
    uint64_t key_index;
    bool has_key; /* false: erased */
    uint8_t key[AEAD_KEY];
    uint64_t at, proof_at; /* in the two members */
    uint32_t last_sequence;
    uint64_t last_leaf;
    uint8_t previous[FORMAT_HASH];
    bool ended;
};

static bool bad_block(struct walk *w, const struct format_block *head, const char *message)
{
    char id[14];
    session_id_format(head->session, id);
    return bundle_fault(w->check, "block %" PRIu64 " (session %s, frames %" PRIu32 " to %" PRIu32 "): %s",
                        head->leaf, id, head->first_sequence, head->last_sequence, message);
}

static bool bad_session(struct walk *w, const char *message)
{
    char id[14];
    session_id_format(w->out->session, id);
    return bundle_fault(w->check, "session %s: %s", id, message);
}

/* The next line of the keys: "INDEX HEX" or "INDEX erased". */
static bool take_key(struct walk *w, uint64_t index)
{
    const uint8_t *end = w->keys.n ? memchr(w->keys.p, '\n', w->keys.n) : NULL;
    char start[24];
    struct buf key;
    if (!end) return false;
    struct bytes line = bytes_make(w->keys.p, (size_t)(end - w->keys.p));
    w->keys = bytes_slice(w->keys, line.n + 1, w->keys.n);
    snprintf(start, sizeof start, "%" PRIu64 " ", index);
    if (!bytes_starts_with(line, start)) return false;
    line = bytes_slice(line, strlen(start), line.n);
    w->key_index = index;
    w->has_key = !bytes_is(line, "erased");
    w->out->erased |= !w->has_key;
    if (!w->has_key) return true;
    buf_init(&key, 256);
    bool good = line.n == 2 * AEAD_KEY && codec_unhex(line, &key) && buf_length(&key) == AEAD_KEY;
    if (good) memcpy(w->key, buf_bytes(&key).p, AEAD_KEY);
    buf_wipe(&key);
    buf_free(&key);
    return good;
}

/* The session's chain: numbers, sequences and hashes follow one another. */
static const char *chain_fault(const struct walk *w, const struct format_block *head)
{
    if (head->session != w->out->session) return "it is of another session";
    if (w->ended) return "it stands behind the session's end";
    if (head->number != w->out->blocks + 1) return "it is not the next block of its session";
    if (head->first_sequence != w->last_sequence + 1 || head->last_sequence < head->first_sequence)
        return "its frames do not follow those of its session before it";
    if (memcmp(head->previous, w->previous, FORMAT_HASH) != 0)
        return "it does not name its session's block before it";
    if (w->out->blocks && head->leaf <= w->last_leaf) return "it stands before its session's block before it";
    if (head->leaf >= w->check->checkpoint.size) return "the checkpoint does not cover it";
    return NULL;
}

/* Whether the block is a leaf of the tree that the checkpoint signs. */
static bool is_included(struct walk *w, const struct format_block *head, const uint8_t hash[32])
{
    struct tree_node nodes[TREE_PROOF_MAX];
    uint8_t proof[TREE_PROOF_MAX * 32];
    const struct checkpoint *c = &w->check->checkpoint;
    unsigned n = tree_inclusion_nodes(head->leaf, c->size, nodes);
    if (w->proofs->size - w->proof_at < 32 * (uint64_t)n ||
        !bundle_tar_read(w->check->fd, w->proofs->at + w->proof_at, proof, 32 * (size_t)n))
        return false;
    w->proof_at += 32 * (uint64_t)n;
    return tree_inclusion_holds(w->check->opener.sha, head->leaf, c->size, hash, proof, n, c->root);
}

/* Its content: the ciphertext is the one that the head names, and opens to whole frames. */
static bool open_block(struct walk *w, const uint8_t raw[FORMAT_BLOCK_HEAD], const struct format_block *head)
{
    struct opener *o = &w->check->opener;
    struct segment_file blocks = segment_file_of(w->check->fd);
    struct frame f;
    char text[128];
    int got;
    if (w->blocks->size - w->at - FORMAT_BLOCK_HEAD < head->cipher_length)
        return bad_block(w, head, "the block is cut off");
    if (opener_read(o, &blocks, w->blocks->at + w->at, raw, head) != OPENED ||
        opener_open_with(o, raw, head, w->key) != OPENED)
        return bad_block(w, head, o->message);
    while ((got = opener_next(o, &f)) > 0)
        continue;
    if (got == 0) return true;
    snprintf(text, sizeof text, "frame %" PRIu32 ": %s", o->frame.sequence, o->message);
    return bad_block(w, head, text);
}

static bool walk_block(struct walk *w)
{
    uint8_t raw[FORMAT_BLOCK_HEAD], hash[32];
    struct format_block head;
    if (w->blocks->size - w->at < sizeof raw ||
        !bundle_tar_read(w->check->fd, w->blocks->at + w->at, raw, sizeof raw) ||
        !format_block_decode(raw, &head))
        return bad_session(w, "what should be a block is none");
    const char *fault = chain_fault(w, &head);
    if (fault) return bad_block(w, &head, fault);
    tree_leaf_hash(w->check->opener.sha, bytes_make(raw, sizeof raw), hash);
    if (!is_included(w, &head, hash)) return bad_block(w, &head, "it is not in the tree that was signed");
    if (head.key != w->key_index && !take_key(w, head.key)) return bad_block(w, &head, "its key is missing");
    if (w->has_key && !open_block(w, raw, &head)) return false;
    if (!w->out->blocks) w->out->first_us = head.first_us;
    w->out->sealed_us = head.sealed_us;
    w->out->blocks++;
    w->out->frames = w->last_sequence = head.last_sequence;
    w->last_leaf = head.leaf;
    w->ended = head.flags & BLOCK_ENDS_SESSION;
    memcpy(w->previous, hash, sizeof hash);
    w->at += FORMAT_BLOCK_HEAD + (w->has_key ? head.cipher_length : 0);
    return true;
}

bool bundle_check_session(struct bundle_check *c, uint64_t session, struct bytes keys,
                          const struct bundle_member *blocks, const struct bundle_member *proofs,
                          struct bundle_session *out)
{
    struct walk w = { .check = c, .out = out, .blocks = blocks, .proofs = proofs, .keys = keys };
    *out = (struct bundle_session){ .session = session };
    bool good = true;
    while (good && w.at < blocks->size)
        good = walk_block(&w);
    secret_wipe(w.key, sizeof w.key);
    if (!good) return false;
    if (!out->blocks) return bad_session(&w, "it has no block");
    if (w.proof_at != proofs->size || w.keys.n) return bad_session(&w, "proofs or keys are left over");
    out->ended = w.ended;
    return true;
}
