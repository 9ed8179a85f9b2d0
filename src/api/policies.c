/* /v1/policies, /v1/policies/explain, /v1/connections: what is in force, and what it would say. */
#include "api/handlers.h"
#include "api/private.h"
#include "cli/asker.h"
#include "policy/compile.h"

static void write_policy(struct json_writer *w, const struct policy_reach *r)
{
    json_write_object(w);
    json_write_text_member(w, "name", r->name);
    api_write_texts(w, "connections", r->connections.items, r->connections.n);
    api_write_maybe(w, "login", r->login);
    json_write_text_member(w, "file", r->place.file);
    json_write_int_member(w, "line", r->place.line);
    json_write_end(w);
}

void api_policies(struct api_call *call)
{
    if (!call->snapshot) {
        api_problem(call, 503, "unavailable", "The gateway is stopping.");
        return;
    }
    const struct policy_snapshot *policies = call->snapshot->policies;
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_text_member(w, "hash", policy_snapshot_hash(policies));
    json_write_text_member(w, "text", policy_snapshot_text(policies));
    json_write_name(w, "items");
    json_write_array(w);
    for (size_t i = 0; i < policy_snapshot_n(policies); i++) {
        struct policy_reach reach;
        policy_snapshot_reach(policies, i, &reach);
        write_policy(w, &reach);
    }
    json_write_end(w);
    json_write_end(w);
}

/* ---- explaining */

static void write_effects(struct json_writer *w, const char *name, uint32_t effects)
{
    json_write_name(w, name);
    json_write_array(w);
    for (unsigned i = 0; i < SQL_N_EFFECTS; i++)
        if (effects & 1U << i) json_write_text(w, bytes_of(sql_effect_name(1U << i)));
    json_write_end(w);
}

static void write_relations(struct api_call *call, const struct sql_statement *s)
{
    struct json_writer *w = &call->w;
    json_write_name(w, "relations");
    json_write_array(w);
    for (size_t i = 0; i < s->n_relations; i++) {
        const struct sql_relation *r = &s->relations[i];
        struct bytes name =
            r->schema.n ? arena_printf(call->arena, "%.*s.%.*s", BYTES_FMT(r->schema), BYTES_FMT(r->name))
                        : r->name;
        json_write_text(w, name.p ? name : r->name);
    }
    json_write_end(w);
}

static void write_statement(struct api_call *call, const struct sql_statement *s, bool decided)
{
    static const char *const wheres[] = { [SQL_WHERE_NONE] = NULL,
                                          [SQL_WHERE_PRESENT] = "present",
                                          [SQL_WHERE_TRIVIAL] = "trivial",
                                          [SQL_WHERE_MISSING] = "missing" };
    struct json_writer *w = &call->w;
    json_write_object(w);
    json_write_text_member(w, "text", s->text);
    json_write_text_member(w, "tag", s->tag);
    write_effects(w, "effects", s->effects);
    api_write_maybe(w, "where", bytes_of(wheres[s->where]));
    write_relations(call, s);
    json_write_bool_member(w, "decided", decided);
    json_write_end(w);
}

static void write_answer(struct api_call *call, const struct asker_answer *a)
{
    struct json_writer *w = api_json(call);
    const struct policy_verdict *v = &a->verdict;
    json_write_object(w);
    json_write_text_member(w, "decision", bytes_of(asker_decision(v)));
    api_write_maybe(w, "policy", v->policy);
    json_write_text_member(w, "rule", v->rule);
    json_write_text_member(w, "message", v->message);
    api_write_maybe(w, "hint", v->hint);
    api_write_maybe(w, "would", v->would);
    json_write_bool_member(w, "resolved", false);
    if (v->limit_is_hold) api_write_uint(w, "up_to_rows", v->limits.affected_rows);
    api_write_texts(w, "by", v->by, v->n_by);
    json_write_name(w, "statements");
    json_write_array(w);
    for (size_t i = 0; a->outcome == SQL_UNDERSTOOD && i < a->facts->n_statements; i++)
        write_statement(call, &a->facts->statements[i], v->decision != POLICY_ALLOW && i == a->index);
    json_write_end(w);
    json_write_end(w);
}

