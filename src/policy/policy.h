/* Judging: (snapshot, principal, connection, facts) → verdict. Pure, explainable, repeatable over old
 * records. A snapshot is one configuration's policies, compiled, immutable, and shared by threads. A ruleset
 * is what of it applies to one session. */
#ifndef POSTERN_POLICY_POLICY_H
#define POSTERN_POLICY_POLICY_H
#include "base/arena.h"
#include "base/bytes.h"
#include "identity/principal.h"
#include "sql/facts.h"

struct policy_snapshot;

/* Who asks for what: `database` is the client's database name where a connection serves several. */
struct policy_request {
    const struct principal *principal;
    struct bytes connection, database;
};

/* What of a snapshot applies to a session, in name order; made once per session (and again when the snapshot
 * changes). */
struct policy_ruleset;
/* NULL: no policy names this principal for this connection (refuse with 28000), or the arena is full. Lives
 * in the arena; borrows from the snapshot. */
const struct policy_ruleset *policy_ruleset_for(const struct policy_snapshot *snapshot,
                                                const struct policy_request *request,
                                                struct arena *arena) MUST_USE;
/* The same number for two rulesets that judge alike: the key of a verdict cache. */
uint64_t policy_ruleset_key(const struct policy_ruleset *ruleset);
/* Whether everything is allowed whatever it is, unknown included, and nothing is denied, held or masked: then
 * pinned settings are not pinned, and text goes through as it is. */
bool policy_ruleset_is_open(const struct policy_ruleset *ruleset);
/* Whether statements are to be understood in a view of the catalogue (sql_understand_in). Only an open
 * ruleset does without: whatever else is refused, held or not allowed hangs on what names stand for. */
bool policy_ruleset_needs_view(const struct policy_ruleset *ruleset);

enum policy_rows { POLICY_ROWS_NONE = 0, POLICY_ROWS_COUNT, POLICY_ROWS_DIGEST, POLICY_ROWS_FULL };
/* What one principal may do on one connection in one day (UTC), over all its sessions; 0: no limit. */
struct policy_budget {
    uint64_t statements, rows, affected_rows, bytes; /* rows, bytes: returned */
};
struct policy_limits { /* 0: no limit */
    int64_t statement_us, session_us;
    uint64_t returned_rows, affected_rows; /* of one statement */
    uint64_t returned_bytes;               /* of one statement: the bytes of its values as they are sent */
    struct policy_budget budget;
};
/* The smaller of each. */
void policy_limits_narrow(struct policy_limits *limits, const struct policy_limits *by);
/* What holds for the whole session, over all policies that apply: the smallest limits, the fullest recording.
 */
struct policy_terms {
    struct bytes login; /* the login that a policy picks; empty: the connection's first. The first policy in
                           name order that names one wins */
    struct policy_limits limits;
    enum policy_rows rows;
    bool record_or_refuse; /* record.on_failure: deny (the default) */
    int64_t retain_us;     /* how long content is kept: the longest; 0: for ever */
    uint32_t
        record_effects; /* record.statements: results are recorded of statements with one of these effects */
    struct bytes policies; /* the names that apply, comma-separated, for the record */
    struct bytes hash;     /* SHA-256 of the snapshot's policy text, hexadecimal */
};
const struct policy_terms *policy_ruleset_terms(const struct policy_ruleset *ruleset);

enum policy_decision { POLICY_DENY = 0, POLICY_HOLD, POLICY_ALLOW };
/* What one rule that holds wants before the statement may run. */
struct policy_need {
    struct bytes policy, rule;
    struct bytes *by; /* a person in one of these groups approves */
    size_t n_by;
    uint32_t approvals;        /* of so many different people; at least 1 */
    bool reason;               /* each says why */
    bool own;                  /* `four_eyes: off`: who asks, or whom it asks for, may approve as well */
    int64_t expires_us;        /* how long it waits */
    int64_t window_us;         /* how long an approval may be used by a statement that did not wait for it */
    int64_t in_transaction_us; /* how long it waits in an open transaction; 0: there it is refused */
    bool unless;               /* wanted only where more than `rows` rows are changed */
    uint64_t rows;
};
enum { POLICY_APPROVALS_MOST = 9 };
struct policy_verdict {
    enum policy_decision decision;
    bool observed; /* a policy in mode: observe would have refused: it is allowed, and `would` says what would
                      have happened */
    struct bytes policy;  /* the policy that decided; empty where nothing allowed it */
    struct bytes rule;    /* "no-drop", "allow", "allow: read", "default" */
    struct bytes message; /* one short sentence for the client: "DROP TABLE is denied" */
    struct bytes hint;    /* what would be allowed: "Add a WHERE clause."; may be empty */
    struct bytes would;   /* "" or what enforcing would have said, for the record */
    /* Those of the session's terms; affected_rows may be smaller, see limit_is_hold. */
    struct policy_limits limits;
    /* With ALLOW: a hold with `unless: { affected_rows: … }` matched. It may run and change up to
     * limits.affected_rows rows; if it changes more, all that it did is undone, and it is refused as a hold
     * is: 42501, held.message. (An approval lifts this, and not the limit in the session's terms.) The one
     * with the smallest number counts; where the terms' own limit is not larger, there is no hold in it. */
    bool limit_is_hold;
    struct {
        struct bytes policy, rule;
        struct bytes message; /* "DELETE of more than 100 rows needs approval, by dba" */
        struct bytes hint;    /* "Up to 100 rows need no approval." */
    } held;                   /* only with limit_is_hold; else empty */
    struct bytes *by;         /* for HOLD, and with limit_is_hold: the groups that may approve */
    size_t n_by;
    /* With HOLD: all that every rule that matches wants, those with `unless` as well, since nobody counts
     * behind an approval. With limit_is_hold: those with `unless`; the ones with fewer rows than were
     * changed count. */
    struct policy_need *needs;
    size_t n_needs;
};
/* One statement of a text. All in the arena; message == NULL in *verdict_out (with POLICY_DENY) only where
 * the arena is full. */
void policy_judge(const struct policy_ruleset *ruleset, const struct sql_statement *statement,
                  struct arena *arena, struct policy_verdict *verdict_out);
/* All statements of a text that was understood, as one: a denial of any beats a hold of another, and the
 * limits are the smallest of all. *index_out is the statement that decided (0 where there is none). A text
 * without statements is allowed, by the rule "empty". */
void policy_judge_text(const struct policy_ruleset *ruleset, const struct sql_facts *facts,
                       struct arena *arena, struct policy_verdict *verdict_out, size_t *index_out);
/* A text that is SQL_UNKNOWN. */
void policy_judge_unknown(const struct policy_ruleset *ruleset, struct arena *arena,
                          struct policy_verdict *verdict_out);

/* Whether the extension is of the published list (extensions.def): its code computes on what it is given, and
 * changes nothing. */
bool policy_extension_is_harmless(struct bytes extension);
#endif
