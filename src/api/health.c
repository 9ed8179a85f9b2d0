/* /healthz, /readyz, /metrics, /v1/openapi.json, /v1/log/checkpoint: the gateway about itself. */
#include "api/anchored.h"
#include "api/authenticate.h"
#include "api/handlers.h"
#include "api/health-archive.h"
#include "api/health-index.h"
#include "api/health-streams.h"
#include "api/private.h"
#include "approval/desk.h"
#include "record/checkpoint.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LATE_US = 60000000, TAIL = 64 * 1024 };

static struct buf *text(struct api_call *call)
{
    api_json(call);
    call->x->type = "text/plain; charset=utf-8";
    return &call->x->answer;
}

void api_health(struct api_call *call)
{
    buf_append_text(text(call), "ok\n");
}

void api_openapi(struct api_call *call)
{
    api_json(call);
    api_openapi_write(&call->x->answer);
}

/* How far the index is behind: the time between now and the last block it took in, where there are newer
 * ones; below zero: it cannot be read. */
static int64_t index_lag_us(struct api_call *call)
{
    struct index *index;
    struct index_progress progress = { 0 };
    struct record_reader *reader = NULL;
    struct record_block block;
    int error = readers_index(call->api->readers, &index);
    if (error) return error == -ENOENT ? 0 : -1;
    error = index_position(index, &progress);
    readers_index_back(call->api->readers, index, !error);
    struct bytes folder = arena_printf(call->arena, "%s/log", call->options->data);
    if (error || !folder.p || record_reader_open((const char *)folder.p, NULL, &reader)) return -1;
    int64_t lag = 0;
    record_reader_follow_types(reader, 0); /* heads tell when; blocks may be in the archive */
    if (record_reader_follow(reader, progress.position, &block) == RECORD_READ_FRAME)
        lag = call->now_us > block.time_us ? call->now_us - block.time_us : 0;
    record_reader_free(reader);
    return lag;
}

/* Issuers, and those of them whose keys are there. */
static void count_keys(struct api_call *call, size_t *n_out, size_t *n_with_keys_out)
{
    *n_out = *n_with_keys_out = 0;
    if (call->snapshot && call->snapshot->identity)
        identity_count_keys(call->snapshot->identity, n_out, n_with_keys_out);
}

static bool say(struct buf *out, const char *what, bool good)
{
    buf_printf(out, "%s %s\n", what, good ? "ok" : "failed");
    return good;
}

void api_ready(struct api_call *call)
{
    struct api_health health = { 0 };
    call->options->health(call->options->context, &health);
    int64_t lag = index_lag_us(call);
    struct buf *out = text(call);
    bool good = say(out, "children", health.children);
    good &= say(out, "record", health.record && !health.stats.refusing);
    size_t n_issuers, n_with_keys;
    count_keys(call, &n_issuers, &n_with_keys);
    good &= say(out, "identity", n_issuers > 0);
    /* With the keys of none nobody comes in; of those that are missing the others' people notice nothing. */
    good &= n_with_keys > 0;
    say(out, "keys", n_issuers > 0 && n_with_keys == n_issuers);
    /* A late index makes lists stale and no session worse: it is said, and does not take the gateway out. */
    say(out, "index", lag >= 0 && lag < LATE_US);
    health_say_archive(out, &health.archive);
    health_say_index(out, &health.shared_index);
    health_streams_ready(&health, out);
    anchored_ready(&health, out);
    if (!good) call->x->status = 503;
}

/* ---- metrics */

static void metric(struct buf *out, const char *name, const char *kind, const char *help, uint64_t value)
{
    buf_printf(out, "# HELP postern_%s %s\n# TYPE postern_%s %s\npostern_%s %" PRIu64 "\n", name, help, name,
               kind, name, value);
}

