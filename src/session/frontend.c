/* What the client sends once the session is ready. Each message is checked, recorded and forwarded, in this
 * order; one that is refused becomes poison. Source: PostgreSQL documentation, "Message Flow: Simple Query,
 * Extended Query, COPY Operations". */
#include "pgwire/report.h"
#include "session/session-private.h"

static void forward(struct session *s, const struct message *m)
{
    buf_append(&s->server_out, m->whole);
}

static bool is_partial(const struct message *m)
{
    return m->body.n < m->body_length;
}

static enum step no_such(struct session *s, bool portal, struct bytes name)
{
    struct bytes says = arena_printf(&s->scratch,
                                     name.n == 0 && !portal ? "unnamed prepared statement does not exist"
                                                            : "%s \"%.*s\" does not exist",
                                     portal ? "portal" : "prepared statement", BYTES_FMT(name));
    return statement_refuse(s, CARRIER_PARSE, portal ? REFUSAL_NO_PORTAL : REFUSAL_NO_STATEMENT, says);
}

/* A message that cannot be recorded does not pass. */
static enum step cannot_record(struct session *s, enum record_outcome outcome)
{
    if (outcome == RECORD_WAIT) return STEP_WAIT;
    return statement_refuse(s, CARRIER_PARSE, REFUSAL_RECORD,
                            BYTES_LITERAL("this message cannot be recorded, so it does not pass"));
}

static enum step refuse_with(struct session *s, struct refusal *refusal)
{
    return statement_poison(s, CARRIER_PARSE, BYTES_LITERAL("postern"), refusal, 0, NULL, 0);
}

static struct pending *push(struct session *s, enum pending_kind kind, struct binding *used)
{
    struct pending *p = pending_push(&s->pendings, kind);
    if (!p) return NULL;
    p->binding = binding_use(used);
    p->started_us = session_stamp_us(s);
    return p;
}

/* A Bind has all that an approval binds. It waits, since from it on the server holds locks. */
static enum step hold_bind(struct session *s, const struct message *m, const struct binding *statement,
                           struct refusal **refusal_out)
{
    struct understood *u = statement->understood;
    struct hold_question q = { .u = u,
                               .text = statement->source ? statement->source->text : u->text,
                               .bind = m->body,
                               .source = statement->source,
                               .counted = !u->held,
                               .rows = s->limiting.again.rows,
                               .run = s->limiting.again.run };
    if (is_partial(m) || !statement->source) {
        *refusal_out =
            refusal_new(REFUSAL_APPROVAL, "ERROR",
                        BYTES_LITERAL("parameters of this length cannot be shown to whoever approves"),
                        (struct bytes){ 0 }, (struct bytes){ 0 });
        return *refusal_out ? STEP_NEXT : session_drop(s, "out of memory");
    }
    switch (hold_ask(s, &q, refusal_out)) {
    case HOLD_WAITING: return s->phase == PHASE_READY ? STEP_WAIT : STEP_CLOSE;
    case HOLD_GRANTED: return STEP_NEXT;
    case HOLD_REFUSED: break;
    }
    if (!*refusal_out) {
        struct detail d = { REFUSAL_APPROVAL, u->verdict.policy, u->verdict.rule,
                            u->verdict.hint,  u->verdict.by,     u->verdict.n_by };
        *refusal_out = refusal_new(REFUSAL_APPROVAL, "ERROR", u->verdict.message,
                                   detail_text(s, &d, s->last_run), u->verdict.hint);
    }
    return *refusal_out ? STEP_NEXT : session_drop(s, "out of memory");
}

