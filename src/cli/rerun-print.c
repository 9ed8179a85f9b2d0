/* For people: a paragraph a statement, a line for each difference, a sentence at the end. */
#include "cli/rerun-print.h"
#include "cli/safe.h"
#include "pgwire/typeout.h"

enum { TEXT_MOST = 300, VALUE_MOST = 120, MEMORY = 16 << 20 };

struct bytes rerun_description(const struct rerun_run *run, uint32_t result)
{
    struct bytes none = { 0 };
    if (result < run->now.n && run->now.results[result].description.p)
        return run->now.results[result].description;
    return result < run->then.n ? run->then.results[result].description : none;
}

uint64_t rerun_us_then(const struct rerun_run *run)
{
    uint64_t us = 0;
    for (size_t i = 0; i < run->then.n; i++) /* each counts from the run's beginning */
        if (run->then.results[i].us > us) us = run->then.results[i].us;
    return us;
}

bool rerun_is_shown(const struct rerun_run *run, const struct rerun_comparison *c)
{
    if (run->kind != RERUN_PARSE && run->kind != RERUN_BIND) return true;
    return run->left_out || run->then.has_error || run->now.has_error || c->verdict == RERUN_DIFFERS;
}

static const char *colour(const struct rerun_print *p, const char *code)
{
    return p->colour ? code : "";
}

static void put_text(const struct rerun_print *p, struct bytes text, size_t most)
{
    safe_append(p->out, bytes_slice(text, 0, most), SAFE_ONE_LINE);
    if (text.n > most) buf_append_text(p->out, "…");
}

static void put_us(struct buf *out, uint64_t us)
{
    if (us < 1000000)
        buf_printf(out, "%.2f ms", (double)us / 1e3);
    else
        buf_printf(out, "%.2f s", (double)us / 1e6);
}

static void put_value(const struct rerun_print *p, const struct rerun_column *column, struct bytes value)
{
    struct buf text;
    if (!value.p) {
        buf_append_text(p->out, "NULL");
        return;
    }
    buf_init(&text, MEMORY);
    typeout_value(column ? column->type : 0, column && column->binary, value, &text);
    put_text(p, buf_bytes(&text), VALUE_MOST);
    buf_free(&text);
}

struct row_print {
    const struct rerun_column *columns;
    size_t n_columns;
    struct bytes then[RERUN_COLUMNS], now[RERUN_COLUMNS];
    size_t n_then, n_now;
};

static void put_name(const struct rerun_print *p, const struct row_print *r, size_t i)
{
    if (i < r->n_columns)
        put_text(p, r->columns[i].name, 64);
    else
        buf_printf(p->out, "%lu", (unsigned long)i + 1);
    buf_append_text(p->out, " = ");
}

static void put_cells(const struct rerun_print *p, const struct row_print *r, const struct bytes *values,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i) buf_append_text(p->out, ", ");
        put_name(p, r, i);
        put_value(p, i < r->n_columns ? &r->columns[i] : NULL, values[i]);
    }
}

/* What both have in common names the row; what differs stands behind it. */
static void put_changed(const struct rerun_print *p, const struct row_print *r)
{
    bool first = true;
    for (int differing = 0; differing < 2; differing++) {
        for (size_t i = 0; i < r->n_then; i++) {
            const struct rerun_column *column = i < r->n_columns ? &r->columns[i] : NULL;
            bool same = bytes_equal(r->then[i], r->now[i]) && !r->then[i].p == !r->now[i].p;
            if (same == (differing == 1)) continue;
            buf_append_text(p->out, first ? "" : ", ");
            first = false;
            put_name(p, r, i);
            if (differing) buf_append_text(p->out, colour(p, "\033[1m"));
            put_value(p, column, r->now[i]);
            if (!differing) continue;
            buf_append_text(p->out, ", was ");
            put_value(p, column, r->then[i]);
            buf_append_text(p->out, colour(p, "\033[0m"));
        }
    }
}

