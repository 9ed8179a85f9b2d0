/* /v1/who-saw: who saw a column (GET, from the index), and who was shown one value of it (POST, so that the
 * value stands in no address and no log; made at length, since recordings may have to be read). */
#include "api/handlers.h"
#include "api/private.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/when.h"
#include "record/saw-value.h"
#include <errno.h>
#include <stdlib.h>

enum { LIMIT = 200, MOST = 1000, NAME_MOST = 512, VALUE_MOST = 8192, AHEAD = 1 << 20, CHUNK = 256 << 10 };

static bool split(struct api_call *call, struct bytes name, struct bytes *relation, struct bytes *column)
{
    if (name.n <= NAME_MOST && index_column_split(name, relation, column)) return true;
    return api_problem(call, 400, "bad-request",
                       "\"column\" is a table's column: people.mail, public.people.mail or people.*.");
}

/* ---- a column */

struct sights {
    struct json_writer *w;
    uint64_t n, limit;
    bool more;
};

static void on_sight(void *context, const struct index_sight *v)
{
    struct sights *s = context;
    if (s->n == s->limit) {
        s->more = true;
        return;
    }
    s->n++;
    struct json_writer *w = s->w;
    json_write_object(w);
    json_write_text_member(w, "principal", v->principal);
    json_write_text_member(w, "connection", v->connection);
    json_write_text_member(w, "relation", v->relation);
    json_write_text_member(w, "column", v->column);
    json_write_text_member(w, "state", v->state);
    api_write_uint(w, "results", v->results);
    api_write_uint(w, "rows", v->rows);
    api_write_uint(w, "sessions", v->sessions);
    json_write_time_member(w, "first", v->first_us);
    json_write_time_member(w, "last", v->last_us);
    api_write_session_id(w, "session", v->session);
    api_write_uint(w, "sequence", v->sequence);
    json_write_text_member(w, "shape", v->shape);
    json_write_end(w);
}

static bool column_filter(struct api_call *call, struct index_filter *f, struct bytes *state_out)
{
    struct bytes session = api_query(call, "session"), state = api_query(call, "state");
    *f = (struct index_filter){ .principal = api_query(call, "who"),
                                .connection = api_query(call, "connection") };
    *state_out = state;
    if (state.n && !bytes_is(state, "clear") && !bytes_is(state, "masked") && !bytes_is(state, "untraced"))
        return api_problem(call, 400, "bad-request", "\"state\" is clear, masked or untraced.");
    return api_query_time(call, "since", &f->since_us) && api_query_time(call, "until", &f->until_us) &&
           (!session.p || api_session_id(call, session, &f->session));
}

void api_who_saw(struct api_call *call)
{
    struct index_filter filter;
    struct bytes relation, column, state, name = api_query(call, "column");
    struct sights s = { 0 };
    struct index *index;
    if (!split(call, name, &relation, &column) || !column_filter(call, &filter, &state) ||
        !api_query_number(call, "limit", LIMIT, 1, MOST, &s.limit) ||
        !api_question_is_recorded(call, "who-saw", "column", name))
        return;
    filter.limit = s.limit + 1;
    int error = readers_index(call->api->readers, &index);
    if (error && error != -ENOENT) {
        api_unavailable(call, "The index", error);
        return;
    }
    s.w = api_json(call);
    json_write_object(s.w);
    json_write_name(s.w, "items");
    json_write_array(s.w);
    if (!error) error = index_sights(index, &filter, relation, column, state, on_sight, &s);
    readers_index_back(call->api->readers, index, !error);
    json_write_end(s.w);
    json_write_bool_member(s.w, "more", s.more);
    json_write_end(s.w);
    if (error && error != -ENOENT) api_unavailable(call, "The index", error);
}

/* ---- a value */

struct asked {
    struct making *making;
    struct api *api;
    struct arena arena; /* the question's texts */
    struct index_filter filter;
    struct bytes relation, column;
    struct secret value;
    bool scan;
    struct buf out;
    struct json_writer w;
};

static void asked_free(void *context)
{
    struct asked *a = context;
    secret_free(&a->value);
    arena_free(&a->arena);
    buf_free(&a->out);
    free(a);
}

static bool flush(struct asked *a)
{
    struct bytes b = buf_bytes(&a->out);
    bool good = !a->out.failed && making_put(a->making, b.p, b.n) == 0;
    buf_consume(&a->out, b.n);
    return good;
}

static void on_value_sight(void *context, const struct index_value_sight *v)
{
    struct asked *a = context;
    struct json_writer *w = &a->w;
    json_write_object(w);
    json_write_text_member(w, "principal", v->principal);
    api_write_maybe(w, "on_behalf_of", v->on_behalf_of);
    json_write_text_member(w, "connection", v->connection);
    json_write_text_member(w, "column", v->column);
    api_write_uint(w, "rows", v->rows);
    json_write_time_member(w, "first", v->first_us);
    json_write_time_member(w, "last", v->last_us);
    api_write_session_id(w, "session", v->session);
    api_write_uint(w, "first_sequence", v->first_sequence);
    api_write_uint(w, "last_sequence", v->last_sequence);
    json_write_text_member(w, "shape", v->shape);
    json_write_end(w);
    if (buf_length(&a->out) > CHUNK) (void)flush(a); /* that it is not wanted, progress hears */
}

