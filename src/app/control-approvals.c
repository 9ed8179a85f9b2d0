/* Listing, showing and deciding, for `postern approvals`. A person sees what they asked for, or what was
 * asked on their verified behalf, and what they may decide on. */
#include "app/control-approvals.h"
#include "approval/need.h"
#include <stdio.h>

enum { LIST_MOST = 200, PIECE = 2000, CUT = 300 };

struct asked {
    struct desk *desk;
    struct arena *arena;
    struct principal who;
    const struct control_line *line;
    struct buf *out;
};

static void say(struct buf *out, const char *verb, const char *message)
{
    control_line_begin(out, verb);
    if (message) control_line_field(out, "message", bytes_of(message));
    control_line_end(out);
}

static void put_entry(struct asked *a, const struct desk_entry *entry)
{
    const struct desk_request *r = entry->request;
    uint32_t missing = 0;
    for (size_t i = 0; i < r->n_needs; i++)
        missing += entry->standing.missing[i];
    control_line_begin(a->out, "approval");
    control_line_field(a->out, "id", bytes_of(r->id));
    control_line_field(a->out, "state", bytes_of(desk_state_name(entry->standing.state)));
    control_line_field(a->out, "principal", bytes_slice(r->principal.user, 0, CUT));
    if (r->principal.on_behalf_of.n)
        control_line_field(a->out, "on_behalf_of", bytes_slice(r->principal.on_behalf_of, 0, CUT));
    control_line_field(a->out, "connection", bytes_slice(r->connection, 0, CUT));
    control_line_field(a->out, "message", bytes_slice(r->message, 0, CUT));
    control_line_field(a->out, "text", bytes_slice(r->text, 0, CUT));
    control_line_number(a->out, "text_bytes", r->text.n);
    control_line_number(a->out, "asked_us", (uint64_t)r->asked_us);
    control_line_number(a->out, "ends_us", (uint64_t)entry->standing.ends_us);
    control_line_number(a->out, "missing", missing);
    if (r->counted) control_line_number(a->out, "rows", r->rows);
    control_line_end(a->out);
}

/* What may be long, in pieces. */
static void put_piece(struct asked *a, const char *what, struct bytes name, struct bytes text)
{
    do {
        control_line_begin(a->out, "piece");
        control_line_field(a->out, "of", bytes_of(what));
        if (name.n) control_line_field(a->out, "name", bytes_slice(name, 0, CUT));
        control_line_field(a->out, "text", bytes_slice(text, 0, PIECE));
        control_line_end(a->out);
        text = bytes_slice(text, PIECE, text.n);
    } while (text.n);
}

/* "agents/bulk: 2 people of dba; 1 still needed" */
static void put_need(struct asked *a, const struct policy_need *need, uint32_t missing)
{
    struct buf words;
    buf_init(&words, PIECE);
    need_words(need, &words);
    buf_printf(&words, missing ? "; %u still needed" : "; approved", missing);
    put_piece(a, "rule", (struct bytes){ 0 }, buf_bytes(&words));
    buf_free(&words);
}

static void put_details(struct asked *a, const struct desk_entry *entry)
{
    const struct desk_request *r = entry->request;
    char name[32];
    put_piece(a, "text", (struct bytes){ 0 }, r->text);
    for (size_t i = 0; i < r->n_parameters; i++) {
        const struct desk_parameter *p = &r->parameters[i];
        snprintf(name, sizeof name, "$%zu", i + 1);
        put_piece(a,
                  p->is_null  ? "null"
                  : p->text.p ? "parameter"
                              : "unreadable",
                  bytes_of(name),
                  p->is_null  ? (struct bytes){ 0 }
                  : p->text.p ? p->text
                              : BYTES_LITERAL("binary"));
    }
    for (size_t i = 0; i < r->n_needs; i++)
        put_need(a, &r->needs[i], entry->standing.missing[i]);
    put_piece(a, "effects", (struct bytes){ 0 }, r->effects);
    put_piece(a, "search_path", (struct bytes){ 0 }, r->search_path);
    for (size_t i = 0; i < r->n_relations; i++)
        put_piece(a, "relation", r->relations[i].schema, r->relations[i].name);
    for (size_t i = 0; i < r->n_not_undone; i++)
        put_piece(a, "not_undone", (struct bytes){ 0 }, r->not_undone[i]);
    for (size_t i = 0; i < r->n_claims; i++)
        put_piece(a, "claim", r->claims[i].name, r->claims[i].value);
    if (!r->counted) put_piece(a, "not_counted", (struct bytes){ 0 }, r->not_counted);
    for (size_t i = 0; i < entry->standing.n_decisions; i++) {
        const struct desk_decision *d = &entry->standing.decisions[i];
        put_piece(a, d->approve ? "approved" : "denied", d->user, d->reason);
    }
    if (entry->standing.why.n) put_piece(a, "why", (struct bytes){ 0 }, entry->standing.why);
}

