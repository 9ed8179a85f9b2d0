/* The server's questions, one function each. */
#include "session/server-login.h"
#include "base/cursor.h"
#include "pgwire/message.h"

enum { AUTH_CLEARTEXT = 3, AUTH_MD5 = 5, AUTH_SASL = 10, AUTH_SASL_CONTINUE = 11, AUTH_SASL_FINAL = 12 };

void server_login_init(struct server_login *l, bool has_password, const uint8_t nonce[SCRAM_NONCE_BYTES],
                       const struct scram_binding *binding)
{
    *l = (struct server_login){ .has_password = has_password };
    scram_client_init(&l->scram, nonce, binding, false);
}

static enum login_step refuse(struct server_login *l, const char *why)
{
    l->why = why;
    return LOGIN_REFUSED;
}

static enum login_step prove(struct server_login *l)
{
    l->asked = true;
    l->answered = false;
    return LOGIN_PROVE;
}

static enum login_step on_ok(struct server_login *l)
{
    bool proven = l->md5 ? l->answered : scram_client_is_done(&l->scram);
    if (l->has_password && !proven)
        return refuse(l,
                      "The server let us in without asking for the password: it may not be the right one.");
    l->authenticated = true;
    return LOGIN_NEXT;
}

static enum login_step on_sasl(struct server_login *l, struct bytes mechanisms, struct buf *out)
{
    struct scram_client *scram = &l->scram;
    if (scram_client_begin(scram, mechanisms) != SCRAM_SEND) return refuse(l, scram->why);
    size_t at = message_begin(out, MESSAGE_PASSWORD);
    buf_put_cstring(out, bytes_of(scram->mechanism));
    buf_put_counted(out, scram->out);
    message_finish(out, at);
    return LOGIN_NEXT;
}

enum login_step server_login_message(struct server_login *l, struct bytes body, struct buf *out)
{
    struct cursor c = cursor_over(body);
    uint32_t code = cursor_u32(&c);
    struct bytes rest = cursor_take(&c, cursor_left(&c));
    if (c.failed) return refuse(l, "The server sent a malformed authentication message.");
    if (l->authenticated) return refuse(l, "The server authenticates twice.");
    if (code == AUTH_OK) return on_ok(l);
    if (code == AUTH_CLEARTEXT)
        return refuse(l, "The server asks for the password in clear, which this gateway never sends.");
    if (!l->has_password) return refuse(l, "The server asks for a password, and the login has none.");
    switch (code) {
    case AUTH_MD5:
        if (rest.n != 4 || l->asked) break;
        l->md5 = true;
        memcpy(l->md5_salt, rest.p, 4);
        return prove(l);
    case AUTH_SASL: return on_sasl(l, rest, out);
    case AUTH_SASL_CONTINUE:
        if (scram_client_challenge(&l->scram, rest) != SCRAM_PROVE) return refuse(l, l->scram.why);
        return prove(l);
    case AUTH_SASL_FINAL:
        return scram_client_finish(&l->scram, rest) == SCRAM_DONE ? LOGIN_NEXT : refuse(l, l->scram.why);
    default: break;
    }
    return refuse(l, "The server asks for a kind of authentication that this gateway does not speak.");
}

struct session_proof server_login_question(const struct server_login *l, struct bytes login,
                                           struct bytes user)
{
    struct session_proof proof = { .login = login, .md5 = l->md5, .user = user };
    memcpy(proof.md5_salt, l->md5_salt, 4);
    if (l->md5) return proof;
    proof.salt = bytes_make(l->scram.salt, l->scram.n_salt);
    proof.auth_message = l->scram.auth_message;
    proof.iterations = l->scram.iterations;
    return proof;
}

enum login_step server_login_answer(struct server_login *l, int status, const uint8_t proof[32],
                                    const uint8_t server_signature[32], const char *md5, struct buf *out)
{
    l->answered = true;
    if (status) return refuse(l, "The password of this login cannot be read.");
    if (l->md5) {
        size_t at = message_begin(out, MESSAGE_PASSWORD);
        buf_put_cstring(out, bytes_of(md5));
        message_finish(out, at);
        return LOGIN_NEXT;
    }
    if (scram_client_prove(&l->scram, proof, server_signature) != SCRAM_SEND) return refuse(l, l->scram.why);
    message_put(out, MESSAGE_PASSWORD, l->scram.out);
    return LOGIN_NEXT;
}
