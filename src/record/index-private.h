/* What the files of the index share: the connection and its prepared statements. */
#ifndef POSTERN_RECORD_INDEX_PRIVATE_H
#define POSTERN_RECORD_INDEX_PRIVATE_H
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
    INDEX_N_STATEMENTS
};

struct index {
    struct sqlite_db *db;
    struct sqlite_query *queries[INDEX_N_STATEMENTS];
    uint64_t position; /* within a batch: behind the last block of it */
    uint64_t seed;
};

/* The kinds of frames that the index takes something from, as a set (frame_type_bit). */
uint32_t index_types(void);

/* The prepared statement, reset; NULL and *error_out where it cannot be prepared. */
struct sqlite_query *index_statement(struct index *index, enum index_statement which, int *error_out);
#endif
