/* Two walks over the heads: the first finds the blocks, the second hashes every leaf once and keeps what the
 * proofs need. Nothing is believed: the tree must have the checkpoint's root. */
#include "record/bundle-gather.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NODES_MAX = 1 << 22 };

enum bundle_outcome bundle_refuse(struct bundle_written *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out->message, sizeof out->message, format, args);
    va_end(args);
    return BUNDLE_REFUSED;
}

static int read_notes(struct bundle_gather *g)
{
    struct stat st;
    int fd = openat(g->folder, "checkpoints", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int error = fstat(fd, &st) < 0 ? -errno : 0;
    g->n_notes = error ? 0 : (size_t)st.st_size;
    g->notes = malloc(g->n_notes + 1);
    if (!error && (!g->notes || pread(fd, g->notes, g->n_notes, 0) != (ssize_t)g->n_notes)) error = -EIO;
    close(fd);
    return error;
}

/* The newest checkpoint; what stands behind the last whole note is being written this moment. */
static enum bundle_outcome find_checkpoint(struct bundle_gather *g)
{
    size_t window = g->n_notes < 64 * 1024 ? g->n_notes : 64 * 1024;
    struct bytes end = bytes_make(g->notes + g->n_notes - window, window);
    if (!checkpoint_last(end, &g->note, &g->checkpoint))
        return bundle_refuse(g->out, "the log has no checkpoint yet");
    if (!checkpoint_verify(&g->checkpoint, g->request->public_key))
        return bundle_refuse(g->out, "the newest checkpoint is not signed by the log's public key");
    return BUNDLE_WRITTEN;
}

/* The newest of the anchored checkpoints that this log's newest one covers. */
static enum bundle_outcome find_anchored(struct bundle_gather *g)
{
    struct bytes notes = g->request->anchored;
    struct checkpoint c;
    for (size_t at = 0; at < notes.n;) {
        size_t from = at;
        if (notes.p[at] == '\n') {
            at++;
            continue;
        }
        if (!checkpoint_next(notes, &at, &c))
            return bundle_refuse(g->out, "the anchored checkpoints are malformed");
        if (!bytes_equal(c.origin, g->checkpoint.origin))
            return bundle_refuse(g->out, "the anchored checkpoints are of another log");
        if (c.size > g->checkpoint.size)
            return bundle_refuse(g->out,
                                 "a checkpoint of %" PRIu64 " blocks was anchored, and the log has "
                                 "%" PRIu64,
                                 c.size, g->checkpoint.size);
        if (c.size <= g->anchored.size) continue;
        g->anchored.size = c.size;
        memcpy(g->anchored.root, c.root, 32);
        g->anchored_note = bytes_slice(notes, from, at - from);
    }
    if (g->anchored.size)
        g->n_consistency = tree_consistency_nodes(g->anchored.size, g->checkpoint.size, g->consistency);
    return BUNDLE_WRITTEN;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_wanted(const struct bundle_request *r, uint64_t session)
{
    return bsearch(&session, r->sessions, r->n_sessions, sizeof session, compare_ids) != NULL;
}

static bool keep(struct bundle_gather *g, size_t *room, const struct heads_entry *e)
{
    if (g->n_blocks == *room) {
        size_t more = *room ? 2 * *room : 256;
        struct bundle_block *blocks = realloc(g->blocks, more * sizeof *blocks);
        if (!blocks) return false;
        g->blocks = blocks;
        *room = more;
    }
    g->blocks[g->n_blocks++] = (struct bundle_block){ .entry = *e };
    return true;
}

static int by_session(const void *a, const void *b)
{
    const struct format_block *x = &((const struct bundle_block *)a)->entry.head;
    const struct format_block *y = &((const struct bundle_block *)b)->entry.head;
    if (x->session != y->session) return x->session < y->session ? -1 : 1;
    return x->leaf < y->leaf ? -1 : x->leaf > y->leaf;
}

/* The first walk. Blocks behind the checkpoint cannot be proven yet. */
static enum bundle_outcome find_blocks(struct bundle_gather *g)
{
    struct heads_entry e;
    size_t room = 0;
    for (uint64_t leaf = 0;; leaf++) {
        enum heads_outcome found = heads_get(&g->heads, leaf, &e);
        if (found == HEADS_END && leaf >= g->checkpoint.size) break;
        if (found != HEADS_FOUND)
            return bundle_refuse(g->out, "the head of block %" PRIu64 " is missing or damaged", leaf);
        if (!is_wanted(g->request, e.head.session)) continue;
        if (leaf >= g->checkpoint.size) return BUNDLE_LATER;
        if (!keep(g, &room, &e)) return bundle_refuse(g->out, "out of memory");
    }
    if (g->n_blocks) qsort(g->blocks, g->n_blocks, sizeof *g->blocks, by_session);
    return BUNDLE_WRITTEN;
}

static enum bundle_outcome plan_proofs(struct bundle_gather *g)
{
    struct tree_node nodes[TREE_PROOF_MAX];
    for (size_t i = 0; i < g->n_blocks; i++) {
        struct bundle_block *b = &g->blocks[i];
        b->first_node = g->n_nodes;
        b->n_nodes = tree_inclusion_nodes(b->entry.head.leaf, g->checkpoint.size, nodes);
        g->n_nodes += b->n_nodes;
    }
    if (g->n_nodes > NODES_MAX)
        return bundle_refuse(g->out, "%zu blocks are too many for one bundle: export fewer sessions at once",
                             g->n_blocks);
    g->nodes = calloc(g->n_nodes + 1, sizeof *g->nodes);
    if (!g->nodes) return bundle_refuse(g->out, "out of memory");
    for (size_t i = 0; i < g->n_blocks; i++) {
        (void)tree_inclusion_nodes(g->blocks[i].entry.head.leaf, g->checkpoint.size, nodes);
        memcpy(g->nodes + g->blocks[i].first_node, nodes, g->blocks[i].n_nodes * sizeof *nodes);
    }
    return BUNDLE_WRITTEN;
}

/* The second walk: every leaf is hashed. Its tree must be the one that was anchored, and the one that is
 * signed. */
static enum bundle_outcome walk(struct bundle_gather *g, struct tree_node **wanted)
{
    struct tree_walk w;
    struct heads_entry e;
    uint8_t hash[32];
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        wanted[n++] = &g->nodes[i];
    for (unsigned i = 0; i < g->n_consistency; i++)
        wanted[n++] = &g->consistency[i];
    tree_walk_begin(&w, wanted, n);
    while (w.tree.size < g->checkpoint.size) {
        if (heads_get(&g->heads, w.tree.size, &e) != HEADS_FOUND)
            return bundle_refuse(g->out, "the head of block %" PRIu64 " is missing or damaged", w.tree.size);
        tree_leaf_hash(g->sha, bytes_make(e.raw, sizeof e.raw), hash);
        tree_walk_leaf(&w, g->sha, hash);
        if (w.tree.size == g->anchored.size) {
            tree_root(&w.tree, g->sha, hash);
            if (memcmp(hash, g->anchored.root, 32) != 0)
                return bundle_refuse(g->out,
                                     "the log does not hold what was anchored at %" PRIu64
                                     " blocks: it was rewritten; run postern audit verify --against",
                                     g->anchored.size);
        }
        if (g->request->progress && w.tree.size % 4096 == 0)
            g->request->progress(g->request->context, w.tree.size, g->checkpoint.size);
    }
    bool all = tree_walk_end(&w, g->sha);
    tree_root(&w.tree, g->sha, hash);
    if (!all || memcmp(hash, g->checkpoint.root, 32) != 0)
        return bundle_refuse(g->out, "the blocks do not give the root of the newest checkpoint: run postern "
                                     "audit verify");
    return BUNDLE_WRITTEN;
}

enum bundle_outcome bundle_gather(const struct bundle_request *request, struct bundle_gather *g,
                                  struct bundle_written *out)
{
    *g = (struct bundle_gather){ .request = request, .out = out, .heads = { .folder = -1, .fd = -1 } };
    g->sha = sha256_new();
    g->folder = open(request->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = g->folder < 0 ? -errno : g->sha ? read_notes(g) : -ENOMEM;
    if (!error) {
        error = heads_open(g->folder, &g->heads);
        if (error) g->heads = (struct heads){ .folder = -1, .fd = -1 };
    }
    if (error) return bundle_refuse(out, "the log %s: %s", request->folder, strerror(-error));
    enum bundle_outcome got = find_checkpoint(g);
    if (got == BUNDLE_WRITTEN) got = find_anchored(g);
    if (got == BUNDLE_WRITTEN) got = find_blocks(g);
    if (got == BUNDLE_WRITTEN) got = plan_proofs(g);
    if (got != BUNDLE_WRITTEN) return got;
    struct tree_node **wanted = calloc(g->n_nodes + g->n_consistency + 1, sizeof *wanted);
    got = wanted ? walk(g, wanted) : bundle_refuse(out, "out of memory");
    free(wanted);
    return got;
}

void bundle_gather_free(struct bundle_gather *g)
{
    heads_close(&g->heads);
    sha256_free(g->sha);
    free(g->notes);
    free(g->blocks);
    free(g->nodes);
    if (g->folder >= 0) close(g->folder);
}
