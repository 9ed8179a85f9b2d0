/* What the server sends once the session is ready: matched against the head of the queue, recorded,
 * delivered. A message that does not fit what was asked ends the session: a server that we do not understand
 * is not passed on. Source: PostgreSQL documentation, "Message Flow". */
#include "session/backend.h"
#include "base/cursor.h"
#include <stdlib.h>

/* Longer than what any server sends of the kind, and shorter than a frame of the record. */
enum { TAG_CEILING = 1024, BODY_CEILING = 512 * 1024 };
/* What is as long as that has a write of its own. */
enum { THROUGH_LEAST = 16 * 1024 };

enum step backend_unexpected(struct session *s, const struct message *m)
{
    return session_fail(
        s, REFUSAL_SERVER_PROTOCOL,
        BYTES_LITERAL("the server sent a message that does not fit what it was asked"),
        arena_printf(&s->scratch, "Message type '%c'.", m->type >= ' ' && m->type < 0x7F ? m->type : '?'));
}

bool backend_is_silent(const struct session *s, const struct pending *p)
{
    return s->swallowing || s->aborting || s->terminated || (p && p->injected);
}

static bool is_kept(const struct session *s, const struct pending *p)
{
    return s->limiting.holding || (p && p->limited && p->keeps_rows);
}

void backend_deliver(struct session *s, const struct pending *p, struct bytes whole)
{
    if (backend_is_silent(s, p)) return;
    if (is_kept(s, p))
        limit_keep(s, whole);
    else
        buf_append(&s->client_out, whole);
}

void backend_deliver_bulk(struct session *s, const struct pending *p, struct bytes whole)
{
    if (whole.n < THROUGH_LEAST || s->through.n || backend_is_silent(s, p) || is_kept(s, p))
        backend_deliver(s, p, whole);
    else
        s->through = whole;
}

void backend_deliver_error(struct session *s, struct bytes body)
{
    if (!s->swallowing && !s->terminated) message_put(&s->client_out, MESSAGE_ERROR_RESPONSE, body);
}

/* CopyDone and CopyFail get no answer of their own: their marks go when they come to the front. */
static void skip_copy_ends(struct session *s)
{
    while (s->pendings.n && pending_head(&s->pendings)->kind == PENDING_COPY_END)
        pending_drop(&s->pendings, &s->bindings, 0);
}

void backend_pop(struct session *s)
{
    struct pending *p = pending_head(&s->pendings);
    if (p->run) s->last_run = p->run;
    if (p->reserved) record_release(s->world->lane, &s->record);
    if (p->kind == PENDING_SYNC || p->kind == PENDING_QUERY || p->kind == PENDING_CALL) s->n_syncs--;
    pending_drop(&s->pendings, &s->bindings, 0);
    skip_copy_ends(s);
    s->copy_in = false;
    s->statement_due_us = INT64_MAX; /* session_settle sets it for what runs now */
}

struct binding *backend_counted_by(struct session *s, const struct pending *p)
{
    const struct understood *u = p->understood;
    if (u && u->has_names && p->statement < u->facts->n_statements) {
        const struct sql_statement *st = &u->facts->statements[p->statement];
        if (st->action == SQL_ACTION_FETCH) return binding_find(&s->bindings, true, st->subject);
    }
    return p->kind == PENDING_EXECUTE ? p->binding : NULL;
}

void backend_overrun(struct session *s, struct pending *p, uint8_t by)
{
    if (p->overrun) return; /* it is cancelled once, for the first reason */
    p->overrun = by;
    s->wants.cancel = true;
}

/* A COPY FROM STDIN has completed: the mark of its end is used up. Returns where the head is now. */
static struct pending *end_copy_in(struct session *s)
{
    pending_head(&s->pendings)->n_copied_in++;
    for (uint32_t i = 1; i < s->pendings.n; i++)
        if (pending_at(&s->pendings, i)->kind == PENDING_COPY_END) {
            pending_drop(&s->pendings, &s->bindings, i);
            break;
        }
    return pending_head(&s->pendings);
}

/* COMMIT in the middle of a pipeline, or AND CHAIN: what was changed before counts no more. */
static void note_transaction_end(struct session *s, const struct pending *p)
{
    const struct understood *u = p->understood;
    if (!u || u->outcome != SQL_UNDERSTOOD || p->statement >= u->facts->n_statements) return;
    enum sql_action action = u->facts->statements[p->statement].action;
    if (action == SQL_ACTION_COMMIT || action == SQL_ACTION_ROLLBACK) limit_on_transaction_end(s);
}

