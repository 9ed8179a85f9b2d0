/* Asking the index. A filter that is not set is NULL in the statement and lets everything pass: one fixed
 * text a question, whatever is asked, so that nothing a person types becomes SQL. */
#include "base/buf.h"
#include "record/index-private.h"
#include "record/index.h"
#include <errno.h>

/* Parameters that all questions share: ?1 principal, ?2 connection, ?3 since, ?4 until, ?5 session, ?6
 * limit, ?7 verdict, ?8 error, ?9 relation, ?10 effect, ?11 full text, ?12 least time, ?13 least rows, ?14 on
 * behalf of; of a search, ?15 to ?17: behind which hit. */
#define SESSION_FILTER                                                                                       \
    "(?1 IS NULL OR s.principal = ?1) AND (?2 IS NULL OR s.connection = ?2) AND (?5 IS NULL OR s.id = ?5)"
#define SHAPE_FILTER                                                                                         \
    " AND (?9 IS NULL OR e.shape IN (SELECT sr.shape FROM relation r JOIN shape_relation sr"                 \
    " ON sr.relation = r.id WHERE r.name = ?9 OR r.tail = ?9))"                                              \
    " AND (?10 IS NULL OR e.shape IN (SELECT shape FROM shape_effect WHERE effect = ?10"                     \
    " OR substr(effect, 1, length(?10) + 1) = ?10 || '.'))"                                                  \
    " AND (?11 IS NULL OR e.shape IN (SELECT rowid FROM shape_words WHERE shape_words MATCH ?11))"
#define VERDICT_FILTER " AND (?7 IS NULL OR e.decision = ?7 OR (?7 = 'error' AND e.errors > 0))"
#define SIZE_FILTER                                                                                          \
    " AND (?12 IS NULL OR coalesce(e.longest_us, e.us) >= ?12)"                                              \
    " AND (?13 IS NULL OR coalesce(e.most_rows, e.rows) >= ?13)"

void index_bind_asked(struct sqlite_query *q, int place, struct bytes text)
{
    sqlite_query_bind_text(q, place, text.n ? text : (struct bytes){ 0 });
}

void index_bind_filter(struct sqlite_query *q, const struct index_filter *filter)
{
    index_bind_asked(q, 1, filter->principal);
    index_bind_asked(q, 2, filter->connection);
    sqlite_query_bind_int(q, 3, filter->since_us);
    sqlite_query_bind_int(q, 4, filter->until_us ? filter->until_us : INT64_MAX);
    if (filter->session) sqlite_query_bind_int(q, 5, (int64_t)filter->session);
    sqlite_query_bind_int(q, 6, filter->limit ? (int64_t)filter->limit : -1);
}

int index_done(struct sqlite_query *q)
{
    int error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

/* Each text becomes a quoted phrase: nothing in it is an operator. */
int index_words(const struct bytes *texts, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        struct bytes text = texts[i];
        bool prefix = text.n > 1 && text.p[text.n - 1] == '*';
        if (prefix) text.n--;
        buf_append_text(out, "\"");
        for (size_t k = 0; k < text.n; k++) {
            if (text.p[k] == '"') buf_put_u8(out, '"');
            buf_put_u8(out, text.p[k] ? text.p[k] : ' ');
        }
        buf_append_text(out, prefix ? "\"* " : "\" ");
    }
    return out->failed ? -ENOMEM : 0;
}

static int bind_words(struct sqlite_query *q, const struct index_filter *filter)
{
    struct buf match;
    buf_init(&match, 1 << 20);
    int error = index_words(filter->texts, filter->n_texts, &match);
    index_bind_asked(q, 11, buf_bytes(&match));
    buf_free(&match);
    return error;
}

static int ask(struct index *index, const char *sql, const struct index_filter *filter, bool shapes,
               struct sqlite_query **q_out)
{
    int error = sqlite_query_new(index->db, sql, q_out);
    if (error) return error;
    struct sqlite_query *q = *q_out;
    index_bind_filter(q, filter);
    if (!shapes) return 0;
    index_bind_asked(q, 7, filter->verdict);
    index_bind_asked(q, 8, filter->error);
    index_bind_asked(q, 9, filter->relation);
    index_bind_asked(q, 10, filter->effect);
    if (filter->least_us) sqlite_query_bind_int(q, 12, filter->least_us);
    if (filter->least_rows) sqlite_query_bind_int(q, 13, (int64_t)filter->least_rows);
    index_bind_asked(q, 14, filter->on_behalf_of);
    error = bind_words(q, filter);
    if (error) sqlite_query_free(q);
    return error;
}

void index_session_read(struct sqlite_query *q, struct index_session *s)
{
    *s = (struct index_session){ .id = (uint64_t)sqlite_query_int(q, 0) };
    struct bytes *texts[] = { &s->principal,  &s->subject,     &s->issuer, &s->groups, &s->on_behalf_of,
                              &s->connection, &s->database,    &s->login,  &s->client, &s->application,
                              &s->policies,   &s->policy_hash, &s->task,   &s->agent,  &s->reason };
    for (int i = 0; i < 15; i++)
        *texts[i] = sqlite_query_text(q, i + 1);
    s->machine = sqlite_query_int(q, 16) != 0;
    s->started_us = sqlite_query_int(q, 17);
    s->last_us = sqlite_query_int(q, 18);
    s->ended_us = sqlite_query_int(q, 19);
    s->statements = (uint64_t)sqlite_query_int(q, 20);
    s->refused = (uint64_t)sqlite_query_int(q, 21);
    s->errors = (uint64_t)sqlite_query_int(q, 22);
    s->rows = (uint64_t)sqlite_query_int(q, 23);
    s->last_sequence = (uint32_t)sqlite_query_int(q, 24);
}

