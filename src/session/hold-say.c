/* What a client is told of a statement that waits for people, and what the record holds of it. */
#include "approval/need.h"
#include "base/codec.h"
#include "pgwire/report.h"
#include "session/session-private.h"
#include <stdio.h>

enum { TEXT_SHOWN = 64 * 1024, BODY_CEILING = 256 * 1024 };

static struct bytes link_of(struct session *s, const char *id)
{
    struct bytes url = s->snapshot->admin_url;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    return url.n ? arena_printf(&s->scratch, "%.*s/approvals/%s", BYTES_FMT(url), id) : (struct bytes){ 0 };
}

/* ": https://…/approvals/ID", or nothing. */
static struct bytes behind(struct session *s, const char *id)
{
    struct bytes link = link_of(s, id);
    return link.n ? arena_printf(&s->scratch, ": %.*s", BYTES_FMT(link)) : BYTES_LITERAL("");
}

static void minute(int64_t wall_us, char out[28])
{
    codec_time(wall_us, out);
    snprintf(out + 19, 28 - 19, "Z"); /* to the second */
}

static void say(struct session *s, struct bytes message, struct bytes detail, struct bytes hint, bool record)
{
    struct report report = {
        .severity = "NOTICE", .sqlstate = "00000", .message = message, .detail = detail, .hint = hint
    };
    struct buf body;
    buf_init(&body, 64 * 1024);
    report_put_body(&body, &report);
    if (!body.failed && !s->terminated)
        message_put(&s->client_out, MESSAGE_NOTICE_RESPONSE, buf_bytes(&body));
    if (!body.failed && record) recording_report(s, FRAME_NOTICE, 0, ORIGIN_GATEWAY, buf_bytes(&body), NULL);
    buf_free(&body);
}

static struct bytes rows_of(struct session *s, const struct desk_request *r)
{
    if (!r->counted) return BYTES_LITERAL("");
    return arena_printf(&s->scratch, " It would change %lu row%s; that was tried, and undone.",
                        (unsigned long)r->rows, r->rows == 1 ? "" : "s");
}

/* Several rules, each with its own people: "", where there is one, which the message tells of. */
static struct bytes rules_of(struct session *s, const struct desk_request *r)
{
    struct buf words;
    if (r->n_needs < 2) return BYTES_LITERAL("");
    buf_init(&words, 16 * 1024);
    needs_words(r->needs, r->n_needs, &words);
    struct bytes all =
        arena_printf(&s->scratch, " Each rule wants its own: %.*s.", BYTES_FMT(buf_bytes(&words)));
    buf_free(&words);
    return all;
}

void hold_say_waiting(struct session *s, const struct desk_request *r, bool beats)
{
    char until[28];
    minute(r->expires_us, until);
    struct bytes message =
        beats ? arena_printf(&s->scratch, "still waiting for approval, request %s", r->id)
              : arena_printf(&s->scratch, "waiting for approval: %.*s", BYTES_FMT(r->message));
    struct bytes detail =
        beats ? arena_printf(&s->scratch, "Until %s%.*s.", until, BYTES_FMT(behind(s, r->id)))
              : arena_printf(&s->scratch, "Request %s, until %s%.*s.%.*s%.*s%s%.*s", r->id, until,
                             BYTES_FMT(behind(s, r->id)), BYTES_FMT(rows_of(s, r)), BYTES_FMT(rules_of(s, r)),
                             r->because.n ? " Asked again: " : "", BYTES_FMT(r->because));
    struct bytes hint = beats ? (struct bytes){ 0 }
                              : BYTES_LITERAL("Cancel it to withdraw. With SET postern.on_hold = fail, it is "
                                              "refused at once and may be sent again when it is approved.");
    say(s, message, detail, hint, !beats);
}

