/* Verification walks the leaves in order. Each block's head is there twice, beside the block and in the
 * .heads file; where both agree and the ciphertext has the digest that the head names, the leaf is taken. At
 * each checkpoint's size the tree must give the signed root. So the first leaf where something disagrees is
 * the first bad one, once the checkpoint behind it has told which of the two heads is the true one. */
#include "base/map.h"
#include "crypto/random.h"
#include "record/anchored.h"
#include "record/blocks.h"
#include "record/checkpoint.h"
#include "record/heads.h"
#include "record/key-chain.h"
#include "record/opener.h"
#include "record/reader.h"
#include "record/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    UNSIGNED_US = 60 * 1000000, /* blocks further apart than this have a checkpoint between them */
    SESSIONS_MAX = 1 << 24,
};

/* A session as far as it was walked. */
struct walked {
    uint32_t number, last_sequence;
    uint8_t hash[FORMAT_HASH];
};

struct verify {
    struct record_verify_result *result;
    const uint8_t *public_key;
    struct key_chain chain;
    struct anchored *anchored; /* may be NULL */
    struct heads heads;
    struct opener opener;
    int folder;
    struct segment_file blocks;
    uint64_t segment_size, at; /* of the .blocks file that is walked */
    struct bytes origin;       /* of the log, from its first checkpoint */
    struct tree tree;
    struct tree proven; /* at the last checkpoint that was right */
    uint64_t proven_at; /* where its last block ends */
    struct map sessions;
    uint8_t *notes; /* the checkpoints file */
    size_t n_notes, notes_at;
    struct checkpoint next; /* the checkpoint that is next on the way */
    bool has_next;
    int64_t first_unsigned_us;
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* Writes the verdict; false, so that callers can return it. */
static bool wrong(struct verify *v, uint64_t leaf, const struct format_block *head, const char *message)
{
    struct record_verify_result *r = v->result;
    char id[14];
    r->ok = false;
    r->bad_leaf = leaf;
    if (!head) {
        snprintf(r->message, sizeof r->message, "block %" PRIu64 ": %s", leaf, message);
        return false;
    }
    r->bad_session = head->session;
    r->bad_first_sequence = head->first_sequence;
    r->bad_last_sequence = head->last_sequence;
    session_id_format(head->session, id);
    snprintf(r->message, sizeof r->message,
             "block %" PRIu64 " (session %s, frames %" PRIu32 " to %" PRIu32 "): %s", leaf, id,
             head->first_sequence, head->last_sequence, message);
    return false;
}

/* Whether it has the origin of the first, and of what was anchored. */
static bool same_log(struct verify *v)
{
    if (!v->origin.n) v->origin = v->next.origin;
    return bytes_equal(v->origin, v->next.origin) &&
           (!v->anchored || bytes_equal(v->anchored->origin, v->origin));
}

/* Moves on to the next checkpoint of the file. */
static bool next_checkpoint(struct verify *v)
{
    uint64_t last = v->has_next ? v->next.size : 0;
    v->has_next = false;
    if (v->notes_at == v->n_notes) return true;
    size_t at = v->notes_at;
    if (!checkpoint_next(bytes_make(v->notes, v->n_notes), &v->notes_at, &v->next))
        return wrong(v, last, NULL, "the checkpoints file is malformed or cut behind its checkpoint");
    bool hands_on = v->next.old_key.n > 0;
    if (!key_chain_takes(&v->chain, &v->next))
        return wrong(v, last, NULL,
                     hands_on ? "the next checkpoint hands on to another key, and is not signed by both"
                              : "the next checkpoint is not signed by this key");
    if (at && (v->next.size < last || (v->next.size == last && !hands_on)))
        return wrong(v, last, NULL, "checkpoints are out of order");
    if (!same_log(v)) return wrong(v, last, NULL, "the next checkpoint is of another log");
    v->has_next = true;
    v->result->checkpoints++;
    v->result->tree_size = v->next.size;
    return true;
}

/* The next head of the range that is being judged: from the .heads file, or as it stands beside its block. A
 * range never crosses segments, since each begins at a checkpoint. */
static bool judged_head(struct verify *v, bool beside_blocks, uint64_t leaf, uint64_t *at,
                        uint8_t raw_out[FORMAT_BLOCK_HEAD])
{
    struct heads_entry e;
    if (!beside_blocks) {
        if (heads_get(&v->heads, leaf, &e) != HEADS_FOUND) return false;
        memcpy(raw_out, e.raw, FORMAT_BLOCK_HEAD);
        return true;
    }
    if (segment_file_read(&v->blocks, *at, raw_out, FORMAT_BLOCK_HEAD) != FORMAT_BLOCK_HEAD ||
        !format_block_decode(raw_out, &e.head))
        return false;
    *at += FORMAT_BLOCK_HEAD + e.head.cipher_length;
    return true;
}

/* Whether these heads, behind the tree that was proven last, give the root of the next checkpoint. */
static bool range_is_proven(struct verify *v, bool beside_blocks)
{
    struct tree tree = v->proven;
    uint8_t hash[32], root[32], raw[FORMAT_BLOCK_HEAD];
    uint64_t at = v->proven_at;
    if (!v->has_next) return false;
    while (tree.size < v->next.size) {
        if (!judged_head(v, beside_blocks, tree.size, &at, raw)) return false;
        tree_leaf_hash(v->opener.sha, bytes_make(raw, sizeof raw), hash);
        tree_append(&tree, v->opener.sha, hash);
    }
    tree_root(&tree, v->opener.sha, root);
    return memcmp(root, v->next.root, sizeof root) == 0;
}

/* Something is wrong with the block at v->tree.size; entry may be NULL. Names it, by the head that a
 * checkpoint proves where there is one. */
static bool bad_block(struct verify *v, const struct heads_entry *e, const char *message)
{
    uint64_t leaf = v->tree.size;
    char text[400];
    if (!v->has_next) return wrong(v, leaf, e ? &e->head : NULL, message);
    if (e && range_is_proven(v, false)) return wrong(v, leaf, &e->head, message);
    if (range_is_proven(v, true))
        return wrong(v, leaf, NULL, "its entry in the .heads file was changed; the block itself is whole");
    snprintf(text, sizeof text, "%s; of the blocks from %" PRIu64 " to %" PRIu64 " no other is proven either",
             message, v->proven.size, v->next.size - 1);
    return wrong(v, leaf, e ? &e->head : NULL, text);
}

static struct bytes id_key(const uint64_t *id)
{
    return bytes_make(id, sizeof *id);
}

/* The session's own chain: numbers, sequences and hashes follow one another. */
static const char *chain_fault(struct verify *v, const struct format_block *head)
{
    static const uint8_t none[FORMAT_HASH];
    struct walked *w = map_get(&v->sessions, id_key(&head->session));
    if (head->number != (w ? w->number : 0) + 1) return "it is not the next block of its session";
    if (head->first_sequence != (w ? w->last_sequence : 0) + 1 || head->last_sequence < head->first_sequence)
        return "its frames do not follow those of its session before it";
    if (memcmp(head->previous, w ? w->hash : none, FORMAT_HASH) != 0)
        return "it does not name its session's block before it";
    return NULL;
}

static bool remember(struct verify *v, const struct format_block *head, const uint8_t hash[32])
{
    struct walked *w = map_get(&v->sessions, id_key(&head->session));
    if (!w) {
        w = calloc(1, sizeof *w);
        if (!w || map_put(&v->sessions, id_key(&head->session), w, NULL) != MAP_ADDED) {
            free(w);
            return false;
        }
        v->result->sessions += head->session != 0;
    }
    w->number = head->number;
    w->last_sequence = head->last_sequence;
    memcpy(w->hash, hash, FORMAT_HASH);
    if (head->flags & BLOCK_ENDS_SESSION) free(map_take(&v->sessions, id_key(&head->session)));
    return true;
}

/* Opens the block that opener_read read and checks each frame. */
static bool frames_are_good(struct verify *v, const struct heads_entry *e)
{
    struct frame f;
    char text[128];
    int got;
    switch (opener_open(&v->opener, e->raw, &e->head)) {
    case OPENED_BAD: return bad_block(v, e, v->opener.message);
    case OPENED_CLOSED: return true; /* erased: the proof stands without its content */
    case OPENED: break;
    }
    while ((got = opener_next(&v->opener, &f)) > 0)
        continue;
    if (got == 0) return true;
    snprintf(text, sizeof text, "frame %" PRIu32 ": %s", v->opener.frame.sequence, v->opener.message);
    return bad_block(v, e, text);
}

static bool not_the_root(struct verify *v)
{
    char text[160];
    uint64_t from = v->proven.size;
    struct heads_entry e;
    snprintf(text, sizeof text, "the blocks from %" PRIu64 " to %" PRIu64 " do not give the signed root",
             from, v->next.size - 1);
    return wrong(v, from, heads_get(&v->heads, from, &e) == HEADS_FOUND ? &e.head : NULL, text);
}

/* The tree has the size of the next checkpoint: its root decides. A handover signs the same tree once more.
 */
static bool at_checkpoint(struct verify *v)
{
    uint8_t root[32];
    tree_root(&v->tree, v->opener.sha, root);
    do {
        if (memcmp(root, v->next.root, sizeof root) != 0) return not_the_root(v);
        v->proven = v->tree;
        v->proven_at = v->at;
        v->first_unsigned_us = 0;
        if (!next_checkpoint(v)) return false;
    } while (v->has_next && v->next.size == v->tree.size);
    return true;
}

/* The tree has the size of an anchored checkpoint, and another root. */
static bool rewritten(struct verify *v)
{
    char text[300];
    const struct anchored *a = v->anchored;
    snprintf(text, sizeof text,
             "a checkpoint of %" PRIu64 " blocks that was anchored has another root than this log's first "
             "%" PRIu64
             " blocks: what was recorded was rewritten and signed again, somewhere from block %" PRIu64
             " to %" PRIu64,
             v->tree.size, v->tree.size, a->held, v->tree.size - 1);
    return wrong(v, a->held, NULL, text);
}

/* Behind the last block: nothing that was anchored may be missing. */
static bool anchors_are_covered(struct verify *v)
{
    char text[200];
    const struct anchored *a = v->anchored;
    if (!a || a->at == a->n) return true;
    snprintf(text, sizeof text,
             "it is missing: a checkpoint of %" PRIu64 " blocks was anchored, and the log has %" PRIu64
             ": it was cut",
             a->trees[a->n - 1].size, v->tree.size);
    return wrong(v, v->tree.size, NULL, text);
}

/* Blocks that no checkpoint covers are of the last moments only. */
static bool unsigned_block(struct verify *v, const struct heads_entry *e)
{
    v->result->unproven_blocks++;
    if (!v->first_unsigned_us) v->first_unsigned_us = e->head.sealed_us;
    if (e->head.sealed_us - v->first_unsigned_us <= UNSIGNED_US) return true;
    v->tree.size--;
    return wrong(
        v, e->head.leaf, &e->head,
        "no checkpoint covers the last minute and more: checkpoints were removed, or signing failed");
}

/* One leaf. */
static bool walk_block(struct verify *v, const struct heads_entry *e, bool open)
{
    uint8_t hash[32];
    if (e->offset != v->at) return bad_block(v, e, "it does not stand where the block before it ends");
    /* Of what was erased the ciphertext may be gone: its head is proven all the same. */
    bool erased = opener_is_erased(&v->opener, &e->head);
    bool removed = erased && opener_is_removed(&v->opener, &v->blocks, e->offset, e->raw, &e->head);
    if (!removed && opener_read(&v->opener, &v->blocks, e->offset, e->raw, &e->head) != OPENED)
        return bad_block(v, e, v->opener.message);
    v->result->erased += erased;
    v->result->removed += removed;
    const char *fault = chain_fault(v, &e->head);
    if (fault) return bad_block(v, e, fault);
    if (open && !erased && !frames_are_good(v, e)) return false;
    tree_leaf_hash(v->opener.sha, bytes_make(e->raw, sizeof e->raw), hash);
    if (!remember(v, &e->head, hash)) return wrong(v, e->head.leaf, &e->head, "too many open sessions");
    tree_append(&v->tree, v->opener.sha, hash);
    if (v->anchored && !anchored_holds(v->anchored, &v->tree, v->opener.sha)) return rewritten(v);
    v->at += FORMAT_BLOCK_HEAD + e->head.cipher_length;
    v->result->blocks++;
    v->result->bytes += FORMAT_BLOCK_HEAD + e->head.cipher_length;
    if (!v->has_next) return unsigned_block(v, e);
    return v->tree.size == v->next.size ? at_checkpoint(v) : true;
}

static bool begin_segment(struct verify *v, uint64_t first_leaf)
{
    uint8_t head[FORMAT_SEGMENT_HEAD];
    uint64_t leaf = 0;
    int error = segment_file_open(&v->blocks, first_leaf);
    if (first_leaf != v->tree.size) {
        struct heads_entry e;
        bool known = heads_get(&v->heads, v->tree.size, &e) == HEADS_FOUND;
        return bad_block(v, known ? &e : NULL, "it is missing, with its segment");
    }
    if (v->proven.size != first_leaf)
        return wrong(v, v->proven.size, NULL, "the checkpoint at the end of its segment is missing");
    if (error == -EBADMSG) return wrong(v, first_leaf, NULL, "its segment's receipt is damaged");
    if (error || segment_file_size(&v->blocks, &v->segment_size) != 0 ||
        segment_file_read(&v->blocks, 0, head, sizeof head) != (ssize_t)sizeof head ||
        !format_segment_decode(head, &leaf) || leaf != first_leaf)
        return wrong(v, first_leaf, NULL, "its segment's first bytes are damaged");
    v->at = v->proven_at = FORMAT_SEGMENT_HEAD;
    return true;
}

/* Behind the last entry of a segment nothing may stand. The newest may be written this moment: only what a
 * checkpoint covers must be there. */
static bool end_segment(struct verify *v, bool newest)
{
    if (v->has_next && newest)
        return bad_block(v, NULL, "it is missing: the log ends before its newest checkpoint");
    if (!newest && v->at != v->segment_size)
        return wrong(v, v->tree.size, NULL,
                     "something stands behind the last block of the segment before it");
    return true;
}

static bool walk(struct verify *v, const struct segment_list *list, bool open)
{
    if (list->n && list->first_leaf[0] != 0) return wrong(v, 0, NULL, "it is missing, with its segment");
    for (size_t i = 0; i < list->n; i++) {
        uint64_t end = i + 1 < list->n ? list->first_leaf[i + 1] : UINT64_MAX;
        if (!begin_segment(v, list->first_leaf[i])) return false;
        while (v->tree.size < end) {
            struct heads_entry e;
            enum heads_outcome found = heads_get(&v->heads, v->tree.size, &e);
            if (found == HEADS_END && end == UINT64_MAX) break;
            if (found != HEADS_FOUND)
                return bad_block(v, NULL,
                                 found == HEADS_BAD ? "its entry in the .heads file is damaged"
                                                    : "its entry in the .heads file is missing");
            if (!walk_block(v, &e, open)) return false;
            if (v->progress && v->tree.size % 256 == 0)
                v->progress(v->context, v->tree.size, v->result->tree_size);
        }
        if (!end_segment(v, end == UINT64_MAX)) return false;
    }
    if (v->has_next)
        return wrong(v, v->tree.size, NULL, "it is missing: the log ends before its newest checkpoint");
    if (v->proven.size == 0 && v->tree.size > 0)
        return wrong(v, 0, NULL, "no checkpoint signs anything: the checkpoints file is empty");
    return anchors_are_covered(v);
}

static int load_notes(struct verify *v)
{
    struct stat st;
    int fd = openat(v->folder, "checkpoints", O_RDONLY | O_CLOEXEC), error = 0;
    if (fd < 0 && errno == ENOENT) {
        wrong(v, 0, NULL, "the checkpoints file is missing");
        return 0;
    }
    if (fd < 0) return -errno;
    if (fstat(fd, &st) < 0) error = -errno;
    if (!error) {
        v->n_notes = (size_t)st.st_size;
        v->notes = malloc(v->n_notes + 1);
        if (!v->notes) error = -ENOMEM;
    }
    if (!error && pread(fd, v->notes, v->n_notes, 0) != (ssize_t)v->n_notes) error = -EIO;
    close(fd);
    return error;
}

static void verify_free(struct verify *v)
{
    map_free(&v->sessions, free);
    heads_close(&v->heads);
    opener_free(&v->opener);
    free(v->notes);
    segment_file_free(&v->blocks);
    if (v->folder >= 0) close(v->folder);
}

/* Which keys signed it, from the one to verify with. */
static bool find_keys(struct verify *v)
{
    const char *why;
    if (key_chain_read(bytes_make(v->notes, v->n_notes), v->public_key, &v->chain, &why)) return true;
    return wrong(v, 0, NULL, why);
}

int record_verify(const char *folder, const uint8_t public_key[32], const struct record_keys *keys,
                  void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                  struct record_verify_result *result_out)
{
    return record_verify_against(folder, NULL, public_key, keys, NULL, progress, context, result_out);
}

int record_verify_against(const char *folder, const struct record_far *far, const uint8_t public_key[32],
                          const struct record_keys *keys, struct anchored *anchored,
                          void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                          struct record_verify_result *result_out)
{
    struct verify v = { .result = result_out,
                        .public_key = public_key,
                        .anchored = anchored,
                        .progress = progress,
                        .context = context,
                        .opener.keys_fd = -1,
                        .heads = { .folder = -1, .fd = -1 } };
    *result_out = (struct record_verify_result){ .ok = true };
    map_init(&v.sessions, SESSIONS_MAX, random_u64());
    segment_file_init(&v.blocks, -1, far);
    v.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = v.folder < 0 ? -errno : opener_init(&v.opener, v.folder, keys);
    /* The notes first: what they sign was there before them. */
    if (!error) error = load_notes(&v);
    if (!error) error = heads_open(v.folder, &v.heads);
    v.blocks.folder = v.heads.folder;
    struct segment_list list = { 0 };
    if (!error) error = segment_list_read(v.heads.folder, &list);
    if (!error && result_out->ok && find_keys(&v) && next_checkpoint(&v)) (void)walk(&v, &list, keys != NULL);
    result_out->keys = v.chain.n;
    if (v.chain.n) memcpy(result_out->newest_key, v.chain.keys[v.chain.n - 1], 32);
    snprintf(result_out->origin, sizeof result_out->origin, "%.*s", BYTES_FMT(v.origin));
    segment_list_free(&list);
    /* What could not be fetched says nothing of what is there. */
    if (!error && !result_out->ok) error = v.blocks.error;
    verify_free(&v);
    return error;
}
