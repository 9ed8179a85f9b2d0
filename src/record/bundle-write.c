/* Writing a bundle. Members come in the order of doc/bundle.md; each one's size is known before it is begun.
 */
#include "base/codec.h"
#include "base/secret.h"
#include "record/blocks.h"
#include "record/bundle-gather.h"
#include "record/bundle-readme.h"
#include "record/bundle-tar.h"
#include "record/opener.h"
#include "record/session-keys.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct writer {
    struct bundle_gather g;
    struct opener opener; /* for its ciphertexts: each is checked against its head on its way */
    int fd, keys_fd;
    struct segment_file blocks;
    uint64_t left; /* of the member that is being written */
    struct sha256 *sha;
    struct buf sums; /* SHA256SUMS */
    char name[BUNDLE_TAR_NAME];
    uint64_t size;
    int error;
};

static void put(struct writer *w, const void *data, size_t n)
{
    const uint8_t *p = data;
    const struct bundle_request *request = w->g.request;
    if (request->put && n && !w->error) {
        w->error = request->put(request->context, data, n);
        w->g.out->bytes += n;
        return;
    }
    while (n && !w->error) {
        ssize_t done = write(w->fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) {
            w->error = done < 0 ? -errno : -EIO;
            return;
        }
        p += done;
        n -= (size_t)done;
        w->g.out->bytes += (uint64_t)done;
    }
}

static void begin(struct writer *w, const char *name, uint64_t size)
{
    uint8_t head[BUNDLE_TAR_BLOCK];
    snprintf(w->name, sizeof w->name, "%s", name);
    bundle_tar_head(name, size, head);
    put(w, head, sizeof head);
    sha256_begin(w->sha);
    w->size = w->left = size;
}

static void add(struct writer *w, const void *data, size_t n)
{
    CHECK(n <= w->left);
    sha256_add(w->sha, bytes_make(data, n));
    put(w, data, n);
    w->left -= n;
}

static void end(struct writer *w)
{
    static const uint8_t zeros[BUNDLE_TAR_BLOCK];
    uint8_t digest[SHA256_SIZE];
    CHECK(w->left == 0 || w->error);
    put(w, zeros, bundle_tar_padding(w->size));
    sha256_end(w->sha, digest);
    codec_hex(bytes_make(digest, sizeof digest), &w->sums);
    buf_printf(&w->sums, "  %s\n", w->name);
}

static void member(struct writer *w, const char *name, struct bytes content)
{
    begin(w, name, content.n);
    add(w, content.p, content.n);
    end(w);
}

/* One session's part of the blocks. */
struct part {
    const struct bundle_block *blocks;
    size_t n;
    char id[14];
    bool erased;
};

static void member_of(struct writer *w, const struct part *p, const char *what, struct bytes content)
{
    char name[BUNDLE_TAR_NAME];
    snprintf(name, sizeof name, "sessions/%s/%s", p->id, what);
    member(w, name, content);
}

/* "index key" for each key, in the order of their first use; an erased one has no key. */
static enum bundle_outcome write_keys(struct writer *w, struct part *p)
{
    struct buf text;
    uint64_t last = 0;
    uint8_t wrapped[FORMAT_WRAPPED_KEY], key[AEAD_KEY];
    const struct record_keys *keys = w->g.request->keys;
    buf_init(&text, 64 << 20);
    int error = 0;
    for (size_t i = 0; i < p->n && !error; i++) {
        const struct format_block *head = &p->blocks[i].entry.head;
        if (head->key == last) continue;
        last = head->key;
        buf_printf(&text, "%" PRIu64 " ", last);
        switch (session_keys_read(w->keys_fd, last, head->session, wrapped, NULL)) {
        case SESSION_KEY_BAD: error = -EBADMSG; break;
        case SESSION_KEY_ERASED:
            p->erased = true;
            buf_append_text(&text, "erased\n");
            break;
        case SESSION_KEY_FOUND:
            error = keys->unwrap(keys->context, wrapped, key);
            codec_hex(bytes_make(key, sizeof key), &text);
            buf_append_text(&text, "\n");
        }
    }
    if (!error) member_of(w, p, "keys", buf_bytes(&text));
    secret_wipe(key, sizeof key);
    buf_wipe(&text);
    if (text.data) secret_wipe(text.data, text.size);
    buf_free(&text);
    return error ? bundle_refuse(w->g.out,
                                 "session %s: its key is damaged, or not wrapped under this key-"
                                 "encryption key",
                                 p->id)
                 : BUNDLE_WRITTEN;
}

