/* What the client hears where a statement fails: our refusal where we made the error, the words of a limit
 * that was met, the server's own otherwise; and what is not run behind it. */
#include "pgwire/report.h"
#include "session/backend.h"
#include <stdlib.h>

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
        backend_pop(s);
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

void backend_say_overrun(struct session *s)
{
    struct refusal *refusal = overrun_refusal(s, pending_head(&s->pendings));
    if (!refusal) {
        session_drop(s, "out of memory");
        return;
    }
    refused_tell_of(s, refusal);
    recording_report(s, FRAME_ERROR, pending_head(&s->pendings)->run, ORIGIN_GATEWAY, refusal_body(refusal),
                     NULL);
    backend_deliver_error(s, refusal_body(refusal));
    free(refusal);
}

/* The cancel request came too late, but nothing is committed yet. */
enum step backend_undo_overrun(struct session *s, struct pending *p, struct bytes tag)
{
    struct refusal *refusal = overrun_refusal(s, p);
    uint32_t run = p->run;
    recording_complete(s, p, RUN_UNDONE, tag);
    p->run = 0;
    return limit_trip(s, refusal, run);
}

bool backend_is_fatal(struct bytes body)
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
    struct bytes text = p->text_kept ? p->text_kept->text : u->text;
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
        backend_deliver_error(s, refusal_body(p->refusal));
    } else if (p->overrun) {
        backend_say_overrun(s);
    } else if (s->timed_out && cancelled) {
        struct bytes hint = BYTES_LITERAL("Ask for less at a time.");
        struct refusal *refusal = refusal_new(
            REFUSAL_TIME, "ERROR", BYTES_LITERAL("the statement took longer than the policy allows"),
            detail_words(s, REFUSAL_TIME, (struct bytes){ 0 }, hint, p->run), hint);
        if (!refusal) return;
        refused_tell_of(s, refusal);
        recording_report(s, FRAME_ERROR, p->run, ORIGIN_GATEWAY, refusal_body(refusal), NULL);
        backend_deliver_error(s, refusal_body(refusal));
        free(refusal);
    } else {
        body = veil_error(s, p, place_back(s, p, body));
        recording_report(s, FRAME_ERROR, p->run, ORIGIN_SERVER, body, p->understood);
        backend_deliver_error(s, body);
    }
}

enum step backend_on_error(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!report_check(m->body))
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a malformed error");
    if (backend_is_fatal(m->body)) {
        struct bytes body = veil_error(s, p, m->body);
        recording_report(s, FRAME_ERROR, p ? p->run : s->last_run, ORIGIN_SERVER, body,
                         p ? p->understood : NULL);
        backend_deliver_error(s, body);
        s->server_fatal = true;
        return STEP_NEXT;
    }
    if (!p) return backend_unexpected(s, m);
    s->copy_in = false;
    if (s->aborting) {
        p->failed = true;
        return STEP_NEXT;
    }
    if (p->kind == PENDING_SYNC) { /* the commit itself failed */
        struct bytes body = veil_error(s, NULL, m->body);
        recording_report(s, FRAME_ERROR, s->last_run, ORIGIN_SERVER, body, NULL);
        backend_deliver_error(s, body);
        return STEP_NEXT;
    }
    if (p->failed) return backend_unexpected(s, m);
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
