/* Verifying a bundle: what it consists of, its checkpoint, its sessions, and last its sums, which find what
 * was changed by accident and is not proven (the README). */
#include "base/codec.h"
#include "base/secret.h"
#include "record/bundle-check.h"
#include "record/verifier-key.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The members before the sessions', in this order. */
static const char *const first_names[] = { "README.txt", "log.pub",  "checkpoint",
                                           "handovers",  "anchored", "anchored.proof" };
enum { README, LOG_PUB, CHECKPOINT, HANDOVERS, ANCHORED, ANCHORED_PROOF, N_FIRST };
enum {
    PER_SESSION = 3,
    TEXT_MOST = 1 << 20,
    KEYS_MOST = 64 << 20,
    SUMS_MOST = 256 << 20,
    MEMBERS_MOST = N_FIRST + PER_SESSION * BUNDLE_SESSIONS_MAX + 1
};
static const char sums_name[] = "SHA256SUMS";

struct members {
    struct bundle_member *all;
    size_t n;
};

bool bundle_fault(struct bundle_check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->out->message, sizeof c->out->message, format, args);
    va_end(args);
    return false;
}

static bool list_members(struct bundle_check *c, struct members *m)
{
    struct stat st;
    struct bundle_member one;
    size_t room = 0;
    enum bundle_tar got;
    if (fstat(c->fd, &st) < 0 || !S_ISREG(st.st_mode)) return bundle_fault(c, "it is no file");
    uint64_t at = 0;
    while ((got = bundle_tar_next(c->fd, (uint64_t)st.st_size, &at, &one)) == BUNDLE_TAR_MEMBER) {
        if (m->n == MEMBERS_MOST) return bundle_fault(c, "it has too many members");
        if (m->n == room) {
            size_t more = room ? 2 * room : 16;
            struct bundle_member *all = realloc(m->all, more * sizeof *all);
            if (!all) return bundle_fault(c, "out of memory");
            m->all = all;
            room = more;
        }
        m->all[m->n++] = one;
    }
    return got == BUNDLE_TAR_LAST || bundle_fault(c, "it is no bundle, or it is cut off or damaged");
}

/* "sessions/ID/what" */
static bool name_of(const struct bundle_member *m, const char *what, uint64_t *session)
{
    char name[BUNDLE_TAR_NAME], id[14];
    if (strlen(m->name) < 9 + 13 || !session_id_parse(bytes_make(m->name + 9, 13), session)) return false;
    session_id_format(*session, id);
    snprintf(name, sizeof name, "sessions/%s/%s", id, what);
    return strcmp(name, m->name) == 0;
}

/* Whether each member is where it must be, and the sessions ascend. */
static bool members_fit(struct bundle_check *c, const struct members *m)
{
    uint64_t session, before = 0;
    bool fit = m->n > N_FIRST + 1 && (m->n - N_FIRST - 1) % PER_SESSION == 0 &&
               strcmp(m->all[m->n - 1].name, sums_name) == 0;
    for (size_t i = 0; fit && i < N_FIRST; i++)
        fit = strcmp(m->all[i].name, first_names[i]) == 0;
    for (size_t i = N_FIRST; fit && i + 1 < m->n; i += PER_SESSION) {
        uint64_t same = 0;
        fit = name_of(&m->all[i], "keys", &session) && name_of(&m->all[i + 1], "blocks", &same) &&
              same == session && name_of(&m->all[i + 2], "proofs", &same) && same == session &&
              (i == N_FIRST || session > before);
        before = session;
    }
    return fit || bundle_fault(c, "its members are not those of a bundle");
}

/* A member's content in memory; p == NULL: too long, or no memory. To be freed. */
static struct bytes load(struct bundle_check *c, const struct bundle_member *m, size_t most)
{
    uint8_t *p = m->size <= most ? malloc((size_t)m->size + 1) : NULL;
    if (p && bundle_tar_read(c->fd, m->at, p, (size_t)m->size)) return bytes_make(p, (size_t)m->size);
    free(p);
    return (struct bytes){ 0 };
}

static void unload(struct bytes content)
{
    if (!content.p) return;
    secret_wipe((uint8_t *)content.p, content.n);
    free((uint8_t *)content.p);
}

