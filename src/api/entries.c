/* /v1/sessions/{session}/entries and /replay: what happened, a page at a time or as a whole. Who looks is in
 * the log before the first byte is out. */
#include "api/handlers.h"
#include "api/private.h"
#include "cli/replay.h"
#include <errno.h>
#include <stdlib.h>

enum { PAGE_CEILING = 4 << 20, EVENT_CEILING = 16 << 20, CHUNK = 256 << 10, LIMIT = 200, MOST = 1000 };

/* Whether the caller may see what is in the session; a problem was answered if not. */
static bool may_see(struct api_call *call, uint64_t *session_out)
{
    struct api_session known;
    if (!api_session_id(call, call->id, session_out) || !api_session_look(call, *session_out, &known))
        return false;
    if (known.mine || api_has_role(call, API_AUDITOR)) return true;
    return api_problem(call, 403, "forbidden", "Others' recordings are for auditors.");
}

static bool open_reading(struct api_call *call, uint64_t session, uint32_t from, struct reading **out)
{
    char why[256];
    int error = readers_open(call->api->readers, session, from, out, why);
    if (!error) return true;
    if (error == -ENOENT)
        return api_problem(call, 404, "not-found", "The log has nothing of this session yet.");
    if (error == -EBUSY) return api_problem(call, 429, "too-many", "Too many recordings are being read.");
    if (error == -EBADMSG) return api_problem(call, 503, "unavailable", "The log cannot be read: %s.", why);
    return api_unavailable(call, "The log", error);
}

/* ---- a page */

struct page {
    struct json_writer *w;
    struct replay replay;
    struct buf one;
    uint64_t rows_most, rows;
    uint32_t rows_run;
};

static void on_event(void *context, const struct transcript_event *e)
{
    struct page *p = context;
    if (e->kind == EVENT_ROW) {
        if (e->run != p->rows_run) p->rows = 0;
        p->rows_run = e->run;
        if (p->rows++ >= p->rows_most) return;
    }
    replay_json(&p->replay, e);
    struct bytes line = buf_bytes(&p->one);
    if (!p->one.failed && line.n) json_write_raw(p->w, bytes_slice(line, 0, line.n - 1));
    buf_consume(&p->one, line.n);
}

static bool page_from(struct api_call *call, uint64_t session, uint32_t *from_out)
{
    struct index_place place;
    uint64_t from;
    if (!api_cursor(call, &place) || !api_query_number(call, "from", 1, 1, UINT32_MAX, &from)) return false;
    if (place.session && place.session != session)
        return api_problem(call, 400, "bad-request", "\"cursor\" is none of this list's.");
    *from_out = place.session ? place.sequence : (uint32_t)from;
    if (*from_out == 0) *from_out = 1;
    return true;
}

/* Answers whether the reading is good still. */
static bool write_page(struct api_call *call, struct reading *g, uint64_t limit, uint64_t rows_most)
{
    struct json_writer *w = api_json(call);
    struct page p = { .w = w, .rows_most = rows_most };
    int got = 1;
    buf_init(&p.one, EVENT_CEILING);
    replay_init(&p.replay, &p.one, g->session);
    p.replay.sealed = api_has_role(call, API_AUDITOR);
    json_write_object(w);
    json_write_name(w, "items");
    json_write_array(w);
    for (uint64_t n = 0; n < limit && got > 0 && buf_length(&call->x->answer) < PAGE_CEILING; n++)
        got = reading_step(g, on_event, &p);
    replay_free(&p.replay);
    bool good = got >= 0 && !p.one.failed;
    buf_free(&p.one);
    if (!good) {
        api_problem(call, 503, "unavailable", "The log cannot be read: %s.",
                    record_reader_message(g->reader));
        return false;
    }
    /* Where nothing more is there now, the same place is good to ask again. */
    struct index_place next = { .session = g->session, .sequence = g->next };
    api_write_page_end_with(w, &next, !g->ended, "ended", g->ended);
    return true;
}

void api_sessions_entries(struct api_call *call)
{
    uint64_t session, limit, rows;
    uint32_t from = 1;
    struct reading *g;
    if (!may_see(call, &session) || !page_from(call, session, &from) ||
        !api_query_number(call, "limit", LIMIT, 1, MOST, &limit) ||
        !api_query_number(call, "rows", 1000, 0, 100000, &rows) ||
        !api_look_is_recorded(call, session, from, "entries") || !open_reading(call, session, from, &g))
        return;
    readers_back(call->api->readers, g, write_page(call, g, limit, rows));
}

/* ---- all of it */

struct download {
    struct api *api;
    struct reading *reading;
    struct replay replay;
    struct buf *out;
    bool bad;
};

static void on_line(void *context, const struct transcript_event *e)
{
    struct download *d = context;
    d->replay.out = d->out;
    replay_json(&d->replay, e);
}

static enum http_more download_more(void *stream, struct buf *out)
{
    struct download *d = stream;
    int got = 1;
    d->out = out;
    while (got > 0 && buf_length(out) < CHUNK)
        got = reading_step(d->reading, on_line, d);
    if (got < 0 || out->failed) {
        d->bad = true;
        return HTTP_MORE_BROKEN;
    }
    return got ? HTTP_MORE_YES : HTTP_MORE_END;
}

static void download_ended(void *stream)
{
    struct download *d = stream;
    readers_back(d->api->readers, d->reading, !d->bad);
    replay_free(&d->replay);
    free(d);
}

void api_sessions_replay(struct api_call *call)
{
    uint64_t session;
    char id[14];
    struct reading *g;
    if (!may_see(call, &session) || !api_look_is_recorded(call, session, 1, "replay") ||
        !open_reading(call, session, 1, &g))
        return;
    struct download *d = calloc(1, sizeof *d);
    if (!d) {
        readers_back(call->api->readers, g, true);
        api_problem(call, 503, "unavailable", "There is no memory.");
        return;
    }
    *d = (struct download){ .api = call->api, .reading = g };
    replay_init(&d->replay, NULL, session);
    d->replay.sealed = api_has_role(call, API_AUDITOR);
    session_id_format(session, id);
    struct bytes disposition = arena_printf(call->arena, "attachment; filename=\"session-%s.ndjson\"", id);
    api_json(call);
    call->x->type = "application/x-ndjson";
    if (disposition.p) http_exchange_header(call->x, "Content-Disposition", disposition);
    call->x->more = download_more;
    call->x->ended = download_ended;
    call->x->stream = d;
}
