/* postern openapi */
#include "api/tables.h"
#include "app/commands.h"

static int run(struct cli_call *call)
{
    struct buf out;
    buf_init(&out, 8 << 20);
    api_openapi_write(&out);
    buf_append_text(&out, "\n");
    cli_write(call, &out);
    buf_free(&out);
    return CLI_YES;
}

const struct cli_command command_openapi = {
    .name = "openapi",
    .summary = "Print the description of the HTTP API, as OpenAPI",
    .arguments = "",
    .own = true,
    .notes = "A gateway whose configuration has \"admin:\" serves the same at /v1/openapi.json.",
    .run = run,
};
