/* What the server sends once the session is ready: matched against the head of the queue, recorded,
 * delivered. A message that does not fit what was asked ends the session: a server that we do not understand
 * is not passed on. Source: PostgreSQL documentation, "Message Flow". */
#include "base/cursor.h"
#include "pgwire/report.h"
#include "session/session-private.h"
#include <stdlib.h>

/* Longer than what any server sends of the kind, and shorter than a frame of the record. */
enum { TAG_CEILING = 1024, ASIDE_CEILING = 64 * 1024, BODY_CEILING = 512 * 1024, ROWS_AT_ONCE = 512 * 1024 };
enum { COPY_PARTS = RECORDING_COPY_PARTS, COPY_FRAME = 512 * 1024, THROUGH_LEAST = 16 * 1024 };

static enum step unexpected(struct session *s, const struct message *m)
{
    return session_fail(
        s, REFUSAL_SERVER_PROTOCOL,
        BYTES_LITERAL("the server sent a message that does not fit what it was asked"),
        arena_printf(&s->scratch, "Message type '%c'.", m->type >= ' ' && m->type < 0x7F ? m->type : '?'));
}

static bool is_silent(const struct session *s, const struct pending *p)
{
    return s->swallowing || s->aborting || s->terminated || (p && p->injected);
}

static bool is_kept(const struct session *s, const struct pending *p)
{
    return s->limiting.holding || (p && p->limited && p->keeps_rows);
}

static void deliver(struct session *s, const struct pending *p, struct bytes whole)
{
    if (is_silent(s, p)) return;
    if (is_kept(s, p))
        limit_keep(s, whole);
    else
        buf_append(&s->client_out, whole);
}

void backend_deliver(struct session *s, const struct pending *p, struct bytes whole)
{
    deliver(s, p, whole);
}

/* The same for what may be long: what is long enough for a write of its own is not copied. */
static void deliver_bulk(struct session *s, const struct pending *p, struct bytes whole)
{
    if (whole.n < THROUGH_LEAST || s->through.n || is_silent(s, p) || is_kept(s, p))
        deliver(s, p, whole);
    else
        s->through = whole;
}

static void deliver_error(struct session *s, struct bytes body)
{
    if (!s->swallowing && !s->terminated) message_put(&s->client_out, MESSAGE_ERROR_RESPONSE, body);
}

/* CopyDone and CopyFail get no answer of their own: their marks go when they come to the front. */
static void skip_copy_ends(struct session *s)
{
    while (s->pendings.n && pending_head(&s->pendings)->kind == PENDING_COPY_END)
        pending_drop(&s->pendings, &s->bindings, 0);
}

/* The head has had its last answer. */
static void pop(struct session *s)
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

/* What was pipelined behind an error is not run: the server skips to the next Sync, a Query in between
 * included (W51). */
static void skip_to_sync(struct session *s)
{
    uint32_t n = 0;
    struct pending *head;
    while (n < s->pendings.n && pending_at(&s->pendings, n)->kind != PENDING_SYNC)
        n++;
    /* The client skips to a Sync of its own. */
    s->skipping = true;
    for (uint32_t i = n; i < s->pendings.n && s->skipping; i++) {
        const struct pending *p = pending_at(&s->pendings, i);
        s->skipping = p->kind != PENDING_SYNC || p->injected;
    }
    for (uint32_t i = n; i > 0; i--) {
        struct pending *p = pending_at(&s->pendings, i - 1);
        if (i > 1 && p->kind != PENDING_COPY_END && p->run) {
            recording_complete(s, p, RUN_SKIPPED, (struct bytes){ 0 });
            if (p->kind == PENDING_QUERY || p->kind == PENDING_EXECUTE) s->n_statements--;
        }
        names_revert(s, p);
        if (p->binding && (p->kind == PENDING_PARSE || p->kind == PENDING_BIND || p->kind == PENDING_CLOSE))
            binding_revert(&s->bindings, p->binding);
        if (p->binding && p->kind == PENDING_DESCRIBE) p->binding->described = false;
    }
    while ((head = pending_head(&s->pendings)) && head->kind != PENDING_SYNC)
        pop(s);
}

