/* Sources: https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint. A note is
 *
 *     origin \n size \n base64(root) \n  \n  — origin base64(key id || signature) \n
 *
 * where the signature covers the first three lines and the key id is the beginning of a hash over name,
 * algorithm and key. */
#include "record/checkpoint.h"
#include "base/codec.h"
#include "base/log.h"
#include "crypto/sign.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char dash[] = "\xe2\x80\x94 "; /* an em dash and a blank begin a signature line */
static const char old_key[] = "old-key ", new_key[] = "new-key ";
enum { KEY_ID = 4, SIGNATURE_LINES = 16 };

bool checkpoint_origin_fits(struct bytes origin)
{
    if (origin.n == 0 || origin.n > 200 || !bytes_is_utf8(origin)) return false;
    for (size_t i = 0; i < origin.n; i++)
        if (origin.p[i] <= ' ' || origin.p[i] == '+' || origin.p[i] >= 0x7F) return false;
    return true;
}

/* One signature line over what stands in out from `start` on. */
static int sign_with(const struct record_keys *keys, const char *origin, struct bytes text, struct buf *lines)
{
    uint8_t signature[KEY_ID + 64];
    int error = keys->sign(keys->context, text, signature + KEY_ID);
    if (error) return error;
    if (!ed25519_verify(keys->public_key, text, signature + KEY_ID)) {
        log_line(LOG_ERROR, "the signing key does not belong to the log's public key");
        return -EIO;
    }
    verifier_key_id(bytes_of(origin), keys->public_key, signature);
    buf_printf(lines, "%s%s ", dash, origin);
    codec_base64(CODEC_BASE64, bytes_make(signature, sizeof signature), lines);
    buf_append_text(lines, "\n");
    return lines->failed ? -ENOMEM : 0;
}

static void put_tree(const char *origin, uint64_t size, const uint8_t root[32], struct buf *out)
{
    buf_printf(out, "%s\n%" PRIu64 "\n", origin, size);
    codec_base64(CODEC_BASE64, bytes_make(root, 32), out);
    buf_put_u8(out, '\n');
}

static void put_key(const char *what, const char *origin, const uint8_t public_key[32], struct buf *out)
{
    buf_append_text(out, what);
    verifier_key_write(bytes_of(origin), public_key, out);
    buf_put_u8(out, '\n');
}

/* Signatures with one key or two behind the text that stands in out from `start` on. */
static int finish(const struct record_keys *first, const struct record_keys *second, const char *origin,
                  size_t start, struct buf *out)
{
    struct buf lines;
    if (out->failed) return -ENOMEM;
    struct bytes text = bytes_slice(buf_bytes(out), start, SIZE_MAX);
    buf_init(&lines, CHECKPOINT_MAX);
    int error = sign_with(first, origin, text, &lines);
    if (!error && second) error = sign_with(second, origin, text, &lines);
    if (!error) {
        buf_put_u8(out, '\n');
        buf_append(out, buf_bytes(&lines));
        buf_put_u8(out, '\n');
        error = out->failed ? -ENOMEM : 0;
    }
    buf_free(&lines);
    return error;
}

int checkpoint_sign(const struct record_keys *keys, const char *origin, uint64_t size, const uint8_t root[32],
                    struct buf *out)
{
    size_t start = buf_length(out);
    put_tree(origin, size, root, out);
    return finish(keys, NULL, origin, start, out);
}

int checkpoint_sign_handover(const struct record_keys *old, const struct record_keys *new, const char *origin,
                             uint64_t size, const uint8_t root[32], struct buf *out)
{
    size_t start = buf_length(out);
    put_tree(origin, size, root, out);
    put_key(old_key, origin, old->public_key, out);
    put_key(new_key, origin, new->public_key, out);
    return finish(old, new, origin, start, out);
}

/* Up to the next newline, which is passed over. */
static bool take_line(struct bytes file, size_t *at, struct bytes *line_out)
{
    struct bytes rest = bytes_slice(file, *at, CHECKPOINT_MAX);
    const uint8_t *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
    if (!end) return false;
    *line_out = bytes_make(rest.p, (size_t)(end - rest.p));
    *at += line_out->n + 1;
    return true;
}

/* Decodes into exactly n bytes. */
static bool unbase64_exactly(struct bytes text, uint8_t *out, size_t n)
{
    struct buf b;
    buf_init(&b, 256);
    bool good = text.n <= 128 && codec_unbase64(CODEC_BASE64, text, &b) && buf_length(&b) == n;
    if (good) memcpy(out, buf_bytes(&b).p, n);
    buf_free(&b);
    return good;
}

