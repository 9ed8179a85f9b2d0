/* /v1/events. A stream looks for itself whenever it is woken: at what the index has of sessions since it
 * looked last, at the log of the one session that it follows, at the desk. It holds no thread between. */
#include "api/events.h"
#include "api/handlers.h"
#include "api/private.h"
#include "api/write.h"
#include "approval/desk.h"
#include "cli/replay.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    OF_ONE = 8,    /* streams of one person */
    STREAMS = 256, /* of all */
    BEAT_US = 15000000,
    LOOK_US = 1000000, /* the index is asked at most that often */
    SESSIONS_MOST = 200,
    CHUNK = 256 << 10,
    ENTRY_CEILING = 8 << 20
};

struct stream_of {
    struct stream_of *next;
    struct api *api;
    struct arena arena;
    struct api_call call; /* whose it is: principal and roles, copied */
    struct person *person;
    int64_t until_us; /* wall clock: when the sign-in ends */
    int64_t said_us, looked_us, since_us;
    uint64_t n_events;
    bool greeted;
    uint64_t session; /* that is followed; 0: none */
    uint64_t serial;  /* of the desk, up to which was told */
    struct reading *reading;
    struct replay replay;
    struct buf entry;
};

enum { HAPPENED = 1024 };
struct events {
    struct api *api;
    struct desk_watcher watcher;
    pthread_mutex_t lock;
    /* What happened at the desk lately, as a ring: the id, and its number. */
    struct {
        char id[DESK_ID];
    } happened[HAPPENED];
    uint64_t n_happened;
    struct stream_of *all;
    size_t n;
};

/* On the desk's thread: it is written down, and the streams look for themselves. */
static void on_desk(struct desk_watcher *watcher, const struct desk_event *event)
{
    struct events *e = (struct events *)((char *)watcher - offsetof(struct events, watcher));
    pthread_mutex_lock(&e->lock);
    size_t at = e->n_happened++ % HAPPENED;
    memcpy(e->happened[at].id, event->request->id, DESK_ID);
    pthread_mutex_unlock(&e->lock);
    api_wake(e->api);
}

void events_watch(struct events *e)
{
    e->watcher.on_event = on_desk;
    if (e->api->options.desk) desk_watch(e->api->options.desk, &e->watcher);
}

void events_unwatch(struct events *e)
{
    if (e->api->options.desk && e->watcher.on_event) desk_unwatch(e->api->options.desk, &e->watcher);
    e->watcher.on_event = NULL;
}

struct events *events_new(struct api *api)
{
    struct events *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->api = api;
    pthread_mutex_init(&e->lock, NULL);
    return e;
}

void events_free(struct events *e)
{
    if (!e) return;
    pthread_mutex_destroy(&e->lock);
    free(e);
}

/* ---- writing */

static void event_begin(struct stream_of *s, struct buf *out, const char *name)
{
    buf_printf(out, "event: %s\nid: %llu\ndata: ", name, (unsigned long long)++s->n_events);
}

static void say_hello(struct stream_of *s, struct buf *out, int64_t now_us)
{
    event_begin(s, out, "hello");
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_time_member(&w, "time", now_us);
    json_write_end(&w);
    buf_append_text(out, "\n\n");
}

struct telling {
    struct stream_of *s;
    struct buf *out;
    int64_t newest_us;
    size_t n;
};

static void tell_session(void *context, const struct index_session *session)
{
    struct telling *t = context;
    if (session->last_us > t->newest_us) t->newest_us = session->last_us;
    t->n++;
    event_begin(t->s, t->out, "session");
    struct json_writer w = json_writer_over(t->out);
    api_write_session(&w, &t->s->call, session);
    buf_append_text(t->out, "\n\n");
}

/* Sessions with something newer than what was seen last. Where there are too many, the reader is told to read
 * the lists. */
static void tell_sessions(struct stream_of *s, struct buf *out)
{
    struct index_owner owner = api_owner(&s->call);
    bool all = api_has_role(&s->call, API_AUDITOR) || api_has_role(&s->call, API_ADMIN);
    struct index *index;
    struct telling t = { .s = s, .out = out, .newest_us = s->since_us };
    if (readers_index(s->api->readers, &index)) return;
    int error =
        index_sessions_since(index, all ? NULL : &owner, s->since_us, SESSIONS_MOST, tell_session, &t);
    readers_index_back(s->api->readers, index, !error);
    if (t.n == SESSIONS_MOST) {
        event_begin(s, out, "lost");
        buf_append_text(out, "{}\n\n");
    }
    s->since_us = t.newest_us;
}

