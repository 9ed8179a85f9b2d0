/* postern sessions kill */
#include "cli/commands.h"
#include "cli/control-client.h"
#include "cli/evidence.h"
#include "cli/safe.h"
#include <errno.h>

static const struct cli_option options[] = {
    { "reason", 0, "TEXT", "Why, for the record and for the client" },
    { 0 },
};

static int answer(struct cli_call *call, const struct control_line *line, const char *id)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    safe_append(&text, control_line_get(line, "message"), SAFE_ONE_LINE);
    int code = CLI_FAILED;
    if (bytes_is(line->verb, "ok")) {
        code = CLI_YES;
        if (cli_option(call, "json"))
            fprintf(call->world->out, "{\"session\": \"%s\", \"ended\": true}\n", id);
        else
            fprintf(call->world->out, "session %s is ended\n", id);
    } else if (bytes_is(line->verb, "no")) {
        code = CLI_NO;
        cli_fail(call, "session %s: %.*s", id, BYTES_FMT(buf_bytes(&text)));
    } else
        cli_fail(call, "the gateway says: %.*s", BYTES_FMT(buf_bytes(&text)));
    buf_free(&text);
    return code;
}

static int kill_session(struct cli_call *call, struct evidence *e, uint64_t session)
{
    struct control_client client;
    struct control_line line;
    struct buf out;
    char id[14];
    session_id_format(session, id);
    int error = control_client_open(e->data, &client);
    buf_init(&out, 4 * CONTROL_LINE_MOST);
    control_line_begin(&out, "kill");
    control_line_field(&out, "session", bytes_of(id));
    if (cli_option(call, "reason"))
        control_line_field(&out, "reason", bytes_slice(cli_option_bytes(call, "reason"), 0, 1000));
    control_line_end(&out);
    if (!error) error = control_client_send(&client, buf_bytes(&out));
    int got = error ? error : control_client_receive(&client, 10000, &line);
    int code = got == 1 ? answer(call, &line, id) : CLI_FAILED;
    if (got == -ENOENT || got == -ECONNREFUSED)
        cli_fail(call, "no gateway runs on %s", e->data);
    else if (got != 1)
        cli_fail(call, "the gateway does not answer: %s", got ? strerror(-got) : "it took too long");
    buf_free(&out);
    control_client_close(&client);
    return code;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    uint64_t session;
    /* A whole id needs neither key nor index: killing works where only the socket may be used. */
    unsigned wanted = session_id_parse(bytes_of(call->arguments[0]), &session)
                          ? 0
                          : EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX;
    int code = evidence_open(call, wanted, &e) && evidence_session(call, &e, call->arguments[0], &session)
                   ? kill_session(call, &e, session)
                   : CLI_FAILED;
    evidence_close(&e);
    return code;
}

const struct cli_command cli_command_sessions_kill = {
    .name = "sessions kill",
    .summary = "End a running session now",
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .options = options,
    .notes = "The client gets 57P01 and its connection ends; what runs at the server is cancelled. The "
             "answer is no\n"
             "(exit code 1) where no such session runs.",
    .run = run,
};
