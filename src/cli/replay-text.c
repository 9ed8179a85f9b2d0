/* The form for people. A statement begins with its time and number; what belongs to it stands under it,
 * indented where it is not a table. Everything that a client or a server wrote goes through safe_append. */
#include "cli/replay.h"
#include "cli/safe.h"
#include "cli/when.h"
#include "pgwire/typeout.h"
#include "record/approval-words.h"

#define PLAIN  "\x1b[0m"
#define DIM    "\x1b[2m"
#define BOLD   "\x1b[1m"
#define RED    "\x1b[31m"
#define GREEN  "\x1b[32m"
#define YELLOW "\x1b[33m"
#define CYAN   "\x1b[36m"

enum { GRID_CEILING = 64 << 20 };

void replay_init(struct replay *r, struct buf *out, uint64_t session)
{
    *r = (struct replay){ .out = out, .session = session, .rows_most = 20 };
    map_init(&r->idle, 1 << 22, 0);
}

void replay_free(struct replay *r)
{
    if (r->rows_wait) grid_free(&r->grid);
    r->rows_wait = false;
    map_free(&r->idle, NULL);
}

static void colour(struct replay *r, const char *code)
{
    if (r->colour) buf_append_text(r->out, code);
}

static void text(struct replay *r, const char *t)
{
    buf_append_text(r->out, t);
}

static void safe(struct replay *r, struct bytes b)
{
    safe_append(r->out, b, SAFE_ONE_LINE);
}

/* Text of several lines, each behind an indent. */
static void block(struct replay *r, struct bytes b, const char *indent)
{
    struct buf lines;
    buf_init(&lines, b.n * 6 + 64);
    safe_append(&lines, b, SAFE_LINES);
    struct bytes left = buf_bytes(&lines);
    while (left.n && (left.p[left.n - 1] == '\n' || left.p[left.n - 1] == ' '))
        left.n--;
    for (bool first = true; left.n || first; first = false) {
        const uint8_t *end = left.n ? memchr(left.p, '\n', left.n) : NULL;
        size_t n = end ? (size_t)(end - left.p) : left.n;
        if (!first) text(r, indent);
        buf_append(r->out, bytes_make(left.p, n));
        text(r, "\n");
        left = bytes_slice(left, end ? n + 1 : n, left.n);
    }
    if (lines.failed) r->out->failed = true;
    buf_free(&lines);
}

/* "+0.123 s  #7  " */
static void heading(struct replay *r, const struct transcript_event *e)
{
    colour(r, DIM);
    buf_printf(r->out, "\n%+9.3f s  #%u  ", (double)e->offset_us / 1e6, e->sequence);
    colour(r, PLAIN);
}

/* In a pipeline outcomes come after several statements: one that is not of the last says whose it is. */
static void whose(struct replay *r, uint32_t run)
{
    if (!run || run == r->shown_run) return;
    colour(r, DIM);
    buf_printf(r->out, "  of #%u:\n", run);
    colour(r, PLAIN);
    r->shown_run = run;
}

static void field_line(struct replay *r, const char *name, struct bytes value)
{
    if (!value.n) return;
    colour(r, DIM);
    buf_printf(r->out, "  %-12s ", name);
    colour(r, PLAIN);
    block(r, value, "               ");
}

/* ---- rows */

static void flush_copy(struct replay *r)
{
    if (!r->copy_run) return;
    whose(r, r->copy_run);
    buf_printf(r->out, "  COPY %s: %llu bytes\n", r->copy_in ? "in" : "out",
               (unsigned long long)r->copy_bytes);
    r->copy_run = 0;
    r->copy_bytes = 0;
}

static void flush_rows(struct replay *r)
{
    flush_copy(r);
    if (!r->rows_wait) return;
    r->rows_wait = false;
    whose(r, r->rows_run);
    grid_print(&r->grid, r->colour ? BOLD : "", r->colour ? PLAIN : "", r->out);
    uint64_t more = r->rows_seen - r->grid.n_rows;
    if (more) buf_printf(r->out, "… %llu more\n", (unsigned long long)more);
    buf_printf(r->out, "(%llu row%s)\n", (unsigned long long)r->rows_seen, r->rows_seen == 1 ? "" : "s");
    grid_free(&r->grid);
}