static void tell_entry(void *context, const struct transcript_event *e)
{
    struct telling *t = context;
    struct stream_of *s = t->s;
    replay_json(&s->replay, e);
    struct bytes line = buf_bytes(&s->entry);
    if (s->entry.failed || !line.n) return;
    event_begin(s, t->out, "entry");
    buf_append(t->out, line);
    buf_append_text(t->out, "\n");
    buf_consume(&s->entry, line.n);
}

static void tell_entries(struct stream_of *s, struct buf *out)
{
    struct telling t = { .s = s, .out = out };
    int got = 1;
    while (got > 0 && buf_length(out) < CHUNK)
        got = reading_step(s->reading, tell_entry, &t);
    if (got >= 0) return;
    readers_back(s->api->readers, s->reading, false);
    s->reading = NULL;
    event_begin(s, out, "lost");
    buf_append_text(out, "{}\n\n");
}

static void tell_approval(struct stream_of *s, const char *id, struct buf *out)
{
    struct arena arena;
    struct desk_entry entry;
    arena_init(&arena, 4096, 16 << 20);
    if (desk_get(s->api->options.desk, bytes_of(id), &arena, &entry)) {
        if (api_may_see_approval(&s->call, &entry)) {
            event_begin(s, out, "approval");
            struct json_writer w = json_writer_over(out);
            api_write_approval(&w, &s->call, &entry);
            buf_append_text(out, "\n\n");
        }
        desk_entry_release(&entry);
    }
    arena_free(&arena);
}

/* Each request that something happened to, as it stands now. */
static void tell_approvals(struct stream_of *s, struct buf *out)
{
    struct events *e = s->api->events;
    while (buf_length(out) < CHUNK) {
        char id[DESK_ID];
        pthread_mutex_lock(&e->lock);
        bool lost = e->n_happened - s->serial > HAPPENED, none = s->serial == e->n_happened;
        if (!lost && !none) memcpy(id, e->happened[s->serial % HAPPENED].id, DESK_ID);
        s->serial = lost ? e->n_happened : s->serial + !none;
        pthread_mutex_unlock(&e->lock);
        if (lost) {
            event_begin(s, out, "lost");
            buf_append_text(out, "{}\n\n");
        }
        if (lost || none) return;
        tell_approval(s, id, out);
    }
}

static bool is_over(struct stream_of *s, int64_t now_us)
{
    return (s->until_us && now_us >= s->until_us) || (s->person && !people_is_in(s->api->people, s->person));
}

static enum http_more stream_more(void *stream, struct buf *out)
{
    struct stream_of *s = stream;
    int64_t now_us = clock_wall_us(s->api->options.clock);
    if (is_over(s, now_us)) return HTTP_MORE_END;
    if (!s->greeted) {
        say_hello(s, out, now_us);
        s->greeted = true;
    }
    if (now_us - s->looked_us >= LOOK_US || now_us < s->looked_us) {
        s->looked_us = now_us;
        tell_sessions(s, out);
    }
    if (s->api->options.desk) tell_approvals(s, out);
    if (s->reading) tell_entries(s, out);
    if (out->failed) return HTTP_MORE_BROKEN;
    if (!buf_length(out) && now_us - s->said_us >= BEAT_US) buf_append_text(out, ": still here\n\n");
    if (!buf_length(out)) return HTTP_MORE_LATER;
    s->said_us = now_us;
    return buf_length(out) >= CHUNK ? HTTP_MORE_YES : HTTP_MORE_LATER;
}

static void stream_free(struct stream_of *s)
{
    if (s->reading) readers_back(s->api->readers, s->reading, true);
    people_release(s->api->people, s->person);
    replay_free(&s->replay);
    buf_free(&s->entry);
    arena_free(&s->arena);
    free(s);
}

static void stream_ended(void *stream)
{
    struct stream_of *s = stream;
    struct events *e = s->api->events;
    pthread_mutex_lock(&e->lock);
    for (struct stream_of **at = &e->all; *at; at = &(*at)->next) {
        if (*at != s) continue;
        *at = s->next;
        e->n--;
        break;
    }
    pthread_mutex_unlock(&e->lock);
    stream_free(s);
}

/* ---- beginning */

