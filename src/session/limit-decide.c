/* What was changed is counted: it goes on, or is undone, and the client is told by which limit. */
#include "pgwire/report.h"
#include "session/limit-private.h"
#include <stdlib.h>

void limit_complete_all(struct session *s, int how)
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

void limit_give_back(struct session *s)
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
    return limit_send_close(s, true) && limit_send_close(s, false) && limit_send_sync(s) ? STEP_NEXT
                                                                                         : limit_no_memory(s);
}

static bool send_poison(struct session *s, struct refusal *refusal)
{
    if (statement_poison(s, CARRIER_PARSE, BYTES_LITERAL("postern"), refusal, 0, NULL, 0) != STEP_NEXT)
        return false;
    pending_at(&s->pendings, s->pendings.n - 1)->injected = true;
    return !s->limiting.is_query || limit_send_sync(s);
}

/* Everything since the transaction began is undone: by poison, since no Sync was sent. */
enum step limit_trip(struct session *s, struct refusal *refusal, uint32_t run)
{
    struct limiting *l = &s->limiting;
    if (!refusal) return limit_no_memory(s);
    refused_tell_of(s, refusal);
    recording_report(s, FRAME_ERROR, run, ORIGIN_GATEWAY, refusal_body(refusal), NULL);
    limit_complete_all(s, RUN_UNDONE);
    if (!s->terminated) message_put(&s->client_out, MESSAGE_ERROR_RESPONSE, refusal_body(refusal));
    buf_consume(&l->held, buf_length(&l->held));
    l->holding = l->uncounted = l->has_baseline = l->had_baseline = l->waits = false;
    l->n_asked = l->n_by_tag = l->n_group = 0;
    l->tripped = s->swallowing = s->skipping = true;
    limit_forget_by(s);
    limit_forget_messages(s);
    /* Terminate without a Sync undoes it as well. */
    l->poison_due = !s->terminated && s->client_piece && s->client_piece_forward;
    if (!s->terminated && !l->poison_due) return send_poison(s, refusal) ? STEP_NEXT : limit_no_memory(s);
    free(refusal);
    return STEP_NEXT;
}

enum step limit_trip_for(struct session *s, enum refusal_reason reason, struct bytes says,
                         struct bytes detail, struct bytes hint)
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
    return limit_trip_for(s, d.reason, says, tell(s, "Limit", &d), d.hint);
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
    if (!refusal) return limit_no_memory(s);
    l->again.rows = n;
    l->again.run = l->ran[0].run;
    l->again.at = 0;
    l->again.undoing = true;
    l->again.granted = l->again.complete = false;
    limit_complete_all(s, RUN_UNDONE);
    buf_consume(&l->held, buf_length(&l->held));
    l->holding = l->uncounted = l->has_baseline = l->had_baseline = l->waits = l->is_query = false;
    l->n_asked = l->n_by_tag = l->n_group = 0;
    l->tripped = s->swallowing = true;
    limit_forget_by(s);
    if (!send_poison(s, refusal) || !hold_send_sync(s)) return limit_no_memory(s);
    return STEP_NEXT;
}

static enum step trip_held(struct session *s, uint64_t n)
{
    if (may_come_again(s)) return undo_for_approval(s, n);
    const struct policy_verdict *v = &s->limiting.by_hold->verdict;
    struct detail d = { REFUSAL_APPROVAL, v->held.policy, v->held.rule, v->held.hint, v->by, v->n_by };
    return limit_trip_for(s, d.reason, v->held.message, tell(s, "Rule", &d), d.hint);
}

static enum step trip_budget(struct session *s)
{
    struct bytes words = BYTES_LITERAL("All that this statement did was undone."), hint = budget_hint(s);
    return limit_trip_for(s, REFUSAL_BUDGET, budget_says(s, BUDGET_AFFECTED),
                          detail_words(s, REFUSAL_BUDGET, words, hint, s->limiting.run), hint);
}

enum step limit_check(struct session *s, uint64_t n, bool is_all, bool *over_out)
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

enum step limit_decide(struct session *s, uint64_t n)
{
    struct limiting *l = &s->limiting;
    bool over;
    enum step step = limit_check(s, n, true, &over);
    if (over || step != STEP_NEXT) return step;
    if (!budget_take(s, BUDGET_AFFECTED, n)) return trip_budget(s);
    l->affected += n;
    if (l->by_hold) l->affected_held += n;
    limit_complete_all(s, LIMIT_AS_IT_ENDED);
    limit_give_back(s);
    limit_forget_by(s);
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
    return limit_trip_for(
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
    return limit_decide(s, beside > l->by_tags ? beside : l->by_tags);
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
    limit_complete_all(s, RUN_UNDONE);
    buf_consume(&l->held, buf_length(&l->held));
    l->holding = false;
    free(refusal);
}
