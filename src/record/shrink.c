/* The level follows from the length: a body is as long as what one read found, so long ones mean that the
 * sender waits for us. What shrinks well costs little to search, and there level 1 pays: what it leaves less
 * of need not be encrypted, written and hashed. Figures stand in README.md. */
#include "record/shrink.h"
#include <stdlib.h>

enum { PASS_MOST = 16 };

bool shrink_init(struct shrink *s)
{
    *s = (struct shrink){ .zstd = ZSTD_createCCtx(), .out = malloc(FORMAT_BODY_MAX) };
    return s->zstd && s->out;
}

void shrink_free(struct shrink *s)
{
    ZSTD_freeCCtx(s->zstd);
    free(s->out);
}

static void set_level(struct shrink *s, int level, int hash_log)
{
    if (s->level == level) return;
    s->level = level;
    ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_hashLog, hash_log);
}

struct bytes shrink_body(struct shrink *s, struct bytes body)
{
    struct bytes none = { 0 };
    if (body.n < SHRINK_LEAST) return none;
    if (s->pass) {
        s->pass--;
        return none;
    }
    if (body.n >= SHRINK_BULK && !s->easy)
        set_level(s, -3, 11);
    else
        set_level(s, 1, 12);
    /* An eighth at least, or it does not fit and zstd stops early. */
    size_t n = ZSTD_compress2(s->zstd, s->out, body.n - body.n / 8, body.p, body.n);
    if (!ZSTD_isError(n)) {
        s->failures = 0;
        s->easy = n <= body.n / 8;
        return bytes_make(s->out, n);
    }
    s->easy = false;
    s->failures = s->failures ? s->failures * 2 : 1;
    if (s->failures > PASS_MOST) s->failures = PASS_MOST;
    s->pass = s->failures;
    return none;
}

bool shrink_expand(ZSTD_DCtx *zstd, struct bytes in, uint8_t *out, size_t *n_out)
{
    unsigned long long n = ZSTD_getFrameContentSize(in.p, in.n);
    if (n > FORMAT_BODY_MAX || ZSTD_findFrameCompressedSize(in.p, in.n) != in.n) return false;
    *n_out = ZSTD_decompressDCtx(zstd, out, (size_t)n, in.p, in.n);
    return *n_out == n;
}
