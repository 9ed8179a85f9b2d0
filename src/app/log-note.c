#include "app/log-note.h"
#include "app/keys-vault.h"
#include "cli/control-client.h"
#include "cli/evidence.h"
#include "cli/safe.h"
#include "record/frame.h"
#include "record/journal.h"
#include "record/session-keys.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LANE_BYTES = 4 << 20, BODY = 64 * 1024, WAIT_MS = 10000, TRIES = 150, PAUSE_MS = 200 };

void log_note_fields(const struct control_field *fields, size_t n, uint64_t uid, struct buf *out)
{
    struct frame_fields f = frame_fields_begin(out);
    char text[32], room[4096], *name = text;
    struct passwd entry, *found = NULL;
    for (size_t i = 0; i < n; i++) {
        char label[64];
        snprintf(label, sizeof label, "%.*s", BYTES_FMT(bytes_slice(fields[i].name, 0, 60)));
        frame_fields_add(&f, label, fields[i].value);
    }
    snprintf(text, sizeof text, "uid %llu", (unsigned long long)uid);
    if (getpwuid_r((uid_t)uid, &entry, room, sizeof room, &found) == 0 && found) name = found->pw_name;
    frame_fields_add_text(&f, "user", name);
    frame_fields_add_text(&f, "client", "command line");
}

/* 1: the gateway wrote it; 0: none runs; -1: it was said what is wrong. */
static int by_gateway(const struct cli_call *call, const char *data, const struct control_field *fields,
                      size_t n)
{
    struct control_client client;
    struct control_line line;
    struct buf out;
    int error = control_client_open(data, &client);
    buf_init(&out, 4 * CONTROL_LINE_MOST);
    control_line_begin(&out, "note");
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", BYTES_FMT(fields[i].name));
        control_line_field(&out, name, fields[i].value);
    }
    /* Root speaks as the folder's owner (evidence.h), and says so. */
    if (getuid() != geteuid()) control_line_number(&out, "real_uid", getuid());
    control_line_end(&out);
    if (!error) error = control_client_send(&client, buf_bytes(&out));
    int got = error ? error : control_client_receive(&client, WAIT_MS, &line), answer = -1;
    if (got == -ENOENT || got == -ECONNREFUSED)
        answer = 0;
    else if (got == 1 && bytes_is(line.verb, "ok"))
        answer = 1;
    else if (got == 1) {
        struct buf text;
        buf_init(&text, 64 * 1024);
        safe_append(&text, control_line_get(&line, "message"), SAFE_ONE_LINE);
        cli_fail(call, "the gateway cannot record this: %.*s", BYTES_FMT(buf_bytes(&text)));
        buf_free(&text);
    } else
        cli_fail(call, "the gateway does not record this: %s", got ? strerror(-got) : "it took too long");
    buf_free(&out);
    control_client_close(&client);
    return answer;
}

static int vault_wrap(void *vault, const uint8_t key[32], uint8_t wrapped_out[60])
{
    return keys_vault_wrap(vault, key, wrapped_out);
}
static int vault_unwrap(void *vault, const uint8_t wrapped[60], uint8_t key_out[32])
{
    return keys_vault_unwrap(vault, wrapped, key_out);
}
static int vault_sign(void *vault, struct bytes message, uint8_t signature_out[64])
{
    return keys_vault_sign(vault, message, signature_out);
}

/* The signing key must be there: it is not made for a copy of a log. */
static int open_vault(const char *data, const uint8_t kek[32], char origin[256], struct keys_vault **vault)
{
    char path[EVIDENCE_PATH + 16];
    uint8_t key[32];
    struct bytes name = { 0 };
    struct buf text;
    snprintf(path, sizeof path, "%s/log.key", data);
    if (access(path, F_OK) != 0) return -errno;
    snprintf(path, sizeof path, "%s/log.pub", data);
    buf_init(&text, 4096);
    int error = verifier_key_load(path, key, &text);
    if (!error && !verifier_key_parse(buf_bytes(&text), key, &name)) error = -EBADMSG;
    snprintf(origin, 256, "%.*s", BYTES_FMT(name));
    buf_free(&text);
    struct secret secret = secret_copy(bytes_make(kek, 32));
    if (!error) error = keys_vault_open(data, origin, &secret, vault);
    secret_free(&secret);
    return error;
}

static bool write_one(const struct cli_call *call, struct record_log *log, struct bytes body)
{
    struct journal *journal = journal_new(record_log_lane(log, 0), call->world->clock);
    bool good = journal && journal_write(journal, FRAME_GATEWAY, body);
    journal_free(journal);
    return good;
}

/* 0; -EBUSY: another process has the log open; or -errno. */
static int by_ourselves(const struct cli_call *call, const char *data, const uint8_t kek[32],
                        struct bytes body)
{
    char origin[256], folder[EVIDENCE_PATH + 8];
    struct keys_vault *vault = NULL;
    struct record_log *log = NULL;
    snprintf(folder, sizeof folder, "%s/log", data);
    int error = open_vault(data, kek, origin, &vault);
    struct record_keys keys = { vault, vault_wrap, vault_unwrap, vault_sign, { 0 } };
    if (!error) keys_vault_public(vault, keys.public_key);
    struct record_options options = { .folder = folder,
                                      .origin = origin,
                                      .n_lanes = 1,
                                      .tail_segment_bytes = LANE_BYTES,
                                      .clock = call->world->clock,
                                      .keys = &keys };
    if (!error) error = session_keys_fit(folder, keys.unwrap, keys.context);
    if (!error) error = record_log_open(&options, &log);
    if (!error && !write_one(call, log, body)) error = -ENOSPC;
    record_log_close(log);
    keys_vault_close(vault);
    return error;
}

/* Two commands at once write one behind the other; so does one beside a gateway that is just starting, or
 * going. 1: it is written; -1: said why the gateway would not; 0: *error_out says why nobody could. */
static int write_note(const struct cli_call *call, const char *data, const uint8_t kek[32],
                      const struct control_field *fields, size_t n, int *error_out)
{
    struct buf body;
    int done = 0;
    *error_out = -EBUSY;
    buf_init(&body, BODY);
    log_note_fields(fields, n, getuid(), &body);
    if (body.failed) *error_out = -ENOMEM;
    for (int i = 0; i < TRIES && !done && *error_out == -EBUSY; i++) {
        if (i) nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
        done = by_gateway(call, data, fields, n);
        if (done) break;
        *error_out = by_ourselves(call, data, kek, buf_bytes(&body));
        if (!*error_out) done = 1;
    }
    buf_free(&body);
    return done;
}

static const char *reason(int error)
{
    return error == -EBUSY          ? "another process has it open"
           : error == -EKEYREJECTED ? "this is not its key-encryption key"
                                    : strerror(-error);
}

bool log_note(const struct cli_call *call, const char *data, const uint8_t kek[32],
              const struct control_field *fields, size_t n)
{
    int error, done = write_note(call, data, kek, fields, n, &error);
    if (!done)
        cli_fail(call, "this is recorded in the log, and the log of %s cannot be written: %s", data,
                 reason(error));
    return done > 0;
}

bool log_look(const struct cli_call *call, const char *data, const uint8_t kek[32],
              const struct control_field *fields, size_t n)
{
    int error, done = write_note(call, data, kek, fields, n, &error);
    if (done || error == -EBUSY) {
        if (!done) cli_fail(call, "looks are recorded in the log of %s: %s", data, reason(error));
        return done > 0;
    }
    cli_fail(call, "this look is not recorded: the log of %s cannot be written: %s", data, reason(error));
    return true;
}
