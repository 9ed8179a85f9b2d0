/* The configuration of a gateway: one YAML file, and a folder of policies where it names one. What is loaded
 * is immutable and counted, so that a reload swaps one pointer and sessions keep what they began with. Its
 * strings end where the last reference is let go.
 *
 * A secret is never in it: only where to read it (struct yaml_secret; keys-source.h reads it). */
#ifndef POSTERN_APP_CONFIG_H
#define POSTERN_APP_CONFIG_H
#include "base/buf.h"
#include "identity/principal.h"
#include "policy/policy.h"
#include "yaml/errors.h"
#include "yaml/shape.h"

/* An address to listen on. */
struct config_address {
    struct bytes text; /* as written: "127.0.0.1:6432", "[::1]:6432", "unix:/run/postern/.s.PGSQL.5432" */
    struct bytes host; /* without brackets; "*": every address; empty for a Unix socket */
    uint16_t port;     /* 0: the kernel chooses */
    struct bytes path; /* of a Unix socket */
    bool local;        /* a Unix socket, or a loopback address: TLS may be left out */
};
struct config_addresses {
    struct config_address *items;
    size_t n;
};

struct config_tls {
    const struct yaml_node *at;
    struct bytes certificate, key; /* files; both or none */
    struct bytes client_ca;        /* file; empty: client certificates are not asked for */
};
enum config_metrics { CONFIG_METRICS_LOCAL = 0, CONFIG_METRICS_OPEN };
struct config_admin {
    const struct yaml_node *at;
    struct yaml_texts listen_texts;
    struct config_addresses listen;
    struct bytes url; /* where people reach it, for links; may be empty */
    struct config_tls
        tls;            /* its own certificate; else the gateway's, where it listens on more than loopback */
    int64_t session_us; /* how long a browser stays signed in */
    enum config_metrics metrics;
};

struct config_issuer {
    const struct yaml_node *at;
    struct bytes issuer, audience, jwks /* file, or empty */, user_claim, groups_claim, machine_claim,
        machine_value, client_id, login_client_id, scopes, resource;
    struct yaml_secret client_secret; /* NONE: a public client */
    int64_t leeway_us;
};
/* Short-lived logins that the gateway mints itself. */
struct config_minted {
    const struct yaml_node *at;
    int64_t lifetime_us; /* 0: none */
    int64_t per_principal;
};
struct config_identity {
    const struct yaml_node *at;
    struct {
        struct config_issuer *items;
        size_t n;
    } oidc;
    int64_t refresh_us; /* between two regular fetches of keys */
    struct config_minted minted;
};

enum config_via { CONFIG_VIA_DIRECT = 0, CONFIG_VIA_AGENT };
enum config_target_tls {
    CONFIG_TARGET_TLS_VERIFY_FULL = 0,
    CONFIG_TARGET_TLS_VERIFY_CA,
    CONFIG_TARGET_TLS_REQUIRE,
    CONFIG_TARGET_TLS_DISABLE
};
enum config_session_attrs {
    CONFIG_SESSION_ANY = 0,
    CONFIG_SESSION_READ_WRITE,
    CONFIG_SESSION_READ_ONLY,
    CONFIG_SESSION_PRIMARY,
    CONFIG_SESSION_STANDBY,
    CONFIG_SESSION_PREFER_STANDBY
};
struct config_target {
    const struct yaml_node *at;
    struct yaml_texts host; /* tried in order; one that begins with "/" is the folder of a Unix socket, which
                               TLS is never spoken over */
    int64_t port;
    struct bytes database; /* empty: the name that the client asked for */
    enum config_target_tls tls;
    struct bytes ca; /* file; empty: the system's */
    enum config_session_attrs target_session_attrs;
};
struct config_login {
    const struct yaml_node *at;
    struct bytes name, user;
    struct yaml_secret password; /* YAML_SOURCE_NONE: none is sent (trust, peer, certificate) */
};
struct config_connection {
    const struct yaml_node *at;
    struct bytes name;
    enum config_via via;
    struct yaml_texts databases; /* patterns; empty: only the name itself */
    struct config_target target;
    struct {
        struct config_login *items;
        size_t n; /* at least one; the first is the default */
    } logins;
    struct yaml_map settings; /* one value each, with placeholders: config_setting_expand */
    bool outlives_token;      /* a session goes on when its token has expired */
    bool accept_risk;
};

