/* postern demo */
#include "app/commands.h"
#include "app/demo.h"

static const struct cli_option options[] = {
    { "keep", 0, NULL, "Leave the folder, and say where it is" },
    { "bin-dir", 0, "FOLDER", "PostgreSQL's programs; the default is the newest that is installed" },
    { 0 },
};

static int run(struct cli_call *call)
{
    struct demo_options o = { .keep = cli_option(call, "keep"), .bin_dir = cli_option(call, "bin-dir") };
    return demo_run(&o);
}

const struct cli_command command_demo = {
    .name = "demo",
    .summary = "Play a day of an agent behind the gate, on this machine",
    .arguments = "",
    .options = options,
    .own = true,
    .notes = "It starts a throw-away PostgreSQL, an issuer of tokens and a gateway, works, replays and "
             "verifies what\n"
             "happened, and cleans up after itself.",
    .run = run,
};
