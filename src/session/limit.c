/* Counting what a statement changed before it is committed. What stands between a limited statement and its
 * Sync is asked for with statements of the gateway's own (own.c); what a limit is for, and what its count
 * cannot see, is told in doc/limits.md. */
#include "pgwire/report.h"
#include "session/session-private.h"
#include <stdlib.h>

/* The rows that this transaction inserted, updated and deleted in tables of users, whatever made it do so;
 * rows of subtransactions that were rolled back count too. NULL: the server does not count. Everything is
 * qualified: nothing that the client can do changes what it means. Source: PostgreSQL documentation, "The
 * Cumulative Statistics System"; 16384 is FirstNormalObjectId. */
#define COUNT_TEXT                                                                                           \
    "SELECT CASE WHEN pg_catalog.current_setting('track_counts') OPERATOR(pg_catalog.=) 'on' THEN "          \
    "coalesce(pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(oid) OPERATOR(pg_catalog.+) "       \
    "pg_catalog.pg_stat_get_xact_tuples_updated(oid) OPERATOR(pg_catalog.+) "                                \
    "pg_catalog.pg_stat_get_xact_tuples_deleted(oid)), 0) END FROM pg_catalog.pg_class "                     \
    "WHERE oid OPERATOR(pg_catalog.>=) '16384'::pg_catalog.oid AND relkind OPERATOR(pg_catalog.=) 'r'"
#define QUERY_NAME "postern.query"

static void forget_by(struct session *s)
{
    struct limiting *l = &s->limiting;
    if (l->by) understood_unpin(s->world->cache, l->by);
    if (l->by_hold) understood_unpin(s->world->cache, l->by_hold);
    l->by = l->by_hold = NULL;
}

void limit_free(struct session *s)
{
    forget_by(s);
    buf_free(&s->limiting.held);
    free(s->limiting.ran);
    limit_forget_messages(s);
}

/* ---- messages that may come again */

void limit_forget_messages(struct session *s)
{
    struct limit_again *a = &s->limiting.again;
    if (a->undoing || a->replaying) return;
    buf_free(&a->bytes);
    *a = (struct limit_again){ 0 };
}

void limit_keep_message(struct session *s, const struct understood *u, struct bytes whole)
{
    struct limit_again *a = &s->limiting.again;
    bool executes = whole.p[0] == MESSAGE_EXECUTE;
    if (!u->verdict.limit_is_hold || !u->verdict.n_needs || !s->world->desk) return;
    if (executes && !a->kept) return;
    if (!a->replaying) {
        if (!executes) {
            limit_forget_messages(s);
            buf_init(&a->bytes, HOLD_AGAIN);
        }
        buf_append(&a->bytes, whole);
        if (a->bytes.failed) {
            limit_forget_messages(s);
            return; /* too long to come again: where it changes too much, it is refused */
        }
    }
    a->kept = true;
    a->complete = whole.p[0] != MESSAGE_BIND;
}

/* ---- which statements */

static enum understood_limited kind_of_name(const struct session *s, const struct sql_statement *st,
                                            struct understood **by_out)
{
    const struct binding *b = binding_find(&s->bindings, st->action == SQL_ACTION_FETCH, st->subject);
    if (!b) return LIMITED_BY_COUNT; /* nobody knows */
    *by_out = b->understood;
    enum understood_limited kind =
        b->understood->limited_inside ? b->understood->limited_inside : b->understood->limited;
    if (kind == LIMITED_NOT) return LIMITED_NOT;
    /* FETCH says how many rows it brought, EXPLAIN and CREATE TABLE AS of an EXECUTE nothing of its changes;
     * a prepared EXECUTE leads further than is worth following. */
    bool tells = st->action == SQL_ACTION_EXECUTE && bytes_is(st->tag, "EXECUTE") && kind == LIMITED_BY_TAG;
    return tells ? LIMITED_BY_TAG : LIMITED_BY_COUNT;
}

enum understood_limited limit_kind(const struct session *s, struct understood *u, struct understood **by_out)
{
    enum understood_limited most = u->limited;
    *by_out = u;
    if (u->limited != LIMITED_BY_NAME) return u->limited;
    most = LIMITED_NOT;
    for (size_t i = 0; i < u->facts->n_statements; i++) {
        const struct sql_statement *st = &u->facts->statements[i];
        if (st->action != SQL_ACTION_EXECUTE && st->action != SQL_ACTION_FETCH) continue;
        enum understood_limited kind = kind_of_name(s, st, by_out);
        if (kind > most) most = kind;
    }
    return most;
}

