/* The states of a statement that waits for people. What is asked for is told in hold.h. */
#include "session/session-private.h"
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_CHUNK = 4096, ARENA_CEILING = 8 << 20 };

static struct holding *begin(struct session *s)
{
    struct holding *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    arena_init(&h->arena, ARENA_CHUNK, ARENA_CEILING);
    h->beat_due_us = INT64_MAX;
    h->cancelled = s->limiting.again.cancelled;
    h->changed = s->limiting.again.approved[0]; /* it ran by an approval, and came undone */
    memcpy(h->before, s->limiting.again.approved, sizeof h->before);
    h->waiter = s->world->desk_join(s->world, s);
    if (!h->waiter) {
        free(h);
        return NULL;
    }
    return s->holding = h;
}

static void end(struct session *s)
{
    struct holding *h = s->holding;
    if (!h) return;
    s->holding = NULL;
    desk_leave(h->ticket, "It was refused.");
    s->world->desk_leave(s->world, h->waiter);
    arena_free(&h->arena);
    free(h);
}

void hold_drop(struct session *s, const char *why)
{
    struct holding *h = s->holding;
    if (!h) return;
    if (h->ticket) {
        bool waits = desk_ticket_state(h->ticket) <= DESK_APPROVED;
        desk_leave(h->ticket, why);
        h->ticket = NULL;
        if (h->recorded && waits && !h->stays && hold_record_end(s, "withdrawn", why) != RECORD_OK)
            s->waits_for_room = false; /* whoever leaves does not wait for room */
    }
    end(s);
}

bool hold_keeps_client(const struct session *s)
{
    const struct holding *h = s->holding;
    return h->phase == HOLD_SETTLES ? s->pendings.n > 0 : h->phase != HOLD_AT_REST;
}

bool session_watches_client(const struct session *s)
{
    return s->phase == PHASE_READY && ((s->holding && hold_keeps_client(s)) || limit_is_again(s));
}

bool hold_send_sync(struct session *s)
{
    struct pending *p = pending_push(&s->pendings, PENDING_SYNC);
    if (!p) return false;
    p->injected = true;
    s->n_syncs++;
    s->batch = BATCH_NONE;
    limit_on_sync(s);
    message_put(&s->server_out, MESSAGE_SYNC, (struct bytes){ 0 });
    return true;
}

/* ---- outcomes */

static enum hold_answer refuse(struct session *s, struct refusal *refusal, struct refusal **refusal_out)
{
    end(s);
    *refusal_out = refusal;
    if (refusal) return HOLD_REFUSED;
    session_drop(s, "out of memory");
    return HOLD_WAITING;
}

static enum hold_answer refuse_text(struct session *s, enum refusal_reason reason, struct bytes says,
                                    const char *hint, struct refusal **refusal_out)
{
    struct bytes copy = arena_copy(&s->scratch, says);
    struct bytes detail = detail_words(s, reason, (struct bytes){ 0 }, bytes_of(hint), s->last_run);
    return refuse(s, refusal_new(reason, "ERROR", copy, detail, bytes_of(hint)), refusal_out);
}

static enum hold_answer wait_in(struct holding *h, enum hold_phase phase)
{
    h->phase = phase;
    return HOLD_WAITING;
}

static enum hold_answer no_memory(struct session *s)
{
    session_drop(s, "out of memory");
    return HOLD_WAITING;
}

/* ---- where it stands */

static bool all_wait_within(const struct hold_question *q)
{
    for (size_t i = 0; i < q->u->verdict.n_needs; i++)
        if (!q->u->verdict.needs[i].in_transaction_us) return false;
    return true;
}

