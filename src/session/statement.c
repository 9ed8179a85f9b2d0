/* The life of a statement, as far as the server: understand ▸ judge ▸ hold ▸ record ▸ forward. The order of
 * `steps` is the security argument: nothing is forwarded that was not recorded, nothing is recorded as
 * allowed that was not judged, nothing is judged that was not understood.
 *
 * What is refused goes upstream all the same, as text that no grammar takes: the server then does what it
 * does after any error (skips to Sync, aborts the transaction, says its status), and its ErrorResponse is
 * replaced by ours on the way back. */
#include "session/session-private.h"
#include <stdio.h>
#include <stdlib.h>

/* What a reservation surely covers. */
enum { CLAIM_CEILING = 8 * 1024, CLAIMS_CEILING = 48 * 1024 };
/* A text that names nothing (BEGIN, SET, ROLLBACK) is short. */
enum { NAMELESS_BYTES = 512 };
/* A template is short; so are the schemas that 256 of its names can get. */
enum { EDITED_KEPT = 4096 };

struct statement {
    enum statement_carrier carrier;
    const struct message *message;
    struct message_parse parse; /* CARRIER_PARSE */
    struct bytes text;
    struct understood *understood; /* pinned */
    bool without_view; /* a transaction that has failed: the server refuses it, whatever it names */
    bool unseen; /* refused, since there is no view: what is understood is recorded, and decides nothing */
    bool foreign_types; /* it gives its parameters types that are not PostgreSQL's own, which matters here */
    bool refused;
    enum refusal_reason reason;
    struct bytes policy, rule, says, hint;
    struct buf *edited;      /* the text with its schemas, where it shares them with others; else empty */
    struct refusal *renewal; /* of a prepared statement that it names */
    const char *code;        /* SQLSTATE where it is not the reason's own */
    uint32_t place;          /* of what is wrong, in characters from 1; 0: none */
    uint32_t text_number, run;
};

static void refuse(struct statement *st, enum refusal_reason reason, const char *rule, const char *says,
                   const char *hint)
{
    st->refused = true;
    st->reason = reason;
    st->policy = (struct bytes){ 0 };
    st->rule = bytes_of(rule);
    st->says = bytes_of(says);
    st->hint = bytes_of(hint);
    st->code = NULL; /* of what it was refused for before */
    st->place = 0;
}

/* A long text goes to the parser child, and this message waits for the answer. */
static enum step ask_parser(struct session *s, struct statement *st)
{
    if (s->parse_failed) {
        s->parse_failed = false;
        refuse(st, REFUSAL_HOSTILE, "not understood", "this text takes too long to understand",
               "Send it in shorter statements.");
        return STEP_NEXT;
    }
    s->parsing = secret_copy(st->text);
    if (!s->parsing.data || !s->world->ask_parse(s->world, s, secret_bytes(&s->parsing))) {
        secret_free(&s->parsing);
        refuse(st, REFUSAL_HOSTILE, "not understood",
               "the parser is not there or too busy for a text of this length", "Try again.");
        return STEP_NEXT;
    }
    s->waits_for_parse = true;
    return STEP_WAIT;
}

/* Texts of one template share what was found of them, and the edits, but not where these go. */
static bool is_other_text(const struct statement *st)
{
    const struct understood *u = st->understood;
    return u->is_template && understood_has_edits(u) && !bytes_equal(st->text, u->text);
}

static bool place_edits(struct session *s, struct statement *st)
{
    if (st->refused || st->understood->refused || !is_other_text(st)) return true;
    buf_consume(st->edited, buf_length(st->edited));
    if (understood_forward(st->understood, st->text, st->edited) && !st->edited->failed) return true;
    understood_unpin(s->world->cache, st->understood);
    st->understood = NULL;
    return false;
}

/* The child has no view. It shows that the text can be parsed in the time and the memory that a text may
 * take; then a thread of the gateway's does it again, in the view. */
