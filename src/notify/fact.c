/* From what the desk and the sessions say to facts. What is left out on purpose: texts of statements,
 * parameters, claims of the client, search paths. */
#include "notify/fact.h"
#include "notify/plain.h"
#include "record/frame.h"
#include "sql/facts.h"
#include <stdio.h>
#include <stdlib.h>

enum { RELATIONS_SHOWN = 16 };

static struct bytes text(struct bytes from)
{
    return plain_cut(from, NOTIFY_TEXT);
}

static struct bytes list_end(struct buf *list, struct arena *arena)
{
    struct bytes copy = list->failed ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(list));
    buf_free(list);
    return copy;
}

/* Of all rules that hold it, each group once. */
static struct bytes approvers_of(const struct desk_request *r, struct arena *arena)
{
    struct buf list;
    buf_init(&list, NOTIFY_LIST * 4);
    for (size_t i = 0; i < r->n_needs; i++)
        for (size_t k = 0; k < r->needs[i].n_by && buf_length(&list) < NOTIFY_LIST; k++) {
            struct bytes all = buf_bytes(&list), item, group = text(r->needs[i].by[k]);
            bool there = false;
            while (!there && fact_list_next(&all, &item))
                there = bytes_equal(item, group);
            if (!there) buf_put_cstring(&list, group);
        }
    return list_end(&list, arena);
}

static struct bytes relations_of(const struct desk_request *r, struct arena *arena)
{
    struct buf list;
    buf_init(&list, NOTIFY_LIST * 4);
    for (size_t i = 0; i < r->n_relations && i < RELATIONS_SHOWN && buf_length(&list) < NOTIFY_LIST; i++) {
        buf_append(&list, text(r->relations[i].schema));
        if (r->relations[i].schema.n) buf_append_text(&list, ".");
        buf_put_cstring(&list, text(r->relations[i].name));
    }
    return list_end(&list, arena);
}

static struct bytes link_to(struct bytes url, const char *id, struct arena *arena)
{
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    return url.n ? arena_printf(arena, "%.*s/approvals/%s", BYTES_FMT(url), id) : (struct bytes){ 0 };
}

static struct bytes session_of(uint64_t session, struct arena *arena)
{
    char id[14];
    session_id_format(session, id);
    return arena_copy(arena, bytes_of(id));
}

static void add_principal(struct notify_fact *f, const struct principal *p)
{
    f->principal = text(p->user.n ? p->user : p->subject);
    f->on_behalf_of = text(p->on_behalf_of);
    f->machine = p->machine;
}

/* What happened: "asked", "noted" (an approval that is not the last), or the state that it ended in. */
static const char *word_of(const struct desk_event *event, enum notify_kind *kind_out)
{
    switch (event->kind) {
    case DESK_EVENT_ASKED: *kind_out = NOTIFY_HOLD; return "asked";
    case DESK_EVENT_DECIDED:
        *kind_out = NOTIFY_DECIDED;
        return event->state == DESK_WAITING ? "noted" : desk_state_name(event->state);
    case DESK_EVENT_USED:
    case DESK_EVENT_ENDED: break;
    }
    *kind_out = NOTIFY_ENDED;
    return desk_state_name(event->state);
}

bool fact_of_event(const struct desk_event *event, struct bytes url, struct arena *arena,
                   struct notify_fact *out)
{
    const struct desk_request *r = event->request;
    struct notify_fact f = { .at_us = event->at_us, .count = 1, .counted = r->counted, .rows = r->rows };
    snprintf(f.type, sizeof f.type, "approval.%s", word_of(event, &f.kind));
    f.request = bytes_of(r->id);
    f.state = bytes_of(desk_state_name(event->state));
    f.session = session_of(r->session, arena);
    add_principal(&f, &r->principal);
    f.connection = text(r->connection);
    f.database = text(r->database);
    f.statement = text(r->tags);
    f.message = text(r->message);
    f.replaces = r->replaces;
    f.why = text(event->why.n ? event->why : event->kind == DESK_EVENT_ASKED ? r->because : event->why);
    f.link = link_to(url, r->id, arena);
    f.approvers = approvers_of(r, arena);
    f.relations = relations_of(r, arena);
    if (r->n_needs) {
        f.policy = text(r->needs[0].policy);
        f.rule = text(r->needs[0].rule);
    }
    if (event->state == DESK_WAITING) f.expires_us = r->expires_us;
    if (event->decision) {
        f.decision = bytes_of(event->decision->approve ? "approve" : "deny");
        f.by = text(event->decision->user.n ? event->decision->user : event->decision->subject);
        f.reason = text(event->decision->reason);
    }
    *out = f;
    return f.session.p && (!url.n || f.link.p);
}

bool fact_of_refusal(const struct notify_refusal *refusal, struct arena *arena, struct notify_fact *out)
{
    struct notify_fact f = { .kind = NOTIFY_DENY, .at_us = refusal->at_us, .count = 1 };
    snprintf(f.type, sizeof f.type, "statement.refused");
    f.session = session_of(refusal->session, arena);
    add_principal(&f, refusal->principal);
    f.connection = text(refusal->connection);
    f.database = text(refusal->database);
    f.policy = text(refusal->policy);
    f.rule = text(refusal->rule);
    f.message = text(refusal->message);
    f.code = bytes_of(refusal->code);
    *out = f;
    return f.session.p != NULL;
}

struct notify_fact *fact_copy(const struct notify_fact *fact)
{
    size_t n = sizeof *fact;
#define X(member) n += fact->member.n;
    NOTIFY_TEXTS(X)
    NOTIFY_LISTS(X)
#undef X
    struct notify_fact *copy = malloc(n);
    if (!copy) return NULL;
    uint8_t *at = (uint8_t *)(copy + 1);
    *copy = *fact;
#define X(member)                                                                                            \
    if (fact->member.n) memcpy(at, fact->member.p, fact->member.n);                                          \
    copy->member = bytes_make(at, fact->member.n);                                                           \
    at += fact->member.n;
    NOTIFY_TEXTS(X)
    NOTIFY_LISTS(X)
#undef X
    return copy;
}

bool fact_is_same(const struct notify_fact *a, const struct notify_fact *b)
{
    return a->kind == b->kind && bytes_equal(a->principal, b->principal) &&
           bytes_equal(a->on_behalf_of, b->on_behalf_of) && bytes_equal(a->connection, b->connection) &&
           bytes_equal(a->database, b->database) && bytes_equal(a->code, b->code) &&
           bytes_equal(a->policy, b->policy) && bytes_equal(a->rule, b->rule) &&
           bytes_equal(a->message, b->message);
}

bool fact_list_next(struct bytes *list, struct bytes *item_out)
{
    const uint8_t *end = list->n ? memchr(list->p, 0, list->n) : NULL;
    if (!end) return false;
    *item_out = bytes_slice(*list, 0, (size_t)(end - list->p));
    *list = bytes_slice(*list, item_out->n + 1, list->n);
    return true;
}
