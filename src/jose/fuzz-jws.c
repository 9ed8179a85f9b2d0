/* Reads a token and, with one bit of its first byte to choose, verifies it with the right or with another set
 * of keys. A token that is read is exactly its three parts encoded again; nothing verifies with another key;
 * and what verifies with the right one is the token that was signed, byte for byte (Ed25519 signs
 * deterministically, and the fuzzer has no private key). */
#include "base/codec.h"
#include "jose/jws.h"
#include "jose/sign.h"
#include <stdlib.h>

struct world {
    struct jose_key_set *right, *wrong;
    struct buf token;
};

static struct jose_key_set *set_of(struct jose_signer *signer)
{
    struct jose_key_set *set;
    struct buf text;
    buf_init(&text, 4096);
    CHECK(jose_signers_key_set(&signer, 1, &text));
    CHECK(jose_key_set_parse(buf_bytes(&text), &set) == JOSE_KEYS_READ && set->n == 1);
    buf_free(&text);
    return set;
}

static const struct world *world(void)
{
    static struct world w;
    if (w.right) return &w;
    struct jose_signer *right = jose_signer_new(JOSE_EdDSA, BYTES_LITERAL("k"));
    struct jose_signer *wrong = jose_signer_new(JOSE_EdDSA, BYTES_LITERAL("k"));
    CHECK(right && wrong);
    buf_init(&w.token, 4096);
    CHECK(jose_signer_token(right, BYTES_LITERAL("{\"sub\":\"x\"}"), &w.token));
    w.wrong = set_of(wrong);
    w.right = set_of(right);
    jose_signer_free(right);
    jose_signer_free(wrong);
    return &w;
}

static void encodes_again(const struct jws *jws, struct bytes token)
{
    struct buf again;
    buf_init(&again, 1 << 20);
    buf_append(&again, jws->signing_input);
    buf_put_u8(&again, '.');
    codec_base64(CODEC_BASE64URL, jws->signature, &again);
    CHECK(bytes_equal(buf_bytes(&again), token));
    size_t dot = (size_t)bytes_find(jws->signing_input, BYTES_LITERAL("."));
    buf_consume(&again, buf_length(&again));
    codec_base64(CODEC_BASE64URL, jws->payload, &again);
    CHECK(bytes_equal(buf_bytes(&again), bytes_slice(jws->signing_input, dot + 1, token.n)));
    buf_free(&again);
}

/* The input as it is; or, where its first byte is odd, the signed token with the rest of the input laid over
 * it at a place that the input names. */
static void input_make(struct bytes data, const struct world *w, struct buf *out)
{
    if (data.n < 3 || !(data.p[0] & 1)) {
        buf_append(out, bytes_slice(data, 1, data.n));
        return;
    }
    struct bytes token = buf_bytes(&w->token);
    size_t at = (size_t)(data.p[1] << 8 | data.p[2]) % token.n;
    struct bytes over = bytes_slice(data, 3, data.n);
    buf_append(out, bytes_slice(token, 0, at));
    buf_append(out, over);
    buf_append(out, bytes_slice(token, at + over.n, token.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct world *w = world();
    struct buf token;
    struct arena arena;
    struct jws jws;
    const char *why;
    buf_init(&token, 1 << 20);
    arena_init(&arena, 4096, 1 << 20);
    input_make(bytes_make(data, n), w, &token);
    if (jws_parse(buf_bytes(&token), &arena, &jws, &why) == JWS_PARSED) {
        encodes_again(&jws, buf_bytes(&token));
        CHECK(jws_verify(&jws, w->wrong) != JWS_GOOD);
        if (jws_verify(&jws, w->right) == JWS_GOOD)
            CHECK(bytes_equal(buf_bytes(&token), buf_bytes(&w->token)));
    }
    arena_free(&arena);
    buf_free(&token);
    return 0;
}