static void description_of(struct session *s, struct pending *p)
{
    const struct binding *b = p->binding;
    (void)s;
    if (p->description || !b || p->kind != PENDING_EXECUTE) return;
    if (!b->description && b->of) b = b->of;
    p->description = b->description;
    p->columns = b->columns;
}

/* Rows that a portal or a cursor has delivered count over all Execute and FETCH of it. NULL: neither. */
static struct binding *counted_by(struct session *s, const struct pending *p)
{
    const struct understood *u = p->understood;
    if (u && u->has_names && p->statement < u->facts->n_statements) {
        const struct sql_statement *st = &u->facts->statements[p->statement];
        if (st->action == SQL_ACTION_FETCH) return binding_find(&s->bindings, true, st->subject);
    }
    return p->kind == PENDING_EXECUTE ? p->binding : NULL;
}

/* What more may be delivered: rows, bytes of values, and which limit is met where there is no more. */
struct allowance {
    uint64_t rows, values;
    uint8_t of_rows, of_values; /* enum overrun */
};

static uint64_t rest_of(uint64_t most, uint64_t so_far)
{
    return !most ? UINT64_MAX : so_far < most ? most - so_far : 0;
}

static struct allowance allowance_of(struct session *s, const struct pending *p)
{
    const struct policy_limits *limits = &s->terms->limits;
    struct allowance a = { UINT64_MAX, UINT64_MAX, OVERRUN_ROWS, OVERRUN_BYTES };
    if (p->overrun || !s->bounds_results) return a;
    const struct binding *counted = counted_by(s, p);
    a.rows = rest_of(limits->returned_rows, p->rows + (counted ? counted->rows : 0));
    a.values = rest_of(limits->returned_bytes, p->values + (counted ? counted->values : 0));
    uint64_t rows = budget_left(s, BUDGET_ROWS), values = budget_left(s, BUDGET_BYTES);
    if (rows < a.rows) a.of_rows = OVERRUN_BUDGET_ROWS, a.rows = rows;
    if (values < a.values) a.of_values = OVERRUN_BUDGET_BYTES, a.values = values;
    return a;
}

/* Which limit one more row (or message of COPY) would pass. */
static uint8_t passes(const struct allowance *a, uint64_t rows, uint64_t values)
{
    return rows >= a->rows ? a->of_rows : values > a->values ? a->of_values : OVERRUN_NOT;
}

static void note_delivered(struct session *s, struct pending *p, uint64_t rows, uint64_t values)
{
    p->rows += rows;
    p->values += values;
    budget_use(s, BUDGET_ROWS, rows);
    budget_use(s, BUDGET_BYTES, values);
}

/* The bytes of a DataRow's values: it is a count, and a length before each value. */
static uint64_t values_of(struct bytes start, size_t length)
{
    struct cursor c = cursor_over(start);
    uint64_t around = 2 + 4ull * cursor_u16(&c);
    return length > around ? length - around : 0;
}

static bool takes_rows(const struct pending *p)
{
    return p && ((p->kind == PENDING_QUERY && p->described) || p->kind == PENDING_EXECUTE) && !p->failed &&
           !p->refusal && !p->copying_in && !p->copying_out;
}

static void overrun(struct session *s, struct pending *p, uint8_t by)
{
    if (p->overrun) return; /* it is cancelled once, for the first reason */
    p->overrun = by;
    s->wants.cancel = true;
}

static enum step malformed_row(struct session *s)
{
    return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a malformed row");
}

/* As many values as columns were described. */
static bool columns_fit(const struct pending *p, struct bytes body)
{
    struct cursor c = cursor_over(body);
    return p->columns < 0 || cursor_u16(&c) == p->columns;
}

/* A message that did not come whole, where values are looked for: it is put together, or, where they are only
 * reported, passed on unseen. */