static enum step on_bind(struct session *s, const struct message *m)
{
    struct message_bind bind;
    uint32_t sequence = 0;
    bool named = message_bind_decode_names(m->body, &bind);
    if (!named && is_partial(m) && m->body.n < SESSION_PIECE) return STEP_MORE;
    if (!named || (!is_partial(m) && !message_bind_check(m->body)))
        return statement_refuse(s, CARRIER_PARSE, REFUSAL_PROTOCOL, BYTES_LITERAL("invalid Bind message"));
    struct binding *statement = binding_find(&s->bindings, false, bind.statement);
    if (!statement && !s->open) return no_such(s, false, bind.statement);
    struct refusal *refusal = NULL;
    enum step step = statement ? renew_binding(s, statement, &refusal) : STEP_NEXT;
    if (step != STEP_NEXT) return step;
    bool counted = statement && s->limiting.again.replaying && statement->understood->verdict.limit_is_hold;
    if (statement && !refusal && (statement->understood->held || counted))
        step = hold_bind(s, m, statement, &refusal);
    if (step != STEP_NEXT) return step;
    if (refusal) {
        hold_drop(s, "It is refused by now.");
        s->limiting.again.due = false; /* the Execute behind it does not come again */
        return refuse_with(s, refusal);
    }
    if (counted) s->limiting.again.granted = true;
    struct bytes part = m->body;
    enum record_outcome outcome =
        recording_intent(s, FRAME_BIND, is_partial(m) ? FRAME_PART : 0, &part, 1, &sequence);
    if (outcome != RECORD_OK) return cannot_record(s, outcome);
    struct binding *portal =
        binding_push(&s->bindings, true, bind.portal, statement ? statement->understood : NULL);
    struct pending *p = portal ? pending_push(&s->pendings, PENDING_BIND) : NULL;
    if (!p) return session_drop(s, "too many portals");
    p->binding = portal;
    p->injected = s->limiting.again.replaying; /* the client knows */
    if (statement && s->batch != BATCH_RAN && !is_partial(m))
        limit_keep_message(s, statement->understood, m->whole);
    s->batch = BATCH_RAN;
    if (s->holding) hold_done(s);
    portal->of = binding_use(statement);
    portal->bind = sequence;
    portal->granted = statement && statement->understood->held;
    if (statement) {
        portal->text = statement->text;
        /* Formats are the portal's own: without them rows cannot be looked through. */
        portal->described = statement->described && !s->sift.rules.looked;
    }
    s->client_piece_forward = true;
    forward(s, m);
    return STEP_NEXT;
}

static enum step on_describe(struct session *s, const struct message *m)
{
    struct message_target target;
    if (!message_target_decode(m->body, &target))
        return statement_refuse(s, CARRIER_PARSE, REFUSAL_PROTOCOL,
                                BYTES_LITERAL("invalid DESCRIBE message"));
    struct binding *binding = binding_find(&s->bindings, target.kind == 'P', target.name);
    if (!binding && !s->open) return no_such(s, target.kind == 'P', target.name);
    struct pending *p = push(s, PENDING_DESCRIBE, binding);
    if (!p) return session_drop(s, "out of memory");
    p->statement_described = target.kind == 'S';
    if (binding) binding->described = true;
    forward(s, m);
    return STEP_NEXT;
}

/* Rows that nobody described could not be read back, nor looked through: the gateway asks itself, and keeps
 * the answer (W60). */
static bool describe_for_us(struct session *s, struct binding *portal, struct bytes name)
{
    bool kept = !s->unrecorded && s->terms->rows == POLICY_ROWS_FULL;
    if (!portal || portal->described || !portal->understood->may_return_rows ||
        !(kept || s->sift.rules.looked))
        return true;
    struct pending *p = push(s, PENDING_DESCRIBE, portal);
    if (!p) return false;
    p->injected = true;
    portal->described = true;
    message_target_encode(&s->server_out, MESSAGE_DESCRIBE, (struct message_target){ 'P', name });
    return true;
}

static enum record_outcome record_execute(struct session *s, const struct binding *portal,
                                          const struct message_execute *execute, uint32_t *run_out)
{
    uint32_t text = __builtin_bswap32(portal ? portal->text : 0),
             bind = __builtin_bswap32(portal ? portal->bind : 0);
    uint32_t most = __builtin_bswap32(execute->most_rows);
    bool reserved;
    enum record_outcome outcome = recording_reserve(s, &reserved);
    if (outcome != RECORD_OK) return outcome;
    struct bytes parts[] = { bytes_make(&text, 4), bytes_make(&bind, 4), execute->portal, bytes_make("", 1),
                             bytes_make(&most, 4) };
    outcome = recording_intent(s, FRAME_EXECUTE, 0, parts, 5, run_out);
    if (reserved && (outcome != RECORD_OK || *run_out == 0)) record_release(s->world->lane, &s->record);
    return outcome;
}

