/* Who approved what. The gateway's own frames (session 0) tell of every request, whatever becomes of its
 * session; the session's own frame adds the rule that held the statement. Reasons, texts and parameters stay
 * in the log. */
#include "record/index-approvals.h"
#include "record/index-private.h"

static struct bytes get(struct bytes fields, const char *name)
{
    return bytes_slice(frame_fields_get(fields, name), 0, 1024);
}

static struct bytes never_null(struct bytes b)
{
    return b.p ? b : BYTES_LITERAL("");
}

static int take_rule(struct index *index, uint64_t session, const struct frame *frame)
{
    int error;
    struct sqlite_query *q = index_statement(index, INDEX_APPROVAL_RULE, &error);
    if (!q) return error;
    sqlite_query_bind_text(q, 1, get(frame->body, "request"));
    sqlite_query_bind_int(q, 2, (int64_t)session);
    sqlite_query_bind_text(q, 3, get(frame->body, "rule"));
    sqlite_query_bind_int(q, 4, frame->time_us);
    return sqlite_query_finish(q);
}

static int take_decision(struct index *index, const struct frame *frame)
{
    int error;
    struct bytes f = frame->body;
    struct sqlite_query *q = index_statement(index, INDEX_APPROVAL_DECISION, &error);
    if (!q) return error;
    sqlite_query_bind_text(q, 1, get(f, "request"));
    sqlite_query_bind_text(q, 2, never_null(get(f, "by_issuer")));
    sqlite_query_bind_text(q, 3, never_null(get(f, "by_subject")));
    sqlite_query_bind_text(q, 4, never_null(get(f, "by_user")));
    sqlite_query_bind_text(q, 5, never_null(get(f, "decision")));
    sqlite_query_bind_text(q, 6, get(f, "via"));
    sqlite_query_bind_int(q, 7, frame->time_us);
    return sqlite_query_finish(q);
}

int index_approval_take(struct index *index, uint64_t session, const struct frame *frame)
{
    int error;
    int64_t rows;
    uint64_t whose = 0;
    struct bytes f = frame->body, state = get(f, "state");
    if (!get(f, "request").n || !state.n) return 0;
    if (session) return bytes_is(state, "asked") ? take_rule(index, session, frame) : 0;
    struct sqlite_query *q = index_statement(index, INDEX_APPROVAL_ADD, &error);
    if (!q) return error;
    sqlite_query_bind_text(q, 1, get(f, "request"));
    if (session_id_parse(get(f, "session"), &whose)) sqlite_query_bind_int(q, 2, (int64_t)whose);
    sqlite_query_bind_text(q, 3, get(f, "principal"));
    sqlite_query_bind_text(q, 4, get(f, "on_behalf_of"));
    sqlite_query_bind_text(q, 5, get(f, "connection"));
    sqlite_query_bind_text(q, 6, state);
    sqlite_query_bind_int(q, 7, frame->time_us);
    if (bytes_to_int64(get(f, "rows"), &rows)) sqlite_query_bind_int(q, 8, rows);
    error = sqlite_query_finish(q);
    /* Of one whose session was erased meanwhile, no name. */
    q = error || !whose ? NULL : index_statement(index, INDEX_TOMBSTONE_APPROVAL, &error);
    if (q) {
        sqlite_query_bind_int(q, 1, (int64_t)whose);
        error = sqlite_query_finish(q);
    }
    return error || !get(f, "decision").n ? error : take_decision(index, frame);
}

/* ---- asking */

int index_approvals(struct index *index, const struct index_filter *filter, struct bytes by,
                    struct bytes state, void (*visit)(void *context, const struct index_approval *approval),
                    void *context)
{
    static const char sql[] =
        "SELECT a.request, a.session, coalesce(a.principal, s.principal), coalesce(a.on_behalf_of, "
        "s.on_behalf_of),"
        " a.connection, a.rule, a.state, a.asked_us,"
        " a.state_us, coalesce(a.rows, -1), d.user, d.subject, d.issuer, d.decision, d.via, "
        "coalesce(d.time_us, 0)"
        " FROM approval a LEFT JOIN approval_decision d ON d.request = a.request"
        " LEFT JOIN session s ON s.id = a.session"
        " WHERE (?1 IS NULL OR coalesce(a.principal, s.principal) = ?1) AND (?2 IS NULL OR a.connection = "
        "?2) AND a.asked_us >= ?3"
        " AND a.asked_us < ?4 AND (?5 IS NULL OR a.session = ?5) AND (?7 IS NULL OR d.user = ?7)"
        " AND (?8 IS NULL OR a.state = ?8) ORDER BY a.asked_us DESC, a.request DESC, d.time_us LIMIT ?6";
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, sql, &q);
    if (error) return error;
    index_bind_filter(q, filter);
    index_bind_asked(q, 7, by);
    index_bind_asked(q, 8, state);
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_approval a = { .request = sqlite_query_text(q, 0),
                                    .session = (uint64_t)sqlite_query_int(q, 1),
                                    .principal = sqlite_query_text(q, 2),
                                    .on_behalf_of = sqlite_query_text(q, 3),
                                    .connection = sqlite_query_text(q, 4),
                                    .rule = sqlite_query_text(q, 5),
                                    .state = sqlite_query_text(q, 6),
                                    .asked_us = sqlite_query_int(q, 7),
                                    .state_us = sqlite_query_int(q, 8),
                                    .rows = sqlite_query_int(q, 9),
                                    .by_user = sqlite_query_text(q, 10),
                                    .by_subject = sqlite_query_text(q, 11),
                                    .by_issuer = sqlite_query_text(q, 12),
                                    .decision = sqlite_query_text(q, 13),
                                    .via = sqlite_query_text(q, 14),
                                    .decided_us = sqlite_query_int(q, 15) };
        visit(context, &a);
    }
    return index_done(q);
}
