/* postern audit verify: the log of a data folder or of several, and bundles. */
#include "cli/audit-verify.h"
#include "cli/commands.h"
#include "cli/evidence.h"
#include "cli/progress.h"
#include "record/verifier-key.h"
#include "json/writer.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct cli_option options[] = {
    { "key", 0, "KEY",
      "The public key to verify with, as text or in a file, which may hold those of several logs; the "
      "default "
      "is the data folder's log.pub" },
    { "against", 0, "FILE", "Checkpoints that were kept elsewhere: what they sign must still be there" },
    { "partial", 0, NULL, "Let a bundle pass whose sessions had not ended, or were erased" },
    { "key", 0, "FILE", "The public key to verify with; the default is the data folder's log.pub" },
    { "archive", 0, NULL, "Verify what is in the archive from there, even where it is here too" },
    { "heads-only", 0, NULL, "Prove the blocks and do not open them; needs no key-encryption key" },
    { 0 },
};

static void progressed(void *context, uint64_t done, uint64_t total)
{
    progress_show(context, done, total);
}

static void print_json(const struct record_verify_result *r, const struct anchored *anchored, bool opened,
                       struct buf *out)
{
    char id[14];
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_bool_member(&w, "ok", r->ok);
    json_write_text_member(&w, "origin", bytes_of(r->origin));
    json_write_int_member(&w, "signing_keys", (int64_t)r->keys);
    if (anchored) json_write_int_member(&w, "anchored_size", (int64_t)anchored->held);
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

static int print(struct cli_call *call, const struct evidence *e, const uint8_t public_key[32],
                 const struct record_verify_result *r, const struct anchored *anchored)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    if (cli_option(call, "json"))
        print_json(r, anchored, e->has_keys, &out);
    else {
        print_text(r, e->has_keys, &out);
        if (r->ok && anchored && anchored->held)
            buf_printf(&out, "the log holds what was anchored at %llu blocks\n",
                       (unsigned long long)anchored->held);
        if (r->ok && r->keys > 1 && memcmp(public_key, r->newest_key, 32) != 0) {
            buf_append_text(&out, "the key to verify with has handed on; the log is signed now with ");
            verifier_key_write(bytes_of(r->origin), r->newest_key, &out);
            buf_append_text(&out, "\n");
        }
    }
    cli_write(call, &out);
    buf_free(&out);
    return r->ok ? CLI_YES : CLI_NO;
}

/* The log's name, by its own log.pub; the key that was given for it, or else that one. */
static bool choose_key(struct cli_call *call, const struct evidence *e, const struct pinned *pinned,
                       struct buf *origin, uint8_t key[32])
{
    char path[EVIDENCE_PATH + 16];
    struct bytes name = { 0 };
    uint8_t own[32] = { 0 };
    snprintf(path, sizeof path, "%s/log.pub", e->data);
    int error = verifier_key_load(path, own, origin);
    if (error && !buf_length(&pinned->keys)) {
        cli_fail(call, "the public key %s: %s", path,
                 error == -EBADMSG ? "it is no verifier key" : strerror(-error));
        return false;
    }
    if (!error && verifier_key_parse(buf_bytes(origin), own, &name)) origin->end = origin->start + name.n;
    memcpy(key, own, 32);
    if (!buf_length(&pinned->keys) || pinned_key(pinned, buf_bytes(origin), key)) return true;
    /* The folder does not say, or lies: one key that was given is the one that is meant. */
    struct bytes only = buf_bytes(&pinned->keys);
    while (only.n && only.p[only.n - 1] <= ' ')
        only.n--;
    if (!verifier_key_parse(only, key, &name)) {
        cli_fail(call, "%s: none of the keys that were given is for its log", e->data);
        return false;
    }
    buf_consume(origin, buf_length(origin));
    buf_append(origin, name);
    return true;
}

static int say_failure(struct cli_call *call, const struct evidence *e, int error)
{
    if (error == -ENOLINK)
        return cli_fail(call,
                        "a part of the log %s is in the archive: name the configuration with --config (and "
                        "the folder with --data)",
                        e->log);
    if (e->far && (error == -EHOSTUNREACH || error == -EACCES || error == -ENOENT))
        return cli_fail(call, "a part of the log is in the archive, which does not give it");
    return cli_fail(call, "the log %s: %s", e->log, strerror(-error));
}

