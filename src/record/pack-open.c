/* The .open file: where a segment begins, the spine of the tree there, and the chain of every session that
 * goes on, so that opening a log reads no more than its newest segment or two. It holds no key. A CRC tells a
 * torn one; it proves nothing, and verification does not rely on it. */
#include "base/codec.h"
#include "base/cursor.h"
#include "record/pack.h"

static const char magic[8] = "PSTNOPEN";

struct writing {
    struct buf *out;
    uint32_t n;
};

static void put_chain(struct writing *w, const struct pack_chain *chain)
{
    buf_put_u64(w->out, chain->id);
    buf_put_u32(w->out, chain->number);
    buf_put_u32(w->out, chain->last_sequence);
    buf_append(w->out, bytes_make(chain->hash, FORMAT_HASH));
    w->n++;
}

static void put_session(void *context, struct bytes key, void *value)
{
    const struct pack_session *s = value;
    (void)key;
    bool end_is_sealed = s->ended && s->n_frames == 0; /* known while a log is opened */
    if (s->own.number && !end_is_sealed) put_chain(context, &s->own);
}

void pack_encode_open(struct pack *p, struct buf *out)
{
    const struct tree *tree = &p->blocks->tree;
    struct writing w = { .out = out };
    buf_append(out, bytes_make(magic, sizeof magic));
    buf_put_u64(out, tree->size);
    buf_put_u64(out, p->newest_ms);
    buf_append(out, bytes_make(tree->spine, tree_spine_length(tree) * (size_t)FORMAT_HASH));
    size_t count_at = buf_length(out);
    buf_put_u32(out, 0);
    put_chain(&w, &p->gateway);
    map_each(&p->sessions, put_session, &w);
    buf_patch_u32(out, count_at, w.n);
    if (!out->failed) buf_put_u32(out, codec_crc32c(0, buf_bytes(out)));
}

bool pack_decode_open(struct pack *p, struct bytes in, uint64_t first_leaf, struct tree *tree)
{
    if (in.n < 4 || format_get_u32(in.p + in.n - 4) != codec_crc32c(0, bytes_slice(in, 0, in.n - 4)))
        return false;
    struct cursor c = cursor_over(bytes_slice(in, 0, in.n - 4));
    struct bytes start = cursor_take(&c, sizeof magic);
    if (!bytes_equal(start, bytes_make(magic, sizeof magic))) return false;
    *tree = (struct tree){ .size = cursor_u64(&c) };
    p->newest_ms = cursor_u64(&c);
    struct bytes spine = cursor_take(&c, tree_spine_length(tree) * (size_t)FORMAT_HASH);
    if (c.failed || tree->size != first_leaf) return false;
    if (spine.n) memcpy(tree->spine, spine.p, spine.n);
    for (uint32_t n = cursor_u32(&c); n && !c.failed; n--) {
        struct pack_chain chain = { .id = cursor_u64(&c) };
        chain.number = cursor_u32(&c);
        chain.last_sequence = cursor_u32(&c);
        struct bytes hash = cursor_take(&c, FORMAT_HASH);
        if (c.failed) return false;
        memcpy(chain.hash, hash.p, FORMAT_HASH);
        if (pack_resume(p, &chain, false) < 0) return false;
    }
    return cursor_done(&c);
}