int index_sessions(struct index *index, const struct index_filter *filter,
                   void (*visit)(void *context, const struct index_session *session), void *context)
{
    static const char sql[] =
        "SELECT " INDEX_SESSION_COLUMNS " FROM session s WHERE " SESSION_FILTER
        " AND s.last_us >= ?3 AND s.started_us < ?4"
        " AND (?14 IS NULL OR s.on_behalf_of = ?14)"
        " AND (coalesce(?7, ?9, ?10, ?11, ?12, ?13) IS NULL OR EXISTS (SELECT 1 FROM execution e WHERE"
        " e.session = s.id" VERDICT_FILTER SHAPE_FILTER SIZE_FILTER "))"
        " AND (?8 IS NULL OR EXISTS (SELECT 1 FROM failure f WHERE f.session = s.id"
        " AND substr(f.sqlstate, 1, length(?8)) = ?8)) ORDER BY s.started_us DESC, s.id DESC LIMIT ?6";
    struct sqlite_query *q;
    int error = ask(index, sql, filter, true, &q);
    if (error) return error;
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_session s;
        index_session_read(q, &s);
        visit(context, &s);
    }
    return index_done(q);
}

void index_hit_read(struct sqlite_query *q, struct index_hit *h)
{
    *h = (struct index_hit){ .session = (uint64_t)sqlite_query_int(q, 0) };
    struct bytes *texts[] = { &h->principal, &h->on_behalf_of, &h->connection, &h->shape,
                              &h->tags,      &h->effects,      &h->relations,  &h->decision,
                              &h->policy,    &h->rule,         &h->error };
    for (int i = 0; i < 11; i++)
        *texts[i] = sqlite_query_text(q, i + 1);
    h->first_us = sqlite_query_int(q, 12) * 60000000;
    h->last_us = sqlite_query_int(q, 13) * 60000000;
    h->executions = (uint64_t)sqlite_query_int(q, 14);
    h->errors = (uint64_t)sqlite_query_int(q, 15);
    h->rows = (uint64_t)sqlite_query_int(q, 16);
    h->us = sqlite_query_int(q, 17);
    h->longest_us = sqlite_query_int(q, 18);
    h->most_rows = (uint64_t)sqlite_query_int(q, 19);
    h->first_sequence = (uint32_t)sqlite_query_int(q, 20);
    h->last_sequence = (uint32_t)sqlite_query_int(q, 21);
}

int index_search(struct index *index, const struct index_filter *filter, const struct index_after *after,
                 void (*visit)(void *context, const struct index_hit *hit), void *context)
{
    static const char sql[] =
        "SELECT " INDEX_HIT_COLUMNS ", (SELECT f.sqlstate FROM failure f WHERE f.session = e.session AND"
        " f.shape = e.shape AND (?8 IS NULL OR substr(f.sqlstate, 1, length(?8)) = ?8)"
        " ORDER BY f.sequence DESC LIMIT 1), min(e.minute), max(e.minute), sum(e.n), sum(e.errors),"
        " sum(e.rows), sum(e.us), max(coalesce(e.longest_us, e.us)), max(coalesce(e.most_rows, e.rows)),"
        " min(e.first_sequence), max(e.last_sequence)"
        " FROM execution e JOIN session s ON s.id = e.session JOIN shape h ON h.id = e.shape"
        " WHERE " SESSION_FILTER " AND (?14 IS NULL OR s.on_behalf_of = ?14)"
        " AND e.minute >= ?3 / 60000000 AND e.minute * 60000000 < ?4" VERDICT_FILTER SHAPE_FILTER SIZE_FILTER
        " AND (?8 IS NULL OR EXISTS (SELECT 1 FROM failure f WHERE f.session = e.session AND f.shape ="
        " e.shape AND substr(f.sqlstate, 1, length(?8)) = ?8))"
        " GROUP BY e.session, e.shape, e.decision, e.policy, e.rule"
        " HAVING ?15 IS NULL OR (max(e.minute), e.session, max(e.last_sequence)) < (?15, ?16, ?17)"
        " ORDER BY max(e.minute) DESC, e.session DESC, max(e.last_sequence) DESC LIMIT ?6";
    struct sqlite_query *q;
    int error = ask(index, sql, filter, true, &q);
    if (error) return error;
    if (after->minute) {
        sqlite_query_bind_int(q, 15, after->minute);
        sqlite_query_bind_int(q, 16, (int64_t)after->session);
        sqlite_query_bind_int(q, 17, after->sequence);
    }
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_hit h;
        index_hit_read(q, &h);
        visit(context, &h);
    }
    return index_done(q);
}

int index_rejections(struct index *index, const struct index_filter *filter,
                     void (*visit)(void *context, const struct index_rejection *rejection), void *context)
{
    static const char sql[] =
        "SELECT session, time_us, reason, sqlstate, principal, client FROM rejection"
        " WHERE (?1 IS NULL OR principal = ?1) AND ?2 IS NULL AND time_us >= ?3 AND time_us < ?4"
        " AND (?5 IS NULL OR session = ?5) ORDER BY time_us DESC LIMIT ?6";
    struct sqlite_query *q;
    int error = ask(index, sql, filter, false, &q);
    if (error) return error;
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_rejection r = { .session = (uint64_t)sqlite_query_int(q, 0),
                                     .time_us = sqlite_query_int(q, 1),
                                     .reason = sqlite_query_text(q, 2),
                                     .sqlstate = sqlite_query_text(q, 3),
                                     .principal = sqlite_query_text(q, 4),
                                     .client = sqlite_query_text(q, 5) };
        visit(context, &r);
    }
    return index_done(q);
}
