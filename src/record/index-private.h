/* What the files of the index share: the connection and its prepared statements. */
#ifndef POSTERN_RECORD_INDEX_PRIVATE_H
#define POSTERN_RECORD_INDEX_PRIVATE_H
#include "base/buf.h"
#include "base/map.h"
#include "record/index.h"
#include "store/sqlite.h"

/* The statements that writing needs, prepared at their first use. */
enum index_statement {
    INDEX_POSITION_GET,
    INDEX_POSITION_SET,
    INDEX_SESSION_GET,
    INDEX_SESSION_START,
    INDEX_SESSION_CONTEXT,
    INDEX_SESSION_END,
    INDEX_SESSION_COUNT,
    INDEX_SHAPE_FIND,
    INDEX_SHAPE_ADD,
    INDEX_SHAPE_WORDS,
    INDEX_RELATION_ADD,
    INDEX_SHAPE_RELATION,
    INDEX_SHAPE_EFFECT,
    INDEX_TEXT_ADD,
    INDEX_TEXT_FIND,
    INDEX_TEXT_SEEN_ADD,
    INDEX_TEXT_SEEN_EACH,
    INDEX_SEEN_ADD,
    INDEX_EXECUTION_ADD,
    INDEX_FAILURE_ADD,
    INDEX_REJECTION_ADD,
    INDEX_OPEN_ADD,
    INDEX_OPEN_EACH,
    INDEX_OPEN_DROP,
    INDEX_PART_ADD,
    INDEX_PART_GET,
    INDEX_PART_DROP,
    INDEX_ROLLUP_ADD,
    INDEX_APPROVAL_ADD,
    INDEX_APPROVAL_RULE,
    INDEX_APPROVAL_DECISION,
    INDEX_TOMBSTONE_ADD,
    INDEX_TOMBSTONE_SESSION,
    INDEX_TOMBSTONE_APPROVAL,
    INDEX_ERASURE_ADD,
    INDEX_GATEWAY_ADD,
    INDEX_GAP_ADD,
    INDEX_VALUE_KEY_GET,
    INDEX_VALUE_KEY_SET,
    INDEX_VALUE_SESSION_ADD,
    INDEX_VALUE_SESSION_MOVE,
    INDEX_VALUE_COLUMN_ADD,
    INDEX_VALUE_SEEN_ADD,
    INDEX_VALUE_WORK,
    INDEX_N_STATEMENTS
};

struct index {
    struct sqlite_db *db;
    struct sqlite_query *queries[INDEX_N_STATEMENTS];
    uint64_t position; /* within a batch: behind the last block of it */
    uint64_t seed;
    /* Counts of the batch, by kind, span and name, which its commit adds to the table. */
    struct map rollups;
    struct arena rollups_arena;
    struct rollup *all_rollups;
};

/* The views of doc/audit-sql.md: their names, NULL behind the last, and what makes them. */
extern const char *const index_views[];
extern const char index_views_sql[];

/* The kinds of frames that the index takes something from, as a set (frame_type_bit). */
uint32_t index_types(void);

void rollups_init(struct index *index);
void rollups_free(struct index *index);
/* Adds to the batch's counts: by minute, by the minute's hour and the principal, and by hour and shape. 0 or
 * -ENOMEM. */
struct rollup_add {
    int64_t minute, shape, n, errors, rows, us;
    struct bytes principal, decision;
};
int rollups_add(struct index *index, const struct rollup_add *add) MUST_USE;
/* Writes them, and begins anew. */
int rollups_save(struct index *index) MUST_USE;

/* A session from a query whose columns are INDEX_SESSION_COLUMNS. */
#define INDEX_SESSION_COLUMNS                                                                                \
    "s.id, s.principal, s.subject, s.issuer, s.groups, s.on_behalf_of, s.connection, s.database, s.login,"   \
    " s.client, s.application, s.policies, s.policy_hash, s.task, s.agent, s.reason, s.machine,"             \
    " s.started_us, s.last_us, s.ended_us, s.statements, s.refused, s.errors, s.rows, s.last_sequence"
void index_session_read(struct sqlite_query *q, struct index_session *session_out);
/* A hit from a query that begins with INDEX_HIT_COLUMNS and goes on with its error, first and last minute,
 * executions, errors, rows, time, longest outcome, most rows, first and last sequence. */
#define INDEX_HIT_COLUMNS                                                                                    \
    "e.session, s.principal, s.on_behalf_of, s.connection, h.text, h.tags, h.effects, h.relations,"          \
    " e.decision, e.policy, e.rule"
void index_hit_read(struct sqlite_query *q, struct index_hit *hit_out);
/* What a question binds for its filter: ?1 the principal, ?2 the connection, ?3 and ?4 from when until when,
 * ?5 the session, ?6 how many. What is not asked for is NULL; without a ceiling ?6 is -1. */
void index_bind_filter(struct sqlite_query *q, const struct index_filter *filter);
/* NULL where it is empty: not asked for. */
void index_bind_asked(struct sqlite_query *q, int place, struct bytes text);
/* Frees a question that was stepped through; 0 or what went wrong in it. */
int index_done(struct sqlite_query *q) MUST_USE;
/* Each text as a phrase for full text; nothing in it is an operator. */
int index_words(const struct bytes *texts, size_t n, struct buf *out) MUST_USE;

/* The prepared statement, reset; NULL and *error_out where it cannot be prepared. */
struct sqlite_query *index_statement(struct index *index, enum index_statement which, int *error_out);
#endif
