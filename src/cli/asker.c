/* The same judging as in a session, over the same facts; what a session adds (settings that belong to the
 * gateway, names that it made) is not here. */
#include "cli/asker.h"
#include "mask/mask.h"
#include "policy/files.h"
#include "sql/edits.h"
#include "json/writer.h"

enum { SESSION_CEILING = 16 << 20, STATEMENT_CEILING = 256 << 20, GROUPS_CEILING = 1000 };

static void say(const struct cli_call *call, const struct yaml_errors *errors)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    yaml_errors_print(errors, &out);
    fprintf(call->world->err, "%.*s", BYTES_FMT(buf_bytes(&out)));
    buf_free(&out);
}

const struct policy_snapshot *asker_policies(const struct cli_call *call, const char *const *paths, size_t n)
{
    struct yaml_errors errors;
    struct arena arena;
    struct yaml_nodes nodes = { 0 };
    const struct policy_snapshot *snapshot = NULL;
    yaml_errors_init(&errors);
    arena_init(&arena, 16 * 1024, 4UL * YAML_ARENA_CEILING);
    struct yaml_reader reader = { &arena, &errors, { 0 } };
    bool good = true;
    for (size_t i = 0; i < n; i++)
        good = policy_path_read(&reader, paths[i], &nodes) && good;
    if (good) snapshot = policy_compile(nodes.items, nodes.n, &errors);
    if (!snapshot) say(call, &errors);
    if (!snapshot && yaml_errors_count(&errors) == 0) cli_fail(call, "there is no memory");
    arena_free(&arena);
    yaml_errors_free(&errors);
    return snapshot;
}

const char *asker_path(const struct cli_call *call)
{
    const char *path = cli_option(call, "policies");
    if (!path) path = cli_option(call, "config");
    return path ? path : "postern.yaml";
}

void asker_init(struct asker *a, const struct policy_snapshot *snapshot, const struct catalog_view *view)
{
    *a = (struct asker){ .snapshot = snapshot, .view = view };
    arena_init(&a->session, 4096, SESSION_CEILING);
    arena_init(&a->statement, 16 * 1024, STATEMENT_CEILING);
}

void asker_free(struct asker *a)
{
    arena_free(&a->session);
    arena_free(&a->statement);
}

static struct bytes trim(struct bytes text)
{
    while (text.n && text.p[0] == ' ')
        text = bytes_slice(text, 1, text.n);
    while (text.n && text.p[text.n - 1] == ' ')
        text.n--;
    return text;
}

/* Cuts the first item off a list; false where there is none left. */
static bool next_item(struct bytes *list, char separator, struct bytes *item_out)
{
    if (!list->n) return false;
    const uint8_t *end = memchr(list->p, separator, list->n);
    size_t n = end ? (size_t)(end - list->p) : list->n;
    *item_out = trim(bytes_slice(*list, 0, n));
    *list = bytes_slice(*list, n + 1, list->n);
    return true;
}

static bool add_groups(struct asker *a, struct bytes list, struct principal *principal)
{
    struct bytes item;
    principal->groups = ARENA_ARRAY(&a->session, struct bytes, GROUPS_CEILING);
    while (principal->groups && next_item(&list, ',', &item)) {
        if (!item.n) continue;
        if (principal->n_groups == GROUPS_CEILING) return false;
        principal->groups[principal->n_groups++] = item;
    }
    return principal->groups != NULL;
}

/* "a=1, b=x" → {"a":"1","b":"x"}: a policy's value matches numbers and truths by their text. */
static bool add_claims(struct asker *a, struct bytes list, struct principal *principal)
{
    struct bytes item;
    struct buf json;
    principal->claims = list.n && list.p[0] == '{' ? list : BYTES_LITERAL("{}");
    if (!list.n || list.p[0] == '{') return true;
    buf_init(&json, 64 * 1024);
    struct json_writer w = json_writer_over(&json);
    bool good = true;
    json_write_object(&w);
    while (next_item(&list, ',', &item)) {
        struct bytes name;
        good = good && next_item(&item, '=', &name) && name.n;
        if (!good) break;
        json_write_name_bytes(&w, name);
        json_write_text(&w, item);
    }
    json_write_end(&w);
    principal->claims = arena_copy(&a->session, buf_bytes(&json));
    good = good && !json.failed && principal->claims.p;
    buf_free(&json);
    return good;
}