enum place { PLACE_REFUSED = 0, PLACE_SETTLES, PLACE_GOOD };
static enum place find_place(struct session *s, const struct hold_question *q, enum hold_answer *answer_out,
                             struct refusal **refusal_out)
{
    struct holding *h = s->holding;
    if (s->pendings.n && view_drains(s)) return PLACE_SETTLES;
    if (s->batch == BATCH_PREPARED && !frontend_copies(s)) {
        if (hold_send_sync(s)) return PLACE_SETTLES;
        *answer_out = no_memory(s);
        return PLACE_REFUSED;
    }
    h->within = s->pendings.n > 0 || s->batch != BATCH_NONE || s->status != 'I';
    if (!h->within) return PLACE_GOOD;
    if (s->status == 'E')
        *answer_out =
            refuse_text(s, REFUSAL_APPROVAL,
                        BYTES_LITERAL("current transaction is aborted: nothing can be approved in it"),
                        "Send ROLLBACK first.", refusal_out);
    else if (frontend_copies(s) || !all_wait_within(q))
        *answer_out = refuse_text(s, REFUSAL_APPROVAL,
                                  arena_printf(&s->scratch, "%.*s, and does not wait in an open transaction",
                                               BYTES_FMT(q->u->verdict.message)),
                                  "Send it by itself, outside of a transaction and of a pipeline: locks "
                                  "would be held while people decide.",
                                  refusal_out);
    else
        return PLACE_GOOD;
    return PLACE_REFUSED;
}

/* ---- asking and using */

/* Those that are not in the session's record yet. */
static enum record_outcome record_decisions(struct session *s, const struct desk_entry *entry)
{
    struct holding *h = s->holding;
    while (h->n_decisions < entry->standing.n_decisions) {
        enum record_outcome outcome = hold_record_decision(s, entry, h->n_decisions);
        if (outcome != RECORD_OK) return outcome;
        h->n_decisions++;
    }
    return RECORD_OK;
}

static enum hold_answer to_refusal(struct session *s, struct refusal **refusal_out)
{
    struct holding *h = s->holding;
    struct desk_entry entry;
    enum desk_stored stored;
    if (!desk_look(h->ticket, &s->scratch, &entry, &stored)) return no_memory(s);
    struct refusal *refusal = hold_refusal(s, &entry);
    enum record_outcome outcome = RECORD_OK;
    if (refusal) outcome = record_decisions(s, &entry);
    if (outcome == RECORD_OK && refusal && entry.standing.n_decisions == 0)
        outcome =
            hold_record_end(s, desk_state_name(entry.standing.state), (const char *)entry.standing.why.p);
    desk_entry_release(&entry);
    if (outcome == RECORD_WAIT) {
        free(refusal);
        return HOLD_WAITING;
    }
    desk_leave(h->ticket, "");
    h->ticket = NULL;
    return refuse(s, refusal, refusal_out);
}

static enum hold_answer grant(struct session *s)
{
    struct holding *h = s->holding;
    enum record_outcome outcome = hold_record_end(s, "used", NULL);
    if (outcome == RECORD_WAIT) return HOLD_WAITING;
    if (outcome == RECORD_FULL) {
        /* It is used up, and does not run: what is not recorded does not. */
        struct refusal *none;
        desk_leave(h->ticket, "");
        h->ticket = NULL;
        enum hold_answer answer = refuse_text(
            s, REFUSAL_RECORD, BYTES_LITERAL("its approval cannot be recorded, so it does not run"),
            "The gateway's log has no room; tell its operator.", &none);
        free(none);
        return answer;
    }
    desk_leave(h->ticket, "");
    h->ticket = NULL;
    h->granted = true;
    if (s->limiting.again.replaying) memcpy(s->limiting.again.approved, h->id, sizeof h->id);
    h->phase = HOLD_AT_REST;
    return HOLD_GRANTED;
}

void hold_done(struct session *s)
{
    end(s);
}

