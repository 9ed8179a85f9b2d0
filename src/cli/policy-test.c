/* postern policy test. Each text of a case is a test of its own, in TAP, JUnit's XML or JSON. */
#include "cli/catalog-file.h"
#include "cli/commands.h"
#include "cli/policy-cases.h"
#include "cli/safe.h"
#include "json/writer.h"

static const struct cli_option options[] = {
    { "policies", 0, "PATH", "A file or folder of policies, instead of those that the files of cases name" },
    { "catalog", 0, "FILE",
      "A catalogue file, instead of the one that a file of cases names; see policy catalog" },
    { "junit", 0, NULL, "Print JUnit's XML" },
    { 0 },
};

enum { OUT_CEILING = 256 << 20, REASON_CEILING = 64 * 1024 };

struct test_run {
    struct cli_call *call;
    struct buf out;
    enum { FORM_TAP, FORM_JUNIT, FORM_JSON } form;
    size_t n, n_failed;
    const char *file;
};

/* ---- one result, in three forms */

/* The beginning of a text, whole characters of it. */
static struct bytes beginning(struct bytes text, size_t most)
{
    if (text.n <= most) return text;
    while (most && (text.p[most] & 0xC0) == 0x80)
        most--;
    return bytes_slice(text, 0, most);
}

/* As it is safe to show it, for an attribute: what XML cannot say at all is not in it any more. */
static void xml_text(struct buf *out, struct bytes text)
{
    struct buf safe;
    buf_init(&safe, OUT_CEILING);
    safe_append(&safe, text, SAFE_ONE_LINE);
    struct bytes b = buf_bytes(&safe);
    for (size_t i = 0; i < b.n; i++) {
        uint8_t c = b.p[i];
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            buf_printf(out, "&#%u;", c);
        else if (c == 0xEF && i + 2 < b.n && b.p[i + 1] == 0xBF && b.p[i + 2] >= 0xBE) { /* U+FFFE, U+FFFF */
            buf_append_text(out, "?");
            i += 2;
        } else
            buf_put_u8(out, c);
    }
    if (safe.failed) out->failed = true;
    buf_free(&safe);
}

/* Behind " #" a reader of TAP looks for TODO and SKIP. */
static void tap_text(struct buf *out, struct bytes text)
{
    struct buf safe;
    buf_init(&safe, OUT_CEILING);
    safe_append(&safe, text, SAFE_ONE_LINE);
    struct bytes b = buf_bytes(&safe);
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '#') buf_put_u8(out, '\\');
        buf_put_u8(out, b.p[i]);
    }
    if (safe.failed) out->failed = true;
    buf_free(&safe);
}

static void result_tap(struct test_run *t, struct bytes name, struct bytes sql, struct bytes why)
{
    buf_printf(&t->out, "%sok %zu - ", why.n ? "not " : "", t->n);
    tap_text(&t->out, name);
    if (sql.n) buf_append_text(&t->out, ": ");
    tap_text(&t->out, beginning(sql, 120));
    buf_append_text(&t->out, "\n");
    if (!why.n) return;
    buf_append_text(&t->out, "# ");
    safe_append(&t->out, why, SAFE_ONE_LINE);
    buf_append_text(&t->out, "\n");
}

static void result_junit(struct test_run *t, struct bytes name, struct bytes sql, struct bytes why)
{
    buf_append_text(&t->out, "  <testcase classname=\"");
    xml_text(&t->out, bytes_of(t->file));
    buf_append_text(&t->out, "\" name=\"");
    xml_text(&t->out, name);
    if (sql.n) buf_append_text(&t->out, ": ");
    xml_text(&t->out, beginning(sql, 200));
    buf_append_text(&t->out, why.n ? "\"><failure message=\"" : "\"/>\n");
    if (!why.n) return;
    xml_text(&t->out, why);
    buf_append_text(&t->out, "\"/></testcase>\n");
}

