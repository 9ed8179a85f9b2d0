/* Where no policy had the column's values indexed, each recording in which it came out is read, and each
 * value of a result's column that holds it is compared in its normal form; a row, an array or a document that
 * is shown whole holds it where its text does. */
#include "cli/who-saw-value.h"
#include "cli/grid.h"
#include "cli/progress.h"
#include "cli/safe.h"
#include "cli/session-feed.h"
#include "cli/when.h"
#include "mask/seen.h"
#include "record/copy-rows.h"
#include "record/index-values.h"
#include "record/value-form.h"
#include "sql/facts.h"
#include "json/writer.h"
#include <errno.h>
#include <stdlib.h>

enum { OUT_CEILING = 64 << 20, SHAPE_SHOWN = 120, VALUE_CEILING = 64 << 20, SHAPE_CEILING = 256 << 20 };

struct scanning {
    struct who_saw_printing *printing;
    struct bytes normal;
    struct buf room;
    uint64_t *sessions;
    size_t n_sessions;
    bool failed;
    /* The session, and the result that is being read. */
    uint64_t session;
    struct bytes principal, connection;
    uint32_t run, first_sequence, last_sequence;
    uint64_t rows;
    int64_t first_us, last_us;
    struct copy_rows *copy;
    uint64_t copy_row; /* the last row that was counted */
};
struct who_saw_printing {
    struct cli_call *call;
    struct evidence *e;
    const struct index_filter *filter;
    const struct who_saw_value *asked;
    struct buf out;
    struct grid grid;
    uint64_t n, unknown_rows;
    size_t n_columns;
};

/* ---- showing */

static void show(void *context, const struct index_value_sight *v)
{
    struct who_saw_printing *p = context;
    char id[14], when[20], entry[32];
    session_id_format(v->session, id);
    p->n++;
    if (p->asked->json) {
        struct json_writer w = json_writer_over(&p->out);
        json_write_object(&w);
        json_write_text_member(&w, "principal", v->principal);
        if (v->on_behalf_of.n) json_write_text_member(&w, "on_behalf_of", v->on_behalf_of);
        json_write_text_member(&w, "connection", v->connection);
        json_write_text_member(&w, "column", v->column);
        json_write_int_member(&w, "rows", (int64_t)v->rows);
        json_write_time_member(&w, "first", v->first_us);
        json_write_time_member(&w, "last", v->last_us);
        json_write_text_member(&w, "session", bytes_of(id));
        json_write_int_member(&w, "first_sequence", v->first_sequence);
        json_write_int_member(&w, "last_sequence", v->last_sequence);
        json_write_text_member(&w, "shape", v->shape);
        json_write_end(&w);
        buf_append_text(&p->out, "\n");
        cli_write(p->call, &p->out);
        return;
    }
    when_format(v->last_us, when);
    snprintf(entry, sizeof entry, "%s #%u", id, v->first_sequence);
    grid_row(&p->grid);
    grid_cell(&p->grid, 0, v->principal);
    grid_cell(&p->grid, 1, v->column);
    grid_cell_number(&p->grid, 2, v->rows);
    grid_cell(&p->grid, 3, bytes_make(when, 19));
    grid_cell_text(&p->grid, 4, entry);
    grid_cell(&p->grid, 5, bytes_slice(v->shape, 0, SHAPE_SHOWN));
}

static void sum_column(void *context, const struct index_value_column *column)
{
    struct who_saw_printing *p = context;
    p->n_columns++;
    p->unknown_rows += column->unknown_rows;
}

/* ---- reading recordings */

static void add_session(void *context, uint64_t session)
{
    struct scanning *s = context;
    if (s->n_sessions % 1024 == 0) {
        uint64_t *more = realloc(s->sessions, (s->n_sessions + 1024) * sizeof *more);
        if (!more) {
            s->failed = true;
            return;
        }
        s->sessions = more;
    }
    s->sessions[s->n_sessions++] = session;
}

/* How a result may hold what is asked: the column is told of, clear; or nobody traced which columns it has.
 */
enum shown { SHOWN_NOT = 0, SHOWN_CLEAR, SHOWN_UNTRACED };
static enum shown shows_column(const struct scanning *s, const struct transcript_text *text,
                               uint32_t statement)
{
    const struct who_saw_value *asked = s->printing->asked;
    struct bytes list = transcript_text_list(text, "clear", statement);
    for (struct bytes member; mask_seen_next(&list, &member);)
        if (index_column_is_meant(member, asked->relation, asked->column)) return SHOWN_CLEAR;
    return transcript_text_list(text, "untraced", statement).n ? SHOWN_UNTRACED : SHOWN_NOT;
}

static bool is_told_at_its_end(const struct transcript_text *text)
{
    return text && (bytes_find(text->tags, BYTES_LITERAL("EXECUTE")) >= 0 ||
                    bytes_find(text->tags, BYTES_LITERAL("FETCH")) >= 0);
}