static enum step refuse_spent(struct session *s, enum statement_carrier carrier,
                              enum session_budget_kind kind)
{
    return statement_refuse(
        s, carrier, REFUSAL_BUDGET,
        arena_printf(&s->scratch, "%.*s. %.*s", BYTES_FMT(budget_says(s, kind)), BYTES_FMT(budget_hint(s))));
}

static enum step on_execute(struct session *s, const struct message *m)
{
    struct message_execute execute;
    uint32_t run = 0;
    if (!message_execute_decode(m->body, &execute))
        return statement_refuse(s, CARRIER_PARSE, REFUSAL_PROTOCOL, BYTES_LITERAL("invalid Execute message"));
    struct binding *portal = binding_find(&s->bindings, true, execute.portal);
    if (!portal && !s->open) return no_such(s, true, execute.portal);
    struct understood *u = portal ? portal->understood : NULL;
    if (u && u->held && !portal->granted)
        return statement_refuse(s, CARRIER_PARSE, REFUSAL_APPROVAL, u->verdict.message);
    if (u && u->has_names && !s->open && names_are_held(s, u))
        return statement_refuse(
            s, CARRIER_PARSE, REFUSAL_APPROVAL,
            BYTES_LITERAL("this runs a prepared statement that needs approval each time it runs"));
    s->batch = BATCH_RAN;
    if (u && u->has_names && !s->open && !names_are_known(s, u))
        return statement_refuse(
            s, CARRIER_PARSE, REFUSAL_POLICY,
            BYTES_LITERAL("this prepared statement or cursor was not made in this session"));
    struct refusal *refusal = NULL;
    enum step step = u && u->has_names ? renew_named(s, u, &refusal) : STEP_NEXT;
    if (step != STEP_NEXT) return step;
    if (!refusal && u && u->late) step = renew_binding(s, portal, &refusal);
    if (step != STEP_NEXT) return step;
    if (refusal) return refuse_with(s, refusal);
    u = portal ? portal->understood : NULL;
    uint64_t n_counted = budget_statements(u);
    uint64_t n_lookups = budget_lookups(u);
    if (s->limiting.again.replaying) n_counted = n_lookups = 0;
    if (n_counted && budget_left(s, BUDGET_STATEMENTS) < n_counted)
        return refuse_spent(s, CARRIER_PARSE, BUDGET_STATEMENTS);
    if (n_lookups && budget_left(s, BUDGET_LOOKUPS) < n_lookups)
        return refuse_spent(s, CARRIER_PARSE, BUDGET_LOOKUPS);
    struct understood *by;
    enum understood_limited limited = u ? limit_kind(s, u, &by) : LIMITED_NOT;
    /* The tag comes with the last row. */
    if (limited && execute.most_rows) limited = LIMITED_BY_COUNT;
    enum record_outcome outcome = record_execute(s, portal, &execute, &run);
    if (outcome != RECORD_OK) return cannot_record(s, outcome);
    budget_use(s, BUDGET_STATEMENTS, n_counted);
    budget_use(s, BUDGET_LOOKUPS, n_lookups);
    if (!describe_for_us(s, portal, execute.portal)) return session_drop(s, "out of memory");
    bool in_group = s->limiting.uncounted;
    if (limited && by == u && !execute.most_rows) limit_keep_message(s, u, m->whole);
    if (limited && !limit_before(s, limited)) return session_drop(s, "out of memory");
    struct pending *p = push(s, PENDING_EXECUTE, portal);
    if (!p) return session_drop(s, "out of memory");
    if (limited)
        limit_mark(p, limited, by, in_group);
    else
        limit_pass(s, u);
    p->run = run;
    p->reserved = run != 0;
    if (portal) p->text = portal->text;
    if (u) p->understood = understood_pin(u);
    if (u && u->has_names && !names_push(s, p, u)) return session_drop(s, "out of memory");
    if (u) view_on_run(s, u);
    s->n_statements++;
    if (!s->limiting.again.replaying) session_counts_add(&s->world->counts.sent);
    forward(s, m);
    /* A server keeps its answers until it is asked for them: whoever measures wants each when it is there. */
    if (s->terms->limits.statement_us) message_put(&s->server_out, MESSAGE_FLUSH, (struct bytes){ 0 });
    if (limited && !limit_after(s)) return session_drop(s, "out of memory");
    return STEP_NEXT;
}

