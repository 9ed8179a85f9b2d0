/* postern audit search. Words are looked up among the shapes of statements, which hold no literal; --literal
 * looks for a text in everything that was recorded, by opening every block that the other filters leave. */
#include "cli/commands.h"
#include "cli/evidence.h"
#include "cli/grid.h"
#include "cli/progress.h"
#include "cli/safe.h"
#include "cli/session-feed.h"
#include "cli/when.h"
#include "sql/facts.h"
#include "json/writer.h"
#include <errno.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    { "literal", 0, NULL,
      "Look for TEXT as it stands in statements, parameters, rows, COPY data and messages" },
    { "principal", 0, "NAME", "Only what this principal ran" },
    { "on-behalf-of", 0, "NAME", "Only what ran on this person's verified behalf" },
    { "connection", 0, "NAME", "Only what ran on this connection" },
    { "session", 0, "ID", "Only this session" },
    { "relation", 0, "NAME", "Only statements that touch it: orders, public.orders" },
    { "effect", 0, "NAME", "Only statements with this effect: delete, schema.drop, schema" },
    { "verdict", 0, "WHAT", "Only statements that got it: allow, deny, hold, observed, error" },
    { "error", 0, "SQLSTATE", "Only statements that failed with it; two characters are a class" },
    { "least-time", 0, "TIME", "Only statements of which an outcome took so long, or longer: 250ms, 5s, 2m" },
    { "least-rows", 0, "N", "Only statements of which an outcome had so many rows, or more" },
    { "since", 0, "TIME", "Only after this time: 2h, 3d, today, 2026-11-21, \"2026-11-21 08:45\"" },
    { "until", 0, "TIME", "Only before this time" },
    { "limit", 'n', "N", "At most so many; the default is 100, 0 is all" },
    { "cursor", 0, "CURSOR", "Only what stands behind it: the cursor of the last one of the page before" },
    { 0 },
};

enum { OUT_CEILING = 256 << 20 };

struct search {
    struct cli_call *call;
    struct evidence *evidence;
    struct buf out;
    bool json;
    uint64_t n, limit;
    struct index_after after; /* which page; then where the last hit stands */
    /* --literal */
    struct bytes *needles;
    size_t n_needles;
    uint64_t session;
    uint64_t *sessions;
    size_t n_sessions;
    bool failed;
};

/* ---- by the index */

enum { CURSOR_SIZE = 64 };
static void cursor_format(struct index_after after, char out[CURSOR_SIZE])
{
    char id[14];
    session_id_format(after.session, id);
    snprintf(out, CURSOR_SIZE, "%lld-%s-%u", (long long)after.minute, id, after.sequence);
}

/* The minute, the session, the sequence. */
static bool cursor_parse(struct bytes text, struct index_after *out)
{
    int64_t sequence;
    ptrdiff_t first = bytes_find(text, BYTES_LITERAL("-"));
    struct bytes rest = bytes_slice(text, (size_t)(first + 1), text.n);
    ptrdiff_t second = first < 0 ? -1 : bytes_find(rest, BYTES_LITERAL("-"));
    if (second < 0 || !bytes_to_int64(bytes_slice(text, 0, (size_t)first), &out->minute) ||
        !session_id_parse(bytes_slice(rest, 0, (size_t)second), &out->session) ||
        !bytes_to_int64(bytes_slice(rest, (size_t)second + 1, rest.n), &sequence))
        return false;
    out->sequence = (uint32_t)sequence;
    return out->minute > 0 && sequence >= 0 && sequence <= UINT32_MAX;
}

