/* Following a log: block after block into batches. A block whose head says that it holds nothing for the
 * index (rows, COPY data, parameters) is not opened: of a result of a gigabyte, that is nearly all. */
#include "record/index-erase.h"
#include "record/index-private.h"
#include <errno.h>

struct following {
    struct record_reader *reader;
    bool bad;
};

static int next_frame(void *context, struct frame *frame_out)
{
    struct following *f = context;
    switch (record_reader_next(f->reader, frame_out)) {
    case RECORD_READ_FRAME: return 1;
    case RECORD_READ_END: return 0;
    case RECORD_READ_BAD: f->bad = true; return 0;
    }
    return 0;
}

/* What of a block that stays closed counts: how far its session has come, by the head. */
static int pass_session(struct index *index, const struct record_block *block)
{
    int error;
    struct sqlite_query *q = index_statement(index, INDEX_SESSION_COUNT, &error);
    if (!q) return error;
    sqlite_query_bind_int(q, 1, (int64_t)block->session);
    sqlite_query_bind_int(q, 2, block->first_us);
    sqlite_query_bind_int(q, 3, block->last_sequence);
    for (int i = 4; i <= 7; i++)
        sqlite_query_bind_int(q, i, 0);
    return sqlite_query_finish(q);
}

static int pass_block(struct index *index, const struct record_block *block, struct index_progress *progress)
{
    int error = block->session && !block->erased ? pass_session(index, block) : 0;
    struct sqlite_query *q = error ? NULL : index_statement(index, INDEX_POSITION_SET, &error);
    if (!q) return error;
    sqlite_query_bind_int(q, 1, (int64_t)block->next_position);
    sqlite_query_bind_int(q, 2, block->time_us);
    error = sqlite_query_finish(q);
    if (error) return error;
    index->position = progress->position = block->next_position;
    progress->last_us = block->time_us;
    progress->blocks++;
    progress->frames += block->last_sequence - block->first_sequence + UINT64_C(1);
    return 0;
}

/* Of a session that was erased a tombstone is left. */
static int pass_erased(struct index *index, const struct record_block *block, struct index_progress *progress)
{
    const struct session_grave grave = { block->erasure, block->erased_us };
    int error = index_bury(index, block->session, &grave);
    return error ? error : pass_block(index, block, progress);
}

static int take_in(struct index *index, struct record_reader *reader, const struct record_block *block,
                   struct index_progress *progress)
{
    struct following f = { .reader = reader };
    if (block->erased) return pass_erased(index, block, progress);
    if (!(block->types & index_types())) return pass_block(index, block, progress);
    int error = index_batch_block(index, block, next_frame, &f, progress);
    if (f.bad) progress->damaged++;
    return error;
}

int index_follow(struct index *index, struct record_reader *reader, struct index_progress *progress_out)
{
    int error = index_batch_begin(index, 100);
    if (error) return error;
    *progress_out = (struct index_progress){ .position = index->position };
    record_reader_follow_types(reader, index_types());
    for (int i = 0; i < INDEX_BATCH_BLOCKS && !error && !progress_out->at_end; i++) {
        struct record_block block;
        switch (record_reader_follow(reader, index->position, &block)) {
        case RECORD_READ_END: progress_out->at_end = true; break;
        case RECORD_READ_BAD: error = -EBADMSG; break;
        case RECORD_READ_FRAME: error = take_in(index, reader, &block, progress_out); break;
        }
    }
    record_reader_follow_types(reader, UINT32_MAX);
    if (error) {
        index_batch_rollback(index);
        return error;
    }
    return index_batch_commit(index);
}