struct config_people { /* whoever is one of the users or in one of the groups */
    const struct yaml_node *at;
    struct yaml_texts users, groups;
};
struct config_roles {
    const struct yaml_node *at;
    struct config_people admin, auditor, approver;
};
struct config_s3 {
    const struct yaml_node *at;
    struct bytes endpoint, region, ca /* file; empty: the system's authorities */;
    struct yaml_secret access_key, secret_key, session_token;
};
enum config_lock_mode { CONFIG_LOCK_NONE = 0, CONFIG_LOCK_GOVERNANCE, CONFIG_LOCK_COMPLIANCE };
struct config_lock {
    const struct yaml_node *at;
    enum config_lock_mode mode;
    int64_t days;
    bool legal_hold;
};
/* The index that several gateways share, in PostgreSQL. What stands in the URL is taken apart; each text has
 * a NUL behind it. */
struct config_postgres {
    const struct yaml_node *at;
    struct yaml_secret password; /* NONE: none is sent */
    enum config_target_tls tls;
    struct bytes ca;                           /* file; empty: the system's */
    struct bytes schema;                       /* on the server */
    int64_t spool;                             /* rows that may wait for it */
    struct bytes hosts, ports, user, database; /* lists with commas, as long as each other; hosts.n == 0:
                                                  there is no such index */
};
struct config_store {
    const struct yaml_node *at;
    struct bytes index;              /* "sqlite", or "postgres://user@host/database": besides */
    struct config_postgres postgres; /* of index */
    struct bytes archive;            /* "none", or "s3://bucket/prefix" */
    struct config_s3 s3;
    struct config_lock lock;
    struct bytes bucket, prefix; /* of archive; bucket.n == 0: there is none */
    int64_t spool;               /* bytes of segments that may wait for the archive */
    bool drop_local;             /* what the archive holds is removed here */
    int64_t segment;             /* bytes after which another segment begins */
    int64_t seal_after_us;       /* with an archive: the time after which one does */
    struct yaml_secret key;      /* wraps the sessions' data keys; NONE: a key file in the data folder */
};
enum config_notify_way { CONFIG_NOTIFY_WEBHOOK = 0, CONFIG_NOTIFY_SLACK, CONFIG_NOTIFY_COMMAND };
struct config_notify {
    const struct yaml_node *at;
    struct bytes name;          /* for the log and the metrics; empty: its place in the list */
    struct bytes webhook;       /* exactly one of these three */
    struct yaml_secret slack;   /* the URL is a secret */
    struct yaml_texts command;  /* an argument vector */
    struct yaml_secret secret;  /* with webhook: what signs it */
    struct yaml_texts on;       /* names of kinds; empty: all but deny */
    enum config_notify_way way; /* which of the three */
    uint32_t wants;             /* `on`: bit 1 << enum notify_kind */
    int64_t timeout_us, retry_us;
};
enum config_stream_way {
    CONFIG_STREAM_FILE = 0,
    CONFIG_STREAM_UDP,
    CONFIG_STREAM_TCP,
    CONFIG_STREAM_TLS,
    CONFIG_STREAM_UNIX
};
enum config_stream_text { CONFIG_STREAM_TEXT_SHAPE = 0, CONFIG_STREAM_TEXT_FULL, CONFIG_STREAM_TEXT_NONE };
enum { CONFIG_STREAM_NAME = 33, CONFIG_STREAMS = 8 };
struct config_stream {
    const struct yaml_node *at;
    struct bytes name;         /* of its position's file, and for the metrics */
    struct bytes file, syslog; /* exactly one; file "-": standard output */
    struct bytes ca;           /* of tls://; empty: the system's */
    int64_t facility;
    enum config_stream_text text;
    int64_t lag_us;
    enum config_stream_way way;
    struct bytes host; /* of syslog; a path where it is a Unix socket */
    uint16_t port;
};
struct config_anchor {
    const struct yaml_node *at;
    struct bytes name;         /* for the log and the metrics; empty: its place in the list */
    struct bytes file;         /* exactly one of these two */
    struct bytes webhook;      /* an URL */
    struct yaml_secret secret; /* with webhook: what signs it */
    int64_t every_us, timeout_us;
};
struct config_limits {
    const struct yaml_node *at;
    int64_t sessions;                /* at one time */
    int64_t unauthenticated;         /* connections that have not logged in yet, at one time */
    int64_t statement_bytes;         /* a longer text is refused (53400) */
    int64_t message_bytes;           /* a longer protocol message from a client ends the session (08P01) */
    int64_t login_us;                /* from the first byte to ReadyForQuery */
    int64_t held, held_of_principal; /* statements that wait for approval at one time */
    int64_t hold_beat_us;            /* how often a client that waits for approval is told so */
    int64_t token_grace_us;          /* how long after its token's end a session may finish a transaction */
};
enum config_durability { CONFIG_DURABILITY_PROCESS = 0, CONFIG_DURABILITY_POWER };