/* The key to begin with: the pinned one, or the bundle's own. */
static bool first_key(struct bundle_check *c, struct bytes own, const uint8_t *pinned, uint8_t key[32])
{
    uint8_t its_own[32];
    if (own.n == 0 || own.p[own.n - 1] != '\n' ||
        !verifier_key_parse(bytes_slice(own, 0, own.n - 1), its_own, NULL))
        return bundle_fault(c, "log.pub is no verifier key");
    memcpy(key, pinned ? pinned : its_own, 32);
    c->out->pinned = pinned != NULL;
    return true;
}

/* Every note of the handovers is one, and of this log. */
static bool handovers_fit(struct bundle_check *c, struct bytes notes)
{
    struct checkpoint h;
    for (size_t at = 0; at < notes.n;)
        if (!checkpoint_next(notes, &at, &h) || !h.old_key.n || !bytes_equal(h.origin, c->checkpoint.origin))
            return bundle_fault(c, "the handovers of keys are malformed");
    return true;
}

static bool check_checkpoint(struct bundle_check *c, const struct bytes *text, const uint8_t *pinned)
{
    uint8_t key[32];
    struct key_chain chain;
    const char *why;
    size_t at = 0;
    if (!checkpoint_next(text[CHECKPOINT], &at, &c->checkpoint) || at != text[CHECKPOINT].n ||
        c->checkpoint.size == 0)
        return bundle_fault(c, "the checkpoint is malformed");
    snprintf(c->out->origin, sizeof c->out->origin, "%.*s", BYTES_FMT(c->checkpoint.origin));
    c->out->tree_size = c->checkpoint.size;
    if (!first_key(c, text[LOG_PUB], pinned, key) || !handovers_fit(c, text[HANDOVERS])) return false;
    if (!key_chain_read(text[HANDOVERS], key, &chain, &why)) return bundle_fault(c, "%s", why);
    for (size_t i = 0; i < chain.n; i++)
        if (checkpoint_verify(&c->checkpoint, chain.keys[i])) {
            memcpy(c->out->key, chain.keys[i], 32);
            return true;
        }
    return bundle_fault(c, pinned ? "the checkpoint is not signed by the key that you gave"
                                  : "the checkpoint is not signed by the bundle's key");
}

/* The anchored checkpoint that it carries, if any, is one that the signed one goes on from. */
static bool check_carried(struct bundle_check *c, const struct bytes *text, struct anchored_tree *out)
{
    struct checkpoint a;
    size_t at = 0;
    struct bytes proof = text[ANCHORED_PROOF];
    *out = (struct anchored_tree){ 0 };
    if (text[ANCHORED].n == 0 && proof.n == 0) return true;
    if (!checkpoint_next(text[ANCHORED], &at, &a) || at != text[ANCHORED].n ||
        !bytes_equal(a.origin, c->checkpoint.origin) || proof.n % 32 || proof.n > TREE_PROOF_MAX * 32)
        return bundle_fault(c, "the anchored checkpoint is malformed, or of another log");
    if (!tree_consistency_holds(c->opener.sha, a.size, c->checkpoint.size, a.root, proof.p, proof.n / 32,
                                c->checkpoint.root))
        return bundle_fault(c, "the signed checkpoint does not go on from the anchored one");
    out->size = a.size;
    memcpy(out->root, a.root, 32);
    return true;
}

/* One of those that were kept elsewhere must be the bundle's, or the one that it carries. */
static bool check_against(struct bundle_check *c, const struct anchored *anchored,
                          const struct anchored_tree *carried)
{
    bool met = false;
    if (!anchored) return true;
    if (!bytes_equal(anchored->origin, c->checkpoint.origin))
        return bundle_fault(c, "what was anchored is of another log: %.*s",
                            BYTES_FMT(bytes_slice(anchored->origin, 0, 100)));
    for (size_t i = 0; i < anchored->n; i++) {
        const struct anchored_tree *a = &anchored->trees[i];
        const uint8_t *root = a->size == c->checkpoint.size               ? c->checkpoint.root
                              : carried->size && a->size == carried->size ? carried->root
                                                                          : NULL;
        if (!root) continue;
        if (memcmp(root, a->root, 32) != 0)
            return bundle_fault(c,
                                "a checkpoint of %" PRIu64 " blocks that was anchored has another root: what "
                                "was recorded was rewritten and signed again",
                                a->size);
        met = true;
        c->out->anchored_size = a->size;
    }
    return met || bundle_fault(c, "none of the anchored checkpoints is the bundle's, or the one that it goes "
                                  "on from: export it with --against");
}

