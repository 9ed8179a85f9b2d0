/* Random bytes for keys, nonces, numbers that nobody may guess. */
#ifndef POSTERN_CRYPTO_RANDOM_H
#define POSTERN_CRYPTO_RANDOM_H
#include <stddef.h>
#include <stdint.h>

/* From libcrypto's generator, which the kernel seeds. No randomness stops the process: a gate that makes
 * predictable keys must not go on. */
void random_bytes(void *out, size_t n);
uint64_t random_u64(void);
#endif
