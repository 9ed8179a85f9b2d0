/* postern policy explain */
#include "cli/asker.h"
#include "cli/catalog-file.h"
#include "cli/commands.h"
#include "cli/safe.h"
#include "cli/when.h"
#include "mask/mask.h"
#include "json/writer.h"

static const struct cli_option options[] = {
    { "as", 0, "NAME", "Who asks: the user's name" },
    { "on", 0, "CONNECTION", "The connection that they are on" },
    { "group", 0, "NAMES", "Their groups, separated by commas" },
    { "claim", 0, "NAME=VALUE", "Claims of their token, separated by commas, or a JSON object" },
    { "machine", 0, NULL, "They are a machine" },
    { "person", 0, NULL, "They are a person; so it is without either" },
    { "database", 0, "NAME", "The database that they asked for, where it is not the connection's name" },
    { "policies", 0, "PATH", "A file or folder of policies, instead of the configuration's" },
    { "catalog", 0, "FILE", "A catalogue file, to resolve names in; see policy catalog" },
    { 0 },
};

enum { OUT_CEILING = 64 << 20 };

static void effects_print(uint32_t effects, struct buf *out)
{
    const char *between = "";
    for (unsigned i = 0; i < SQL_N_EFFECTS; i++)
        if (effects & 1u << i) {
            buf_printf(out, "%s%s", between, sql_effect_name(1u << i));
            between = ", ";
        }
}

static void effects_json(struct json_writer *w, const char *name, uint32_t effects)
{
    json_write_name(w, name);
    json_write_array(w);
    for (unsigned i = 0; i < SQL_N_EFFECTS; i++)
        if (effects & 1u << i) json_write_text(w, bytes_of(sql_effect_name(1u << i)));
    json_write_end(w);
}

static const char *where_name(enum sql_where where)
{
    switch (where) {
    case SQL_WHERE_NONE: break;
    case SQL_WHERE_PRESENT: return "present";
    case SQL_WHERE_TRIVIAL: return "trivial";
    case SQL_WHERE_MISSING: return "missing";
    }
    return "";
}

static void uses_print(uint32_t uses, struct buf *out)
{
    static const char *const names[] = { "output", "predicate", "written", "stored" };
    const char *between = "";
    for (unsigned i = 0; i < 4; i++)
        if (uses & 1u << i) {
            buf_printf(out, "%s%s", between, names[i]);
            between = ", ";
        }
}

/* ---- as text */

static void line(struct buf *out, const char *name, struct bytes value)
{
    if (!value.n) return;
    buf_printf(out, "  %-10s ", name);
    safe_append(out, value, SAFE_ONE_LINE);
    buf_append_text(out, "\n");
}

static void name_print(struct bytes schema, struct bytes name, struct buf *out)
{
    safe_append(out, schema, SAFE_ONE_LINE);
    if (schema.n) buf_append_text(out, ".");
    safe_append(out, name, SAFE_ONE_LINE);
}

/* " (masked: redact, made of a column that is masked: public.people)" */
static void mask_print(const struct asker *a, uint32_t relation, int attribute, struct buf *out)
{
    const struct catalog_relation *r = relation ? catalog_by_oid(a->view, relation) : NULL;
    if (!r || attribute <= 0) return;
    struct mask_choice choice = mask_choose(a->ruleset, a->view, r, attribute);
    if (!choice.reason) return;
    const char *redacted = choice.mask.kind == POLICY_MASK_REDACT ? "redact" : NULL;
    buf_append_text(out, "; masked: ");
    safe_append(out, redacted ? bytes_of(redacted) : choice.mask.with, SAFE_ONE_LINE);
    buf_printf(out, ", %s", mask_reason_text(choice.reason));
    if (!choice.because) return;
    buf_append_text(out, ": ");
    name_print(choice.because->schema, choice.because->name, out);
}