/* Whether its key is there; a session that was erased while it went on may have blocks of both kinds. */
static bool is_open(struct writer *w, const struct format_block *head)
{
    uint8_t wrapped[FORMAT_WRAPPED_KEY];
    bool found = session_keys_read(w->keys_fd, head->key, head->session, wrapped, NULL) == SESSION_KEY_FOUND;
    secret_wipe(wrapped, sizeof wrapped);
    return found;
}

static const char *open_segment(struct writer *w, uint64_t first_leaf)
{
    int error = segment_file_open(&w->blocks, first_leaf);
    return !error              ? NULL
           : error == -ENOLINK ? "its segment is in the archive, and no way there is known"
           : error == -EBADMSG ? "the receipt of its segment is damaged"
                               : "its segment is missing";
}

static enum bundle_outcome write_blocks(struct writer *w, const struct part *p)
{
    char name[BUNDLE_TAR_NAME];
    uint64_t size = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct format_block *head = &p->blocks[i].entry.head;
        size += FORMAT_BLOCK_HEAD + (is_open(w, head) ? head->cipher_length : 0);
    }
    if (size >> 33) return bundle_refuse(w->g.out, "session %s is too long for a bundle: 8 GiB", p->id);
    snprintf(name, sizeof name, "sessions/%s/blocks", p->id);
    begin(w, name, size);
    for (size_t i = 0; i < p->n && !w->error; i++) {
        const struct heads_entry *e = &p->blocks[i].entry;
        size_t cipher = is_open(w, &e->head) ? e->head.cipher_length : 0;
        /* What was erased is proven by its head alone; its ciphertext may be gone. */
        const char *why = w->left < FORMAT_BLOCK_HEAD + cipher ? "its session was erased this moment" : NULL;
        if (!why && cipher) why = open_segment(w, e->first_leaf);
        if (!why && cipher && opener_read(&w->opener, &w->blocks, e->offset, e->raw, &e->head) != OPENED)
            why = w->opener.message;
        if (why) return bundle_refuse(w->g.out, "block %" PRIu64 ": %s", e->head.leaf, why);
        add(w, e->raw, FORMAT_BLOCK_HEAD);
        add(w, w->opener.cipher, cipher);
    }
    if (w->left && !w->error) return bundle_refuse(w->g.out, "session %s was erased this moment", p->id);
    end(w);
    return BUNDLE_WRITTEN;
}

static void write_proofs(struct writer *w, const struct part *p)
{
    char name[BUNDLE_TAR_NAME];
    uint64_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->blocks[i].n_nodes;
    snprintf(name, sizeof name, "sessions/%s/proofs", p->id);
    begin(w, name, n * 32);
    for (size_t i = 0; i < p->n; i++)
        for (unsigned k = 0; k < p->blocks[i].n_nodes; k++)
            add(w, w->g.nodes[p->blocks[i].first_node + k].hash, 32);
    end(w);
}

/* The session's blocks from `from` on; where the next one's begin. */
static size_t part_at(const struct bundle_gather *g, size_t from, struct part *p)
{
    size_t to = from;
    uint64_t session = g->blocks[from].entry.head.session;
    while (to < g->n_blocks && g->blocks[to].entry.head.session == session)
        to++;
    *p = (struct part){ .blocks = g->blocks + from, .n = to - from };
    session_id_format(session, p->id);
    return to;
}

static enum bundle_outcome write_sessions(struct writer *w)
{
    struct bundle_written *out = w->g.out;
    struct part p;
    for (size_t at = 0; at < w->g.n_blocks;) {
        at = part_at(&w->g, at, &p);
        enum bundle_outcome got = write_keys(w, &p);
        if (got == BUNDLE_WRITTEN) got = write_blocks(w, &p);
        if (got != BUNDLE_WRITTEN) return got;
        write_proofs(w, &p);
        out->sessions++;
        out->blocks += p.n;
        out->erased += p.erased;
        out->open += !(p.blocks[p.n - 1].entry.head.flags & BLOCK_ENDS_SESSION);
    }
    return BUNDLE_WRITTEN;
}

/* Every handover of the log, so that a reader who knows an older key can follow. */
static void handovers(const struct bundle_gather *g, struct buf *out)
{
    struct bytes notes = bytes_make(g->notes, g->n_notes);
    struct checkpoint c;
    for (size_t at = 0, from = 0; at < notes.n && checkpoint_next(notes, &at, &c); from = at)
        if (c.old_key.n) buf_append(out, bytes_slice(notes, from, at - from));
}