/* It is approved, and what was looked at is of now. */
static enum hold_answer use(struct session *s, const struct desk_request *r)
{
    struct holding *h = s->holding;
    struct desk_entry entry;
    enum desk_stored stored;
    if (!desk_look(h->ticket, &s->scratch, &entry, &stored)) return no_memory(s);
    bool fits = memcmp(entry.request->digest, r->digest, DESK_DIGEST) == 0 &&
                (!r->counted || r->rows <= entry.request->rows);
    enum record_outcome outcome = RECORD_OK;
    if (fits) outcome = record_decisions(s, &entry);
    bool stays = entry.request->stays;
    desk_entry_release(&entry);
    if (outcome == RECORD_WAIT) return HOLD_WAITING;
    if (fits && outcome == RECORD_OK && desk_use(h->ticket)) {
        if (stays) return wait_in(h, HOLD_USES);
        return grant(s);
    }
    snprintf(h->before, sizeof h->before, "%s", desk_ticket_id(h->ticket));
    desk_void(h->ticket, "What was approved has changed since.");
    h->ticket = NULL;
    h->changed = true;
    h->recorded = false;
    h->n_decisions = 0;
    return HOLD_REFUSED; /* and asked anew */
}

static enum hold_answer ask(struct session *s, struct desk_request *r, struct refusal **refusal_out)
{
    struct holding *h = s->holding;
    const char *says = "";
    enum desk_asked asked = desk_ask(s->world->desk, r, h->waiter, &h->ticket, &says);
    if (asked == DESK_ASK_FULL || asked == DESK_ASK_FAILED)
        return refuse_text(
            s, REFUSAL_APPROVAL,
            arena_printf(&s->scratch, "%.*s, and cannot be asked for: %s", BYTES_FMT(r->message), says),
            "Try again later.", refusal_out);
    snprintf(h->id, sizeof h->id, "%s", desk_ticket_id(h->ticket));
    memcpy(r->id, h->id, sizeof h->id);
    memcpy(h->digest, r->digest, sizeof h->digest);
    h->stays = r->stays;
    h->beat_due_us = session_now(s) + s->snapshot->hold_beat_us;
    if (s->snapshot->hold_beat_us <= 0) h->beat_due_us = INT64_MAX;
    return wait_in(h, r->stays ? HOLD_STORES : HOLD_WAITS);
}

/* The question is in the record before anybody waits for its answer. */
static enum hold_answer ask_and_record(struct session *s, const struct hold_question *q,
                                       struct desk_request *r, struct refusal **refusal_out)
{
    struct holding *h = s->holding;
    if (!h->ticket) {
        enum hold_answer answer = ask(s, r, refusal_out);
        if (!s->holding || !s->holding->ticket) return answer;
    }
    memcpy(r->id, h->id, sizeof h->id);
    enum record_outcome outcome = hold_record_asked(s, q, r);
    if (outcome == RECORD_WAIT) return wait_in(h, HOLD_AT_REST);
    if (outcome == RECORD_FULL) {
        desk_void(h->ticket, "It could not be recorded.");
        h->ticket = NULL;
        return refuse_text(s, REFUSAL_RECORD,
                           BYTES_LITERAL("this statement cannot be recorded, so it does not run"),
                           "The gateway's log has no room; tell its operator.", refusal_out);
    }
    h->recorded = true;
    session_counts_add(&s->world->counts.held);
    h->phase = h->stays ? HOLD_STORES : HOLD_WAITS;
    if (!h->stays) hold_say_waiting(s, r, false);
    /* It may have been decided meanwhile. */
    session_on_desk(s);
    return HOLD_WAITING;
}