static enum step begin_large(struct session *s, struct pending *p, const struct message *first)
{
    struct look_tally tally = { .unseen = 1 };
    if (s->sift.rules.masked) return sift_gather_begin(s, p, first->type, first->body);
    return sift_note(s, p, 0, &tally) ? STEP_NEXT : session_drop(s, "out of memory");
}

/* It comes as the beginning of a large message, wherever the bytes are cut. */
static bool is_gathered(const struct session *s, const struct message *m)
{
    return s->sift.rules.looked && m->body.n > SESSION_PIECE;
}

/* What changed stands in memory that does not last. */
static void deliver_looked(struct session *s, struct pending *p, struct bytes slice, struct bytes looked)
{
    if (looked.p == slice.p)
        deliver_bulk(s, p, slice);
    else
        deliver(s, p, looked);
    if (s->sift.rules.looked) sift_step_done(s, p);
}

/* A run of DataRow messages is recorded and delivered as one. */
static enum step on_rows(struct session *s, const struct message *first, struct bytes in, size_t *used_out)
{
    struct pending *p = pending_head(&s->pendings);
    if (!takes_rows(p)) return unexpected(s, first);
    description_of(s, p);
    if (s->limiting.tripped) return STEP_NEXT;
    bool large = first->body.n < first->body_length;
    size_t used = large ? first->whole.n : 0;
    struct allowance allowance = allowance_of(s, p);
    uint64_t rows = large ? 1 : 0, values = large ? values_of(first->body, first->body_length) : 0;
    uint8_t over = large ? passes(&allowance, 0, values) : OVERRUN_NOT;
    if (large && !columns_fit(p, first->body)) return malformed_row(s);
    if (over) overrun(s, p, over);
    while (!large && used < ROWS_AT_ONCE) {
        struct message m;
        bool whole = message_peek(bytes_make(in.p + used, in.n - used), &m) == MESSAGE_WHOLE;
        if (!whole || m.type != MESSAGE_DATA_ROW || is_gathered(s, &m)) break;
        if (!message_data_row_check(m.body) || !columns_fit(p, m.body)) {
            if (rows) break; /* what is good goes out first, wherever the bytes are cut */
            return malformed_row(s);
        }
        uint64_t more = values + values_of(m.body, m.body.n);
        over = passes(&allowance, rows, more);
        if (over) {
            if (rows) break; /* what is allowed goes out first */
            overrun(s, p, over);
            allowance = allowance_of(s, p);
        }
        values = more;
        used += m.whole.n;
        rows++;
    }
    *used_out = used;
    s->piece_to_client = !p->overrun && !is_silent(s, p);
    s->piece_run = p->run;
    if (p->overrun) return STEP_NEXT;
    s->piece_description = p->description;
    struct bytes slice = bytes_make(in.p, used), looked = slice;
    if (large && s->sift.rules.looked) {
        enum step step = begin_large(s, p, first);
        if (s->sift.gather.what) note_delivered(s, p, rows, values);
        if (s->sift.gather.what || step != STEP_NEXT) return step;
    } else if (s->sift.rules.looked) {
        looked = sift_rows(s, p, slice);
        if (!looked.p) return session_drop(s, "out of memory");
    }
    enum record_outcome outcome =
        recording_rows(s, FRAME_ROWS, large ? FRAME_PART : 0, p->run, p->description, looked);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    note_delivered(s, p, rows, values);
    p->bytes += looked.n;
    deliver_looked(s, p, slice, looked);
    return STEP_NEXT;
}

/* The bodies of CopyData messages. Returns how many bytes they are together. */
static size_t copy_parts(struct bytes messages, struct bytes parts[1 + COPY_PARTS], size_t *n_out)
{
    size_t data = 0, n = 0;
    struct message m;
    while (n < COPY_PARTS && message_peek(messages, &m) == MESSAGE_WHOLE) {
        parts[++n] = m.body;
        data += m.body.n;
        messages = bytes_slice(messages, m.whole.n, messages.n);
    }
    *n_out = n;
    return data;
}

