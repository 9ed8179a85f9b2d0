/* The keys themselves: the key-encryption key and the log's signing key. Made or read once, before the child
 * is confined; afterwards only used. */
#ifndef POSTERN_APP_KEYS_VAULT_H
#define POSTERN_APP_KEYS_VAULT_H
#include "base/bytes.h"
#include "base/check.h"
#include "base/secret.h"

struct keys_vault;
/* Memory for secrets that stays: zeroed pages of its own, locked where the system allows it, never dumped.
 * NULL: no memory. Lives as long as the process. */
void *keys_vault_pages(size_t n);

/* kek: the secret from its source, or data == NULL for <folder>/kek. That file is made where neither it nor
 * <folder>/log.key is there: with a signing key and no key-encryption key somebody has lost what opens the
 * log, and a new one would hide it. <folder>/log.key and log.pub are made where they are missing. 0 or
 * -errno, logged. */
int keys_vault_open(const char *folder, const char *origin, const struct secret *kek,
                    struct keys_vault **vault_out) MUST_USE;
/* Wipes and frees; NULL is fine. The keys child has no use for it: its vault ends with it. */
void keys_vault_close(struct keys_vault *v);
void keys_vault_public(const struct keys_vault *v, uint8_t public_key_out[32]);
/* AES-256-GCM: 12 bytes random nonce, ciphertext, 16 bytes tag; no additional data. 0 or -errno. */
int keys_vault_wrap(const struct keys_vault *v, const uint8_t key[32], uint8_t wrapped_out[60]) MUST_USE;
int keys_vault_unwrap(const struct keys_vault *v, const uint8_t wrapped[60], uint8_t key_out[32]) MUST_USE;
/* Ed25519. */
int keys_vault_sign(const struct keys_vault *v, struct bytes message, uint8_t signature_out[64]) MUST_USE;
#endif
