/* The desk: where statements that a person must approve wait for people. One a gateway. Sessions ask, are
 * told, use and withdraw; surfaces (API, command line) list, show, decide and watch. It decides nothing
 * itself but who may decide; what is asked, and whether an approval still fits, is for whoever asks
 * (session/hold.h).
 *
 *   desk_ask ─▶ waiting ──▶ approved ──▶ used         desk_use: once, by whoever asks for the very same thing
 *                  │            └──────▶ lapsed       its window has passed, or what it was for has changed
 *                  ├──▶ denied                        by one person of those who may
 *                  ├──▶ expired                       nobody decided in time
 *                  └──▶ withdrawn                     cancelled, disconnected, changed, the gateway stopped
 *
 * Threads: every call may come from any thread; one mutex, held for microseconds and never over a disk. One
 * thread of the desk's own keeps the time, writes what outlives the gateway, and calls the watchers; there is
 * none per request, and nobody polls. Ceilings: see struct desk_options; what is over is refused.
 *
 * Two ways to ask. A session that waits (stays == false) is told by its waiter; its request ends with it. A
 * request that stays (SET postern.on_hold = fail) is kept in a file, sealed, with its decisions, and survives
 * a restart. It is safe there before its client learns of it, and that it was used before the statement runs.
 */
#ifndef POSTERN_APPROVAL_DESK_H
#define POSTERN_APPROVAL_DESK_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "identity/principal.h"
#include "policy/policy.h"
#include "sql/facts.h"

struct desk;
enum { DESK_ID = 14 };          /* 13 characters as sessions' numbers have them, and a NUL */
enum { DESK_DECISIONS = 32 };   /* of one request at most */
enum { DESK_REASON = 1024 };    /* bytes of a decision's reason at most */
enum { DESK_DIGEST = 32 };      /* SHA-256 */
enum { DESK_TEXT = 512 << 10 }; /* bytes of a request's text and parameters at most: nobody reads more */

/* X(NAME, "name"), in the order of their numbers, which stand in the file and never change. */
#define DESK_STATES(X)                                                                                       \
    X(WAITING, "waiting")                                                                                    \
    X(APPROVED, "approved")                                                                                  \
    X(USED, "used")                                                                                          \
    X(LAPSED, "lapsed")                                                                                      \
    X(DENIED, "denied")                                                                                      \
    X(EXPIRED, "expired")                                                                                    \
    X(WITHDRAWN, "withdrawn")
enum desk_state {
#define X(NAME, name) DESK_##NAME,
    DESK_STATES(X)
#undef X
        DESK_N_STATES
};
const char *desk_state_name(enum desk_state state);

/* ---- what is asked: whoever asks fills it in; the desk keeps a copy that never changes */

struct desk_pair {
    struct bytes name, value;
};
struct desk_parameter {
    uint32_t type; /* pg_type.oid; 0: left open */
    bool is_null, is_binary;
    struct bytes value; /* as it was sent */
    struct bytes text;  /* for people; p == NULL: a type that cannot be shown */
};
struct desk_relation {
    struct bytes schema, name;
    uint32_t access; /* effects (sql/facts.h) */
    bool whereless, through;
};
struct desk_request {
    char id[DESK_ID];             /* given by desk_ask */
    int64_t asked_us, expires_us; /* wall clock; expires_us: of the wait */
    int64_t window_us;            /* how long an approval may be used once it is given */
    bool stays;
    uint64_t session;
    uint32_t run;          /* in the session's record: of the dry run; 0: nothing ran yet */
    struct bytes replaces; /* id of the request that this one follows, since something changed;
                              may be empty */
    struct bytes because;  /* what changed: a sentence; may be empty */
    /* who: all of it verified; groups are those of the token */
    struct principal principal; /* claims and token_id are left out */
    /* why: all of it claimed by the client: "prompt", "task", "tool", "application_name", … */
    struct desk_pair *claims;
    size_t n_claims;
    /* what */
    struct bytes connection, database, login, search_path; /* search_path: "a, b"; empty where not known */
    struct bytes text;   /* exact, passwords starred out; whoever shows it escapes it */
    struct bytes beside; /* texts that it runs by name (EXECUTE); empty: none */
    struct desk_parameter *parameters;
    size_t n_parameters;
    /* what it does */
    struct bytes tags, effects; /* "DELETE", "read, delete" */
    struct desk_relation *relations;
    size_t n_relations;
    enum sql_where where;
    bool counted;
    uint64_t rows;            /* counted: the rows that the dry run changed */
    struct bytes not_counted; /* else: why it was not; may be empty */
    struct bytes *not_undone; /* what the dry run did that is not undone, and will be done again */
    size_t n_not_undone;
    /* why it is held */
    struct policy_need *needs; /* each must be satisfied */
    size_t n_needs;
    struct bytes message; /* the verdict's: "DELETE on public.orders needs approval, by dba" */
    struct bytes policy_hash;
    /* All that an approval binds but the count, hashed by whoever asks. */
    uint8_t digest[DESK_DIGEST];
};

