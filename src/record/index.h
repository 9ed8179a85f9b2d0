/* The index: where to look. It follows the log block by block with a stored position, holds no more than the
 * log does, and can be thrown away and made again. A batch of blocks is one transaction together with the
 * position, so that each block counts exactly once, whatever happens in between. See doc/index.md.
 *
 * It is not encrypted, so it holds no values: names of principals, relations and rules, the shapes of
 * statements (literals cut out), counts, times, SQLSTATEs. Texts, parameters, rows, prompts and a server's
 * messages stay in the log.
 *
 * One writes at a time (a gateway's index thread, or a command that found no gateway); any number read. */
#ifndef POSTERN_RECORD_INDEX_H
#define POSTERN_RECORD_INDEX_H
#include "base/arena.h"
#include "base/bytes.h"
#include "record/reader.h"

struct index;
enum index_mode { INDEX_READ, INDEX_WRITE /* made if it is not there */ };
/* 0; -ENOENT: there is none; -ENOTSUP: made by a newer program; or what sqlite.h says. */
int index_open(const char *path, enum index_mode mode, struct index **index_out) MUST_USE;
void index_free(struct index *index);

/* ---- following */

struct index_progress {
    uint64_t position; /* where the next block stands */
    uint64_t blocks, frames;
    uint64_t damaged; /* frames and blocks that could not be read, in this call */
    int64_t last_us;  /* the time of the last block that was taken in; 0: none yet */
    bool at_end;      /* there is nothing newer in the log */
};
enum { INDEX_BATCH_BLOCKS = 256 };
/* Takes in at most INDEX_BATCH_BLOCKS blocks, in one transaction. 0; -EBUSY: another writes, and reading as
 * it is is all that can be done; -EBADMSG: the log cannot be read at the position (the reader's message says
 * why); or what sqlite.h says. Nothing is taken in then. */
int index_follow(struct index *index, struct record_reader *reader,
                 struct index_progress *progress_out) MUST_USE;
/* Throws everything away: the next index_follow begins at the log's first block. */
int index_rebuild(struct index *index) MUST_USE;
/* How far it has come, without writing. */
int index_position(struct index *index, struct index_progress *progress_out) MUST_USE;

/* One block for whoever has frames at hand: between index_batch_begin and index_batch_commit. next answers 1
 * and a frame, 0 at the end of the block, or -errno, which is returned. A block before the stored position is
 * passed over. */
int index_batch_begin(struct index *index, unsigned wait_ms) MUST_USE;
int index_batch_block(struct index *index, const struct record_block *block,
                      int (*next)(void *context, struct frame *frame_out), void *context,
                      struct index_progress *progress) MUST_USE;
int index_batch_commit(struct index *index) MUST_USE;
void index_batch_rollback(struct index *index);

/* ---- asking. An empty text, and 0 for a time, mean "any". Texts that are handed to visit are borrowed until
 * it returns. Each answers 0 or -errno. */

struct index_filter {
    struct bytes principal, connection;
    struct bytes on_behalf_of;
    int64_t since_us, until_us;
    /* "allow", "deny", "hold", "error", "observed" (would have been refused): some statement was that */
    struct bytes verdict;
    struct bytes error;            /* an SQLSTATE, or its first two characters: a class */
    struct bytes relation, effect; /* "orders" or "public.orders"; "delete" */
    /* Some outcome took at least so long, had at least so many rows. Of what was indexed before outcomes were
     * looked at one by one, all outcomes of the minute together. */
    int64_t least_us;
    uint64_t least_rows;
    uint64_t session; /* 0: any */
    /* Words and phrases over statement shapes; each must be there. A trailing '*' asks for a beginning. */
    const struct bytes *texts;
    size_t n_texts;
    uint64_t limit; /* 0: all */
};

struct index_session {
    uint64_t id;
    struct bytes principal, subject, issuer, groups, on_behalf_of, connection, database, login, client,
        application, policies, policy_hash, task, agent, reason;
    bool machine;
    int64_t started_us, last_us, ended_us; /* ended_us 0: it runs, or its end is not in the log */
    uint64_t statements, refused, errors, rows;
    uint32_t last_sequence;
};
/* The newest first. */
int index_sessions(struct index *index, const struct index_filter *filter,
                   void (*visit)(void *context, const struct index_session *session), void *context) MUST_USE;

struct index_hit {
    uint64_t session;
    struct bytes principal, on_behalf_of, connection, shape, tags, effects, relations, decision, policy, rule,
        error;
    int64_t first_us, last_us; /* to the minute */
    uint64_t executions, errors, rows;
    int64_t us;                             /* all executions together */
    int64_t longest_us;                     /* the longest outcome, */
    uint64_t most_rows;                     /* and the one with the most rows */
    uint32_t first_sequence, last_sequence; /* of their frames */
};
/* Behind which hit a page begins; {0}: at the first. */
struct index_after {
    int64_t minute;
    uint64_t session;
    uint32_t sequence;
};
static inline struct index_after index_hit_place(const struct index_hit *hit)
{
    return (struct index_after){ hit->last_us / 60000000, hit->session, hit->last_sequence };
}
/* What ran, by session, shape and verdict; the newest first. Refused texts that never ran are there with
 * executions counted as attempts. Of the filter: all. */
int index_search(struct index *index, const struct index_filter *filter, const struct index_after *after,
                 void (*visit)(void *context, const struct index_hit *hit), void *context) MUST_USE;