static bool is_it(struct scanning *s, struct bytes value)
{
    buf_consume(&s->room, buf_length(&s->room));
    uint8_t *room = buf_room(&s->room, value.n + 1);
    if (!room) {
        s->failed = true;
        return false;
    }
    struct bytes normal = value_normal(value, room);
    if (bytes_equal(normal, s->normal)) return true;
    bool whole = value.n && (value.p[0] == '(' || value.p[0] == '{' || value.p[0] == '[');
    return whole && s->normal.n && bytes_find(normal, s->normal) >= 0;
}

static void begin_result(struct scanning *s, uint32_t run)
{
    if (s->run == run) return;
    s->run = run;
    s->rows = 0;
}

static void count(struct scanning *s, const struct transcript_event *e)
{
    if (!s->rows++) {
        s->first_sequence = e->sequence;
        s->first_us = e->time_us;
    }
    s->last_sequence = e->sequence;
    s->last_us = e->time_us;
}

static void on_row(struct scanning *s, const struct transcript_event *e)
{
    const struct transcript_row *row = &e->of.row;
    struct bytes outputs = row->outputs;
    bool told = outputs.n > 0, found = false;
    begin_result(s, e->run);
    if (!shows_column(s, row->text, row->statement) && !is_told_at_its_end(row->text)) return;
    for (size_t i = 0; i < row->n_values && !found; i++) {
        struct bytes state = transcript_output_next(&outputs);
        if (row->values[i].null || (told && !bytes_is(state, "clear"))) continue;
        found = is_it(s, row->values[i].text);
    }
    if (found) count(s, e);
}

struct copying {
    struct scanning *s;
    const struct transcript_event *e;
    struct bytes outputs;
};

static void on_field(void *context, uint64_t row, size_t place, struct bytes field)
{
    struct copying *c = context;
    struct bytes outputs = c->outputs, state = { 0 };
    for (size_t i = 0; outputs.n && i <= place; i++)
        state = transcript_output_next(&outputs);
    if (row == c->s->copy_row || (c->outputs.n && !bytes_is(state, "clear")) || !is_it(c->s, field)) return;
    c->s->copy_row = row; /* a row counts once */
    count(c->s, c->e);
}

static void on_copy(struct scanning *s, const struct transcript_event *e)
{
    const struct transcript_text *text = e->of.copy.text;
    if (e->of.copy.in || !shows_column(s, text, e->of.copy.statement)) return;
    struct copying c = { s, e, transcript_text_list(text, "outputs", e->of.copy.statement) };
    begin_result(s, e->run);
    if (!s->copy && (s->copy = malloc(sizeof *s->copy))) {
        struct copy_options options = copy_options_of(text->text);
        copy_rows_init(s->copy, &options);
        s->copy_row = 0;
    }
    s->failed |= !s->copy;
    if (s->copy) copy_rows_feed(s->copy, e->of.copy.data, on_field, &c);
}

static void end_result(struct scanning *s)
{
    if (s->copy) copy_rows_free(s->copy);
    free(s->copy);
    s->copy = NULL;
    s->rows = 0;
    s->run = 0;
}

/* The end of a result that held it, or of a session in the middle of one. */
static void tell(struct scanning *s, const struct transcript_text *text, enum shown shown)
{
    char column[512];
    const struct who_saw_value *asked = s->printing->asked;
    if (shown == SHOWN_UNTRACED)
        snprintf(column, sizeof column, "untraced");
    else
        snprintf(column, sizeof column, "%.*s.%.*s", BYTES_FMT(bytes_slice(asked->relation, 0, 200)),
                 BYTES_FMT(asked->column.n ? bytes_slice(asked->column, 0, 200) : BYTES_LITERAL("*")));
    struct arena arena;
    arena_init(&arena, 4096, SHAPE_CEILING);
    struct index_value_sight sight = { .principal = s->principal,
                                       .connection = s->connection,
                                       .column = bytes_of(column),
                                       .shape = text ? sql_shape(text->text, &arena) : (struct bytes){ 0 },
                                       .session = s->session,
                                       .rows = s->rows,
                                       .first_us = s->first_us,
                                       .last_us = s->last_us,
                                       .first_sequence = s->first_sequence,
                                       .last_sequence = s->last_sequence };
    show(s->printing, &sight);
    arena_free(&arena);
}

static void on_complete(struct scanning *s, const struct transcript_event *e)
{
    const struct transcript_complete *c = &e->of.complete;
    const struct transcript_text *text = c->of ? c->of : c->text;
    enum shown shown = shows_column(s, text, c->of ? 1 : c->statement);
    /* What was prepared or declared is not known where statements are not looked into. */
    if (!shown && !c->of && is_told_at_its_end(text)) shown = SHOWN_UNTRACED;
    if (s->rows && s->run == e->run && shown) tell(s, text, shown);
    end_result(s);
}