/* ---- towards the server */

static enum step no_memory(struct session *s)
{
    return session_drop(s, "out of memory");
}

static bool ask(struct session *s, enum own_purpose purpose)
{
    return own_ask(s, purpose, BYTES_LITERAL(COUNT_TEXT));
}

static void flush(struct session *s)
{
    message_put(&s->server_out, MESSAGE_FLUSH, (struct bytes){ 0 });
}

/* The server's count, behind what was forwarded. */
static bool ask_after(struct session *s)
{
    struct limiting *l = &s->limiting;
    if (!l->uncounted || frontend_copies(s)) return true;
    l->uncounted = false;
    l->has_baseline = true;
    l->n_group = 0;
    l->n_asked++;
    if (!ask(s, OWN_COUNT_AFTER)) return false;
    flush(s);
    return true;
}

/* What changes no row, and ends no transaction. Where one ends the server may begin to count anew. */
enum { LIMIT_HARMLESS = EFFECT_READ | EFFECT_SESSION | EFFECT_BULK_OUT };

void limit_pass(struct session *s, const struct understood *u)
{
    if (!u || u->effects & ~(uint32_t)LIMIT_HARMLESS) s->limiting.has_baseline = false;
}

void limit_on_sync(struct session *s)
{
    s->limiting.had_baseline = s->limiting.has_baseline;
    s->limiting.has_baseline = false;
}

bool limit_before(struct session *s, enum understood_limited kind)
{
    struct limiting *l = &s->limiting;
    l->flushed = false;
    if (kind == LIMITED_BY_TAG && !l->uncounted) {
        l->n_by_tag++;
        l->has_baseline = false;
        return true;
    }
    if (!l->uncounted && !l->has_baseline && !ask(s, OWN_COUNT_BEFORE)) return false;
    l->uncounted = true;
    l->n_group++;
    return true;
}

bool limit_after(struct session *s)
{
    return s->limiting.n_group < LIMIT_ASK_AFTER || ask_after(s);
}

void limit_mark(struct pending *p, enum understood_limited kind, struct understood *by, bool in_group)
{
    p->limited = kind == LIMITED_BY_TAG && in_group ? LIMITED_BY_COUNT : (uint8_t)kind;
    p->limited_by = understood_pin(by);
    p->keeps_rows = (by->effects & (EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE)) != 0;
}

bool limit_lets_pass(struct session *s, const struct message *m)
{
    struct message_execute execute;
    struct understood *by;
    switch (m->type) {
    case MESSAGE_SYNC: return s->copy_in; /* the server takes no notice of it */
    case MESSAGE_QUERY:
    case MESSAGE_FUNCTION_CALL: return false;
    case MESSAGE_EXECUTE: break;
    default: return true;
    }
    if (!message_execute_decode(m->body, &execute)) return true; /* it becomes poison */
    const struct binding *portal = binding_find(&s->bindings, true, execute.portal);
    if (!portal) return !s->open;
    if (limit_kind(s, portal->understood, &by) != LIMITED_NOT) return portal->understood->n_copies_in == 0;
    return !(portal->understood->effects & ~(uint32_t)LIMIT_HARMLESS);
}

enum step limit_demand(struct session *s, bool and_wait)
{
    struct limiting *l = &s->limiting;
    if (l->uncounted && !ask_after(s)) return no_memory(s);
    if (l->n_by_tag && !l->flushed && !frontend_copies(s)) {
        flush(s);
        l->flushed = true;
    }
    l->waits = and_wait;
    return and_wait ? STEP_WAIT : STEP_NEXT;
}

static struct pending *push(struct session *s, enum pending_kind kind, struct binding *binding)
{
    struct pending *p = pending_push(&s->pendings, kind);
    if (!p) return NULL;
    p->injected = true;
    p->as_query = true;
    p->binding = binding;
    p->started_us = session_now(s);
    return p;
}

