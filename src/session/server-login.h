/* Logging in at a database server, as a dialogue: what the server's Authentication messages ask, and what is
 * answered. Bytes in, bytes out; the password is elsewhere, and only its proofs come here. Sessions and the
 * gateway's own client (own-client.h) log in with it. Source: PostgreSQL documentation, "Message Flow:
 * Start-up" and "SASL Authentication".
 *
 *     server_login_message   LOGIN_NEXT    nothing to do but to go on reading (or what is in `out` was said)
 *                            LOGIN_PROVE   ask who holds the password for server_login_question, read nothing
 *     server_login_answer    LOGIN_NEXT    on with reading
 *
 * A login with a password takes nothing but proof that the server knows it too (or md5, which proves
 * nothing); one without takes no question at all. Nothing is ever answered in clear. */
#ifndef POSTERN_SESSION_SERVER_LOGIN_H
#define POSTERN_SESSION_SERVER_LOGIN_H
#include "base/buf.h"
#include "base/bytes.h"
#include "pgwire/scram.h"

/* A step of a log-in that only the holder of the database's password can take. */
struct session_proof {
    struct bytes login; /* "orders/rw": the id of the login in the keys child */
    bool md5;
    struct bytes user; /* md5 */
    uint8_t md5_salt[4];
    struct bytes salt, auth_message; /* SCRAM */
    uint32_t iterations;
};

/* The code of AuthenticationOk. */
enum { AUTH_OK = 0 };
/* REFUSED: it is over, `why` says why (one sentence). */
enum login_step { LOGIN_REFUSED = 0, LOGIN_NEXT, LOGIN_PROVE };

struct server_login {
    struct scram_client scram;
    bool has_password;
    bool asked, answered; /* a question is out; it was answered */
    bool md5;
    bool authenticated; /* AuthenticationOk came when it might */
    uint8_t md5_salt[4];
    const char *why;
};

/* nonce: random. binding: of the server's certificate; NULL in clear. */
void server_login_init(struct server_login *l, bool has_password, const uint8_t nonce[SCRAM_NONCE_BYTES],
                       const struct scram_binding *binding);
/* The body of an Authentication message. */
enum login_step server_login_message(struct server_login *l, struct bytes body, struct buf *out) MUST_USE;
/* After LOGIN_PROVE: what to ask for; borrows from the login until its next call. */
struct session_proof server_login_question(const struct server_login *l, struct bytes login,
                                           struct bytes user);
/* The answer: status 0 or -errno; for SCRAM proof and server_signature, for md5 its text. */
enum login_step server_login_answer(struct server_login *l, int status, const uint8_t proof[32],
                                    const uint8_t server_signature[32], const char *md5,
                                    struct buf *out) MUST_USE;
static inline bool server_login_waits(const struct server_login *l)
{
    return l->asked && !l->answered;
}
#endif
