/* postern policy lint */
#include "cli/asker.h"
#include "cli/catalog-file.h"
#include "cli/commands.h"
#include "cli/safe.h"
#include "mask/exports.h"
#include "policy/compile.h"
#include "policy/lint.h"
#include "json/writer.h"

static const struct cli_option options[] = {
    { "catalog", 0, "FILE", "A catalogue file: names that it does not have are told; see policy catalog" },
    { 0 },
};

struct lint {
    struct cli_call *call;
    struct buf out;
    bool json;
    size_t n;
};

static void found_json(struct lint *l, const struct policy_finding *f)
{
    struct json_writer w = json_writer_over(&l->out);
    json_write_object(&w);
    json_write_text_member(&w, "file", f->place.file);
    json_write_int_member(&w, "line", f->place.line);
    json_write_int_member(&w, "column", f->place.column);
    json_write_text_member(&w, "code", bytes_of(f->code));
    json_write_text_member(&w, "policy", f->policy);
    json_write_text_member(&w, "rule", f->rule);
    json_write_text_member(&w, "message", f->text);
    json_write_end(&w);
    buf_append_text(&l->out, "\n");
}

static void found(void *context, const struct policy_finding *f)
{
    struct lint *l = context;
    l->n++;
    if (l->json) {
        found_json(l, f);
        return;
    }
    safe_append(&l->out, f->place.file, SAFE_ONE_LINE);
    buf_printf(&l->out, ":%u:%u: ", f->place.line, f->place.column);
    safe_append(&l->out, f->policy, SAFE_ONE_LINE);
    buf_append_text(&l->out, "/");
    safe_append(&l->out, f->rule, SAFE_ONE_LINE);
    buf_append_text(&l->out, ": ");
    safe_append(&l->out, f->text, SAFE_ONE_LINE);
    buf_printf(&l->out, " [%s]\n", f->code);
}

struct exporting {
    struct lint *lint;
    const struct policy_alone *alone;
};

static void exported(void *context, const struct mask_export *e)
{
    struct exporting *x = context;
    const struct catalog_relation *of = e->choice.because;
    struct arena arena;
    arena_init(&arena, 4096, 64 << 10);
    struct bytes text =
        of ? arena_printf(&arena,
                          "%.*s.%.*s gives what is masked in %.*s.%.*s as %.*s: it is masked there too",
                          BYTES_FMT(e->relation->schema), BYTES_FMT(e->relation->name), BYTES_FMT(of->schema),
                          BYTES_FMT(of->name), BYTES_FMT(e->columns))
           : arena_printf(&arena, "%.*s.%.*s has columns that are masked with others, %s: %.*s",
                          BYTES_FMT(e->relation->schema), BYTES_FMT(e->relation->name),
                          mask_reason_text(e->choice.reason), BYTES_FMT(e->columns));
    struct policy_finding finding = { x->alone->place, "re-exported", x->alone->name, BYTES_LITERAL("mask"),
                                      text };
    found(x->lint, &finding);
    arena_free(&arena);
}

/* Columns under another name, which the closure masks as well. */
static void look_for_exports(struct lint *l, const struct policy_snapshot *snapshot,
                             const struct catalog_view *view)
{
    for (size_t i = 0; i < policy_snapshot_n(snapshot); i++) {
        struct policy_alone alone;
        struct arena arena;
        arena_init(&arena, 4096, 64 << 10);
        struct exporting x = { l, &alone };
        if (policy_masks_alone(snapshot, i, &arena, &alone)) mask_exports(alone.ruleset, view, exported, &x);
        arena_free(&arena);
    }
}

static int run(struct cli_call *call)
{
    struct lint l = { .call = call, .json = cli_option(call, "json") };
    const char *fallback = cli_option(call, "config");
    if (!fallback) fallback = "postern.yaml";
    const struct policy_snapshot *snapshot = call->n_arguments
                                                 ? asker_policies(call, call->arguments, call->n_arguments)
                                                 : asker_policies(call, &fallback, 1);
    if (!snapshot) return CLI_NO;
    const char *path = cli_option(call, "catalog");
    struct catalog_file file;
    if (path && !catalog_file_open(call, path, &file)) {
        policy_snapshot_unref(snapshot);
        return CLI_FAILED;
    }
    buf_init(&l.out, 64 << 20);
    bool good = policy_lint(snapshot, found, &l);
    if (path) {
        good = policy_lint_names(snapshot, file.view.catalog, found, &l) && good;
        look_for_exports(&l, snapshot, &file.view);
        catalog_file_close(&file);
    }
    if (!l.n && !l.json)
        buf_printf(&l.out, "nothing found in %zu polic%s\n", policy_snapshot_n(snapshot),
                   policy_snapshot_n(snapshot) == 1 ? "y" : "ies");
    good = good && !l.out.failed;
    cli_write(call, &l.out);
    buf_free(&l.out);
    policy_snapshot_unref(snapshot);
    if (!good) return cli_fail(call, "there is no memory");
    return l.n ? CLI_NO : CLI_YES;
}

const struct cli_command cli_command_policy_lint = {
    .name = "policy lint",
    .summary = "Find rules that match nothing, shadow each other, or cannot be meant",
    .arguments = "[FILE]...",
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .notes =
        "Each FILE is a list of policies, one policy, a folder of such files, or a configuration; without "
        "one, the configuration is looked at.\n"
        "The exit code is 1 where something was found, or where a policy is wrong altogether.",
    .run = run,
};
