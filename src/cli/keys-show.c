/* postern keys show */
#include "base/codec.h"
#include "cli/commands.h"
#include "cli/evidence.h"
#include "record/verifier-key.h"
#include "json/writer.h"
#include <errno.h>

static int show(struct cli_call *call, const struct evidence *e)
{
    char path[EVIDENCE_PATH + 16];
    uint8_t key[32];
    struct buf text, out, hex;
    snprintf(path, sizeof path, "%s/log.pub", e->data);
    buf_init(&text, 4096);
    buf_init(&out, 16384);
    buf_init(&hex, 4096);
    int error = verifier_key_load(path, key, &text);
    int code = CLI_YES;
    if (error)
        code = cli_fail(call, "%s: %s", path, error == -EBADMSG ? "it is no verifier key" : strerror(-error));
    else if (cli_option(call, "json")) {
        struct bytes name = { 0 };
        CHECK(verifier_key_parse(buf_bytes(&text), key, &name));
        codec_hex(bytes_make(key, 32), &hex);
        struct json_writer w = json_writer_over(&out);
        json_write_object(&w);
        json_write_text_member(&w, "origin", name);
        json_write_text_member(&w, "verifier_key", buf_bytes(&text));
        json_write_text_member(&w, "ed25519", buf_bytes(&hex));
        json_write_end(&w);
        buf_append_text(&out, "\n");
    } else {
        buf_append(&out, buf_bytes(&text));
        buf_append_text(&out, "\n");
    }
    cli_write(call, &out);
    buf_free(&text);
    buf_free(&out);
    buf_free(&hex);
    return code;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    int code = evidence_open(call, 0, &e) ? show(call, &e) : CLI_FAILED;
    evidence_close(&e);
    return code;
}

const struct cli_command cli_command_keys_show = {
    .name = "keys show",
    .summary = "Print the log's public key: what everyone verifies with",
    .arguments = "",
    .notes =
        "It is a verifier key as other tools for signed notes take it. Hand it to whoever should be able to\n"
        "check the record, and keep a copy where the gateway cannot write.",
    .run = run,
};
