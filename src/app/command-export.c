/* postern audit export */
#include "app/commands.h"
#include "app/log-note.h"
#include "base/log.h"
#include "cli/evidence.h"
#include "cli/progress.h"
#include "record/bundle.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const struct cli_option options[] = {
    { "output", 'o', "FILE", "Where the bundle goes; it must not be there yet" },
    { "against", 0, "FILE",
      "Checkpoints that were kept elsewhere: the bundle proves that the log goes on from the newest of "
      "them" },
    { 0 },
};

enum { IDS_A_NOTE = 400, LATER_TRIES = 75, LATER_MS = 200 };

struct export
{
    struct cli_call *call;
    struct evidence evidence;
    uint64_t *sessions;
    size_t n;
    uint8_t public_key[32];
    struct buf anchored;
    struct bundle_written written;
};

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The sessions that are named, ascending, each once. */
static bool find_sessions(struct export *x)
{
    struct cli_call *call = x->call;
    x->sessions = calloc(call->n_arguments, sizeof *x->sessions);
    if (!x->sessions) return false;
    for (unsigned i = 0; i < call->n_arguments; i++)
        if (!evidence_session(call, &x->evidence, call->arguments[i], &x->sessions[i])) return false;
    qsort(x->sessions, call->n_arguments, sizeof *x->sessions, compare_ids);
    for (unsigned i = 0; i < call->n_arguments; i++)
        if (i == 0 || x->sessions[i] != x->sessions[x->n - 1]) x->sessions[x->n++] = x->sessions[i];
    return true;
}

static bool read_inputs(struct export *x)
{
    char path[EVIDENCE_PATH + 16];
    const char *against = cli_option(x->call, "against");
    snprintf(path, sizeof path, "%s/log.pub", x->evidence.data);
    int error = verifier_key_load(path, x->public_key, NULL);
    if (error) {
        cli_fail(x->call, "the public key %s: %s", path,
                 error == -EBADMSG ? "it is no verifier key" : strerror(-error));
        return false;
    }
    int fd = against ? open(against, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = against && fd < 0 ? -1 : 0;
    while (fd >= 0) {
        uint8_t *room = buf_room(&x->anchored, 64 * 1024);
        n = room ? read(fd, room, 64 * 1024) : -1;
        if (n <= 0) break;
        buf_added(&x->anchored, (size_t)n);
    }
    if (fd >= 0) close(fd);
    if (n < 0) cli_fail(x->call, "the anchored checkpoints %s: %s", against, strerror(errno));
    return n >= 0;
}

/* Taking sessions out is looking at them: it is in the log before it is done. */
static bool record_look(struct export *x)
{
    struct buf ids;
    bool good = true;
    char id[14];
    buf_init(&ids, 64 * 1024);
    for (size_t i = 0; i < x->n && good;) {
        buf_consume(&ids, buf_length(&ids));
        size_t from = i;
        for (; i < x->n && i - from < IDS_A_NOTE; i++) {
            session_id_format(x->sessions[i], id);
            buf_printf(&ids, "%s%s", i == from ? "" : " ", id);
        }
        struct control_field fields[] = {
            { BYTES_LITERAL("what"), BYTES_LITERAL("looked") },
            { BYTES_LITERAL("how"), BYTES_LITERAL("export") },
            { i - from == 1 ? BYTES_LITERAL("session") : BYTES_LITERAL("sessions"), buf_bytes(&ids) }
        };
        good = log_note(x->call, x->evidence.data, x->evidence.keys.encryption_key, fields, 3);
    }
    buf_free(&ids);
    return good;
}

static void progressed(void *context, uint64_t done, uint64_t total)
{
    progress_show(context, done, total);
}

/* What was written last is covered by a checkpoint within a second or two, where a gateway runs. */
static enum bundle_outcome write_bundle(struct export *x, int fd)
{
    struct progress bar = progress_begin(x->call, "proving");
    struct bundle_request request = { .folder = x->evidence.log,
                                      .keys = &x->evidence.keys.keys,
                                      .far = x->evidence.far,
                                      .public_key = x->public_key,
                                      .sessions = x->sessions,
                                      .n_sessions = x->n,
                                      .anchored = buf_bytes(&x->anchored),
                                      .now_us = clock_wall_us(x->call->world->clock),
                                      .version = POSTERN_VERSION,
                                      .progress = progressed,
                                      .context = &bar };
    enum bundle_outcome got = BUNDLE_LATER;
    for (int i = 0; i < LATER_TRIES && got == BUNDLE_LATER; i++) {
        if (i) nanosleep(&(struct timespec){ .tv_nsec = LATER_MS * 1000000L }, NULL);
        if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET)) return BUNDLE_LATER;
        got = bundle_write(&request, fd, &x->written);
    }
    progress_end(&bar);
    return got;
}