/* A run of CopyData messages is recorded as one frame of their data, and delivered as it is. */
static enum step on_copy_out(struct session *s, const struct message *first, struct bytes in,
                             size_t *used_out)
{
    struct pending *p = pending_head(&s->pendings);
    struct bytes parts[1 + COPY_PARTS];
    size_t n = 0, used = 0, data = 0;
    if (!p || !p->copying_out) return unexpected(s, first);
    if (s->limiting.tripped) return STEP_NEXT;
    /* A server sends a message for each row (and one for a header or a trailer). */
    struct allowance allowance = allowance_of(s, p);
    bool large = first->body.n < first->body_length, by_row = s->sift.rules.masked && !large;
    uint8_t over = passes(&allowance, 0, first->body_length);
    if (!over && by_row && !sift_is_whole_row(first->body)) over = OVERRUN_UNSEEN;
    if (over) {
        overrun(s, p, over);
        allowance = allowance_of(s, p);
    }
    if (large) {
        parts[++n] = first->body;
        used = first->whole.n;
        data = first->body.n;
    } else {
        struct message m;
        while (n < COPY_PARTS && message_peek(bytes_make(in.p + used, in.n - used), &m) == MESSAGE_WHOLE &&
               m.type == MESSAGE_COPY_DATA && data < COPY_FRAME && !passes(&allowance, n, data + m.body.n) &&
               !is_gathered(s, &m) && (p->overrun || !by_row || sift_is_whole_row(m.body))) {
            parts[++n] = m.body;
            data += m.body.n;
            used += m.whole.n;
        }
    }
    *used_out = used;
    s->piece_run = p->run;
    s->piece_to_client = !p->overrun && !is_silent(s, p);
    if (p->overrun) return STEP_NEXT;
    uint64_t values = large ? first->body_length : data;
    struct bytes slice = bytes_make(in.p, used), looked = slice;
    s->piece_description = 0;
    if (large && s->sift.rules.looked) {
        enum step step = begin_large(s, p, first);
        if (s->sift.gather.what) note_delivered(s, p, 1, values);
        if (s->sift.gather.what || step != STEP_NEXT) return step;
    } else if (s->sift.rules.looked) {
        looked = sift_copy(s, slice);
        if (!looked.p) return session_drop(s, "out of memory");
        if (looked.p != slice.p) data = copy_parts(looked, parts, &n);
    }
    enum record_outcome outcome = recording_copy(s, FRAME_COPY_OUT, p->run, parts, n);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    note_delivered(s, p, n, values);
    p->bytes += data;
    deliver_looked(s, p, slice, looked);
    return STEP_NEXT;
}

static enum step on_gathered_piece(struct session *s, struct pending *p, struct bytes piece, bool last)
{
    bool too_long;
    enum step step = sift_gather(s, p, piece, last, &too_long);
    if (step == STEP_NEXT && too_long) overrun(s, p, OVERRUN_UNSEEN);
    return step;
}

enum step backend_piece(struct session *s, struct bytes piece, bool last)
{
    struct pending *p = pending_head(&s->pendings);
    bool rows = s->server_piece_type == MESSAGE_DATA_ROW;
    if (!p || p->overrun || s->limiting.tripped) {
        sift_gather_abandon(s);
        return STEP_NEXT;
    }
    if (s->sift.gather.what) return on_gathered_piece(s, p, piece, last);
    enum record_outcome outcome =
        recording_rows(s, rows ? FRAME_ROWS : FRAME_COPY_OUT, rows && !last ? FRAME_PART : 0, s->piece_run,
                       s->piece_description, piece);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    p->bytes += piece.n;
    if (s->piece_to_client) deliver_bulk(s, p, piece);
    return STEP_NEXT;
}

