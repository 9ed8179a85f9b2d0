/* A JWK set becomes OpenSSL keys once, when it arrives; nothing of the JSON is kept. */
#include "jose/jwk.h"
#include "jose/evp.h"
#include "json/read.h"
#include <stdlib.h>

bool jose_key_fits(const struct jose_key *key, enum jose_algorithm algorithm)
{
    if (algorithm == JOSE_ALGORITHM_NONE) return false;
    if (key->pinned != JOSE_ALGORITHM_NONE && key->pinned != algorithm) return false;
    return jose_algorithm_facts(algorithm)->key_type == key->type;
}

/* `use` and `key_ops` both absent: the key is for anything (RFC 7517, 4.2 and 4.3). */
static bool entry_is_for_verifying(const json_t *entry)
{
    struct bytes use;
    enum json_member member = json_member_text(entry, "use", &use);
    if (member == JSON_MEMBER_WRONG_TYPE || (member == JSON_MEMBER_FOUND && !bytes_is(use, "sig")))
        return false;
    const json_t *operations = json_object_get(entry, "key_ops");
    if (!operations) return true;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *operation = json_string_value(json_array_get(operations, i));
        if (operation && strcmp(operation, "verify") == 0) return true;
    }
    return false;
}

/* d, and the factors that an RSA entry may have beside it. */
static bool entry_has_private_half(const json_t *entry)
{
    static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_object_get(entry, names[i])) return true;
    return false;
}

static enum jose_key_type entry_type(const json_t *entry)
{
    static const struct {
        const char *kty, *crv;
        enum jose_key_type type;
    } types[] = {
        { "RSA", NULL, JOSE_KEY_RSA },          { "EC", "P-256", JOSE_KEY_P256 },
        { "EC", "P-384", JOSE_KEY_P384 },       { "EC", "P-521", JOSE_KEY_P521 },
        { "OKP", "Ed25519", JOSE_KEY_ED25519 },
    };
    struct bytes kty, crv;
    if (json_member_text(entry, "kty", &kty) != JSON_MEMBER_FOUND) return JOSE_KEY_UNKNOWN;
    if (json_member_text(entry, "crv", &crv) == JSON_MEMBER_WRONG_TYPE) return JOSE_KEY_UNKNOWN;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (bytes_is(kty, types[i].kty) && (!types[i].crv || bytes_is(crv, types[i].crv)))
            return types[i].type;
    return JOSE_KEY_UNKNOWN;
}

/* A base64url member, decoded behind what is in out; *out_n says how many bytes. False: absent or malformed.
 */
static bool entry_bytes(const json_t *entry, const char *name, struct buf *out, size_t *n_out)
{
    struct bytes text;
    size_t before = buf_length(out);
    if (json_member_text(entry, name, &text) != JSON_MEMBER_FOUND || text.n == 0) return false;
    if (!codec_unbase64(CODEC_BASE64URL, text, out) || out->failed) return false;
    *n_out = buf_length(out) - before;
    return true;
}

static EVP_PKEY *entry_key(const json_t *entry, enum jose_key_type type)
{
    struct buf raw;
    buf_init(&raw, 4096);
    size_t first = 0, second = 0;
    EVP_PKEY *key = NULL;
    switch (type) {
    case JOSE_KEY_UNKNOWN: break;
    case JOSE_KEY_RSA:
        if (entry_bytes(entry, "n", &raw, &first) && entry_bytes(entry, "e", &raw, &second))
            key = jose_evp_rsa(bytes_slice(buf_bytes(&raw), 0, first),
                               bytes_slice(buf_bytes(&raw), first, second));
        break;
    case JOSE_KEY_P256:
    case JOSE_KEY_P384:
    case JOSE_KEY_P521:
        if (entry_bytes(entry, "x", &raw, &first) && entry_bytes(entry, "y", &raw, &second))
            key = jose_evp_ec(type, bytes_slice(buf_bytes(&raw), 0, first),
                              bytes_slice(buf_bytes(&raw), first, second));
        break;
    case JOSE_KEY_ED25519:
        if (entry_bytes(entry, "x", &raw, &first)) key = jose_evp_ed25519(buf_bytes(&raw));
        break;
    }
    buf_free(&raw);
    return key;
}

/* False: the entry is passed over; *key_out is untouched then. */
static bool entry_parse(const json_t *entry, struct jose_key *key_out)
{
    struct bytes kid, alg;
    if (!json_is_object(entry) || !entry_is_for_verifying(entry) || entry_has_private_half(entry))
        return false;
    struct jose_key key = { .type = entry_type(entry) };
    if (key.type == JOSE_KEY_UNKNOWN) return false;
    if (json_member_text(entry, "kid", &kid) == JSON_MEMBER_WRONG_TYPE || kid.n > JOSE_MAX_KID_BYTES)
        return false;
    switch (json_member_text(entry, "alg", &alg)) {
    case JSON_MEMBER_WRONG_TYPE: return false;
    case JSON_MEMBER_ABSENT: break;
    case JSON_MEMBER_FOUND:
        key.pinned = jose_algorithm_named(alg);
        if (key.pinned == JOSE_ALGORITHM_NONE || !jose_key_fits(&key, key.pinned)) return false;
    }
    uint8_t *copy = malloc(kid.n + 1);
    key.key = copy ? entry_key(entry, key.type) : NULL;
    if (!key.key) {
        free(copy);
        return false;
    }
    if (kid.n) memcpy(copy, kid.p, kid.n);
    key.kid = bytes_make(copy, kid.n);
    *key_out = key;
    return true;
}

enum jose_keys jose_key_set_parse(struct bytes json, struct jose_key_set **set_out)
{
    json_t *object;
    *set_out = NULL;
    switch (json_read_object(json, JOSE_MAX_KEY_SET_BYTES, 8, &object)) {
    case JSON_TOO_LONG: return JOSE_KEYS_TOO_LONG;
    case JSON_MALFORMED:
    case JSON_TOO_DEEP: return JOSE_KEYS_MALFORMED;
    case JSON_READ: break;
    }
    const json_t *list = json_object_get(object, "keys");
    bool bare = !list && json_object_get(object, "kty");
    size_t n = bare ? 1 : json_array_size(list);
    enum jose_keys outcome = !bare && !json_is_array(list) ? JOSE_KEYS_MALFORMED
                             : n > JOSE_MAX_KEYS           ? JOSE_KEYS_TOO_MANY
                                                           : JOSE_KEYS_READ;
    struct jose_key_set *set = NULL;
    if (outcome == JOSE_KEYS_READ) {
        set = calloc(1, sizeof *set + n * sizeof set->keys[0]);
        if (!set) outcome = JOSE_KEYS_MALFORMED;
    }
    for (size_t i = 0; set && i < n; i++) {
        if (entry_parse(bare ? object : json_array_get(list, i), &set->keys[set->n]))
            set->n++;
        else
            set->n_ignored++;
    }
    json_decref(object);
    *set_out = set;
    return outcome;
}

void jose_key_set_free(struct jose_key_set *set)
{
    if (!set) return;
    for (size_t i = 0; i < set->n; i++) {
        free((void *)set->keys[i].kid.p);
        EVP_PKEY_free(set->keys[i].key);
    }
    free(set);
}