static int verify(struct cli_call *call, struct evidence *e, const struct pinned *pinned)
{
    if (cli_option(call, "archive") && !e->far)
        return cli_fail(call, "--archive wants a configuration with an archive");
    struct record_verify_result result = { 0 };
    struct buf origin, notes;
    struct anchored anchored = { 0 };
    uint8_t key[32];
    int code = CLI_FAILED;
    buf_init(&origin, 4096);
    buf_init(&notes, 1 << 30);
    if (choose_key(call, e, pinned, &origin, key)) {
        enum pinned_anchored some = pinned_anchored(call, pinned, buf_bytes(&origin), &notes, &anchored);
        if (some == PINNED_NONE && buf_length(&pinned->anchored))
            code = cli_fail(call, "%s: what was anchored is not of its log, %.*s", e->data,
                            BYTES_FMT(buf_bytes(&origin)));
        else if (some != PINNED_BAD) {
            struct anchored *against = some == PINNED_SOME ? &anchored : NULL;
            struct record_far far = e->far ? *e->far : (struct record_far){ 0 };
            struct progress bar = progress_begin(call, "verifying");
            far.first = cli_option(call, "archive");
            int error =
                record_verify_against(e->log, e->far ? &far : NULL, key, e->has_keys ? &e->keys.keys : NULL,
                                      against, progressed, &bar, &result);
            progress_end(&bar);
            code = error ? say_failure(call, e, error) : print(call, e, key, &result, against);
        }
    }
    anchored_free(&anchored);
    buf_free(&origin);
    buf_free(&notes);
    return code;
}

/* Blocks are opened where the key is at hand; without it the proof stands all the same. */
static unsigned wanted(const struct cli_call *call)
{
    return cli_option(call, "heads-only") ? 0 : EVIDENCE_KEYS;
}

/* A data folder among the arguments; it is often a copy without its key. */
static int verify_folder(struct cli_call *call, const struct pinned *pinned, const char *folder)
{
    struct evidence e;
    char kek[EVIDENCE_PATH + 8];
    snprintf(kek, sizeof kek, "%s/kek", folder);
    bool has_key = cli_option(call, "key-file") || access(kek, F_OK) == 0;
    if (!cli_option(call, "json")) {
        fprintf(call->world->out, "%s\n", folder);
        fflush(call->world->out);
    }
    int code = evidence_open_folder(call, folder, has_key ? wanted(call) : 0, &e) ? verify(call, &e, pinned)
                                                                                  : CLI_FAILED;
    evidence_close(&e);
    return code;
}

static int run(struct cli_call *call)
{
    struct pinned pinned;
    struct stat st;
    int code = CLI_FAILED;
    if (pinned_read(call, &pinned)) {
        if (call->n_arguments == 0) {
            struct evidence e;
            code = evidence_open(call, wanted(call), &e) ? verify(call, &e, &pinned) : CLI_FAILED;
            evidence_close(&e);
        } else
            code = CLI_YES;
        for (unsigned i = 0; i < call->n_arguments; i++) {
            const char *name = call->arguments[i];
            int one = stat(name, &st) == 0 && S_ISDIR(st.st_mode) ? verify_folder(call, &pinned, name)
                                                                  : audit_verify_bundle(call, &pinned, name);
            if (one > code) code = one;
        }
    }
    pinned_free(&pinned);
    return code;
}

const struct cli_command cli_command_audit_verify = {
    .name = "audit verify",
    .summary = "Verify that the record, or a bundle of it, is complete and unchanged",
    .arguments = "[BUNDLE|FOLDER]...",
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .notes =
        "Every block is checked against the signed checkpoints, is opened, and must hold every entry of its\n"
        "numbers. The first bad one is named, and the exit code is 1. With --heads-only the public key "
        "and the\n"
        "files are enough.\n"
        "\n"
        "A bundle (postern audit export) needs neither a data folder nor a configuration. Several data "
        "folders, of\n"
        "several gateways, are verified one after the other. With --against, what was anchored must still "
        "be there:\n"
        "a history that was rewritten and signed again is found, and a log that was cut.\n"
        "\n"
        "Keep a copy of log.pub elsewhere and give it with --key: a key that lies "
        "beside the\n"
        "log proves nothing to those who could change both.",
    .run = run,
};
