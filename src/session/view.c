/* Keeping a session's view. Invariants:
 *   - an inquiry is sent as a simple query while nothing else is unanswered, and it is the only thing in the
 * queue until its ReadyForQuery came; or else as a statement of the gateway's own, behind what is unanswered;
 *   - while view_holds_client, no message of the client is looked at;
 *   - what was forwarded since the view was made and may have changed it has set `dirty`. */
#include "base/cursor.h"
#include "base/map.h"
#include "pgwire/report.h"
#include "session/session-private.h"
#include <stdio.h>
#include <stdlib.h>

enum { CATALOG_WAIT_US = 30000000, COLUMNS = 64 };

static void forget(struct session_view *v)
{
    catalog_overlay_free(v->overlay);
    catalog_release(v->view.catalog);
    v->overlay = NULL;
    v->view = (struct catalog_view){ 0 };
    v->key = 0;
}

void view_begin(struct session *s)
{
    struct session_view *v = &s->view;
    v->needed = true;
    v->dirty = true;
    v->wait_due_us = INT64_MAX;
    v->shared = s->world->catalog_attach(s->world, s->snapshot, s->target, s->database);
}

void view_end(struct session *s)
{
    struct session_view *v = &s->view;
    if (v->job) {
        v->job->session = NULL;
        v->job->overlay = v->overlay;
        v->overlay = NULL;
    }
    if (v->loading) catalog_overlay_abandon(v->loading);
    v->loading = NULL;
    catalog_release(v->asked_on);
    v->asked_on = NULL;
    forget(v);
    if (v->shared) s->world->catalog_detach(s->world, v->shared);
    v->shared = NULL;
}

/* ---- waiting */

static enum view_answer wait_for(struct session *s, enum view_wait what, int64_t us)
{
    struct session_view *v = &s->view;
    v->wait = what;
    v->wait_due_us = us ? session_now(s) + us : INT64_MAX;
    return VIEW_WAITS;
}

bool view_holds_client(const struct session *s)
{
    const struct session_view *v = &s->view;
    switch (v->wait) {
    case VIEW_WAIT_NONE: return false;
    case VIEW_WAIT_DRAIN: return s->pendings.n > 0;
    case VIEW_WAIT_CATALOG:
    case VIEW_WAIT_CHECK:
    case VIEW_WAIT_JOB:
    case VIEW_WAIT_ANSWER: return true;
    }
    return true;
}

static void end_wait(struct session_view *v)
{
    v->wait = VIEW_WAIT_NONE;
    v->wait_due_us = INT64_MAX;
}

void session_on_catalog(struct session *s)
{
    struct session_view *v = &s->view;
    const struct session_catalog *shared = v->shared;
    if (v->wait == VIEW_WAIT_CATALOG && (shared->newest || shared->problem.n)) end_wait(v);
    int64_t from_us = v->check_from_us > v->fresh_from_us ? v->check_from_us : v->fresh_from_us;
    if (v->wait == VIEW_WAIT_CHECK && (shared->checked_us >= from_us || shared->problem.n)) end_wait(v);
}

bool session_waits_for_catalog(const struct session *s, const struct session_catalog *catalog)
{
    return s->view.shared == catalog &&
           (s->view.wait == VIEW_WAIT_CATALOG || s->view.wait == VIEW_WAIT_CHECK);
}

void view_on_time(struct session *s, int64_t now_us)
{
    struct session_view *v = &s->view;
    if (now_us < v->wait_due_us) return;
    /* An answer that does not come is the server's silence, which other limits end. */
    bool late = v->wait == VIEW_WAIT_CHECK && v->shared->checked_us < v->fresh_from_us;
    if (v->wait == VIEW_WAIT_CATALOG || late)
        snprintf(v->failed, sizeof v->failed, "the catalogue of the database could not be read in time");
    end_wait(v);
}

/* ---- the question */

static enum view_answer refuse(struct session *s, const char *says, const char *hint, struct bytes *says_out,
                               struct bytes *hint_out)
{
    *says_out = arena_printf(&s->scratch, "%s", says);
    *hint_out = bytes_of(hint);
    s->view.failed[0] = 0;
    return VIEW_REFUSED;
}

bool view_is_current(const struct session *s)
{
    const struct session_view *v = &s->view;
    if (!v->key || v->dirty || !v->shared || v->shared->problem.n) return false;
    if (v->shared->checked_us < v->fresh_from_us) return false;
    /* A newer catalogue is taken up between transactions. */
    return v->shared->newest == v->view.catalog || s->pendings.n || s->status != 'I';
}

