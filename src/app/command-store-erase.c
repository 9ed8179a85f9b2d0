/* postern store erase, postern store prune */
#include "app/commands.h"
#include "app/store.h"
#include "json/writer.h"
#include <errno.h>
#include <inttypes.h>

static const struct cli_option erase_options[] = {
    { "session", 0, "ID", "This session; more can be given as arguments" },
    { "subject", 0, "SUB", "All sessions of this subject, and those on its verified behalf" },
    { "issuer", 0, "URL", "With --subject: only what this issuer said" },
    { "reason", 0, "TEXT", "Why, for the record" },
    { "dry-run", 0, NULL, "Say what would be erased, and erase nothing" },
    { 0 },
};
static const struct cli_option prune_options[] = {
    { "dry-run", 0, NULL, "Say what would be erased, and erase nothing" },
    { 0 },
};

static int failed(struct store *s, const struct erase_result *r, int error)
{
    if (error == -EIO && !strcmp(r->step, "record"))
        return cli_fail(s->call, "it cannot be recorded, so nothing was erased");
    return cli_fail(s->call, "it stopped at: %s (%s)%s", r->step, strerror(-error),
                    r->keys ? "; the keys are destroyed already: run it, or `postern store prune`, again"
                            : "");
}

static void print(struct store *s, const struct erase_result *r, size_t n, size_t held, size_t waiting,
                  bool dry)
{
    struct buf out;
    char id[14];
    buf_init(&out, 64 * 1024);
    session_id_format(r->erasure, id);
    if (cli_option(s->call, "json")) {
        struct json_writer w = json_writer_over(&out);
        json_write_object(&w);
        json_write_bool_member(&w, "dry_run", dry);
        if (!dry && n) json_write_text_member(&w, "erasure", bytes_of(id));
        json_write_int_member(&w, "sessions", (int64_t)n);
        json_write_int_member(&w, "held", (int64_t)held);
        json_write_int_member(&w, "waiting", (int64_t)waiting);
        json_write_int_member(&w, "keys", (int64_t)r->keys);
        json_write_int_member(&w, "shapes", (int64_t)r->shapes);
        json_write_int_member(&w, "blocks", (int64_t)r->blocks);
        json_write_int_member(&w, "bytes", (int64_t)r->bytes);
        json_write_end(&w);
        buf_append_text(&out, "\n");
    } else if (dry || !n) {
        buf_printf(&out, "%zu sessions %s erased", n, dry ? "would be" : "were");
    } else {
        buf_printf(&out,
                   "%zu sessions were erased (erasure %s): %" PRIu64 " keys destroyed, %" PRIu64
                   " statement shapes forgotten,\n%" PRIu64 " blocks of %" PRIu64 " bytes made zeros",
                   n, id, r->keys, r->shapes, r->blocks, r->bytes);
    }
    if (!cli_option(s->call, "json")) {
        if (held) buf_printf(&out, "; %zu are under legal hold", held);
        if (waiting) buf_printf(&out, "; %zu have a statement that waits for approval", waiting);
        buf_append_text(&out, "\n");
    }
    cli_write(s->call, &out);
    buf_free(&out);
}

/* An erasure that a crash interrupted is finished first. */
static bool resume(struct store *s, const struct erase_place *place)
{
    struct erase_result r;
    size_t n = 0;
    int error = erase_resume(place, &r, &n);
    if (error) failed(s, &r, error);
    if (!error && n)
        fprintf(s->call->world->err,
                "postern %s: an erasure of %zu sessions that was interrupted is finished\n",
                s->call->command->name, n);
    return !error;
}