static int write_file(struct export *x, int fd)
{
    switch (write_bundle(x, fd)) {
    case BUNDLE_WRITTEN: return CLI_YES;
    case BUNDLE_REFUSED: return cli_fail(x->call, "%s", x->written.message);
    case BUNDLE_LATER: break;
    }
    return cli_fail(x->call, "a session has blocks that no checkpoint covers yet; try again in a moment");
}

static void say(struct export *x, const char *path)
{
    const struct bundle_written *w = &x->written;
    FILE *out = x->call->world->out;
    if (cli_option(x->call, "json")) {
        fprintf(
            out,
            "{\"sessions\": %llu, \"blocks\": %llu, \"bytes\": %llu, \"tree_size\": %llu, \"erased\": %llu, "
            "\"open\": %llu}\n",
            (unsigned long long)w->sessions, (unsigned long long)w->blocks, (unsigned long long)w->bytes,
            (unsigned long long)w->tree_size, (unsigned long long)w->erased, (unsigned long long)w->open);
        return;
    }
    fprintf(out, "%s: %llu sessions, %llu blocks, %llu bytes, proven in the log's first %llu blocks\n", path,
            (unsigned long long)w->sessions, (unsigned long long)w->blocks, (unsigned long long)w->bytes,
            (unsigned long long)w->tree_size);
    if (w->open) fprintf(out, "%llu sessions had not ended\n", (unsigned long long)w->open);
    if (w->erased)
        fprintf(out, "%llu sessions were erased: their blocks are proven, and cannot be read\n",
                (unsigned long long)w->erased);
    fprintf(out, "it holds the keys of these sessions: whoever has it can read them\n");
}

static int run(struct cli_call *call)
{
    struct export x = { .call = call };
    const char *path = cli_option(call, "output");
    if (!path) return cli_fail(call, "it wants --output FILE");
    if (strlen(path) >= EVIDENCE_PATH) return cli_fail(call, "the file's name is too long");
    /* As whoever calls: root becomes the data folder's owner below. */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return cli_fail(call, "%s: %s", path, strerror(errno));
    log_set_level(LOG_WARNING);
    buf_init(&x.anchored, 1 << 30);
    int code = CLI_FAILED;
    if (evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &x.evidence) &&
        find_sessions(&x) && read_inputs(&x) && record_look(&x))
        code = write_file(&x, fd);
    if (code == CLI_YES) say(&x, path);
    evidence_close(&x.evidence);
    buf_free(&x.anchored);
    close(fd);
    if (code != CLI_YES && seteuid(getuid()) == 0) unlink(path);
    free(x.sessions);
    return code;
}

const struct cli_command command_audit_export = {
    .name = "audit export",
    .summary = "Write sessions into a bundle that proves itself, for somebody else to check",
    .arguments = "SESSION...",
    .least = 1,
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .notes =
        "The bundle is one file (a tar): the sealed blocks of the sessions, the keys that open them, the "
        "proof that\n"
        "they stand in the log, and the signed checkpoint. postern audit verify and doc/read-bundle.py check "
        "it\n"
        "without a gateway. Whoever has the bundle can read these sessions, and no others. That it was made "
        "is\n"
        "recorded, as any look at a recording is.",
    .run = run,
};