static bool send_close(struct session *s, bool portal)
{
    struct bytes name = BYTES_LITERAL(QUERY_NAME);
    struct binding *gone = binding_push(&s->bindings, portal, name, NULL);
    message_target_encode(&s->server_out, MESSAGE_CLOSE, (struct message_target){ portal ? 'P' : 'S', name });
    return gone && push(s, PENDING_CLOSE, gone);
}

/* Parse, Bind, Describe of the text under a name of ours, so that the client's unnamed statement stays what
 * it is. */
static struct binding *send_query(struct session *s, struct understood *u, struct bytes text,
                                  struct bytes forward, uint32_t number)
{
    struct bytes name = BYTES_LITERAL(QUERY_NAME);
    if (!send_close(s, false)) return NULL;
    struct binding *statement = binding_push(&s->bindings, false, name, u);
    struct pending *parse = statement ? push(s, PENDING_PARSE, statement) : NULL;
    if (!parse || (understood_has_edits(u) && !pending_keep_text(parse, text))) return NULL;
    message_parse_encode(&s->server_out, name, forward.p ? forward : text, (struct bytes){ 0 });
    struct binding *portal = binding_push(&s->bindings, true, name, u);
    if (!portal || !push(s, PENDING_BIND, portal)) return NULL;
    statement->text = portal->text = number;
    portal->of = binding_use(statement);
    portal->described = true;
    size_t at = message_begin(&s->server_out, MESSAGE_BIND);
    buf_put_cstring(&s->server_out, name);
    buf_put_cstring(&s->server_out, name);
    buf_append(&s->server_out, bytes_make("\0\0\0\0\0", 6));
    message_finish(&s->server_out, at);
    struct pending *p = push(s, PENDING_DESCRIBE, binding_use(portal));
    if (!p) return NULL;
    p->injected = false;
    /* What may come undone without a word describes its rows when it is decided. */
    p->limited = p->keeps_rows = s->limiting.again.complete;
    message_target_encode(&s->server_out, MESSAGE_DESCRIBE, (struct message_target){ 'P', name });
    return portal;
}

enum step limit_query(struct session *s, struct understood *u, struct bytes text, struct bytes forward,
                      uint32_t run, uint32_t number)
{
    struct understood *by;
    enum understood_limited kind = limit_kind(s, u, &by);
    struct binding *portal = send_query(s, u, text, forward, number);
    if (!portal || !limit_before(s, kind)) return no_memory(s);
    struct pending *p = push(s, PENDING_EXECUTE, binding_use(portal));
    if (!p) return no_memory(s);
    p->injected = false;
    p->run = run;
    p->reserved = run != 0;
    p->text = number;
    p->understood = understood_pin(u);
    limit_mark(p, kind, by, false);
    if (u->has_names && !names_push(s, p, u)) return no_memory(s);
    view_on_run(s, u);
    size_t at = message_begin(&s->server_out, MESSAGE_EXECUTE);
    buf_put_cstring(&s->server_out, BYTES_LITERAL(QUERY_NAME));
    buf_put_u32(&s->server_out, 0);
    message_finish(&s->server_out, at);
    s->limiting.is_query = true;
    /* A COPY says by itself that it is ready for data; its end is behind the client's. */
    return limit_demand(s, false);
}

static bool send_sync(struct session *s)
{
    s->limiting.is_query = false;
    s->skipping = false;
    limit_on_sync(s);
    if (!pending_push(&s->pendings, PENDING_SYNC)) return false;
    s->n_syncs++;
    message_put(&s->server_out, MESSAGE_SYNC, (struct bytes){ 0 });
    return true;
}

/* ---- the decision */

/* AS_IT_ENDED: as the server said. */
enum { AS_IT_ENDED = -1 };
static void complete_all(struct session *s, int how)
{
    struct limiting *l = &s->limiting;
    for (size_t i = 0; i < l->n_ran; i++) {
        const struct limit_ran *r = &l->ran[i];
        struct pending p = { .run = r->run, .rows = r->rows, .bytes = r->bytes, .started_us = r->started_us };
        recording_complete(s, &p, (enum run_end)(how < 0 ? r->how : how), bytes_make(r->tag, r->n_tag));
        if (r->reserved) record_release(s->world->lane, &s->record);
    }
    l->n_ran = 0;
    l->by_tags = 0;
}

