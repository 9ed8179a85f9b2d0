/* Answers, problems, parameters. */
#include "api/call.h"
#include "api/private.h"
#include "base/codec.h"
#include "base/log.h"
#include "cli/when.h"
#include <errno.h>
#include <stdio.h>

/* ---- answers */

static void forget_answer(struct api_call *call)
{
    struct http_exchange *x = call->x;
    if (x->more && x->ended) x->ended(x->stream);
    x->more = NULL;
    buf_free(&x->answer);
    call->w = json_writer_over(&x->answer);
}

struct json_writer *api_json(struct api_call *call)
{
    forget_answer(call);
    call->x->status = 200;
    call->x->type = "application/json";
    return &call->w;
}

static const char *title_of(const char *kind)
{
    static const struct {
        const char *kind, *title;
    } titles[] = {
        { "bad-request", "The request cannot be read" },
        { "not-signed-in", "You are not signed in" },
        { "forbidden", "You may not do this" },
        { "csrf", "The request did not come from this server's own pages" },
        { "not-found", "There is nothing here" },
        { "method", "This cannot be done here" },
        { "conflict", "It is too late for this" },
        { "body", "The request's body cannot be taken" },
        { "host", "This server has another name" },
        { "too-many", "Too much at once" },
        { "broken", "Something is broken here" },
        { "unavailable", "This cannot be said now" },
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcmp(titles[i].kind, kind) == 0) return titles[i].title;
    return "A problem";
}

bool api_problem(struct api_call *call, int status, const char *kind, const char *format, ...)
{
    char type[64], detail[512];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    struct json_writer *w = api_json(call);
    call->failed = true;
    call->x->status = status;
    call->x->type = "application/problem+json";
    snprintf(type, sizeof type, "/problems/%s", kind);
    json_write_object(w);
    json_write_text_member(w, "type", bytes_of(type));
    json_write_text_member(w, "title", bytes_of(title_of(kind)));
    json_write_int_member(w, "status", status);
    json_write_text_member(w, "detail", bytes_of(detail));
    json_write_end(w);
    if (status == 401) http_exchange_header(call->x, "WWW-Authenticate", BYTES_LITERAL("Bearer"));
    if (status == 429) http_exchange_header(call->x, "Retry-After", BYTES_LITERAL("5"));
    return false;
}

bool api_not_found(struct api_call *call)
{
    return api_problem(call, 404, "not-found", "There is no such thing, or you may not know of it.");
}

bool api_unavailable(struct api_call *call, const char *what, int error)
{
    log_line(LOG_WARNING, "api: %s: %s", what, strerror(-error));
    return api_problem(call, 503, "unavailable", "%s cannot be read now.", what);
}

/* ---- parameters */

bool api_has_role(const struct api_call *call, enum api_role role)
{
    return call->roles & 1U << role;
}

struct bytes api_query(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->n_query; i++)
        if (bytes_is(call->query[i].name, name)) return call->query[i].value;
    return (struct bytes){ 0 };
}

bool api_query_number(struct api_call *call, const char *name, uint64_t fallback, uint64_t least,
                      uint64_t most, uint64_t *out)
{
    struct bytes text = api_query(call, name);
    int64_t value;
    *out = fallback;
    if (!text.p) return true;
    if (!bytes_to_int64(text, &value) || value < 0 || (uint64_t)value < least || (uint64_t)value > most)
        return api_problem(call, 400, "bad-request", "\"%s\" is a number from %llu to %llu.", name,
                           (unsigned long long)least, (unsigned long long)most);
    *out = (uint64_t)value;
    return true;
}

bool api_query_time(struct api_call *call, const char *name, int64_t *us_out)
{
    struct bytes text = api_query(call, name);
    *us_out = 0;
    if (!text.p || when_parse(text, call->now_us, us_out)) return true;
    return api_problem(call, 400, "bad-request", "\"%s\" is a time: 2026-11-21T08:45:12Z.", name);
}

bool api_query_bool(struct api_call *call, const char *name, int *out)
{
    struct bytes text = api_query(call, name);
    *out = !text.p ? -1 : bytes_is(text, "true") ? 1 : 0;
    if (!text.p || bytes_is(text, "true") || bytes_is(text, "false")) return true;
    return api_problem(call, 400, "bad-request", "\"%s\" is true or false.", name);
}

bool api_body_text(struct api_call *call, const char *name, size_t most, struct bytes *out)
{
    *out = (struct bytes){ 0 };
    if (!call->body || json_is_null(json_object_get(call->body, name))) return true;
    switch (json_member_text(call->body, name, out)) {
    case JSON_MEMBER_ABSENT: return true;
    case JSON_MEMBER_FOUND:
        if (out->n <= most) return true;
        return api_problem(call, 400, "bad-request", "\"%s\" is longer than %zu bytes.", name, most);
    case JSON_MEMBER_WRONG_TYPE: break;
    }
    return api_problem(call, 400, "bad-request", "\"%s\" is a text.", name);
}

bool api_body_bool(struct api_call *call, const char *name, bool fallback, bool *out)
{
    const json_t *value = call->body ? json_object_get(call->body, name) : NULL;
    *out = fallback;
    if (!value || json_is_null(value)) return true;
    *out = json_is_true(value);
    return json_is_boolean(value) || api_problem(call, 400, "bad-request", "\"%s\" is true or false.", name);
}

