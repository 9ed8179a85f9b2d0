/* postern store reindex, rewrap, backup */
#include "app/commands.h"
#include "app/store.h"
#include "base/codec.h"
#include "cli/progress.h"
#include "crypto/random.h"
#include "record/backup.h"
#include "record/index-erase.h"
#include "record/index-values.h"
#include "record/rewrap.h"
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

static bool note_event(struct store *s, const char *event, const char *name, uint64_t number)
{
    struct buf body;
    buf_init(&body, 4096);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "event", event);
    frame_fields_add_text(&f, "by", s->by);
    if (name) frame_fields_add_number(&f, name, (int64_t)number);
    bool good = store_note(s, buf_bytes(&body));
    buf_free(&body);
    return good;
}

/* ---- reindex */

static void remove_database(const char *path)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    char name[EVIDENCE_PATH + 32];
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static int fill(struct store *s, struct index *index, uint64_t *blocks_out)
{
    struct progress bar = progress_begin(s->call, "reading the log");
    struct record_reader *reader = NULL;
    struct index_progress progress = { 0 };
    int error = record_reader_open(s->e.log, &s->e.keys.keys, &reader);
    if (!error) record_reader_reach(reader, s->e.far);
    while (!error && !progress.at_end) {
        error = index_follow(index, reader, &progress);
        *blocks_out += progress.blocks;
        progress_show(&bar, *blocks_out, 0);
    }
    progress_end(&bar);
    if (error)
        cli_fail(s->call, "the log cannot be followed: %s",
                 error == -EBADMSG && reader ? record_reader_message(reader) : strerror(-error));
    record_reader_free(reader);
    return error;
}

/* As one transaction of the index that is there; one that is damaged goes, where nobody has it open. */
static int swap(struct store *s, const char *path)
{
    struct index *index = NULL;
    int error = index_open(s->e.index_path, INDEX_WRITE, &index);
    if (!error) error = index_replace(index, path);
    index_free(index);
    if ((error != -EBADMSG && error != -ENOTSUP && error != -EINVAL && error != -EIO) || s->running)
        return error;
    remove_database(s->e.index_path);
    return rename(path, s->e.index_path) < 0 ? -errno : 0;
}

static int reindex(struct store *s)
{
    char path[EVIDENCE_PATH + 32];
    uint64_t blocks = 0;
    struct index *index = NULL;
    snprintf(path, sizeof path, "%s.new", s->e.index_path);
    remove_database(path);
    int error = index_open(path, INDEX_WRITE, &index);
    if (error) return cli_fail(s->call, "%s: %s", path, strerror(-error));
    error = fill(s, index, &blocks);
    bool said = error;
    if (!error) error = index_settle(index);
    index_free(index);
    if (!error) error = swap(s, path);
    remove_database(path);
    if (error)
        return said ? CLI_FAILED : cli_fail(s->call, "the index cannot be replaced: %s", strerror(-error));
    if (!note_event(s, "reindexed", "blocks", blocks)) return CLI_FAILED;
    fprintf(s->call->world->out, "the index was made anew from %" PRIu64 " blocks\n", blocks);
    return CLI_YES;
}

static int run_reindex(struct cli_call *call)
{
    struct store s;
    int code = store_open(call, STORE_KEYS | STORE_RECORD, &s) ? reindex(&s) : CLI_FAILED;
    store_close(&s);
    return code;
}

const struct cli_command command_store_reindex = {
    .name = "store reindex",
    .summary = "Make the index anew from the log",
    .arguments = "",
    .notes =
        "It is made beside the one that is there and takes its place at once, beside a running gateway too. "
        "What\nwas erased stays so: of it the log has tombstones alone.",
    .run = run_reindex,
};

/* ---- rewrap */

static const struct cli_option rewrap_options[] = {
    { "new-key-file", 0, "FILE", "The new key-encryption key: 32 bytes, or hexadecimal or base64 of them" },
    { "generate", 0, NULL, "Make a new one, in the place of the data folder's kek" },
    { 0 },
};

/* The new key, and its text where it takes the place of <data>/kek. */
static bool new_key(struct store *s, uint8_t key[32], char text[72], bool *in_folder)
{
    char path[EVIDENCE_PATH + 8];
    const char *file = cli_option(s->call, "new-key-file");
    bool generate = cli_option(s->call, "generate");
    snprintf(path, sizeof path, "%s/kek", s->e.data);
    *in_folder = access(path, F_OK) == 0 && !cli_option(s->call, "key-file");
    if (!!file == generate) {
        cli_fail(s->call, "it wants either --new-key-file or --generate");
        return false;
    }
    if (generate && !*in_folder) {
        cli_fail(s->call, "--generate is for a key in the data folder; give --new-key-file");
        return false;
    }
    if (generate)
        random_bytes(key, 32);
    else if (!evidence_read_key(s->call, file, key))
        return false;
    struct buf hex;
    buf_init(&hex, 256);
    codec_hex(bytes_make(key, 32), &hex);
    snprintf(text, 72, "%.*s\n", BYTES_FMT(buf_bytes(&hex)));
    if (hex.data) secret_wipe(hex.data, hex.size);
    buf_free(&hex);
    return true;
}