static struct refusal *overrun_refusal(struct session *s, const struct pending *p)
{
    const struct policy_limits *limits = &s->terms->limits;
    struct bytes hint = BYTES_LITERAL("Add a LIMIT, or ask for fewer rows.");
    enum session_budget_kind kind = BUDGET_BYTES;
    switch ((enum overrun)p->overrun) {
    case OVERRUN_NOT:
    case OVERRUN_ROWS:
        return refusal_new(
            REFUSAL_ROWS, "ERROR", BYTES_LITERAL("the result has more rows than the policy lets out"),
            detail_words(s, REFUSAL_ROWS,
                         arena_printf(&s->scratch, "The limit is %lu rows; those up to it were delivered.",
                                      (unsigned long)limits->returned_rows),
                         hint, p->run),
            hint);
    case OVERRUN_BYTES:
        return refusal_new(
            REFUSAL_BYTES, "ERROR", BYTES_LITERAL("the result is larger than the policy lets out"),
            detail_words(s, REFUSAL_BYTES,
                         arena_printf(&s->scratch,
                                      "The limit is %lu bytes of values; the rows within it were delivered.",
                                      (unsigned long)limits->returned_bytes),
                         hint, p->run),
            hint);
    case OVERRUN_UNSEEN:
        hint = BYTES_LITERAL("COPY it as text or CSV, in rows of less than 16 MB.");
        return refusal_new(
            REFUSAL_UNSEEN, "ERROR",
            BYTES_LITERAL("this cannot be looked through for values that are masked for you"),
            detail_words(s, REFUSAL_UNSEEN, BYTES_LITERAL("What could be was delivered."), hint, p->run),
            hint);
    case OVERRUN_BUDGET_ROWS: kind = BUDGET_ROWS; break;
    case OVERRUN_BUDGET_BYTES: break;
    }
    return refusal_new(REFUSAL_BUDGET, "ERROR", budget_says(s, kind),
                       detail_words(s, REFUSAL_BUDGET, BYTES_LITERAL("The rows within it were delivered."),
                                    budget_hint(s), p->run),
                       budget_hint(s));
}

static void say_overrun(struct session *s)
{
    struct refusal *refusal = overrun_refusal(s, pending_head(&s->pendings));
    if (!refusal) {
        session_drop(s, "out of memory");
        return;
    }
    refused_tell_of(s, refusal);
    recording_report(s, FRAME_ERROR, pending_head(&s->pendings)->run, ORIGIN_GATEWAY, refusal_body(refusal),
                     NULL);
    deliver_error(s, refusal_body(refusal));
    free(refusal);
}

/* The cancel request came too late, but nothing is committed yet. */
static enum step overrun_undone(struct session *s, struct pending *p, struct bytes tag)
{
    struct refusal *refusal = overrun_refusal(s, p);
    uint32_t run = p->run;
    recording_complete(s, p, RUN_UNDONE, tag);
    p->run = 0;
    return limit_trip(s, refusal, run);
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
        return unexpected(s, m);
    if (how == RUN_COMPLETED && (!message_string_decode(m->body, &tag) || tag.n > TAG_CEILING))
        return unexpected(s, m);
    if (how == RUN_SUSPENDED && p->kind == PENDING_QUERY) return unexpected(s, m);
    if (p->copying_in) p = end_copy_in(s);
    p->copying_in = p->copying_out = false;
    s->copy_in = false;
    s->timed_out = false;
    struct binding *counted = counted_by(s, p);
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
        step = overrun_undone(s, p, tag);
        if (step != STEP_NEXT) return step;
        p = pending_head(&s->pendings);
    } else if (p->overrun) {
        /* The cancel request came too late. The client gets its error; a transaction that is open must fail
         * with it. */
        say_overrun(s);
        recording_complete(s, p, RUN_FAILED, tag);
        s->swallowing = s->must_abort = true;
    } else {
        recording_complete(s, p, how, tag);
        deliver(s, p, m->whole);
    }
    if (s->limiting.affected) note_transaction_end(s, p);
    names_commit(s, p, p->statement++);
    p->description = 0;
    p->columns = -1;
    p->described = false;
    p->overrun = OVERRUN_NOT;
    if (p->kind == PENDING_EXECUTE) pop(s);
    return STEP_NEXT;
}