static void on_event(void *context, const struct transcript_event *e)
{
    struct scanning *s = context;
    switch (e->kind) {
    case EVENT_ROW: on_row(s, e); break;
    case EVENT_COPY: on_copy(s, e); break;
    case EVENT_COMPLETE: on_complete(s, e); break;
    default: break;
    }
}

struct named {
    char principal[256], connection[256];
};

static void name_session(void *context, const struct index_session *session)
{
    struct named *n = context;
    snprintf(n->principal, sizeof n->principal, "%.*s", BYTES_FMT(bytes_slice(session->principal, 0, 255)));
    snprintf(n->connection, sizeof n->connection, "%.*s",
             BYTES_FMT(bytes_slice(session->connection, 0, 255)));
}

static bool scan_session(struct scanning *s, uint64_t session)
{
    struct who_saw_printing *p = s->printing;
    struct session_feed feed;
    struct named named = { "", "" };
    enum session_step step = SESSION_FED;
    if (index_session_of(p->e->index, session, name_session, &named)) return true; /* erased meanwhile */
    s->session = session;
    s->principal = bytes_of(named.principal);
    s->connection = bytes_of(named.connection);
    bool good = session_feed_open(p->call, p->e, session, &feed);
    while (good && step == SESSION_FED)
        step = session_feed_step(&feed, on_event, s);
    end_result(s);
    session_feed_close(&feed);
    return good && step != SESSION_BAD;
}

/* What cannot be read is said, and the rest is read all the same. */
static bool scan(struct who_saw_printing *p)
{
    struct scanning s = { .printing = p };
    uint8_t *room = malloc(p->asked->value.n + 1);
    buf_init(&s.room, VALUE_CEILING);
    int error = room ? index_value_sessions(p->e->index, p->filter, p->asked->relation, p->asked->column,
                                            add_session, &s)
                     : -ENOMEM;
    if (!error) s.normal = value_normal(p->asked->value, room);
    struct progress bar = progress_begin(p->call, "reading recordings");
    bool good = !error && !s.failed;
    for (size_t i = 0; !error && !s.failed && i < s.n_sessions; i++) {
        good = scan_session(&s, s.sessions[i]) && good;
        progress_show(&bar, i + 1, s.n_sessions);
    }
    progress_end(&bar);
    if (error || s.failed)
        cli_fail(p->call, "the recordings cannot be read: %s", strerror(error ? -error : ENOMEM));
    buf_free(&s.room);
    free(s.sessions);
    free(room);
    return good && !s.failed;
}

/* ---- both */

static bool ask(struct who_saw_printing *p, bool *scanned_out)
{
    const struct who_saw_value *asked = p->asked;
    int error = index_value_columns(p->e->index, asked->relation, asked->column, sum_column, p);
    *scanned_out = asked->scan || (!error && !p->n_columns);
    if (!error && *scanned_out) return scan(p);
    if (!error)
        error = index_value_sights(p->e->index, &p->e->keys.keys, p->filter, asked->relation, asked->column,
                                   asked->value, show, p);
    if (error == -EBADMSG)
        cli_fail(p->call,
                 "the key of the indexed values cannot be opened with this key; --scan reads the recordings");
    else if (error)
        cli_fail(p->call, "the index cannot be read: %s", strerror(-error));
    return !error;
}

int who_saw_value(struct cli_call *call, struct evidence *e, const struct index_filter *filter,
                  const struct who_saw_value *asked)
{
    static const char *const titles[] = { "PRINCIPAL", "COLUMN", "ROWS", "LAST", "SESSION", "STATEMENT" };
    struct who_saw_printing p = { .call = call, .e = e, .filter = filter, .asked = asked };
    bool scanned;
    buf_init(&p.out, OUT_CEILING);
    grid_init(&p.grid, GRID_LIST, 6, OUT_CEILING);
    for (size_t i = 0; i < 6; i++)
        grid_title(&p.grid, i, bytes_of(titles[i]), i == 2);
    bool good = ask(&p, &scanned), coloured = cli_coloured(call);
    if (!asked->json && p.n)
        grid_print(&p.grid, coloured ? "\x1b[1m" : "", coloured ? "\x1b[0m" : "", &p.out);
    cli_write(call, &p.out);
    if (good && scanned && !asked->scan)
        fprintf(call->world->err,
                "No policy has this column's values indexed (record.values): the recordings were read.\n");
    if (good && !scanned && p.unknown_rows)
        fprintf(call->world->err,
                "Of %llu rows it is not known which values they showed: they were not recorded.\n",
                (unsigned long long)p.unknown_rows);
    grid_free(&p.grid);
    buf_free(&p.out);
    return !good ? CLI_FAILED : p.n ? CLI_YES : CLI_NO;
}