struct config {
    const struct yaml_node *at;
    struct bytes file; /* as it was named when it was loaded */
    struct yaml_texts listen_texts;
    struct config_addresses listen;
    struct config_admin admin;
    struct config_tls tls;
    struct bytes data; /* folder */
    int64_t workers;   /* never 0: the default is the number of cores */
    enum config_durability durability;
    struct config_identity identity;
    struct {
        struct config_connection *items;
        size_t n;
    } connections;
    struct yaml_nodes policy_nodes; /* those of the file itself, as written */
    struct bytes policies_folder;
    const struct policy_snapshot *policies; /* all, compiled; the configuration holds one reference */
    struct config_roles roles;
    struct config_store store;
    struct config_limits limits;
    struct {
        struct config_notify *items;
        size_t n;
    } notify;
    struct {
        struct config_stream *items;
        size_t n;
    } streams;
    struct {
        struct config_anchor *items;
        size_t n;
    } anchors;
};

/* NULL: errors says everything that is wrong, up to its ceiling. The caller holds one reference of the
 * result. */
const struct config *config_load(const char *path, struct yaml_errors *errors) MUST_USE;
/* The same for a text in memory; file is its name in positions. Relative paths are left as they are, and
 * policies_folder is refused: it reads no file. */
const struct config *config_parse(struct bytes text, struct bytes file, struct yaml_errors *errors) MUST_USE;
/* One reference more, and one less; from any thread. */
const struct config *config_ref(const struct config *config);
void config_unref(const struct config *config);

/* The connection that serves a client's database name: the one of that name, else the first one of which a
 * `databases` pattern matches; NULL: none. *database_out is the name of the database on the server. */
const struct config_connection *config_connection_for(const struct config *config, struct bytes database,
                                                      struct bytes *database_out) MUST_USE;
/* The login of that name; the first for an empty name; NULL: none. */
const struct config_login *config_login_named(const struct config_connection *connection, struct bytes name);
/* A setting's value with ${principal} (the user), ${subject} and ${session} filled in; p == NULL where the
 * arena is full. */
struct bytes config_setting_expand(struct bytes value, const struct principal *principal,
                                   struct bytes session, struct arena *arena) MUST_USE;
/* Whether the principal is one of these people. */
bool config_people_has(const struct config_people *people, const struct principal *principal);

/* The configuration as YAML that loads to an equal one (WHOLE), without the folder's policies. */
void config_print(const struct config *config, enum yaml_print how, struct buf *out);
/* Every key with its default and what it means. */
void config_print_defaults(struct buf *out);
/* The JSON Schema, which is published as doc/postern.schema.json. */
void config_print_schema(struct buf *out);
#endif
