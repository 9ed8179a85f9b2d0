/* The keys child: a process of its own that holds what the gateway must not: the key-encryption key, the
 * log's signing key, and the databases' passwords while they are used. It has no network and opens no file
 * once it serves; a second process beside it, the source reader, reads password files and runs password
 * commands, and holds no key. See doc/children.md. */
#ifndef POSTERN_APP_KEYS_CHILD_H
#define POSTERN_APP_KEYS_CHILD_H
#include "app/keys-client.h"
#include <sys/types.h>

/* Where a secret comes from, as the configuration writes it: "${file:PATH}", "${env:NAME}", "${exec:CMD}". */
struct keys_login {
    const char *id; /* "connection/login" */
    const char *source;
};

struct keys_options {
    const char *folder;     /* the data folder: kek, log.key, log.pub; made if it is not there. NULL: no keys;
                               the child answers logins alone, and key_source and origin are not looked at */
    const char *origin;     /* the log's name, as in struct record_options: no white space, no '+' */
    const char *key_source; /* of the key-encryption key: 32 bytes, or 64 hexadecimal digits, or base64 of
                               them; NULL: <folder>/kek, which is made at the first start */
    const struct keys_login *logins;
    size_t n_logins;
    unsigned n_clients;
    unsigned exec_deadline_ms; /* 0: 10,000 */
    uid_t uid;                 /* the child changes to these where the gateway is root; 0: it stays */
    gid_t gid;
};

struct keys_child;
/* Call before threads start, and before anything is opened that a child should not inherit (it closes what it
 * gets, but the order costs nothing). Returns when the child has its keys: 0, or -errno, logged. The values
 * of environment variables named by ${env:} sources are wiped from this process. */
int keys_child_start(const struct keys_options *options, struct keys_child **child_out) MUST_USE;
/* Closes all clients, which ends the child, and waits for it. */
void keys_child_stop(struct keys_child *child);
/* Client i, owned by the child's handle; used by one thread. */
struct keys_client *keys_child_client(struct keys_child *child, unsigned i);
pid_t keys_child_pid(const struct keys_child *child);
/* Replaces the table of logins, after a reload of the configuration; blocks as a blocking call does, through
 * a socket of its own (any one thread at a time). 0 or -errno; -EINVAL: some source is malformed, the old
 * table stays. */
int keys_child_set_logins(struct keys_child *child, const struct keys_login *logins,
                          size_t n_logins) MUST_USE;

/* Whether a text is one of the three forms of a source. */
bool keys_source_is_valid(struct bytes text);
#endif