/* One metric of each receiver of notifications; `of` is its place in struct notify_counts. */
static void metric_of_each(struct buf *out, const struct api_health *h, const char *name, const char *kind,
                           const char *help, uint64_t (*of)(const struct notify_counts *counts))
{
    if (!h->n_notified) return;
    buf_printf(out, "# HELP postern_notify_%s %s\n# TYPE postern_notify_%s %s\n", name, help, name, kind);
    for (size_t i = 0; i < h->n_notified; i++)
        buf_printf(out, "postern_notify_%s{receiver=\"%s\"} %" PRIu64 "\n", name, h->notified[i].name,
                   of(&h->notified[i]));
}

#define OF(member)                                                                                           \
    static uint64_t of_##member(const struct notify_counts *counts)                                          \
    {                                                                                                        \
        return counts->member;                                                                               \
    }
OF(delivered)
OF(attempts)
OF(failed)
OF(dropped)
OF(waiting)
#undef OF

static void write_notify(struct buf *out, const struct api_health *h)
{
    metric_of_each(out, h, "delivered_total", "counter", "Notifications that were taken.", of_delivered);
    metric_of_each(out, h, "attempts_total", "counter", "Attempts to deliver one.", of_attempts);
    metric_of_each(out, h, "failed_total", "counter", "Notifications that were given up.", of_failed);
    metric_of_each(out, h, "dropped_total", "counter", "Notifications that found no room.", of_dropped);
    metric_of_each(out, h, "waiting", "gauge", "Notifications that wait to be delivered.", of_waiting);
}

/* Several series of one name: "verdict", then a value each. */
struct series {
    const char *value;
    uint64_t n;
};
static void metrics_of(struct buf *out, const char *name, const char *kind, const char *help,
                       const char *label, const struct series *all, size_t n)
{
    buf_printf(out, "# HELP postern_%s %s\n# TYPE postern_%s %s\n", name, help, name, kind);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "postern_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, all[i].value, all[i].n);
}

static void statement_metrics(const struct api_health *h, struct buf *out)
{
    const struct series verdicts[] = { { "allowed", h->sent },
                                       { "denied", h->refused },
                                       { "held", h->held } };
    metrics_of(
        out, "statements_total", "counter",
        "Statements since the start: sent to the server, answered with an error of the gateway's, held for "
        "people (which are sent or denied later).",
        "verdict", verdicts, 3);
}

static void approval_metrics(struct api_call *call, struct buf *out)
{
    struct desk_counts counts = { 0 };
    struct series now[2], since[DESK_N_STATES];
    if (!call->options->desk) return;
    desk_count(call->options->desk, &counts);
    now[0] = (struct series){ "waiting", counts.waiting };
    now[1] = (struct series){ "approved", counts.approved };
    metrics_of(out, "approvals", "gauge", "Held statements that wait for people, or for their use.", "state",
               now, 2);
    for (int i = 0; i < DESK_N_STATES; i++)
        since[i] = (struct series){ desk_state_name((enum desk_state)i), counts.ended[i] };
    since[DESK_WAITING].n = counts.asked;
    metrics_of(out, "approvals_total", "counter",
               "Held statements since the start, by each state they came into.", "state", since,
               DESK_N_STATES);
}