bool view_drains(const struct session *s)
{
    for (uint32_t i = s->pendings.n; i > 0; i--) {
        uint8_t kind = pending_at(&s->pendings, i - 1)->kind;
        if (kind != PENDING_COPY_END)
            return kind == PENDING_SYNC || kind == PENDING_QUERY || kind == PENDING_CALL;
    }
    return true;
}

/* Between the client's messages, where the server is in the middle of a batch: a simple query would end what
 * the batch has begun. */
static bool ask_within(struct session *s, const char *text)
{
    if (!own_ask(s, OWN_VIEW, bytes_of(text))) return false;
    message_put(&s->server_out, MESSAGE_FLUSH, (struct bytes){ 0 });
    return true;
}

static bool ask_alone(struct session *s, const char *text)
{
    struct pending *p = pending_push(&s->pendings, PENDING_INQUIRY);
    if (!p) return false;
    p->started_us = session_stamp_us(s);
    size_t at = message_begin(&s->server_out, MESSAGE_QUERY);
    buf_put_cstring(&s->server_out, bytes_of(text));
    message_finish(&s->server_out, at);
    return true;
}

static enum view_answer ask(struct session *s, bool short_one)
{
    struct session_view *v = &s->view;
    const char *text = short_one ? catalog_probe_query : catalog_overlay_query;
    v->loading = catalog_overlay_begin(v->shared->newest);
    if (!v->loading || !(v->within ? ask_within(s, text) : ask_alone(s, text))) {
        session_drop(s, "out of memory");
        return VIEW_WAITS;
    }
    catalog_release(v->asked_on);
    v->asked_on = catalog_hold(v->shared->newest);
    v->asked_wrong = false;
    v->probing = short_one;
    return wait_for(s, VIEW_WAIT_ANSWER, 0);
}

enum view_answer view_ready(struct session *s, struct bytes *says_out, struct bytes *hint_out)
{
    struct session_view *v = &s->view;
    if (view_is_current(s)) return VIEW_READY;
    if (!v->shared)
        return refuse(s, "the catalogue of the database cannot be kept in this gateway", "Try again later.",
                      says_out, hint_out);
    if (v->failed[0])
        return refuse(s, v->failed, "Try again; if it goes on, tell the gateway's operator.", says_out,
                      hint_out);
    if (v->shared->problem.n) {
        struct bytes says = arena_printf(&s->scratch, "the catalogue of the database cannot be read: %.*s",
                                         BYTES_FMT(v->shared->problem));
        return refuse(s, says.p ? (const char *)says.p : "the catalogue of the database cannot be read",
                      "Tell the gateway's operator.", says_out, hint_out);
    }
    if (!v->shared->newest) return wait_for(s, VIEW_WAIT_CATALOG, CATALOG_WAIT_US);
    if (v->shared->checked_us < v->fresh_from_us) return wait_for(s, VIEW_WAIT_CHECK, CATALOG_WAIT_US);
    if (s->pendings.n && view_drains(s)) return wait_for(s, VIEW_WAIT_DRAIN, 0);
    v->within = s->pendings.n > 0;
    if (v->within && frontend_copies(s))
        return refuse(s, "names cannot be resolved in the middle of a COPY", "End the COPY first.", says_out,
                      hint_out);
    if (v->within) return ask(s, false);
    if (s->status == 'E') return VIEW_WITHOUT;
    /* In a transaction that has changed something the short question would not do. */
    return ask(s, !(v->moved && s->status == 'T'));
}

bool view_look_again(struct session *s)
{
    struct session_view *v = &s->view;
    if (v->check_from_us) {
        /* What was found meanwhile is taken up, inside a transaction too. */
        struct bytes says, hint;
        bool newer = v->shared->newest != v->view.catalog && s->pendings.n == 0 && s->status != 'E';
        v->dirty |= newer;
        return newer && view_ready(s, &says, &hint) == VIEW_WAITS;
    }
    if (s->pendings.n || s->status == 'E') return false;
    v->check_from_us = session_now(s); /* before whoever looks can have begun to */
    if (!s->world->catalog_check(s->world, v->shared)) {
        v->check_from_us = 0;
        return false;
    }
    wait_for(s, VIEW_WAIT_CHECK, CATALOG_WAIT_US);
    return true;
}

void view_statement_over(struct session *s)
{
    s->view.check_from_us = 0;
    s->view.canary_lives = false;
}

/* ---- long texts */

