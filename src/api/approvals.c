/* /v1/approvals: what waits for people, and deciding. Who may decide is the desk's to say. */
#include "api/handlers.h"
#include "api/private.h"
#include "api/write.h"
#include "approval/desk.h"
#include "base/codec.h"
#include "pgwire/typeout.h"
#include <errno.h>

enum { LIMIT = 50, MOST = 200, REASON_MOST = 1000, ARENA_CEILING = 256 << 20 };

static bool is_overseer(const struct api_call *call)
{
    return api_has_role(call, API_APPROVER) || api_has_role(call, API_AUDITOR) ||
           api_has_role(call, API_ADMIN);
}

/* ---- writing one */

static void write_effects(struct json_writer *w, const char *name, uint32_t effects)
{
    json_write_name(w, name);
    json_write_array(w);
    for (unsigned i = 0; i < SQL_N_EFFECTS; i++)
        if (effects & 1U << i) json_write_text(w, bytes_of(sql_effect_name(1U << i)));
    json_write_end(w);
}

static void write_parameters(struct json_writer *w, const struct desk_request *r)
{
    json_write_name(w, "parameters");
    json_write_array(w);
    for (size_t i = 0; i < r->n_parameters; i++) {
        const struct desk_parameter *p = &r->parameters[i];
        const char *type = typeout_name(p->type);
        json_write_object(w);
        json_write_name(w, "value");
        if (p->is_null || !p->text.p)
            json_write_null(w);
        else
            json_write_text(w, p->text);
        if (p->type) json_write_int_member(w, "oid", p->type);
        if (type) json_write_text_member(w, "type", bytes_of(type));
        json_write_bool_member(w, "binary", p->is_binary);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_relations(struct json_writer *w, const struct desk_request *r)
{
    struct buf name;
    buf_init(&name, 4096);
    json_write_name(w, "relations");
    json_write_array(w);
    for (size_t i = 0; i < r->n_relations; i++) {
        const struct desk_relation *one = &r->relations[i];
        buf_append(&name, one->schema);
        if (one->schema.n) buf_put_u8(&name, '.');
        buf_append(&name, one->name);
        json_write_object(w);
        json_write_text_member(w, "name", buf_bytes(&name));
        write_effects(w, "access", one->access);
        json_write_bool_member(w, "through", one->through);
        json_write_bool_member(w, "whereless", one->whereless);
        json_write_end(w);
        buf_consume(&name, buf_length(&name));
    }
    json_write_end(w);
    buf_free(&name);
}

static void write_who(struct json_writer *w, const struct desk_request *r)
{
    const struct principal *p = &r->principal;
    json_write_text_member(w, "principal", p->user);
    json_write_text_member(w, "subject", p->subject);
    json_write_text_member(w, "issuer", p->issuer);
    api_write_texts(w, "groups", p->groups, p->n_groups);
    json_write_bool_member(w, "machine", p->machine);
    api_write_maybe(w, "on_behalf_of", p->on_behalf_of);
    json_write_name(w, "claimed");
    json_write_object(w);
    for (size_t i = 0; i < r->n_claims; i++) {
        json_write_name_bytes(w, r->claims[i].name);
        json_write_text(w, r->claims[i].value);
    }
    json_write_end(w);
}

/* What it does, and where. */
static void write_what(struct json_writer *w, const struct desk_request *r)
{
    static const char *const wheres[] = { [SQL_WHERE_NONE] = NULL,
                                          [SQL_WHERE_PRESENT] = "present",
                                          [SQL_WHERE_TRIVIAL] = "trivial",
                                          [SQL_WHERE_MISSING] = "missing" };
    json_write_text_member(w, "connection", r->connection);
    json_write_text_member(w, "database", r->database);
    json_write_text_member(w, "login", r->login);
    json_write_text_member(w, "search_path", r->search_path);
    json_write_text_member(w, "sql", r->text);
    if (r->beside.n) json_write_text_member(w, "beside", r->beside);
    write_parameters(w, r);
    api_write_list(w, "tags", r->tags);
    api_write_list(w, "effects", r->effects);
    write_relations(w, r);
    api_write_maybe(w, "where", bytes_of(wheres[r->where]));
    if (r->counted) api_write_uint(w, "counted_rows", r->rows);
    if (!r->counted) api_write_maybe(w, "not_counted", r->not_counted);
    api_write_texts(w, "not_undone", r->not_undone, r->n_not_undone);
}

static void write_rules(struct json_writer *w, const struct desk_entry *e)
{
    const struct desk_request *r = e->request;
    json_write_name(w, "rules");
    json_write_array(w);
    for (size_t i = 0; i < r->n_needs; i++) {
        const struct policy_need *need = &r->needs[i];
        json_write_object(w);
        json_write_text_member(w, "policy", need->policy);
        json_write_text_member(w, "rule", need->rule);
        api_write_texts(w, "by", need->by, need->n_by);
        json_write_int_member(w, "approvals", need->approvals);
        json_write_int_member(w, "missing", e->standing.missing[i]);
        json_write_bool_member(w, "reason_required", need->reason);
        json_write_end(w);
    }
    json_write_end(w);
}

/* Several rules may hold one statement: here the groups are those of all, the numbers the largest. */
static void write_needs(struct json_writer *w, const struct desk_request *r)
{
    uint32_t approvals = 0;
    bool reason = false;
    json_write_text_member(w, "policy", r->n_needs ? r->needs[0].policy : (struct bytes){ 0 });
    json_write_text_member(w, "rule", r->n_needs ? r->needs[0].rule : (struct bytes){ 0 });
    json_write_text_member(w, "message", r->message);
    json_write_name(w, "by");
    json_write_array(w);
    for (size_t i = 0; i < r->n_needs; i++) {
        if (r->needs[i].approvals > approvals) approvals = r->needs[i].approvals;
        reason |= r->needs[i].reason;
        for (size_t k = 0; k < r->needs[i].n_by; k++) {
            bool known = false;
            for (size_t j = 0; j < i && !known; j++)
                for (size_t l = 0; l < r->needs[j].n_by && !known; l++)
                    known = bytes_equal(r->needs[j].by[l], r->needs[i].by[k]);
            if (!known) json_write_text(w, r->needs[i].by[k]);
        }
    }
    json_write_end(w);
    json_write_int_member(w, "approvals_needed", approvals);
    json_write_bool_member(w, "reason_required", reason);
}

static void write_standing(struct json_writer *w, const struct desk_entry *e)
{
    const struct desk_standing *s = &e->standing;
    json_write_time_member(w, "created", e->request->asked_us);
    json_write_time_member(w, "expires", s->ends_us ? s->ends_us : e->request->expires_us);
    json_write_time_member(w, "since", s->since_us);
    api_write_maybe(w, "why", s->why);
    api_write_maybe(w, "replaces", e->request->replaces);
    api_write_maybe(w, "because", e->request->because);
    json_write_name(w, "decisions");
    json_write_array(w);
    for (size_t i = 0; i < s->n_decisions; i++) {
        json_write_object(w);
        json_write_text_member(w, "who", s->decisions[i].user);
        json_write_bool_member(w, "approve", s->decisions[i].approve);
        api_write_maybe(w, "reason", s->decisions[i].reason);
        json_write_time_member(w, "time", s->decisions[i].at_us);
        json_write_end(w);
    }
    json_write_end(w);
}

void api_write_approval(struct json_writer *w, const struct api_call *call, const struct desk_entry *e)
{
    const struct desk_request *r = e->request;
    struct buf digest;
    buf_init(&digest, 128);
    codec_hex(bytes_make(r->digest, DESK_DIGEST), &digest);
    json_write_object(w);
    json_write_text_member(w, "id", bytes_of(r->id));
    json_write_text_member(w, "state", bytes_of(desk_state_name(e->standing.state)));
    api_write_session_id(w, "session", r->session);
    if (r->run) json_write_int_member(w, "run", r->run);
    write_who(w, r);
    write_what(w, r);
    write_needs(w, r);
    write_rules(w, e);
    write_standing(w, e);
    json_write_text_member(w, "digest", buf_bytes(&digest));
    enum desk_decided may = desk_may_decide(call->options->desk, bytes_of(r->id), &call->principal);
    json_write_bool_member(w, "can_decide", desk_decided_is_good(may));
    if (!desk_decided_is_good(may)) json_write_text_member(w, "cannot", bytes_of(desk_decided_sentence(may)));
    json_write_end(w);
    buf_free(&digest);
}

/* ---- lists */

/* Whether the caller may know of it: it is their own or asked on their behalf, or theirs to decide, or they
 * oversee all. */
bool api_may_see_approval(const struct api_call *call, const struct desk_entry *e)
{
    if (is_overseer(call)) return true;
    const struct principal *asked = &e->request->principal, *p = &call->principal;
    bool mine = bytes_equal(asked->issuer, p->issuer) &&
                (bytes_equal(asked->subject, p->subject) ||
                 (asked->on_behalf_of.n && (bytes_equal(asked->on_behalf_of, p->subject) ||
                                            bytes_equal(asked->on_behalf_of, p->user))));
    for (size_t i = 0; i < e->standing.n_decisions && !mine; i++)
        mine = bytes_equal(e->standing.decisions[i].issuer, p->issuer) &&
               bytes_equal(e->standing.decisions[i].subject, p->subject);
    /* Whoever is in the groups, whatever else stops them from deciding. */
    for (size_t i = 0; i < e->request->n_needs && !mine && !p->machine; i++)
        for (size_t k = 0; k < e->request->needs[i].n_by && !mine; k++)
            for (size_t g = 0; g < p->n_groups && !mine; g++)
                mine = bytes_equal(e->request->needs[i].by[k], p->groups[g]);
    return mine;
}

static bool state_filter(struct api_call *call, uint32_t *states_out)
{
    struct bytes text = api_query(call, "state");
    *states_out = 0;
    for (enum desk_state s = 0; s < DESK_N_STATES && text.p; s++)
        if (bytes_is(text, desk_state_name(s))) *states_out = 1U << s;
    if (!text.p || *states_out) return true;
    return api_problem(call, 400, "bad-request",
                       "\"state\" is waiting, approved, used, lapsed, denied, expired or withdrawn.");
}

/* A page is what the desk gives from the cursor on, less what the caller may not see. */
static void write_list(struct api_call *call, const struct desk_entry *entries, size_t n, size_t most)
{
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_name(w, "items");
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        if (api_may_see_approval(call, &entries[i])) api_write_approval(w, call, &entries[i]);
    json_write_end(w);
    api_write_maybe(w, "next", n == most ? bytes_of(entries[n - 1].request->id) : (struct bytes){ 0 });
    json_write_end(w);
}

void api_approvals_list(struct api_call *call)
{
    struct desk_filter filter = { 0 };
    struct desk_entry *entries = NULL;
    struct arena arena;
    uint64_t limit;
    size_t n = 0;
    if (!state_filter(call, &filter.states) || !api_query_number(call, "limit", LIMIT, 1, MOST, &limit))
        return;
    arena_init(&arena, 64 * 1024, ARENA_CEILING);
    bool good = !call->options->desk || desk_list(call->options->desk, &filter, api_query(call, "cursor"),
                                                  (size_t)limit, &arena, &entries, &n);
    if (good)
        write_list(call, entries, n, (size_t)limit);
    else
        api_problem(call, 503, "unavailable", "There is no memory.");
    for (size_t i = 0; good && i < n; i++)
        desk_entry_release(&entries[i]);
    arena_free(&arena);
}

static bool get(struct api_call *call, struct arena *arena, struct desk_entry *out)
{
    if (!call->options->desk || !desk_get(call->options->desk, call->id, arena, out))
        return api_not_found(call);
    if (api_may_see_approval(call, out)) return true;
    desk_entry_release(out);
    return api_not_found(call);
}

void api_approvals_one(struct api_call *call)
{
    struct arena arena;
    struct desk_entry entry;
    arena_init(&arena, 4096, ARENA_CEILING);
    if (get(call, &arena, &entry)) {
        api_write_approval(api_json(call), call, &entry);
        desk_entry_release(&entry);
    }
    arena_free(&arena);
}

/* ---- deciding */

/* The digest is that of what was shown: what a person decides on is what they saw. */
static bool digest_is(const struct desk_entry *e, struct bytes hex)
{
    struct buf raw;
    buf_init(&raw, 64);
    bool same = hex.n == 2 * DESK_DIGEST && codec_unhex(hex, &raw) &&
                bytes_equal(buf_bytes(&raw), bytes_make(e->request->digest, DESK_DIGEST));
    buf_free(&raw);
    return same;
}

static bool refuse(struct api_call *call, enum desk_decided decided)
{
    const char *says = desk_decided_sentence(decided);
    switch (decided) {
    case DESK_DECIDED_FAILED: return api_problem(call, 503, "unavailable", "%s", says);
    case DESK_DECIDED_NOT_FOUND: return api_not_found(call);
    case DESK_DECIDED_OVER:
    case DESK_DECIDED_EXPIRED:
    case DESK_DECIDED_WITHDRAWN: return api_problem(call, 409, "conflict", "%s", says);
    case DESK_DECIDED_NEEDS_REASON:
    case DESK_DECIDED_TOO_LONG: return api_problem(call, 400, "bad-request", "%s", says);
    case DESK_DECIDED_REQUESTER:
    case DESK_DECIDED_ACTS_FOR:
    case DESK_DECIDED_NOT_IN_GROUPS:
    case DESK_DECIDED_TWICE:
    case DESK_DECIDED_MACHINE: return api_problem(call, 403, "forbidden", "%s", says);
    case DESK_DECIDED_NOTED:
    case DESK_DECIDED_APPROVED:
    case DESK_DECIDED_DENIED: break;
    }
    return true;
}

static bool decide(struct api_call *call, struct arena *arena, struct desk_entry *entry)
{
    struct bytes digest, reason;
    bool approve;
    if (!api_body_text(call, "digest", 200, &digest) ||
        !api_body_text(call, "reason", REASON_MOST, &reason) ||
        !api_body_bool(call, "approve", false, &approve))
        return false;
    if (!digest_is(entry, digest))
        return api_problem(call, 409, "conflict", "This is not what was shown: look at it again.");
    struct bytes via = call->person ? BYTES_LITERAL("web") : BYTES_LITERAL("api");
    if (!refuse(call, desk_decide(call->options->desk, call->id, &call->principal, approve, reason, via)))
        return false;
    desk_entry_release(entry);
    *entry = (struct desk_entry){ 0 };
    return desk_get(call->options->desk, call->id, arena, entry) || api_not_found(call);
}

void api_approvals_decide(struct api_call *call)
{
    struct arena arena;
    struct desk_entry entry;
    arena_init(&arena, 4096, ARENA_CEILING);
    if (get(call, &arena, &entry)) {
        if (decide(call, &arena, &entry)) api_write_approval(api_json(call), call, &entry);
        if (entry.request) desk_entry_release(&entry);
    }
    arena_free(&arena);
}
