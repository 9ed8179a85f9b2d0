/* postern audit verify */
#include "base/codec.h"
#include "cli/commands.h"
#include "cli/evidence.h"
#include "cli/progress.h"
#include "cli/verifier-key.h"
#include "json/writer.h"
#include <errno.h>
#include <unistd.h>

static const struct cli_option options[] = {
    { "key", 0, "FILE", "The public key to verify with; the default is the data folder's log.pub" },
    { "heads-only", 0, NULL, "Prove the blocks and do not open them; needs no key-encryption key" },
    { 0 },
};

static void progressed(void *context, uint64_t done, uint64_t total)
{
    progress_show(context, done, total);
}

static void print_json(const struct record_verify_result *r, bool opened, struct buf *out)
{
    char id[14];
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_bool_member(&w, "ok", r->ok);
    json_write_bool_member(&w, "opened", opened);
    json_write_int_member(&w, "sessions", (int64_t)r->sessions);
    json_write_int_member(&w, "blocks", (int64_t)r->blocks);
    json_write_int_member(&w, "bytes", (int64_t)r->bytes);
    json_write_int_member(&w, "checkpoints", (int64_t)r->checkpoints);
    json_write_int_member(&w, "erased_blocks", (int64_t)r->erased);
    json_write_int_member(&w, "removed_blocks", (int64_t)r->removed);
    json_write_int_member(&w, "tree_size", (int64_t)r->tree_size);
    json_write_int_member(&w, "unproven_blocks", (int64_t)r->unproven_blocks);
    if (!r->ok) {
        session_id_format(r->bad_session, id);
        json_write_name(&w, "bad");
        json_write_object(&w);
        json_write_int_member(&w, "block", (int64_t)r->bad_leaf);
        if (r->bad_session) json_write_text_member(&w, "session", bytes_of(id));
        json_write_int_member(&w, "first_sequence", r->bad_first_sequence);
        json_write_int_member(&w, "last_sequence", r->bad_last_sequence);
        json_write_text_member(&w, "message", bytes_of(r->message));
        json_write_end(&w);
    }
    json_write_end(&w);
    buf_append_text(out, "\n");
}

static void print_text(const struct record_verify_result *r, bool opened, struct buf *out)
{
    char id[14];
    if (!r->ok) {
        buf_printf(out, "NOT VERIFIED: %s\n", r->message);
        buf_printf(out, "  the first bad block is number %llu", (unsigned long long)r->bad_leaf);
        session_id_format(r->bad_session, id);
        if (r->bad_session)
            buf_printf(out, ", of session %s, entries %u to %u", id, r->bad_first_sequence,
                       r->bad_last_sequence);
        buf_append_text(out, "\n");
    }
    buf_printf(out, "%s%llu sessions, %llu blocks, %llu bytes, %llu checkpoints%s\n",
               r->ok ? "verified: " : "  so far: ", (unsigned long long)r->sessions,
               (unsigned long long)r->blocks, (unsigned long long)r->bytes,
               (unsigned long long)r->checkpoints,
               opened ? "; each entry was opened" : "; no block was opened");
    if (r->erased)
        buf_printf(
            out,
            "%llu of these blocks are of erased sessions: their heads are proven, and nobody can open them; "
            "the content of %llu\nwas removed from the disk\n",
            (unsigned long long)r->erased, (unsigned long long)r->removed);
    if (r->unproven_blocks)
        buf_printf(
            out,
            "%llu blocks are newer than the last checkpoint: safe from a crash, not yet tamper-evident\n",
            (unsigned long long)r->unproven_blocks);
}

static int verify(struct cli_call *call, struct evidence *e, const uint8_t public_key[32])
{
    struct record_verify_result result = { 0 };
    struct progress bar = progress_begin(call, "verifying");
    struct buf out;
    int error =
        record_verify(e->log, public_key, e->has_keys ? &e->keys.keys : NULL, progressed, &bar, &result);
    progress_end(&bar);
    if (error) return cli_fail(call, "the log %s: %s", e->log, strerror(-error));
    buf_init(&out, 1 << 20);
    if (cli_option(call, "json"))
        print_json(&result, e->has_keys, &out);
    else
        print_text(&result, e->has_keys, &out);
    cli_write(call, &out);
    buf_free(&out);
    return result.ok ? CLI_YES : CLI_NO;
}

/* Blocks are opened where the key is at hand; without it the proof stands all the same. */
static unsigned wanted(const struct cli_call *call)
{
    return cli_option(call, "heads-only") ? 0 : EVIDENCE_KEYS;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    uint8_t public_key[32];
    char path[EVIDENCE_PATH + 16];
    int code = CLI_FAILED;
    if (evidence_open(call, wanted(call), &e)) {
        snprintf(path, sizeof path, "%s/log.pub", e.data);
        const char *file = cli_option(call, "key") ? cli_option(call, "key") : path;
        int error = verifier_key_load(file, public_key, NULL);
        code = error ? cli_fail(call, "the public key %s: %s", file,
                                error == -EBADMSG ? "it is no verifier key" : strerror(-error))
                     : verify(call, &e, public_key);
    }
    evidence_close(&e);
    return code;
}

const struct cli_command cli_command_audit_verify = {
    .name = "audit verify",
    .summary = "Verify that the record is complete and unchanged",
    .arguments = "",
    .options = options,
    .notes = "Every block is checked against the signed checkpoints, and every entry inside by its checksum "
             "and its\n"
             "number. The first bad one is named, and the exit code is 1. With --heads-only the public key "
             "and the\n"
             "files are enough. Keep a copy of log.pub elsewhere and give it with --key: a key that lies "
             "beside the\n"
             "log proves nothing to those who could change both.",
    .run = run,
};