static enum step on_close(struct session *s, const struct message *m)
{
    struct message_target target;
    if (!message_target_decode(m->body, &target))
        return statement_refuse(s, CARRIER_PARSE, REFUSAL_PROTOCOL, BYTES_LITERAL("invalid CLOSE message"));
    struct bytes part = m->body;
    enum record_outcome outcome = recording_intent(s, FRAME_CLOSE, 0, &part, 1, NULL);
    if (outcome != RECORD_OK) return cannot_record(s, outcome);
    struct pending *p = pending_push(&s->pendings, PENDING_CLOSE);
    struct binding *gone = p ? binding_push(&s->bindings, target.kind == 'P', target.name, NULL) : NULL;
    if (!gone) return session_drop(s, "out of memory");
    p->binding = gone;
    forward(s, m);
    return STEP_NEXT;
}

/* A refused Parse has failed, or was skipped, by the time the server reads this Sync: its name is what it was
 * before. */
static void drop_doomed_bindings(struct session *s)
{
    for (uint32_t i = s->pendings.n; i > 0; i--) {
        struct pending *p = pending_at(&s->pendings, i - 1);
        if (p->kind == PENDING_SYNC) return;
        if (p->kind == PENDING_PARSE && p->refusal && p->binding) binding_revert(&s->bindings, p->binding);
    }
}

static enum step on_sync(struct session *s, const struct message *m)
{
    s->skipping = false;
    if (s->copy_in) return STEP_NEXT; /* the server takes no notice of it in mid COPY (W77) */
    s->batch = BATCH_NONE;
    s->synced = true;
    drop_doomed_bindings(s);
    limit_on_sync(s);
    if (!pending_push(&s->pendings, PENDING_SYNC)) return session_drop(s, "out of memory");
    s->n_syncs++;
    forward(s, m);
    return STEP_NEXT;
}

/* It is in no record, so that there is no number by which it could be found. */
static enum step deny_call(struct session *s, const struct policy_verdict *verdict)
{
    struct detail d = { .reason = REFUSAL_POLICY,
                        .policy = verdict->policy,
                        .rule = verdict->rule,
                        .hint = BYTES_LITERAL("Call functions in a SELECT.") };
    if (verdict->policy.n)
        d.words = arena_printf(&s->scratch, "Rule \"%.*s\" of policy \"%.*s\".", BYTES_FMT(verdict->rule),
                               BYTES_FMT(verdict->policy));
    else
        d.words = arena_printf(&s->scratch, "Rule \"%.*s\".", BYTES_FMT(verdict->rule));
    return statement_refuse_with(s, CARRIER_QUERY,
                                 refusal_new(d.reason, "ERROR",
                                             BYTES_LITERAL("function calls by OID are denied here"),
                                             detail_text(s, &d, 0), d.hint));
}

/* The fast-path function call names a function by OID: nobody can say here which one that is. It counts as a
 * call of a procedure that reads and writes. */
