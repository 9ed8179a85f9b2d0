/* What a server says besides rows, to somebody from whom columns are masked. Errors and notices keep their
 * SQLSTATE, names and place, and lose whatever could be a value; the words go into the record, sealed. A row
 * description is a second opinion: one that names a masked column ends the session. doc/masking.md, "Side
 * doors". */
#include "base/cursor.h"
#include "mask/mask.h"
#include "pgwire/message.h"
#include "pgwire/report.h"
#include "session/session-private.h"
#include <stdlib.h>

enum { VEIL_CEILING = 64 << 10 };

/* Fields that are the server's own names for what it is about, never data. */
static bool is_kept(uint8_t code)
{
    return memchr("SVCPstcdnFLR", code, 12) != NULL;
}

/* A name that one of the kept fields bears: a constraint, a column. */
static bool is_named(struct bytes body, struct bytes word)
{
    static const char fields[] = "stcdn";
    for (size_t i = 0; i < sizeof fields - 1; i++)
        if (bytes_equal(report_field(body, (uint8_t)fields[i]), word)) return true;
    return false;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The word, or each part of a dotted name. */
static bool is_in_text(struct bytes text, struct bytes word)
{
    ssize_t dot = bytes_find(word, BYTES_LITERAL("."));
    if (word.n > 0 && bytes_find(text, word) >= 0) return true;
    if (dot <= 0 || is_digit(word.p[0])) return false;
    return bytes_find(text, bytes_slice(word, 0, (size_t)dot)) >= 0 &&
           is_in_text(text, bytes_slice(word, (size_t)dot + 1, word.n));
}

/* Whether the words hold nothing in quotes, and no number, that is not the client's own or a name. */
static bool is_harmless(struct bytes body, struct bytes says, struct bytes text)
{
    for (size_t i = 0; i < says.n; i++) {
        uint8_t c = says.p[i];
        size_t from = c == '"' ? i + 1 : i, to = from;
        if (c >= 0x80) return false; /* another language quotes in another way */
        if (c == '"' || c == '\'' || c == '`') {
            from = to = i + 1;
            while (to < says.n && says.p[to] != c)
                to++;
            if (to == says.n) return false;
        } else if (is_digit(c)) {
            while (to < says.n && (is_digit(says.p[to]) || says.p[to] == '.' || says.p[to] == '-'))
                to++;
        } else {
            continue;
        }
        struct bytes word = bytes_slice(says, from, to - from);
        if (!is_in_text(text, word) && !is_named(body, word)) return false;
        i = to > i ? to - (c == '"' || c == '\'' || c == '`' ? 0 : 1) : i;
    }
    return true;
}

static const struct {
    const char *code, *says;
} sentences[] = {
    { "22P02", "invalid text representation" },
    { "22P03", "invalid binary representation" },
    { "22003", "numeric value out of range" },
    { "22001", "value too long for its type" },
    { "22007", "invalid datetime format" },
    { "22008", "datetime value out of range" },
    { "22012", "division by zero" },
    { "22023", "invalid parameter value" },
    { "23502", "a column that may not be null would be null" },
    { "23503", "a foreign key would not hold" },
    { "23505", "a unique constraint would not hold" },
    { "23514", "a check would not hold" },
    { "23P01", "an exclusion constraint would not hold" },
    { "42601", "syntax error" },
    { "42501", "permission denied" },
};

static struct bytes sentence(struct bytes code)
{
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (bytes_is(code, sentences[i].code)) return bytes_of(sentences[i].says);
    return BYTES_LITERAL("the server reports an error");
}

/* The text that the client sent for what the server speaks of; p == NULL: it is not known. */
static struct bytes own_text(const struct pending *p)
{
    const struct understood *u = !p              ? NULL
                                 : p->understood ? p->understood
                                 : p->binding    ? p->binding->understood
                                                 : NULL;
    if (p && p->text_kept) return p->text_kept->text;
    if (!u) return (struct bytes){ 0 };
    bool own = !u->is_template || p->kind == PENDING_QUERY || p->kind == PENDING_PARSE;
    return own ? u->text : (struct bytes){ 0 };
}

static void put_field(struct buf *out, uint8_t code, struct bytes value)
{
    buf_put_u8(out, code);
    buf_append(out, value);
    buf_put_u8(out, 0);
}

static const struct {
    char code;
    const char *name;
} withheld[] = { { 'C', "sqlstate" }, { 'M', "message" }, { 'D', "detail" },
                 { 'H', "hint" },     { 'W', "where" },   { 'q', "query" } };

static void seal(struct session *s, const struct pending *p, struct bytes body)
{
    struct buf fields;
    uint32_t run = p && p->run ? p->run : s->last_run;
    /* A text with a password in it may be quoted: nothing of that is written. */
    if (p && p->understood && p->understood->n_secrets) return;
    uint32_t raw = __builtin_bswap32(run);
    buf_init(&fields, VEIL_CEILING);
    struct frame_fields f = frame_fields_begin(&fields);
    for (size_t i = 0; i < sizeof withheld / sizeof *withheld; i++) {
        struct bytes value = report_field(body, (uint8_t)withheld[i].code);
        if (value.p) frame_fields_add(&f, withheld[i].name, bytes_slice(value, 0, VEIL_CEILING / 8));
    }
    struct bytes parts[] = { bytes_make(&raw, 4), buf_bytes(&fields) };
    if (!fields.failed) recording_outcome(s, FRAME_SEALED, 0, parts, 2);
    buf_free(&fields);
}

/* A row that a sub-select makes is of no type with a name: x.column is found in it, (x).column of a
 * sub-query's answer or an array's element is not, nor is a cast to the table's type. */
static bool is_about_a_row(struct bytes body)
{
    struct bytes code = report_field(body, 'C');
    return (bytes_is(code, "42846") || bytes_is(code, "42703")) &&
           bytes_find(report_field(body, 'M'), BYTES_LITERAL("record")) >= 0;
}

static struct bytes veiled(struct session *s, struct bytes body, struct bytes says, bool error)
{
    struct buf out;
    struct bytes code = report_field(body, 'C');
    buf_init(&out, VEIL_CEILING);
    for (struct bytes rest = body; rest.n > 1;) {
        const uint8_t *end = memchr(rest.p + 1, 0, rest.n - 1);
        if (!end) break;
        struct bytes value = bytes_slice(rest, 1, (size_t)(end - rest.p) - 1);
        if (is_kept(rest.p[0])) put_field(&out, rest.p[0], value);
        rest = bytes_slice(rest, (size_t)(end - rest.p) + 1, rest.n);
    }
    put_field(&out, 'M', says.p ? says : sentence(code));
    if (!says.p && error)
        put_field(&out, 'D',
                  BYTES_LITERAL("Columns are masked for you, and the server's words could hold values."));
    if (says.p && error && is_about_a_row(body)) {
        put_field(
            &out, 'D',
            BYTES_LITERAL("Columns are masked for you: a whole row of their table is a row without a type."));
        put_field(&out, 'H', BYTES_LITERAL("Name the columns that you need."));
    }
    buf_put_u8(&out, 0);
    struct bytes copy = out.failed ? (struct bytes){ 0 } : arena_copy(&s->scratch, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

/* The names of statements, portals and savepoints are the client's own. */
static bool is_about_names(struct bytes code)
{
    static const char *const codes[] = { "26000", "34000", "42P03", "42P05", "3B001" };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (bytes_is(code, codes[i])) return true;
    return false;
}

/* Code of somebody's own (a function, a trigger) may say anything in any words; it says where it was. */
static bool is_told_by_code(struct bytes body)
{
    return report_field(body, 'W').p != NULL || report_field(body, 'q').p != NULL ||
           bytes_starts_with(report_field(body, 'C'), "P0");
}

/* The guard of a sub-select: what is masked has got another name since the text was written. p == NULL: there
 * is no memory. */
static struct bytes moved(struct session *s, const struct pending *p)
{
    struct bytes hint = BYTES_LITERAL("Send it again in a second.");
    struct detail d = { .reason = REFUSAL_MOVED, .rule = BYTES_LITERAL("mask"), .hint = hint };
    struct refusal *refusal = refusal_new(
        REFUSAL_MOVED, "ERROR",
        BYTES_LITERAL("a table with columns that are masked for you has changed while this was on its way"),
        detail_text(s, &d, p && p->run ? p->run : s->last_run), hint);
    struct bytes body = refusal ? arena_copy(&s->scratch, refusal_body(refusal)) : (struct bytes){ 0 };
    free(refusal);
    return body;
}

static struct bytes veil_masked_error(struct session *s, const struct pending *p, struct bytes body)
{
    struct bytes says = report_field(body, 'M'), text = own_text(p);
    if (bytes_is(report_field(body, 'C'), "22P02") && bytes_find(says, BYTES_LITERAL(SQL_GUARD_SAYS)) >= 0) {
        struct bytes told = moved(s, p);
        if (told.p) return told;
    }
    bool harmless =
        !is_told_by_code(body) && (is_about_names(report_field(body, 'C')) || is_harmless(body, says, text));
    struct bytes out = veiled(s, body, harmless ? says : (struct bytes){ 0 }, true);
    if (!out.p) out = BYTES_LITERAL("SERROR\0VERROR\0CXX000\0Mthe server reports an error\0\0");
    bool same = harmless && !report_field(body, 'D').p && !report_field(body, 'H').p;
    if (!same) seal(s, p, body);
    return out;
}

struct bytes veil_error(struct session *s, const struct pending *p, struct bytes body)
{
    return sift_report(s, s->masks ? veil_masked_error(s, p, body) : body);
}

struct bytes veil_notice(struct session *s, const struct pending *p, struct bytes body)
{
    struct bytes says = report_field(body, 'M');
    if (!s->masks) return sift_report(s, body);
    if (!is_told_by_code(body) && is_harmless(body, says, own_text(p)))
        return sift_report(s, veiled(s, body, says, false));
    seal(s, p, body);
    return (struct bytes){ 0 };
}

/* It is not delivered: who sent it may see what this session may not. */
enum record_outcome veil_notification(struct session *s, struct bytes channel, struct bytes payload)
{
    struct buf body;
    buf_init(&body, 4 * VEIL_CEILING);
    buf_put_u32(&body, 0); /* of no run */
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add(&f, "channel", channel);
    frame_fields_add(&f, "payload", payload);
    if (body.failed) session_drop(s, "out of memory");
    enum record_outcome outcome =
        body.failed ? RECORD_FULL : recording_aside(s, FRAME_SEALED, buf_bytes(&body));
    buf_free(&body);
    return outcome;
}

static bool is_masked(const struct session *s, uint32_t oid, int attribute)
{
    /* A session that has named nothing yet has no view of its own; what everybody sees is masked for it too.
     */
    struct catalog_view shared = { .catalog = s->view.shared ? s->view.shared->newest : NULL };
    const struct catalog_view *view = s->view.key ? &s->view.view : &shared;
    const struct catalog_relation *r = view->catalog ? catalog_by_oid(view, oid) : NULL;
    if (!r) return false;
    if (attribute > 0) return mask_choose(s->ruleset, view, r, attribute).reason != MASK_CLEAR;
    for (size_t i = 0; attribute == 0 && i < r->n_columns; i++)
        if (mask_choose(s->ruleset, view, r, (int)i + 1).reason != MASK_CLEAR) return true;
    return false;
}

/* The text whose answer is described; NULL: it is not known, or not the text's only one. */
static struct understood *text_described(const struct pending *p)
{
    struct understood *u = p->kind == PENDING_QUERY ? p->understood
                           : p->binding             ? p->binding->understood
                                                    : NULL;
    return u && u->facts && u->facts->n_statements == 1 ? u : NULL;
}

/* The same description of the same text says the same in the same view: it is not looked into again. */
bool veil_describes_masked(struct session *s, const struct pending *p, struct bytes body)
{
    struct cursor c = cursor_over(body);
    if (!s->masks) return false;
    struct understood *u = text_described(p);
    if (u && (!s->view.key || u->view != s->view.key)) u = NULL;
    if (u && u->described.p && bytes_equal(u->described, body)) return false;
    for (uint16_t n = cursor_u16(&c); n > 0; n--) {
        cursor_cstring(&c);
        uint32_t oid = cursor_u32(&c);
        int16_t attribute = (int16_t)cursor_u16(&c);
        cursor_take(&c, 4 + 2 + 4 + 2);
        if (oid && is_masked(s, oid, attribute)) return true;
    }
    if (u && !c.failed) understood_keep_description(s->world->cache, u, body);
    return false;
}

/* The statement whose rows are described; NULL: it is not known. */
static const struct sql_statement *described(const struct pending *p)
{
    const struct understood *u = p->kind == PENDING_QUERY ? p->understood
                                 : p->binding             ? p->binding->understood
                                                          : NULL;
    size_t which = p->kind == PENDING_QUERY ? p->statement : 0;
    if (!u || !u->facts || u->outcome != SQL_UNDERSTOOD || which >= u->facts->n_statements) return NULL;
    return &u->facts->statements[which];
}

/* The masked column of a relation that the text names, whose mask is the output; NULL: it is none. */
static const struct sql_column *mask_of(const struct sql_statement *st, size_t output)
{
    const struct sql_output *o = &st->outputs[output];
    if (!o->plain || o->n_columns != 1) return NULL;
    const struct sql_column *c = &st->columns[o->columns[0]];
    const struct sql_relation *r = &st->relations[c->relation];
    return c->masked && c->attribute > 0 && r->oid && !r->through ? c : NULL;
}

struct bytes veil_description(struct session *s, const struct pending *p, struct bytes whole)
{
    enum { HEAD = 5, ORIGIN = 6, TYPE = 12 };
    const struct sql_statement *st = s->masks ? described(p) : NULL;
    struct cursor c = cursor_over(bytes_slice(whole, HEAD, whole.n));
    if (!st || !st->masks || st->outputs_open || st->n_outputs != cursor_u16(&c)) return whole;
    struct bytes copy = arena_copy(&s->scratch, whole);
    uint8_t *out = (uint8_t *)(uintptr_t)copy.p;
    for (size_t i = 0; out && i < st->n_outputs; i++) {
        const struct sql_column *column = mask_of(st, i);
        cursor_cstring(&c);
        size_t at = whole.n - cursor_left(&c);
        uint32_t table = cursor_u32(&c);
        cursor_take(&c, ORIGIN - 4 + TYPE);
        if (c.failed) return whole;
        if (table || !column) continue;
        uint32_t oid = __builtin_bswap32(st->relations[column->relation].oid);
        uint16_t attribute = __builtin_bswap16((uint16_t)column->attribute);
        memcpy(out + at, &oid, sizeof oid);
        memcpy(out + at + sizeof oid, &attribute, sizeof attribute);
    }
    return out ? copy : whole;
}
