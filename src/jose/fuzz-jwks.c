/* Whatever a set of keys says, the keys that come out keep the promises of jwk.h: sizes within bounds, pinned
 * to an algorithm of their type, and used or passed over, none lost. */
#include "jose/evp.h"
#include "jose/jwk.h"

static void key_is_sound(const struct jose_key *key)
{
    int bits = EVP_PKEY_get_bits(key->key);
    CHECK(key->kid.n <= JOSE_MAX_KID_BYTES);
    CHECK(key->pinned == JOSE_ALGORITHM_NONE || jose_key_fits(key, key->pinned));
    switch (key->type) {
    case JOSE_KEY_UNKNOWN: CHECK(false); break;
    case JOSE_KEY_RSA: CHECK(bits >= JOSE_MIN_RSA_BITS && bits <= JOSE_MAX_RSA_BITS); break;
    case JOSE_KEY_P256: CHECK(bits == 256); break;
    case JOSE_KEY_P384: CHECK(bits == 384); break;
    case JOSE_KEY_P521: CHECK(bits == 521); break;
    case JOSE_KEY_ED25519: CHECK(EVP_PKEY_is_a(key->key, "ED25519")); break;
    }
    int fits = 0;
    for (int a = JOSE_RS256; a <= JOSE_EdDSA; a++)
        fits += jose_key_fits(key, (enum jose_algorithm)a);
    CHECK(fits == (key->pinned != JOSE_ALGORITHM_NONE ? 1 : key->type == JOSE_KEY_RSA ? 6 : 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct jose_key_set *set;
    enum jose_keys outcome = jose_key_set_parse(bytes_make(data, n), &set);
    CHECK((outcome == JOSE_KEYS_READ) == (set != NULL));
    if (!set) return 0;
    CHECK(set->n + set->n_ignored <= JOSE_MAX_KEYS);
    for (size_t i = 0; i < set->n; i++)
        key_is_sound(&set->keys[i]);
    jose_key_set_free(set);
    return 0;
}