static void begin_rows(struct replay *r, const struct transcript_event *e)
{
    const struct transcript_row *row = &e->of.row;
    r->rows_wait = true;
    r->rows_run = e->run;
    r->rows_description = row->description;
    r->rows_seen = 0;
    size_t n = row->n_columns ? row->n_columns : row->n_values;
    grid_init(&r->grid, GRID_PSQL, n, GRID_CEILING);
    for (size_t i = 0; i < n; i++) {
        char number[32];
        snprintf(number, sizeof number, "column%zu", i + 1);
        struct bytes name = i < row->n_columns ? row->columns[i].name : bytes_of(number);
        grid_title(&r->grid, i, name, i < row->n_columns && typeout_is_number(row->columns[i].type));
    }
}

static void add_row(struct replay *r, const struct transcript_event *e)
{
    if (!r->rows_wait || r->rows_run != e->run || r->rows_description != e->of.row.description) {
        flush_rows(r);
        begin_rows(r, e);
    }
    if (r->rows_seen++ >= r->rows_most) return;
    grid_row(&r->grid);
    for (size_t i = 0; i < e->of.row.n_values; i++)
        if (!e->of.row.values[i].null) grid_cell(&r->grid, i, e->of.row.values[i].text);
}

/* ---- statements */

static void verdict(struct replay *r, const struct transcript_text *t)
{
    if (!t) return;
    bool refused = bytes_is(t->decision, "deny") || bytes_is(t->decision, "hold");
    if (!refused && !t->would.n) return;
    colour(r, refused ? RED : YELLOW);
    text(r, bytes_is(t->decision, "hold") ? "  needs approval"
            : refused                     ? "  refused"
                                          : "  would have been refused");
    colour(r, PLAIN);
    if (t->policy.n) {
        text(r, " by policy ");
        safe(r, t->policy);
    }
    text(r, ", rule ");
    safe(r, t->rule);
    if (t->would.n) {
        text(r, ": ");
        safe(r, t->would);
    }
    text(r, "\n");
}

/* "outputs" says the same once more, by the result's columns: that is for programs. */
static void seen_line(void *context, struct bytes name, struct bytes value)
{
    struct replay *r = context;
    if (!transcript_field_is_seen(name) || bytes_starts_with(name, "outputs")) return;
    colour(r, bytes_starts_with(name, "masked") ? DIM : YELLOW);
    text(r, "  ");
    safe(r, name);
    text(r, " ");
    safe(r, value);
    colour(r, PLAIN);
    text(r, "\n");
}

static void parameters(struct replay *r, const struct transcript_statement *s)
{
    for (size_t i = 0; i < s->n_parameters; i++) {
        const struct transcript_value *v = &s->parameters[i];
        const char *type = typeout_name(v->type);
        colour(r, DIM);
        buf_printf(r->out, "  $%zu = ", i + 1);
        colour(r, PLAIN);
        if (v->null)
            text(r, "NULL");
        else {
            text(r, "'");
            safe(r, v->text);
            text(r, "'");
        }
        colour(r, DIM);
        if (type)
            buf_printf(r->out, "  %s", type);
        else if (v->type)
            buf_printf(r->out, "  type %u", v->type);
        colour(r, PLAIN);
        text(r, "\n");
    }
}

static void statement(struct replay *r, const struct transcript_event *e)
{
    const struct transcript_statement *s = &e->of.statement;
    heading(r, e);
    r->shown_run = e->run;
    colour(r, BOLD);
    if (s->protocol == PROTOCOL_CALL)
        buf_printf(r->out, "function call %u\n", s->function);
    else if (s->text)
        block(r, s->text->text, "                 ");
    else
        text(r, "(its text is not in what was read)\n");
    colour(r, PLAIN);
    parameters(r, s);
    if (s->protocol == PROTOCOL_EXTENDED && !s->has_parameters)
        text(r, "  (its parameters are not in what was read)\n");
    verdict(r, s->text);
    if (s->text && r->everything) field_line(r, "sent", s->text->sent);
    if (s->text) frame_fields_each(s->text->fields, seen_line, r);
}

/* What is prepared shows where it runs; what is refused never runs, so it shows here. */
static void prepare(struct replay *r, const struct transcript_event *e)
{
    const struct transcript_text *t = e->of.prepare.text;
    bool refused = t && (bytes_is(t->decision, "deny") || bytes_is(t->decision, "hold"));
    if (!refused && !r->everything) return;
    heading(r, e);
    r->shown_run = e->sequence;
    text(r, "prepare ");
    if (e->of.prepare.name.n) {
        safe(r, e->of.prepare.name);
        text(r, ": ");
    }
    if (t)
        block(r, t->text, "                 ");
    else
        text(r, "\n");
    if (refused) verdict(r, t);
}