static void facts_text(const struct asker *a, const struct sql_statement *s, bool decided, struct buf *out)
{
    safe_append(out, s->text, SAFE_ONE_LINE);
    buf_append_text(out, decided ? "   (this one decided)\n" : "\n");
    line(out, "tag", s->tag);
    buf_append_text(out, "  effects    ");
    effects_print(s->effects, out);
    buf_append_text(out, "\n");
    line(out, "where", bytes_of(where_name(s->where)));
    for (size_t i = 0; i < s->n_relations; i++) {
        const struct sql_relation *r = &s->relations[i];
        buf_printf(out, "  %-10s ", i ? "" : "relations");
        name_print(r->schema, r->name, out);
        buf_append_text(out, r->through ? " (reached): " : ": ");
        effects_print(r->access, out);
        buf_append_text(out, "\n");
        for (size_t k = 0; k < s->n_columns; k++) {
            if (s->columns[k].relation != i) continue;
            buf_append_text(out, "               .");
            safe_append(out, s->columns[k].name, SAFE_ONE_LINE);
            buf_append_text(out, ": ");
            uses_print(s->columns[k].uses, out);
            if (s->columns[k].masked) mask_print(a, r->oid, s->columns[k].attribute, out);
            buf_append_text(out, "\n");
        }
    }
    for (size_t i = 0; i < s->n_functions; i++) {
        buf_printf(out, "  %-10s ", i ? "" : "functions");
        name_print(s->functions[i].schema, s->functions[i].name, out);
        for (size_t k = 0; k < s->functions[i].n_codes; k++) {
            const struct sql_code *code = &s->functions[i].codes[k];
            buf_append_text(out, k ? ", " : ": may run ");
            safe_append(out, code->signature, SAFE_ONE_LINE);
            if (!code->extension.n) continue;
            buf_append_text(out, " of extension ");
            safe_append(out, code->extension, SAFE_ONE_LINE);
        }
        buf_append_text(out, "\n");
    }
}

/* What may still end a statement that is allowed. */
static void limits_text(const struct policy_limits *l, struct buf *out)
{
    char time[24];
    const char *between = "";
    if (!l->statement_us && !l->returned_rows && !l->affected_rows && !l->returned_bytes) return;
    buf_printf(out, "  %-10s ", "limits");
    if (l->statement_us) {
        when_duration(l->statement_us, time);
        buf_printf(out, "it may take %s", time);
        between = ", ";
    }
    if (l->affected_rows) {
        buf_printf(out, "%schange %llu rows", between, (unsigned long long)l->affected_rows);
        between = ", ";
    }
    if (l->returned_rows) {
        buf_printf(out, "%sreturn %llu rows", between, (unsigned long long)l->returned_rows);
        between = ", ";
    }
    if (l->returned_bytes)
        buf_printf(out, "%sreturn %llu bytes", between, (unsigned long long)l->returned_bytes);
    buf_append_text(out, "\n");
}

/* The answer comes first: what it was found in may be long. */
static void verdict_text(const struct policy_verdict *v, const struct policy_ruleset *ruleset,
                         struct buf *out)
{
    static const char *const said[] = { "denied", "held", "allowed" };
    buf_printf(out, "%s by ", v->observed ? "allowed (observed only)" : said[v->decision]);
    safe_append(out, v->policy, SAFE_ONE_LINE);
    buf_append_text(out, v->policy.n ? ", " : "");
    safe_append(out, v->rule, SAFE_ONE_LINE);
    buf_append_text(out, "\n");
    line(out, "message", v->message);
    line(out, "hint", v->hint);
    line(out, "would be", v->would);
    if (v->limit_is_hold) line(out, "but", v->held.message);
    if (v->decision == POLICY_ALLOW) limits_text(&v->limits, out);
    line(out, "policies", policy_ruleset_terms(ruleset)->policies);
}

