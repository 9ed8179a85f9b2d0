/* Sources: https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint. A note is
 *
 *     origin \n size \n base64(root) \n  \n  — origin base64(key id || signature) \n
 *
 * where the signature covers the first three lines and the key id is the beginning of a hash over name,
 * algorithm and key. */
#include "record/checkpoint.h"
#include "base/codec.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char dash[] = "\xe2\x80\x94 "; /* an em dash and a blank begin a signature line */
enum { ALGORITHM_ED25519 = 1, KEY_ID = 4 };

bool checkpoint_origin_fits(struct bytes origin)
{
    if (origin.n == 0 || origin.n > 200 || !bytes_is_utf8(origin)) return false;
    for (size_t i = 0; i < origin.n; i++)
        if (origin.p[i] <= ' ' || origin.p[i] == '+' || origin.p[i] >= 0x7F) return false;
    return true;
}

static void key_id(struct bytes name, const uint8_t public_key[32], uint8_t id_out[KEY_ID])
{
    uint8_t text[200 + 2 + 32], hash[32];
    CHECK(name.n <= 200);
    memcpy(text, name.p, name.n);
    text[name.n] = '\n';
    text[name.n + 1] = ALGORITHM_ED25519;
    memcpy(text + name.n + 2, public_key, 32);
    sha256_once(bytes_make(text, name.n + 2 + 32), hash);
    memcpy(id_out, hash, KEY_ID);
}

int checkpoint_sign(const struct record_keys *keys, const char *origin, uint64_t size, const uint8_t root[32],
                    struct buf *out)
{
    size_t start = buf_length(out);
    buf_printf(out, "%s\n%" PRIu64 "\n", origin, size);
    codec_base64(CODEC_BASE64, bytes_make(root, 32), out);
    buf_put_u8(out, '\n');
    if (out->failed) return -ENOMEM;
    struct bytes text = bytes_slice(buf_bytes(out), start, SIZE_MAX);
    uint8_t signature[KEY_ID + 64];
    int error = keys->sign(keys->context, text, signature + KEY_ID);
    if (error) return error;
    if (!ed25519_verify(keys->public_key, text, signature + KEY_ID)) {
        log_line(LOG_ERROR, "the signing key does not belong to the log's public key");
        return -EIO;
    }
    key_id(bytes_of(origin), keys->public_key, signature);
    buf_printf(out, "\n%s%s ", dash, origin);
    codec_base64(CODEC_BASE64, bytes_make(signature, sizeof signature), out);
    buf_append_text(out, "\n\n");
    return out->failed ? -ENOMEM : 0;
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

bool checkpoint_next(struct bytes file, size_t *at_io, struct checkpoint *c)
{
    size_t at = *at_io;
    struct bytes size, root, empty, signature, behind;
    if (!take_line(file, &at, &c->origin) || !take_line(file, &at, &size) || !take_line(file, &at, &root))
        return false;
    c->signed_text = bytes_slice(file, *at_io, at - *at_io);
    if (!take_line(file, &at, &empty) || !take_line(file, &at, &signature) || !take_line(file, &at, &behind))
        return false;
    int64_t number = 0;
    if (!checkpoint_origin_fits(c->origin) || empty.n || behind.n || !bytes_to_int64(size, &number) ||
        number < 0 || !unbase64_exactly(root, c->root, sizeof c->root))
        return false;
    if (size.p[0] == '-' || (size.n > 1 && size.p[0] == '0')) return false;
    c->size = (uint64_t)number;
    size_t before = strlen(dash) + c->origin.n + 1;
    uint8_t raw[KEY_ID + 64];
    if (!bytes_starts_with(signature, dash) || signature.n <= before ||
        !bytes_equal(bytes_slice(signature, strlen(dash), c->origin.n), c->origin) ||
        signature.p[before - 1] != ' ' ||
        !unbase64_exactly(bytes_slice(signature, before, SIZE_MAX), raw, sizeof raw))
        return false;
    memcpy(c->key_id, raw, sizeof c->key_id);
    memcpy(c->signature, raw + KEY_ID, sizeof c->signature);
    *at_io = at;
    return true;
}

bool checkpoint_verify(const struct checkpoint *c, const uint8_t public_key[32])
{
    uint8_t id[KEY_ID];
    key_id(c->origin, public_key, id);
    return memcmp(id, c->key_id, sizeof id) == 0 && ed25519_verify(public_key, c->signed_text, c->signature);
}
