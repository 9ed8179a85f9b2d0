/* The gateway's own frames name what happened in a field "event", or "what" (looks). Of the other fields,
 * only those that are named here are kept: none holds what a database client sent. */
#include "record/index-gateway.h"
#include "base/cursor.h"

enum { FIELD_CEILING = 1024, DETAIL_CEILING = 4096 };

static struct bytes get(struct bytes fields, const char *name)
{
    return bytes_slice(frame_fields_get(fields, name), 0, FIELD_CEILING);
}

/* What is told of an event besides, as "name value, name value". */
static void put_detail(struct bytes fields, struct buf *out)
{
    static const char *const names[] = { "was",  "policies", "lane", "frames",  "bytes-cut", "reason",
                                         "boot", "how",      "from", "version", "column",    "period" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bytes value = get(fields, names[i]);
        if (value.n) buf_printf(out, "%s%s %.*s", buf_length(out) ? ", " : "", names[i], BYTES_FMT(value));
    }
}

static int take_event(struct index *index, const struct frame *frame)
{
    int error;
    uint64_t whose;
    struct buf detail;
    struct bytes f = frame->body, event = get(f, "event");
    if (!event.n) event = get(f, "what");
    if (!event.n) return 0;
    struct sqlite_query *q = index_statement(index, INDEX_GATEWAY_ADD, &error);
    if (!q) return error;
    buf_init(&detail, DETAIL_CEILING);
    put_detail(f, &detail);
    const struct bytes texts[] = {
        event, get(f, "user"), get(f, "subject"), get(f, "issuer"), get(f, "client"), get(f, "hash")
    };
    sqlite_query_bind_int(q, 1, frame->time_us);
    for (int i = 0; i < 6; i++)
        sqlite_query_bind_text(q, 2 + i, texts[i]);
    if (session_id_parse(get(f, "session"), &whose)) sqlite_query_bind_int(q, 8, (int64_t)whose);
    sqlite_query_bind_text(q, 9, buf_bytes(&detail));
    buf_free(&detail);
    return sqlite_query_finish(q);
}

/* A cut without a run: from there on the session goes on unrecorded, as its policy wants. */
static int take_cut(struct index *index, uint64_t session, const struct frame *frame)
{
    int error;
    struct cursor c = cursor_over(frame->body);
    uint32_t run = cursor_u32(&c);
    struct sqlite_query *q = c.failed ? NULL : index_statement(index, INDEX_GAP_ADD, &error);
    if (c.failed) return 0;
    if (!q) return error;
    sqlite_query_bind_int(q, 1, (int64_t)session);
    sqlite_query_bind_int(q, 2, frame->sequence);
    sqlite_query_bind_int(q, 3, frame->time_us);
    sqlite_query_bind_text(q, 4, run ? BYTES_LITERAL("result cut") : BYTES_LITERAL("unrecorded"));
    return sqlite_query_finish(q);
}

int index_gateway_take(struct index *index, uint64_t session, const struct frame *frame)
{
    if (frame->type == FRAME_CUT) return session ? take_cut(index, session, frame) : 0;
    return session ? 0 : take_event(index, frame);
}