bool asker_session(struct asker *a, const struct asker_who *who)
{
    struct principal principal = { .user = who->user, .subject = who->user, .machine = who->machine };
    arena_reset(&a->session);
    a->ruleset = NULL;
    if (!add_groups(a, who->groups, &principal) || !add_claims(a, who->claims, &principal)) return false;
    struct policy_request request = { &principal, who->connection, who->database };
    a->ruleset = policy_ruleset_for(a->snapshot, &request, &a->session);
    return true;
}

static void hostile(struct asker *a, struct asker_answer *answer)
{
    struct bytes why =
        answer->facts && answer->facts->error.n ? answer->facts->error : BYTES_LITERAL("there is no memory");
    answer->verdict = (struct policy_verdict){
        .rule = BYTES_LITERAL("not understood"),
        .message = arena_printf(&a->statement, "this text cannot be judged safely: %.*s", BYTES_FMT(why)),
        .hint = BYTES_LITERAL("Write it in plain PostgreSQL 15 SQL."),
    };
}

/* What the server has no name for is refused before it is judged, in the server's words. */
static bool unresolved(const struct asker *a, struct asker_answer *answer)
{
    if (!a->view || policy_ruleset_is_open(a->ruleset)) return false;
    for (size_t i = 0; i < answer->facts->n_statements; i++) {
        const struct sql_statement *s = &answer->facts->statements[i];
        if (!s->unresolved.n) continue;
        answer->index = i;
        answer->unresolved = true;
        answer->verdict =
            (struct policy_verdict){ .rule = BYTES_LITERAL("unknown name"), .message = s->unresolved_says };
        return true;
    }
    return false;
}

static struct bytes sent_text(struct asker *a, struct bytes sql, const struct sql_facts *facts)
{
    struct buf out;
    buf_init(&out, 64 << 20);
    sql_edits_apply(sql, facts->edits, facts->n_edits, &out);
    struct bytes sent = out.failed ? (struct bytes){ 0 } : arena_copy(&a->statement, buf_bytes(&out));
    buf_free(&out);
    return sent;
}

void asker_judge(struct asker *a, struct bytes sql, struct asker_answer *answer_out)
{
    *answer_out = (struct asker_answer){ 0 };
    arena_reset(&a->statement);
    struct sql_masking masking = mask_masking(a->ruleset);
    bool masks = a->view && policy_ruleset_masks(a->ruleset);
    answer_out->outcome = sql_understand_masked(sql, a->view, (struct bytes){ 0 }, masks ? &masking : NULL,
                                                &a->statement, &answer_out->facts);
    switch (answer_out->outcome) {
    case SQL_HOSTILE: hostile(a, answer_out); break;
    case SQL_UNKNOWN: policy_judge_unknown(a->ruleset, &a->statement, &answer_out->verdict); break;
    case SQL_UNDERSTOOD:
        if (unresolved(a, answer_out)) break;
        policy_judge_text(a->ruleset, answer_out->facts, &a->statement, &answer_out->verdict,
                          &answer_out->index);
        break;
    }
    if (!answer_out->verdict.message.p) answer_out->verdict.message = BYTES_LITERAL("there is no memory");
    if (masks && answer_out->verdict.decision == POLICY_ALLOW && !answer_out->unresolved)
        answer_out->sent = sent_text(a, sql, answer_out->facts);
}

const char *asker_decision(const struct policy_verdict *verdict)
{
    switch (verdict->decision) {
    case POLICY_DENY: break;
    case POLICY_HOLD: return "hold";
    case POLICY_ALLOW: return verdict->observed ? "observed" : "allow";
    }
    return "deny";
}
