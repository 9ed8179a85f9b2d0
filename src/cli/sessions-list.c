/* postern sessions list */
#include "cli/commands.h"
#include "cli/erased.h"
#include "cli/evidence.h"
#include "cli/grid.h"
#include "cli/when.h"
#include "json/writer.h"

static const struct cli_option options[] = {
    { "principal", 0, "NAME", "Only sessions of this principal" },
    { "connection", 0, "NAME", "Only sessions on this connection" },
    { "since", 0, "TIME",
      "Only sessions that ran after this time: 2h, 3d, today, 2026-11-21, \"2026-11-21 08:45\"" },
    { "until", 0, "TIME", "Only sessions that began before this time" },
    { "verdict", 0, "WHAT", "Only sessions with such a statement: allow, deny, hold, observed, error" },
    { "rejected", 0, NULL, "The connections that were turned away instead" },
    { "erased", 0, NULL, "The sessions that were erased instead" },
    { "limit", 'n', "N", "At most so many, the newest; the default is 50, 0 is all" },
    { 0 },
};

struct list {
    struct cli_call *call;
    struct grid grid;
    struct buf out;
    bool json;
    size_t n;
};

static const char *const titles[] = { "SESSION",    "STARTED", "LASTED", "PRINCIPAL", "CONNECTION",
                                      "STATEMENTS", "REFUSED", "ERRORS", "ROWS",      "TASK" };

static void list_json(struct list *l, const struct index_session *s, const char *id)
{
    struct json_writer w = json_writer_over(&l->out);
    json_write_object(&w);
    json_write_text_member(&w, "session", bytes_of(id));
    json_write_time_member(&w, "started", s->started_us);
    if (s->ended_us) json_write_time_member(&w, "ended", s->ended_us);
    struct {
        const char *name;
        struct bytes value;
    } texts[] = { { "reason", s->reason },
                  { "principal", s->principal },
                  { "subject", s->subject },
                  { "issuer", s->issuer },
                  { "groups", s->groups },
                  { "on_behalf_of", s->on_behalf_of },
                  { "connection", s->connection },
                  { "database", s->database },
                  { "login", s->login },
                  { "client", s->client },
                  { "application", s->application },
                  { "policies", s->policies },
                  { "task", s->task } };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].value.n) json_write_text_member(&w, texts[i].name, texts[i].value);
    json_write_bool_member(&w, "machine", s->machine);
    json_write_int_member(&w, "statements", (int64_t)s->statements);
    json_write_int_member(&w, "refused", (int64_t)s->refused);
    json_write_int_member(&w, "errors", (int64_t)s->errors);
    json_write_int_member(&w, "rows", (int64_t)s->rows);
    json_write_end(&w);
    buf_append_text(&l->out, "\n");
    cli_write(l->call, &l->out);
}

static void list_session(void *context, const struct index_session *s)
{
    struct list *l = context;
    char id[14], when[20], took[24];
    session_id_format(s->id, id);
    l->n++;
    if (l->json) {
        list_json(l, s, id);
        return;
    }
    when_format(s->started_us, when);
    when_duration((s->ended_us ? s->ended_us : s->last_us) - s->started_us, took);
    grid_row(&l->grid);
    grid_cell_text(&l->grid, 0, id);
    grid_cell_text(&l->grid, 1, when);
    grid_cell_text(&l->grid, 2, s->ended_us ? took : "running");
    grid_cell(&l->grid, 3, s->principal);
    grid_cell(&l->grid, 4, s->connection);
    grid_cell_number(&l->grid, 5, s->statements);
    grid_cell_number(&l->grid, 6, s->refused);
    grid_cell_number(&l->grid, 7, s->errors);
    grid_cell_number(&l->grid, 8, s->rows);
    grid_cell(&l->grid, 9, s->task);
}

static void list_rejection(void *context, const struct index_rejection *r)
{
    struct list *l = context;
    char id[14], when[20];
    session_id_format(r->session, id);
    l->n++;
    if (l->json) {
        struct json_writer w = json_writer_over(&l->out);
        json_write_object(&w);
        json_write_text_member(&w, "session", bytes_of(id));
        json_write_time_member(&w, "time", r->time_us);
        json_write_text_member(&w, "reason", r->reason);
        json_write_text_member(&w, "sqlstate", r->sqlstate);
        json_write_text_member(&w, "principal", r->principal);
        json_write_text_member(&w, "client", r->client);
        json_write_end(&w);
        buf_append_text(&l->out, "\n");
        cli_write(l->call, &l->out);
        return;
    }
    when_format(r->time_us, when);
    grid_row(&l->grid);
    grid_cell_text(&l->grid, 0, id);
    grid_cell_text(&l->grid, 1, when);
    grid_cell(&l->grid, 2, r->reason);
    grid_cell(&l->grid, 3, r->sqlstate);
    grid_cell(&l->grid, 4, r->client);
    grid_cell(&l->grid, 5, r->principal);
}

static int ask(struct list *l, struct evidence *e, const struct index_filter *filter)
{
    static const char *const rejected[] = { "SESSION", "TIME", "REASON", "SQLSTATE", "CLIENT", "PRINCIPAL" };
    bool turned_away = cli_option(l->call, "rejected");
    const char *const *names = turned_away ? rejected : titles;
    size_t n = turned_away ? 6 : 10;
    grid_init(&l->grid, GRID_LIST, n, 256 << 20);
    for (size_t i = 0; i < n; i++)
        grid_title(&l->grid, i, bytes_of(names[i]), !turned_away && i >= 5 && i <= 8);
    int error = turned_away ? index_rejections(e->index, filter, list_rejection, l)
                            : index_sessions(e->index, filter, list_session, l);
    if (!error && !l->json && l->n)
        grid_print(&l->grid, cli_coloured(l->call) ? "\x1b[1m" : "", cli_coloured(l->call) ? "\x1b[0m" : "",
                   &l->out);
    if (!error) cli_write(l->call, &l->out);
    grid_free(&l->grid);
    return error ? cli_fail(l->call, "the index cannot be read: %s", strerror(-error)) : CLI_YES;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    struct index_filter filter = { .verdict = cli_option_bytes(call, "verdict") };
    struct list l = { .call = call, .json = cli_option(call, "json") };
    if (!cli_option_number(call, "limit", 50, INT32_MAX, &filter.limit) || !evidence_filter(call, &filter))
        return CLI_FAILED;
    buf_init(&l.out, 256 << 20);
    int code = CLI_FAILED;
    if (evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &e)) {
        int error = cli_option(call, "erased") ? erased_list(call, &e, filter.limit) : 0;
        code = error                        ? cli_fail(call, "the index cannot be read: %s", strerror(-error))
               : cli_option(call, "erased") ? CLI_YES
                                            : ask(&l, &e, &filter);
    }
    evidence_close(&e);
    buf_free(&l.out);
    return code;
}

const struct cli_command cli_command_sessions_list = {
    .name = "sessions list",
    .summary = "List sessions, the newest first",
    .arguments = "",
    .options = options,
    .notes = "The index is brought up to date first, also where no gateway runs. Times are UTC.",
    .run = run,
};