/* Who saw what: a column that has a tag, or that a mask of some policy names, as it came out in results. */
struct index_sight {
    struct bytes principal, connection, relation, column, shape;
    struct bytes state; /* "masked", "clear", or "untraced": its relation was read by what was understood
                           without a catalogue, and column is "*" */
    int64_t first_us, last_us; /* to the minute */
    uint64_t sessions, results, rows;
    uint64_t session;  /* the last */
    uint32_t sequence; /* of the end of its last result of this kind */
};
/* relation: "people", "public.people", or empty for any; column: empty for any; state: empty for any. Of the
 * filter: principal, connection, since_us, until_us, session, limit. By principal, column, state and shape;
 * the newest first. */
int index_sights(struct index *index, const struct index_filter *filter, struct bytes relation,
                 struct bytes column, struct bytes state,
                 void (*visit)(void *context, const struct index_sight *sight), void *context) MUST_USE;

/* ---- finding: pages of what is there, quick however much there is. Newest sessions first, by id. */

/* Whose sessions alone: of this issuer's subject, or on whose verified behalf they were. */
struct index_owner {
    struct bytes issuer, subject, user;
};
enum index_live { INDEX_LIVE_ANY = 0, INDEX_LIVE_ONLY, INDEX_LIVE_OVER };
struct index_find {
    const struct index_owner *owner; /* NULL: anybody's */
    struct bytes principal, on_behalf_of, connection, task;
    enum index_live live;
    int64_t since_us, until_us; /* sessions that had something since, and began before until */
    uint64_t session;           /* only this one; 0: any */
    /* Of statements; a session is found where it has one that is all of this. Verdicts and texts are those of
     * struct index_filter. */
    struct bytes verdict, error, relation, effect;
    int64_t least_us;
    uint64_t least_rows;
    const struct bytes *texts;
    size_t n_texts;
    size_t limit; /* 1 to INDEX_FIND_MOST */
};
enum { INDEX_FIND_MOST = 200 };
/* Where a page ends, and the next begins: {0} at first. */
struct index_place {
    uint64_t session;  /* before this one; with a sequence: or in it */
    uint32_t sequence; /* in it: statements whose first_sequence is smaller, */
    int64_t shape;     /* or the same and the shape's number smaller */
};
/* At most limit sessions or statements. *next_out: where to go on; *more_out: whether. A page may hold fewer
 * than limit, even none, and have more behind it: how much is looked at in one call has a ceiling. */
int index_find_sessions(struct index *index, const struct index_find *find, const struct index_place *from,
                        void (*visit)(void *context, const struct index_session *session), void *context,
                        struct index_place *next_out, bool *more_out) MUST_USE;
/* Statements of the newest session first, and in a session the newest first: one for each shape, minute and
 * verdict. */
int index_find_statements(struct index *index, const struct index_find *find, const struct index_place *from,
                          void (*visit)(void *context, const struct index_hit *hit), void *context,
                          struct index_place *next_out, bool *more_out) MUST_USE;
/* One session. -ENOENT. */
int index_session_of(struct index *index, uint64_t id,
                     void (*visit)(void *context, const struct index_session *session),
                     void *context) MUST_USE;
/* At most limit sessions that had something behind this time, in the order of it. */
int index_sessions_since(struct index *index, const struct index_owner *owner, int64_t since_us, size_t limit,
                         void (*visit)(void *context, const struct index_session *session),
                         void *context) MUST_USE;
/* How many are open. */
int index_count_live(struct index *index, const struct index_owner *owner, uint64_t *n_out) MUST_USE;

/* ---- counts over time, kept while following: they cost the same however much happened */

enum index_rollup { INDEX_BY_TIME = 0, INDEX_BY_PRINCIPAL, INDEX_BY_RELATION, INDEX_BY_SHAPE };
struct index_count {
    int64_t since_us;  /* INDEX_BY_TIME: the bucket's beginning */
    struct bytes name; /* the principal, the relation, the shape's text */
    uint64_t statements, refused, held, errors, rows;
    int64_t us;
};
/* BY_TIME: buckets of bucket_s seconds (a multiple of 60) that have something, oldest first. The others: the
 * limit busiest of the hours that overlap; BY_SHAPE: those with the longest mean time. */
int index_counts(struct index *index, enum index_rollup by, int64_t since_us, int64_t until_us,
                 int64_t bucket_s, size_t limit,
                 void (*visit)(void *context, const struct index_count *count), void *context) MUST_USE;
/* The same of one's own sessions, counted now; of at most so many of them, the newest first. */
int index_counts_of(struct index *index, const struct index_owner *owner, enum index_rollup by,
                    int64_t since_us, int64_t until_us, int64_t bucket_s, size_t limit,
                    void (*visit)(void *context, const struct index_count *count), void *context) MUST_USE;

/* Who approved what: one for each decision, and one without where nobody decided. Times of the gateway. */
struct index_approval {
    struct bytes request, principal, on_behalf_of, connection;
    struct bytes rule;  /* "policy/rule"; empty: the session's record did not tell */
    struct bytes state; /* waiting, approved, used, lapsed, denied, expired, withdrawn */
    uint64_t session;
    int64_t asked_us, state_us;
    int64_t rows; /* that a dry run counted; below 0: none was */
    struct bytes by_user, by_subject, by_issuer, decision /* "approve", "deny" */, via;
    int64_t decided_us; /* 0: nobody decided */
};
/* The newest first. Of the filter: principal (who asked), connection, since_us, until_us (of asking),
 * session, limit. by: the user who decided; state: as above; empty: any. */
int index_approvals(struct index *index, const struct index_filter *filter, struct bytes by,
                    struct bytes state, void (*visit)(void *context, const struct index_approval *approval),
                    void *context) MUST_USE;

/* Connections that were turned away before they were sessions. */
struct index_rejection {
    uint64_t session;
    int64_t time_us;
    struct bytes reason, sqlstate, principal, client;
};
int index_rejections(struct index *index, const struct index_filter *filter,
                     void (*visit)(void *context, const struct index_rejection *rejection),
                     void *context) MUST_USE;
#endif
