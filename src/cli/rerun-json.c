/* One object a line: the beginning, each statement, the sum. doc/rerun.md has the members; one is added,
 * never renamed. */
#include "cli/rerun-print.h"
#include "pgwire/typeout.h"
#include "json/writer.h"

enum { MEMORY = 64 << 20 };

static void uint_member(struct json_writer *w, const char *name, uint64_t value)
{
    json_write_name(w, name);
    json_write_uint(w, value);
}

static void put_value(struct json_writer *w, const struct rerun_column *column, struct bytes value)
{
    struct buf text;
    if (!value.p) {
        json_write_null(w);
        return;
    }
    buf_init(&text, MEMORY);
    typeout_value(column ? column->type : 0, column && column->binary, value, &text);
    json_write_bytes(w, buf_bytes(&text));
    buf_free(&text);
}

/* By column name, or number where there is no description. */
static void put_row(struct json_writer *w, struct bytes description, struct bytes row)
{
    struct arena arena;
    struct rerun_column *columns = NULL;
    size_t n_columns = 0;
    arena_init(&arena, 64 * 1024, MEMORY);
    struct bytes *values = ARENA_ARRAY(&arena, struct bytes, RERUN_COLUMNS);
    json_write_array(w);
    if (values && rerun_columns(description, &arena, &columns, &n_columns)) {
        size_t n = rerun_values(row, values, RERUN_COLUMNS);
        for (size_t i = 0; i < n; i++)
            put_value(w, i < n_columns ? &columns[i] : NULL, values[i]);
    }
    json_write_end(w);
    arena_free(&arena);
}

static void put_column_names(struct json_writer *w, struct bytes description)
{
    struct arena arena;
    struct rerun_column *columns = NULL;
    size_t n = 0;
    arena_init(&arena, 64 * 1024, MEMORY);
    json_write_array(w);
    if (rerun_columns(description, &arena, &columns, &n))
        for (size_t i = 0; i < n; i++)
            json_write_bytes(w, columns[i].name);
    json_write_end(w);
    arena_free(&arena);
}

static void put_difference(struct json_writer *w, const struct rerun_run *run,
                           const struct rerun_difference *d)
{
    struct bytes description = rerun_description(run, d->result);
    json_write_object(w);
    json_write_text_member(w, "what", bytes_of(rerun_what_name(d->what)));
    uint_member(w, "result", d->result);
    json_write_bool_member(w, "expected", d->expected);
    if (d->expected) json_write_bytes_member(w, "why", d->why);
    if (d->what == DIFFERS_ROW) {
        json_write_name(w, "columns");
        put_column_names(w, description);
    }
    for (int now = 0; now < 2; now++) {
        bool has = now ? d->has_now : d->has_then;
        json_write_name(w, now ? "now" : "then");
        if (!has)
            json_write_null(w);
        else if (d->what == DIFFERS_ROW)
            put_row(w, description, now ? d->now : d->then);
        else
            json_write_bytes(w, now ? d->now : d->then);
    }
    json_write_end(w);
}

