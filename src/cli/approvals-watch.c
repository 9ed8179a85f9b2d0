/* postern approvals watch. The control socket says that something happened at the desk; what it was is asked
 * for, as the person of the token, and compared with what was known. */
#include "base/codec.h"
#include "base/map.h"
#include "cli/approvals-ask.h"
#include "cli/commands.h"
#include "cli/control-client.h"
#include "cli/evidence.h"
#include "cli/safe.h"
#include "json/writer.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    APPROVALS_TOKEN,
    { "bell", 'b', NULL, "Ring the terminal's bell when something new waits" },
    { 0 },
};

enum { REQUESTS_MOST = 16384, STATE_MOST = 16, OUT_MOST = 64 << 20, BEAT_MS = 60000, PAUSE_MS = 500 };

struct known { /* what was last told of a request */
    char state[STATE_MOST];
    int64_t missing;
};
struct watch {
    struct cli_call *call;
    struct map known;
    struct buf out;
    bool first, rang, full;
};

static struct bytes field(const struct control_line *line, const char *name)
{
    return control_line_get(line, name);
}

static void put(struct watch *w, const char *before, struct bytes text)
{
    if (!text.n) return;
    buf_append_text(&w->out, before);
    safe_append(&w->out, text, SAFE_ONE_LINE);
}

static void say_json(struct watch *w, const struct control_line *line)
{
    static const char *const texts[] = { "id",         "state",   "principal", "on_behalf_of",
                                         "connection", "message", "text" };
    struct json_writer json = json_writer_over(&w->out);
    int64_t number;
    json_write_object(&json);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (field(line, texts[i]).p) json_write_text_member(&json, texts[i], field(line, texts[i]));
    if (bytes_to_int64(field(line, "rows"), &number)) json_write_int_member(&json, "rows", number);
    if (bytes_to_int64(field(line, "missing"), &number)) json_write_int_member(&json, "missing", number);
    if (bytes_to_int64(field(line, "asked_us"), &number)) json_write_time_member(&json, "asked", number);
    if (bytes_to_int64(field(line, "ends_us"), &number) && number)
        json_write_time_member(&json, "until", number);
    json_write_end(&json);
    buf_append_text(&w->out, "\n");
}

static void say_text(struct watch *w, const struct control_line *line)
{
    put(w, "", field(line, "id"));
    put(w, "  ", field(line, "state"));
    put(w, "  ", field(line, "principal"));
    put(w, " for ", field(line, "on_behalf_of"));
    put(w, " on ", field(line, "connection"));
    put(w, ": ", field(line, "message"));
    put(w, "; rows it would change: ", field(line, "rows"));
    if (bytes_is(field(line, "state"), "waiting")) put(w, "\n    ", field(line, "text"));
    buf_append_text(&w->out, "\n");
}

/* The same state with fewer approvals missing is news as well. */
static bool is_news(struct watch *w, const struct control_line *line)
{
    int64_t missing = 0;
    struct bytes id = field(line, "id"), state = field(line, "state");
    struct known *known = map_get(&w->known, id);
    bool has_number = bytes_to_int64(field(line, "missing"), &missing);
    if (state.n >= STATE_MOST || !id.n) return false;
    if (known && bytes_is(state, known->state) && (!has_number || missing == known->missing)) return false;
    if (!known) {
        known = calloc(1, sizeof *known);
        if (!known || map_put(&w->known, id, known, NULL) != MAP_ADDED) {
            free(known);
            w->full = true;
            return false;
        }
    }
    memcpy(known->state, state.p, state.n);
    known->state[state.n] = 0;
    known->missing = missing;
    return true;
}

static void visit(void *context, const struct control_line *line)
{
    struct watch *w = context;
    bool waits = bytes_is(field(line, "state"), "waiting");
    bool was_known = map_get(&w->known, field(line, "id")) != NULL;
    if (!is_news(w, line) || (w->first && !waits)) return; /* what ended before is no news */
    if (cli_option(w->call, "json"))
        say_json(w, line);
    else
        say_text(w, line);
    w->rang |= waits && !was_known;
}

static int look(struct watch *w)
{
    struct control_field all = { BYTES_LITERAL("all"), BYTES_LITERAL("yes") };
    w->rang = w->full = false;
    int code = approvals_ask(w->call, "approvals", &all, 1, visit, w, NULL);
    if (w->full) map_free(&w->known, free); /* too many: what waits is told again, and nothing is missed */
    w->first = w->full;
    if (w->rang && cli_option(w->call, "bell")) buf_append_text(&w->out, "\a");
    if (buf_length(&w->out)) cli_write(w->call, &w->out);
    fflush(w->call->world->out);
    return code;
}

static int subscribe(const char *data, struct control_client *client)
{
    struct control_line line;
    int error = control_client_open(data, client);
    if (!error) error = control_client_send(client, BYTES_LITERAL("watch what=approvals\n"));
    if (!error && (control_client_receive(client, PAUSE_MS * 20, &line) != 1 || !bytes_is(line.verb, "ok")))
        error = -EPROTO;
    if (error) control_client_close(client);
    return error;
}

/* From the subscription on nothing is missed: it comes before the first look. */
static int follow(struct watch *w, const char *data)
{
    struct control_client client;
    struct control_line line;
    int got, code = CLI_YES, error = subscribe(data, &client);
    if (error == -ENOENT || error == -ECONNREFUSED) return cli_fail(w->call, "no gateway runs on %s", data);
    if (error) return cli_fail(w->call, "the gateway does not answer: %s", strerror(-error));
    do {
        code = look(w);
        got = code == CLI_YES ? control_client_receive(&client, BEAT_MS, &line) : 0;
    } while (code == CLI_YES && got >= 0);
    control_client_close(&client);
    if (code == CLI_YES) code = cli_fail(w->call, "the gateway has ended");
    return code;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    struct watch w = { .call = call, .first = true };
    int code = CLI_FAILED;
    buf_init(&w.out, OUT_MOST);
    map_init(&w.known, REQUESTS_MOST, 0);
    if (evidence_open(call, 0, &e)) {
        code = follow(&w, e.data);
        evidence_close(&e);
    }
    map_free(&w.known, free);
    buf_free(&w.out);
    return code;
}

const struct cli_command cli_command_approvals_watch = {
    .name = "approvals watch",
    .summary = "Follow what waits for approval: yours, and what you may decide on",
    .arguments = "",
    .options = options,
    .notes = "What waits already comes first, then each change as it happens, until the gateway ends or your "
             "token "
             "does. The\ntoken's file is read again each time. With --json, an object a line.",
    .run = run,
};
