/* The words about views: what is known of the catalogue, and the inquiry with its answer. */
#include "catalog/queries.h"
#include "catalog/test-catalog.h"
#include "session/talk.h"

static void tell(struct talk *t)
{
    struct talk_world *w = &t->world;
    if (!t->session) return;
    if (session_waits_for_catalog(t->session, &w->catalog)) session_on_catalog(t->session);
    talk_pump(t);
}

/* catalog { text }; catalog waits; catalog problem "why"; catalog looked */
void talk_on_catalog(struct talk *t, const struct talk_line *line)
{
    struct talk_world *w = &t->world;
    struct bytes kind = line->n > 1 ? line->words[1].text : (struct bytes){ 0 };
    w->world.without_views = false;
    if (line->block.p) {
        const char *text = arena_string(&t->arena, line->block);
        catalog_release(w->catalog.newest);
        w->catalog.newest = catalog_from_text(text);
        w->catalog.checked_us = clock_monotonic_us(&w->clock);
        w->catalog.problem = (struct bytes){ 0 };
    } else if (bytes_is(kind, "looked")) {
        w->catalog.checked_us = clock_monotonic_us(&w->clock);
    } else if (bytes_is(kind, "problem") && line->n > 2) {
        w->catalog.problem = arena_copy(&t->world.arena, line->words[2].text);
    } else if (!bytes_is(kind, "waits")) {
        talk_fail(t, "catalog { }, waits, looked or problem");
    }
    tell(t);
}

/* thread answers, waits, busy: what the thread does that understands long texts in a view. */
void talk_on_thread(struct talk *t, const struct talk_line *line)
{
    static const struct {
        const char *word;
        enum talk_parser is;
    } kinds[] = { { "answers", TALK_PARSER_ANSWERS },
                  { "waits", TALK_PARSER_WAITS },
                  { "busy", TALK_PARSER_BUSY } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (line->n > 1 && talk_word_is(&line->words[1], kinds[i].word)) {
            t->world.thread = kinds[i].is;
            if (t->session) talk_pump(t);
            return;
        }
    talk_fail(t, "thread answers, waits or busy");
}

/* heard check: the session asked for a look at the catalogue. */
void talk_heard_check(struct talk *t)
{
    if (!t->world.check_heard) talk_fail(t, "nobody asked for a look at the catalogue");
    t->world.check_heard = false;
}

static void run_line(struct talk *t, const struct talk_line *by, struct bytes text)
{
    struct talk_line one;
    if (t->failed) return;
    if (!talk_line_split(text, by->number, &t->arena, &one))
        talk_fail(t, "this is no row");
    else if (one.n)
        talk_line_run(t, &one);
}

/* A row of few words, and as many NULL behind them as its width needs. */
static void row(struct talk *t, const struct talk_line *by, struct bytes words)
{
    struct talk_line one;
    struct buf out;
    if (!talk_line_split(words, by->number, &t->arena, &one) || one.n == 0) return;
    buf_init(&out, 1 << 20);
    buf_printf(&out, "s > DataRow %.*s", BYTES_FMT(words));
    for (size_t i = one.n; i < CATALOG_ROW_WIDTH; i++)
        buf_append_text(&out, " NULL");
    run_line(t, by, arena_copy(&t->arena, buf_bytes(&out)));
    buf_free(&out);
}

static void answer_rows(struct talk *t, const struct talk_line *line)
{
    for (size_t i = 2; i < line->n; i++)
        row(t, line, arena_printf(&t->arena, "P %.*s", BYTES_FMT(line->words[i].text)));
    row(t, line, BYTES_LITERAL("S \"\" f 100:100:"));
    for (struct bytes rest = line->block; rest.n;) {
        const uint8_t *end = memchr(rest.p, '\n', rest.n);
        struct bytes one = bytes_slice(rest, 0, end ? (size_t)(end - rest.p) : rest.n);
        rest = bytes_slice(rest, one.n + 1, rest.n);
        row(t, line, one);
    }
    run_line(t, line, BYTES_LITERAL("s > CommandComplete \"SELECT 1\""));
}

static void run_lines(struct talk *t, const struct talk_line *line, const char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        run_line(t, line, bytes_of(lines[i]));
}

/* inquiry-within asked; inquiry-within told SCHEMA… { rows }: the same in the middle of a batch. */
void talk_on_inquiry_within(struct talk *t, const struct talk_line *line)
{
    static const char *const asked[] = { "s < Close S postern.own",
                                         "s < Parse postern.own *",
                                         "s < Bind postern.own postern.own",
                                         "s < Execute postern.own 0",
                                         "s < Close P postern.own",
                                         "s < Close S postern.own",
                                         "s < Flush" };
    static const char *const before[] = { "s > CloseComplete", "s > ParseComplete", "s > BindComplete" };
    static const char *const behind[] = { "s > CloseComplete", "s > CloseComplete" };
    if (line->n > 1 && talk_word_is(&line->words[1], "asked")) {
        run_lines(t, line, asked, sizeof asked / sizeof *asked);
        return;
    }
    run_lines(t, line, before, sizeof before / sizeof *before);
    answer_rows(t, line);
    run_lines(t, line, behind, sizeof behind / sizeof *behind);
}

/* inquiry STATUS SCHEMA… { rows }: the session asks the server what it sees, and the server answers: the
 * path, and rows. "inquiry asked": only that it asks. */
void talk_on_inquiry(struct talk *t, const struct talk_line *line)
{
    struct buf description;
    buf_init(&description, 4096);
    run_line(t, line, BYTES_LITERAL("s < Query *"));
    if (line->n > 1 && talk_word_is(&line->words[1], "asked")) return;
    buf_append_text(&description, "s > RowDescription");
    for (int i = 0; i < CATALOG_ROW_WIDTH; i++)
        buf_printf(&description, " c%d:text", i);
    run_line(t, line, arena_copy(&t->arena, buf_bytes(&description)));
    buf_free(&description);
    answer_rows(t, line);
    run_line(t, line,
             arena_printf(&t->arena, "s > ReadyForQuery %.*s",
                          BYTES_FMT(line->n > 1 ? line->words[1].text : BYTES_LITERAL("I"))));
}
