/* Each recording in which the column came out clear is read, and each value of a result's column that holds
 * it is compared in its normal form; a row, an array or a document that is shown whole holds it where its
 * text does. */
#include "mask/seen.h"
#include "record/copy-rows.h"
#include "record/saw-value.h"
#include "record/transcript.h"
#include "record/value-form.h"
#include "sql/facts.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    VALUE_CEILING = 64 << 20,
    SHAPE_CEILING = 256 << 20,
    TRANSCRIPT_CEILING = 512 << 20,
    FRAMES = 4096 /* between two looks whether to go on */
};

struct scanning {
    const struct saw_question *asked;
    struct saw_answer *answer;
    struct index *index;
    struct record_reader *reader;
    struct bytes normal;
    struct buf room;
    uint64_t *sessions;
    size_t n_sessions, n_done;
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
    const struct saw_question *asked = s->asked;
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
    const struct saw_question *asked = s->asked;
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
    asked->visit(asked->context, &sight);
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

/* What cannot be read is said, and the rest is read all the same. */
static void say_unread(struct scanning *s, const char *message)
{
    s->answer->n_unread++;
    s->asked->unread(s->asked->context, s->session, message);
}

static bool goes_on(struct scanning *s)
{
    return s->asked->progress(s->asked->context, s->n_done, s->n_sessions);
}

/* 0; -ECANCELED; or -errno, where nothing more can be read. */
static int read_session(struct scanning *s, struct transcript *transcript)
{
    struct frame frame;
    switch (record_reader_session(s->reader, s->session, 1)) {
    case RECORD_READ_FRAME: break;
    case RECORD_READ_END: say_unread(s, "the log has no frame of this session"); return 0;
    case RECORD_READ_BAD: say_unread(s, record_reader_message(s->reader)); return 0;
    }
    for (unsigned n = 1; !s->failed; n++) {
        switch (record_reader_next(s->reader, &frame)) {
        case RECORD_READ_FRAME: transcript_feed(transcript, &frame, on_event, s); break;
        case RECORD_READ_END: return 0;
        case RECORD_READ_BAD: say_unread(s, record_reader_message(s->reader)); return 0;
        }
        if (n % FRAMES == 0 && !goes_on(s)) return -ECANCELED;
    }
    return -ENOMEM;
}

static int scan_session(struct scanning *s)
{
    struct named named = { "", "" };
    int error = index_session_of(s->index, s->session, name_session, &named);
    if (error) return error == -ENOENT ? 0 : error; /* erased meanwhile */
    struct transcript *transcript = transcript_new(TRANSCRIPT_CEILING);
    if (!transcript) return -ENOMEM;
    s->principal = bytes_of(named.principal);
    s->connection = bytes_of(named.connection);
    error = read_session(s, transcript);
    end_result(s);
    transcript_free(transcript);
    return error;
}

int saw_scan(struct index *index, struct record_reader *reader, const struct saw_question *question,
             struct saw_answer *answer)
{
    struct scanning s = { .asked = question, .answer = answer, .index = index, .reader = reader };
    uint8_t *room = malloc(question->value.n + 1);
    buf_init(&s.room, VALUE_CEILING);
    answer->scanned = true;
    int error = room ? index_value_sessions(index, question->filter, question->relation, question->column,
                                            add_session, &s)
                     : -ENOMEM;
    if (!error && s.failed) error = -ENOMEM;
    if (!error) s.normal = value_normal(question->value, room);
    while (!error && s.n_done < s.n_sessions) {
        s.session = s.sessions[s.n_done];
        error = scan_session(&s);
        s.n_done++;
        if (!error && !goes_on(&s)) error = -ECANCELED;
    }
    buf_free(&s.room);
    free(s.sessions);
    free(room);
    return error;
}