static void hit_json(struct search *s, const struct index_hit *h, const char *id)
{
    char cursor[CURSOR_SIZE];
    struct json_writer w = json_writer_over(&s->out);
    json_write_object(&w);
    json_write_text_member(&w, "session", bytes_of(id));
    json_write_time_member(&w, "first", h->first_us);
    json_write_time_member(&w, "last", h->last_us);
    struct {
        const char *name;
        struct bytes value;
    } texts[] = { { "principal", h->principal },
                  { "on_behalf_of", h->on_behalf_of },
                  { "connection", h->connection },
                  { "shape", h->shape },
                  { "tags", h->tags },
                  { "effects", h->effects },
                  { "relations", h->relations },
                  { "decision", h->decision },
                  { "policy", h->policy },
                  { "rule", h->rule },
                  { "sqlstate", h->error } };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].value.n) json_write_text_member(&w, texts[i].name, texts[i].value);
    json_write_int_member(&w, "executions", (int64_t)h->executions);
    json_write_int_member(&w, "errors", (int64_t)h->errors);
    json_write_int_member(&w, "rows", (int64_t)h->rows);
    json_write_int_member(&w, "us", h->us);
    json_write_int_member(&w, "longest_us", h->longest_us);
    json_write_int_member(&w, "most_rows", (int64_t)h->most_rows);
    json_write_int_member(&w, "first_sequence", h->first_sequence);
    json_write_int_member(&w, "last_sequence", h->last_sequence);
    cursor_format(index_hit_place(h), cursor);
    json_write_text_member(&w, "cursor", bytes_of(cursor));
    json_write_end(&w);
    buf_append_text(&s->out, "\n");
}

static void hit(void *context, const struct index_hit *h)
{
    struct search *s = context;
    char id[14], when[20];
    session_id_format(h->session, id);
    s->n++;
    s->after = index_hit_place(h);
    if (s->json)
        hit_json(s, h, id);
    else {
        when_format(h->last_us, when);
        buf_printf(&s->out, "%s  %.16s  ", id, when);
        safe_append(&s->out, h->principal, SAFE_ONE_LINE);
        buf_append_text(&s->out, "@");
        safe_append(&s->out, h->connection, SAFE_ONE_LINE);
        buf_append_text(&s->out, "  ");
        safe_append(&s->out, h->decision, SAFE_ONE_LINE);
        if (!bytes_is(h->decision, "allow") && h->rule.n) {
            buf_append_text(&s->out, " by ");
            safe_append(&s->out, h->rule, SAFE_ONE_LINE);
        }
        buf_printf(&s->out, "  %llu×", (unsigned long long)h->executions);
        if (h->errors) {
            buf_printf(&s->out, "  %llu errors ", (unsigned long long)h->errors);
            safe_append(&s->out, h->error, SAFE_ONE_LINE);
        }
        buf_printf(&s->out, "  #%u\n    ", h->first_sequence);
        safe_append(&s->out, bytes_slice(h->shape, 0, 400), SAFE_ONE_LINE);
        buf_append_text(&s->out, h->shape.n > 400 ? " …\n" : "\n");
    }
    cli_write(s->call, &s->out);
}

/* ---- by opening blocks */

static bool holds(const struct search *s, struct bytes text)
{
    for (size_t i = 0; i < s->n_needles; i++)
        if (text.n && bytes_find(text, s->needles[i]) >= 0) return true;
    return false;
}

static void found(struct search *s, const struct transcript_event *e, const char *where, struct bytes text)
{
    char id[14], when[20];
    session_id_format(s->session, id);
    s->n++;
    if (s->json) {
        struct json_writer w = json_writer_over(&s->out);
        json_write_object(&w);
        json_write_text_member(&w, "session", bytes_of(id));
        json_write_int_member(&w, "sequence", e->sequence);
        if (e->run) json_write_int_member(&w, "run", e->run);
        json_write_time_member(&w, "time", e->time_us);
        json_write_text_member(&w, "where", bytes_of(where));
        json_write_text_member(&w, "text", bytes_slice(text, 0, 4000));
        json_write_end(&w);
        buf_append_text(&s->out, "\n");
    } else {
        when_format(e->time_us, when);
        buf_printf(&s->out, "%s  %s  #%u  %s: ", id, when, e->sequence, where);
        safe_append(&s->out, bytes_slice(text, 0, 300), SAFE_ONE_LINE);
        buf_append_text(&s->out, text.n > 300 ? " …\n" : "\n");
    }
    cli_write(s->call, &s->out);
}

