/* postern approvals list, and show: what waits for people. */
#include "base/codec.h"
#include "cli/approvals-ask.h"
#include "cli/commands.h"
#include "cli/safe.h"
#include "json/writer.h"

static const struct cli_option list_options[] = {
    APPROVALS_TOKEN,
    { "all", 'a', NULL, "Those that have ended, too" },
    { 0 },
};
static const struct cli_option show_options[] = { APPROVALS_TOKEN, { 0 } };

struct printing {
    struct cli_call *call;
    struct buf out;
    struct json_writer json;
    bool is_json, in_entry;
    size_t n;
};

static struct bytes field(const struct control_line *line, const char *name)
{
    return control_line_get(line, name);
}

static void put(struct buf *out, struct bytes text)
{
    safe_append(out, text, SAFE_ONE_LINE);
}

static void time_of(const struct control_line *line, const char *name, char out[28])
{
    int64_t us = 0;
    out[0] = 0;
    if (bytes_to_int64(field(line, name), &us) && us) codec_time(us, out);
    if (out[0]) out[19] = 0;
}

static void entry_json(struct printing *p, const struct control_line *line)
{
    static const char *const texts[] = { "id",         "state",   "principal", "on_behalf_of",
                                         "connection", "message", "text" },
                             *const numbers[] = { "rows", "missing", "text_bytes" };
    int64_t n;
    json_write_object(&p->json);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (field(line, texts[i]).p) json_write_text_member(&p->json, texts[i], field(line, texts[i]));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (bytes_to_int64(field(line, numbers[i]), &n)) json_write_int_member(&p->json, numbers[i], n);
    char at[28];
    time_of(line, "asked_us", at);
    json_write_text_member(&p->json, "asked", bytes_of(at));
    time_of(line, "ends_us", at);
    if (at[0]) json_write_text_member(&p->json, "until", bytes_of(at));
    json_write_end(&p->json);
}

static void entry_text(struct printing *p, const struct control_line *line)
{
    char until[28];
    time_of(line, "ends_us", until);
    put(&p->out, field(line, "id"));
    buf_append_text(&p->out, "  ");
    put(&p->out, field(line, "state"));
    if (until[0]) buf_printf(&p->out, " until %s", until);
    buf_append_text(&p->out, "  ");
    put(&p->out, field(line, "principal"));
    if (field(line, "on_behalf_of").n) {
        buf_append_text(&p->out, " for ");
        put(&p->out, field(line, "on_behalf_of"));
    }
    buf_append_text(&p->out, " on ");
    put(&p->out, field(line, "connection"));
    buf_append_text(&p->out, "\n    ");
    put(&p->out, field(line, "message"));
    if (field(line, "rows").n) {
        buf_append_text(&p->out, "; rows it would change: ");
        put(&p->out, field(line, "rows"));
    }
    buf_append_text(&p->out, "\n    ");
    put(&p->out, field(line, "text"));
    buf_append_text(&p->out, "\n");
}

/* A line of what is shown of one: "parameter $1  7". */
static void piece(struct printing *p, const struct control_line *line)
{
    if (p->is_json) {
        json_write_object(&p->json);
        json_write_text_member(&p->json, "of", field(line, "of"));
        if (field(line, "name").n) json_write_text_member(&p->json, "name", field(line, "name"));
        json_write_text_member(&p->json, "text", field(line, "text"));
        json_write_end(&p->json);
        return;
    }
    put(&p->out, field(line, "of"));
    buf_append_text(&p->out, " ");
    put(&p->out, field(line, "name"));
    buf_append_text(&p->out, "  ");
    put(&p->out, field(line, "text"));
    buf_append_text(&p->out, "\n");
}

static void visit(void *context, const struct control_line *line)
{
    struct printing *p = context;
    if (bytes_is(line->verb, "piece"))
        piece(p, line);
    else if (p->is_json)
        entry_json(p, line);
    else
        entry_text(p, line);
    p->n++;
}

static int print(struct cli_call *call, const char *verb, const struct control_field *fields, size_t n)
{
    struct printing p = { .call = call, .is_json = cli_option(call, "json") != NULL };
    buf_init(&p.out, 64 << 20);
    if (p.is_json) {
        p.json = json_writer_over(&p.out);
        json_write_array(&p.json);
    }
    int code = approvals_ask(call, verb, fields, n, visit, &p, NULL);
    if (p.is_json) {
        json_write_end(&p.json);
        buf_append_text(&p.out, "\n");
    } else if (code == CLI_YES && p.n == 0) {
        buf_append_text(&p.out, "nothing waits for you\n");
    }
    if (code == CLI_YES) cli_write(call, &p.out);
    buf_free(&p.out);
    return code;
}

static int run_list(struct cli_call *call)
{
    struct control_field all = { BYTES_LITERAL("all"), BYTES_LITERAL("yes") };
    return print(call, "approvals", &all, cli_option(call, "all") ? 1 : 0);
}

static int run_show(struct cli_call *call)
{
    struct control_field id = { BYTES_LITERAL("id"), bytes_of(call->arguments[0]) };
    return print(call, "approval", &id, 1);
}

const struct cli_command cli_command_approvals_list = {
    .name = "approvals list",
    .summary = "List statements that wait for approval: yours, and those that you may decide on",
    .arguments = "",
    .options = list_options,
    .notes = "Asks the gateway that runs on the data folder, on the same machine. What is printed is made "
             "safe: no "
             "control\ncharacter, no mark that turns the direction of text comes through.",
    .run = run_list,
};
const struct cli_command cli_command_approvals_show = {
    .name = "approvals show",
    .summary = "Show one request: its text, parameters, count and decisions",
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .options = show_options,
    .run = run_show,
};