static void put_outcome(struct json_writer *w, const char *name, const struct rerun_outcome *o, uint64_t us)
{
    static const char *const ends[] = { "completed", "failed",  "suspended", "skipped",
                                        "lost",      "refused", "empty",     "undone" };
    json_write_name(w, name);
    json_write_object(w);
    uint_member(w, "us", us);
    if (o->has_error) {
        json_write_bytes_member(w, "sqlstate", o->sqlstate);
        json_write_bytes_member(w, "message", o->message);
    }
    json_write_name(w, "results");
    json_write_array(w);
    for (size_t i = 0; i < o->n; i++) {
        json_write_object(w);
        if (o->results[i].ended) json_write_text_member(w, "how", bytes_of(ends[o->results[i].how]));
        json_write_bytes_member(w, "tag", o->results[i].tag);
        uint_member(w, "rows", o->results[i].n_rows);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_end(w);
}

static void put_parameters(struct json_writer *w, const struct rerun_run *run)
{
    json_write_name(w, "parameters");
    json_write_array(w);
    for (size_t i = 0; i < run->n_parameters; i++)
        if (run->parameters[i].null)
            json_write_null(w);
        else
            json_write_bytes(w, run->parameters[i].text);
    json_write_end(w);
}

void rerun_json_run(const struct rerun_print *p, const struct rerun_run *run,
                    const struct rerun_comparison *c)
{
    static const char *const kinds[] = { "query", "parse", "bind", "execute", "call" };
    struct json_writer w = json_writer_over(p->out);
    json_write_object(&w);
    json_write_text_member(&w, "event", BYTES_LITERAL("statement"));
    uint_member(&w, "sequence", run->sequence);
    json_write_text_member(&w, "kind", bytes_of(kinds[run->kind]));
    json_write_text_member(&w, "verdict", bytes_of(rerun_verdict_name(c->verdict)));
    if (run->left_out) json_write_text_member(&w, "why", bytes_of(rerun_left_out_says(run->left_out)));
    json_write_bytes_member(&w, "sql", run->text);
    if (run->sent.n) json_write_bytes_member(&w, "sent", run->sent);
    if (run->n_parameters) put_parameters(&w, run);
    json_write_bool_member(&w, "ordered", c->ordered);
    if (c->partial) json_write_bool_member(&w, "partial", true);
    put_outcome(&w, "then", &run->then, rerun_us_then(run));
    if (!run->left_out) put_outcome(&w, "now", &run->now, run->us_now);
    json_write_name(&w, "differences");
    json_write_array(&w);
    for (size_t i = 0; i < c->n; i++)
        put_difference(&w, run, &c->differences[i]);
    json_write_end(&w);
    if (c->n_left_out) uint_member(&w, "left_out", c->n_left_out);
    json_write_end(&w);
    buf_append_text(p->out, "\n");
}

void rerun_json_begin(const struct rerun_print *p, struct rerun_place place, const char *version)
{
    char id[14];
    struct json_writer w = json_writer_over(p->out);
    session_id_format(p->script->session, id);
    json_write_object(&w);
    json_write_text_member(&w, "event", BYTES_LITERAL("begin"));
    json_write_text_member(&w, "session", bytes_of(id));
    json_write_bytes_member(&w, "principal", p->script->principal);
    json_write_bytes_member(&w, "database_then", p->script->database);
    json_write_bytes_member(&w, "login_then", p->script->login);
    json_write_bytes_member(&w, "database", bytes_of(place.database));
    json_write_bytes_member(&w, "user", bytes_of(place.user));
    json_write_bytes_member(&w, "host", bytes_of(place.host));
    json_write_bytes_member(&w, "port", bytes_of(place.port));
    json_write_bytes_member(&w, "server_version", bytes_of(version));
    json_write_bool_member(&w, "batches_known", p->script->marks_syncs);
    json_write_bool_member(&w, "whole", p->script->whole);
    json_write_end(&w);
    buf_append_text(p->out, "\n");
}

void rerun_json_sum(const struct rerun_print *p, const struct rerun_sum *sum, const char *lost)
{
    struct json_writer w = json_writer_over(p->out);
    json_write_object(&w);
    json_write_text_member(&w, "event", BYTES_LITERAL("sum"));
    for (int i = 0; i < RERUN_N_VERDICTS; i++) {
        static const char *const names[] = { "differs", "same", "expected", "not_run", "not_told" };
        uint_member(&w, names[i], sum->of[i]);
    }
    uint_member(&w, "us_then", sum->us_then);
    uint_member(&w, "us_now", sum->us_now);
    if (lost[0]) json_write_bytes_member(&w, "lost", bytes_of(lost));
    json_write_end(&w);
    buf_append_text(p->out, "\n");
}
