/* SCRAM-SHA-256 and SCRAM-SHA-256-PLUS as dialogues (RFC 5802, RFC 7677, RFC 5929; PostgreSQL's "SASL
 * Authentication"): bytes in, bytes out, no socket, no clock, no password. All memory is in the struct; what
 * a call hands out is valid until the next call with it. Every message has a ceiling, and a call out of turn
 * is refused: the dialogue is then over.
 *
 * The client's side, towards the database server:
 *
 *     AuthenticationSASL         scram_client_begin      SCRAM_SEND    SASLInitialResponse
 *     AuthenticationSASLContinue scram_client_challenge  SCRAM_PROVE   ask who holds the password
 *                                scram_client_prove      SCRAM_SEND    SASLResponse
 *     AuthenticationSASLFinal    scram_client_finish     SCRAM_DONE    AuthenticationOk may come now
 *
 * A server that says AuthenticationOk before SCRAM_DONE has proven nothing, and one that asks for a cleartext
 * password gets none: both are for the caller to refuse (scram_client_is_done). */
#ifndef POSTERN_PGWIRE_SCRAM_H
#define POSTERN_PGWIRE_SCRAM_H
#include "base/bytes.h"
#include "base/check.h"
#include "pgwire/password.h"

enum {
    SCRAM_NONCE_BYTES = 18,         /* random bytes behind our part of the nonce: 24 characters */
    SCRAM_MESSAGE_MOST = 2048,      /* of any message of the peer */
    SCRAM_SALT_MOST = 256,          /* decoded */
    SCRAM_BINDING_MOST = 64,        /* SHA-512 */
    SCRAM_ITERATIONS_MOST = 1000000 /* a server must not make us work for minutes */
};

/* REFUSED: the dialogue is over, `why` says what was wrong (one sentence, nothing from the peer but the code
 * behind e=). SEND: `mechanism` and `out` go to the peer. PROVE: see scram_client. DONE: both sides have
 * proven that they know the password; a server still sends `out`. */
enum scram_step { SCRAM_REFUSED = 0, SCRAM_SEND, SCRAM_PROVE, SCRAM_DONE };

enum scram_state {
    SCRAM_OVER = 0,
    SCRAM_FRESH,        /* nothing said yet */
    SCRAM_FIRST_SENT,   /* the client waits for the challenge; the server sent it */
    SCRAM_PROOF_WANTED, /* client: salt, iterations and auth_message are valid */
    SCRAM_FINAL_SENT,   /* client: waits for the server's signature */
    SCRAM_FINISHED
};

/* The tls-server-end-point binding: the hash of the server's certificate with the hash function of its
 * signature, SHA-256 in place of MD5 and SHA-1 (RFC 5929, section 4.1). */
struct scram_binding {
    uint8_t hash[SCRAM_BINDING_MOST];
    size_t n; /* 0: no TLS on this connection, or a certificate without such a hash */
};

struct scram_client {
    enum scram_state state;
    const char *why;
    const char *mechanism; /* "SCRAM-SHA-256" or "SCRAM-SHA-256-PLUS" */
    struct bytes out;
    /* At SCRAM_PROVE: what scram-proof of the keys child takes. */
    struct bytes auth_message;
    uint8_t salt[SCRAM_SALT_MOST];
    size_t n_salt;
    uint32_t iterations;
    /* The rest is the machine's own. */
    struct scram_binding binding;
    bool binding_required;
    char nonce[SCRAM_NONCE_BYTES / 3 * 4 + 1];
    char header[32]; /* gs2: "n,,", "y,," or "p=tls-server-end-point,," */
    uint8_t server_signature[PASSWORD_KEY_BYTES];
    char error[64];
    char text[2 * SCRAM_MESSAGE_MOST + 1024]; /* bare client-first , server-first , client-final */
    size_t n_first, n_auth, n_text;           /* where client-first and the auth message end */
    char sent[512];
};

/* nonce: from the system's random source. binding may be NULL (as n == 0). With binding_required anything
 * but -PLUS is refused. */
void scram_client_init(struct scram_client *c, const uint8_t nonce[SCRAM_NONCE_BYTES],
                       const struct scram_binding *binding, bool binding_required);
/* mechanisms: the body of AuthenticationSASL behind the code: NUL-ended names, an empty one at the end. The
 * whole list is looked at. -PLUS is chosen where both sides have it; the gs2 flag is y where we could bind
 * and the server does not offer it, n where we could not. */
enum scram_step scram_client_begin(struct scram_client *c, struct bytes mechanisms) MUST_USE;
enum scram_step scram_client_challenge(struct scram_client *c, struct bytes server_first) MUST_USE;
/* Both from password_prove over salt, iterations and auth_message. */
enum scram_step scram_client_prove(struct scram_client *c, const uint8_t proof[PASSWORD_KEY_BYTES],
                                   const uint8_t server_signature[PASSWORD_KEY_BYTES]) MUST_USE;
enum scram_step scram_client_finish(struct scram_client *c, struct bytes server_final) MUST_USE;
static inline bool scram_client_is_done(const struct scram_client *c)
{
    return c->state == SCRAM_FINISHED;
}

/* The server's side, towards a client with a short-lived login:
 *
 *     (AuthenticationSASL with scram_server_mechanisms)
 *     SASLInitialResponse        scram_server_begin      SCRAM_SEND    AuthenticationSASLContinue
 *     SASLResponse               scram_server_finish     SCRAM_DONE    AuthenticationSASLFinal,
 * AuthenticationOk
 *
 * For a user that does not exist the caller gives a made-up verifier with `mock` set, whose salt is a keyed
 * hash of the user's name, so that the dialogue looks the same and is refused at its end. */
struct scram_verifier {
    uint8_t salt[SCRAM_SALT_MOST];
    size_t n_salt;
    uint32_t iterations;
    uint8_t stored[PASSWORD_KEY_BYTES], server[PASSWORD_KEY_BYTES];
    bool mock;
};
/* PostgreSQL's form of a verifier: SCRAM-SHA-256$4096:salt$StoredKey:ServerKey. False: malformed. */
bool scram_verifier_parse(struct bytes text, struct scram_verifier *verifier_out) MUST_USE;
struct buf;
void scram_verifier_format(const struct scram_verifier *verifier, struct buf *out);

struct scram_server {
    enum scram_state state;
    const char *why;
    struct bytes out;
    struct scram_verifier verifier;
    struct scram_binding binding;
    bool plus;
    char nonce[SCRAM_NONCE_BYTES / 3 * 4 + 1];
    char header[32];
    char text[2 * SCRAM_MESSAGE_MOST + 1024];
    size_t n_text, nonce_at, n_nonce; /* text[nonce_at, +n_nonce) is the whole nonce */
    char sent[SCRAM_MESSAGE_MOST];
};
/* binding: of our own certificate; NULL or n == 0 without TLS. */
void scram_server_init(struct scram_server *s, const uint8_t nonce[SCRAM_NONCE_BYTES],
                       const struct scram_verifier *verifier, const struct scram_binding *binding);
/* The list for AuthenticationSASL, its last NUL included: -PLUS first where there is a binding. */
struct bytes scram_server_mechanisms(const struct scram_server *s);
enum scram_step scram_server_begin(struct scram_server *s, struct bytes mechanism,
                                   struct bytes client_first) MUST_USE;
enum scram_step scram_server_finish(struct scram_server *s, struct bytes client_final) MUST_USE;
#endif
