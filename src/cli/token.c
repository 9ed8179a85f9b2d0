/* postern token */
#include "cli/commands.h"
#include "cli/login-file.h"
#include "json/writer.h"
#include <signal.h>

static const struct cli_option options[] = {
    { "json", 0, NULL, "With whom it stands for and when it ends, as JSON" },
    { 0 },
};

static int run(struct cli_call *call)
{
    struct arena arena;
    struct login_file login;
    struct buf out;
    signal(SIGPIPE, SIG_IGN);
    arena_init(&arena, 16 * 1024, 16 << 20);
    buf_init(&out, 1 << 20);
    bool good = login_current(call, &arena, &login);
    if (good && cli_option(call, "json")) {
        struct json_writer w = json_writer_over(&out);
        json_write_object(&w);
        json_write_text_member(&w, "token", login.token);
        json_write_text_member(&w, "user", login.user);
        json_write_time_member(&w, "expires", login.expires_s * 1000000);
        json_write_end(&w);
    } else if (good)
        buf_append(&out, login.token);
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
    .summary = "Print the token of the login: the password for a database client",
    .arguments = "",
    .options = options,
    .own = true,
    .notes =
        "PGPASSWORD=$(postern token) psql …, for a client of your own; postern connect does it for psql.\n"
        "The exit code is 1 where nobody is logged in, or the login has expired.",
    .run = run,
};