static void give_back(struct session *s)
{
    struct limiting *l = &s->limiting;
    buf_append(&s->client_out, buf_bytes(&l->held));
    buf_consume(&l->held, buf_length(&l->held));
    buf_release(&l->held);
    l->holding = false;
}

/* Nothing is undecided any more: what waited goes on. */
static enum step go_on(struct session *s)
{
    struct limiting *l = &s->limiting;
    if (limit_is_undecided(s)) return STEP_NEXT;
    l->waits = false;
    if (!l->is_query || s->terminated) return STEP_NEXT;
    return send_close(s, true) && send_close(s, false) && send_sync(s) ? STEP_NEXT : no_memory(s);
}

static bool send_poison(struct session *s, struct refusal *refusal)
{
    if (statement_poison(s, CARRIER_PARSE, BYTES_LITERAL("postern"), refusal, 0, NULL, 0) != STEP_NEXT)
        return false;
    pending_at(&s->pendings, s->pendings.n - 1)->injected = true;
    return !s->limiting.is_query || send_sync(s);
}

/* Everything since the transaction began is undone: by poison, since no Sync was sent. */
enum step limit_trip(struct session *s, struct refusal *refusal, uint32_t run)
{
    struct limiting *l = &s->limiting;
    if (!refusal) return no_memory(s);
    refused_tell_of(s, refusal);
    recording_report(s, FRAME_ERROR, run, ORIGIN_GATEWAY, refusal_body(refusal), NULL);
    complete_all(s, RUN_UNDONE);
    if (!s->terminated) message_put(&s->client_out, MESSAGE_ERROR_RESPONSE, refusal_body(refusal));
    buf_consume(&l->held, buf_length(&l->held));
    l->holding = l->uncounted = l->has_baseline = l->had_baseline = l->waits = false;
    l->n_asked = l->n_by_tag = l->n_group = 0;
    l->tripped = s->swallowing = s->skipping = true;
    forget_by(s);
    limit_forget_messages(s);
    /* Terminate without a Sync undoes it as well. */
    l->poison_due = !s->terminated && s->client_piece && s->client_piece_forward;
    if (!s->terminated && !l->poison_due) return send_poison(s, refusal) ? STEP_NEXT : no_memory(s);
    free(refusal);
    return STEP_NEXT;
}

static enum step trip(struct session *s, enum refusal_reason reason, struct bytes says, struct bytes detail,
                      struct bytes hint)
{
    return limit_trip(s, refusal_new(reason, "ERROR", says, detail, hint), s->limiting.run);
}

bool limit_on_piece_end(struct session *s)
{
    if (!s->limiting.poison_due) return true;
    s->limiting.poison_due = false;
    struct refusal *refusal = refusal_new(REFUSAL_AFFECTED, "ERROR", BYTES_LITERAL("over"),
                                          (struct bytes){ 0 }, (struct bytes){ 0 });
    return refusal && send_poison(s, refusal);
}

static struct bytes tell(struct session *s, const char *by, struct detail *d)
{
    char id[14];
    session_id_format(s->record.id, id);
    d->words = arena_printf(&s->scratch,
                            "All that it did was undone. %s \"%.*s\" of policy \"%.*s\"; request %s-%u.", by,
                            BYTES_FMT(d->rule), BYTES_FMT(d->policy), id, s->limiting.run);
    return detail_text(s, d, s->limiting.run);
}

static enum step trip_affected(struct session *s, uint64_t n)
{
    const struct limiting *l = &s->limiting;
    uint64_t most = s->terms->limits.affected_rows;
    struct bytes says =
        l->affected ? arena_printf(&s->scratch,
                                   "this transaction would have changed %lu rows, and the policy allows %lu",
                                   (unsigned long)(l->affected + n), (unsigned long)most)
                    : arena_printf(&s->scratch, "this would have changed %lu rows, and the policy allows %lu",
                                   (unsigned long)n, (unsigned long)most);
    struct detail d = { REFUSAL_AFFECTED, s->terms->policies, BYTES_LITERAL("affected_rows"),
                        BYTES_LITERAL(
                            "Change fewer rows at a time: narrow the WHERE clause, or write in smaller "
                            "transactions.") };
    return trip(s, d.reason, says, tell(s, "Limit", &d), d.hint);
}