static enum step on_row_description(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    uint16_t n;
    if (!p || p->failed || p->refusal || m->body.n > BODY_CEILING ||
        !message_row_description_check(m->body, &n))
        return unexpected(s, m);
    if (p->kind != PENDING_QUERY && p->kind != PENDING_DESCRIBE) return unexpected(s, m);
    if (veil_describes_masked(s, p, m->body))
        return session_fail_text(s, REFUSAL_MASKED, "the server would send a column that is masked for you");
    if (!sift_describe(s, p, m->body)) return session_drop(s, "out of memory");
    struct bytes whole = veil_description(s, p, m->whole), body = bytes_slice(whole, 5, whole.n);
    uint32_t number = s->recording && !s->unrecorded ? recording_description(s, body) : 0;
    deliver(s, p, whole);
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
    pop(s);
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
        return unexpected(s, m);
    p->parameters_seen = true;
    if (n && p->binding) {
        struct bytes parts[] = { bytes_make(p->binding->name, p->binding->n), bytes_make("", 1), m->body };
        recording_outcome(s, FRAME_PARAMETER_DESCRIPTION, 0, parts, 3);
        binding_learn_types(p->binding, m->body);
    }
    deliver(s, p, m->whole);
    return STEP_NEXT;
}

/* ParseComplete, BindComplete, CloseComplete, NoData: what was asked is done. */
static enum step on_done(struct session *s, const struct message *m, enum pending_kind kind)
{
    struct pending *p = pending_head(&s->pendings);
    if (!p || p->kind != kind || p->refusal || m->body.n) return unexpected(s, m);
    if (!p->as_query) deliver(s, p, m->whole);
    if (p->run && kind == PENDING_PARSE) s->last_run = p->run;
    if (p->binding && kind != PENDING_DESCRIBE) binding_commit(&s->bindings, p->binding);
    pop(s);
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
        return unexpected(s, m);
    if (in && p->understood && p->understood->outcome == SQL_UNDERSTOOD && p->understood->n_copies_in == 0 &&
        !s->open)
        return unexpected(s, m);
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
        if (!is_silent(s, p)) buf_append(&s->client_out, m->whole);
        return STEP_NEXT;
    }
    if (!in && s->sift.rules.looked && !sift_takes_copy(m->body)) {
        struct look_tally tally = { .unseen = 1 };
        if (s->sift.rules.masked) {
            overrun(s, p, OVERRUN_UNSEEN);
            return STEP_NEXT;
        }
        if (!sift_note(s, p, 0, &tally)) return session_drop(s, "out of memory");
    }
    deliver(s, p, m->whole);
    return STEP_NEXT;
}

static bool is_fatal(struct bytes body)
{
    struct bytes severity = report_field(body, 'V');
    if (!severity.p) severity = report_field(body, 'S');
    return bytes_is(severity, "FATAL") || bytes_is(severity, "PANIC");
}

/* The server counts in the text that it was sent. */
static struct bytes place_back(struct session *s, const struct pending *p, struct bytes body)
{
    const struct understood *u = p->understood ? p->understood : p->binding ? p->binding->understood : NULL;
    if (!u || !understood_has_edits(u)) return body;
    struct bytes text = p->text_kept ? *p->text_kept : u->text;
    bool known = p->text_kept || !u->is_template || p->kind == PENDING_QUERY || p->kind == PENDING_PARSE;
    return understood_place_back(u, known ? text : (struct bytes){ 0 }, body, &s->scratch);
}

/* What the client hears: our refusal where we made the error, the server's words otherwise. */
static void say_error(struct session *s, struct pending *p, struct bytes body)
{
    bool cancelled = bytes_is(report_field(body, 'C'), "57014");
    if (p->refusal) {
        recording_report(s, FRAME_ERROR, p->run, ORIGIN_GATEWAY, refusal_body(p->refusal), NULL);
        if (p->kind == PENDING_PARSE && p->run) s->n_statements++;
        deliver_error(s, refusal_body(p->refusal));
    } else if (p->overrun) {
        say_overrun(s);
    } else if (s->timed_out && cancelled) {
        struct bytes hint = BYTES_LITERAL("Ask for less at a time.");
        struct refusal *refusal = refusal_new(
            REFUSAL_TIME, "ERROR", BYTES_LITERAL("the statement took longer than the policy allows"),
            detail_words(s, REFUSAL_TIME, (struct bytes){ 0 }, hint, p->run), hint);
        if (!refusal) return;
        refused_tell_of(s, refusal);
        recording_report(s, FRAME_ERROR, p->run, ORIGIN_GATEWAY, refusal_body(refusal), NULL);
        deliver_error(s, refusal_body(refusal));
        free(refusal);
    } else {
        body = veil_error(s, p, place_back(s, p, body));
        recording_report(s, FRAME_ERROR, p->run, ORIGIN_SERVER, body, p->understood);
        deliver_error(s, body);
    }
}