static void look_field(void *context, struct bytes name, struct bytes value)
{
    (void)name;
    struct bytes *hit_out = ((struct bytes **)context)[1];
    if (!hit_out->p && holds(((struct search **)context)[0], value)) *hit_out = value;
}

static void look(void *context, const struct transcript_event *e)
{
    struct search *s = context;
    struct bytes in_fields = { 0 };
    void *both[] = { s, &in_fields };
    if (s->limit && s->n >= s->limit) return;
    switch (e->kind) {
    case EVENT_TEXT:
        if (holds(s, e->of.text->text)) found(s, e, "statement", e->of.text->text);
        break;
    case EVENT_STATEMENT:
        if (e->of.statement.text && e->of.statement.text->number & TRANSCRIPT_OWN_TEXT &&
            holds(s, e->of.statement.text->text))
            found(s, e, "statement", e->of.statement.text->text);
        for (size_t i = 0; i < e->of.statement.n_parameters; i++)
            if (holds(s, e->of.statement.parameters[i].text))
                found(s, e, "parameter", e->of.statement.parameters[i].text);
        break;
    case EVENT_ROW:
        for (size_t i = 0; i < e->of.row.n_values; i++)
            if (holds(s, e->of.row.values[i].text)) found(s, e, "row", e->of.row.values[i].text);
        break;
    case EVENT_COPY:
        if (holds(s, e->of.copy.data)) found(s, e, e->of.copy.in ? "copy in" : "copy out", e->of.copy.data);
        break;
    case EVENT_REPORT:
        if (holds(s, e->of.report.message)) found(s, e, "message", e->of.report.message);
        if (holds(s, e->of.report.detail)) found(s, e, "detail", e->of.report.detail);
        break;
    case EVENT_NOTIFICATION:
        if (holds(s, e->of.notification.payload)) found(s, e, "notification", e->of.notification.payload);
        break;
    case EVENT_START:
    case EVENT_CONTEXT:
    case EVENT_REJECTED:
        frame_fields_each(e->of.fields, look_field, both);
        if (in_fields.p) found(s, e, transcript_kind_name(e->kind), in_fields);
        break;
    default: break;
    }
}

static void remember_session(void *context, const struct index_session *session)
{
    struct search *s = context;
    if (s->n_sessions % 1024 == 0) {
        uint64_t *more = realloc(s->sessions, (s->n_sessions + 1024) * sizeof(uint64_t));
        if (!more) {
            s->failed = true;
            return;
        }
        s->sessions = more;
    }
    s->sessions[s->n_sessions++] = session->id;
}

static int search_literal(struct search *s, const struct index_filter *filter)
{
    struct index_filter of_sessions = *filter;
    of_sessions.limit = 0;
    of_sessions.n_texts = 0;
    int error = index_sessions(s->evidence->index, &of_sessions, remember_session, s);
    struct progress bar = progress_begin(s->call, "searching");
    bool good = !error && !s->failed;
    for (size_t i = 0; i < s->n_sessions && good && (!s->limit || s->n < s->limit); i++) {
        struct session_feed feed;
        enum session_step step = SESSION_FED;
        s->session = s->sessions[i];
        good = session_feed_open(s->call, s->evidence, s->session, &feed);
        while (good && step == SESSION_FED)
            step = session_feed_step(&feed, look, s);
        good = good && step != SESSION_BAD;
        session_feed_close(&feed);
        progress_show(&bar, i + 1, s->n_sessions);
    }
    progress_end(&bar);
    free(s->sessions);
    if (error) cli_fail(s->call, "the index cannot be read: %s", strerror(-error));
    return !good ? CLI_FAILED : s->n ? CLI_YES : CLI_NO;
}

