/* Compact JWS: what is accepted is one narrow shape; everything else is refused before any key is touched. */
#include "jose/jws.h"
#include "base/codec.h"
#include "jose/evp.h"
#include "json/read.h"

/* Decodes into the arena. False: malformed, or no room. */
static bool part_decode(struct bytes part, struct arena *arena, struct bytes *out)
{
    struct buf raw;
    buf_init(&raw, JWS_MAX_BYTES);
    bool good = codec_unbase64(CODEC_BASE64URL, part, &raw) && !raw.failed;
    if (good) {
        *out = arena_copy(arena, buf_bytes(&raw));
        good = out->p != NULL;
    }
    buf_free(&raw);
    return good;
}

/* Access and identity tokens say JWT or at+jwt, or nothing (RFC 7519, 5.1; RFC 9068, 2.1; the "application/"
 * may be left out). A logout or event token that the same issuer signed says something else, and is no login.
 */
static bool typ_is_login(struct bytes typ)
{
    if (typ.n > 12 && bytes_equal_nocase(bytes_slice(typ, 0, 12), BYTES_LITERAL("application/")))
        typ = bytes_slice(typ, 12, typ.n);
    return bytes_equal_nocase(typ, BYTES_LITERAL("JWT")) || bytes_equal_nocase(typ, BYTES_LITERAL("at+jwt"));
}

/* NULL: the header is one to go on with. */
static const char *header_read(const json_t *header, struct arena *arena, struct jws *jws)
{
    struct bytes text;
    if (json_object_get(header, "crit")) return "the header has crit";
    if (json_object_get(header, "b64")) return "the header has b64";
    if (json_object_get(header, "enc") || json_object_get(header, "zip")) return "the header is one of a JWE";
    switch (json_member_text(header, "typ", &text)) {
    case JSON_MEMBER_WRONG_TYPE: return "typ is no string";
    case JSON_MEMBER_ABSENT: break;
    case JSON_MEMBER_FOUND:
        if (!typ_is_login(text)) return "typ is that of another kind of token";
    }
    if (json_member_text(header, "kid", &text) == JSON_MEMBER_WRONG_TYPE) return "kid is no string";
    if (text.n > JOSE_MAX_KID_BYTES) return "kid is too long";
    jws->kid = arena_copy(arena, text);
    if (!jws->kid.p) return "no memory";
    if (json_member_text(header, "alg", &text) != JSON_MEMBER_FOUND) return "alg is missing or no string";
    jws->alg = arena_copy(arena, text);
    if (!jws->alg.p) return "no memory";
    return NULL;
}

/* Finds the two dots. False: there are not exactly two, or a part is empty. */
static bool token_split(struct bytes token, struct bytes part_out[3])
{
    size_t n = 0, from = 0;
    for (size_t i = 0; i <= token.n; i++) {
        if (i < token.n && token.p[i] != '.') continue;
        if (n == 3 || i == from) return false;
        part_out[n++] = bytes_slice(token, from, i - from);
        from = i + 1;
    }
    return n == 3;
}

enum jws_parsed jws_parse(struct bytes token, struct arena *arena, struct jws *jws_out, const char **why_out)
{
    struct bytes part[3], header_text;
    json_t *header;
    *jws_out = (struct jws){ 0 };
    *why_out = "longer than a token may be";
    if (token.n > JWS_MAX_BYTES) return JWS_TOO_LONG;
    *why_out = "not three parts";
    if (!token_split(token, part)) return JWS_MALFORMED;
    *why_out = "the header is longer than one may be";
    if (part[0].n > JWS_MAX_HEADER_BYTES) return JWS_TOO_LONG;
    *why_out = "a part is not strict base64url";
    if (!part_decode(part[0], arena, &header_text) || !part_decode(part[1], arena, &jws_out->payload) ||
        !part_decode(part[2], arena, &jws_out->signature))
        return JWS_MALFORMED;
    jws_out->signing_input = bytes_make(token.p, part[0].n + 1 + part[1].n);
    *why_out = "the header is not a strict JSON object";
    if (json_read_object(header_text, JWS_MAX_HEADER_BYTES, 8, &header) != JSON_READ) return JWS_MALFORMED;
    *why_out = header_read(header, arena, jws_out);
    json_decref(header);
    if (*why_out) return JWS_MALFORMED;
    jws_out->algorithm = jose_algorithm_named(jws_out->alg);
    if (jws_out->algorithm == JOSE_ALGORITHM_NONE) {
        *why_out = "the algorithm is not one that is accepted";
        return JWS_NO_ALGORITHM;
    }
    return JWS_PARSED;
}

enum jws_verdict jws_verify(const struct jws *jws, const struct jose_key_set *set)
{
    const struct jose_key *found = NULL;
    bool other_algorithm = false, several = false;
    for (size_t i = 0; i < set->n; i++) {
        const struct jose_key *key = &set->keys[i];
        if (jws->kid.n && !bytes_equal(key->kid, jws->kid)) continue;
        if (jose_key_fits(key, jws->algorithm)) {
            several = found != NULL;
            found = key;
        } else {
            other_algorithm = jws->kid.n != 0;
        }
        if (several) return JWS_UNKNOWN_KEY;
    }
    if (!found) return other_algorithm ? JWS_WRONG_ALGORITHM : JWS_UNKNOWN_KEY;
    return jose_evp_verify(found->key, jws->algorithm, jws->signing_input, jws->signature)
               ? JWS_GOOD
               : JWS_BAD_SIGNATURE;
}