/* CommandComplete, EmptyQueryResponse, PortalSuspended. */
static enum step on_end_of_statement(struct session *s, const struct message *m, enum run_end how)
{
    struct pending *p = pending_head(&s->pendings);
    struct bytes tag = { 0 };
    enum step step;
    if (!p || (p->kind != PENDING_QUERY && p->kind != PENDING_EXECUTE) || p->failed || p->refusal)
        return backend_unexpected(s, m);
    if (how == RUN_COMPLETED && (!message_string_decode(m->body, &tag) || tag.n > TAG_CEILING))
        return backend_unexpected(s, m);
    if (how == RUN_SUSPENDED && p->kind == PENDING_QUERY) return backend_unexpected(s, m);
    if (p->copying_in) p = end_copy_in(s);
    p->copying_in = p->copying_out = false;
    s->copy_in = false;
    s->timed_out = false;
    struct binding *counted = backend_counted_by(s, p);
    if (counted) {
        counted->rows += p->rows;
        counted->values += p->values;
    }
    p->values = 0;
    if (p->limited && !p->overrun) {
        step = limit_on_end(s, p, how, tag, m->whole);
        if (step != STEP_NEXT) return step;
        p = pending_head(&s->pendings);
    } else if (p->overrun && limit_is_undecided(s) && s->n_syncs == 0) {
        step = backend_undo_overrun(s, p, tag);
        if (step != STEP_NEXT) return step;
        p = pending_head(&s->pendings);
    } else if (p->overrun) {
        /* The cancel request came too late. The client gets its error; a transaction that is open must fail
         * with it. */
        backend_say_overrun(s);
        recording_complete(s, p, RUN_FAILED, tag);
        s->swallowing = s->must_abort = true;
    } else {
        recording_complete(s, p, how, tag);
        backend_deliver(s, p, m->whole);
    }
    if (s->limiting.affected) note_transaction_end(s, p);
    names_commit(s, p, p->statement++);
    p->description = 0;
    p->columns = -1;
    p->described = false;
    p->overrun = OVERRUN_NOT;
    if (p->kind == PENDING_EXECUTE) backend_pop(s);
    return STEP_NEXT;
}

static enum step on_row_description(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    uint16_t n;
    if (!p || p->failed || p->refusal || m->body.n > BODY_CEILING ||
        !message_row_description_check(m->body, &n))
        return backend_unexpected(s, m);
    if (p->kind != PENDING_QUERY && p->kind != PENDING_DESCRIBE) return backend_unexpected(s, m);
    if (veil_describes_masked(s, p, m->body))
        return session_fail_text(s, REFUSAL_MASKED, "the server would send a column that is masked for you");
    if (!sift_describe(s, p, m->body)) return session_drop(s, "out of memory");
    struct bytes whole = veil_description(s, p, m->whole), body = bytes_slice(whole, 5, whole.n);
    uint32_t number = s->recording && !s->unrecorded ? recording_description(s, body) : 0;
    backend_deliver(s, p, whole);
    if (p->kind == PENDING_QUERY) {
        p->description = number;
        p->columns = n;
        p->described = true;
        return STEP_NEXT;
    }
    if (p->binding) {
        p->binding->description = number;
        p->binding->columns = n;
    }
    backend_pop(s);
    return STEP_NEXT;
}

static enum step on_parameter_description(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    struct cursor c = cursor_over(m->body);
    uint16_t n = cursor_u16(&c);
    cursor_take(&c, (size_t)n * 4);
    if (!p || p->kind != PENDING_DESCRIBE || !p->statement_described || p->parameters_seen ||
        !cursor_done(&c))
        return backend_unexpected(s, m);
    p->parameters_seen = true;
    if (n && p->binding) {
        struct bytes parts[] = { bytes_make(p->binding->name, p->binding->n), bytes_make("", 1), m->body };
        recording_outcome(s, FRAME_PARAMETER_DESCRIPTION, 0, parts, 3);
        binding_learn_types(p->binding, m->body);
    }
    backend_deliver(s, p, m->whole);
    return STEP_NEXT;
}

/* ParseComplete, BindComplete, CloseComplete, NoData: what was asked is done. */
static enum step on_done(struct session *s, const struct message *m, enum pending_kind kind)
{
    struct pending *p = pending_head(&s->pendings);
    if (!p || p->kind != kind || p->refusal || m->body.n) return backend_unexpected(s, m);
    if (!p->as_query) backend_deliver(s, p, m->whole);
    if (p->run && kind == PENDING_PARSE) s->last_run = p->run;
    if (p->binding && kind != PENDING_DESCRIBE) binding_commit(&s->bindings, p->binding);
    backend_pop(s);
    return STEP_NEXT;
}

