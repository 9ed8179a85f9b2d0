/* Telling people: what happens at the desk, and what was refused, goes to receivers outside: signed webhooks,
 * Slack-compatible messages, programs on this machine. Whoever has news hands over facts and goes on at once;
 * each receiver has a bounded queue and one thread, which alone waits for networks and programs.
 *
 *   desk's watcher, notify_refused ─▶ facts ─▶ queue of each receiver that wants them ─▶ its thread:
 *       body ▸ deliver ─▶ delivered
 *                     ├─▶ again, after 1 s, 2 s, 4 s … 5 min, for as long as `retry` says
 *                     └─▶ given up: logged and counted
 *
 * What is told are facts: who, where, what kind of statement, which relations, how many rows, which rule, who
 * decided and why. Never a statement's text, a parameter's value or a row. */
#ifndef POSTERN_NOTIFY_NOTIFY_H
#define POSTERN_NOTIFY_NOTIFY_H
#include "approval/desk.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "identity/principal.h"

enum { NOTIFY_RECEIVERS = 16, NOTIFY_NAME = 64 };

/* X(NAME, "name"): what a receiver may want. The order is that of the configuration's choices. */
#define NOTIFY_KINDS(X)                                                                                      \
    X(HOLD, "hold")       /* a statement waits for people */                                                 \
    X(DECIDED, "decided") /* somebody approved or denied */                                                  \
    X(ENDED, "ended")     /* it was used, or has expired, was withdrawn, has lapsed */                       \
    X(DENY, "deny")       /* a statement was refused: by a policy, a limit, a budget */
enum notify_kind {
#define X(NAME, name) NOTIFY_##NAME,
    NOTIFY_KINDS(X)
#undef X
        NOTIFY_N_KINDS
};
const char *notify_kind_name(enum notify_kind kind);

enum notify_way { NOTIFY_WEBHOOK, NOTIFY_SLACK, NOTIFY_COMMAND };
struct notify_receiver {
    char name[NOTIFY_NAME]; /* for the log and the metrics */
    enum notify_way way;
    struct bytes url;        /* WEBHOOK, SLACK: as http_url_kind takes it */
    struct bytes key;        /* WEBHOOK: what it is signed with, as notify_key_read gives it */
    const char *const *argv; /* COMMAND: argv[0] is an absolute path; NULL at the end */
    uint32_t wants;          /* bit 1 << kind */
    int64_t timeout_us;      /* of one attempt */
    int64_t retry_us;        /* from when it happened until it is given up */
};
struct notify_options {
    const struct clock *clock;
    struct desk *desk; /* watched from the start until it is closed; NULL: none */
    struct bytes url;  /* where people sign in, for links; empty: there are none */
    const struct notify_receiver *receivers;
    size_t n_receivers;
    int64_t first_retry_us; /* 0: a second */
    int64_t stop_us;        /* how long the end waits for what is queued; 0: five seconds */
};

struct notify;
/* What the options point to outlives it. 0 or -errno. SIGPIPE must be ignored. */
int notify_start(const struct notify_options *options, struct notify **out) MUST_USE;

/* A statement that was refused. */
struct notify_refusal {
    int64_t at_us;
    uint64_t session;
    const struct principal *principal;
    struct bytes connection, database, policy, rule, message; /* all but connection may be empty */
    const char *code;                                         /* "policy", "budget", … (doc/wire.md) */
};
/* From any thread; waits for nothing but a lock that is held for microseconds. The same refusal again, while
 * the first still waits to be told, is counted and not told by itself. n may be NULL. */
void notify_refused(struct notify *n, const struct notify_refusal *refusal);

struct notify_counts {
    const char *name; /* lives as long as the notifier */
    uint64_t delivered, attempts, failed /* given up */, dropped /* no room, or the end came */;
    size_t waiting;
};
/* Of each receiver; returns how many they are. */
size_t notify_count(struct notify *n, struct notify_counts out[NOTIFY_RECEIVERS]);

/* Behind desk_close, so that what that withdraws is told too. Waits for what is queued, at most stop_us, and
 * says how much was left. NULL is fine. */
void notify_stop(struct notify *n);
#endif
