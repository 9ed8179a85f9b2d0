/* postern audit who-saw. Columns that have a tag, or that a mask of some policy names, are told of in the
 * record whenever they come out, masked or clear; the index counts them. */
#include "cli/commands.h"
#include "cli/evidence.h"
#include "cli/grid.h"
#include "cli/safe.h"
#include "cli/when.h"
#include "cli/who-saw-value.h"
#include "record/index-values.h"
#include "json/writer.h"

static const struct cli_option options[] = {
    { "principal", 0, "NAME", "Only what this principal saw" },
    { "connection", 0, "NAME", "Only what was seen on this connection" },
    { "session", 0, "ID", "Only what was seen in this session" },
    { "state", 0, "WHAT", "Only what came out like this: clear, masked, untraced" },
    { "value", 0, "VALUE", "Only where this value came out of it, clear" },
    { "scan", 0, NULL, "With --value: read the recordings, also where the column's values are indexed" },
    { "since", 0, "TIME", "Only after this time: 2h, 3d, today, 2026-11-21, \"2026-11-21 08:45\"" },
    { "until", 0, "TIME", "Only before this time" },
    { "limit", 'n', "N", "At most so many lines; the default is 100, 0 is all" },
    { 0 },
};

enum { OUT_CEILING = 64 << 20, SHAPE_SHOWN = 120 };

struct sights {
    struct cli_call *call;
    struct buf out;
    struct grid grid;
    bool json;
    uint64_t n, clear, untraced;
};

static void sight_json(struct sights *s, const struct index_sight *v, const char *id)
{
    struct json_writer w = json_writer_over(&s->out);
    json_write_object(&w);
    json_write_text_member(&w, "principal", v->principal);
    json_write_text_member(&w, "connection", v->connection);
    json_write_text_member(&w, "relation", v->relation);
    json_write_text_member(&w, "column", v->column);
    json_write_text_member(&w, "state", v->state);
    json_write_int_member(&w, "results", (int64_t)v->results);
    json_write_int_member(&w, "rows", (int64_t)v->rows);
    json_write_int_member(&w, "sessions", (int64_t)v->sessions);
    json_write_time_member(&w, "first", v->first_us);
    json_write_time_member(&w, "last", v->last_us);
    json_write_text_member(&w, "session", bytes_of(id));
    json_write_int_member(&w, "sequence", v->sequence);
    json_write_text_member(&w, "shape", v->shape);
    json_write_end(&w);
    buf_append_text(&s->out, "\n");
    cli_write(s->call, &s->out);
}

static void sight_row(struct sights *s, const struct index_sight *v, const char *id)
{
    char when[20];
    struct buf column;
    when_format(v->last_us, when);
    buf_init(&column, 4096);
    buf_append(&column, v->relation);
    buf_append_text(&column, ".");
    buf_append(&column, v->column);
    grid_row(&s->grid);
    grid_cell(&s->grid, 0, v->principal);
    grid_cell(&s->grid, 1, buf_bytes(&column));
    grid_cell(&s->grid, 2, v->state);
    grid_cell_number(&s->grid, 3, v->results);
    grid_cell_number(&s->grid, 4, v->rows);
    grid_cell(&s->grid, 5, bytes_make(when, 16));
    grid_cell_text(&s->grid, 6, id);
    grid_cell(&s->grid, 7, bytes_slice(v->shape, 0, SHAPE_SHOWN));
    buf_free(&column);
}

static void visit(void *context, const struct index_sight *v)
{
    struct sights *s = context;
    char id[14];
    session_id_format(v->session, id);
    s->n++;
    s->clear += bytes_is(v->state, "clear");
    s->untraced += bytes_is(v->state, "untraced");
    if (s->json)
        sight_json(s, v, id);
    else
        sight_row(s, v, id);
}

static bool is_state(struct bytes state)
{
    return !state.n || bytes_is(state, "clear") || bytes_is(state, "masked") || bytes_is(state, "untraced");
}

