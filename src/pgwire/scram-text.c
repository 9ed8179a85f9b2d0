/* The attribute grammar of RFC 5802, section 7. Everything here is bounded by what it is given. */
#include "pgwire/scram-text.h"
#include "base/codec.h"

bool scram_attribute(struct bytes *rest, char name, struct bytes *value_out)
{
    if (rest->n < 2 || rest->p[0] != (uint8_t)name || rest->p[1] != '=') return false;
    const uint8_t *value = rest->p + 2;
    size_t left = rest->n - 2;
    const uint8_t *comma = left ? memchr(value, ',', left) : NULL;
    size_t n = comma ? (size_t)(comma - value) : left;
    if (n && memchr(value, 0, n)) return false;
    if (comma && n + 1 == left) return false;
    *value_out = bytes_make(value, n);
    *rest = comma ? bytes_make(comma + 1, left - n - 1) : (struct bytes){ 0 };
    return true;
}

ptrdiff_t scram_unbase64(struct bytes text, uint8_t *out, size_t most)
{
    struct buf b;
    buf_init(&b, 3 * (text.n / 4 + 1) + 64);
    ptrdiff_t n = -1;
    if (text.n && codec_unbase64(CODEC_BASE64, text, &b) && !b.failed && buf_length(&b) > 0 &&
        buf_length(&b) <= most) {
        n = (ptrdiff_t)buf_length(&b);
        memcpy(out, buf_bytes(&b).p, (size_t)n);
    }
    buf_free(&b);
    return n;
}

bool scram_base64(struct bytes in, char *out, size_t room)
{
    struct buf b;
    buf_init(&b, 2 * in.n + 64);
    codec_base64(CODEC_BASE64, in, &b);
    size_t n = 0;
    bool ok = !b.failed && scram_put(out, room, &n, buf_bytes(&b));
    buf_free(&b);
    return ok;
}

bool scram_is_nonce(struct bytes nonce)
{
    for (size_t i = 0; i < nonce.n; i++)
        if (nonce.p[i] < 0x21 || nonce.p[i] > 0x7E || nonce.p[i] == ',') return false;
    return nonce.n > 0;
}

bool scram_put(char *buffer, size_t size, size_t *n, struct bytes text)
{
    if (*n >= size || text.n >= size - *n) return false;
    if (text.n) memcpy(buffer + *n, text.p, text.n);
    *n += text.n;
    buffer[*n] = 0;
    return true;
}

bool scram_put_channel(char *buffer, size_t size, size_t *n, const char *header, struct bytes binding)
{
    uint8_t plain[128];
    size_t n_header = strlen(header);
    if (header[0] != 'p') binding.n = 0;
    if (n_header + binding.n > sizeof plain) return false;
    memcpy(plain, header, n_header);
    if (binding.n) memcpy(plain + n_header, binding.p, binding.n);
    char coded[192];
    return scram_base64(bytes_make(plain, n_header + binding.n), coded, sizeof coded) &&
           scram_put(buffer, size, n, bytes_of("c=")) && scram_put(buffer, size, n, bytes_of(coded));
}