bool view_ask_job(struct session *s, struct bytes text, struct bytes types)
{
    struct session_view *v = &s->view;
    struct understood_context context = session_context(s);
    context.types = types;
    struct view_job *job = calloc(1, sizeof *job);
    if (job) job->u = understood_begin(s->world->cache, &context, text);
    if (!job || !job->u) {
        free(job);
        return false;
    }
    job->world = s->world;
    job->session = s;
    job->view = v->view;
    job->view.database = (struct bytes){ 0 };
    if (s->database.n && s->database.n < sizeof job->database) {
        memcpy(job->database, s->database.p, s->database.n);
        job->view.database = bytes_make(job->database, s->database.n);
    }
    job->catalog = catalog_hold(v->view.catalog);
    if (job->u->masks && !(job->masks = policy_ruleset_hold(s->ruleset))) {
        understood_drop(job->u);
        catalog_release(job->catalog);
        free(job);
        return false;
    }
    if (job->masks) job->u->masking.context = job->masks;
    v->job = job;
    if (s->world->ask_job(s->world, job)) {
        wait_for(s, VIEW_WAIT_JOB, 0);
        return true;
    }
    v->job = NULL;
    understood_drop(job->u);
    policy_ruleset_release(job->masks);
    catalog_release(job->catalog);
    free(job);
    return false;
}

void session_job_run(struct view_job *job)
{
    understood_parse(job->u, &job->view);
}

struct session *session_job_done(struct view_job *job)
{
    struct session *s = job->session;
    if (s) {
        struct understood_context context = session_context(s);
        s->parsed = understood_end(s->world->cache, &context, job->u);
        s->parse_failed = s->parsed == NULL;
        s->view.job = NULL;
        end_wait(&s->view);
    } else {
        understood_drop(job->u);
        catalog_overlay_free(job->overlay);
    }
    policy_ruleset_release(job->masks);
    catalog_release(job->catalog);
    free(job);
    return s;
}

/* ---- what changes it */

void view_on_run(struct session *s, const struct understood *u)
{
    struct session_view *v = &s->view;
    veil_on_run(s, u);
    if (!v->needed) return;
    if (u->moves_view) v->dirty = v->moved = true;
    v->schema_moved |= u->moves_schema;
    if (u->ends_transaction && v->moved) v->dirty = true;
    for (size_t i = 0; u->has_names && u->facts && i < u->facts->n_statements; i++) {
        const struct sql_statement *st = &u->facts->statements[i];
        bool portal = st->action == SQL_ACTION_FETCH;
        if (!portal && st->action != SQL_ACTION_EXECUTE) continue;
        const struct binding *b = binding_find(&s->bindings, portal, st->subject);
        if (b && b->understood->moves_view && b->understood != u) v->dirty = v->moved = true;
        v->schema_moved |= b && b->understood->moves_schema;
    }
}

void view_on_call(struct session *s)
{
    struct session_view *v = &s->view;
    v->dirty = v->moved = v->schema_moved = true;
}

void view_on_status(struct session *s)
{
    struct session_view *v = &s->view;
    if (!v->needed || !v->moved) return;
    if (s->status == 'E') v->dirty = true;
    if (s->status != 'I') return;
    v->dirty = true;
    v->moved = false;
    if (!v->schema_moved || !v->shared) return;
    /* From now on it is the shared catalogue that has it. Where nobody can be asked to look, the next regular
     * look is waited for. */
    v->schema_moved = false;
    v->fresh_from_us = session_now(s);
    bool asked = s->world->catalog_check(s->world, v->shared);
    (void)asked;
}

/* ---- the answer */

static void inquiry_failed(struct session_view *v, const char *why)
{
    if (!v->asked_wrong) snprintf(v->failed, sizeof v->failed, "%s", why);
    v->asked_wrong = true;
}

static void on_row(struct session *s, struct bytes body)
{
    struct session_view *v = &s->view;
    struct bytes values[COLUMNS];
    struct cursor c = cursor_over(body);
    uint16_t n = cursor_u16(&c);
    if (v->asked_wrong) return;
    if (n > COLUMNS || !message_data_row_check(body)) {
        inquiry_failed(v, "what the server tells of the session cannot be read");
        return;
    }
    for (uint16_t i = 0; i < n; i++) {
        uint32_t length = cursor_u32(&c);
        values[i] = length == UINT32_MAX ? (struct bytes){ 0 } : cursor_take(&c, length);
    }
    if (!catalog_overlay_row(v->loading, values, n))
        inquiry_failed(v, "what this session has made or changed is more than the gateway takes in");
}

static void on_error(struct session_view *v, struct bytes message)
{
    if (v->asked_wrong) return;
    v->asked_wrong = true;
    snprintf(v->failed, sizeof v->failed, "what this session sees could not be asked: %.*s",
             BYTES_FMT(message));
}