static void result_json(struct test_run *t, struct bytes name, struct bytes sql, struct bytes why)
{
    struct json_writer w = json_writer_over(&t->out);
    json_write_object(&w);
    json_write_text_member(&w, "file", bytes_of(t->file));
    json_write_text_member(&w, "name", name);
    if (sql.n) json_write_text_member(&w, "sql", sql);
    json_write_bool_member(&w, "ok", why.n == 0);
    if (why.n) json_write_text_member(&w, "why", why);
    json_write_end(&w);
    buf_append_text(&t->out, "\n");
}

static void result(struct test_run *t, struct bytes name, struct bytes sql, struct bytes why)
{
    t->n++;
    t->n_failed += why.n > 0;
    switch (t->form) {
    case FORM_TAP: result_tap(t, name, sql, why); break;
    case FORM_JUNIT: result_junit(t, name, sql, why); break;
    case FORM_JSON: result_json(t, name, sql, why); break;
    }
}

/* ---- one case */

static void differs(struct buf *why, const char *what, struct bytes is, struct bytes expected)
{
    buf_printf(why, "%s%s is \"%.*s\", not \"%.*s\"", buf_length(why) ? "; " : "", what, BYTES_FMT(is),
               BYTES_FMT(expected));
}

static void lacks(struct buf *why, const char *what, struct bytes is, struct bytes expected)
{
    if (expected.n && bytes_find(is, expected) < 0)
        buf_printf(why, "%s%s \"%.*s\" lacks \"%.*s\"", buf_length(why) ? "; " : "", what, BYTES_FMT(is),
                   BYTES_FMT(expected));
}

static void compare_effects(const struct case_text *c, const struct asker_answer *answer, struct buf *why)
{
    uint32_t is = answer->outcome == SQL_UNDERSTOOD ? 0 : EFFECT_UNKNOWN, expected = 0;
    if (!c->effects.n) return;
    for (size_t i = 0; answer->outcome == SQL_UNDERSTOOD && i < answer->facts->n_statements; i++)
        is |= answer->facts->statements[i].effects;
    for (size_t i = 0; i < c->effects.n; i++)
        expected |= sql_effect_parse(c->effects.items[i]);
    for (unsigned i = 0; i < SQL_N_EFFECTS; i++)
        if ((is ^ expected) & 1u << i)
            buf_printf(why, "%sthe effect %s is %s", buf_length(why) ? "; " : "", sql_effect_name(1u << i),
                       is & 1u << i ? "there" : "missing");
}

static void compare(const struct case_text *c, const struct asker_answer *answer, struct buf *why)
{
    static const char *const expected[] = { "allow", "deny", "hold", "observed", "nobody" };
    const struct policy_verdict *v = &answer->verdict;
    const char *is = asker_decision(v);
    if (strcmp(is, expected[c->expect]) != 0) {
        buf_printf(why, "it is %s by %.*s/%.*s, not %s", is, BYTES_FMT(v->policy), BYTES_FMT(v->rule),
                   expected[c->expect]);
        if (v->message.n) buf_printf(why, ": %.*s", BYTES_FMT(v->message));
    }
    if (c->policy.n && !bytes_equal(v->policy, c->policy)) differs(why, "the policy", v->policy, c->policy);
    if (c->rule.n && !bytes_equal(v->rule, c->rule)) differs(why, "the rule", v->rule, c->rule);
    lacks(why, "the message", v->limit_is_hold ? v->held.message : v->message, c->message);
    lacks(why, "the hint", v->limit_is_hold ? v->held.hint : v->hint, c->hint);
    lacks(why, "what would have been said", v->would, c->would);
    uint64_t rows = v->limit_is_hold ? v->limits.affected_rows : 0;
    if (c->up_to && rows != (uint64_t)c->up_to)
        buf_printf(why, "%s%llu rows need no approval, not %lld", buf_length(why) ? "; " : "",
                   (unsigned long long)rows, (long long)c->up_to);
    compare_effects(c, answer, why);
}

