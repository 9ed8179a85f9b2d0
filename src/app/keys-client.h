/* Asking the keys child. A client is one socket to the child and belongs to one thread, so that no lock is
 * needed; how many there are is fixed when the child is forked (keys-child.h). A client is used in one of two
 * ways: blocking (the sequencer, opening), or asynchronously from a worker's loop; never both at a time.
 *
 * The child is trusted with secrets and gives none out: it answers with proofs, signatures and wrapped keys.
 * When it is gone every call answers -EPIPE for good, and the socket of each client reads as ended: the
 * gateway cannot go on. */
#ifndef POSTERN_APP_KEYS_CLIENT_H
#define POSTERN_APP_KEYS_CLIENT_H
#include "base/bytes.h"
#include "base/check.h"
#include "pgwire/password.h"
#include "record/lane.h"

enum {
    KEYS_OUTSTANDING_MOST = 32, /* asynchronous requests of one client that have no reply yet */
    KEYS_LOGIN_ID_MOST = 255,   /* bytes of a login's id */
    KEYS_SIGN_MOST = 8192,      /* bytes of a message to sign */
    KEYS_AUTH_MESSAGE_MOST = 8192
};

struct keys_client;

/* ---- blocking: 0 or -errno; -ETIMEDOUT after a minute, and the client is lost then */
int keys_client_wrap(struct keys_client *c, const uint8_t key[32], uint8_t wrapped_out[60]) MUST_USE;
/* -EBADMSG: not wrapped under this key-encryption key, or damaged. */
int keys_client_unwrap(struct keys_client *c, const uint8_t wrapped[60], uint8_t key_out[32]) MUST_USE;
int keys_client_sign(struct keys_client *c, struct bytes message, uint8_t signature_out[64]) MUST_USE;
int keys_client_public(struct keys_client *c, uint8_t public_key_out[32]) MUST_USE;
/* Fills what record_log_open and record_reader_open take; c must outlive them, and be theirs alone. */
int keys_client_record_keys(struct keys_client *c, struct record_keys *keys_out) MUST_USE;

/* ---- asynchronous: one step of a login at a database server
 *
 * 0: sent, a reply with this request number will come. -EAGAIN: as many are out as may be; try again behind
 * the next reply. -EMSGSIZE: something above its ceiling. -EPIPE: lost. login is the id given to the child
 * ("orders/rw"). The child reads the password from its source now, for this very request. */
int keys_client_send_scram(struct keys_client *c, struct bytes login, struct bytes salt, uint32_t iterations,
                           struct bytes auth_message, uint64_t request) MUST_USE;
int keys_client_send_md5(struct keys_client *c, struct bytes login, struct bytes user, const uint8_t salt[4],
                         uint64_t request) MUST_USE;
/* Readable when a reply (or the end) is there. */
int keys_client_fd(const struct keys_client *c);

struct keys_reply {
    uint64_t request;
    /* 0; -ENOENT: no such login, -ENOKEY: its source gave no password, -ETIMEDOUT: the command behind it took
     * too long, -EBUSY: the child has too much to do, -EINVAL: bounds, -ENOSYS: no MD5 in libcrypto. */
    int status;
    uint8_t proof[PASSWORD_KEY_BYTES], server_signature[PASSWORD_KEY_BYTES]; /* of send_scram */
    char md5[PASSWORD_MD5_TEXT];                                             /* of send_md5: text */
};
enum keys_receive { KEYS_LOST = 0, KEYS_NOTHING, KEYS_REPLY };
/* Never blocks. Call until KEYS_NOTHING. */
enum keys_receive keys_client_receive(struct keys_client *c, struct keys_reply *reply_out) MUST_USE;
#endif