bool api_session_id(struct api_call *call, struct bytes text, uint64_t *session_out)
{
    return session_id_parse(text, session_out) ? true : api_not_found(call);
}

/* "session", "session.sequence.shape": opaque to everybody else. */
bool api_cursor(struct api_call *call, struct index_place *out)
{
    struct bytes text = api_query(call, "cursor");
    unsigned sequence = 0;
    long long shape = 0;
    char rest[48], end;
    *out = (struct index_place){ 0 };
    if (!text.p) return true;
    bool good = text.n >= 13 && text.n < 13 + sizeof rest &&
                session_id_parse(bytes_slice(text, 0, 13), &out->session);
    if (good && text.n > 13) {
        snprintf(rest, sizeof rest, "%.*s", BYTES_FMT(bytes_slice(text, 13, text.n)));
        good = sscanf(rest, ".%10u.%18lld%c", &sequence, &shape, &end) == 2;
    }
    out->sequence = sequence;
    out->shape = shape;
    return good || api_problem(call, 400, "bad-request", "\"cursor\" is none of this list's.");
}

/* ---- writing */

void api_write_list(struct json_writer *w, const char *name, struct bytes list)
{
    json_write_name(w, name);
    json_write_array(w);
    while (list.n) {
        ptrdiff_t at = bytes_find(list, BYTES_LITERAL(","));
        struct bytes one = at < 0 ? list : bytes_slice(list, 0, (size_t)at);
        list = at < 0 ? (struct bytes){ 0 } : bytes_slice(list, (size_t)at + 1, list.n);
        while (one.n && one.p[0] == ' ')
            one = bytes_slice(one, 1, one.n);
        if (one.n) json_write_text(w, one);
    }
    json_write_end(w);
}

void api_write_texts(struct json_writer *w, const char *name, const struct bytes *items, size_t n)
{
    json_write_name(w, name);
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        json_write_text(w, items[i]);
    json_write_end(w);
}

void api_write_maybe(struct json_writer *w, const char *name, struct bytes text)
{
    json_write_name(w, name);
    if (text.n)
        json_write_text(w, text);
    else
        json_write_null(w);
}

void api_write_maybe_time(struct json_writer *w, const char *name, int64_t us)
{
    json_write_name(w, name);
    if (us)
        json_write_time(w, us);
    else
        json_write_null(w);
}

void api_write_uint(struct json_writer *w, const char *name, uint64_t value)
{
    json_write_name(w, name);
    json_write_uint(w, value);
}

void api_write_session_id(struct json_writer *w, const char *name, uint64_t session)
{
    char id[14];
    session_id_format(session, id);
    json_write_text_member(w, name, bytes_of(id));
}

static void write_next(struct json_writer *w, const struct index_place *next, bool more)
{
    char id[14], text[80];
    json_write_end(w);
    json_write_name(w, "next");
    if (!more) {
        json_write_null(w);
    } else {
        session_id_format(next->session, id);
        if (next->sequence)
            snprintf(text, sizeof text, "%s.%u.%lld", id, next->sequence, (long long)next->shape);
        else
            snprintf(text, sizeof text, "%s", id);
        json_write_text(w, bytes_of(text));
    }
}

void api_write_page_end(struct json_writer *w, const struct index_place *next, bool more)
{
    write_next(w, next, more);
    json_write_end(w);
}

void api_write_page_end_with(struct json_writer *w, const struct index_place *next, bool more,
                             const char *name, bool value)
{
    write_next(w, next, more);
    json_write_bool_member(w, name, value);
    json_write_end(w);
}

/* ---- whose */

struct index_owner api_owner(const struct api_call *call)
{
    return (struct index_owner){ .issuer = call->principal.issuer,
                                 .subject = call->principal.subject,
                                 .user = call->principal.user };
}

bool api_owns(const struct api_call *call, const struct index_session *s)
{
    const struct principal *p = &call->principal;
    if (!bytes_equal(s->issuer, p->issuer)) return false;
    return bytes_equal(s->subject, p->subject) ||
           (s->on_behalf_of.n &&
            (bytes_equal(s->on_behalf_of, p->subject) || bytes_equal(s->on_behalf_of, p->user)));
}

struct look_context {
    struct api_call *call;
    struct api_session *out;
};

static void on_session(void *context, const struct index_session *s)
{
    struct look_context *c = context;
    *c->out = (struct api_session){ .found = true,
                                    .mine = api_owns(c->call, s),
                                    .live = s->ended_us == 0,
                                    .principal = arena_copy(c->call->arena, s->principal) };
}

bool api_session_look(struct api_call *call, uint64_t session, struct api_session *out)
{
    struct index *index;
    struct look_context c = { call, out };
    *out = (struct api_session){ 0 };
    int error = readers_index(call->api->readers, &index);
    if (error) return error == -ENOENT ? api_not_found(call) : api_unavailable(call, "The index", error);
    error = index_session_of(index, session, on_session, &c);
    readers_index_back(call->api->readers, index, !error || error == -ENOENT);
    if (error && error != -ENOENT) return api_unavailable(call, "The index", error);
    bool may_know = out->mine || api_has_role(call, API_AUDITOR) || api_has_role(call, API_ADMIN);
    return out->found && may_know ? true : api_not_found(call);
}
