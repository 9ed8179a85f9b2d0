/* The gateway as a client of its own on a server connection: it logs in and asks simple queries, one at a
 * time, whose rows go to a callback. A machine that bytes go into and come out of, as a session is;
 * own-connection.h carries its bytes.
 *
 *     own_client_begin ─▶ LOGIN ─▶ IDLE ◀──▶ BUSY (own_client_query)
 *                           └───────┴──────────┴──▶ LOST (on_lost) */
#ifndef POSTERN_SESSION_OWN_CLIENT_H
#define POSTERN_SESSION_OWN_CLIENT_H
#include "base/buf.h"
#include "session/server-login.h"
#include "session/target.h"

enum own_phase { OWN_LOST = 0, OWN_LOGIN, OWN_IDLE, OWN_BUSY };
enum { OWN_COLUMNS = 1664, OWN_MESSAGE_CEILING = 16 << 20, OWN_ERROR = 512 };

/* What its user is told. None of these may free the client. */
struct own_client_user {
    void *context;
    /* A proof is wanted; own_client_proof answers, now or later. False: nobody can be asked. */
    bool (*ask_proof)(void *context, const struct session_proof *proof);
    /* One row, a value with p == NULL is NULL; valid until it returns. False: no more of them, and the query
     * counts as failed. */
    bool (*on_row)(void *context, const struct bytes *values, size_t n);
    /* The log-in, or the query, is over, and the client is idle. error: empty, or the server's sentence with
     * its SQLSTATE in front: "42501: permission denied for …". */
    void (*on_idle)(void *context, struct bytes error);
    /* It is of no more use. */
    void (*on_lost)(void *context, struct bytes why);
};

struct own_client {
    enum own_phase phase;
    const struct own_client_user *user;
    struct server_login dialogue;
    const struct target_login *login;
    struct bytes login_id;
    struct buf out; /* for the server; who carries bytes consumes it */
    bool row_refused;
    char error[OWN_ERROR];
    struct bytes *values; /* OWN_COLUMNS of them */
    uint16_t n_columns;
};

/* login_id: as the keys child knows it. Everything is borrowed until own_client_end. False: no memory. */
bool own_client_begin(struct own_client *c, const struct own_client_user *user,
                      const struct target_login *login, struct bytes login_id, struct bytes database,
                      const uint8_t nonce[SCRAM_NONCE_BYTES], const struct scram_binding *binding) MUST_USE;
void own_client_end(struct own_client *c);
/* What came from the server; returns how much was consumed. */
size_t own_client_read(struct own_client *c, struct bytes in) MUST_USE;
/* Whether reading makes sense now. */
static inline bool own_client_reads(const struct own_client *c)
{
    return c->phase != OWN_LOST && !(c->phase == OWN_LOGIN && server_login_waits(&c->dialogue));
}
void own_client_proof(struct own_client *c, int status, const uint8_t proof[32],
                      const uint8_t server_signature[32], const char *md5);
/* Only while it is idle. */
void own_client_query(struct own_client *c, const char *text);
/* The connection ended, or took too long. */
void own_client_lose(struct own_client *c, const char *why);
#endif
