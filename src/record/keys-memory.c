/* AES-256-GCM with a random nonce in front, as every holder of the key-encryption key does it. */
#include "record/keys-memory.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "crypto/sign.h"
#include <errno.h>

static int memory_wrap(void *context, const uint8_t key[32], uint8_t out[60])
{
    const struct keys_memory *m = context;
    struct aead *a = aead_new(AEAD_SEAL, m->encryption_key);
    random_bytes(out, AEAD_NONCE);
    bool sealed = a && aead_seal(a, out, (struct bytes){ 0 }, bytes_make(key, 32), out + AEAD_NONCE,
                                 out + AEAD_NONCE + 32);
    aead_free(a);
    return sealed ? 0 : -EIO;
}

static int memory_unwrap(void *context, const uint8_t wrapped[60], uint8_t key_out[32])
{
    const struct keys_memory *m = context;
    struct aead *a = aead_new(AEAD_OPEN, m->encryption_key);
    bool opened = a && aead_open(a, wrapped, (struct bytes){ 0 }, bytes_make(wrapped + AEAD_NONCE, 32),
                                 wrapped + AEAD_NONCE + 32, key_out);
    aead_free(a);
    return opened ? 0 : -EBADMSG;
}

static int memory_sign(void *context, struct bytes message, uint8_t signature_out[64])
{
    const struct keys_memory *m = context;
    return ed25519_sign(m->seed, message, signature_out) ? 0 : -EIO;
}

bool keys_memory_init(struct keys_memory *m, const uint8_t encryption_key[32], const uint8_t seed[32])
{
    memcpy(m->encryption_key, encryption_key, 32);
    memcpy(m->seed, seed, 32);
    m->keys = (struct record_keys){ m, memory_wrap, memory_unwrap, memory_sign, { 0 } };
    return ed25519_public(seed, m->keys.public_key);
}

void keys_memory_wipe(struct keys_memory *m)
{
    secret_wipe(m, sizeof *m);
}