/* "old-key KEY" and "new-key KEY", or neither; the empty line behind them is taken. */
static bool take_handover(struct bytes file, size_t *at, struct checkpoint *c)
{
    struct bytes line;
    if (!take_line(file, at, &line)) return false;
    c->old_key = c->new_key = (struct bytes){ 0 };
    if (line.n == 0) return true;
    if (!bytes_starts_with(line, old_key)) return false;
    c->old_key = bytes_slice(line, strlen(old_key), line.n);
    if (!take_line(file, at, &line) || !bytes_starts_with(line, new_key)) return false;
    c->new_key = bytes_slice(line, strlen(new_key), line.n);
    return c->old_key.n && c->new_key.n && take_line(file, at, &line) && line.n == 0;
}

/* One signature line. Those under another name are passed over. */
static bool take_signature(struct bytes line, struct checkpoint *c)
{
    uint8_t raw[KEY_ID + 64];
    if (!bytes_starts_with(line, dash)) return false;
    line = bytes_slice(line, strlen(dash), line.n);
    ptrdiff_t blank = bytes_find(line, BYTES_LITERAL(" "));
    if (blank <= 0) return false;
    if (!bytes_equal(bytes_slice(line, 0, (size_t)blank), c->origin)) return true;
    if (c->n_signatures == CHECKPOINT_SIGNATURES ||
        !unbase64_exactly(bytes_slice(line, (size_t)blank + 1, line.n), raw, sizeof raw))
        return false;
    struct checkpoint_signature *s = &c->signatures[c->n_signatures++];
    memcpy(s->key_id, raw, sizeof s->key_id);
    memcpy(s->signature, raw + KEY_ID, sizeof s->signature);
    return true;
}

/* Signature lines up to an empty one. */
static bool take_signatures(struct bytes file, size_t *at, struct checkpoint *c)
{
    struct bytes line;
    c->n_signatures = 0;
    for (unsigned n = 0; n <= SIGNATURE_LINES; n++) {
        if (!take_line(file, at, &line)) return false;
        if (line.n == 0) return c->n_signatures > 0;
        if (!take_signature(line, c)) return false;
    }
    return false;
}

bool checkpoint_next(struct bytes file, size_t *at_io, struct checkpoint *c)
{
    size_t at = *at_io;
    struct bytes size, root;
    if (!take_line(file, &at, &c->origin) || !take_line(file, &at, &size) || !take_line(file, &at, &root) ||
        !take_handover(file, &at, c))
        return false;
    c->signed_text = bytes_slice(file, *at_io, at - 1 - *at_io);
    int64_t number = 0;
    if (!checkpoint_origin_fits(c->origin) || !bytes_to_int64(size, &number) || number < 0 ||
        !unbase64_exactly(root, c->root, sizeof c->root))
        return false;
    if (size.p[0] == '-' || (size.n > 1 && size.p[0] == '0')) return false;
    c->size = (uint64_t)number;
    if (!take_signatures(file, &at, c)) return false;
    *at_io = at;
    return true;
}

bool checkpoint_verify(const struct checkpoint *c, const uint8_t public_key[32])
{
    uint8_t id[KEY_ID];
    verifier_key_id(c->origin, public_key, id);
    for (unsigned i = 0; i < c->n_signatures; i++)
        if (memcmp(id, c->signatures[i].key_id, sizeof id) == 0 &&
            ed25519_verify(public_key, c->signed_text, c->signatures[i].signature))
            return true;
    return false;
}

bool checkpoint_handover(const struct checkpoint *c, uint8_t old_out[32], uint8_t new_out[32])
{
    struct bytes old_name, new_name;
    return c->old_key.n && verifier_key_parse(c->old_key, old_out, &old_name) &&
           verifier_key_parse(c->new_key, new_out, &new_name) && bytes_equal(old_name, c->origin) &&
           bytes_equal(new_name, c->origin) && checkpoint_verify(c, old_out) && checkpoint_verify(c, new_out);
}

bool checkpoint_last(struct bytes end, struct bytes *note_out, struct checkpoint *checkpoint_out)
{
    struct checkpoint c;
    bool found = false;
    for (size_t i = 0; i < end.n; i++) {
        size_t at = i;
        /* A note begins at the start, or behind an empty line. */
        if (i > 0 ? i < 2 || end.p[i - 1] != '\n' || end.p[i - 2] != '\n' : false) continue;
        if (!checkpoint_next(end, &at, &c)) continue;
        *note_out = bytes_slice(end, i, at - i);
        *checkpoint_out = c;
        found = true;
        i = at - 1;
    }
    return found;
}