static int search(struct search *s, struct index_filter *filter)
{
    if (cli_option(s->call, "session") &&
        !evidence_session(s->call, s->evidence, cli_option(s->call, "session"), &filter->session))
        return CLI_FAILED;
    /* What is looked for may be a value: it is not told. */
    if (!evidence_look(s->call, s->evidence, cli_option(s->call, "literal") ? "search-literal" : "search",
                       filter->session, NULL, (struct bytes){ 0 }))
        return CLI_FAILED;
    if (cli_option(s->call, "literal")) return search_literal(s, filter);
    const struct index_after after = s->after;
    int error = index_search(s->evidence->index, filter, &after, hit, s);
    if (error) return cli_fail(s->call, "the index cannot be read: %s", strerror(-error));
    if (s->limit && s->n == s->limit && !s->json) {
        char cursor[CURSOR_SIZE];
        cursor_format(s->after, cursor);
        buf_printf(&s->out, "\nThese are the newest %llu; --cursor %s goes on.\n", (unsigned long long)s->n,
                   cursor);
        cli_write(s->call, &s->out);
    }
    return s->n ? CLI_YES : CLI_NO;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    struct bytes texts[CLI_ARGUMENTS_MOST];
    struct search s = { .call = call, .evidence = &e, .json = cli_option(call, "json"), .needles = texts };
    struct index_filter filter = { .verdict = cli_option_bytes(call, "verdict"),
                                   .error = cli_option_bytes(call, "error"),
                                   .relation = cli_option_bytes(call, "relation"),
                                   .effect = cli_option_bytes(call, "effect"),
                                   .on_behalf_of = cli_option_bytes(call, "on-behalf-of"),
                                   .texts = texts };
    if (!cli_option_number(call, "limit", 100, INT32_MAX, &filter.limit) || !evidence_filter(call, &filter))
        return CLI_FAILED;
    if (filter.effect.n && !sql_effect_parse(filter.effect))
        return cli_fail(call, "\"%.*s\" is no effect; doc/effects.md lists them", BYTES_FMT(filter.effect));
    struct bytes least = cli_option_bytes(call, "least-time"), cursor = cli_option_bytes(call, "cursor");
    if (least.p && !when_parse_span(least, &filter.least_us))
        return cli_fail(call, "--least-time wants a time span: 250ms, 5s, 2m");
    if (!cli_option_number(call, "least-rows", 0, INT64_MAX, &filter.least_rows)) return CLI_FAILED;
    if (cursor.p && !cursor_parse(cursor, &s.after))
        return cli_fail(call, "--cursor wants what a page before gave");
    if (cursor.p && cli_option(call, "literal"))
        return cli_fail(call, "--literal has no pages: --cursor is not for it");
    for (; filter.n_texts < call->n_arguments; filter.n_texts++)
        texts[filter.n_texts] = bytes_of(call->arguments[filter.n_texts]);
    s.n_needles = filter.n_texts;
    s.limit = filter.limit;
    if (cli_option(call, "literal") && !s.n_needles)
        return cli_fail(call, "--literal wants a TEXT to look for");
    buf_init(&s.out, OUT_CEILING);
    int code = evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &e) ? search(&s, &filter)
                                                                                         : CLI_FAILED;
    evidence_close(&e);
    buf_free(&s.out);
    return code;
}

const struct cli_command cli_command_audit_search = {
    .name = "audit search",
    .summary = "Find what ran, by words, who, relation, effect, verdict, error, time, rows",
    .arguments = "[TEXT]...",
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .notes = "Each TEXT is a word or a phrase of the statement, and all must be there; customer* finds "
             "beginnings.\n"
             "Literals are not in the index: --literal looks for them (any of several) in the log itself.\n"
             "The exit code is 1 where nothing was found.",
    .run = run,
};