static enum step on_function_call(struct session *s, const struct message *m)
{
    uint32_t run = 0;
    struct policy_verdict verdict = { 0 };
    struct sql_statement as_call = { .tag = BYTES_LITERAL("FUNCTION CALL"),
                                     .effects = EFFECT_PROCEDURE | EFFECT_READ | EFFECT_WRITE };
    policy_judge(s->ruleset, &as_call, &s->scratch, &verdict);
    if (verdict.decision != POLICY_ALLOW && !s->open) return deny_call(s, &verdict);
    if (policy_verdict_counts_rows(&verdict))
        return statement_refuse(
            s, CARRIER_QUERY, REFUSAL_COUNTED,
            BYTES_LITERAL("function calls by OID cannot be counted, and changed rows are limited"));
    if (budget_left(s, BUDGET_STATEMENTS) == 0) return refuse_spent(s, CARRIER_QUERY, BUDGET_STATEMENTS);
    bool reserved;
    enum record_outcome outcome = recording_reserve(s, &reserved);
    if (outcome == RECORD_OK) outcome = recording_long(s, FRAME_CALL, (struct bytes){ 0 }, m->body, &run);
    if (reserved && (outcome != RECORD_OK || run == 0)) record_release(s->world->lane, &s->record);
    if (outcome == RECORD_WAIT) return STEP_WAIT;
    if (outcome == RECORD_FULL)
        return statement_refuse(s, CARRIER_QUERY, REFUSAL_RECORD,
                                BYTES_LITERAL("this call cannot be recorded, so it does not run"));
    budget_use(s, BUDGET_STATEMENTS, 1);
    struct pending *p = push(s, PENDING_CALL, NULL);
    if (!p) return session_drop(s, "out of memory");
    p->run = run;
    p->reserved = run != 0;
    s->n_syncs++;
    s->n_statements++;
    session_counts_add(&s->world->counts.sent);
    if (s->view.needed) view_on_call(s);
    forward(s, m);
    return STEP_NEXT;
}

/* The run that CopyData belongs to: the one that the server reads it for, or will, if what is on its way is a
 * COPY FROM STDIN. NULL: the server ignores it. */
static struct pending *copy_target(struct session *s)
{
    uint32_t ended = 0; /* COPYs whose end has been sent */
    if (s->copy_in) return pending_head(&s->pendings);
    for (uint32_t i = s->pendings.n; i > 0; i--) {
        struct pending *p = pending_at(&s->pendings, i - 1);
        ended += p->kind == PENDING_COPY_END;
        if ((p->kind != PENDING_QUERY && p->kind != PENDING_EXECUTE) || p->refusal || p->failed) continue;
        bool unknown = !p->understood || p->understood->outcome == SQL_UNKNOWN;
        uint32_t most = unknown ? UINT32_MAX : p->understood->n_copies_in;
        if (most > 0) return p->n_copied_in + ended < most ? p : NULL;
    }
    return NULL;
}

bool frontend_copies(struct session *s)
{
    return copy_target(s) != NULL;
}

static enum step copy_data(struct session *s, struct bytes data, const struct message *m)
{
    struct pending *p = copy_target(s);
    s->client_piece_run = 0;
    if (!p) return STEP_NEXT; /* as a server does, outside COPY */
    enum record_outcome outcome = recording_rows(s, FRAME_COPY_IN, 0, p->run, 0, data);
    if (outcome == RECORD_WAIT) return STEP_WAIT;
    if (outcome == RECORD_FULL) return STEP_CLOSE;
    p->bytes += data.n;
    s->client_piece_run = p->run;
    s->client_piece_forward = true;
    buf_append(&s->server_out, m ? m->whole : data);
    return STEP_NEXT;
}

static enum step on_copy_end(struct session *s, const struct message *m)
{
    if (!copy_target(s)) return STEP_NEXT;
    if (!pending_push(&s->pendings, PENDING_COPY_END)) return session_drop(s, "out of memory");
    s->copy_in = false;
    forward(s, m);
    return s->limiting.is_query ? limit_demand(s, false) : STEP_NEXT;
}

static enum step on_terminate(struct session *s, const struct message *m)
{
    if (s->pendings.n == 0) return session_drop(s, "closed");
    s->terminated = true;
    forward(s, m);
    return STEP_NEXT;
}