/* ---- what became of it */

struct desk_decision {
    bool approve;
    int64_t at_us;
    struct bytes issuer, subject, user, reason;
    struct bytes via; /* "web", "api", "command line" */
    uint32_t needs;   /* bit i: it counts for needs[i] */
};
struct desk_standing {
    enum desk_state state;
    int64_t since_us;                /* when it came into that state */
    int64_t ends_us;                 /* waiting: expires; approved: the end of its window; else 0 */
    struct bytes why;                /* withdrawn, lapsed: a sentence */
    struct desk_decision *decisions; /* in order */
    size_t n_decisions;
    uint32_t *missing; /* for each need: approvals that are still missing */
    uint64_t serial;   /* of the last thing that happened to it; grows over all requests */
};
/* A request with what became of it so far. The request is counted and shared; the standing is a copy in the
 * arena of the call. */
struct desk_entry {
    const struct desk_request *request;
    struct desk_standing standing;
};
void desk_entry_release(struct desk_entry *entry);

/* ---- life */

struct desk_event;
struct desk_options {
    const struct clock *clock;
    const char *path;   /* the file; NULL: nothing outlives this desk */
    const uint8_t *key; /* 32 bytes, that seal it */
    uint64_t seed;
    size_t most_waiting, most_of_principal; /* requests that wait or are approved; 0: 8192 and 64 */
    size_t most_bytes;                      /* of all requests together; 0: 64 MiB */
    bool without_thread;                    /* tests: desk_work is called instead */
    /* Everything that happens, in order, on the desk's thread and before watchers learn of it: what the
     * record keeps with no session. false: it cannot be written now; it is called again. NULL: nobody
     * records. */
    bool (*record)(void *context, const struct desk_event *event);
    void *context;
};
/* 0 or -errno; -EBADMSG: the file is damaged, or was sealed under another key. */
int desk_open(const struct desk_options *options, struct desk **out) MUST_USE;
/* What waits is withdrawn ("the gateway stops"); what stays, stays. All tickets are gone by now. A watcher
 * that is still there learns of all that, and of nothing once this has returned. NULL is fine. */
void desk_close(struct desk *desk);
/* without_thread: does what is due now. Returns the wall time of the next thing; INT64_MAX: nothing. */
int64_t desk_work(struct desk *desk);

/* ---- for sessions */

/* Told when there is something to look at: stored, decided, used, expired. From any thread, with the desk's
 * lock held: it posts, and calls nothing of the desk. */
struct desk_waiter {
    void (*tell)(struct desk_waiter *waiter);
};
struct desk_ticket;
enum desk_asked {
    DESK_ASK_FULL = 0, /* too much waits, over all or of this principal: *says_out is a sentence */
    DESK_ASK_FAILED,   /* no memory, or the file cannot be written */
    DESK_ASKED,        /* *ticket_out; wait to be told */
    DESK_ASK_KNOWN     /* the same is asked already, and stays: *ticket_out is of that request */
};
/* The waiter lives until desk_leave, and must not be told of anything after that. */
enum desk_asked desk_ask(struct desk *desk, const struct desk_request *request, struct desk_waiter *waiter,
                         struct desk_ticket **ticket_out, const char **says_out) MUST_USE;
/* A request that stays and is of this digest: approved, with its window open, for at least so many rows where
 * rows were counted; or waiting; or denied a while ago. NULL: none. */
struct desk_ticket *desk_find(struct desk *desk, const uint8_t digest[DESK_DIGEST], bool counted,
                              uint64_t rows, struct desk_waiter *waiter) MUST_USE;
/* What became of it in the file: NEVER where it does not stay. FAILED: nothing may be built on it. */
enum desk_stored { DESK_STORE_FAILED = 0, DESK_STORE_PENDING, DESK_STORE_DONE, DESK_STORE_NEVER };
/* How it stands; the entry's request is held. False: no memory. */
bool desk_look(struct desk_ticket *ticket, struct arena *arena, struct desk_entry *entry_out,
               enum desk_stored *stored_out) MUST_USE;
enum desk_state desk_ticket_state(const struct desk_ticket *ticket);
const char *desk_ticket_id(const struct desk_ticket *ticket);
/* Approved, and nobody used it: from now on it is used. False: it is not to be used (any more). Where it
 * stays, the waiter is told once that is stored: nothing may run before. */
bool desk_use(struct desk_ticket *ticket) MUST_USE;
/* Ends the wait: a request that does not stay is withdrawn, or where it was approved lapses, for that reason
 * (a sentence). The ticket is gone. NULL is fine. */
void desk_leave(struct desk_ticket *ticket, const char *why);
/* The same for what stays too: it does not fit any more. */
void desk_void(struct desk_ticket *ticket, const char *why);

/* ---- for surfaces */