static bool on_progress(void *context, uint64_t done, uint64_t total)
{
    struct asked *a = context;
    (void)done, (void)total;
    return making_is_wanted(a->making);
}

static void on_unread(void *context, uint64_t session, const char *message)
{
    (void)context, (void)session, (void)message; /* counted in the answer */
}

static void ask_value(struct asked *a, struct index *index, struct record_reader *reader)
{
    const struct saw_question question = { .filter = &a->filter,
                                           .relation = a->relation,
                                           .column = a->column,
                                           .value = secret_bytes(&a->value),
                                           .scan = a->scan,
                                           .visit = on_value_sight,
                                           .progress = on_progress,
                                           .unread = on_unread,
                                           .context = a };
    struct saw_answer said;
    a->w = json_writer_over(&a->out);
    json_write_object(&a->w);
    json_write_name(&a->w, "items");
    json_write_array(&a->w);
    int error = saw_value(index, reader, readers_keys(a->api->readers), &question, &said);
    json_write_end(&a->w);
    json_write_bool_member(&a->w, "scanned", said.scanned);
    api_write_uint(&a->w, "unknown_rows", said.unknown_rows);
    api_write_uint(&a->w, "unread", said.n_unread);
    json_write_end(&a->w);
    if (error) {
        log_line(LOG_WARNING, "api: who saw a value: %s", strerror(-error));
        making_fail(a->making, 503, "unavailable", "%s cannot be read now.",
                    said.scanned ? "The log" : "The index");
    } else if (!flush(a))
        making_fail(a->making, 503, "unavailable", "There is no memory.");
}

static void make_value(struct making *making, void *context)
{
    struct asked *a = context;
    struct index *index = NULL;
    struct record_reader *reader = NULL;
    a->making = making;
    int error = readers_index(a->api->readers, &index);
    if (!error) error = readers_log(a->api->readers, &reader);
    if (error)
        making_fail(making, error == -ENOENT ? 404 : 503, error == -ENOENT ? "not-found" : "unavailable",
                    error == -ENOENT ? "Nothing is recorded yet." : "The index cannot be read now.");
    else
        ask_value(a, index, reader);
    record_reader_free(reader);
    if (index) readers_index_back(a->api->readers, index, false);
}

static bool body_time(struct api_call *call, const char *name, int64_t *out)
{
    struct bytes text;
    *out = 0;
    if (!api_body_text(call, name, 64, &text)) return false;
    if (!text.n || when_parse(text, call->now_us, out)) return true;
    return api_problem(call, 400, "bad-request", "\"%s\" is a time: 2026-11-21T08:45:12Z.", name);
}

static bool body_copy(struct api_call *call, struct asked *a, const char *name, struct bytes *out)
{
    struct bytes text;
    if (!api_body_text(call, name, NAME_MOST, &text)) return false;
    *out = text.n ? arena_copy(&a->arena, text) : (struct bytes){ 0 };
    return !text.n || out->p || api_problem(call, 503, "unavailable", "There is no memory.");
}

static bool read_question(struct api_call *call, struct asked *a, struct bytes *name_out)
{
    struct index_filter *f = &a->filter;
    struct bytes session, value;
    if (!body_copy(call, a, "column", name_out) || !split(call, *name_out, &a->relation, &a->column) ||
        !body_copy(call, a, "who", &f->principal) || !body_copy(call, a, "connection", &f->connection) ||
        !body_copy(call, a, "session", &session) || !body_time(call, "since", &f->since_us) ||
        !body_time(call, "until", &f->until_us) || !api_body_bool(call, "scan", false, &a->scan) ||
        !api_body_text(call, "value", VALUE_MOST, &value))
        return false;
    if (session.n && !api_session_id(call, session, &f->session)) return false;
    if (!value.n) return api_problem(call, 400, "bad-request", "\"value\" is empty.");
    a->value = secret_copy(value);
    return a->value.data || api_problem(call, 503, "unavailable", "There is no memory.");
}

void api_who_saw_value(struct api_call *call)
{
    struct bytes name;
    struct asked *a = calloc(1, sizeof *a);
    if (!a) {
        api_problem(call, 503, "unavailable", "There is no memory.");
        return;
    }
    a->api = call->api;
    arena_init(&a->arena, 4096, 64 * 1024);
    buf_init(&a->out, 64 << 20);
    if (!read_question(call, a, &name) || !api_question_is_recorded(call, "who-saw-value", "column", name)) {
        asked_free(a);
        return;
    }
    const struct making_plan plan = {
        .make = make_value, .free = asked_free, .context = a, .ahead = AHEAD, .type = "application/json"
    };
    making_start(call, &plan);
}