/* That of the index of values, where there is an index. */
static int rewrap_index(struct store *s, const struct record_keys *before, const struct record_keys *after)
{
    struct index *index;
    if (access(s->e.index_path, F_OK)) return 0;
    int error = index_open(s->e.index_path, INDEX_WRITE, &index);
    if (error) return error;
    error = index_values_rewrap(index, before, after);
    index_free(index);
    return error;
}

static int rewrap(struct store *s)
{
    static const uint8_t no_seed[32];
    uint8_t key[32];
    char text[72];
    bool in_folder = false;
    uint64_t n = 0;
    struct keys_memory after;
    if (s->running) return cli_fail(s->call, "a gateway runs on %s: stop it first", s->e.data);
    if (!new_key(s, key, text, &in_folder)) return CLI_FAILED;
    bool good = keys_memory_init(&after, key, no_seed);
    secret_wipe(key, sizeof key);
    /* It is recorded, and the tail is emptied, since its files hold wrapped keys as well. */
    good = good && note_event(s, "rewrap", NULL, 0);
    store_finish_log(s);
    int error = good ? rewrap_index(s, &s->e.keys.keys, &after.keys) : 0;
    if (good && !error) {
        error = rewrap_keys(s->e.data, &s->e.keys.keys, &after.keys, in_folder ? text : NULL, &n);
        if (error) (void)!rewrap_index(s, &after.keys, &s->e.keys.keys);
    }
    secret_wipe(text, sizeof text);
    keys_memory_wipe(&after);
    if (!good) return CLI_FAILED;
    if (error)
        return cli_fail(s->call, "the keys cannot be wrapped anew, and are as they were: %s",
                        error == -EBADMSG ? "one of them does not open with the old key" : strerror(-error));
    fprintf(s->call->world->out, "%" PRIu64 " keys are wrapped under the new key-encryption key%s\n", n,
            in_folder ? ", which is in kek" : ": have store.key give it from now on");
    return CLI_YES;
}

static int run_rewrap(struct cli_call *call)
{
    struct store s;
    int code = store_open(call, STORE_KEYS | STORE_RECORD, &s) ? rewrap(&s) : CLI_FAILED;
    store_close(&s);
    return code;
}

const struct cli_command command_store_rewrap = {
    .name = "store rewrap",
    .summary = "Wrap all data keys under a new key-encryption key",
    .arguments = "",
    .options = rewrap_options,
    .notes =
        "No gateway may run on the data folder. The blocks are not touched. Where it is interrupted, "
        "everything is as\nit was, or whoever comes next finishes it. Where store.key names another source "
        "than the data folder, that\nsource has to give the new key afterwards.",
    .run = run_rewrap,
};

/* ---- backup */

static const struct cli_option backup_options[] = {
    { "with-kek", 0, NULL,
      "The key-encryption key of the data folder too: whoever has the copy can read it then" },
    { 0 },
};

static int backup(struct store *s)
{
    struct backup_result r;
    int error = backup_folder(s->e.data, s->call->arguments[0], cli_option(s->call, "with-kek"), &r);
    if (error == -ENOTEMPTY) return cli_fail(s->call, "%s is not empty", s->call->arguments[0]);
    if (error) return cli_fail(s->call, "the copy stopped at %s: %s", r.file, strerror(-error));
    if (!note_event(s, "backup", "bytes", r.bytes)) return CLI_FAILED;
    fprintf(s->call->world->out, "%" PRIu64 " files were copied, %" PRIu64 " bytes\n", r.files, r.bytes);
    return CLI_YES;
}

static int run_backup(struct cli_call *call)
{
    struct store s;
    int code = store_open(call, STORE_RECORD, &s) ? backup(&s) : CLI_FAILED;
    store_close(&s);
    return code;
}

const struct cli_command command_store_backup = {
    .name = "store backup",
    .summary = "Copy the log and its keys so that the copy verifies",
    .arguments = "FOLDER",
    .least = 1,
    .most = 1,
    .options = backup_options,
    .notes =
        "It works beside a running gateway. The folder is a data folder: put kek back, run `postern store "
        "reindex`,\nand a gateway can use it. The key-encryption key is left out, since it belongs "
        "elsewhere.",
    .run = run_backup,
};
