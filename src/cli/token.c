/* postern token */
#include "cli/commands.h"
#include "cli/login-ask.h"
#include "json/writer.h"
#include <signal.h>

static const struct cli_option options[] = {
    { "minted", 0, NULL,
      "Have the gateway mint a short-lived login for a client that authenticates with SCRAM: a user name and "
      "a "
      "password" },
    { "json", 0, NULL, "With whom it stands for and when it ends, as JSON" },
    { 0 },
};

static void write_token(const struct cli_call *call, const struct login_file *login, struct buf *out)
{
    if (!cli_option(call, "json")) {
        buf_append(out, login->token);
        return;
    }
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_text_member(&w, "token", login->token);
    json_write_text_member(&w, "user", login->user);
    json_write_time_member(&w, "expires", login->expires_s * 1000000);
    json_write_end(&w);
}

/* What goes into a shell's words is letters, digits, - and _: anything else is no login of a gateway. */
static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_'))
            return false;
    }
    return text.n > 0;
}

static bool write_minted(struct cli_call *call, const struct login_file *login, struct arena *arena,
                         struct buf *out)
{
    static const char *const members[] = { "login", "token", "user", "expires" };
    struct bytes values[4] = { 0 };
    struct login_asking asking = { .path = "/v1/token", .body = BYTES_LITERAL("") };
    json_t *answer = NULL;
    bool good = login_ask(login, &asking, arena, &answer);
    if (!good) cli_fail(call, "the gateway at %.*s mints no login: %s", BYTES_FMT(login->url), asking.why);
    for (size_t i = 0; good && i < 4; i++)
        good = json_member_text(answer, members[i], &values[i]) == JSON_MEMBER_FOUND;
    if (answer && !(good && is_plain(values[0]) && is_plain(values[1]))) {
        cli_fail(call, "the gateway's answer has no login: it may be of another version");
        good = false;
    }
    if (good && cli_option(call, "json")) {
        struct json_writer w = json_writer_over(out);
        json_write_object(&w);
        for (size_t i = 0; i < 4; i++)
            json_write_text_member(&w, members[i], values[i]);
        json_write_end(&w);
    } else if (good)
        buf_printf(out, "PGUSER=%.*s\nPGPASSWORD=%.*s", BYTES_FMT(values[0]), BYTES_FMT(values[1]));
    json_decref(answer);
    return good;
}

static int run(struct cli_call *call)
{
    struct arena arena;
    struct login_file login;
    struct buf out;
    signal(SIGPIPE, SIG_IGN);
    arena_init(&arena, 16 * 1024, 16 << 20);
    buf_init(&out, 1 << 20);
    bool good = login_current(call, &arena, &login);
    if (good && cli_option(call, "minted"))
        good = write_minted(call, &login, &arena, &out);
    else if (good)
        write_token(call, &login, &out);
    if (good) {
        buf_append_text(&out, "\n");
        cli_write(call, &out);
    }
    buf_wipe(&out);
    buf_free(&out);
    arena_wipe(&arena);
    arena_free(&arena);
    return good ? CLI_YES : CLI_NO;
}

const struct cli_command cli_command_token = {
    .name = "token",
    .summary = "Print the token of the login, or a login minted with it: the password for a database client",
    .arguments = "",
    .options = options,
    .own = true,
    .notes =
        "PGPASSWORD=$(postern token) psql …, for a client of your own; postern connect does it for psql.\n"
        "env $(postern token --minted) psql …, where a client wants SCRAM, or a password that is short.\n"
        "What is minted ends by itself, and with postern login --out, and its sessions end with it.\n"
        "The exit code is 1 where nobody is logged in, or the login has expired.",
    .run = run,
};