/* Groups as the body lists them. */
static bool read_groups(struct api_call *call, struct principal *p)
{
    const json_t *list = json_object_get(call->body, "groups");
    size_t n = json_array_size(list);
    if (!list || json_is_null(list)) return true;
    p->groups = n <= 1000 ? ARENA_ARRAY(call->arena, struct bytes, n + 1) : NULL;
    p->n_groups = n;
    bool good = json_is_array(list) && p->groups;
    for (size_t i = 0; good && i < n; i++) {
        const json_t *one = json_array_get(list, i);
        good = json_is_string(one);
        if (good) p->groups[i] = bytes_make(json_string_value(one), json_string_length(one));
    }
    return good || api_problem(call, 400, "bad-request", "\"groups\" is a list of at most 1,000 texts.");
}

static bool read_who(struct api_call *call, struct principal *p)
{
    struct bytes user;
    if (!api_body_text(call, "user", 512, &user)) return false;
    bool other = user.n && !bytes_equal(user, call->principal.user);
    bool alone = !other && !json_object_get(call->body, "groups") && !json_object_get(call->body, "machine");
    *p = call->principal;
    if (alone) return true;
    if (!api_has_role(call, API_AUDITOR) && !api_has_role(call, API_ADMIN))
        return api_problem(call, 403, "forbidden", "What others may do is told to auditors and admins.");
    *p = (struct principal){ .user = user.n ? user : call->principal.user,
                             .subject = user.n ? user : call->principal.subject,
                             .claims = BYTES_LITERAL("{}") };
    return read_groups(call, p) && api_body_bool(call, "machine", false, &p->machine);
}

void api_policies_explain(struct api_call *call)
{
    struct principal who;
    struct policy_request request = { .principal = &who };
    struct bytes sql;
    struct asker asker;
    struct asker_answer answer;
    if (!api_body_text(call, "sql", 1 << 20, &sql) ||
        !api_body_text(call, "connection", 200, &request.connection) ||
        !api_body_text(call, "database", 200, &request.database) || !read_who(call, &who))
        return;
    if (!call->snapshot) {
        api_problem(call, 503, "unavailable", "The gateway is stopping.");
        return;
    }
    if (!who.claims.n) who.claims = BYTES_LITERAL("{}");
    asker_init(&asker, call->snapshot->policies, NULL);
    asker.ruleset = policy_ruleset_for(call->snapshot->policies, &request, &asker.session);
    if (asker.ruleset) {
        asker_judge(&asker, sql, &answer);
    } else {
        answer = (struct asker_answer){ 0 };
        answer.verdict.rule = BYTES_LITERAL("no-policy");
        answer.verdict.message = BYTES_LITERAL("no policy lets them in: they cannot connect");
    }
    write_answer(call, &answer);
    asker_free(&asker);
}

/* ---- connections */

static bool may_come_in(struct api_call *call, struct bytes connection)
{
    struct principal who = call->principal;
    struct arena arena;
    struct policy_request request = { .principal = &who, .connection = connection };
    if (!who.claims.n) who.claims = BYTES_LITERAL("{}");
    arena_init(&arena, 4096, 16 << 20);
    bool may = policy_ruleset_for(call->snapshot->policies, &request, &arena) != NULL;
    arena_free(&arena);
    return may;
}

void api_connections(struct api_call *call)
{
    bool all = api_has_role(call, API_ADMIN) || api_has_role(call, API_AUDITOR);
    if (!call->snapshot) {
        api_problem(call, 503, "unavailable", "The gateway is stopping.");
        return;
    }
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_name(w, "items");
    json_write_array(w);
    for (size_t i = 0; i < call->snapshot->n_targets; i++) {
        const struct target *t = &call->snapshot->targets[i];
        if (!all && !may_come_in(call, t->name)) continue;
        json_write_object(w);
        json_write_text_member(w, "name", t->name);
        api_write_texts(w, "databases", t->databases, t->n_databases);
        json_write_name(w, "logins");
        json_write_array(w);
        for (size_t k = 0; all && k < t->n_logins; k++)
            json_write_text(w, t->logins[k].name);
        json_write_end(w);
        api_write_maybe(w, "host", call->options->host);
        if (call->options->host.n) json_write_int_member(w, "port", call->options->port);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_end(w);
}