static enum step on_error(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!report_check(m->body))
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a malformed error");
    if (is_fatal(m->body)) {
        struct bytes body = veil_error(s, p, m->body);
        recording_report(s, FRAME_ERROR, p ? p->run : s->last_run, ORIGIN_SERVER, body,
                         p ? p->understood : NULL);
        deliver_error(s, body);
        s->server_fatal = true;
        return STEP_NEXT;
    }
    if (!p) return unexpected(s, m);
    s->copy_in = false;
    if (s->aborting) {
        p->failed = true;
        return STEP_NEXT;
    }
    if (p->kind == PENDING_SYNC) { /* the commit itself failed */
        struct bytes body = veil_error(s, NULL, m->body);
        recording_report(s, FRAME_ERROR, s->last_run, ORIGIN_SERVER, body, NULL);
        deliver_error(s, body);
        return STEP_NEXT;
    }
    if (p->failed) return unexpected(s, m);
    limit_adopt(s, p);
    if (p->kind == PENDING_OWN) {
        own_failed(s, m->body);
    } else if (!p->injected || !p->refusal) { /* of what was tripped, the client knows */
        limit_before_error(s);
        say_error(s, p, m->body);
    }
    p->copying_in = p->copying_out = false;
    if (p->run) recording_complete(s, p, p->refusal ? RUN_REFUSED : RUN_FAILED, (struct bytes){ 0 });
    if (p->kind == PENDING_PARSE && p->binding && p->binding->n == 0)
        binding_forget(&s->bindings, false, (struct bytes){ 0 });
    if (p->kind == PENDING_QUERY || p->kind == PENDING_CALL) {
        names_revert(s, p);
        p->failed = true;
    } else {
        skip_to_sync(s);
        view_after_error(s);
        return limit_after_error(s);
    }
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
        return unexpected(s, m);
    if (p->refusal && !p->failed) return unexpected(s, m);
    bool is_ours = p->injected;
    uint8_t status = m->body.p[0];
    if (status != 'I' && status != 'T' && status != 'E') return unexpected(s, m);
    names_revert(s, p); /* of statements that never completed */
    pop(s);
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
    if (!is_ours) deliver(s, NULL, m->whole);
    return STEP_NEXT;
}

static enum step on_call_response(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!p || p->kind != PENDING_CALL || p->failed || p->refusal) return unexpected(s, m);
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
    deliver(s, p, whole);
    return STEP_NEXT;
}

