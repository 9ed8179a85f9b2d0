/* /v1/policies, /v1/policies/explain, /v1/connections: what is in force, and what it would say. */
#include "api/handlers.h"
#include "api/private.h"
#include "catalog/catalog.h"
#include "cli/asker.h"
#include "policy/compile.h"
#include "policy/masks.h"

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

/* One question. The catalogue is what sessions of the database are judged in now, and the path what they
 * begin with where the role has no other. */
struct explaining {
    struct asker asker;
    const struct catalog *catalog; /* held; NULL: `why` says why there is none */
    const char *why;
    struct catalog_view view;
    struct bytes path[3];
};

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

/* "public.customers.email" */
static void write_masks(struct api_call *call, const struct sql_facts *facts)
{
    struct json_writer *w = &call->w;
    json_write_name(w, "masks");
    json_write_array(w);
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        for (size_t k = 0; k < s->n_columns; k++) {
            const struct sql_column *c = &s->columns[k];
            if (!c->masked || c->relation >= s->n_relations) continue;
            const struct sql_relation *r = &s->relations[c->relation];
            struct bytes name = arena_printf(call->arena, "%.*s.%.*s.%.*s", BYTES_FMT(r->schema),
                                             BYTES_FMT(r->name), BYTES_FMT(c->name));
            if (name.p) json_write_text(w, name);
        }
    }
    json_write_end(w);
}

/* What is sent shows how a mask is made: that is for those who may see everything. */
static void write_resolved(struct api_call *call, const struct explaining *e, const struct asker_answer *a)
{
    struct json_writer *w = &call->w;
    json_write_bool_member(w, "resolved", e->catalog != NULL);
    if (!e->catalog) {
        json_write_text_member(w, "catalogue", bytes_of(e->why));
        return;
    }
    api_write_texts(w, "search_path", e->path, sizeof e->path / sizeof *e->path);
    if (a->outcome == SQL_UNDERSTOOD && policy_ruleset_masks(e->asker.ruleset)) write_masks(call, a->facts);
    if (a->sent.n && (api_has_role(call, API_AUDITOR) || api_has_role(call, API_ADMIN)))
        json_write_text_member(w, "sent", a->sent);
}

static void write_answer(struct api_call *call, const struct explaining *e, const struct asker_answer *a)
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
    write_resolved(call, e, a);
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

static const struct target_login *login_of(const struct target *target, const struct policy_ruleset *ruleset)
{
    struct bytes wanted = policy_ruleset_terms(ruleset)->login;
    for (size_t i = 0; i < target->n_logins; i++)
        if (bytes_equal(target->logins[i].name, wanted)) return &target->logins[i];
    return &target->logins[0];
}

static void find_catalog(struct api_call *call, const struct policy_request *request, struct explaining *e)
{
    struct bytes asked = request->database.n ? request->database : request->connection, database;
    const struct target *target = target_find(call->snapshot, asked, &database);
    if (!target || !bytes_equal(target->name, request->connection)) {
        e->why = "The connection serves no such database: names are judged as they are written.";
        return;
    }
    e->catalog = call->options->catalog(call->options->context, target->name, database);
    if (!e->catalog) {
        e->why =
            "The gateway has no catalogue of this database now, since no session is in it that needs one: "
            "names are judged as they are written. Connect to it, and ask again.";
        return;
    }
    e->path[0] = BYTES_LITERAL("pg_catalog");
    e->path[1] = login_of(target, e->asker.ruleset)->user;
    e->path[2] = BYTES_LITERAL("public");
    e->view = (struct catalog_view){ .catalog = e->catalog,
                                     .path = e->path,
                                     .n_path = sizeof e->path / sizeof *e->path,
                                     .database = database };
    e->asker.view = &e->view;
}

static void explain(struct api_call *call, const struct policy_request *request, struct bytes sql)
{
    struct explaining e = { .why = "Nobody comes in: nothing was judged." };
    struct asker_answer answer = { 0 };
    asker_init(&e.asker, call->snapshot->policies, NULL);
    e.asker.ruleset = policy_ruleset_for(call->snapshot->policies, request, &e.asker.session);
    if (e.asker.ruleset) {
        find_catalog(call, request, &e);
        asker_judge(&e.asker, sql, &answer);
    } else {
        answer.verdict.rule = BYTES_LITERAL("no-policy");
        answer.verdict.message = BYTES_LITERAL("no policy lets them in: they cannot connect");
    }
    write_answer(call, &e, &answer);
    asker_free(&e.asker);
    catalog_release(e.catalog);
}

void api_policies_explain(struct api_call *call)
{
    struct principal who;
    struct policy_request request = { .principal = &who };
    struct bytes sql;
    if (!api_body_text(call, "sql", 1 << 20, &sql) ||
        !api_body_text(call, "connection", 200, &request.connection) ||
        !api_body_text(call, "database", 200, &request.database) || !read_who(call, &who))
        return;
    if (!call->snapshot) {
        api_problem(call, 503, "unavailable", "The gateway is stopping.");
        return;
    }
    if (!who.claims.n) who.claims = BYTES_LITERAL("{}");
    explain(call, &request, sql);
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