/* Whether it may be undone without a word, since people can be asked and it can come again. */
static bool may_come_again(const struct session *s)
{
    const struct limiting *l = &s->limiting;
    return l->again.complete && l->n_ran == 1 && s->status == 'I' && !s->terminated && !s->swallowing &&
           !s->client_piece && s->n_syncs == 0 && l->by_hold->verdict.n_needs;
}

/* A dry run is over: poison and a Sync of the gateway's own undo it, and its messages come again. */
static enum step undo_for_approval(struct session *s, uint64_t n)
{
    struct limiting *l = &s->limiting;
    struct refusal *refusal = refusal_new(REFUSAL_APPROVAL, "ERROR", BYTES_LITERAL("counted"),
                                          (struct bytes){ 0 }, (struct bytes){ 0 });
    if (!refusal) return no_memory(s);
    l->again.rows = n;
    l->again.run = l->ran[0].run;
    l->again.at = 0;
    l->again.undoing = true;
    l->again.granted = l->again.complete = false;
    complete_all(s, RUN_UNDONE);
    buf_consume(&l->held, buf_length(&l->held));
    l->holding = l->uncounted = l->has_baseline = l->had_baseline = l->waits = l->is_query = false;
    l->n_asked = l->n_by_tag = l->n_group = 0;
    l->tripped = s->swallowing = true;
    forget_by(s);
    if (!send_poison(s, refusal) || !hold_send_sync(s)) return no_memory(s);
    return STEP_NEXT;
}

static enum step trip_held(struct session *s, uint64_t n)
{
    if (may_come_again(s)) return undo_for_approval(s, n);
    const struct policy_verdict *v = &s->limiting.by_hold->verdict;
    struct detail d = { REFUSAL_APPROVAL, v->held.policy, v->held.rule, v->held.hint, v->by, v->n_by };
    return trip(s, d.reason, v->held.message, tell(s, "Rule", &d), d.hint);
}

static enum step trip_budget(struct session *s)
{
    struct bytes words = BYTES_LITERAL("All that this statement did was undone."), hint = budget_hint(s);
    return trip(s, REFUSAL_BUDGET, budget_says(s, BUDGET_AFFECTED),
                detail_words(s, REFUSAL_BUDGET, words, hint, s->limiting.run), hint);
}

/* `n` rows were changed by what is in `ran`. NEXT with *over_out: it was too much, and is being undone. Where
 * people are asked, they see the whole number: what the tag tells is not all of it. */
static enum step check(struct session *s, uint64_t n, bool is_all, bool *over_out)
{
    const struct limiting *l = &s->limiting;
    uint64_t most = s->terms->limits.affected_rows;
    *over_out = true;
    if (most && n > (l->affected < most ? most - l->affected : 0)) return trip_affected(s, n);
    if (l->by_hold && (is_all || !may_come_again(s))) {
        uint64_t held = l->by_hold->verdict.limits.affected_rows;
        if (l->again.granted && l->again.rows > held) held = l->again.rows;
        if (n > (l->affected_held < held ? held - l->affected_held : 0)) return trip_held(s, n);
    }
    if (n > budget_left(s, BUDGET_AFFECTED)) return trip_budget(s);
    *over_out = false;
    return STEP_NEXT;
}

static enum step decide(struct session *s, uint64_t n)
{
    struct limiting *l = &s->limiting;
    bool over;
    enum step step = check(s, n, true, &over);
    if (over || step != STEP_NEXT) return step;
    if (!budget_take(s, BUDGET_AFFECTED, n)) return trip_budget(s);
    l->affected += n;
    if (l->by_hold) l->affected_held += n;
    complete_all(s, AS_IT_ENDED);
    give_back(s);
    forget_by(s);
    limit_forget_messages(s);
    return go_on(s);
}

enum step limit_count_row(struct session *s, struct bytes body)
{
    struct limiting *l = &s->limiting;
    int64_t count;
    l->has_count = body.n > 6 && bytes_to_int64(bytes_slice(body, 6, body.n), &count) && count >= 0;
    if (l->has_count) l->count = (uint64_t)count;
    return STEP_NEXT;
}

