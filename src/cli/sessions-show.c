/* postern sessions show */
#include "cli/commands.h"
#include "cli/erased.h"
#include "cli/evidence.h"
#include "cli/grid.h"
#include "cli/safe.h"
#include "cli/session-feed.h"
#include "cli/when.h"
#include "json/writer.h"

struct show {
    struct cli_call *call;
    struct buf out;
    struct json_writer w;
    bool json, found;
    struct grid grid;
};

static void field(void *context, struct bytes name, struct bytes value)
{
    struct show *s = context;
    bool claimed = bytes_starts_with(name, "claim.");
    if (s->json) {
        json_write_name_bytes(&s->w, name);
        json_write_text(&s->w, value);
        return;
    }
    struct buf label;
    buf_init(&label, 4096);
    safe_append(&label, bytes_slice(claimed ? bytes_slice(name, 6, name.n) : name, 0, 60), SAFE_ONE_LINE);
    buf_append_text(&label, claimed ? "*" : "");
    buf_printf(&s->out, "  %-14.*s ", BYTES_FMT(buf_bytes(&label)));
    safe_append(&s->out, value, SAFE_ONE_LINE);
    buf_append_text(&s->out, "\n");
    buf_free(&label);
}

static void first_event(void *context, const struct transcript_event *e)
{
    struct show *s = context;
    if (e->kind != EVENT_START && e->kind != EVENT_REJECTED && e->kind != EVENT_GATEWAY) return;
    frame_fields_each(e->of.fields, field, s);
}

static void summary(void *context, const struct index_session *i)
{
    struct show *s = context;
    char when[20], took[24];
    s->found = true;
    if (s->json) {
        json_write_time_member(&s->w, "started", i->started_us);
        if (i->ended_us) json_write_time_member(&s->w, "ended", i->ended_us);
        if (i->reason.n) json_write_text_member(&s->w, "reason", i->reason);
        json_write_int_member(&s->w, "statements", (int64_t)i->statements);
        json_write_int_member(&s->w, "refused", (int64_t)i->refused);
        json_write_int_member(&s->w, "errors", (int64_t)i->errors);
        json_write_int_member(&s->w, "rows", (int64_t)i->rows);
        json_write_int_member(&s->w, "frames", i->last_sequence);
        return;
    }
    when_format(i->started_us, when);
    when_duration((i->ended_us ? i->ended_us : i->last_us) - i->started_us, took);
    buf_printf(&s->out, "  %-14s %s UTC\n  %-14s %s%s", "started", when, "lasted", took,
               i->ended_us ? " (" : " so far\n");
    if (i->ended_us) {
        safe_append(&s->out, i->reason, SAFE_ONE_LINE);
        buf_append_text(&s->out, ")\n");
    }
    buf_printf(&s->out, "  %-14s %llu, %llu refused, %llu errors, %llu rows, %u frames\n", "statements",
               (unsigned long long)i->statements, (unsigned long long)i->refused,
               (unsigned long long)i->errors, (unsigned long long)i->rows, i->last_sequence);
}

static void hit(void *context, const struct index_hit *h)
{
    struct show *s = context;
    char took[24];
    if (s->json) {
        json_write_object(&s->w);
        json_write_text_member(&s->w, "shape", h->shape);
        json_write_text_member(&s->w, "decision", h->decision);
        json_write_text_member(&s->w, "policy", h->policy);
        json_write_text_member(&s->w, "rule", h->rule);
        json_write_int_member(&s->w, "executions", (int64_t)h->executions);
        json_write_int_member(&s->w, "errors", (int64_t)h->errors);
        json_write_int_member(&s->w, "rows", (int64_t)h->rows);
        json_write_int_member(&s->w, "us", h->us);
        json_write_end(&s->w);
        return;
    }
    when_duration(h->us, took);
    grid_row(&s->grid);
    grid_cell_number(&s->grid, 0, h->executions);
    grid_cell_number(&s->grid, 1, h->errors);
    grid_cell_number(&s->grid, 2, h->rows);
    grid_cell_text(&s->grid, 3, took);
    grid_cell(&s->grid, 4, h->decision);
    grid_cell(&s->grid, 5, h->rule);
    grid_cell(&s->grid, 6, bytes_slice(h->shape, 0, 120));
}

static int show_session(struct show *s, struct evidence *e, uint64_t session)
{
    static const char *const titles[] = { "RUNS", "ERRORS", "ROWS", "TIME", "VERDICT", "RULE", "STATEMENT" };
    struct session_feed feed;
    struct index_filter filter = { .session = session };
    char id[14];
    session_id_format(session, id);
    if (s->json) {
        json_write_object(&s->w);
        json_write_text_member(&s->w, "session", bytes_of(id));
    } else
        buf_printf(&s->out, "session %s\n", id);
    int error = index_sessions(e->index, &filter, summary, s);
    if (s->json) {
        json_write_name(&s->w, "start");
        json_write_object(&s->w);
    }
    bool good = session_feed_open(s->call, e, session, &feed) &&
                session_feed_step(&feed, first_event, s) == SESSION_FED;
    session_feed_close(&feed);
    if (!good) return CLI_FAILED;
    if (s->json) {
        json_write_end(&s->w);
        json_write_name(&s->w, "statements");
        json_write_array(&s->w);
    } else
        buf_append_text(&s->out, "  (* is what the client claims; the rest is verified or observed)\n\n");
    grid_init(&s->grid, GRID_LIST, 7, 64 << 20);
    for (size_t i = 0; i < 7; i++)
        grid_title(&s->grid, i, bytes_of(titles[i]), i < 4);
    if (!error) error = index_search(e->index, &filter, &(struct index_after){ 0 }, hit, s);
    if (s->json) {
        json_write_end(&s->w);
        json_write_end(&s->w);
        buf_append_text(&s->out, "\n");
    } else if (s->grid.n_rows)
        grid_print(&s->grid, cli_coloured(s->call) ? "\x1b[1m" : "", cli_coloured(s->call) ? "\x1b[0m" : "",
                   &s->out);
    grid_free(&s->grid);
    if (error) return cli_fail(s->call, "the index cannot be read: %s", strerror(-error));
    cli_write(s->call, &s->out);
    return CLI_YES;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    uint64_t session;
    struct show s = { .call = call, .json = cli_option(call, "json") };
    buf_init(&s.out, 64 << 20);
    s.w = json_writer_over(&s.out);
    int code = CLI_FAILED;
    if (evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &e) &&
        evidence_look_at(call, &e, "show", call->arguments[0], &session))
        code = erased_says(call, &e, session) ? CLI_NO : show_session(&s, &e, session);
    evidence_close(&e);
    buf_free(&s.out);
    return code;
}

const struct cli_command cli_command_sessions_show = {
    .name = "sessions show",
    .summary = "Show who a session was, and what it ran, summed up",
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .notes = "ID is a session's id, the last characters of one, or \"last\".",
    .run = run,
};
