/* Taking blocks in. A block is of one session; what its frames say is gathered in memory (runs that are
 * open, counts by shape and minute) and written at the block's end, so that a thousand executions of one
 * statement cost a row and not a thousand.
 *
 * What is read is only what the index keeps: the rest of a frame is not looked at. A frame that is malformed
 * is counted and passed over: the log is the evidence, and `audit verify` speaks about it. */
#include "record/index-approvals.h"
#include "record/index-erase.h"
#include "record/index-gateway.h"
#include "record/index-seen.h"
#include "record/index-taking.h"
#include "record/index.h"
#include <errno.h>

struct sqlite_query *taking_statement(struct taking *t, enum index_statement which)
{
    if (t->error) return NULL;
    struct sqlite_query *q = index_statement(t->index, which, &t->error);
    return q;
}

void taking_finish(struct taking *t, struct sqlite_query *q)
{
    int error = sqlite_query_finish(q);
    if (!t->error) t->error = error;
}

struct bytes taking_keep(struct taking *t, struct bytes b)
{
    struct bytes copy = arena_copy(&t->arena, b);
    if (!copy.p && !t->error) t->error = -ENOMEM;
    return copy;
}

struct bytes taking_key(const uint32_t *number)
{
    return bytes_make(number, sizeof *number);
}

/* ---- frames */

uint32_t index_types(void)
{
    return frame_type_bit(FRAME_SESSION_START) | frame_type_bit(FRAME_SESSION_END) |
           frame_type_bit(FRAME_CONTEXT) | frame_type_bit(FRAME_TEXT) | frame_type_bit(FRAME_QUERY) |
           frame_type_bit(FRAME_EXECUTE) | frame_type_bit(FRAME_CALL) | frame_type_bit(FRAME_PARSE) |
           frame_type_bit(FRAME_COMPLETE) | frame_type_bit(FRAME_ERROR) | frame_type_bit(FRAME_REJECTED) |
           frame_type_bit(FRAME_FOUND) | frame_type_bit(FRAME_APPROVAL) | frame_type_bit(FRAME_GATEWAY) |
           frame_type_bit(FRAME_CUT);
}

/* What index_types says, and nothing else. */
static void take_frame(struct taking *t, const struct frame *frame)
{
    switch ((enum frame_type)frame->type) {
    case FRAME_SESSION_START: taking_session_start(t, frame); break;
    case FRAME_SESSION_END: taking_session_end(t, frame); break;
    case FRAME_CONTEXT: taking_session_context(t, frame); break;
    case FRAME_TEXT: taking_text_frame(t, frame); break;
    case FRAME_QUERY:
    case FRAME_EXECUTE:
        t->statements++;
        (void)taking_run(t, frame);
        break;
    case FRAME_CALL: t->statements++; break;
    case FRAME_PARSE: taking_parse(t, frame); break;
    case FRAME_COMPLETE: taking_complete(t, frame); break;
    case FRAME_ERROR:
        /* The rest of a long report holds nothing that is kept. */
        if (bytes_slice(frame->body, 5, 1).n) taking_error(t, frame);
        break;
    case FRAME_REJECTED: taking_rejected(t, frame); break;
    case FRAME_FOUND: taking_found(t, frame); break;
    case FRAME_GATEWAY:
    case FRAME_CUT:
        if (!t->error) t->error = index_gateway_take(t->index, t->session, frame);
        if (!t->error && frame->type == FRAME_GATEWAY && !t->session)
            t->error = index_erasure_take(t->index, frame);
        break;
    case FRAME_APPROVAL:
        if (!t->error) t->error = index_approval_take(t->index, t->session, frame);
        break;
    default: break;
    }
}

/* ---- a block's beginning and end */

static void taking_begin(struct taking *t, struct index *index, uint64_t session)
{
    *t = (struct taking){ .index = index, .session = session };
    arena_init(&t->arena, 64 * 1024, MEMORY_CEILING);
    map_init(&t->texts, RUNS_CEILING, index->seed);
    map_init(&t->tallies, RUNS_CEILING, index->seed);
    map_init(&t->runs, RUNS_CEILING, index->seed);
    struct sqlite_query *q = taking_statement(t, INDEX_SESSION_GET);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)session);
    if (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        t->seen = t->last_sequence = (uint32_t)sqlite_query_int(q, 0);
        t->principal = taking_keep(t, sqlite_query_text(q, 1));
    }
    if (!t->error) t->error = sqlite_query_error(q);
    sqlite_query_reset(q);
}

static void taking_save(struct taking *t)
{
    for (struct tally *tally = t->all_tallies; tally; tally = tally->next)
        taking_save_tally(t, tally);
    taking_save_runs(t);
    struct sqlite_query *q = taking_statement(t, INDEX_SESSION_COUNT);
    if (!q) return;
    const uint64_t numbers[] = { t->last_sequence, (uint64_t)t->statements, t->refused, t->errors, t->rows };
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, t->last_us);
    for (int i = 0; i < 5; i++)
        sqlite_query_bind_int(q, 3 + i, (int64_t)numbers[i]);
    taking_finish(t, q);
}

static int taking_end(struct taking *t)
{
    map_free(&t->texts, NULL);
    map_free(&t->tallies, NULL);
    map_free(&t->runs, NULL);
    arena_free(&t->arena);
    return t->error;
}

static void save_position(struct taking *t, const struct record_block *block)
{
    struct sqlite_query *q = taking_statement(t, INDEX_POSITION_SET);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)block->next_position);
    sqlite_query_bind_int(q, 2, block->time_us);
    taking_finish(t, q);
}

/* Frames that stand about the gateway itself, or that a connection which was turned away has as well. */
static bool makes_session(uint8_t type)
{
    return type != FRAME_REJECTED && type != FRAME_GATEWAY && type != FRAME_SESSION_END &&
           type != FRAME_ERROR && type != FRAME_NOTICE;
}

int index_batch_block(struct index *index, const struct record_block *block,
                      int (*next)(void *context, struct frame *frame_out), void *context,
                      struct index_progress *progress)
{
    struct frame frame;
    struct taking t;
    int more = 1;
    bool real = false; /* a session, and not the gateway itself nor a connection that was turned away */
    if (block->next_position <= index->position) return 0;
    taking_begin(&t, index, block->session);
    taking_load_runs(&t);
    while (!t.error && (more = next(context, &frame)) > 0) {
        if (frame.sequence <= t.seen) continue;
        t.last_sequence = frame.sequence;
        t.last_us = frame.time_us;
        real |= block->session && makes_session(frame.type);
        progress->frames++;
        take_frame(&t, &frame);
    }
    if (!t.error && more < 0) t.error = more;
    if (real || t.seen) taking_save(&t);
    save_position(&t, block);
    progress->damaged += t.damaged;
    if (taking_end(&t)) return t.error;
    index->position = progress->position = block->next_position;
    progress->last_us = block->time_us;
    progress->blocks++;
    return 0;
}
