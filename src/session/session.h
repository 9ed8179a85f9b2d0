/* A session: one client connection from its first byte to its end, and the server connection behind it. The
 * session is a machine that bytes go into and come out of; it never touches a socket. A relay (relay.h)
 * carries the bytes, a test scripts them.
 *
 *   startup ─▶ password ─▶ identify ─▶ connect ─▶ login ─▶ ready ─▶ ending ─▶ closed
 *      │  SSLRequest: want_tls, and startup again          │
 *      └── CancelRequest: want_cancel, and closed          └── a statement: understand ▸ judge ▸ hold ▸
 * record ▸ forward
 *
 * The order that its user keeps: feed bytes, then record_lane_commit, and only then write what is in
 * client_out and server_out. */
#ifndef POSTERN_SESSION_SESSION_H
#define POSTERN_SESSION_SESSION_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "identity/identity.h"
#include "record/lane.h"
#include "session/server-login.h"
#include "session/target.h"
#include "session/understood.h"
#include <stdatomic.h>

struct session;
struct catalog;
struct view_job;
struct desk;
struct desk_waiter;
struct minted;

/* What the sessions of one worker in one database of a target share of its catalogue; their surroundings keep
 * it fresh. */
struct session_catalog {
    const struct catalog *newest; /* NULL: there is none yet */
    int64_t checked_us;           /* monotonic: it was the newest when somebody looked after this */
    struct bytes problem;         /* why it must not be used (any more); empty: none */
};

/* What one principal has used up on one connection today, over all its sessions and all workers. */
struct session_budget;
enum session_budget_kind {
    BUDGET_STATEMENTS = 0,
    BUDGET_ROWS,
    BUDGET_AFFECTED,
    BUDGET_BYTES,
    BUDGET_LOOKUPS,
    BUDGET_KINDS
};

/* A statement that was refused by a policy, or a limit of one: what may be told to others. Valid while the
 * call runs. */
struct session_refused {
    uint64_t session;
    const struct principal *principal;
    struct bytes connection, database;
    const char *code;                   /* refusal.def */
    struct bytes policy, rule, message; /* each may be empty; nothing in them quotes a text's values */
};

/* What the sessions of a worker did since it started: its thread counts, any other may look. */
struct session_counts {
    _Atomic uint64_t sent;    /* statements that went to the server: executions, simple queries, calls */
    _Atomic uint64_t refused; /* errors that the gateway gave in a statement's place, or for it */
    _Atomic uint64_t held;    /* statements that people were asked about */
};
/* By the thread that owns it alone. */
static inline void session_counts_add(_Atomic uint64_t *count)
{
    uint64_t n = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, n + 1, memory_order_relaxed);
}