static void write_metrics(struct api_call *call, struct buf *out)
{
    size_t n_issuers, n_with_keys;
    struct api_health h = { 0 };
    struct http_service_stats http;
    call->options->health(call->options->context, &h);
    http_service_stats(call->api->service, &http);
    int64_t lag = index_lag_us(call);
    metric(out, "sessions", "gauge", "Sessions that are signed in.", h.sessions);
    statement_metrics(&h, out);
    approval_metrics(call, out);
    count_keys(call, &n_issuers, &n_with_keys);
    metric(out, "issuers", "gauge", "Token issuers that are trusted.", n_issuers);
    metric(out, "issuers_with_keys", "gauge", "Those of them whose keys are there.", n_with_keys);
    metric(out, "record_frames_total", "counter", "Frames appended to the log.", h.stats.frames);
    metric(out, "record_appended_bytes_total", "counter", "Bytes appended to the log.",
           h.stats.bytes_appended);
    metric(out, "record_blocks_total", "counter", "Blocks sealed.", h.stats.blocks);
    metric(out, "record_stored_bytes_total", "counter", "Bytes of blocks.", h.stats.bytes_stored);
    metric(out, "record_tail_bytes", "gauge", "Bytes that wait to be sealed.", h.stats.tail_backlog_bytes);
    metric(out, "record_refusing", "gauge", "1 while statements are refused for want of room.",
           h.stats.refusing);
    metric(out, "children_up", "gauge", "1 while keys and parser children run.", h.children);
    metric(out, "index_readable", "gauge", "1 while the index can be read.", lag >= 0);
    metric(out, "index_lag_seconds", "gauge", "How far the index is behind the log.",
           lag > 0 ? (uint64_t)lag / 1000000 : 0);
    metric(out, "http_requests_total", "counter", "Requests that were read.", http.requests);
    metric(out, "http_refused_total", "counter", "Connections that were no HTTP, too slow or too many.",
           http.refused);
    metric(out, "http_connections", "gauge", "Connections that are open.", http.connections);
    health_write_archive(out, &h.archive);
    health_write_index(out, &h.shared_index);
    write_notify(out, &h);
    health_streams_metrics(&h, out);
    anchored_metrics(&h, out);
    buf_append_text(out, "# HELP postern_http_answers_total Answers, by hundreds of their status.\n"
                         "# TYPE postern_http_answers_total counter\n");
    for (int i = 2; i <= 5; i++)
        buf_printf(out, "postern_http_answers_total{status=\"%dxx\"} %" PRIu64 "\n", i,
                   atomic_load(&call->api->n_answered[i]));
}

/* A proxy on this machine speaks for others: it says so, and is then no local peer. */
static bool is_direct(const struct api_call *call)
{
    static const char *const marks[] = { "x-forwarded-for", "forwarded", "x-real-ip", "via" };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (http_asked_has(call->x->asked, marks[i])) return false;
    return call->x->peer_is_local;
}

void api_metrics(struct api_call *call)
{
    if (!call->options->open_metrics && !(is_direct(call) && authenticate_host_is_ours(call))) {
        if (!authenticate_maybe(call)) return;
        if (!api_has_role(call, API_AUDITOR) && !api_has_role(call, API_ADMIN)) {
            api_problem(call, call->principal.user.n ? 403 : 401,
                        call->principal.user.n ? "forbidden" : "not-signed-in",
                        "Metrics are for this machine, auditors and admins.");
            return;
        }
    }
    struct buf *out = text(call);
    call->x->type = "text/plain; version=0.0.4; charset=utf-8";
    write_metrics(call, out);
}

/* ---- the checkpoint */

static struct bytes read_end(struct api_call *call, const char *name)
{
    struct bytes path = arena_printf(call->arena, "%s/%s", call->options->data, name);
    uint8_t *room = arena_alloc(call->arena, TAIL);
    struct stat st;
    int fd = path.p && room ? open((const char *)path.p, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return (struct bytes){ 0 };
    off_t from = fstat(fd, &st) == 0 && st.st_size > TAIL ? st.st_size - TAIL : 0;
    ssize_t n = pread(fd, room, TAIL, from);
    close(fd);
    return n > 0 ? bytes_make(room, (size_t)n) : (struct bytes){ 0 };
}

void api_checkpoint(struct api_call *call)
{
    struct checkpoint newest;
    struct bytes note = { 0 }, file = read_end(call, "log/checkpoints"), key = read_end(call, "log.pub");
    while (key.n && key.p[key.n - 1] <= ' ')
        key.n--;
    if (!checkpoint_last(file, &note, &newest) || !key.n) {
        api_problem(call, 404, "not-found", "No checkpoint was signed yet.");
        return;
    }
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_text_member(w, "note", note);
    json_write_text_member(w, "key", key);
    json_write_end(w);
}