static enum step cannot_count(struct session *s, struct bytes why)
{
    return trip(
        s, REFUSAL_AFFECTED, BYTES_LITERAL("the rows that this changed cannot be counted, so it was undone"),
        detail_words(s, REFUSAL_AFFECTED, why, (struct bytes){ 0 }, s->limiting.run), (struct bytes){ 0 });
}

enum step limit_count_before_done(struct session *s)
{
    struct limiting *l = &s->limiting;
    l->sum = l->has_count ? l->count : UINT64_MAX;
    l->has_count = false;
    return STEP_NEXT;
}

enum step limit_count_after_done(struct session *s)
{
    struct limiting *l = &s->limiting;
    if (l->tripped) return STEP_NEXT;
    if (l->n_asked == 0)
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "a count came that nobody waits for");
    l->n_asked--;
    bool counted = l->has_count && l->sum != UINT64_MAX;
    uint64_t beside = counted && l->count > l->sum ? l->count - l->sum : 0;
    l->sum = l->count;
    l->has_count = false;
    if (!counted)
        return cannot_count(s, BYTES_LITERAL("The server's setting track_counts is off; tell its operator."));
    return decide(s, beside > l->by_tags ? beside : l->by_tags);
}

void limit_count_failed(struct session *s, struct bytes body)
{
    struct limiting *l = &s->limiting;
    struct pending *p = pending_head(&s->pendings);
    uint32_t run = p->run ? p->run : l->run;
    struct bytes code = report_field(body, 'C');
    if (l->tripped) return;
    struct refusal *refusal = NULL;
    /* A cancel request, a transaction that has failed: the server's own words say it. */
    if (!bytes_is(code, "57014") && !bytes_is(code, "25P02"))
        refusal = refusal_new(REFUSAL_AFFECTED, "ERROR",
                              BYTES_LITERAL("the rows that this changed cannot be counted, so it was undone"),
                              s->masks ? (struct bytes){ 0 } : sift_words(s, report_field(body, 'M')),
                              (struct bytes){ 0 });
    body = refusal ? refusal_body(refusal) : veil_error(s, p, body);
    recording_report(s, FRAME_ERROR, run, refusal ? ORIGIN_GATEWAY : ORIGIN_SERVER, body, NULL);
    if (!s->terminated && !s->swallowing) message_put(&s->client_out, MESSAGE_ERROR_RESPONSE, body);
    complete_all(s, RUN_UNDONE);
    buf_consume(&l->held, buf_length(&l->held));
    l->holding = false;
    free(refusal);
}

/* ---- from the server */

static uint64_t rows_of(struct bytes tag)
{
    static const char *const counted[] = { "INSERT ", "UPDATE ", "DELETE ", "MERGE ", "COPY " };
    int64_t n;
    size_t at = tag.n;
    while (at > 0 && tag.p[at - 1] != ' ')
        at--;
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        if (bytes_starts_with(tag, counted[i]))
            return bytes_to_int64(bytes_slice(tag, at, tag.n), &n) && n > 0 ? (uint64_t)n : 0;
    return 0;
}

static bool remember(struct session *s, struct pending *p, enum run_end how, struct bytes tag)
{
    struct limiting *l = &s->limiting;
    if (l->n_ran == l->ran_size) {
        size_t size = l->ran_size ? l->ran_size * 2 : 4;
        struct limit_ran *ran = realloc(l->ran, size * sizeof *ran);
        if (!ran) return false;
        l->ran = ran;
        l->ran_size = size;
    }
    tag = bytes_slice(tag, 0, sizeof l->ran->tag);
    struct limit_ran *r = &l->ran[l->n_ran++];
    *r = (struct limit_ran){
        p->run, p->reserved, (uint8_t)how, p->rows, p->bytes, p->started_us, tag.n, { 0 }
    };
    memcpy(r->tag, tag.p ? tag.p : (const uint8_t *)"", tag.n);
    recording_result_end(s, p);
    p->reserved = false;
    p->run = 0;
    l->run = r->run;
    if (l->by) understood_unpin(s->world->cache, l->by);
    l->by = understood_pin(p->limited_by);
    if (l->by->verdict.limit_is_hold &&
        (!l->by_hold || l->by_hold->verdict.limits.affected_rows > l->by->verdict.limits.affected_rows)) {
        if (l->by_hold) understood_unpin(s->world->cache, l->by_hold);
        l->by_hold = understood_pin(l->by);
    }
    return true;
}