/* What a session needs of its surroundings; one a worker, never changed while sessions live. */
struct session_world {
    void *context;
    const struct clock *clock;
    const struct clock *stamps; /* what records carry and durations are told by: clock, or one that stands
                                   still while one event is handled (loop_stamps) */
    struct record_lane *lane;
    struct understood_cache *cache;
    uint64_t seed;      /* of hashes */
    bool tls;           /* we have a certificate: SSLRequest is answered with yes */
    bool without_views; /* tests of other things: there is no catalogue, and statements are judged by their
                           words alone */
    struct session_counts counts;
    /* The configuration in force, held for the caller. */
    struct session_snapshot *(*snapshot)(struct session_world *world);
    /* Fills with random bytes; false: none to be had, and the session ends. */
    bool (*random)(struct session_world *world, void *to, size_t n);
    /* Ask the children; the answer comes as session_on_proof and session_on_parsed. False: they are not there
     * or too busy. The text stays where it is until the answer or abandon. */
    bool (*ask_proof)(struct session_world *world, struct session *session,
                      const struct session_proof *proof);
    bool (*ask_parse)(struct session_world *world, struct session *session, struct bytes text);
    /* The session ends: no answer is wanted any more, and the text is no longer there. */
    void (*abandon)(struct session_world *world, struct session *session);
    /* A cancel request with a key of ours, from a client: true where the key is known. */
    void (*cancel)(struct session_world *world, int32_t pid, struct bytes key, struct bytes from);
    /* Makes the session's cancel key known, and forgets it. */
    bool (*register_key)(struct session_world *world, struct session *session, int32_t pid,
                         const uint8_t key[4]);
    void (*forget_key)(struct session_world *world, struct session *session, int32_t pid,
                       const uint8_t key[4]);
    /* The catalogue of the database that the session is in, until it is detached. NULL: it cannot be had.
     * session_on_catalog is called for sessions that wait when it changes or was looked at. check: somebody
     * may have changed it, look now; false: nobody can be asked. */
    struct session_catalog *(*catalog_attach)(struct session_world *world, struct session_snapshot *snapshot,
                                              const struct target *target, struct bytes database);
    void (*catalog_detach)(struct session_world *world, struct session_catalog *catalog);
    bool (*catalog_check)(struct session_world *world, struct session_catalog *catalog);
    /* Runs session_job_run on another thread, then session_job_done on this one. False: it cannot. */
    bool (*ask_job)(struct session_world *world, struct view_job *job);
    /* Where statements wait for approval; NULL: nowhere, and what needs one is refused. */
    struct desk *desk;
    /* The logins that the gateway mints; NULL: none, and every client is asked for a token. */
    struct minted *minted;
    /* Whoever is told there for the session: session_on_desk follows on this thread. NULL: no memory. */
    struct desk_waiter *(*desk_join)(struct session_world *world, struct session *session);
    /* The waiter is told nothing any more, and session_on_desk does not follow. */
    void (*desk_leave)(struct session_world *world, struct desk_waiter *waiter);
    /* A statement was refused; it must not wait for anything. NULL: nobody wants to know. */
    void (*refused)(struct session_world *world, const struct session_refused *refused);
    /* The budget of this principal on this connection; NULL: there is no room for another. */
    struct session_budget *(*budget_open)(struct session_world *world, const struct principal *principal,
                                          struct bytes connection);
    void (*budget_close)(struct session_world *world, struct session_budget *budget);
    /* How much of `most` is left today. */
    uint64_t (*budget_left)(struct session_world *world, struct session_budget *budget,
                            enum session_budget_kind kind, uint64_t most);
    /* Uses n of it, all or nothing: false where less than that is left of `most`. */
    bool (*budget_take)(struct session_world *world, struct session_budget *budget,
                        enum session_budget_kind kind, uint64_t n, uint64_t most);
};

/* How the client is connected. */
struct session_peer {
    struct bytes address; /* "127.0.0.1:51234"; copied */
    bool local;           /* a loopback address or a Unix socket: credentials in clear are fine */
    bool crowded;         /* as many sessions as there may be are there already: it is told so */
};

/* What a session wants of its relay; the relay clears each when it acts on it. */
struct session_wants {
    bool tls;         /* send client_out, then speak TLS with the client */
    bool connect;     /* connect to session_target */
    bool cancel;      /* send a cancel request for the running statement to the server */
    bool close;       /* send client_out, then close both sides */
    bool wipe;        /* a password passed: overwrite what the buffers held, once they are sent; then call
                         session_wipe */
    bool drop_server; /* send server_out, then close the server's side */
};

struct session *session_new(struct session_world *world, const struct session_peer *peer) MUST_USE;
/* Records the end, if it was not yet, and frees everything. */
void session_free(struct session *s);

/* Bytes that came, with everything that was not consumed before at their front. Returns how many were
 * consumed; 0 < consumed < n is usual. Nothing is consumed while the session waits (session_reads_client,
 * session_reads_server). *through_out is a part of `in`, perhaps none, that goes to the client behind
 * client_out: bulk is not copied. Whoever called commits what is recorded and sends it, or appends it to
 * client_out, before anything else of the session is called. */
