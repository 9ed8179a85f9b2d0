/* /v1/statements and /v1/rejections: what ran, and who never came in. */
#include "api/handlers.h"
#include "api/private.h"
#include "api/write.h"
#include <errno.h>
#include <stdio.h>

static void on_hit(void *context, const struct index_hit *h)
{
    struct json_writer *w = context;
    json_write_object(w);
    api_write_session_id(w, "session", h->session);
    json_write_text_member(w, "principal", h->principal);
    api_write_maybe(w, "on_behalf_of", h->on_behalf_of);
    json_write_text_member(w, "connection", h->connection);
    json_write_text_member(w, "shape", h->shape);
    api_write_list(w, "tags", h->tags);
    api_write_list(w, "effects", h->effects);
    api_write_list(w, "relations", h->relations);
    json_write_text_member(w, "decision", h->decision);
    api_write_maybe(w, "policy", h->policy);
    api_write_maybe(w, "rule", h->rule);
    api_write_maybe(w, "error", h->error);
    json_write_time_member(w, "time", h->first_us);
    api_write_uint(w, "executions", h->executions);
    api_write_uint(w, "errors", h->errors);
    api_write_uint(w, "rows", h->rows);
    json_write_int_member(w, "us", h->us);
    json_write_int_member(w, "longest_us", h->longest_us);
    api_write_uint(w, "most_rows", h->most_rows);
    api_write_uint(w, "first_sequence", h->first_sequence);
    api_write_uint(w, "last_sequence", h->last_sequence);
    json_write_end(w);
}

void api_statements(struct api_call *call)
{
    struct api_found found;
    struct index_place next = { 0 };
    struct index *index;
    bool more = false;
    struct bytes session = api_query(call, "session");
    uint64_t least_us;
    if (!api_find(call, &found) || !api_query_number(call, "least_us", 0, 0, INT64_MAX, &least_us) ||
        !api_query_number(call, "least_rows", 0, 0, INT64_MAX, &found.find.least_rows))
        return;
    found.find.least_us = (int64_t)least_us;
    found.find.on_behalf_of = api_query(call, "on_behalf_of");
    if (session.p && !api_session_id(call, session, &found.find.session)) return;
    found.find.error = api_query(call, "error");
    found.find.effect = api_query(call, "effect");
    int error = readers_index(call->api->readers, &index);
    if (error && error != -ENOENT) {
        api_unavailable(call, "The index", error);
        return;
    }
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_name(w, "items");
    json_write_array(w);
    if (!error) error = index_find_statements(index, &found.find, &found.from, on_hit, w, &next, &more);
    readers_index_back(call->api->readers, index, !error);
    api_write_page_end(w, &next, more);
    if (error && error != -ENOENT) api_unavailable(call, "The index", error);
}

struct rejections {
    struct json_writer *w;
    uint64_t n, limit;
    int64_t last_us;
    bool more;
};

static void on_rejection(void *context, const struct index_rejection *r)
{
    struct rejections *v = context;
    if (v->n == v->limit) {
        v->more = true;
        return;
    }
    v->n++;
    v->last_us = r->time_us;
    json_write_object(v->w);
    json_write_time_member(v->w, "time", r->time_us);
    json_write_text_member(v->w, "reason", r->reason);
    json_write_text_member(v->w, "sqlstate", r->sqlstate);
    api_write_maybe(v->w, "principal", r->principal);
    api_write_maybe(v->w, "client", r->client);
    json_write_end(v->w);
}

/* Its cursor is the time of the last one. */
void api_rejections(struct api_call *call)
{
    struct index_filter filter = { 0 };
    struct index *index;
    struct rejections v = { 0 };
    struct bytes cursor = api_query(call, "cursor");
    int64_t before_us = 0;
    char text[24];
    if (!api_query_time(call, "since", &filter.since_us) ||
        !api_query_time(call, "until", &filter.until_us) ||
        !api_query_number(call, "limit", 50, 1, INDEX_FIND_MOST, &v.limit))
        return;
    if (cursor.p && !bytes_to_int64(cursor, &before_us)) {
        api_problem(call, 400, "bad-request", "\"cursor\" is none of this list's.");
        return;
    }
    if (before_us > 0) filter.until_us = before_us;
    filter.limit = v.limit + 1;
    int error = readers_index(call->api->readers, &index);
    if (error && error != -ENOENT) {
        api_unavailable(call, "The index", error);
        return;
    }
    v.w = api_json(call);
    json_write_object(v.w);
    json_write_name(v.w, "items");
    json_write_array(v.w);
    if (!error) error = index_rejections(index, &filter, on_rejection, &v);
    readers_index_back(call->api->readers, index, !error);
    json_write_end(v.w);
    snprintf(text, sizeof text, "%lld", (long long)v.last_us);
    api_write_maybe(v.w, "next", v.more ? bytes_of(text) : (struct bytes){ 0 });
    json_write_end(v.w);
    if (error && error != -ENOENT) api_unavailable(call, "The index", error);
}