static enum step understand_long(struct session *s, struct statement *st)
{
    bool lives = s->view.canary_lives;
    s->view.canary_lives = false;
    if (st->text.n > VIEW_TEXT_MOST) {
        refuse(st, REFUSAL_TOO_LONG, "not understood",
               "this text is longer than what can be judged by what its names stand for",
               "Send it in shorter statements, or use COPY.");
        return STEP_NEXT;
    }
    if (!lives) {
        enum step step = ask_parser(s, st);
        s->view.canary = step == STEP_WAIT;
        return step;
    }
    if (view_ask_job(s, st->text, understood_types(st->parse.types))) return STEP_WAIT;
    refuse(st, REFUSAL_HOSTILE, "not understood",
           "the gateway is too busy to understand a text of this length",
           "Try again, or send it in shorter statements.");
    return STEP_NEXT;
}

/* Names have to be resolved, and the view must be there for that. What names nothing goes without. */
static enum step step_view(struct session *s, struct statement *st)
{
    struct understood_context context = { .ruleset = s->ruleset, .target = s->target };
    struct bytes says, hint;
    if (!s->view.needed || s->parsed || view_is_current(s)) return STEP_NEXT;
    if (st->text.n <= NAMELESS_BYTES && !st->foreign_types && !sql_may_hold_secret(st->text)) {
        struct understood *u = understood_find(s->world->cache, &context, st->text);
        if (!u) u = understood_make(s->world->cache, &context, st->text);
        if (u && u->nameless) {
            st->understood = u;
            return STEP_NEXT;
        }
        if (u) understood_unpin(s->world->cache, u);
    }
    switch (view_ready(s, &says, &hint)) {
    case VIEW_READY: return STEP_NEXT;
    case VIEW_WITHOUT: st->without_view = true; return STEP_NEXT;
    case VIEW_WAITS: return STEP_WAIT;
    case VIEW_REFUSED: break;
    }
    refuse(st, REFUSAL_CATALOGUE, "view", "", "");
    st->says = says;
    st->hint = hint;
    st->unseen = true;
    /* It is recorded as what it is, which takes no view. */
    if (st->text.n > SQL_INLINE_BYTES || sql_may_hold_secret(st->text)) return STEP_NEXT;
    st->understood = understood_find(s->world->cache, &context, st->text);
    if (!st->understood) st->understood = understood_make(s->world->cache, &context, st->text);
    return STEP_NEXT;
}

static enum step step_understand(struct session *s, struct statement *st)
{
    struct understood_context context = session_context(s);
    if (st->without_view) context.view_key = 0, context.view = NULL;
    if (context.view) context.types = understood_types(st->parse.types);
    if (st->understood || st->refused) return STEP_NEXT;
    if (s->parsed) {
        st->understood = s->parsed;
        s->parsed = NULL;
        if (place_edits(s, st)) return STEP_NEXT;
    }
    st->understood = understood_find(s->world->cache, &context, st->text);
    if (st->understood && place_edits(s, st)) return STEP_NEXT;
    if (context.view && st->text.n > SQL_INLINE_VIEW_BYTES) return understand_long(s, st);
    /* So does one that may hold a password: the grammar's copies of it end with the parser. In a view it is
     * judged without the password. */
    if (st->text.n > SQL_INLINE_BYTES || (!context.view && sql_may_hold_secret(st->text)))
        return ask_parser(s, st);
    st->understood = understood_make(s->world->cache, &context, st->text);
    if (!st->understood)
        refuse(st, REFUSAL_HOSTILE, "not understood",
               "this text needs more memory to understand than there is", "Send it in shorter statements.");
    return STEP_NEXT;
}

/* A name that is not there may have been made by somebody else a moment ago. The server is not asked: between
 * its answer and ours the name could come to stand for something else. */
static enum step step_resolve(struct session *s, struct statement *st)
{
    const struct understood *u = st->understood;
    if (st->refused || !s->view.needed || !u) return STEP_NEXT;
    if (st->without_view && u->facts && u->facts->n_statements > 1) {
        refuse(st, REFUSAL_CATALOGUE, "view",
               "current transaction is aborted: end it before other statements are sent",
               "Send ROLLBACK by itself.");
        return STEP_NEXT;
    }
    if (!u->unresolved) return STEP_NEXT;
    if (view_look_again(s)) {
        understood_unpin(s->world->cache, st->understood);
        st->understood = NULL;
        return STEP_WAIT;
    }
    refuse(st, REFUSAL_UNRESOLVED, "name", "", "");
    st->code = u->unresolved->unresolved_code;
    if (bytes_starts_with(u->unresolved->unresolved_says, "function "))
        st->hint = BYTES_LITERAL("No function matches the given name and argument types. You might need to "
                                 "add explicit type casts.");
    st->says = u->unresolved->unresolved_says;
    st->place = understood_place(u, st->text, u->unresolved->unresolved_at);
    return STEP_NEXT;
}