void hold_say_progress(struct session *s, const struct desk_entry *entry)
{
    size_t n = entry->standing.n_decisions;
    uint32_t missing = 0;
    struct buf rules;
    buf_init(&rules, 16 * 1024);
    for (size_t i = 0; i < entry->request->n_needs; i++) {
        if (entry->standing.missing[i] > missing) missing = entry->standing.missing[i];
        if (!entry->standing.missing[i]) continue;
        if (buf_length(&rules)) buf_append_text(&rules, "; ");
        need_words(&entry->request->needs[i], &rules);
    }
    struct bytes who = n ? entry->standing.decisions[n - 1].user : (struct bytes){ 0 };
    say(s,
        arena_printf(&s->scratch, "approved by %.*s; %u more approval%s needed, request %s", BYTES_FMT(who),
                     missing, missing == 1 ? " is" : "s are", entry->request->id),
        entry->request->n_needs > 1
            ? arena_printf(&s->scratch, "Still to approve: %.*s.", BYTES_FMT(buf_bytes(&rules)))
            : (struct bytes){ 0 },
        (struct bytes){ 0 }, false);
    buf_free(&rules);
}

static struct bytes detail_of(struct session *s, enum refusal_reason reason, const struct desk_request *r,
                              struct bytes words, struct bytes hint)
{
    const struct policy_need *need = r->n_needs ? &r->needs[0] : NULL;
    size_t n_by = 0;
    for (size_t i = 0; i < r->n_needs; i++)
        n_by += r->needs[i].n_by;
    struct bytes *by = ARENA_ARRAY(&s->scratch, struct bytes, n_by + 1);
    struct detail d = { .reason = reason,
                        .policy = need ? need->policy : (struct bytes){ 0 },
                        .rule = need ? need->rule : (struct bytes){ 0 },
                        .hint = hint,
                        .by = by,
                        .n_by = by ? needs_groups(r->needs, r->n_needs, by) : 0,
                        .request = bytes_of(r->id),
                        .link = link_of(s, r->id),
                        .words = words };
    return detail_text(s, &d, 0);
}

struct refusal *hold_refusal(struct session *s, const struct desk_entry *entry)
{
    const struct desk_standing *is = &entry->standing;
    const struct desk_request *r = entry->request;
    const struct desk_decision *d = is->n_decisions ? &is->decisions[is->n_decisions - 1] : NULL;
    enum refusal_reason reason = REFUSAL_WITHDRAWN;
    struct bytes message =
        arena_printf(&s->scratch, "its request for approval was withdrawn: %.*s", BYTES_FMT(is->why));
    if (is->state == DESK_DENIED && d) {
        reason = REFUSAL_DENIED;
        message = arena_printf(&s->scratch, "approval was denied by %.*s%s%.*s", BYTES_FMT(d->user),
                               d->reason.n ? ": " : "", BYTES_FMT(d->reason));
    } else if (is->state == DESK_EXPIRED) {
        reason = REFUSAL_UNANSWERED;
        message = BYTES_LITERAL("nobody approved this in time");
    }
    struct bytes words = arena_printf(&s->scratch, "Request %s%.*s: %.*s.", r->id,
                                      BYTES_FMT(behind(s, r->id)), BYTES_FMT(r->message));
    return refusal_new(reason, "ERROR", message, detail_of(s, reason, r, words, (struct bytes){ 0 }),
                       (struct bytes){ 0 });
}

struct refusal *hold_refusal_asked(struct session *s, const struct desk_request *r)
{
    char until[28];
    minute(r->expires_us, until);
    struct bytes hint =
        BYTES_LITERAL("Send the same statement again once it is approved; it then runs once.");
    struct bytes words = arena_printf(&s->scratch, "Request %s, until %s%.*s.%.*s", r->id, until,
                                      BYTES_FMT(behind(s, r->id)), BYTES_FMT(rows_of(s, r)));
    return refusal_new(REFUSAL_ASKED, "ERROR", r->message, detail_of(s, REFUSAL_ASKED, r, words, hint), hint);
}

/* ---- the record */

static enum record_outcome put(struct session *s, struct buf *body)
{
    struct bytes parts[] = { buf_bytes(body) };
    enum record_outcome outcome =
        body->failed ? RECORD_FULL : recording_intent(s, FRAME_APPROVAL, 0, parts, 1, NULL);
    buf_free(body);
    return outcome;
}

static struct frame_fields begin(struct buf *body, const char *id, const char *state)
{
    buf_init(body, BODY_CEILING);
    struct frame_fields f = frame_fields_begin(body);
    frame_fields_add_text(&f, "request", id);
    frame_fields_add_text(&f, "state", state);
    return f;
}

