/* /v1/overview: counts for plots. */
#include "api/handlers.h"
#include "api/private.h"
#include "approval/desk.h"
#include <errno.h>

enum { BUCKETS = 120, TOP = 10, DAY_S = 86400, LONGEST_S = 400 * DAY_S };

/* Whole minutes, as few as make no more than so many buckets. */
static int64_t bucket_of(int64_t seconds)
{
    static const int64_t sizes[] = { 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (seconds / sizes[i] <= BUCKETS) return sizes[i];
    return 2592000;
}

static void on_bucket(void *context, const struct index_count *c)
{
    struct json_writer *w = context;
    json_write_object(w);
    json_write_time_member(w, "time", c->since_us);
    api_write_uint(w, "statements", c->statements);
    api_write_uint(w, "refused", c->refused);
    api_write_uint(w, "held", c->held);
    api_write_uint(w, "errors", c->errors);
    api_write_uint(w, "rows", c->rows);
    json_write_end(w);
}

static void on_count(void *context, const struct index_count *c)
{
    struct json_writer *w = context;
    json_write_object(w);
    json_write_text_member(w, "name", c->name);
    api_write_uint(w, "statements", c->statements);
    api_write_uint(w, "refused", c->refused + c->held);
    api_write_uint(w, "rows", c->rows);
    json_write_end(w);
}

static void on_slow(void *context, const struct index_count *c)
{
    struct json_writer *w = context;
    json_write_object(w);
    json_write_text_member(w, "shape", c->name);
    api_write_uint(w, "executions", c->statements);
    json_write_int_member(w, "mean_us", c->statements ? c->us / (int64_t)c->statements : 0);
    json_write_end(w);
}

struct span {
    int64_t since_us, until_us, bucket_s;
    const struct index_owner *owner;
};

static int write_counts(struct json_writer *w, struct index *index, const struct span *s)
{
    static const struct {
        const char *name;
        enum index_rollup by;
        void (*visit)(void *context, const struct index_count *count);
    } lists[] = { { "buckets", INDEX_BY_TIME, on_bucket },
                  { "principals", INDEX_BY_PRINCIPAL, on_count },
                  { "relations", INDEX_BY_RELATION, on_count },
                  { "slow", INDEX_BY_SHAPE, on_slow } };
    int error = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t limit = lists[i].by == INDEX_BY_TIME ? 1000 : TOP;
        json_write_name(w, lists[i].name);
        json_write_array(w);
        if (!error && index)
            error = s->owner ? index_counts_of(index, s->owner, lists[i].by, s->since_us, s->until_us,
                                               s->bucket_s, limit, lists[i].visit, w)
                             : index_counts(index, lists[i].by, s->since_us, s->until_us, s->bucket_s, limit,
                                            lists[i].visit, w);
        json_write_end(w);
    }
    return error;
}

void api_overview(struct api_call *call)
{
    struct span s = { 0 };
    struct index_owner owner = api_owner(call);
    struct desk_counts counts = { 0 };
    struct index *index;
    uint64_t live = 0;
    if (!api_query_time(call, "since", &s.since_us) || !api_query_time(call, "until", &s.until_us)) return;
    if (!s.until_us) s.until_us = call->now_us + 60000000;
    if (!s.since_us) s.since_us = s.until_us - (int64_t)DAY_S * 1000000;
    int64_t seconds = (s.until_us - s.since_us) / 1000000;
    if (seconds < 60 || seconds > LONGEST_S) {
        api_problem(call, 400, "bad-request", "\"since\" is a minute to 400 days before \"until\".");
        return;
    }
    s.bucket_s = bucket_of(seconds);
    s.since_us -= s.since_us % (s.bucket_s * 1000000);
    if (!api_has_role(call, API_AUDITOR) && !api_has_role(call, API_ADMIN)) s.owner = &owner;
    int error = readers_index(call->api->readers, &index);
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_time_member(w, "since", s.since_us);
    json_write_time_member(w, "until", s.until_us);
    json_write_int_member(w, "bucket_s", s.bucket_s);
    if (error == -ENOENT) error = 0;
    if (!error) error = write_counts(w, index, &s);
    if (!error && index) error = index_count_live(index, s.owner, &live);
    readers_index_back(call->api->readers, index, !error);
    if (error) {
        api_unavailable(call, "The index", error);
        return;
    }
    api_write_uint(w, "live_sessions", live);
    if (call->options->desk) desk_count(call->options->desk, &counts);
    api_write_uint(w, "waiting_approvals", api_has_role(call, API_APPROVER) || !s.owner ? counts.waiting : 0);
    json_write_end(w);
}
