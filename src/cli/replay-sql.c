/* A script for psql that asks what was asked. A statement with parameters becomes PREPARE and EXECUTE. What
 * did not run, or was never parsed, stands there as a comment: psql would obey a backslash command in it.
 *
 * psql reads a backslash outside of quotes as its own command. A text that PostgreSQL's grammar accepted has
 * none there, so only such texts come as they are. Control characters in comments are shown escaped. */
#include "cli/replay.h"
#include "cli/safe.h"
#include "cli/when.h"
#include "pgwire/typeout.h"

static void comment(struct replay *r, const char *label, struct bytes text)
{
    struct buf lines;
    buf_init(&lines, text.n * 6 + 64);
    safe_append(&lines, text, SAFE_LINES);
    struct bytes left = buf_bytes(&lines);
    do {
        const uint8_t *end = left.n ? memchr(left.p, '\n', left.n) : NULL;
        size_t n = end ? (size_t)(end - left.p) : left.n;
        buf_printf(r->out, "-- %s", label);
        buf_append(r->out, bytes_make(left.p, n));
        buf_append_text(r->out, "\n");
        left = bytes_slice(left, end ? n + 1 : n, left.n);
    } while (left.n);
    if (lines.failed) r->out->failed = true;
    buf_free(&lines);
}

/* As a literal that means the same whatever standard_conforming_strings says. */
static void literal(struct replay *r, const struct transcript_value *v)
{
    if (v->null) {
        buf_append_text(r->out, "NULL");
        return;
    }
    bool escapes = false;
    for (size_t i = 0; i < v->text.n; i++)
        escapes |= v->text.p[i] == '\\' || v->text.p[i] < 0x20;
    buf_append_text(r->out, escapes ? "E'" : "'");
    for (size_t i = 0; i < v->text.n; i++) {
        uint8_t b = v->text.p[i];
        if (b < 0x20 && escapes)
            buf_printf(r->out, "\\x%02x", b);
        else {
            if (b == '\'' || (b == '\\' && escapes)) buf_put_u8(r->out, b);
            buf_put_u8(r->out, b);
        }
    }
    buf_append_text(r->out, "'");
}

/* Ends in a line of its own, since a text may end in a comment. */
static void whole_text(struct replay *r, struct bytes text)
{
    while (text.n && (text.p[text.n - 1] == ';' || text.p[text.n - 1] == '\n' || text.p[text.n - 1] == ' '))
        text.n--;
    buf_append(r->out, text);
    buf_append_text(r->out, "\n;\n");
}

static void with_parameters(struct replay *r, const struct transcript_event *e)
{
    const struct transcript_statement *s = &e->of.statement;
    buf_printf(r->out, "PREPARE postern_%u", e->sequence);
    bool typed = false;
    for (size_t i = 0; i < s->n_parameters; i++)
        typed |= typeout_name(s->parameters[i].type) != NULL;
    for (size_t i = 0; i < s->n_parameters && typed; i++) {
        const char *name = typeout_name(s->parameters[i].type);
        buf_printf(r->out, "%s%s", i ? ", " : " (", name ? name : "unknown");
    }
    buf_append_text(r->out, typed ? ") AS\n" : " AS\n");
    whole_text(r, s->text->text);
    buf_printf(r->out, "EXECUTE postern_%u (", e->sequence);
    for (size_t i = 0; i < s->n_parameters; i++) {
        buf_append_text(r->out, i ? ", " : "");
        literal(r, &s->parameters[i]);
    }
    buf_printf(r->out, ");\nDEALLOCATE postern_%u;\n", e->sequence);
}

static void statement(struct replay *r, const struct transcript_event *e)
{
    const struct transcript_statement *s = &e->of.statement;
    char when[20];
    when_format(e->time_us, when);
    buf_printf(r->out, "\n-- %s UTC, #%u\n", when, e->sequence);
    if (!s->text) {
        comment(r, "",
                s->protocol == PROTOCOL_CALL ? BYTES_LITERAL("a function call, which SQL cannot say")
                                             : BYTES_LITERAL("its text is not in the record"));
        return;
    }
    bool idle = map_get(&r->idle, bytes_make(&e->run, sizeof e->run)) != NULL;
    bool parsed = !frame_fields_get(s->text->fields, "grammar").p && bytes_is_utf8(s->text->text);
    if (!bytes_is(s->text->decision, "allow") || !parsed || idle) {
        comment(r, parsed ? "not run: " : "not parsed: ", s->text->text);
        return;
    }
    if (s->protocol == PROTOCOL_EXTENDED && !s->has_parameters)
        comment(r, "", BYTES_LITERAL("its parameters are not in the record"));
    if (s->n_parameters)
        with_parameters(r, e);
    else
        whole_text(r, s->text->text);
}

static void copy(struct replay *r, const struct transcript_event *e)
{
    if (!e->of.copy.in) return;
    if (!bytes_is_utf8(e->of.copy.data)) {
        comment(r, "", BYTES_LITERAL("COPY data that is no text is left out"));
        return;
    }
    buf_append(r->out, e->of.copy.data);
    r->copying = true;
}

static void copy_end(struct replay *r)
{
    if (!r->copying) return;
    r->copying = false;
    struct bytes b = buf_bytes(r->out);
    if (b.n && b.p[b.n - 1] != '\n') buf_append_text(r->out, "\n");
    buf_append_text(r->out, "\\.\n");
}

void replay_sql_scout(struct replay *r, const struct transcript_event *e)
{
    static char present;
    enum run_end how = e->of.complete.how;
    bool idle = e->kind == EVENT_COMPLETE && (how == RUN_SKIPPED || how == RUN_REFUSED || how == RUN_UNDONE);
    if (idle && map_put(&r->idle, bytes_make(&e->run, sizeof e->run), &present, NULL) == MAP_FULL)
        r->out->failed = true;
}

void replay_sql_begin(struct replay *r)
{
    char id[14];
    session_id_format(r->session, id);
    buf_printf(r->out, "-- What session %s asked, for psql. Refused statements are comments.\n", id);
}

void replay_sql(struct replay *r, const struct transcript_event *e)
{
    if (e->kind == EVENT_COPY) {
        copy(r, e);
        return;
    }
    if (e->kind != EVENT_ROW) copy_end(r);
    if (e->kind == EVENT_STATEMENT) statement(r, e);
    if (e->kind == EVENT_REPORT && e->of.report.is_error) {
        comment(r, e->of.report.origin == ORIGIN_GATEWAY ? "refused: " : "failed: ", e->of.report.message);
    }
}

void replay_sql_finish(struct replay *r)
{
    copy_end(r);
}