static void complete(struct replay *r, const struct transcript_event *e)
{
    static const char *const ends[] = { "",
                                        "failed",
                                        "suspended: more rows can be fetched",
                                        "skipped: an earlier statement of the pipeline failed",
                                        "lost: the session ended first",
                                        "refused",
                                        "empty",
                                        "undone: it passed a limit and was rolled back" };
    const struct transcript_complete *c = &e->of.complete;
    char took[24];
    if (c->how == RUN_REFUSED) return; /* it says so already */
    whose(r, e->run);
    when_duration((int64_t)c->us, took);
    colour(r, c->how == RUN_COMPLETED || c->how == RUN_SUSPENDED || c->how == RUN_EMPTY ? GREEN : RED);
    text(r, "  ");
    safe(r, c->tag);
    if (c->tag.n && *ends[c->how]) text(r, ", ");
    text(r, ends[c->how]);
    colour(r, DIM);
    buf_printf(r->out, "  %s\n", took);
    colour(r, PLAIN);
}

static void report(struct replay *r, const struct transcript_event *e)
{
    const struct transcript_report *p = &e->of.report;
    whose(r, e->run);
    colour(r, p->is_error ? RED : YELLOW);
    text(r, "  ");
    safe(r, p->severity);
    text(r, " ");
    safe(r, p->sqlstate);
    colour(r, PLAIN);
    text(r, p->origin == ORIGIN_GATEWAY ? "  (by the gateway) " : "  ");
    block(r, p->message, "           ");
    struct {
        const char *name;
        struct bytes value;
    } more[] = { { "DETAIL", p->detail }, { "HINT", p->hint }, { "WHERE", p->where } };
    for (size_t i = 0; i < 3; i++)
        if (more[i].value.n) {
            buf_printf(r->out, "    %s  ", more[i].name);
            block(r, more[i].value, "            ");
        }
}

/* ---- everything else */

static void any_field(void *context, struct bytes name, struct bytes value)
{
    struct replay *r = context;
    char shown[64];
    struct bytes known = bytes_starts_with(name, "claim.") ? bytes_slice(name, 6, name.n) : name;
    struct buf s;
    buf_init(&s, 4096);
    safe_append(&s, bytes_slice(known, 0, 30), SAFE_ONE_LINE);
    snprintf(shown, sizeof shown, "%.*s%s", (int)(buf_length(&s) > 40 ? 40 : buf_length(&s)),
             (const char *)buf_bytes(&s).p, known.n != name.n ? "*" : "");
    buf_free(&s);
    field_line(r, shown, value);
}

static void fields(struct replay *r, const struct transcript_event *e, const char *what, const char *code)
{
    heading(r, e);
    colour(r, code);
    text(r, what);
    colour(r, PLAIN);
    text(r, "\n");
    frame_fields_each(e->of.fields, any_field, r);
}

/* The chain of custody: a sentence, and under it what the record has. */
static void approval(struct replay *r, const struct transcript_event *e)
{
    struct buf words;
    buf_init(&words, 64 * 1024);
    approval_words(e->of.fields, &words);
    heading(r, e);
    colour(r, YELLOW);
    text(r, "approval");
    if (buf_length(&words)) text(r, ": ");
    safe(r, buf_bytes(&words));
    colour(r, PLAIN);
    text(r, "\n");
    buf_free(&words);
    frame_fields_each(e->of.fields, any_field, r);
}

static void start(struct replay *r, const struct transcript_event *e)
{
    char id[14], when[20];
    session_id_format(r->session, id);
    when_format(e->time_us, when);
    colour(r, BOLD);
    buf_printf(r->out, "session %s", id);
    colour(r, PLAIN);
    buf_printf(r->out, "  %s UTC\n", when);
    frame_fields_each(e->of.fields, any_field, r);
    colour(r, DIM);
    text(r, "  (* is what the client claims; the rest is verified or observed)\n");
    colour(r, PLAIN);
}

static void small(struct replay *r, const struct transcript_event *e)
{
    heading(r, e);
    switch (e->kind) {
    case EVENT_NOTIFICATION:
        text(r, "notification on ");
        safe(r, e->of.notification.channel);
        text(r, ": ");
        safe(r, e->of.notification.payload);
        break;
    case EVENT_PARAMETER:
        text(r, "parameter ");
        safe(r, e->of.parameter.name);
        text(r, " = ");
        safe(r, e->of.parameter.value);
        break;
    case EVENT_CLOSE:
        text(r, e->of.close.kind == 'S' ? "close statement " : "close portal ");
        safe(r, e->of.close.name);
        break;
    case EVENT_STATUS:
        text(r, e->of.status == 'T'   ? "in a transaction"
                : e->of.status == 'E' ? "in a failed transaction"
                                      : "idle");
        break;
    case EVENT_DAMAGED:
        colour(r, RED);
        buf_printf(r->out, "damaged %s frame: %.*s", frame_type_name(e->frame_type),
                   BYTES_FMT(e->of.message));
        colour(r, PLAIN);
        break;
    default: buf_printf(r->out, "a frame of type %u, which this version does not know", e->frame_type); break;
    }
    text(r, "\n");
}