/* One that was asked for before, by this session or another of the same principal, and stays. */
static enum hold_answer find(struct session *s, const struct desk_request *r, struct refusal **refusal_out)
{
    struct holding *h = s->holding;
    h->ticket = desk_find(s->world->desk, r->digest, r->counted, r->rows, h->waiter);
    if (!h->ticket) return HOLD_REFUSED;
    snprintf(h->id, sizeof h->id, "%s", desk_ticket_id(h->ticket));
    h->stays = h->recorded = true;
    switch (desk_ticket_state(h->ticket)) {
    case DESK_APPROVED: return use(s, r);
    case DESK_DENIED: return to_refusal(s, refusal_out);
    case DESK_WAITING:
        if (s->fails_on_hold) {
            struct desk_request again = *r;
            memcpy(again.id, h->id, sizeof again.id);
            struct refusal *refusal = hold_refusal_asked(s, &again);
            desk_leave(h->ticket, "");
            h->ticket = NULL;
            return refuse(s, refusal, refusal_out);
        }
        break;
    case DESK_USED:
    case DESK_LAPSED:
    case DESK_EXPIRED:
    case DESK_WITHDRAWN:
    case DESK_N_STATES: break;
    }
    desk_leave(h->ticket, "");
    h->ticket = NULL;
    h->recorded = h->stays = false;
    return HOLD_REFUSED;
}

static enum hold_answer settle(struct session *s, const struct hold_question *q, struct desk_request *r,
                               struct refusal **refusal_out)
{
    struct holding *h = s->holding;
    if (h->ticket && h->recorded) {
        enum hold_answer answer = use(s, r);
        if (answer != HOLD_REFUSED || *refusal_out || !s->holding || h->ticket) return answer;
    } else if (!h->ticket) {
        enum hold_answer answer = find(s, r, refusal_out);
        if (!s->holding || *refusal_out || h->ticket) return answer;
    }
    if (!hold_request(s, q, &s->scratch, r)) return no_memory(s); /* what it replaces is known by now */
    return ask_and_record(s, q, r, refusal_out);
}

/* What people or the desk have answered. False: nothing that ends it. */
static bool is_over(struct session *s, enum hold_answer *answer_out, struct refusal **refusal_out)
{
    struct holding *h = s->holding;
    if (h->cancelled) {
        struct refusal *refusal = refusal_new(
            REFUSAL_WITHDRAWN, "ERROR", BYTES_LITERAL("canceling statement due to user request"),
            h->id[0] ? arena_printf(&s->scratch, "Request %s was withdrawn.", h->id) : (struct bytes){ 0 },
            (struct bytes){ 0 });
        hold_drop(s, "The client cancelled it.");
        *answer_out = refuse(s, refusal, refusal_out);
        return true;
    }
    if (h->lost) {
        desk_void(h->ticket, "It could not be kept.");
        h->ticket = NULL;
        *answer_out =
            refuse_text(s, REFUSAL_APPROVAL, BYTES_LITERAL("its approval cannot be kept, so it does not run"),
                        "Tell the gateway's operator.", refusal_out);
        return true;
    }
    if (h->used) {
        *answer_out = grant(s);
        return true;
    }
    if (!h->ticket || !h->recorded) return false;
    enum desk_state state = desk_ticket_state(h->ticket);
    if (state == DESK_WAITING || state == DESK_APPROVED) return false;
    *answer_out = to_refusal(s, refusal_out);
    return true;
}

/* A request that stays is kept: its client may go. */
static enum hold_answer tell_asked(struct session *s, const struct hold_question *q,
                                   struct refusal **refusal_out)
{
    struct desk_request r;
    struct holding *h = s->holding;
    if (!hold_request(s, q, &s->scratch, &r)) return no_memory(s);
    memcpy(r.id, h->id, sizeof h->id);
    struct refusal *refusal = hold_refusal_asked(s, &r);
    desk_leave(h->ticket, "");
    h->ticket = NULL;
    return refuse(s, refusal, refusal_out);
}