enum step frontend_message(struct session *s, const struct message *m)
{
    bool small_body = m->body_length == 0;
    /* The rest of a large message goes where its beginning went. */
    s->client_piece_forward = false;
    if (s->skipping && m->type != MESSAGE_SYNC && m->type != MESSAGE_TERMINATE) {
        if (s->holding) hold_drop(s, "An error came before it.");
        return STEP_NEXT;
    }
    if (s->copy_in && m->type != MESSAGE_COPY_DATA && m->type != MESSAGE_COPY_DONE &&
        m->type != MESSAGE_COPY_FAIL && m->type != MESSAGE_SYNC && m->type != MESSAGE_FLUSH &&
        m->type != MESSAGE_TERMINATE)
        return session_fail_text(
            s, REFUSAL_PROTOCOL,
            "protocol synchronization was lost: a statement came in the middle of COPY data");
    /* Between a Bind and its Execute nothing may come that the two would not bring with them. */
    if (s->limiting.again.kept && !s->limiting.again.complete && m->type != MESSAGE_EXECUTE &&
        m->type != MESSAGE_DESCRIBE && m->type != MESSAGE_FLUSH)
        limit_forget_messages(s);
    if (limit_is_undecided(s)) {
        if (!limit_lets_pass(s, m)) return limit_demand(s, true);
        if (s->limiting.again.complete && m->type != MESSAGE_FLUSH && m->type != MESSAGE_TERMINATE &&
            m->type != MESSAGE_COPY_DATA && m->type != MESSAGE_COPY_DONE && m->type != MESSAGE_COPY_FAIL) {
            /* What changes nothing waits, so that the statement can still come again; a pipeline goes on. */
            if (m->type == MESSAGE_CLOSE || m->type == MESSAGE_DESCRIBE) return limit_demand(s, true);
            limit_forget_messages(s);
        }
        if (m->type == MESSAGE_FLUSH && limit_demand(s, false) == STEP_CLOSE) return STEP_CLOSE;
    }
    switch (m->type) {
    case MESSAGE_QUERY: return statement_run(s, CARRIER_QUERY, m);
    case MESSAGE_PARSE: return statement_run(s, CARRIER_PARSE, m);
    case MESSAGE_BIND: return on_bind(s, m);
    case MESSAGE_DESCRIBE: return on_describe(s, m);
    case MESSAGE_EXECUTE: return on_execute(s, m);
    case MESSAGE_CLOSE: return on_close(s, m);
    case MESSAGE_FUNCTION_CALL: return on_function_call(s, m);
    case MESSAGE_COPY_DATA: return copy_data(s, m->body, m);
    case MESSAGE_COPY_FAIL: return on_copy_end(s, m);
    case MESSAGE_COPY_DONE:
        if (small_body) return on_copy_end(s, m);
        break;
    case MESSAGE_SYNC:
        if (small_body) return on_sync(s, m);
        break;
    case MESSAGE_TERMINATE:
        if (small_body) return on_terminate(s, m);
        break;
    case MESSAGE_FLUSH:
        if (!small_body) break;
        if (!s->copy_in) forward(s, m);
        return STEP_NEXT;
    default: break;
    }
    return session_fail_text(s, REFUSAL_PROTOCOL, "invalid message format");
}

/* The rest of a large Bind or CopyData. */
enum step frontend_piece(struct session *s, struct bytes piece, bool last)
{
    if (!s->client_piece_forward) return STEP_NEXT;
    if (s->client_piece_type == MESSAGE_COPY_DATA) {
        enum record_outcome outcome = recording_rows(s, FRAME_COPY_IN, 0, s->client_piece_run, 0, piece);
        if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
        for (uint32_t i = 0; i < s->pendings.n; i++) {
            struct pending *p = pending_at(&s->pendings, i);
            if (p->run && p->run == s->client_piece_run) p->bytes += piece.n;
        }
    } else {
        enum record_outcome outcome = recording_intent(s, FRAME_BIND, last ? 0 : FRAME_PART, &piece, 1, NULL);
        if (outcome == RECORD_WAIT) return STEP_WAIT;
        if (outcome == RECORD_FULL)
            return session_fail_text(s, REFUSAL_RECORD, "the parameters of a statement cannot be recorded");
    }
    buf_append(&s->server_out, piece);
    return STEP_NEXT;
}