/* Sync messages that the server reads in the middle of COPY data have no effect (W80). */
static void drop_eaten_syncs(struct session *s)
{
    for (uint32_t i = 1; i < s->pendings.n;) {
        uint8_t kind = pending_at(&s->pendings, i)->kind;
        if (kind != PENDING_SYNC) return;
        pending_drop(&s->pendings, &s->bindings, i);
        s->n_syncs--;
    }
}

static enum step on_copy_response(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    bool in = m->type == MESSAGE_COPY_IN_RESPONSE;
    if (!p || (p->kind != PENDING_QUERY && p->kind != PENDING_EXECUTE) || p->failed || p->refusal ||
        !message_copy_response_check(m->body))
        return backend_unexpected(s, m);
    if (in && p->understood && p->understood->outcome == SQL_UNDERSTOOD && p->understood->n_copies_in == 0 &&
        !s->open)
        return backend_unexpected(s, m);
    p->copying_in = in;
    p->copying_out = !in;
    if (in) {
        drop_eaten_syncs(s);
        p = pending_head(&s->pendings);
        bool ended = false;
        for (uint32_t i = 1; i < s->pendings.n; i++)
            ended |= pending_at(&s->pendings, i)->kind == PENDING_COPY_END;
        s->copy_in = !ended;
    }
    if (in && p->limited) { /* the client has its turn: nothing may wait for it */
        s->limiting.waits = false;
        if (!backend_is_silent(s, p)) buf_append(&s->client_out, m->whole);
        return STEP_NEXT;
    }
    if (!in && s->sift.rules.looked && !sift_takes_copy(m->body)) {
        struct look_tally tally = { .unseen = 1 };
        if (s->sift.rules.masked) {
            backend_overrun(s, p, OVERRUN_UNSEEN);
            return STEP_NEXT;
        }
        if (!sift_note(s, p, 0, &tally)) return session_drop(s, "out of memory");
    }
    backend_deliver(s, p, m->whole);
    return STEP_NEXT;
}

/* The client has its error, but the transaction that the statement ran in is whole: our own poison ends that,
 * before the client learns its state. */
static enum step abort_transaction(struct session *s)
{
    s->must_abort = false;
    struct refusal *refusal = refusal_new(REFUSAL_ROWS, "ERROR", BYTES_LITERAL("aborted"),
                                          (struct bytes){ 0 }, (struct bytes){ 0 });
    if (!refusal) return session_drop(s, "out of memory");
    s->aborting = true;
    /* It is the next answer that comes, whatever else is in the queue: nothing else is, since the client was
     * not read. */
    if (s->pendings.n) {
        free(refusal);
        return session_fail_text(s, REFUSAL_ROWS, "the result has more rows than the policy lets out");
    }
    return statement_poison(s, CARRIER_QUERY, (struct bytes){ 0 }, refusal, 0, NULL, 0);
}

static enum step on_ready(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!p || (p->kind != PENDING_SYNC && p->kind != PENDING_QUERY && p->kind != PENDING_CALL) ||
        m->body.n != 1)
        return backend_unexpected(s, m);
    if (p->refusal && !p->failed) return backend_unexpected(s, m);
    bool is_ours = p->injected;
    uint8_t status = m->body.p[0];
    if (status != 'I' && status != 'T' && status != 'E') return backend_unexpected(s, m);
    names_revert(s, p); /* of statements that never completed */
    backend_pop(s);
    s->status = status;
    view_on_status(s);
    if (status == 'I') bindings_forget_all(&s->bindings, true, false);
    s->swallowing = s->aborting = s->timed_out = false;
    if (limit_on_ready(s, status) != STEP_NEXT) return STEP_CLOSE;
    if (s->must_abort && status == 'T') return abort_transaction(s);
    s->must_abort = false;
    if (status != s->recorded_status) {
        struct bytes part = m->body;
        recording_outcome(s, FRAME_STATUS, 0, &part, 1);
        s->recorded_status = status;
    }
    if (!is_ours) backend_deliver(s, NULL, m->whole);
    return STEP_NEXT;
}