size_t session_on_client(struct session *s, struct bytes in);
size_t session_on_server(struct session *s, struct bytes in, struct bytes *through_out);
/* Whether feeding more makes sense now: false while it waits for somebody, or while the other side is slow.
 */
bool session_reads_client(const struct session *s);
bool session_reads_server(const struct session *s);
/* The client ended its side (or, broken: the connection failed). */
void session_on_client_end(struct session *s, bool broken);
void session_on_server_end(struct session *s);
/* The client's TLS handshake is over. tls: a description for the record. binding: of the certificate that it
 * was shown; NULL: none. */
void session_on_tls(struct session *s, struct bytes tls, const struct scram_binding *binding);
/* The server is connected (and TLS, where asked for, is up): binding is NULL in clear. */
void session_on_connected(struct session *s, struct bytes address, const struct scram_binding *binding);
/* It could not be reached; message is a sentence. */
void session_on_unreachable(struct session *s, struct bytes message);
/* status 0, or -errno. */
void session_on_proof(struct session *s, int status, const uint8_t proof[32],
                      const uint8_t server_signature[32], const char *md5);
/* encoded.p == NULL: the parser gave up on the text. */
void session_on_parsed(struct session *s, struct bytes encoded);
/* Keys of an issuer arrived; the log has room again; a time that session_due_us named has come. */
void session_on_keys(struct session *s);
void session_on_room(struct session *s);
/* A cancel request is on its way to the server, or is over: until then nothing more is read of the client, so
 * that it cannot hit what comes next. */
void session_set_cancelling(struct session *s, bool cancelling);
/* What another thread does for a session: run there, then done on the session's own loop; NULL: the session
 * is gone. */
void session_job_run(struct view_job *job);
struct session *session_job_done(struct view_job *job);
/* There is news of a catalogue; whether the session waits for such. */
void session_on_catalog(struct session *s);
bool session_waits_for_catalog(const struct session *s, const struct session_catalog *catalog);
void session_on_time(struct session *s);
/* The desk has told the session's waiter. */
void session_on_desk(struct session *s);
/* Whether the client is not read but its end must be noticed: it waits for people. */
bool session_watches_client(const struct session *s);
/* Whether something of the client's comes again: session_on_client is to be called, with nothing new if need
 * be. */
bool session_has_more(const struct session *s);
/* Somebody asked with the right key to cancel what is running. */
void session_on_cancel(struct session *s, struct bytes from);
/* An operator, or the gateway's own end: the client is told (57P01). */
void session_kill(struct session *s, bool gateway_stops, struct bytes by);

/* Adds what somebody claims of it (fields of FRAME_CONTEXT) to its record, while it serves. */
void session_claim(struct session *s, struct bytes fields);

/* Overwrites what the session itself may still hold of a password that passed. */
void session_wipe(struct session *s);
/* The next monotonic time at which session_on_time is wanted; INT64_MAX: none. */
int64_t session_due_us(const struct session *s);
struct session_wants *session_wants(struct session *s);
struct buf *session_client_out(struct session *s);
struct buf *session_server_out(struct session *s);
const struct target *session_target(const struct session *s);
/* For the server's cancel request: the real process id and key. */
bool session_server_key(const struct session *s, int32_t *pid_out, struct bytes *key_out);
uint64_t session_id(const struct session *s);
/* The minted login that it signed in with; empty: a token. */
struct bytes session_minted(const struct session *s);
struct session_snapshot *session_snapshot_of(const struct session *s);
/* Whatever its user hangs on it. */
void session_set_user(struct session *s, void *user);
void *session_user(const struct session *s);
bool session_is_authenticated(const struct session *s);
/* Bytes above which the other side is not read: session_reads_… look at it. */
enum { SESSION_OUT_HIGH = 256 * 1024, SESSION_PIECE = 64 * 1024 };
#endif