/* "redact card_number, report email" */
static void values_text(const struct policy_ruleset *ruleset, struct buf *out)
{
    struct policy_values values = policy_ruleset_values(ruleset);
    const char *between = "";
    if (!values.looked) return;
    buf_printf(out, "  %-10s ", "values");
    for (enum policy_value v = 0; v < POLICY_N_VALUES; v++) {
        if (!values.by[v].kind) continue;
        buf_printf(out, "%s%s: ", between, policy_value_name(v));
        safe_append(out, values.by[v].with, SAFE_ONE_LINE);
        between = ", ";
    }
    buf_append_text(out, ", wherever results hold them\n");
}

static void answer_text(const struct asker *a, const struct asker_answer *answer, struct buf *out)
{
    bool refused = answer->verdict.decision != POLICY_ALLOW;
    verdict_text(&answer->verdict, a->ruleset, out);
    if (answer->facts && answer->outcome == SQL_UNKNOWN) line(out, "grammar", answer->facts->error);
    if (!a->view && !policy_ruleset_is_open(a->ruleset))
        line(out, "names", BYTES_LITERAL("as they are written: there is no catalogue to resolve them in"));
    if (!a->view && policy_ruleset_masks(a->ruleset))
        line(out, "masks", BYTES_LITERAL("cannot be told without a catalogue; see policy catalog"));
    if (!refused) values_text(a->ruleset, out);
    line(out, "sent", answer->sent);
    for (size_t i = 0; answer->outcome == SQL_UNDERSTOOD && i < answer->facts->n_statements; i++) {
        buf_append_text(out, "\n");
        facts_text(a, &answer->facts->statements[i],
                   refused && answer->facts->n_statements > 1 && i == answer->index, out);
    }
}

/* ---- as JSON */

static void relation_json(struct json_writer *w, const struct sql_statement *s, size_t i)
{
    const struct sql_relation *r = &s->relations[i];
    json_write_object(w);
    if (r->schema.n) json_write_text_member(w, "schema", r->schema);
    json_write_text_member(w, "name", r->name);
    effects_json(w, "access", r->access);
    if (s->in_view) json_write_bool_member(w, "through", r->through);
    json_write_end(w);
}

