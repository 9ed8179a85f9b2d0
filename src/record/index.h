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
    int64_t since_us, until_us;
    /* "allow", "deny", "hold", "error", "observed" (would have been refused): some statement was that */
    struct bytes verdict;
    struct bytes error;            /* an SQLSTATE, or its first two characters: a class */
    struct bytes relation, effect; /* "orders" or "public.orders"; "delete" */
    uint64_t session;              /* 0: any */
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
    struct bytes principal, connection, shape, tags, effects, relations, decision, policy, rule, error;
    int64_t first_us, last_us; /* to the minute */
    uint64_t executions, errors, rows;
    int64_t us;                             /* all executions together */
    uint32_t first_sequence, last_sequence; /* of their frames */
};
/* What ran, by session, shape and verdict; the newest first. Refused texts that never ran are there with
 * executions counted as attempts. */
int index_search(struct index *index, const struct index_filter *filter,
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