/* Sessions that see nothing of their own, with one catalogue and one path, share what was understood. */
static uint64_t key_of(struct session *s, const struct session_view *v)
{
    uint64_t key = catalog_serial(v->view.catalog) * 0x9E3779B97F4A7C15ULL + s->world->seed;
    for (size_t i = 0; i < v->view.n_path; i++)
        key = map_hash(v->view.path[i], key);
    if (!catalog_overlay_is_empty(v->overlay))
        key = map_hash(bytes_make(&key, sizeof key), key) ^ understood_cache_serial(s->world->cache);
    return key ? key : 1;
}

/* Answers whether it is over: the short question may lead to the long one. */
static bool take_answer(struct session *s)
{
    struct session_view *v = &s->view;
    const struct bytes *path = NULL;
    size_t n_path = 0;
    struct catalog_overlay_load *loading = v->loading;
    v->loading = NULL;
    struct catalog_overlay *overlay = NULL;
    if (!v->asked_wrong && v->probing && catalog_overlay_wants_more(loading)) {
        catalog_overlay_abandon(loading);
        ask(s, false);
        return false;
    }
    if (v->asked_wrong)
        catalog_overlay_abandon(loading);
    else if (!(overlay = catalog_overlay_end(loading, &path, &n_path)))
        inquiry_failed(v, "what the server tells of the session cannot be read");
    if (!overlay) {
        catalog_release(v->asked_on);
        v->asked_on = NULL;
        return true;
    }
    forget(v);
    v->overlay = overlay;
    v->view = (struct catalog_view){ v->asked_on, overlay, path, n_path, s->database };
    v->asked_on = NULL;
    v->key = key_of(s, v);
    v->dirty = false;
    return true;
}

enum step view_own_row(struct session *s, struct bytes body)
{
    on_row(s, body);
    return STEP_NEXT;
}

enum step view_own_done(struct session *s)
{
    if (take_answer(s)) end_wait(&s->view);
    return STEP_NEXT;
}

/* The batch has failed with it, and what the client sent behind it is skipped: it hears why. */
void view_own_failed(struct session *s, struct bytes body)
{
    struct bytes code = report_field(body, 'C');
    struct refusal *refusal = NULL;
    /* A cancel request, a transaction that has failed: the server's own words say it. */
    if (!bytes_is(code, "57014") && !bytes_is(code, "25P02"))
        refusal = refusal_new(REFUSAL_CATALOGUE, "ERROR",
                              BYTES_LITERAL("what this session sees could not be asked"),
                              report_field(body, 'M'), (struct bytes){ 0 });
    body = refusal ? refusal_body(refusal) : veil_error(s, NULL, body);
    recording_report(s, FRAME_ERROR, s->last_run, refusal ? ORIGIN_GATEWAY : ORIGIN_SERVER, body, NULL);
    if (!s->terminated && !s->swallowing) message_put(&s->client_out, MESSAGE_ERROR_RESPONSE, body);
    free(refusal);
    view_after_error(s);
}

void view_after_error(struct session *s)
{
    struct session_view *v = &s->view;
    if (v->wait != VIEW_WAIT_ANSWER || !v->within) return;
    if (s->n_syncs > 0) return; /* the question stands behind a Sync, and will be answered */
    if (v->loading) catalog_overlay_abandon(v->loading);
    v->loading = NULL;
    catalog_release(v->asked_on);
    v->asked_on = NULL;
    end_wait(v);
}

static enum step not_expected(struct session *s)
{
    return session_fail_text(s, REFUSAL_SERVER_PROTOCOL,
                             "the server sent a message that does not fit what it was asked");
}

enum step view_on_message(struct session *s, const struct message *m)
{
    struct session_view *v = &s->view;
    struct pending *p = pending_head(&s->pendings);
    uint16_t n;
    if (m->body.n != m->body_length) return STEP_MORE;
    switch (m->type) {
    case MESSAGE_ROW_DESCRIPTION:
        if (!message_row_description_check(m->body, &n) || p->described) break;
        p->described = true;
        return STEP_NEXT;
    case MESSAGE_DATA_ROW:
        if (!p->described) break;
        on_row(s, m->body);
        return STEP_NEXT;
    case MESSAGE_COMMAND_COMPLETE: return STEP_NEXT;
    case MESSAGE_ERROR_RESPONSE:
        if (!report_check(m->body)) break;
        on_error(v, report_field(m->body, 'M'));
        return STEP_NEXT;
    case MESSAGE_READY_FOR_QUERY:
        if (m->body.n != 1 || !strchr("ITE", m->body.p[0]) || !m->body.p[0]) break;
        if (!p->described) inquiry_failed(v, "what the server tells of the session cannot be read");
        pending_drop(&s->pendings, &s->bindings, 0);
        s->status = m->body.p[0];
        if (take_answer(s)) end_wait(v);
        s->statement_due_us = INT64_MAX;
        s->timed_out = false;
        return STEP_NEXT;
    default: break;
    }
    return not_expected(s);
}