enum hold_answer hold_ask(struct session *s, const struct hold_question *q, struct refusal **refusal_out)
{
    struct holding *h = s->holding;
    enum hold_answer answer = HOLD_REFUSED;
    struct desk_request r;
    bool asked;
    *refusal_out = NULL;
    if (!s->world->desk) return HOLD_REFUSED;
    if (!h && !(h = begin(s))) return no_memory(s);
    if (h->granted) return HOLD_GRANTED;
    if (is_over(s, &answer, refusal_out)) return answer;
    if (h->stored) return tell_asked(s, q, refusal_out);
    if (!h->looked) {
        switch (find_place(s, q, &answer, refusal_out)) {
        case PLACE_REFUSED: return answer;
        case PLACE_SETTLES: return wait_in(h, HOLD_SETTLES);
        case PLACE_GOOD: break;
        }
        if (!hold_look(s, q, &asked)) return no_memory(s);
        if (asked) return wait_in(h, HOLD_LOOKS);
        h->looked = true;
    }
    if (h->failed[0])
        return refuse_text(s, REFUSAL_CATALOGUE,
                           arena_printf(&s->scratch, "this cannot be asked for approval: %s", h->failed),
                           "Try again; if it goes on, tell the gateway's operator.", refusal_out);
    if (!hold_request(s, q, &s->scratch, &r)) return no_memory(s);
    return settle(s, q, &r, refusal_out);
}

/* ---- from outside */

void session_on_desk(struct session *s)
{
    struct holding *h = s->holding;
    struct desk_entry entry;
    enum desk_stored stored;
    if (!h || !h->ticket || s->phase != PHASE_READY) return;
    if (h->phase != HOLD_STORES && h->phase != HOLD_WAITS && h->phase != HOLD_USES) return;
    if (!desk_look(h->ticket, &h->arena, &entry, &stored)) {
        session_drop(s, "out of memory");
        return;
    }
    bool decided = entry.standing.state != DESK_WAITING;
    if (stored == DESK_STORE_FAILED && h->phase != HOLD_WAITS) {
        h->lost = true;
        h->phase = HOLD_AT_REST;
    } else if (h->phase == HOLD_STORES && stored == DESK_STORE_DONE) {
        h->stored = true;
        h->phase = HOLD_AT_REST;
    } else if (h->phase == HOLD_USES && stored == DESK_STORE_DONE) {
        h->used = true;
        h->phase = HOLD_AT_REST;
    } else if (h->phase == HOLD_WAITS && decided) {
        /* What is approved is judged anew, in the view of now. */
        if (s->parsed) understood_unpin(s->world->cache, s->parsed);
        s->parsed = NULL;
        h->looked = false;
        h->phase = HOLD_AT_REST;
    } else if (h->phase == HOLD_WAITS && entry.standing.n_decisions > h->n_told) {
        h->n_told = (uint32_t)entry.standing.n_decisions;
        hold_say_progress(s, &entry);
    }
    desk_entry_release(&entry);
}

void hold_on_cancel(struct session *s)
{
    struct holding *h = s->holding;
    if (!h || h->phase == HOLD_AT_REST) return;
    h->cancelled = true;
    /* What the server or the desk's file is asked is over in a moment. */
    if (h->phase == HOLD_WAITS) h->phase = HOLD_AT_REST;
}

int64_t hold_due_us(const struct session *s)
{
    return s->holding && s->holding->phase == HOLD_WAITS ? s->holding->beat_due_us : INT64_MAX;
}

/* The client hears that it waits, and the server, whose time-outs for idle sessions begin anew, that we are
 * there.
 */
void hold_on_time(struct session *s, int64_t now_us)
{
    struct holding *h = s->holding;
    struct desk_entry entry;
    enum desk_stored stored;
    if (!h || h->phase != HOLD_WAITS || now_us < h->beat_due_us) return;
    h->beat_due_us = now_us + s->snapshot->hold_beat_us;
    session_on_desk(s); /* it may have expired */
    if (h->phase != HOLD_WAITS) return;
    if (desk_look(h->ticket, &s->scratch, &entry, &stored)) {
        hold_say_waiting(s, entry.request, true);
        desk_entry_release(&entry);
    }
    if (s->batch == BATCH_NONE && s->pendings.n == 0 && !hold_send_sync(s)) session_drop(s, "out of memory");
}