/* Those of its parameters. */
static enum step step_types(struct session *s, struct statement *st)
{
    struct policy_verdict verdict = { 0 };
    if (st->refused || !st->foreign_types) return STEP_NEXT;
    if (st->without_view || !s->view.key) {
        refuse(st, REFUSAL_CATALOGUE, "view",
               "the types of the parameters cannot be looked up in a transaction that has failed",
               "Leave the types open, or send ROLLBACK first.");
    } else if (!types_are_allowed(s, st->parse.types, &verdict)) {
        st->refused = true;
        st->reason = REFUSAL_POLICY;
        st->policy = verdict.policy;
        st->rule = verdict.rule;
        st->says = verdict.message;
        st->hint = verdict.hint;
    }
    return STEP_NEXT;
}

/* The grammar's words for a text that it rejects: whoever mistyped wants to know where. They quote the text,
 * and are kept back where it holds a secret. */
static void say_what_is_wrong(struct session *s, struct statement *st)
{
    const struct understood *u = st->understood;
    if (!u->facts || !u->facts->error.n || u->n_secrets || u->facts->holds_secret) return;
    struct bytes says =
        arena_printf(&s->scratch, "%.*s: %.*s", BYTES_FMT(st->says), BYTES_FMT(u->facts->error));
    if (says.p) st->says = says;
    st->place = understood_place(u, st->text, u->facts->error_at);
}

static enum step step_judge(struct session *s, struct statement *st)
{
    struct understood *u = st->understood, *by;
    if (st->refused) return STEP_NEXT;
    if (u->refused) {
        st->refused = true;
        st->reason = u->reason;
        st->policy = u->verdict.policy;
        st->rule = u->verdict.rule;
        st->says = u->verdict.message;
        st->hint = u->verdict.hint;
        if (u->outcome == SQL_UNKNOWN) say_what_is_wrong(s, st);
    } else if (u->has_names && !s->open && !names_are_known(s, u)) {
        refuse(st, REFUSAL_POLICY, "unknown name",
               "this prepared statement or cursor was not made in this session",
               "PREPARE it, or DECLARE it, through this connection first.");
    } else if (u->has_names && !s->open && names_are_held(s, u)) {
        refuse(st, REFUSAL_APPROVAL, "prepared",
               "this runs a prepared statement that needs approval each time it runs",
               "Send the statement itself, or bind it through the protocol.");
    } else if (u->limited && u->facts->n_statements > 1 && limit_kind(s, u, &by)) {
        refuse(st, REFUSAL_COUNTED, "affected_rows",
               "a statement whose changed rows are limited must come alone",
               "Send each statement by itself; BEGIN and COMMIT too.");
    } else if (u->has_names && !s->open && st->carrier == CARRIER_QUERY) {
        enum step step = renew_named(s, u, &st->renewal);
        if (step == STEP_WAIT) {
            understood_unpin(s->world->cache, st->understood);
            st->understood = NULL;
        }
        st->refused = st->renewal != NULL;
        return step;
    }
    return STEP_NEXT;
}

/* What is held waits for people here, or is refused in the verdict's own words. A Parse is not what runs: its
 * Bind waits (frontend.c), which has the parameters. */
static enum step step_hold(struct session *s, struct statement *st)
{
    struct understood *u = st->understood;
    const struct limit_again *again = &s->limiting.again;
    bool counted = again->replaying && !st->refused && u->verdict.limit_is_hold && !u->held;
    if (st->refused || (!u->held && !counted)) {
        if (s->holding)
            hold_drop(s, st->refused ? "It is refused by now." : "It needs no approval any more.");
        return STEP_NEXT;
    }
    enum hold_answer answer = st->carrier == CARRIER_PARSE && s->world->desk ? HOLD_GRANTED : HOLD_REFUSED;
    if (st->carrier == CARRIER_QUERY) {
        struct hold_question q = {
            .u = u, .text = st->text, .counted = counted, .rows = again->rows, .run = again->run
        };
        answer = hold_ask(s, &q, &st->renewal);
        if (answer == HOLD_WAITING) return s->phase == PHASE_READY ? STEP_WAIT : STEP_CLOSE;
    }
    if (counted) s->limiting.again.granted = answer == HOLD_GRANTED;
    if (answer == HOLD_GRANTED) return STEP_NEXT;
    st->refused = true;
    st->reason = REFUSAL_APPROVAL;
    st->policy = u->verdict.policy;
    st->rule = u->verdict.rule;
    st->says = u->verdict.message;
    st->hint = u->verdict.hint;
    return STEP_NEXT;
}