static bool copy_who(struct stream_of *s, const struct api_call *call)
{
    const struct principal *p = &call->principal;
    s->call = (struct api_call){ .api = call->api, .options = call->options, .roles = call->roles };
    s->call.principal.machine = p->machine;
    s->call.principal.groups = ARENA_ARRAY(&s->arena, struct bytes, p->n_groups + 1);
    for (size_t i = 0; s->call.principal.groups && i < p->n_groups; i++) {
        s->call.principal.groups[i] = arena_copy(&s->arena, p->groups[i]);
        s->call.principal.n_groups += s->call.principal.groups[i].p != NULL;
    }
    s->call.principal.on_behalf_of = arena_copy(&s->arena, p->on_behalf_of);
    s->call.principal.actor = arena_copy(&s->arena, p->actor);
    s->call.principal.user = arena_copy(&s->arena, p->user);
    s->call.principal.subject = arena_copy(&s->arena, p->subject);
    s->call.principal.issuer = arena_copy(&s->arena, p->issuer);
    return s->call.principal.user.p && s->call.principal.subject.p && s->call.principal.issuer.p &&
           s->call.principal.n_groups == p->n_groups && s->call.principal.on_behalf_of.p;
}

static bool follow(struct api_call *call, struct stream_of *s, struct bytes text)
{
    struct api_session known;
    char why[256];
    if (!api_session_id(call, text, &s->session) || !api_session_look(call, s->session, &known)) return false;
    if (!known.mine && !api_has_role(call, API_AUDITOR))
        return api_problem(call, 403, "forbidden", "Others' recordings are for auditors.");
    if (!api_look_is_recorded(call, s->session, 1, "events")) return false;
    int error = readers_open(call->api->readers, s->session, UINT32_MAX, &s->reading, why);
    return !error || api_problem(call, 503, "unavailable", "The log cannot be read now.");
}

static bool admit(struct api_call *call, struct stream_of *s)
{
    struct events *e = call->api->events;
    size_t own = 0;
    pthread_mutex_lock(&e->lock);
    for (const struct stream_of *o = e->all; o; o = o->next)
        own += bytes_equal(o->call.principal.subject, s->call.principal.subject) &&
               bytes_equal(o->call.principal.issuer, s->call.principal.issuer);
    bool good = own < OF_ONE && e->n < STREAMS;
    if (good) {
        s->serial = e->n_happened;
        s->next = e->all;
        e->all = s;
        e->n++;
    }
    pthread_mutex_unlock(&e->lock);
    return good || api_problem(call, 429, "too-many", "Too many live views are open.");
}

/* Where telling of sessions begins: at what the index has come to, which may be behind the clock. Whoever
 * reads a list once the stream is up misses nothing between the two. */
static int64_t sessions_from(struct api_call *call)
{
    struct index_progress progress = { 0 };
    struct index *index;
    int64_t from_us = call->now_us;
    if (readers_index(call->api->readers, &index)) return from_us - LOOK_US;
    int error = index_position(index, &progress);
    readers_index_back(call->api->readers, index, !error);
    if (!error && progress.last_us < from_us) from_us = progress.last_us;
    return from_us - LOOK_US;
}

void api_events(struct api_call *call)
{
    struct bytes session = api_query(call, "session");
    struct stream_of *s = calloc(1, sizeof *s);
    if (!s) {
        api_problem(call, 503, "unavailable", "There is no memory.");
        return;
    }
    s->api = call->api;
    arena_init(&s->arena, 1024, 4 << 20);
    buf_init(&s->entry, ENTRY_CEILING);
    replay_init(&s->replay, &s->entry, 0);
    s->since_us = sessions_from(call);
    s->until_us = call->person ? call->person->expires_us : call->principal.expires_us;
    bool good = copy_who(s, call) || api_problem(call, 503, "unavailable", "There is no memory.");
    if (good && session.p) good = follow(call, s, session);
    s->replay.session = s->session;
    s->replay.sealed = api_has_role(call, API_AUDITOR);
    good = good && admit(call, s);
    if (!good) {
        stream_free(s);
        return;
    }
    s->person = call->person;
    call->person = NULL;
    api_json(call);
    call->x->type = "text/event-stream";
    http_exchange_header(call->x, "X-Accel-Buffering", BYTES_LITERAL("no"));
    call->x->more = stream_more;
    call->x->ended = stream_ended;
    call->x->stream = s;
}