static void facts_json(struct json_writer *w, const struct sql_statement *s)
{
    json_write_object(w);
    json_write_text_member(w, "text", s->text);
    json_write_text_member(w, "tag", s->tag);
    effects_json(w, "effects", s->effects);
    if (s->where != SQL_WHERE_NONE) json_write_text_member(w, "where", bytes_of(where_name(s->where)));
    json_write_name(w, "relations");
    json_write_array(w);
    for (size_t i = 0; i < s->n_relations; i++)
        relation_json(w, s, i);
    json_write_end(w);
    json_write_name(w, "functions");
    json_write_array(w);
    for (size_t i = 0; i < s->n_functions; i++) {
        json_write_object(w);
        if (s->functions[i].schema.n) json_write_text_member(w, "schema", s->functions[i].schema);
        json_write_text_member(w, "name", s->functions[i].name);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_end(w);
}

static void verdict_json(struct json_writer *w, const struct policy_verdict *v)
{
    json_write_text_member(w, "decision", bytes_of(asker_decision(v)));
    json_write_text_member(w, "policy", v->policy);
    json_write_text_member(w, "rule", v->rule);
    json_write_text_member(w, "message", v->message);
    json_write_text_member(w, "hint", v->hint);
    if (v->would.n) json_write_text_member(w, "would", v->would);
    if (v->limit_is_hold) {
        json_write_int_member(w, "up_to_rows", (int64_t)v->limits.affected_rows);
        json_write_text_member(w, "then", v->held.message);
    }
    if (!v->n_by) return;
    json_write_name(w, "by");
    json_write_array(w);
    for (size_t i = 0; i < v->n_by; i++)
        json_write_text(w, v->by[i]);
    json_write_end(w);
}

static void values_json(struct json_writer *w, const struct policy_ruleset *ruleset)
{
    struct policy_values values = policy_ruleset_values(ruleset);
    if (!values.looked) return;
    json_write_name(w, "values");
    json_write_object(w);
    for (enum policy_value v = 0; v < POLICY_N_VALUES; v++)
        if (values.by[v].kind) json_write_text_member(w, policy_value_name(v), values.by[v].with);
    json_write_end(w);
}

static void answer_json(const struct asker *a, const struct asker_answer *answer, struct buf *out)
{
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    verdict_json(&w, &answer->verdict);
    if (answer->sent.n) json_write_text_member(&w, "sent", answer->sent);
    values_json(&w, a->ruleset);
    json_write_text_member(&w, "policies", policy_ruleset_terms(a->ruleset)->policies);
    json_write_text_member(&w, "policy_hash", policy_ruleset_terms(a->ruleset)->hash);
    json_write_bool_member(&w, "understood", answer->outcome == SQL_UNDERSTOOD);
    json_write_bool_member(&w, "resolved", a->view != NULL);
    json_write_int_member(&w, "statement", (int64_t)answer->index);
    json_write_name(&w, "statements");
    json_write_array(&w);
    for (size_t i = 0; answer->outcome == SQL_UNDERSTOOD && i < answer->facts->n_statements; i++)
        facts_json(&w, &answer->facts->statements[i]);
    json_write_end(&w);
    json_write_end(&w);
    buf_append_text(out, "\n");
}

/* ---- */

static int explain(struct cli_call *call, struct asker *a, struct buf *out)
{
    struct asker_who who = { .user = cli_option_bytes(call, "as"),
                             .connection = cli_option_bytes(call, "on"),
                             .database = cli_option_bytes(call, "database"),
                             .groups = cli_option_bytes(call, "group"),
                             .claims = cli_option_bytes(call, "claim"),
                             .machine = cli_option(call, "machine") };
    struct asker_answer answer;
    if (!asker_session(a, &who)) return cli_fail(call, "--claim is not name=value");
    if (!a->ruleset) {
        if (cli_option(call, "json"))
            buf_append_text(out, "{\"decision\":\"deny\",\"rule\":\"no-policy\"}\n");
        else
            buf_append_text(out, "no policy lets them in: they cannot connect\n");
        return CLI_NO;
    }
    asker_judge(a, bytes_of(call->arguments[0]), &answer);
    if (cli_option(call, "json"))
        answer_json(a, &answer, out);
    else
        answer_text(a, &answer, out);
    return answer.verdict.decision == POLICY_ALLOW ? CLI_YES : CLI_NO;
}

static int run(struct cli_call *call)
{
    struct asker a;
    struct buf out;
    if (!cli_option(call, "as") || !cli_option(call, "on"))
        return cli_fail(call, "say who asks with --as NAME, and where with --on CONNECTION");
    if (cli_option(call, "machine") && cli_option(call, "person"))
        return cli_fail(call, "--machine and --person exclude each other");
    const char *path = asker_path(call);
    const char *catalog = cli_option(call, "catalog");
    struct catalog_file file = { 0 };
    const struct policy_snapshot *snapshot = asker_policies(call, &path, 1);
    if (!snapshot) return CLI_FAILED;
    int code = CLI_FAILED;
    if (!catalog || catalog_file_open(call, catalog, &file)) {
        buf_init(&out, OUT_CEILING);
        asker_init(&a, snapshot, catalog ? &file.view : NULL);
        code = explain(call, &a, &out);
        cli_write(call, &out);
        asker_free(&a);
        buf_free(&out);
    }
    if (catalog) catalog_file_close(&file);
    policy_snapshot_unref(snapshot);
    return code;
}

const struct cli_command cli_command_policy_explain = {
    .name = "policy explain",
    .summary = "Show what a statement is, and what the policies say to it",
    .arguments = "SQL",
    .least = 1,
    .most = 1,
    .options = options,
    .notes =
        "Nothing is asked of a gateway or a database: names are resolved in the catalogue file, or judged as "
        "they are written, as doc/policy.md tells.\n"
        "The exit code is 0 where the statement is allowed, and 1 where it is not.",
    .run = run,
};