static int ask(struct sights *s, struct evidence *e, struct index_filter *filter)
{
    static const char *const titles[] = { "PRINCIPAL", "COLUMN", "CAME OUT", "RESULTS",
                                          "ROWS",      "LAST",   "SESSION",  "STATEMENT" };
    struct bytes relation, column, state = cli_option_bytes(s->call, "state");
    const char *session = cli_option(s->call, "session");
    if (!index_column_split(bytes_of(s->call->arguments[0]), &relation, &column))
        return cli_fail(s->call, "\"%s\" is no column: write people.mail, public.people.mail or people.*",
                        s->call->arguments[0]);
    if (session && !evidence_session(s->call, e, session, &filter->session)) return CLI_FAILED;
    if (!evidence_look(s->call, e, cli_option(s->call, "value") ? "who-saw-value" : "who-saw",
                       filter->session, "column", bytes_of(s->call->arguments[0])))
        return CLI_FAILED;
    if (cli_option(s->call, "value")) {
        const struct who_saw_value asked = { relation, column, cli_option_bytes(s->call, "value"),
                                             cli_option(s->call, "scan") != NULL, s->json };
        return who_saw_value(s->call, e, filter, &asked);
    }
    grid_init(&s->grid, GRID_LIST, 8, OUT_CEILING);
    for (size_t i = 0; i < 8; i++)
        grid_title(&s->grid, i, bytes_of(titles[i]), i == 3 || i == 4);
    int error = index_sights(e->index, filter, relation, column, state, visit, s);
    bool coloured = cli_coloured(s->call);
    if (!error && !s->json && s->n)
        grid_print(&s->grid, coloured ? "\x1b[1m" : "", coloured ? "\x1b[0m" : "", &s->out);
    if (!error && !s->json && s->untraced)
        buf_append_text(&s->out,
                        "untraced: the relation was read by somebody whose statements are not looked "
                        "into; which columns came out is not known\n");
    grid_free(&s->grid);
    cli_write(s->call, &s->out);
    if (error) return cli_fail(s->call, "the index cannot be read: %s", strerror(-error));
    return s->n ? CLI_YES : CLI_NO;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    struct sights s = { .call = call, .json = cli_option(call, "json") };
    struct index_filter filter = { 0 };
    if (!is_state(cli_option_bytes(call, "state")))
        return cli_fail(call, "\"%s\" is no way to come out; there are clear, masked and untraced",
                        cli_option(call, "state"));
    if (cli_option(call, "scan") && !cli_option(call, "value"))
        return cli_fail(call, "--scan is for --value");
    if (cli_option(call, "state") && cli_option(call, "value"))
        return cli_fail(call, "--value asks where it came out clear: --state is not for it");
    if (!cli_option_number(call, "limit", 100, INT32_MAX, &filter.limit) || !evidence_filter(call, &filter))
        return CLI_FAILED;
    buf_init(&s.out, OUT_CEILING);
    int code = evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &e)
                   ? ask(&s, &e, &filter)
                   : CLI_FAILED;
    evidence_close(&e);
    buf_free(&s.out);
    return code;
}

const struct cli_command cli_command_audit_who_saw = {
    .name = "audit who-saw",
    .summary = "Tell who saw a column, masked or clear, and how many rows of it",
    .arguments = "TABLE.COLUMN",
    .least = 1,
    .most = 1,
    .options = options,
    .notes =
        "Columns are told of that have a tag (COMMENT ON COLUMN … IS 'postern: …'), or that a mask of any "
        "policy\n"
        "names; TABLE.* asks for all of them. A view's column counts as what it is made of. Values that are "
        "found by what\n"
        "they look like are columns of \"values\": values.card_number, values.iban, values.email; their rows "
        "are values.\n"
        "--value asks the keyed index where a policy has one made (record.values), and reads the recordings "
        "where none has.\n"
        "The exit code is 1 where nobody saw it.",
    .run = run,
};