/* X(NAME, "code", "sentence"): what came of deciding. The sentence is for whoever decided. */
#define DESK_DECIDES(X)                                                                                      \
    X(FAILED, "failed", "The decision could not be kept; try again.")                                        \
    X(NOT_FOUND, "not-found", "There is no such request.")                                                   \
    X(OVER, "already-decided", "This request was decided already.")                                          \
    X(EXPIRED, "expired", "This request has expired.")                                                       \
    X(WITHDRAWN, "withdrawn", "This request was withdrawn.")                                                 \
    X(REQUESTER, "requester", "Nobody decides on a request of their own.")                                   \
    X(ACTS_FOR, "acts-for", "This was asked on your behalf, so somebody else must approve it.")              \
    X(NOT_IN_GROUPS, "not-in-groups", "You are in none of the groups that may decide on this.")              \
    X(TWICE, "already-gave-one", "You have approved this already; it needs somebody else's approval too.")   \
    X(NEEDS_REASON, "reason-needed", "The rule wants a reason.")                                             \
    X(TOO_LONG, "reason-too-long", "The reason is too long.")                                                \
    X(MACHINE, "machine", "Only people decide, and only for themselves.")                                    \
    X(NOTED, "noted", "Your approval is noted; another is needed.")                                          \
    X(APPROVED, "approved", "The request is approved.")                                                      \
    X(DENIED, "denied", "The request is denied.")
enum desk_decided {
#define X(NAME, code, sentence) DESK_DECIDED_##NAME,
    DESK_DECIDES(X)
#undef X
};
const char *desk_decided_code(enum desk_decided decided);
const char *desk_decided_sentence(enum desk_decided decided);
/* Whether it was taken: noted, approved, denied. */
bool desk_decided_is_good(enum desk_decided decided);
/* who: verified, and a person that acts for nobody else. Four eyes, groups, reasons and numbers are checked
 * here and nowhere else. */
enum desk_decided desk_decide(struct desk *desk, struct bytes id, const struct principal *who, bool approve,
                              struct bytes reason, struct bytes via) MUST_USE;
/* What desk_decide would say to an approval of this person now (reasons aside): for showing a button or not.
 */
enum desk_decided desk_may_decide(struct desk *desk, struct bytes id, const struct principal *who) MUST_USE;

/* Whose requests, and in which states (bit 1 << state; 0: all). */
struct desk_filter {
    uint32_t states;
    const struct principal *asked_by;   /* by this principal, or on its verified behalf; NULL: anybody's */
    const struct principal *decided_by; /* that this person may decide on, or has; NULL: any */
    uint64_t session;                   /* 0: any */
};
/* The newest first, at most so many, older than the id `before` (empty: from the newest): *n_out. False: no
 * memory. Ended ones are kept for a while: the newest thousand. */
bool desk_list(struct desk *desk, const struct desk_filter *filter, struct bytes before, size_t most,
               struct arena *arena, struct desk_entry **entries_out, size_t *n_out) MUST_USE;
/* False: there is none. */
bool desk_get(struct desk *desk, struct bytes id, struct arena *arena, struct desk_entry *entry_out) MUST_USE;
struct desk_counts {
    size_t waiting, approved, bytes;
    uint64_t asked, ended[DESK_N_STATES]; /* since the start: how many came into each state */
};
void desk_count(struct desk *desk, struct desk_counts *out);
/* The hash of all that an approval of the request binds but the count: who, where, as whom, the exact text
 * and parameters, the path, what it is held by. versions: those of the objects that it touches, in whatever
 * form whoever asks has them. */
void desk_digest(const struct desk_request *request, struct bytes versions, uint8_t out[DESK_DIGEST]);
/* Whether a principal is this person: by issuer and subject, or by the name that people use. In doubt, yes.
 */
bool desk_is_same(const struct principal *a, const struct principal *b);

#define DESK_EVENTS(X)                                                                                       \
    X(ASKED, "asked")                                                                                        \
    X(DECIDED, "decided") /* an approval or a denial; whether it was the last is in the state */             \
    X(USED, "used")                                                                                          \
    X(ENDED, "ended") /* expired, withdrawn, lapsed */
enum desk_event_kind {
#define X(NAME, name) DESK_EVENT_##NAME,
    DESK_EVENTS(X)
#undef X
};
const char *desk_event_name(enum desk_event_kind kind);
struct desk_event {
    enum desk_event_kind kind;
    int64_t at_us;
    const struct desk_request *request;   /* held while the call runs */
    enum desk_state state;                /* after it */
    const struct desk_decision *decision; /* DECIDED; else NULL */
    struct bytes why;
    uint64_t serial;
};
/* Called on the desk's thread for everything that happens, without the lock, in order; it may call the desk,
 * and must not wait for long. */
struct desk_watcher {
    void (*on_event)(struct desk_watcher *watcher, const struct desk_event *event);
    struct desk_watcher *next; /* the desk's */
};
void desk_watch(struct desk *desk, struct desk_watcher *watcher);
/* When it returns, the watcher is not called any more; not from within on_event. */
void desk_unwatch(struct desk *desk, struct desk_watcher *watcher);
#endif