static void rows_note(struct replay *r, const struct transcript_event *e)
{
    whose(r, e->run);
    if (e->kind == EVENT_CUT) {
        colour(r, RED);
        text(r, "  rows cut here: the log had no room");
        if (e->of.cut_rows) buf_printf(r->out, " (%llu rows)", (unsigned long long)e->of.cut_rows);
        colour(r, PLAIN);
        text(r, "\n");
        return;
    }
    buf_printf(r->out, "  %llu rows, %llu bytes, kept as SHA-256 ", (unsigned long long)e->of.digest.rows,
               (unsigned long long)e->of.digest.bytes);
    for (size_t i = 0; i < e->of.digest.sha256.n; i++)
        buf_printf(r->out, "%02x", e->of.digest.sha256.p[i]);
    text(r, "\n");
}

/* "2.card_number.masked", "3": what it was, in which column, and how often. */
static void found_field(void *context, struct bytes name, struct bytes value)
{
    struct replay *r = context;
    ptrdiff_t first = bytes_find(name, BYTES_LITERAL("."));
    struct bytes column = bytes_slice(name, 0, first < 0 ? 0 : (size_t)first);
    struct bytes rest = bytes_slice(name, (size_t)(first + 1), name.n);
    ptrdiff_t second = bytes_find(rest, BYTES_LITERAL("."));
    text(r, "  ");
    safe(r, value);
    text(r, " ");
    safe(r, second < 0 ? rest : bytes_slice(rest, 0, (size_t)second));
    if (second >= 0) {
        text(r, " ");
        safe(r, bytes_slice(rest, (size_t)second + 1, rest.n));
    }
    if (column.n && !bytes_is(column, "0")) {
        text(r, " in column ");
        safe(r, column);
    }
    text(r, "\n");
}

static void found_note(struct replay *r, const struct transcript_event *e)
{
    whose(r, e->run);
    colour(r, YELLOW);
    frame_fields_each(e->of.fields, found_field, r);
    colour(r, PLAIN);
}

static void add_copy(struct replay *r, const struct transcript_event *e)
{
    if (r->copy_run != e->run || r->copy_in != e->of.copy.in) flush_rows(r);
    r->copy_run = e->run;
    r->copy_in = e->of.copy.in;
    r->copy_bytes += e->of.copy.data.n;
}

void replay_text(struct replay *r, const struct transcript_event *e)
{
    if (e->kind == EVENT_TEXT) return;
    if (e->kind == EVENT_ROW) {
        add_row(r, e);
        return;
    }
    if (e->kind == EVENT_COPY) {
        add_copy(r, e);
        return;
    }
    flush_rows(r);
    switch (e->kind) {
    case EVENT_START: start(r, e); break;
    case EVENT_END: fields(r, e, "end", BOLD); break;
    case EVENT_CONTEXT: fields(r, e, "context", CYAN); break;
    case EVENT_CANCEL: fields(r, e, "cancel", YELLOW); break;
    case EVENT_REJECTED: fields(r, e, "turned away", RED); break;
    case EVENT_GATEWAY: fields(r, e, "gateway", CYAN); break;
    case EVENT_APPROVAL: approval(r, e); break;
    case EVENT_SEALED:
        if (r->sealed) fields(r, e, "sealed", DIM);
        break;
    case EVENT_FOUND: found_note(r, e); break;
    case EVENT_PREPARE: prepare(r, e); break;
    case EVENT_STATEMENT: statement(r, e); break;
    case EVENT_COMPLETE: complete(r, e); break;
    case EVENT_REPORT: report(r, e); break;
    case EVENT_DIGEST:
    case EVENT_CUT: rows_note(r, e); break;
    case EVENT_NOTIFICATION:
    case EVENT_DAMAGED: small(r, e); break;
    case EVENT_PARAMETER:
    case EVENT_CLOSE:
    case EVENT_STATUS:
    case EVENT_OTHER:
        if (r->everything) small(r, e);
        break;
    case EVENT_TEXT:
    case EVENT_ROW:
    case EVENT_COPY: break;
    }
}

void replay_text_finish(struct replay *r)
{
    flush_rows(r);
}
