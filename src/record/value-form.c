/* HMAC is put together here (RFC 2104) over a context that lives on: a value costs two short hashes. */
#include "record/value-form.h"
#include "base/secret.h"

enum { DIGITS_LEAST = 12 };

bool value_hasher_init(struct value_hasher *h, const uint8_t key[VALUE_KEY])
{
    for (size_t i = 0; i < sizeof h->inner; i++) {
        uint8_t byte = i < VALUE_KEY ? key[i] : 0;
        h->inner[i] = byte ^ 0x36;
        h->outer[i] = byte ^ 0x5C;
    }
    h->hash = sha256_new();
    return h->hash != NULL;
}

void value_hasher_free(struct value_hasher *h)
{
    sha256_free(h->hash);
    secret_wipe(h, sizeof *h);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct bytes trimmed(struct bytes text)
{
    while (text.n && is_space(text.p[0]))
        text = bytes_slice(text, 1, text.n);
    while (text.n && is_space(text.p[text.n - 1]))
        text.n--;
    return text;
}

/* 0: it is no number written in groups. */
static size_t only_digits(struct bytes text, uint8_t *out)
{
    size_t n = 0;
    bool before = false; /* a digit stands before this */
    for (size_t i = 0; i < text.n; i++) {
        bool digit = text.p[i] >= '0' && text.p[i] <= '9';
        if (!digit && (!before || (text.p[i] != ' ' && text.p[i] != '-'))) return 0;
        if (digit) out[n++] = text.p[i];
        before = digit;
    }
    return before && n >= DIGITS_LEAST ? n : 0;
}

struct bytes value_normal(struct bytes value, uint8_t *out)
{
    value = trimmed(value);
    size_t n = only_digits(value, out);
    if (n) return bytes_make(out, n);
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        out[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
    }
    return bytes_make(out, value.n);
}

void value_seal(struct value_hasher *h, struct bytes normal, uint8_t sealed_out[SHA256_SIZE])
{
    uint8_t inner[SHA256_SIZE];
    sha256_begin(h->hash);
    sha256_add(h->hash, bytes_make(h->inner, sizeof h->inner));
    sha256_add(h->hash, normal);
    sha256_end(h->hash, inner);
    sha256_begin(h->hash);
    sha256_add(h->hash, bytes_make(h->outer, sizeof h->outer));
    sha256_add(h->hash, bytes_make(inner, sizeof inner));
    sha256_end(h->hash, sealed_out);
}

void value_hash(struct value_hasher *h, const uint8_t sealed[SHA256_SIZE], struct bytes column,
                uint8_t hash_out[VALUE_HASH])
{
    uint8_t whole[SHA256_SIZE];
    sha256_begin(h->hash);
    sha256_add(h->hash, bytes_make(sealed, SHA256_SIZE));
    sha256_add(h->hash, column);
    sha256_end(h->hash, whole);
    memcpy(hash_out, whole, VALUE_HASH);
}
