/* postern store hold, release, holds */
#include "app/commands.h"
#include "app/store.h"
#include "cli/grid.h"
#include "cli/when.h"
#include "json/writer.h"
#include <errno.h>
#include <inttypes.h>

static const struct cli_option options[] = {
    { "session", 0, "ID", "This session; more can be given as arguments" },
    { "subject", 0, "SUB", "All sessions of this subject, also those that begin later" },
    { "issuer", 0, "URL", "With --subject: only what this issuer said" },
    { "reason", 0, "TEXT", "Why, for the record" },
    { 0 },
};

static int place_holds(struct store *s, struct holds *holds, const struct store_choice *named)
{
    int64_t number = 0;
    struct hold hold = { .by = bytes_of(s->by),
                         .reason = cli_option_bytes(s->call, "reason"),
                         .since_us = clock_wall_us(s->call->world->clock) };
    int error = 0;
    if (named->by_subject) {
        hold.subject = cli_option_bytes(s->call, "subject");
        hold.issuer = cli_option_bytes(s->call, "issuer");
        error = holds_add(holds, &hold, &number);
    } else {
        for (size_t i = 0; i < named->set.n && !error; i++) {
            hold.session = named->set.sessions[i];
            error = holds_add(holds, &hold, &number);
        }
    }
    if (error) return cli_fail(s->call, "the hold cannot be written: %s", strerror(-error));
    /* Once it holds it is recorded; a subject is not named there, since that is kept for ever. */
    if (!store_note_sessions(s, "hold", hold.reason, named->by_subject ? number : 0, &named->set))
        return CLI_FAILED;
    fprintf(s->call->world->out, "%zu sessions are under legal hold%s\n", named->set.n,
            named->by_subject ? ", and those of this subject that begin later" : "");
    return CLI_YES;
}

static int release(struct store *s, struct holds *holds, const struct store_choice *named)
{
    uint64_t n = 0, one = 0;
    /* Recorded first: what is not held any more can be erased. */
    if (!store_note_sessions(s, "release", cli_option_bytes(s->call, "reason"), 0, &named->set))
        return CLI_FAILED;
    int error = 0;
    if (named->by_subject)
        error = holds_release(holds, 0, cli_option_bytes(s->call, "subject"),
                              cli_option_bytes(s->call, "issuer"), &n);
    for (size_t i = 0; i < named->set.n && !named->by_subject && !error; i++) {
        error = holds_release(holds, named->set.sessions[i], (struct bytes){ 0 }, (struct bytes){ 0 }, &one);
        n += one;
    }
    if (error) return cli_fail(s->call, "the hold cannot be released: %s", strerror(-error));
    fprintf(s->call->world->out, "%" PRIu64 " holds were released\n", n);
    return n ? CLI_YES : CLI_NO;
}

static int run_with(struct cli_call *call,
                    int (*act)(struct store *s, struct holds *holds, const struct store_choice *named))
{
    struct store s;
    struct store_choice named;
    struct holds *holds = NULL;
    int code = CLI_FAILED;
    const char *reason = cli_option(call, "reason");
    if (!reason || !*reason) return cli_fail(call, "it wants --reason: why, for the record");
    if (store_open(call, STORE_INDEX | STORE_RECORD, &s) && store_choose(&s, &named)) {
        int error = holds_open(s.e.data, true, &holds);
        code = error ? cli_fail(call, "the holds of %s: %s", s.e.data, strerror(-error))
                     : act(&s, holds, &named);
        holds_close(holds);
        session_set_free(&named.set);
    }
    store_close(&s);
    return code;
}

static int run_hold(struct cli_call *call)
{
    return run_with(call, place_holds);
}
static int run_release(struct cli_call *call)
{
    return run_with(call, release);
}

/* ---- listing */

struct listing {
    struct cli_call *call;
    struct grid grid;
    struct buf out;
    bool json;
};

static void list_one(void *context, const struct hold *hold)
{
    struct listing *l = context;
    char id[14] = "", since[20];
    if (hold->session) session_id_format(hold->session, id);
    if (l->json) {
        struct json_writer w = json_writer_over(&l->out);
        json_write_object(&w);
        json_write_int_member(&w, "number", hold->number);
        if (hold->session) json_write_text_member(&w, "session", bytes_of(id));
        if (hold->subject.n) json_write_text_member(&w, "subject", hold->subject);
        if (hold->issuer.n) json_write_text_member(&w, "issuer", hold->issuer);
        json_write_text_member(&w, "by", hold->by);
        json_write_text_member(&w, "reason", hold->reason);
        json_write_time_member(&w, "since", hold->since_us);
        json_write_end(&w);
        buf_append_text(&l->out, "\n");
        return;
    }
    when_format(hold->since_us, since);
    grid_row(&l->grid);
    grid_cell_text(&l->grid, 0, since);
    grid_cell(&l->grid, 1, hold->session ? bytes_of(id) : hold->subject);
    grid_cell(&l->grid, 2, hold->session ? BYTES_LITERAL("session") : BYTES_LITERAL("subject"));
    grid_cell(&l->grid, 3, hold->by);
    grid_cell(&l->grid, 4, hold->reason);
}

static int run_list(struct cli_call *call)
{
    static const char *const titles[] = { "SINCE", "WHOM", "IS A", "BY", "REASON" };
    struct evidence e;
    struct holds *holds = NULL;
    struct listing l = { .call = call, .json = cli_option(call, "json") };
    if (!evidence_open(call, 0, &e)) return CLI_FAILED;
    int error = holds_open(e.data, false, &holds);
    buf_init(&l.out, 64 << 20);
    grid_init(&l.grid, GRID_LIST, 5, 64 << 20);
    for (size_t i = 0; i < 5; i++)
        grid_title(&l.grid, i, bytes_of(titles[i]), false);
    if (!error) error = holds_each(holds, list_one, &l);
    if (l.grid.n_rows) grid_print(&l.grid, "", "", &l.out);
    cli_write(call, &l.out);
    holds_close(holds);
    grid_free(&l.grid);
    buf_free(&l.out);
    evidence_close(&e);
    return error && error != -ENOENT ? cli_fail(call, "the holds cannot be read: %s", strerror(-error))
                                     : CLI_YES;
}

const struct cli_command command_store_hold = {
    .name = "store hold",
    .summary = "Place a legal hold on sessions or on a subject",
    .arguments = "[ID]...",
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .notes = "What is held is neither pruned nor erased until it is released.",
    .run = run_hold,
};
const struct cli_command command_store_release = {
    .name = "store release",
    .summary = "Release legal holds",
    .arguments = "[ID]...",
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .notes =
        "The holds on exactly these sessions, or on exactly this subject: a session that is held for its "
        "subject's\nsake stays held.",
    .run = run_release,
};
const struct cli_command command_store_holds = {
    .name = "store holds",
    .summary = "List legal holds",
    .arguments = "",
    .run = run_list,
};
