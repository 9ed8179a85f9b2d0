/* The system's randomness through libcrypto. */
#include "crypto/random.h"
#include "base/check.h"
#include <limits.h>
#include <openssl/rand.h>

void random_bytes(void *out, size_t n)
{
    CHECK(n <= INT_MAX && RAND_bytes(out, (int)n) == 1);
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof value);
    return value;
}