static bool may_be_erased(struct store *s, const struct erase_place *place, const struct store_choice *choice)
{
    struct session_set held = { 0 }, waiting = { 0 };
    char id[14];
    size_t n_held = 0, n_waiting = 0;
    uint64_t one = 0;
    int error = erase_kept(place, &held, &waiting);
    for (size_t i = 0; i < choice->set.n && !error; i++) {
        uint64_t session = choice->set.sessions[i];
        if (session_set_has(&held, session)) {
            n_held++;
            one = session;
        } else if (session_set_has(&waiting, session)) {
            n_waiting++;
            if (!n_held) one = session;
        }
    }
    session_set_free(&held);
    session_set_free(&waiting);
    session_id_format(n_held || n_waiting ? one : choice->first_live, id);
    if (error)
        cli_fail(s->call, "legal holds cannot be read: %s", strerror(-error));
    else if (choice->live)
        cli_fail(s->call, "%zu of them still run, as %s does: end them first (postern sessions kill)",
                 choice->live, id);
    else if (n_held)
        cli_fail(s->call,
                 "%zu of them are under legal hold, as %s is: nothing was erased (postern store holds)",
                 n_held, id);
    else if (n_waiting)
        cli_fail(s->call,
                 "of %zu of them the desk keeps a request for approval, as of %s: it has to be decided first",
                 n_waiting, id);
    return !error && !choice->live && !n_held && !n_waiting;
}

static int erase(struct store *s)
{
    struct erase_place place = store_erase_place(s);
    struct store_choice choice;
    struct erase_result r = { 0 };
    bool dry = cli_option(s->call, "dry-run");
    if ((!dry && !resume(s, &place)) || !store_choose(s, &choice)) return CLI_FAILED;
    int code = CLI_NO, error = 0;
    if (may_be_erased(s, &place, &choice)) {
        struct erase_order order = { .sessions = choice.set.sessions,
                                     .n = choice.set.n,
                                     .by = bytes_of(s->by),
                                     .reason = cli_option_bytes(s->call, "reason"),
                                     .how = choice.by_subject ? BYTES_LITERAL("subject")
                                                              : BYTES_LITERAL("sessions") };
        if (!dry) error = erase_run(&place, &order, &r);
        code = error ? failed(s, &r, error) : CLI_YES;
        if (!error) print(s, &r, choice.set.n, 0, 0, dry);
    }
    session_set_free(&choice.set);
    return code;
}

static int run_erase(struct cli_call *call)
{
    struct store s;
    const char *reason = cli_option(call, "reason");
    bool dry = cli_option(call, "dry-run");
    if (!dry && (!reason || !*reason))
        return cli_fail(call, "it wants --reason: why this is erased, for the record");
    int code = store_open(call, STORE_INDEX | (dry ? 0 : STORE_RECORD), &s) ? erase(&s) : CLI_FAILED;
    store_close(&s);
    return code;
}

const struct cli_command command_store_erase = {
    .name = "store erase",
    .summary = "Erase sessions, or all of a subject, from the record",
    .arguments = "[ID]...",
    .most = CLI_ARGUMENTS_MOST,
    .options = erase_options,
    .notes =
        "Their data keys are destroyed, so that nobody can read them again, here or in any copy of the log; "
        "the\n"
        "index is purged, and their blocks are given back to the disk. The proof still verifies, and a "
        "tombstone\n"
        "says when they were erased, by whom and why. It works beside a running gateway and without one. "
        "What "
        "still\n"
        "runs or is under legal hold is refused, all of it (exit code 1). Copies of `keys` in backups are "
        "not\n"
        "reached: see doc/privacy.md.",
    .run = run_erase,
};

static int prune(struct store *s)
{
    struct erase_place place = store_erase_place(s);
    struct erase_prune done;
    bool dry = cli_option(s->call, "dry-run");
    if (!dry && !resume(s, &place)) return CLI_FAILED;
    int error = erase_expired(&place, bytes_of(s->by), dry, &done);
    if (error) return failed(s, &done.result, error);
    print(s, &done.result, done.expired, done.held, done.waiting, dry);
    return CLI_YES;
}

static int run_prune(struct cli_call *call)
{
    struct store s;
    unsigned record = cli_option(call, "dry-run") ? 0 : STORE_RECORD;
    int code = store_open(call, STORE_INDEX | record, &s) ? prune(&s) : CLI_FAILED;
    store_close(&s);
    return code;
}

const struct cli_command command_store_prune = {
    .name = "store prune",
    .summary = "Erase the sessions whose policies keep them no longer",
    .arguments = "",
    .options = prune_options,
    .notes =
        "A session is kept as long as the longest `record.retain` of the policies that applied when it "
        "began, "
        "from\n"
        "its end on; where one of them has none, for ever. A running gateway does this by itself, every day.",
    .run = run_prune,
};