static void claims_print(const struct yaml_map *claims, struct buf *out)
{
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    for (size_t i = 0; i < claims->n; i++) {
        const struct yaml_texts *values = &claims->items[i].values;
        json_write_name_bytes(&w, claims->items[i].key);
        json_write_array(&w);
        for (size_t k = 0; k < values->n; k++)
            json_write_text(&w, values->items[k]);
        json_write_end(&w);
    }
    json_write_end(&w);
}

/* False: there is no memory. */
static bool let_in(struct asker *a, const struct case_file *file, const struct case_text *c)
{
    const struct case_who *d = &file->defaults;
    const struct yaml_texts *groups = c->groups.n ? &c->groups : &d->groups;
    struct buf names, claims;
    buf_init(&names, 64 * 1024);
    buf_init(&claims, 64 * 1024);
    for (size_t i = 0; i < groups->n; i++)
        buf_printf(&names, "%s%.*s", i ? "," : "", BYTES_FMT(groups->items[i]));
    claims_print(c->claims.n ? &c->claims : &d->claims, &claims);
    enum case_machine machine = c->machine == CASE_MACHINE_EITHER ? d->machine : c->machine;
    struct asker_who who = { .user = c->as.n ? c->as : d->as,
                             .connection = c->on.n ? c->on : d->on,
                             .database = c->database.n ? c->database : d->database,
                             .groups = buf_bytes(&names),
                             .claims = buf_bytes(&claims),
                             .machine = machine == CASE_MACHINE_TRUE };
    bool good = !names.failed && !claims.failed && asker_session(a, &who);
    buf_free(&names);
    buf_free(&claims);
    return good;
}

static void run_text(struct test_run *t, struct asker *a, const struct case_text *c, struct bytes sql)
{
    struct asker_answer answer;
    struct buf why;
    buf_init(&why, REASON_CEILING);
    if (c->expect == CASE_NOBODY) {
        if (a->ruleset) buf_append_text(&why, "a policy lets them in");
    } else if (!a->ruleset) {
        buf_append_text(&why, "no policy lets them in");
    } else {
        asker_judge(a, sql, &answer);
        compare(c, &answer, &why);
    }
    result(t, c->name, sql, why.failed ? BYTES_LITERAL("it differs") : buf_bytes(&why));
    buf_free(&why);
}

static void run_case(struct test_run *t, struct asker *a, const struct case_file *file,
                     const struct case_text *c)
{
    if (!let_in(a, file, c)) {
        result(t, c->name, (struct bytes){ 0 }, BYTES_LITERAL("there is no memory"));
        return;
    }
    if (!c->sql.n) run_text(t, a, c, (struct bytes){ 0 });
    for (size_t i = 0; i < c->sql.n; i++)
        run_text(t, a, c, c->sql.items[i]);
}

/* ---- files */

/* A name from the folder of the file of cases. */
static const char *near_file(const struct test_run *t, struct bytes name, struct arena *arena)
{
    struct bytes path = bytes_of(t->file);
    size_t n = path.n;
    while (n && path.p[n - 1] != '/')
        n--;
    if (name.n && name.p[0] == '/') n = 0;
    struct bytes whole = arena_printf(arena, "%.*s%.*s", BYTES_FMT(bytes_slice(path, 0, n)), BYTES_FMT(name));
    return whole.p ? (const char *)whole.p : "";
}

static const struct policy_snapshot *policies_of(struct test_run *t, const struct case_file *file,
                                                 struct arena *arena)
{
    const char *one = cli_option(t->call, "policies");
    if (one || !file->policies.n) {
        one = asker_path(t->call);
        return asker_policies(t->call, &one, 1);
    }
    const char **paths = ARENA_ARRAY(arena, const char *, file->policies.n);
    for (size_t i = 0; i < file->policies.n && paths; i++)
        paths[i] = near_file(t, file->policies.items[i], arena);
    return paths ? asker_policies(t->call, paths, file->policies.n) : NULL;
}