static void put_row(const struct rerun_print *p, const struct rerun_run *run,
                    const struct rerun_difference *d)
{
    struct arena arena;
    struct rerun_column *columns = NULL;
    struct row_print *r;
    arena_init(&arena, 64 * 1024, MEMORY);
    r = ARENA_NEW(&arena, struct row_print);
    if (r && rerun_columns(rerun_description(run, d->result), &arena, &columns, &r->n_columns)) {
        r->columns = columns;
        r->n_then = d->has_then ? rerun_values(d->then, r->then, RERUN_COLUMNS) : 0;
        r->n_now = d->has_now ? rerun_values(d->now, r->now, RERUN_COLUMNS) : 0;
        if (d->has_then && d->has_now && r->n_then == r->n_now) {
            buf_append_text(p->out, "a row differs: ");
            put_changed(p, r);
        } else if (d->has_now) {
            buf_append_text(p->out, "a row more: ");
            put_cells(p, r, r->now, r->n_now);
        } else {
            buf_append_text(p->out, "a row less: ");
            put_cells(p, r, r->then, r->n_then);
        }
    }
    arena_free(&arena);
}

static void put_difference(const struct rerun_print *p, const struct rerun_run *run,
                           const struct rerun_difference *d)
{
    buf_printf(p->out, "    %s%s%s ", colour(p, d->expected ? "\033[33m" : "\033[31m"),
               d->expected ? "~" : "!", colour(p, "\033[0m"));
    if (run->then.n > 1) buf_printf(p->out, "result %u: ", d->result + 1);
    switch (d->what) {
    case DIFFERS_ROW: put_row(p, run, d); break;
    case DIFFERS_ORDER: buf_append_text(p->out, "the same rows in another order"); break;
    case DIFFERS_DIGEST: buf_append_text(p->out, "the rows have another digest"); break;
    case DIFFERS_COPY:
        buf_append_text(p->out, d->has_now ? "a line more: " : "a line less: ");
        put_text(p, d->has_now ? d->now : d->then, VALUE_MOST * 2);
        break;
    case DIFFERS_COUNT:
    case DIFFERS_TAG:
    case DIFFERS_END:
    case DIFFERS_ERROR:
    case DIFFERS_COLUMNS:
        buf_printf(p->out, "%s: ", rerun_what_name(d->what));
        put_text(p, d->now, 4 * VALUE_MOST);
        buf_append_text(p->out, ", was ");
        put_text(p, d->then, 4 * VALUE_MOST);
        break;
    }
    if (d->expected) buf_printf(p->out, " (expected: %.*s)", BYTES_FMT(d->why));
    buf_append_text(p->out, "\n");
}

static void put_statement(const struct rerun_print *p, const struct rerun_run *run)
{
    static const char *const kinds[] = { "", "Parse ", "Bind ", "", "function call " };
    buf_printf(p->out, "#%u  %s", run->sequence, kinds[run->kind]);
    put_text(p, run->text, TEXT_MOST);
    for (size_t i = 0; i < run->n_parameters; i++) {
        buf_printf(p->out, "%s$%lu = ", i ? ", " : "  [", (unsigned long)i + 1);
        if (run->parameters[i].null)
            buf_append_text(p->out, "NULL");
        else
            put_text(p, run->parameters[i].text, VALUE_MOST);
    }
    buf_append_text(p->out, run->n_parameters ? "]\n" : "\n");
}

static void put_outcome(const struct rerun_print *p, const struct rerun_run *run)
{
    const struct rerun_result *last = run->now.n ? &run->now.results[run->now.n - 1] : NULL;
    uint64_t rows = 0;
    for (size_t i = 0; i < run->now.n; i++)
        rows += run->now.results[i].n_rows;
    if (run->now.has_error)
        put_text(p, run->now.sqlstate, 5);
    else if (rows)
        buf_printf(p->out, "%lu row%s", (unsigned long)rows, rows == 1 ? "" : "s");
    else if (last && last->tag.n)
        put_text(p, last->tag, 64);
    else
        buf_append_text(p->out, "nothing");
}

