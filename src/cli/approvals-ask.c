/* One request, one answer of any number of lines. The token is read, sent and wiped. */
#include "cli/approvals-ask.h"
#include "cli/control-client.h"
#include "cli/evidence.h"
#include "cli/safe.h"
#include <errno.h>
#include <stdlib.h>

enum { ANSWER_MS = 10000, TOKEN_MOST = 6000 };

static bool read_token(struct cli_call *call, char token[TOKEN_MOST + 2])
{
    const char *path = cli_option(call, "token"), *value = getenv("POSTERN_TOKEN");
    size_t n = 0;
    if (path) {
        FILE *file = fopen(path, "re");
        if (file) n = fread(token, 1, TOKEN_MOST + 1, file);
        if (!file || ferror(file)) cli_fail(call, "%s cannot be read: %s", path, strerror(errno));
        if (file) fclose(file);
        if (!file) return false;
    } else if (value) {
        n = strlen(value);
        if (n <= TOKEN_MOST) memcpy(token, value, n);
    }
    if (n > TOKEN_MOST) {
        cli_fail(call, "the token is longer than the control socket takes");
        return false;
    }
    while (n && (unsigned char)token[n - 1] <= ' ')
        n--;
    token[n] = 0;
    if (n == 0)
        cli_fail(
            call,
            "no token: give --token FILE, or set POSTERN_TOKEN=\"$(postern token)\" after postern login");
    return n > 0;
}

static int judge_last(struct cli_call *call, const struct control_line *line, struct buf *message_out)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    safe_append(&text, control_line_get(line, "message"), SAFE_ONE_LINE);
    int code = bytes_is(line->verb, "ok") ? CLI_YES : bytes_is(line->verb, "no") ? CLI_NO : CLI_FAILED;
    if (code == CLI_YES && message_out) buf_append(message_out, buf_bytes(&text));
    if (code != CLI_YES) cli_fail(call, "%.*s", BYTES_FMT(buf_bytes(&text)));
    buf_free(&text);
    return code;
}

static bool is_last(const struct control_line *line)
{
    return bytes_is(line->verb, "ok") || bytes_is(line->verb, "no") || bytes_is(line->verb, "error");
}

static int converse(struct cli_call *call, const char *data, struct buf *request,
                    void (*visit)(void *context, const struct control_line *line), void *context,
                    struct buf *message_out)
{
    struct control_client client;
    struct control_line line;
    int error = control_client_open(data, &client), got = error, code = CLI_FAILED;
    if (!error) got = error = control_client_send(&client, buf_bytes(request));
    while (!error && (got = control_client_receive(&client, ANSWER_MS, &line)) == 1) {
        if (is_last(&line)) {
            code = judge_last(call, &line, message_out);
            break;
        }
        if (visit) visit(context, &line);
    }
    if (got == -ENOENT || got == -ECONNREFUSED)
        cli_fail(call, "no gateway runs on %s", data);
    else if (got != 1)
        cli_fail(call, "the gateway does not answer: %s", got ? strerror(-got) : "it took too long");
    control_client_close(&client);
    return code;
}

int approvals_ask(struct cli_call *call, const char *verb, const struct control_field *fields, size_t n,
                  void (*visit)(void *context, const struct control_line *line), void *context,
                  struct buf *message_out)
{
    struct evidence e;
    char token[TOKEN_MOST + 2];
    if (!read_token(call, token)) return CLI_FAILED;
    struct buf request;
    buf_init(&request, 4 * CONTROL_LINE_MOST);
    control_line_begin(&request, verb);
    control_line_field(&request, "token", bytes_of(token));
    secret_wipe(token, sizeof token);
    for (size_t i = 0; i < n; i++)
        control_line_field(&request, (const char *)fields[i].name.p, fields[i].value);
    control_line_end(&request);
    int code = CLI_FAILED;
    if (request.failed || buf_length(&request) > CONTROL_LINE_MOST)
        cli_fail(call, "the token and what you say are longer than the control socket takes");
    else if (evidence_open(call, 0, &e)) {
        code = converse(call, e.data, &request, visit, context, message_out);
        evidence_close(&e);
    }
    buf_consume(&request, buf_length(&request));
    buf_wipe(&request);
    buf_free(&request);
    return code;
}
