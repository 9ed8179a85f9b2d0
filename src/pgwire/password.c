/* The mathematics of PostgreSQL's passwords, over libcrypto (HMAC, SHA-256, MD5) and libidn (SASLprep).
 * Nothing is kept, and what lies on the stack is wiped. Sources: RFC 5802 section 3, RFC 7677, RFC 4013;
 * PostgreSQL, "Password Authentication", and its rule that a password that SASLprep rejects is used raw. */
#include "pgwire/password.h"
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <stringprep.h>

enum { KEY = PASSWORD_KEY_BYTES };

static bool is_ascii(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] & 0x80) return false;
    return true;
}

/* U+0340 and U+0341 disappear in normalization, after which libidn looks for what is prohibited; PostgreSQL
 * looks before. */
static bool has_deprecated_tone_mark(struct bytes b)
{
    return bytes_find(b, BYTES_LITERAL("\xCD\x80")) >= 0 || bytes_find(b, BYTES_LITERAL("\xCD\x81")) >= 0;
}

struct secret password_prepare(struct bytes password)
{
    if (password.n == 0 || password.n > PASSWORD_MOST_BYTES || memchr(password.p, 0, password.n))
        return (struct secret){ 0 };
    if (is_ascii(password) || !bytes_is_utf8(password) || has_deprecated_tone_mark(password))
        return secret_copy(password);
    char *text = strndup((const char *)password.p, password.n), *prepared = NULL;
    if (!text) return (struct secret){ 0 };
    int rc = stringprep_profile(text, &prepared, "SASLprep", STRINGPREP_NO_UNASSIGNED);
    bool fits = rc == STRINGPREP_OK && prepared && *prepared;
    struct secret out = secret_copy(fits ? bytes_of(prepared) : password);
    if (prepared) secret_wipe(prepared, strlen(prepared));
    free(prepared);
    secret_wipe(text, password.n);
    free(text);
    return out;
}

/* A context for HMAC-SHA-256 with this key, or NULL. */
static EVP_MAC_CTX *hmac_new(struct bytes key)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                            OSSL_PARAM_construct_end() };
    uint8_t nothing = 0;
    if (ctx && EVP_MAC_init(ctx, key.n ? key.p : &nothing, key.n, params) == 1) return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

/* One more HMAC with the context's key. */
static bool hmac_again(EVP_MAC_CTX *ctx, struct bytes first, struct bytes second, uint8_t out[KEY])
{
    size_t n = 0;
    return EVP_MAC_init(ctx, NULL, 0, NULL) == 1 && EVP_MAC_update(ctx, first.p, first.n) == 1 &&
           (second.n == 0 || EVP_MAC_update(ctx, second.p, second.n) == 1) &&
           EVP_MAC_final(ctx, out, &n, KEY) == 1 && n == KEY;
}

int password_hmac(struct bytes key, struct bytes first, struct bytes second, uint8_t out[KEY])
{
    EVP_MAC_CTX *ctx = hmac_new(key);
    if (!ctx) return -ENOMEM;
    bool ok = hmac_again(ctx, first, second, out);
    EVP_MAC_CTX_free(ctx);
    return ok ? 0 : -EIO;
}

int password_stretch_begin(struct password_stretch *s, struct bytes prepared, struct bytes salt,
                           uint32_t iterations)
{
    *s = (struct password_stretch){ 0 };
    if (iterations == 0) return -EINVAL;
    s->mac = hmac_new(prepared);
    if (!s->mac) return -ENOMEM;
    if (!hmac_again(s->mac, salt, BYTES_LITERAL("\0\0\0\1"), s->u)) return -EIO;
    memcpy(s->salted, s->u, KEY);
    s->iterations_left = iterations - 1;
    return 0;
}

int password_stretch_step(struct password_stretch *s, uint32_t n_iterations)
{
    if (!s->mac) return -EINVAL;
    for (; n_iterations > 0 && s->iterations_left > 0; n_iterations--, s->iterations_left--) {
        if (!hmac_again(s->mac, bytes_make(s->u, KEY), (struct bytes){ 0 }, s->u)) return -EIO;
        for (size_t i = 0; i < KEY; i++)
            s->salted[i] ^= s->u[i];
    }
    return s->iterations_left == 0;
}

int password_stretch_keys(const struct password_stretch *s, struct password_keys *keys_out)
{
    if (!s->mac || s->iterations_left) return -EINVAL;
    struct bytes salted = bytes_make(s->salted, KEY), none = { 0 };
    int rc = password_hmac(salted, BYTES_LITERAL("Client Key"), none, keys_out->client);
    if (!rc) rc = password_hmac(salted, BYTES_LITERAL("Server Key"), none, keys_out->server);
    unsigned n = 0;
    if (!rc && EVP_Digest(keys_out->client, KEY, keys_out->stored, &n, EVP_sha256(), NULL) != 1) rc = -EIO;
    return rc;
}

void password_stretch_end(struct password_stretch *s)
{
    EVP_MAC_CTX_free(s->mac);
    secret_wipe(s, sizeof *s);
}

int password_prove(const struct password_keys *keys, struct bytes auth_message, uint8_t proof_out[KEY],
                   uint8_t server_signature_out[KEY])
{
    struct bytes none = { 0 };
    uint8_t signature[KEY];
    int rc = password_hmac(bytes_make(keys->stored, KEY), auth_message, none, signature);
    for (size_t i = 0; i < KEY; i++)
        proof_out[i] = rc ? 0 : keys->client[i] ^ signature[i];
    if (!rc) rc = password_hmac(bytes_make(keys->server, KEY), auth_message, none, server_signature_out);
    secret_wipe(signature, sizeof signature);
    return rc;
}

bool password_proof_holds(const uint8_t stored[KEY], struct bytes auth_message, const uint8_t proof[KEY])
{
    uint8_t client[KEY], hashed[KEY];
    unsigned n = 0;
    if (password_hmac(bytes_make(stored, KEY), auth_message, (struct bytes){ 0 }, client)) return false;
    for (size_t i = 0; i < KEY; i++)
        client[i] ^= proof[i];
    bool ok = EVP_Digest(client, KEY, hashed, &n, EVP_sha256(), NULL) == 1 &&
              bytes_equal_constant_time(bytes_make(hashed, KEY), bytes_make(stored, KEY));
    secret_wipe(client, sizeof client);
    return ok;
}

/* 32 hexadecimal digits and a NUL of the MD5 of both parts. */
static int md5_hex(struct bytes first, struct bytes second, char out[33])
{
    uint8_t digest[16] = { 0 };
    unsigned n = 0;
    EVP_MD *md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc = !md5 ? -ENOSYS : !ctx ? -ENOMEM : 0;
    if (!rc && !(EVP_DigestInit_ex(ctx, md5, NULL) == 1 && EVP_DigestUpdate(ctx, first.p, first.n) == 1 &&
                 EVP_DigestUpdate(ctx, second.p, second.n) == 1 && EVP_DigestFinal_ex(ctx, digest, &n) == 1))
        rc = -ENOSYS;
    for (size_t i = 0; i < 16; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[32] = 0;
    secret_wipe(digest, sizeof digest);
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md5);
    return rc;
}

int password_md5(struct bytes password, struct bytes user, const uint8_t salt[4],
                 char text_out[PASSWORD_MD5_TEXT])
{
    char inner[33];
    memcpy(text_out, "md5", 4);
    int rc = md5_hex(password, user, inner);
    if (!rc) rc = md5_hex(bytes_make(inner, 32), bytes_make(salt, 4), text_out + 3);
    secret_wipe(inner, sizeof inner);
    return rc;
}