/* In the session's scratch; p == NULL: there is no memory. */
static struct bytes retold(struct session *s, struct bytes front, struct bytes first, struct bytes second)
{
    struct buf out;
    buf_init(&out, 4 * (size_t)ASIDE_CEILING);
    buf_append(&out, front);
    buf_put_cstring(&out, first);
    buf_put_cstring(&out, second);
    struct bytes copy = out.failed ? (struct bytes){ 0 } : arena_copy(&s->scratch, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

/* A report of a parameter that the gateway pins is a second opinion: one that moved all the same ends the
 * session. */
static enum step on_parameter_status(struct session *s, const struct message *m)
{
    struct cursor c = cursor_over(m->body);
    struct bytes name = cursor_cstring(&c), value = cursor_cstring(&c);
    if (!cursor_done(&c) || m->body.n > ASIDE_CEILING) return unexpected(s, m);
    if (!s->open && ((bytes_is(name, "standard_conforming_strings") && !bytes_is(value, "on")) ||
                     (bytes_is(name, "client_encoding") && !bytes_is(value, "UTF8"))))
        return session_fail_text(s, REFUSAL_POLICY, "a setting that the gateway pins was moved");
    if (s->masks && !s->target->accepts_risk && bytes_is(name, "is_superuser") && !bytes_is(value, "off"))
        return session_fail_text(s, REFUSAL_UNGUARDED,
                                 "columns are masked for you, and the session became a superuser's");
    struct bytes told = sift_words(s, value);
    struct bytes body = told.p == value.p ? m->body : retold(s, (struct bytes){ 0 }, name, told);
    if (!told.p || !body.p) return session_drop(s, "out of memory");
    enum record_outcome outcome = recording_aside(s, FRAME_PARAMETER_STATUS, body);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    if (!s->terminated) message_put(&s->client_out, MESSAGE_PARAMETER_STATUS, body);
    return STEP_NEXT;
}

static enum step on_notice(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!report_check(m->body)) return unexpected(s, m);
    struct bytes body = veil_notice(s, p, m->body);
    if (!body.p) return STEP_NEXT;
    enum record_outcome outcome = recording_notice(s, p ? p->run : 0, body, p ? p->understood : NULL);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    if (!s->terminated && !s->aborting) message_put(&s->client_out, MESSAGE_NOTICE_RESPONSE, body);
    return STEP_NEXT;
}

static enum step on_notification(struct session *s, const struct message *m)
{
    struct cursor c = cursor_over(m->body);
    struct bytes from = cursor_take(&c, 4), channel = cursor_cstring(&c), payload = cursor_cstring(&c);
    if (!cursor_done(&c) || m->body.n > ASIDE_CEILING) return unexpected(s, m);
    struct bytes told = sift_words(s, payload);
    struct bytes body = told.p == payload.p ? m->body : retold(s, from, channel, told);
    if (!told.p || !body.p) return session_drop(s, "out of memory");
    enum record_outcome outcome =
        s->masks ? veil_notification(s, channel, payload) : recording_aside(s, FRAME_NOTIFICATION, body);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    if (!s->terminated && !s->masks) message_put(&s->client_out, MESSAGE_NOTIFICATION_RESPONSE, body);
    return STEP_NEXT;
}

static enum step on_copy_done(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!p || !p->copying_out || m->body.n) return unexpected(s, m);
    p->copying_out = false;
    if (!p->overrun) deliver(s, p, m->whole);
    return STEP_NEXT;
}

/* What comes unasked, and last words, go their usual way. */
static bool answers_inquiry(const struct message *m)
{
    return m->type != MESSAGE_NOTICE_RESPONSE && m->type != MESSAGE_NOTIFICATION_RESPONSE &&
           m->type != MESSAGE_PARAMETER_STATUS && !(m->type == MESSAGE_ERROR_RESPONSE && is_fatal(m->body));
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
    if (step == STEP_NEXT && done) pop(s);
    return step;
}

enum step backend_message(struct session *s, const struct message *m, struct bytes in, size_t *used_out)
{
    skip_copy_ends(s);
    const struct pending *head = pending_head(&s->pendings);
    if (head && head->kind == PENDING_INQUIRY && answers_inquiry(m)) return view_on_message(s, m);
    if (head && head->kind == PENDING_OWN && !is_aside(m->type)) return on_own(s, m);
    switch (m->type) {
    case MESSAGE_DATA_ROW: return on_rows(s, m, in, used_out);
    case MESSAGE_COPY_DATA: return on_copy_out(s, m, in, used_out);
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
    case MESSAGE_ERROR_RESPONSE: return on_error(s, m);
    case MESSAGE_NOTICE_RESPONSE: return on_notice(s, m);
    case MESSAGE_NOTIFICATION_RESPONSE: return on_notification(s, m);
    case MESSAGE_PARAMETER_STATUS: return on_parameter_status(s, m);
    case MESSAGE_FUNCTION_CALL_RESPONSE: return on_call_response(s, m);
    default: return unexpected(s, m); /* CopyBothResponse and whatever we do not know */
    }
}
