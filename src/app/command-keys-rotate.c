/* postern keys rotate */
#include "app/commands.h"
#include "app/keys-rotate.h"
#include "base/log.h"
#include "json/writer.h"

static int run(struct cli_call *call)
{
    struct evidence e;
    struct buf old, new, out;
    int code = CLI_FAILED;
    log_set_level(LOG_WARNING);
    buf_init(&old, 4096);
    buf_init(&new, 4096);
    buf_init(&out, 65536);
    if (evidence_open(call, EVIDENCE_KEYS, &e) && keys_rotate(call, &e, &old, &new)) {
        if (cli_option(call, "json")) {
            struct json_writer w = json_writer_over(&out);
            json_write_object(&w);
            json_write_text_member(&w, "old_key", buf_bytes(&old));
            json_write_text_member(&w, "new_key", buf_bytes(&new));
            json_write_end(&w);
            buf_append_text(&out, "\n");
        } else
            buf_printf(&out, "%.*s\nhands on to\n%.*s\nhand the new key out as you did the old one\n",
                       BYTES_FMT(buf_bytes(&old)), BYTES_FMT(buf_bytes(&new)));
        cli_write(call, &out);
        code = CLI_YES;
    }
    evidence_close(&e);
    buf_free(&old);
    buf_free(&new);
    buf_free(&out);
    return code;
}

const struct cli_command command_keys_rotate = {
    .name = "keys rotate",
    .summary = "Sign the log with a new key from now on",
    .arguments = "",
    .notes =
        "No gateway may run on the data folder meanwhile. The newest checkpoint is signed once more, by the "
        "old key\n"
        "and the new one, and names both: whoever knows the old key can follow. The old private key is gone "
        "then.\n"
        "After a crash in between, run it again.",
    .run = run,
};
