/* Where a session can go: the connections of one configuration snapshot, as the pipeline sees them. Built by
 * `app`, immutable, shared by workers. */
#ifndef POSTERN_SESSION_TARGET_H
#define POSTERN_SESSION_TARGET_H
#include "base/bytes.h"
#include "net/tls.h"
#include "policy/policy.h"

struct target_host {
    const char
        *host; /* a name, a numeric address, or (beginning with '/') the path of a Unix socket itself */
    uint16_t port;
};
enum target_tls { TARGET_TLS_DISABLE = 0, TARGET_TLS_REQUIRE };
struct target_login {
    struct bytes name, user;
    bool has_password;
    uint32_t keys_id; /* what the keys child calls it */
};
/* A setting of the gateway's own: value may hold ${principal}, ${subject}, ${session}, ${connection}. Closed
 * to the client. */
struct target_setting {
    struct bytes name, value;
};
struct target {
    struct bytes name; /* of the connection */
    struct bytes
        *databases; /* patterns of database names that pass through; none: only `name` itself is served */
    size_t n_databases;
    struct bytes database;           /* on the server; empty: the client's, where a pattern let it through */
    const struct target_host *hosts; /* tried in order */
    size_t n_hosts;
    enum target_tls tls;
    struct tls_client *tls_client;
    const struct target_login *logins; /* the first is the default */
    size_t n_logins;
    const struct target_setting *settings;
    size_t n_settings;
    bool outlives_token;
    bool accepts_risk; /* a superuser may be logged in as where columns are masked */
};

/* One configuration, as sessions use it. Counted: a session holds the one that it began with. */
struct identity;
struct session_snapshot {
    const struct target *targets;
    size_t n_targets;
    const struct policy_snapshot *policies;
    struct identity *identity; /* NULL: nobody can sign in */
    size_t statement_ceiling;  /* bytes of one statement's message */
    size_t message_ceiling;    /* bytes of any other message of a client */
    int64_t login_deadline_us, token_grace_us;
    int64_t hold_beat_us;   /* how often a client that waits for approval is told that it does */
    struct bytes admin_url; /* where people decide; may be empty */
    unsigned n_users;       /* atomic */
    void (*free)(struct session_snapshot *snapshot);
    void *owner; /* the configuration behind it */
};
struct session_snapshot *session_snapshot_hold(struct session_snapshot *snapshot);
void session_snapshot_release(struct session_snapshot *snapshot);

/* The target that serves the client's database name; *database_out is what to ask the server for. NULL: none.
 */
const struct target *target_find(const struct session_snapshot *snapshot, struct bytes database,
                                 struct bytes *database_out);
#endif