static bool run_cases(struct test_run *t, const struct case_file *file, struct arena *arena)
{
    struct asker a;
    struct catalog_file names = { 0 };
    const char *path = cli_option(t->call, "catalog");
    if (!path && file->catalog.n) path = near_file(t, file->catalog, arena);
    const struct policy_snapshot *snapshot = policies_of(t, file, arena);
    bool good = snapshot && (!path || catalog_file_open(t->call, path, &names));
    asker_init(&a, snapshot, path ? &names.view : NULL);
    for (size_t i = 0; good && i < file->cases.n; i++)
        run_case(t, &a, file, &file->cases.items[i]);
    asker_free(&a);
    if (names.view.catalog) catalog_file_close(&names);
    policy_snapshot_unref(snapshot);
    return good;
}

static bool run_file(struct test_run *t, struct arena *arena, struct yaml_errors *errors)
{
    struct case_file file;
    struct yaml_reader reader = { arena, errors, { 0 } };
    const struct yaml_node *root = yaml_tree_load(t->file, arena, errors);
    return root && yaml_read(&reader, root, &case_file_shape, &file) && run_cases(t, &file, arena);
}

static bool run_path(struct test_run *t, const char *path)
{
    struct arena arena;
    struct yaml_errors errors;
    struct buf out;
    t->file = path;
    arena_init(&arena, 16 * 1024, YAML_ARENA_CEILING);
    yaml_errors_init(&errors);
    buf_init(&out, 1 << 20);
    bool good = run_file(t, &arena, &errors);
    yaml_errors_print(&errors, &out);
    fprintf(t->call->world->err, "%.*s", BYTES_FMT(buf_bytes(&out)));
    buf_free(&out);
    yaml_errors_free(&errors);
    arena_free(&arena);
    return good;
}

static void finish(struct test_run *t)
{
    struct buf body = t->out;
    buf_init(&t->out, OUT_CEILING);
    if (t->form == FORM_JUNIT)
        buf_printf(&t->out,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"postern policy test\" "
                   "tests=\"%zu\" "
                   "failures=\"%zu\">\n",
                   t->n, t->n_failed);
    buf_append(&t->out, buf_bytes(&body));
    if (t->form == FORM_TAP) buf_printf(&t->out, "1..%zu\n", t->n);
    if (t->form == FORM_JUNIT) buf_append_text(&t->out, "</testsuite>\n");
    buf_free(&body);
}

static int run(struct cli_call *call)
{
    struct test_run t = { .call = call };
    bool good = true;
    t.form = cli_option(call, "junit") ? FORM_JUNIT : cli_option(call, "json") ? FORM_JSON : FORM_TAP;
    buf_init(&t.out, OUT_CEILING);
    for (unsigned i = 0; i < call->n_arguments; i++)
        good = run_path(&t, call->arguments[i]) && good;
    finish(&t);
    if (t.out.failed) good = false;
    cli_write(call, &t.out);
    buf_free(&t.out);
    if (!good) return CLI_FAILED;
    if (t.n_failed) fprintf(call->world->err, "%zu of %zu failed\n", t.n_failed, t.n);
    return t.n_failed ? CLI_NO : CLI_YES;
}

const struct cli_command cli_command_policy_test = {
    .name = "policy test",
    .summary = "Run files of cases against policies",
    .arguments = "FILE...",
    .least = 1,
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .notes = "A file of cases is YAML: the policies, and who sends which text with what expected of it; see "
             "doc/policy-tools.md and the folder examples/policy-tests. The output is TAP.\n"
             "The exit code is 0 where all cases hold, 1 where one does not, and 2 where a file is wrong.",
    .run = run,
};
