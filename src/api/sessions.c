/* /v1/sessions: lists, one, ending one, saying why. */
#include "api/handlers.h"
#include "api/private.h"
#include "api/write.h"
#include <errno.h>

enum { LIMIT = 50, CLAIM_MOST = 8192, REASON_MOST = 1000 };

void api_write_session(struct json_writer *w, const struct api_call *call, const struct index_session *s)
{
    json_write_object(w);
    api_write_session_id(w, "id", s->id);
    json_write_text_member(w, "principal", s->principal);
    json_write_text_member(w, "subject", s->subject);
    json_write_text_member(w, "issuer", s->issuer);
    api_write_list(w, "groups", s->groups);
    json_write_bool_member(w, "machine", s->machine);
    api_write_maybe(w, "on_behalf_of", s->on_behalf_of);
    json_write_text_member(w, "connection", s->connection);
    json_write_text_member(w, "database", s->database);
    json_write_text_member(w, "login", s->login);
    json_write_text_member(w, "client", s->client);
    api_write_maybe(w, "application", s->application);
    api_write_list(w, "policies", s->policies);
    json_write_text_member(w, "policy_hash", s->policy_hash);
    api_write_maybe(w, "task", s->task);
    api_write_maybe(w, "agent", s->agent);
    json_write_time_member(w, "started", s->started_us);
    json_write_time_member(w, "last", s->last_us);
    api_write_maybe_time(w, "ended", s->ended_us);
    api_write_maybe(w, "reason", s->reason);
    json_write_bool_member(w, "live", s->ended_us == 0);
    api_write_uint(w, "statements", s->statements);
    api_write_uint(w, "refused", s->refused);
    api_write_uint(w, "errors", s->errors);
    api_write_uint(w, "rows", s->rows);
    api_write_uint(w, "last_sequence", s->last_sequence);
    json_write_bool_member(w, "mine", api_owns(call, s));
    json_write_end(w);
}

struct visit {
    struct json_writer *w;
    const struct api_call *call;
};

static void on_session(void *context, const struct index_session *s)
{
    struct visit *v = context;
    api_write_session(v->w, v->call, s);
}

size_t api_words(struct bytes text, struct bytes *words, size_t most)
{
    size_t n = 0;
    while (text.n && n < most) {
        bool quoted = text.p[0] == '"';
        if (text.p[0] <= ' ' || quoted) text = bytes_slice(text, 1, text.n);
        size_t end = 0;
        while (end < text.n && (quoted ? text.p[end] != '"' : text.p[end] > ' ' && text.p[end] != '"'))
            end++;
        if (end) words[n++] = bytes_slice(text, 0, end);
        text = bytes_slice(text, end + quoted, text.n);
    }
    return n;
}

bool api_find(struct api_call *call, struct api_found *out)
{
    struct index_find *f = &out->find;
    uint64_t limit;
    *out = (struct api_found){ 0 };
    f->principal = api_query(call, "who");
    f->connection = api_query(call, "connection");
    f->verdict = api_query(call, "verdict");
    f->relation = api_query(call, "table");
    out->owner = api_owner(call);
    if (!api_has_role(call, API_AUDITOR) && !api_has_role(call, API_ADMIN)) f->owner = &out->owner;
    f->texts = out->words;
    f->n_texts = api_words(api_query(call, "text"), out->words, API_WORDS_MOST);
    static const char *const verdicts[] = { "allow", "deny", "hold", "observed", "error" };
    bool known = !f->verdict.n;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        known = known || bytes_is(f->verdict, verdicts[i]);
    if (!known)
        return api_problem(call, 400, "bad-request", "\"verdict\" is allow, deny, hold, observed or error.");
    if (!api_query_time(call, "since", &f->since_us) || !api_query_time(call, "until", &f->until_us) ||
        !api_query_number(call, "limit", LIMIT, 1, INDEX_FIND_MOST, &limit) || !api_cursor(call, &out->from))
        return false;
    f->limit = limit;
    return true;
}

void api_sessions_list(struct api_call *call)
{
    struct api_found found;
    struct index_place next;
    struct index *index;
    bool more;
    int live;
    if (!api_find(call, &found) || !api_query_bool(call, "live", &live)) return;
    found.find.live = live < 0 ? INDEX_LIVE_ANY : live ? INDEX_LIVE_ONLY : INDEX_LIVE_OVER;
    found.find.on_behalf_of = api_query(call, "on_behalf_of");
    found.find.task = api_query(call, "task");
    int error = readers_index(call->api->readers, &index);
    if (error && error != -ENOENT) {
        api_unavailable(call, "The index", error);
        return;
    }
    struct json_writer *w = api_json(call);
    struct visit v = { w, call };
    json_write_object(w);
    json_write_name(w, "items");
    json_write_array(w);
    more = false;
    if (!error) error = index_find_sessions(index, &found.find, &found.from, on_session, &v, &next, &more);
    readers_index_back(call->api->readers, index, !error);
    api_write_page_end(w, &next, more);
    if (error && error != -ENOENT) api_unavailable(call, "The index", error);
}

void api_sessions_one(struct api_call *call)
{
    uint64_t session;
    struct api_session known;
    struct index *index;
    if (!api_session_id(call, call->id, &session) || !api_session_look(call, session, &known)) return;
    int error = readers_index(call->api->readers, &index);
    struct json_writer *w = api_json(call);
    struct visit v = { w, call };
    if (!error) error = index_session_of(index, session, on_session, &v);
    readers_index_back(call->api->readers, index, !error);
    if (error) api_unavailable(call, "The index", error);
}

static void done(struct api_call *call)
{
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_bool_member(w, "done", true);
    json_write_end(w);
}

void api_sessions_kill(struct api_call *call)
{
    uint64_t session;
    struct api_session known;
    struct bytes reason;
    char by[1300];
    if (!api_session_id(call, call->id, &session) || !api_body_text(call, "reason", REASON_MOST, &reason) ||
        !api_session_look(call, session, &known))
        return;
    if (!known.mine && !api_has_role(call, API_ADMIN)) {
        api_problem(call, 403, "forbidden", "Others' sessions are ended by admins.");
        return;
    }
    snprintf(by, sizeof by, "%.*s%s%.*s", BYTES_FMT(bytes_slice(call->principal.user, 0, 200)),
             reason.n ? ": " : "", BYTES_FMT(reason));
    if (call->options->kill(call->options->context, session, by))
        done(call);
    else
        api_problem(call, 409, "conflict", "The session is not open here any more.");
}

void api_sessions_context(struct api_call *call)
{
    static const char *const names[] = {
        "prompt", "task", "tool", "agent", "model", "trace", "on_behalf_of"
    };
    uint64_t session;
    struct api_session known;
    struct buf fields;
    char name[64];
    if (!api_session_id(call, call->id, &session) || !api_session_look(call, session, &known)) return;
    if (!known.mine) {
        api_problem(call, 403, "forbidden", "Only whose session it is says why.");
        return;
    }
    buf_init(&fields, 128 * 1024);
    struct frame_fields f = frame_fields_begin(&fields);
    bool good = true;
    for (size_t i = 0; i < sizeof names / sizeof *names && good; i++) {
        struct bytes value;
        good = api_body_text(call, names[i], CLAIM_MOST, &value);
        snprintf(name, sizeof name, "claim.%s", names[i]);
        if (good && value.n) frame_fields_add(&f, name, value);
    }
    if (good && (fields.failed || !call->options->claim(call->options->context, session, buf_bytes(&fields))))
        good = api_problem(call, 409, "conflict", "The session is not open here any more.");
    buf_free(&fields);
    if (good) done(call);
}