static bool check_sessions(struct bundle_check *c, const struct members *m,
                           void (*session)(void *context, const struct bundle_session *s), void *context)
{
    for (size_t i = N_FIRST; i + 1 < m->n; i += PER_SESSION) {
        uint64_t id;
        struct bundle_session s;
        if (!name_of(&m->all[i], "keys", &id))
            return bundle_fault(c, "its members are not those of a bundle");
        struct bytes keys = load(c, &m->all[i], KEYS_MOST);
        bool good = keys.p ? bundle_check_session(c, id, keys, &m->all[i + 1], &m->all[i + 2], &s)
                           : bundle_fault(c, "%s is too long", m->all[i].name);
        unload(keys);
        if (!good) return false;
        c->out->sessions++;
        c->out->blocks += s.blocks;
        c->out->frames += s.frames;
        c->out->n_erased += s.erased;
        c->out->n_open += !s.ended;
        if (session) session(context, &s);
    }
    return true;
}

/* The digest of a member, read in pieces. */
static bool digest_of(struct bundle_check *c, const struct bundle_member *m, uint8_t out[SHA256_SIZE])
{
    uint8_t piece[8192];
    sha256_begin(c->opener.sha);
    for (uint64_t done = 0; done < m->size;) {
        size_t n = m->size - done < sizeof piece ? (size_t)(m->size - done) : sizeof piece;
        if (!bundle_tar_read(c->fd, m->at + done, piece, n)) return false;
        sha256_add(c->opener.sha, bytes_make(piece, n));
        done += n;
    }
    sha256_end(c->opener.sha, out);
    return true;
}

static bool check_sums(struct bundle_check *c, const struct members *m)
{
    struct bytes sums = load(c, &m->all[m->n - 1], SUMS_MOST), rest = sums;
    bool good = sums.p != NULL;
    if (!good) return bundle_fault(c, "%s is too long", sums_name);
    for (size_t i = 0; i + 1 < m->n && good; i++) {
        uint8_t digest[SHA256_SIZE];
        struct buf line;
        buf_init(&line, 1024);
        good = digest_of(c, &m->all[i], digest);
        codec_hex(bytes_make(digest, sizeof digest), &line);
        buf_printf(&line, "  %s\n", m->all[i].name);
        good = good && bytes_equal(bytes_slice(rest, 0, buf_length(&line)), buf_bytes(&line));
        if (!good) (void)bundle_fault(c, "%s is not what its sum says", m->all[i].name);
        rest = bytes_slice(rest, buf_length(&line), rest.n);
        buf_free(&line);
    }
    if (good && rest.n) good = bundle_fault(c, "something stands behind the sums");
    unload(sums);
    return good;
}

static bool verify(struct bundle_check *c, struct members *m, struct bytes text[N_FIRST],
                   const uint8_t *pinned, const struct anchored *anchored,
                   void (*session)(void *context, const struct bundle_session *s), void *context)
{
    struct anchored_tree carried;
    if (!list_members(c, m) || !members_fit(c, m)) return false;
    for (size_t i = 0; i < N_FIRST; i++) {
        text[i] = load(c, &m->all[i], i == README ? (size_t)KEYS_MOST : (size_t)TEXT_MOST);
        if (!text[i].p) return bundle_fault(c, "%s is too long", m->all[i].name);
    }
    return check_checkpoint(c, text, pinned) && check_carried(c, text, &carried) &&
           check_against(c, anchored, &carried) && check_sessions(c, m, session, context) && check_sums(c, m);
}

void bundle_verify(int fd, const uint8_t *pinned, const struct anchored *anchored,
                   void (*session)(void *context, const struct bundle_session *s), void *context,
                   struct bundle_verified *out)
{
    struct bundle_check c = { .fd = fd, .out = out };
    struct members m = { 0 };
    struct bytes text[N_FIRST] = { 0 };
    *out = (struct bundle_verified){ 0 };
    if (opener_init(&c.opener, -1, NULL) != 0)
        (void)bundle_fault(&c, "out of memory");
    else
        out->ok = verify(&c, &m, text, pinned, anchored, session, context);
    out->whole = out->ok && out->n_erased == 0 && out->n_open == 0;
    for (size_t i = 0; i < N_FIRST; i++)
        unload(text[i]);
    free(m.all);
    opener_free(&c.opener);
}
