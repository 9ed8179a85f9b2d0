/* What a session's statements are understood in: the shared catalogue of its database, under what only this
 * server session sees (temporary relations, what its open transaction changed) and its search path. For this
 * room only.
 *
 * The catalogue comes from the session's surroundings (struct session_catalog), the rest from an inquiry: a
 * query of the gateway's own on the session's server connection, whose answer the client does not see. It is
 * asked before the first statement that names something, and again after anything that may have changed the
 * answer. While a view is being made, the client is not read.
 *
 *     view_ready:  no catalogue yet       wait (up to 5 s), then refuse
 *                  view is current        go on
 *                  answers are still due  wait for them, if the client has sent the Sync that ends them
 *                  transaction failed     go on without a view: the server refuses the statement
 *                  else                   ask, wait for the answer
 *
 * Nothing is ever judged without a view because a view could not be had. */
#ifndef POSTERN_SESSION_VIEW_H
#define POSTERN_SESSION_VIEW_H
#include "catalog/load.h"
#include "session/understood.h"

struct session;
struct session_catalog;

enum view_wait {
    VIEW_WAIT_NONE = 0,
    VIEW_WAIT_CATALOG,
    VIEW_WAIT_CHECK,
    VIEW_WAIT_DRAIN,
    VIEW_WAIT_ANSWER,
    VIEW_WAIT_JOB
};

struct session_view {
    bool needed;                    /* the ruleset speaks of what only a catalogue tells */
    struct session_catalog *shared; /* NULL: there will be none */
    struct catalog_view view;       /* its catalog is held */
    struct catalog_overlay *overlay;
    uint64_t key;      /* of what is understood in it; 0: there is none yet */
    bool dirty;        /* something may have changed it: ask before anything is named */
    bool moved;        /* something did in the open transaction, and its end will again */
    bool schema_moved; /* and it may be for others to see at its end */
    enum view_wait wait;
    int64_t wait_due_us;   /* INT64_MAX: whenever */
    int64_t fresh_from_us; /* what the session itself changed for all to see is in what was looked at after
                              this */
    int64_t check_from_us; /* a name was not there: the catalogue must be looked at after this; 0: no such */
    struct catalog_overlay_load *loading;
    bool within;                    /* the inquiry is asked in the middle of a batch */
    bool probing;                   /* the short question was asked, which may be enough */
    const struct catalog *asked_on; /* held, while an inquiry is under way */
    bool asked_wrong;               /* its answer cannot be used */
    bool canary, canary_lives;      /* the parser child was asked whether a long text can be parsed; it can */
    struct view_job *job;           /* a long text is being understood on another thread */
    char failed[256];               /* why the last one did; empty: it did not */
};

/* A long text, understood in a view on a thread of its own. The session waits meanwhile, so that its view
 * stays; where it ends, the job keeps what it needs. */
struct view_job {
    struct session_world *world;
    struct session *session; /* NULL: it is gone */
    struct understood *u;
    struct catalog_view view;
    char database[64];                  /* the view's */
    struct catalog_overlay *overlay;    /* the job's own, once the session is gone */
    const struct catalog *catalog;      /* held */
    const struct policy_ruleset *masks; /* held, where columns are masked; else NULL */
};
enum { VIEW_TEXT_MOST = 16 << 20 };
/* Has the text understood. False: it cannot be now. */
bool view_ask_job(struct session *s, struct bytes text, struct bytes types) MUST_USE;

void view_begin(struct session *s);
void view_end(struct session *s);

enum view_answer { VIEW_REFUSED = 0, VIEW_WAITS, VIEW_READY, VIEW_WITHOUT };
/* For a message of the client that names something. REFUSED: *says_out and *hint_out tell why. WAITS: nothing
 * was done, and the message is tried again when the client is read again. */
enum view_answer view_ready(struct session *s, struct bytes *says_out, struct bytes *hint_out) MUST_USE;
/* Whether view_ready would answer READY at once. */
bool view_is_current(const struct session *s);
/* A name was not there. True: it is looked for once more in a fresh catalogue, and the message waits. */
bool view_look_again(struct session *s) MUST_USE;
/* The message is through: the next one's names are looked for afresh. */
void view_statement_over(struct session *s);
/* The text was forwarded, to run now. */
void view_on_run(struct session *s, const struct understood *u);
/* Code ran of which nobody knows what it did. */
void view_on_call(struct session *s);
/* The server has said its status (s->status is the new one). */
void view_on_status(struct session *s);
/* Whether the client must not be read. */
bool view_holds_client(const struct session *s);
void view_on_time(struct session *s, int64_t now_us);
/* The batch in which an inquiry was asked has failed before it. */
void view_after_error(struct session *s);
/* An answer to an inquiry. */
#endif