static enum record_outcome record_run(struct session *s, struct statement *st)
{
    uint32_t number, raw_number;
    bool query = st->carrier == CARRIER_QUERY, inline_text;
    enum record_outcome outcome = recording_text(s, st->understood, st->text, query, &number, &inline_text);
    if (outcome != RECORD_OK) return outcome;
    st->text_number = number;
    raw_number = __builtin_bswap32(number);
    uint16_t n_types = __builtin_bswap16(st->parse.n_types);
    struct bytes as_query[] = { bytes_make(&raw_number, 4), inline_text ? st->text : (struct bytes){ 0 } };
    struct bytes name = bytes_slice(st->parse.name, 0, BINDING_NAME_BYTES);
    struct bytes as_parse[] = { bytes_make(&raw_number, 4), name, bytes_make("", 1), bytes_make(&n_types, 2),
                                st->parse.types };
    if (query) return recording_intent(s, FRAME_QUERY, 0, as_query, 2, &st->run);
    return recording_intent(s, FRAME_PARSE, 0, as_parse, 5, &st->run);
}

static enum step step_record(struct session *s, struct statement *st)
{
    if (!st->understood)
        return STEP_NEXT; /* no memory, or no parser: refused, and its text is not to be had */
    bool reserved;
    enum record_outcome outcome = recording_reserve(s, &reserved);
    if (outcome == RECORD_OK) outcome = record_run(s, st);
    if (reserved && (outcome != RECORD_OK || st->run == 0)) record_release(s->world->lane, &s->record);
    switch (outcome) {
    case RECORD_WAIT: return STEP_WAIT;
    case RECORD_FULL:
        refuse(st, REFUSAL_RECORD, "record", "this statement cannot be recorded, so it does not run",
               "The gateway's log has no room; tell its operator.");
        st->run = 0;
        break;
    case RECORD_OK: break;
    }
    return STEP_NEXT;
}

static struct refusal *make_refusal(struct session *s, struct statement *st)
{
    struct refusal *renewal = st->renewal;
    st->renewal = NULL;
    if (renewal) return renewal;
    const struct policy_verdict *v =
        st->understood && !st->unseen && (st->understood->refused || st->understood->held)
            ? &st->understood->verdict
            : NULL;
    struct detail detail = { st->reason, st->policy, st->rule, st->hint, v ? v->by : NULL, v ? v->n_by : 0 };
    return refusal_new_as(st->reason, st->code, st->place, st->says, detail_text(s, &detail, st->run),
                          st->hint);
}

/* What the server gets in the place of the client's text; p == NULL: the text itself. */
static struct bytes text_to_forward(const struct statement *st)
{
    CHECK(buf_length(st->edited) || !is_other_text(st)); /* never another text's literals */
    return buf_length(st->edited) ? buf_bytes(st->edited) : st->understood->forward;
}

static void forward_text(struct session *s, const struct statement *st)
{
    struct bytes text = text_to_forward(st);
    if (!text.p) {
        buf_append(&s->server_out, st->message->whole);
    } else if (st->carrier == CARRIER_PARSE) {
        message_parse_encode(&s->server_out, st->parse.name, text, st->parse.types);
    } else {
        size_t at = message_begin(&s->server_out, MESSAGE_QUERY);
        buf_put_cstring(&s->server_out, text);
        message_finish(&s->server_out, at);
    }
}

