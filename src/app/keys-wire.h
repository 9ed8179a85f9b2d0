/* The messages between clients and the keys child, one a packet: u64 request number, u8 verb, body; the
 * answer: u64 request number, u8 verb, u32 status (an errno, 0 for success), body. Strings are counted (u32).
 * Private to keys-client.c, keys-child.c. */
#ifndef POSTERN_APP_KEYS_WIRE_H
#define POSTERN_APP_KEYS_WIRE_H
#include "app/keys-client.h"
#include "base/buf.h"
#include "base/cursor.h"

enum keys_verb {
    KEYS_VERB_HELLO = 1,     /* from the child, when it is ready: status, 32 bytes public key */
    KEYS_VERB_PUBLIC,        /* ▸ 32 bytes */
    KEYS_VERB_WRAP,          /* 32 bytes ▸ 60 */
    KEYS_VERB_UNWRAP,        /* 60 bytes ▸ 32 */
    KEYS_VERB_SIGN,          /* message ▸ 64 bytes */
    KEYS_VERB_SCRAM,         /* login, salt, u32 iterations, auth message ▸ 32 bytes proof, 32 signature */
    KEYS_VERB_MD5,           /* login, user, 4 bytes salt ▸ 35 bytes */
    KEYS_VERB_LOGINS_BEGIN,  /* control socket only, as the next two: empties the table that is made */
    KEYS_VERB_LOGINS_ADD,    /* id, source */
    KEYS_VERB_LOGINS_COMMIT, /* puts it in the place of the old one */
};

enum { KEYS_PACKET_MOST = 16384, KEYS_SOURCE_MOST = 4096, KEYS_LOGINS_MOST = 10000 };

/* The parent's end of one socket. */
struct keys_client {
    int fd;
    unsigned n_outstanding;
    uint64_t next_request; /* of blocking calls */
    bool lost;
};
/* One request and its answer, blocking; answer_out gets the body, which must be n bytes long. 0 or -errno. */
int keys_client_call(struct keys_client *c, enum keys_verb verb, struct bytes body, void *answer_out,
                     size_t n) MUST_USE;
#endif