static void add_list(struct frame_fields *f, const char *name, const struct bytes *items, size_t n)
{
    struct buf list;
    buf_init(&list, 64 * 1024);
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%.*s", i ? ", " : "", BYTES_FMT(items[i]));
    if (n && !list.failed) frame_fields_add(f, name, buf_bytes(&list));
    buf_free(&list);
}

enum record_outcome hold_record_asked(struct session *s, const struct hold_question *q,
                                      const struct desk_request *r)
{
    struct buf body;
    uint32_t number = 0;
    bool is_inline = false;
    enum record_outcome outcome = recording_text(s, q->u, q->text, true, &number, &is_inline);
    if (outcome != RECORD_OK) return outcome;
    struct frame_fields f = begin(&body, r->id, "asked");
    frame_fields_add_number(&f, "text_number", number);
    if (is_inline) frame_fields_add(&f, "text", bytes_slice(r->text, 0, TEXT_SHOWN));
    frame_fields_add(&f, "message", r->message);
    for (size_t i = 0; i < r->n_needs; i++) {
        struct bytes rule = arena_printf(&s->scratch, "%.*s/%.*s", BYTES_FMT(r->needs[i].policy),
                                         BYTES_FMT(r->needs[i].rule));
        char names[3][24] = { "rule", "by", "approvals" };
        for (int k = 0; i && k < 3; k++)
            snprintf(names[k] + strlen(names[k]), 12, "_%u", (unsigned)i % 100 + 1);
        frame_fields_add(&f, names[0], rule);
        add_list(&f, names[1], r->needs[i].by, r->needs[i].n_by);
        if (r->needs[i].approvals > 1) frame_fields_add_number(&f, names[2], r->needs[i].approvals);
    }
    if (r->counted) frame_fields_add_number(&f, "rows", (int64_t)r->rows);
    if (r->run) frame_fields_add_number(&f, "run", r->run);
    add_list(&f, "not_undone", r->not_undone, r->n_not_undone);
    if (r->replaces.n) frame_fields_add(&f, "replaces", r->replaces);
    if (r->because.n) frame_fields_add(&f, "because", r->because);
    if (r->search_path.n) frame_fields_add(&f, "search_path", r->search_path);
    for (size_t i = 0; i < r->n_parameters && i < 256; i++) {
        const struct desk_parameter *p = &r->parameters[i];
        char name[32];
        snprintf(name, sizeof name, "parameter.%zu", i + 1);
        if (!p->is_null) frame_fields_add(&f, name, bytes_slice(p->text.p ? p->text : p->value, 0, 256));
    }
    char expires[28], digest[2 * DESK_DIGEST + 1];
    codec_time(r->expires_us, expires);
    for (size_t i = 0; i < DESK_DIGEST; i++)
        snprintf(digest + 2 * i, 3, "%02x", r->digest[i]);
    frame_fields_add_text(&f, "expires", expires);
    frame_fields_add_text(&f, "digest", digest);
    frame_fields_add_text(&f, "waits", r->stays ? "no" : "yes");
    return put(s, &body);
}

enum record_outcome hold_record_decision(struct session *s, const struct desk_entry *entry, size_t i)
{
    const struct desk_decision *d = &entry->standing.decisions[i];
    struct buf body;
    char at[28];
    codec_time(d->at_us, at);
    struct frame_fields f = begin(&body, entry->request->id, d->approve ? "approved" : "denied");
    frame_fields_add(&f, "by_user", d->user);
    frame_fields_add(&f, "by_subject", d->subject);
    frame_fields_add(&f, "by_issuer", d->issuer);
    if (d->reason.n) frame_fields_add(&f, "reason", d->reason);
    frame_fields_add(&f, "via", d->via);
    frame_fields_add_text(&f, "at", at);
    return put(s, &body);
}

enum record_outcome hold_record_end(struct session *s, const char *state, const char *why)
{
    struct buf body;
    struct frame_fields f = begin(&body, s->holding->id, state);
    if (why && why[0]) frame_fields_add_text(&f, "why", why);
    return put(s, &body);
}
