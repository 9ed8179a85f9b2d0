/* One EVP_CIPHER_CTX a direction; only the nonce is set anew for each message (NIST SP 800-38D, 96 bits).
 * What is short goes another way, where there is one: see aead-small.h. */
#include "base/secret.h"
#include "crypto/aead-small.h"
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct aead {
    EVP_CIPHER_CTX *context;
    enum aead_direction direction;
    bool small_is_fast, small_has_key;
    uint8_t key[AEAD_KEY]; /* kept for `small`, which is only set up when something short comes */
    struct gcm_aes256_ctx small;
};

static void keep_key(struct aead *a, const uint8_t key[AEAD_KEY])
{
    if (a->small_is_fast) memcpy(a->key, key, AEAD_KEY);
    a->small_has_key = false;
}

static struct gcm_aes256_ctx *small_for(struct aead *a, size_t n)
{
    if (!a->small_is_fast || n > AEAD_SMALL) return NULL;
    if (!a->small_has_key) aead_small_key(&a->small, a->key);
    a->small_has_key = true;
    return &a->small;
}

struct aead *aead_new(enum aead_direction direction, const uint8_t key[AEAD_KEY])
{
    struct aead *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->direction = direction;
    a->small_is_fast = aead_small_is_fast();
    keep_key(a, key);
    a->context = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    bool made = a->context && cipher &&
                EVP_CipherInit_ex2(a->context, cipher, key, NULL, direction == AEAD_SEAL, NULL) == 1;
    EVP_CIPHER_free(cipher);
    if (made) return a;
    aead_free(a);
    return NULL;
}

void aead_free(struct aead *a)
{
    if (!a) return;
    EVP_CIPHER_CTX_free(a->context);
    secret_wipe(a, sizeof *a);
    free(a);
}

bool aead_rekey(struct aead *a, const uint8_t key[AEAD_KEY])
{
    keep_key(a, key);
    return EVP_CipherInit_ex2(a->context, NULL, key, NULL, a->direction == AEAD_SEAL, NULL) == 1;
}

bool aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCE], struct bytes associated, struct bytes plain,
               uint8_t *out, uint8_t tag_out[AEAD_TAG])
{
    int n = 0;
    CHECK(a->direction == AEAD_SEAL);
    if (plain.n > INT_MAX || associated.n > INT_MAX) return false;
    struct gcm_aes256_ctx *small = small_for(a, plain.n);
    if (small) {
        aead_small_seal(small, nonce, associated, plain, out, tag_out);
        return true;
    }
    if (EVP_EncryptInit_ex2(a->context, NULL, NULL, nonce, NULL) != 1) return false;
    if (associated.n && EVP_EncryptUpdate(a->context, NULL, &n, associated.p, (int)associated.n) != 1)
        return false;
    if (plain.n && EVP_EncryptUpdate(a->context, out, &n, plain.p, (int)plain.n) != 1) return false;
    uint8_t none[AEAD_TAG];
    if (EVP_EncryptFinal_ex(a->context, none, &n) != 1) return false;
    return EVP_CIPHER_CTX_ctrl(a->context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, tag_out) == 1;
}

bool aead_open(struct aead *a, const uint8_t nonce[AEAD_NONCE], struct bytes associated, struct bytes cipher,
               const uint8_t tag[AEAD_TAG], uint8_t *out)
{
    int n = 0;
    CHECK(a->direction == AEAD_OPEN);
    if (cipher.n > INT_MAX || associated.n > INT_MAX) return false;
    struct gcm_aes256_ctx *small = small_for(a, cipher.n);
    if (small) return aead_small_open(small, nonce, associated, cipher, tag, out);
    uint8_t expected[AEAD_TAG], none[AEAD_TAG];
    memcpy(expected, tag, AEAD_TAG);
    if (EVP_DecryptInit_ex2(a->context, NULL, NULL, nonce, NULL) != 1) return false;
    if (associated.n && EVP_DecryptUpdate(a->context, NULL, &n, associated.p, (int)associated.n) != 1)
        return false;
    if (cipher.n && EVP_DecryptUpdate(a->context, out, &n, cipher.p, (int)cipher.n) != 1) return false;
    if (EVP_CIPHER_CTX_ctrl(a->context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, expected) != 1) return false;
    return EVP_DecryptFinal_ex(a->context, none, &n) == 1;
}