void rerun_print_run(const struct rerun_print *p, const struct rerun_run *run,
                     const struct rerun_comparison *c)
{
    if (p->json) {
        rerun_json_run(p, run, c);
        return;
    }
    if (c->verdict == RERUN_SAME && !p->all) return;
    put_statement(p, run);
    if (run->left_out) {
        buf_printf(p->out, "    - not run: %s", rerun_left_out_says(run->left_out));
        if (run->left_out == RERUN_REFUSED && run->rule.n) {
            buf_append_text(p->out, " (rule ");
            put_text(p, run->rule, VALUE_MOST);
            buf_append_text(p->out, ")");
        }
        buf_append_text(p->out, "\n");
        return;
    }
    bool rows = run->now.n && run->now.results[0].n_rows > 1;
    buf_printf(p->out, "    %s: ",
               c->verdict == RERUN_NOT_TOLD ? "ran; how it ended then is not in the record"
                                            : rerun_verdict_name(c->verdict));
    put_outcome(p, run);
    if (rows) buf_append_text(p->out, c->ordered ? ", in order" : ", in any order");
    if (c->partial) buf_append_text(p->out, "; its rows are not in the record");
    buf_append_text(p->out, "; ");
    put_us(p->out, run->us_now);
    buf_append_text(p->out, ", was ");
    put_us(p->out, rerun_us_then(run));
    buf_append_text(p->out, "\n");
    for (size_t i = 0; i < c->n; i++)
        put_difference(p, run, &c->differences[i]);
    if (c->n_left_out) buf_printf(p->out, "    … and %lu more\n", (unsigned long)c->n_left_out);
}

void rerun_print_begin(const struct rerun_print *p, struct rerun_place place, const char *version)
{
    char id[14];
    if (p->json) {
        rerun_json_begin(p, place, version);
        return;
    }
    session_id_format(p->script->session, id);
    buf_printf(p->out, "Session %s of ", id);
    put_text(p, p->script->principal, 200);
    buf_append_text(p->out, ", recorded on database ");
    put_text(p, p->script->database, 64);
    buf_append_text(p->out, " as ");
    put_text(p, p->script->login, 64);
    buf_append_text(p->out, ";\nrun again on database ");
    put_text(p, bytes_of(place.database), 64);
    buf_append_text(p->out, " as ");
    put_text(p, bytes_of(place.user), 64);
    buf_append_text(p->out, " at ");
    put_text(p, bytes_of(place.host), 200);
    buf_printf(p->out, ":%s (PostgreSQL ", place.port ? place.port : "");
    put_text(p, bytes_of(version), 64);
    buf_append_text(p->out, "). What it commits is committed there.\n");
    if (!p->script->marks_syncs)
        buf_append_text(
            p->out,
            "The record is of an older version, and does not say where batches ended: that is guessed.\n");
    if (!p->script->whole) buf_append_text(p->out, "The session's end is not in the record yet.\n");
    buf_append_text(p->out, "\n");
}

void rerun_print_sum(const struct rerun_print *p, const struct rerun_sum *sum, const char *lost)
{
    static const struct {
        enum rerun_verdict verdict;
        const char *says;
    } parts[] = { { RERUN_SAME, "the same" },
                  { RERUN_DIFFERS, "different" },
                  { RERUN_EXPECTED, "different as expected" },
                  { RERUN_NOT_RUN, "not run" },
                  { RERUN_NOT_TOLD, "whose end is not in the record" } };
    uint64_t all = 0;
    if (p->json) {
        rerun_json_sum(p, sum, lost);
        return;
    }
    if (lost[0]) {
        buf_append_text(p->out, "\nThe connection was lost: ");
        put_text(p, bytes_of(lost), 400);
        buf_append_text(p->out, "\n");
    }
    for (size_t i = 0; i < RERUN_N_VERDICTS; i++)
        all += sum->of[i];
    buf_printf(p->out, "\n%lu statement%s: ", (unsigned long)all, all == 1 ? "" : "s");
    bool first = true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!sum->of[parts[i].verdict] && i > 1) continue;
        buf_printf(p->out, "%s%lu %s", first ? "" : ", ", (unsigned long)sum->of[parts[i].verdict],
                   parts[i].says);
        first = false;
    }
    buf_append_text(p->out, ". They took ");
    put_us(p->out, sum->us_now);
    buf_append_text(p->out, ", then ");
    put_us(p->out, sum->us_then);
    buf_append_text(p->out, ".\n");
}
