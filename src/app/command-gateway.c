/* postern gateway */
#include "app/commands.h"
#include "app/gateway.h"

static const struct cli_option options[] = {
    { "config", 0, "FILE", "The configuration; the default is postern.yaml" },
    { "ready-fd", 0, "N", "Write \"ready PORT\" to this descriptor once it listens" },
    { 0 },
};

static int run(struct cli_call *call)
{
    uint64_t fd = 0;
    const char *config = cli_option(call, "config");
    if (!cli_option_number(call, "ready-fd", 0, 1 << 20, &fd)) return CLI_FAILED;
    struct gateway_options o = { .config = config ? config : "postern.yaml",
                                 .ready_fd = cli_option(call, "ready-fd") ? (int)fd : -1 };
    return gateway_run(&o);
}

const struct cli_command command_gateway = {
    .name = "gateway",
    .summary = "Run the gateway that clients connect to",
    .arguments = "",
    .options = options,
    .own = true,
    .notes =
        "SIGHUP reads the configuration again; a bad one leaves the old one in force. SIGTERM ends sessions\n"
        "with 57P01 and stops.",
    .run = run,
};