/* What SET postern.… says is kept as claimed. */
static void keep_context(struct session *s, const struct understood *u)
{
    struct buf body;
    buf_init(&body, CLAIMS_CEILING + CLAIM_CEILING + 4096);
    struct frame_fields f = frame_fields_begin(&body);
    for (size_t i = 0; i < u->facts->n_statements; i++) {
        const struct sql_statement *stmt = &u->facts->statements[i];
        if (stmt->action != SQL_ACTION_SET || stmt->setting != SQL_SETTING_CONTEXT) continue;
        detail_choose(s, stmt->subject, stmt->value);
        claims_keep(s, stmt->subject, stmt->value);
        struct bytes name = arena_printf(&s->scratch, "claim.%.*s",
                                         BYTES_FMT(bytes_slice(stmt->subject, strlen("postern."), 64)));
        if (name.p && buf_length(&body) < CLAIMS_CEILING)
            frame_fields_add(&f, (const char *)name.p, bytes_slice(stmt->value, 0, CLAIM_CEILING));
    }
    struct bytes parts[] = { buf_bytes(&body) };
    if (!body.failed) recording_outcome(s, FRAME_CONTEXT, 0, parts, 1);
    buf_free(&body);
}

/* A Query whose changed rows are counted goes as an extended one. */
static enum step forward_limited(struct session *s, const struct statement *st)
{
    view_on_run(s, st->understood);
    if (st->understood->has_context) keep_context(s, st->understood);
    if (s->pendings.n == 0 && s->status == 'I') limit_keep_message(s, st->understood, st->message->whole);
    return limit_query(s, st->understood, st->text, text_to_forward(st), st->run, st->text_number);
}

static void charge(struct session *s, struct statement *st, enum session_budget_kind kind, uint64_t n)
{
    if (st->refused || budget_take(s, kind, n)) return;
    refuse(st, REFUSAL_BUDGET, "budget", "", "");
    st->says = budget_says(s, kind);
    st->hint = budget_hint(s);
}

static enum step step_forward(struct session *s, struct statement *st)
{
    struct understood *u = st->understood;
    if (st->carrier == CARRIER_QUERY) s->n_statements++;
    if (s->holding) hold_done(s);
    if (u && u->n_secrets) s->wants.wipe = true;
    /* The frame of its intent is there by now, so a message that waits is not charged twice. */
    if (st->carrier == CARRIER_QUERY && !s->limiting.again.replaying) {
        charge(s, st, BUDGET_STATEMENTS, budget_statements(u));
        charge(s, st, BUDGET_LOOKUPS, budget_lookups(u));
    }
    if (st->refused) {
        struct refusal *refusal = make_refusal(s, st);
        if (!refusal) return session_drop(s, "out of memory");
        /* A parser's words quote the text. */
        bool quotes = u && !st->unseen && u->outcome == SQL_UNKNOWN;
        refused_tell(s, refusal->reason, st->policy, st->rule, quotes ? u->verdict.message : st->says);
        return statement_poison(s, st->carrier, st->parse.name, refusal, st->run, st->unseen ? NULL : u,
                                st->text_number);
    }
    if (st->carrier == CARRIER_QUERY && !s->limiting.again.replaying)
        session_counts_add(&s->world->counts.sent);
    struct understood *by;
    if (st->carrier == CARRIER_QUERY && u->limited && limit_kind(s, u, &by)) return forward_limited(s, st);
    if (st->carrier == CARRIER_QUERY) limit_pass(s, u);
    struct pending *p =
        pending_push(&s->pendings, st->carrier == CARRIER_QUERY ? PENDING_QUERY : PENDING_PARSE);
    if (!p) return session_drop(s, "out of memory");
    p->run = st->run;
    p->text = st->text_number;
    p->started_us = session_stamp_us(s);
    p->reserved = st->run != 0;
    p->understood = understood_pin(u);
    if (st->carrier == CARRIER_QUERY) view_on_run(s, u);
    if (u->has_context) keep_context(s, u);
    if (st->carrier == CARRIER_QUERY) {
        s->n_syncs++;
        s->batch = BATCH_NONE;
        if (u->has_names && !names_push(s, p, u)) return session_drop(s, "out of memory");
    } else {
        if (s->batch == BATCH_NONE) s->batch = BATCH_PREPARED;
        p->binding = binding_push(&s->bindings, false, st->parse.name, u);
        if (!p->binding) return session_drop(s, "too many prepared statements");
        p->binding->text = st->text_number;
        if ((u->held || u->verdict.limit_is_hold) &&
            !binding_keep_source(&s->bindings, p->binding, st->text, st->parse.types))
            return session_drop(s, "too many prepared statements");
    }
    if (buf_length(st->edited) && !pending_keep_text(&s->pendings, p, st->text))
        return session_drop(s, "out of memory");
    forward_text(s, st);
    return STEP_NEXT;
}