static enum step on_call_response(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!p || p->kind != PENDING_CALL || p->failed || p->refusal) return backend_unexpected(s, m);
    struct bytes whole = s->sift.rules.looked ? sift_call(s, m->whole) : m->whole;
    if (!whole.p) return session_drop(s, "out of memory");
    while (p->bytes < whole.n) { /* and goes on from there after a wait */
        struct bytes part = bytes_slice(whole, p->bytes, 512 * 1024);
        uint8_t flags = p->bytes + part.n < whole.n ? FRAME_PART : 0;
        enum record_outcome outcome = recording_rows(s, FRAME_ROWS, flags, p->run, 0, part);
        if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
        p->bytes += part.n;
    }
    if (s->sift.rules.looked) sift_step_done(s, p);
    recording_complete(s, p, RUN_COMPLETED, BYTES_LITERAL("FUNCTION CALL"));
    backend_deliver(s, p, whole);
    return STEP_NEXT;
}

static enum step on_copy_done(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!p || !p->copying_out || m->body.n) return backend_unexpected(s, m);
    p->copying_out = false;
    if (!p->overrun) backend_deliver(s, p, m->whole);
    return STEP_NEXT;
}

/* What comes unasked, and last words, go their usual way. */
static bool answers_inquiry(const struct message *m)
{
    return m->type != MESSAGE_NOTICE_RESPONSE && m->type != MESSAGE_NOTIFICATION_RESPONSE &&
           m->type != MESSAGE_PARAMETER_STATUS &&
           !(m->type == MESSAGE_ERROR_RESPONSE && backend_is_fatal(m->body));
}

static bool is_aside(uint8_t type)
{
    return type == MESSAGE_ERROR_RESPONSE || type == MESSAGE_NOTICE_RESPONSE ||
           type == MESSAGE_NOTIFICATION_RESPONSE || type == MESSAGE_PARAMETER_STATUS;
}

/* What the gateway asked is for the gateway. */
static enum step on_own(struct session *s, const struct message *m)
{
    bool done;
    enum step step = own_answer(s, m, &done);
    if (step == STEP_NEXT && done) backend_pop(s);
    return step;
}

enum step backend_message(struct session *s, const struct message *m, struct bytes in, size_t *used_out)
{
    skip_copy_ends(s);
    const struct pending *head = pending_head(&s->pendings);
    if (head && head->kind == PENDING_INQUIRY && answers_inquiry(m)) return view_on_message(s, m);
    if (head && head->kind == PENDING_OWN && !is_aside(m->type)) return on_own(s, m);
    switch (m->type) {
    case MESSAGE_DATA_ROW: return backend_on_rows(s, m, in, used_out);
    case MESSAGE_COPY_DATA: return backend_on_copy_out(s, m, in, used_out);
    case MESSAGE_COPY_DONE: return on_copy_done(s, m);
    case MESSAGE_COMMAND_COMPLETE: return on_end_of_statement(s, m, RUN_COMPLETED);
    case MESSAGE_EMPTY_QUERY_RESPONSE: return on_end_of_statement(s, m, RUN_EMPTY);
    case MESSAGE_PORTAL_SUSPENDED: return on_end_of_statement(s, m, RUN_SUSPENDED);
    case MESSAGE_ROW_DESCRIPTION: return on_row_description(s, m);
    case MESSAGE_PARAMETER_DESCRIPTION: return on_parameter_description(s, m);
    case MESSAGE_NO_DATA: return on_done(s, m, PENDING_DESCRIBE);
    case MESSAGE_PARSE_COMPLETE: return on_done(s, m, PENDING_PARSE);
    case MESSAGE_BIND_COMPLETE: return on_done(s, m, PENDING_BIND);
    case MESSAGE_CLOSE_COMPLETE: return on_done(s, m, PENDING_CLOSE);
    case MESSAGE_COPY_IN_RESPONSE:
    case MESSAGE_COPY_OUT_RESPONSE: return on_copy_response(s, m);
    case MESSAGE_READY_FOR_QUERY: return on_ready(s, m);
    case MESSAGE_ERROR_RESPONSE: return backend_on_error(s, m);
    case MESSAGE_NOTICE_RESPONSE: return backend_on_notice(s, m);
    case MESSAGE_NOTIFICATION_RESPONSE: return backend_on_notification(s, m);
    case MESSAGE_PARAMETER_STATUS: return backend_on_parameter_status(s, m);
    case MESSAGE_FUNCTION_CALL_RESPONSE: return on_call_response(s, m);
    default: return backend_unexpected(s, m); /* CopyBothResponse and whatever we do not know */
    }
}
