/* Signs tokens: for the issuer of `postern demo` and for tests. The gateway itself never signs one. */
#ifndef POSTERN_JOSE_SIGN_H
#define POSTERN_JOSE_SIGN_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "jose/algorithm.h"

struct jose_signer;
/* Makes a fresh key (RSA: 2048 bits). kid is copied; empty: none. NULL: OpenSSL failed or no memory. */
struct jose_signer *jose_signer_new(enum jose_algorithm algorithm, struct bytes kid) MUST_USE;
void jose_signer_free(struct jose_signer *signer);

/* Appends the compact token of this payload (JSON text, taken as it is), with typ JWT. False: failed, and
 * what is in out is of no use. */
bool jose_signer_token(const struct jose_signer *signer, struct bytes payload, struct buf *out) MUST_USE;
/* The same with a header of the caller's choosing, JSON text, for tests. */
bool jose_signer_token_with_header(const struct jose_signer *signer, struct bytes header,
                                   struct bytes payload, struct buf *out) MUST_USE;
/* Appends {"keys":[...]} with the public halves of n signers. */
bool jose_signers_key_set(struct jose_signer *const *signers, size_t n, struct buf *out) MUST_USE;
#endif