static const struct {
    const char *name;
    enum step (*run)(struct session *s, struct statement *st);
} steps[] = {
    { "view", step_view },     { "understand", step_understand }, { "resolve", step_resolve },
    { "types", step_types },   { "judge", step_judge },           { "hold", step_hold },
    { "record", step_record }, { "forward", step_forward },
};

/* The memory stays for the next statement, unless it is much. */
static void forget_edited(struct buf *edited)
{
    buf_consume(edited, buf_length(edited));
    if (edited->failed || edited->size > EDITED_KEPT) {
        buf_free(edited);
        buf_init(edited, EDITED_CEILING);
    }
}

enum step statement_run(struct session *s, enum statement_carrier carrier, const struct message *m)
{
    struct statement st = { .carrier = carrier, .message = m, .edited = &s->edited };
    bool good = carrier == CARRIER_QUERY ? message_string_decode(m->body, &st.text)
                                         : message_parse_decode(m->body, &st.parse);
    if (!good) return statement_refuse(s, carrier, REFUSAL_PROTOCOL, BYTES_LITERAL("invalid message format"));
    if (carrier == CARRIER_PARSE) st.text = st.parse.text;
    st.foreign_types = carrier == CARRIER_PARSE && s->view.needed && types_are_foreign(st.parse.types);
    enum step step = STEP_NEXT;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && step == STEP_NEXT; i++)
        step = steps[i].run(s, &st);
    if (step != STEP_WAIT && step != STEP_MORE) view_statement_over(s);
    forget_edited(&s->edited);
    free(st.renewal); /* what waits is looked at again */
    if (step == STEP_WAIT && st.understood && !st.unseen)
        s->parsed = st.understood; /* the next try of this message begins with it */
    else if (st.understood)
        understood_unpin(s->world->cache, st.understood);
    return step;
}

enum step statement_poison(struct session *s, enum statement_carrier carrier, struct bytes name,
                           struct refusal *refusal, uint32_t run, struct understood *u, uint32_t text_number)
{
    struct buf text;
    buf_init(&text, 256);
    buf_printf(&text, ") -- refused by postern: %s", refusal_code(refusal->reason));
    struct pending *p = pending_push(&s->pendings, carrier == CARRIER_QUERY ? PENDING_QUERY : PENDING_PARSE);
    if (!p || text.failed) {
        free(refusal);
        buf_free(&text);
        return session_drop(s, "out of memory");
    }
    p->refusal = refusal;
    p->run = run;
    p->reserved = run != 0;
    p->started_us = session_stamp_us(s);
    /* The text of a Query is not kept: poison is short, and a great many may be on their way.
     * What the client pipelined behind it belongs to this text, until the next Sync (drop_doomed_bindings):
     * the server skips it. */
    if (u && carrier == CARRIER_PARSE) {
        p->binding = binding_push(&s->bindings, false, name, u);
        if (p->binding) p->binding->text = text_number;
    }
    if (carrier == CARRIER_PARSE) {
        if (s->batch == BATCH_NONE) s->batch = BATCH_PREPARED;
        message_parse_encode(&s->server_out, name, buf_bytes(&text), (struct bytes){ 0 });
    } else {
        s->batch = BATCH_NONE;
        size_t at = message_begin(&s->server_out, MESSAGE_QUERY);
        buf_put_cstring(&s->server_out, buf_bytes(&text));
        message_finish(&s->server_out, at);
        s->n_syncs++;
    }
    buf_free(&text);
    return STEP_NEXT;
}

enum step statement_refuse(struct session *s, enum statement_carrier carrier, enum refusal_reason reason,
                           struct bytes message)
{
    return statement_refuse_with(
        s, carrier, refusal_new(reason, "ERROR", message, (struct bytes){ 0 }, (struct bytes){ 0 }));
}

enum step statement_refuse_with(struct session *s, enum statement_carrier carrier, struct refusal *refusal)
{
    if (!refusal) return session_drop(s, "out of memory");
    refused_tell_of(s, refusal);
    /* A name of its own, which a Parse that fails never makes: the client's unnamed statement stays as it is.
     */
    return statement_poison(s, carrier, BYTES_LITERAL("postern"), refusal, 0, NULL, 0);
}