static void on_list(struct asked *a)
{
    bool all = bytes_is(control_line_get(a->line, "all"), "yes");
    struct desk_filter filters[2] = { { .decided_by = &a->who }, { .asked_by = &a->who } };
    struct desk_entry *entries;
    size_t n = 0;
    for (int k = 0; k < 2; k++) {
        if (!all) filters[k].states = 1u << DESK_WAITING | 1u << DESK_APPROVED;
        if (!desk_list(a->desk, &filters[k], (struct bytes){ 0 }, LIST_MOST, a->arena, &entries, &n))
            continue;
        for (size_t i = 0; i < n; i++) {
            put_entry(a, &entries[i]);
            desk_entry_release(&entries[i]);
        }
    }
    say(a->out, "ok", NULL);
}

static bool may_see(struct asked *a, struct bytes id)
{
    struct desk_filter filters[2] = { { .decided_by = &a->who }, { .asked_by = &a->who } };
    bool sees = false;
    for (int k = 0; k < 2; k++) {
        struct desk_entry *entries;
        size_t n = 0;
        if (!desk_list(a->desk, &filters[k], (struct bytes){ 0 }, 2 * LIST_MOST, a->arena, &entries, &n))
            continue;
        for (size_t i = 0; i < n; i++) {
            sees |= bytes_equal(bytes_of(entries[i].request->id), id);
            desk_entry_release(&entries[i]);
        }
    }
    return sees;
}

static void on_show(struct asked *a)
{
    struct desk_entry entry;
    struct bytes id = control_line_get(a->line, "id");
    if (!may_see(a, id) || !desk_get(a->desk, id, a->arena, &entry)) {
        say(a->out, "no", "there is no such request that you may see");
        return;
    }
    put_entry(a, &entry);
    put_details(a, &entry);
    desk_entry_release(&entry);
    say(a->out, "ok", NULL);
}

static void on_decide(struct asked *a)
{
    struct bytes approve = control_line_get(a->line, "approve");
    if (!bytes_is(approve, "yes") && !bytes_is(approve, "no")) {
        say(a->out, "error", "decide wants id=ID approve=yes|no");
        return;
    }
    enum desk_decided decided =
        desk_decide(a->desk, control_line_get(a->line, "id"), &a->who, bytes_is(approve, "yes"),
                    control_line_get(a->line, "reason"), BYTES_LITERAL("command line"));
    control_line_begin(a->out, desk_decided_is_good(decided) ? "ok" : "no");
    control_line_field(a->out, "code", bytes_of(desk_decided_code(decided)));
    control_line_field(a->out, "message", bytes_of(desk_decided_sentence(decided)));
    control_line_end(a->out);
}

/* False: it was said why not. */
static bool find_who(struct asked *a, struct identity *identity, const struct clock *clock)
{
    enum identity_refusal refusal = IDENTITY_UNAVAILABLE;
    struct bytes detail, token = control_line_get(a->line, "token");
    enum identity_outcome outcome = identity ? identity_verify_token(identity, token, clock_wall_us(clock),
                                                                     a->arena, &a->who, &refusal, &detail)
                                             : IDENTITY_REFUSED;
    if (outcome == IDENTITY_WAIT) refusal = IDENTITY_UNAVAILABLE;
    if (outcome != IDENTITY_VERIFIED) say(a->out, "no", identity_refusal_sentence(refusal));
    return outcome == IDENTITY_VERIFIED;
}

bool control_approvals(struct desk *desk, struct identity *identity, const struct clock *clock,
                       const struct control_line *line, struct buf *out)
{
    static const struct {
        const char *verb;
        void (*run)(struct asked *a);
    } verbs[] = { { "approvals", on_list }, { "approval", on_show }, { "decide", on_decide } };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!bytes_is(line->verb, verbs[i].verb)) continue;
        struct arena arena;
        arena_init(&arena, 64 * 1024, 64 << 20);
        struct asked a = { .desk = desk, .arena = &arena, .line = line, .out = out };
        if (find_who(&a, identity, clock)) verbs[i].run(&a);
        arena_free(&arena);
        return true;
    }
    return false;
}
