/* What PostgreSQL's two password methods compute: the SCRAM-SHA-256 keys of a password (RFC 5802, RFC 7677)
 * and the md5 answer. Only the process that may hold a password calls this; the dialogue itself is in scram.h
 * and never sees one. */
#ifndef POSTERN_PGWIRE_PASSWORD_H
#define POSTERN_PGWIRE_PASSWORD_H
#include "base/bytes.h"
#include "base/check.h"
#include "base/secret.h"

enum {
    PASSWORD_KEY_BYTES = 32,     /* SHA-256 */
    PASSWORD_MOST_BYTES = 65535, /* PG_MAX_AUTH_TOKEN_LENGTH */
    PASSWORD_MD5_TEXT = 36       /* "md5", 32 hexadecimal digits, NUL */
};

/* SASLprep (RFC 4013) as PostgreSQL applies it: where the profile rejects a password, or it is not UTF-8, its
 * raw bytes are used. data == NULL: no memory, an empty password, one with a NUL or above the ceiling. */
struct secret password_prepare(struct bytes password) MUST_USE;

struct password_keys {
    uint8_t client[PASSWORD_KEY_BYTES], stored[PASSWORD_KEY_BYTES], server[PASSWORD_KEY_BYTES];
};

/* SaltedPassword in slices (PBKDF2 is what costs), so that one login with a million iterations does not keep
 * others waiting: begin, then step until it says true, then keys, then always end, which wipes. */
struct password_stretch {
    void *mac; /* keyed with the prepared password */
    uint32_t iterations_left;
    uint8_t u[PASSWORD_KEY_BYTES], salted[PASSWORD_KEY_BYTES];
};
/* iterations from 1. 0 or -errno. */
int password_stretch_begin(struct password_stretch *s, struct bytes prepared, struct bytes salt,
                           uint32_t iterations) MUST_USE;
/* At most n_iterations more; 1 when done, 0 when there is more to do, -errno. 4,096 take about a millisecond.
 */
int password_stretch_step(struct password_stretch *s, uint32_t n_iterations) MUST_USE;
int password_stretch_keys(const struct password_stretch *s, struct password_keys *keys_out) MUST_USE;
void password_stretch_end(struct password_stretch *s);

/* ClientProof, and the ServerSignature that the server must answer with. 0 or -errno. */
int password_prove(const struct password_keys *keys, struct bytes auth_message,
                   uint8_t proof_out[PASSWORD_KEY_BYTES],
                   uint8_t server_signature_out[PASSWORD_KEY_BYTES]) MUST_USE;
/* Whether the proof was made with the password behind `stored`: ClientKey = proof XOR
 * HMAC(stored, message) hashes to `stored`. For the server's side. */
bool password_proof_holds(const uint8_t stored[PASSWORD_KEY_BYTES], struct bytes auth_message,
                          const uint8_t proof[PASSWORD_KEY_BYTES]) MUST_USE;
/* HMAC-SHA-256 over up to two parts. 0 or -errno. */
int password_hmac(struct bytes key, struct bytes first, struct bytes second,
                  uint8_t out[PASSWORD_KEY_BYTES]) MUST_USE;

/* "md5" and the hexadecimal md5(md5(password user) salt): the body of the PasswordMessage. -ENOSYS where
 * libcrypto has no MD5 (FIPS). */
int password_md5(struct bytes password, struct bytes user, const uint8_t salt[4],
                 char text_out[PASSWORD_MD5_TEXT]) MUST_USE;
#endif