enum step limit_on_end(struct session *s, struct pending *p, enum run_end how, struct bytes tag,
                       struct bytes whole)
{
    struct limiting *l = &s->limiting;
    bool over;
    if (l->tripped) {
        recording_complete(s, p, RUN_UNDONE, tag);
        return STEP_NEXT;
    }
    bool by_tag = p->limited == LIMITED_BY_TAG;
    if (!remember(s, p, how, tag)) return no_memory(s);
    if (by_tag) {
        if (l->n_by_tag == 0)
            return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "a tag came that nobody waits for");
        l->n_by_tag--;
    }
    l->holding = true;
    if (!limit_keep(s, whole)) return STEP_NEXT;
    l->by_tags += rows_of(tag);
    return by_tag ? decide(s, l->by_tags) : check(s, l->by_tags, false, &over);
}

bool limit_keep(struct session *s, struct bytes bytes)
{
    struct limiting *l = &s->limiting;
    if (l->tripped || s->terminated || s->swallowing) return false;
    l->holding = true;
    if (buf_length(&l->held) + bytes.n <= LIMIT_HELD_CEILING) {
        buf_append(&l->held, bytes);
        return true;
    }
    struct pending *p = pending_head(&s->pendings);
    if (p && p->run) l->run = p->run;
    trip(s, REFUSAL_AFFECTED,
         BYTES_LITERAL(
             "this returns more of what it changes than the gateway can keep back, so it was undone"),
         (struct bytes){ 0 }, BYTES_LITERAL("Change fewer rows at a time, or return less of them."));
    return false;
}

void limit_adopt(struct session *s, struct pending *head)
{
    struct limiting *l = &s->limiting;
    if (!l->is_query || s->n_syncs > 0) return; /* the error is of what a Sync ended, in front of the Query */
    if (!head->as_query && head->kind != PENDING_OWN) {
        /* What came before the Query has failed, with no Sync behind it: the server skips the Query too, and
         * goes on skipping until the client's Sync. */
        l->is_query = false;
        return;
    }
    if (head->kind == PENDING_EXECUTE) return;
    for (uint32_t i = 1; i < s->pendings.n; i++) {
        struct pending *p = pending_at(&s->pendings, i);
        if (p->kind != PENDING_EXECUTE || !p->as_query) continue;
        head->run = p->run;
        head->reserved = p->reserved;
        head->understood = p->understood;
        p->run = 0;
        p->reserved = false;
        p->understood = NULL;
        return;
    }
}

void limit_before_error(struct session *s)
{
    if (s->limiting.tripped) return;
    complete_all(s, AS_IT_ENDED);
    give_back(s);
}

enum step limit_after_error(struct session *s)
{
    struct limiting *l = &s->limiting;
    l->has_count = false;
    forget_by(s);
    limit_forget_messages(s);
    if (s->n_syncs > 0) return STEP_NEXT; /* what is on its way stands behind a Sync, and runs all the same */
    l->uncounted = l->has_baseline = l->waits = false;
    l->n_asked = l->n_by_tag = l->n_group = 0;
    if (!l->is_query || s->terminated) return STEP_NEXT;
    return send_sync(s) ? STEP_NEXT : no_memory(s);
}

enum step limit_on_ready(struct session *s, uint8_t status)
{
    struct limiting *l = &s->limiting;
    bool tripped = l->tripped;
    l->tripped = false;
    if (l->again.undoing) {
        l->again.undoing = false;
        l->again.due = true;
        s->skipping = false;
    }
    if (tripped && status == 'T')
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL,
                                 "a statement over its limit did not come undone");
    if (status == 'T' && s->pendings.n == 0) l->has_baseline |= l->had_baseline;
    l->had_baseline = false;
    if (status != 'I') return STEP_NEXT;
    l->has_baseline = false;
    l->affected = l->affected_held = 0;
    return STEP_NEXT;
}

void limit_on_transaction_end(struct session *s)
{
    s->limiting.affected = s->limiting.affected_held = 0;
}

void limit_abandon(struct session *s)
{
    complete_all(s, RUN_LOST);
}
