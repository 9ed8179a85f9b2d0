/* Counting what a statement changed before it is committed. What stands between a limited statement and its
 * Sync is asked for with statements of the gateway's own (own.c); what a limit is for, and what its count
 * cannot see, is told in doc/limits.md. */
#include "pgwire/report.h"
#include "session/limit-private.h"
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

void limit_forget_by(struct session *s)
{
    struct limiting *l = &s->limiting;
    if (l->by) understood_unpin(s->world->cache, l->by);
    if (l->by_hold) understood_unpin(s->world->cache, l->by_hold);
    l->by = l->by_hold = NULL;
}

void limit_free(struct session *s)
{
    limit_forget_by(s);
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

enum step limit_no_memory(struct session *s)
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
    if (l->uncounted && !ask_after(s)) return limit_no_memory(s);
    if (l->n_by_tag && !l->flushed && !frontend_copies(s)) {
        flush(s);
        l->flushed = true;
    }
    l->waits = and_wait;
    return and_wait ? STEP_WAIT : STEP_NEXT;
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
    if (!remember(s, p, how, tag)) return limit_no_memory(s);
    if (by_tag) {
        if (l->n_by_tag == 0)
            return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "a tag came that nobody waits for");
        l->n_by_tag--;
    }
    l->holding = true;
    if (!limit_keep(s, whole)) return STEP_NEXT;
    l->by_tags += rows_of(tag);
    return by_tag ? limit_decide(s, l->by_tags) : limit_check(s, l->by_tags, false, &over);
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
    limit_trip_for(
        s, REFUSAL_AFFECTED,
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
    limit_complete_all(s, LIMIT_AS_IT_ENDED);
    limit_give_back(s);
}

enum step limit_after_error(struct session *s)
{
    struct limiting *l = &s->limiting;
    l->has_count = false;
    limit_forget_by(s);
    limit_forget_messages(s);
    if (s->n_syncs > 0) return STEP_NEXT; /* what is on its way stands behind a Sync, and runs all the same */
    l->uncounted = l->has_baseline = l->waits = false;
    l->n_asked = l->n_by_tag = l->n_group = 0;
    if (!l->is_query || s->terminated) return STEP_NEXT;
    return limit_send_sync(s) ? STEP_NEXT : limit_no_memory(s);
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
    limit_complete_all(s, RUN_LOST);
}