static void readme(struct writer *w, struct buf *out)
{
    struct bundle_readme r = { .request = w->g.request,
                               .checkpoint = &w->g.checkpoint,
                               .anchored = w->g.anchored.size };
    struct part p;
    bundle_readme_begin(&r, out);
    for (size_t at = 0; at < w->g.n_blocks;) {
        at = part_at(&w->g, at, &p);
        bool open = true;
        for (size_t i = 0; i < p.n; i++)
            open &= is_open(w, &p.blocks[i].entry.head);
        bundle_readme_session(&p.blocks[0].entry.head, &p.blocks[p.n - 1].entry.head, p.n, !open, out);
    }
    bundle_readme_end(out);
}

static enum bundle_outcome write_head(struct writer *w)
{
    struct buf text, notes;
    char hashes[TREE_PROOF_MAX * 32];
    buf_init(&text, 64 << 20);
    buf_init(&notes, 1 << 20);
    readme(w, &text);
    handovers(&w->g, &notes);
    bool good = !text.failed && !notes.failed;
    if (good) {
        member(w, "README.txt", buf_bytes(&text));
        buf_consume(&text, buf_length(&text));
        verifier_key_write(w->g.checkpoint.origin, w->g.request->public_key, &text);
        buf_append_text(&text, "\n");
        member(w, "log.pub", buf_bytes(&text));
        member(w, "checkpoint", w->g.note);
        member(w, "handovers", buf_bytes(&notes));
        member(w, "anchored", w->g.anchored_note);
        for (unsigned i = 0; i < w->g.n_consistency; i++)
            memcpy(hashes + 32 * (size_t)i, w->g.consistency[i].hash, 32);
        member(w, "anchored.proof", bytes_make(hashes, (size_t)w->g.n_consistency * 32));
    }
    buf_free(&text);
    buf_free(&notes);
    return good ? BUNDLE_WRITTEN : bundle_refuse(w->g.out, "out of memory");
}

static enum bundle_outcome finish(struct writer *w)
{
    static const uint8_t zeros[BUNDLE_TAR_END];
    struct bytes sums = buf_bytes(&w->sums);
    if (w->sums.failed) return bundle_refuse(w->g.out, "out of memory");
    begin(w, "SHA256SUMS", sums.n);
    put(w, sums.p, sums.n);
    put(w, zeros, bundle_tar_padding(sums.n));
    put(w, zeros, sizeof zeros);
    if (!w->error && !w->g.request->put && fsync(w->fd) < 0 && errno != EINVAL && errno != EROFS)
        w->error = -errno;
    return w->error ? bundle_refuse(w->g.out, "it cannot be written: %s", strerror(-w->error))
                    : BUNDLE_WRITTEN;
}

/* Every wanted session has blocks. */
static enum bundle_outcome all_are_there(const struct bundle_gather *g)
{
    size_t at = 0;
    char id[14];
    for (size_t i = 0; i < g->request->n_sessions; i++) {
        while (at < g->n_blocks && g->blocks[at].entry.head.session < g->request->sessions[i])
            at++;
        if (at < g->n_blocks && g->blocks[at].entry.head.session == g->request->sessions[i]) continue;
        session_id_format(g->request->sessions[i], id);
        return bundle_refuse(g->out, "the log has no session %s", id);
    }
    return BUNDLE_WRITTEN;
}

enum bundle_outcome bundle_write(const struct bundle_request *request, int fd, struct bundle_written *out)
{
    struct writer w = { .fd = fd, .keys_fd = -1, .blocks.fd = -1, .opener.keys_fd = -1 };
    *out = (struct bundle_written){ 0 };
    buf_init(&w.sums, 256 << 20);
    enum bundle_outcome got = bundle_gather(request, &w.g, out);
    if (got == BUNDLE_WRITTEN) {
        segment_file_init(&w.blocks, w.g.heads.folder, request->far);
        got = all_are_there(&w.g);
    }
    if (got == BUNDLE_WRITTEN) {
        out->tree_size = w.g.checkpoint.size;
        w.sha = sha256_new();
        w.keys_fd = openat(w.g.folder, "keys", O_RDONLY | O_CLOEXEC);
        if (!w.sha || opener_init(&w.opener, -1, NULL) != 0 || w.keys_fd < 0)
            got = bundle_refuse(out, "the log's keys cannot be read, or out of memory");
    }
    if (got == BUNDLE_WRITTEN) got = write_head(&w);
    if (got == BUNDLE_WRITTEN) got = write_sessions(&w);
    if (got == BUNDLE_WRITTEN) got = finish(&w);
    buf_free(&w.sums);
    sha256_free(w.sha);
    opener_free(&w.opener);
    if (w.keys_fd >= 0) close(w.keys_fd);
    segment_file_free(&w.blocks);
    bundle_gather_free(&w.g);
    return got;
}
