/* Frames to events. Each frame type has a function in the table at the end; it decodes the body, keeps what
 * later frames refer to, and visits with one event. False from it means that the body is malformed: the
 * event is then EVENT_DAMAGED.
 *
 * Pieces (FRAME_PART) of rows, COPY data and reports repeat the numbers that stand in front of a body, so
 * that each frame can be placed by itself; they are cut off from the second piece on. Other bodies simply go
 * on. What came in pieces is known by the sequence number of its first. */
#include "record/transcript.h"
#include "pgwire/report.h"
#include "record/sent.h"
#include "record/transcript-private.h"
#include <stdlib.h>

const char *transcript_kind_name(enum transcript_kind kind)
{
    static const char *const names[] = {
#define X(NAME, name) name,
        TRANSCRIPT_EVENTS(X)
#undef X
    };
    return (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "other";
}

static void portal_free(void *value)
{
    struct known_portal *portal = value;
    free(portal->statement);
    free(portal);
}

struct transcript *transcript_new(size_t ceiling)
{
    struct transcript *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->ceiling = ceiling;
    keep_init(&t->texts, ceiling / 2, free);
    keep_init(&t->descriptions, ceiling / 8, free);
    keep_init(&t->statements, ceiling / 8, free);
    keep_init(&t->portals, ceiling / 8, portal_free);
    keep_init(&t->runs, ceiling / 8, free);
    arena_init(&t->scratch, 64 * 1024, ceiling);
    buf_init(&t->partial, ceiling);
    return t;
}

void transcript_free(struct transcript *t)
{
    if (!t) return;
    keep_free(&t->texts);
    keep_free(&t->descriptions);
    keep_free(&t->statements);
    keep_free(&t->portals);
    keep_free(&t->runs);
    arena_free(&t->scratch);
    buf_free(&t->partial);
    free(t);
}

/* A number as a key of four bytes, and a look-up, an entry, a removal by it. */
struct number_key {
    uint8_t p[4];
};

static struct number_key key_of(uint32_t n)
{
    return (struct number_key){ { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
}

static void *find_number(struct keep *k, uint32_t number)
{
    struct number_key key = key_of(number);
    return keep_get(k, bytes_make(key.p, 4));
}

static void put_number(struct keep *k, uint32_t number, void *value, size_t cost)
{
    struct number_key key = key_of(number);
    bool kept = value && keep_put(k, bytes_make(key.p, 4), value, cost);
    (void)kept; /* forgotten at once: later events say less */
}

const struct transcript_text *transcript_text_find(struct transcript *t, uint32_t number)
{
    struct known_text *known = find_number(&t->texts, number);
    return known ? &known->text : NULL;
}

struct known_run *transcript_run_find(struct transcript *t, uint32_t run)
{
    return run ? find_number(&t->runs, run) : NULL;
}

struct transcript_event transcript_event_new(const struct transcript *t, enum transcript_kind kind,
                                             uint32_t run)
{
    return (struct transcript_event){ .kind = kind,
                                      .frame_type = t->frame->type,
                                      .sequence = t->frame->sequence,
                                      .run = run,
                                      .time_us = t->frame->time_us,
                                      .offset_us = t->frame->time_us - t->start_us };
}

static void show(struct transcript *t, const struct transcript_event *event)
{
    t->visit(t->context, event);
}

/* ---- frames whose body is a list of fields */

static void ignore_field(void *context, struct bytes name, struct bytes value)
{
    (void)context;
    (void)name;
    (void)value;
}

static bool feed_fields(struct transcript *t, struct bytes body)
{
    static const enum transcript_kind kinds[] = {
        [FRAME_SESSION_START] = EVENT_START, [FRAME_SESSION_END] = EVENT_END,
        [FRAME_CONTEXT] = EVENT_CONTEXT,     [FRAME_CANCEL] = EVENT_CANCEL,
        [FRAME_REJECTED] = EVENT_REJECTED,   [FRAME_GATEWAY] = EVENT_GATEWAY,
        [FRAME_APPROVAL] = EVENT_APPROVAL
    };
    if (!frame_fields_each(body, ignore_field, NULL)) return false;
    struct transcript_event event = transcript_event_new(t, kinds[t->frame->type], 0);
    event.of.fields = body;
    show(t, &event);
    return true;
}

/* A run's, and fields. */
static bool feed_run_fields(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint32_t run = cursor_u32(&c);
    struct bytes fields = cursor_take(&c, cursor_left(&c));
    if (c.failed || !frame_fields_each(fields, ignore_field, NULL)) return false;
    struct transcript_event event =
        transcript_event_new(t, t->frame->type == FRAME_SEALED ? EVENT_SEALED : EVENT_FOUND, run);
    event.of.fields = fields;
    show(t, &event);
    return true;
}

/* ---- texts, prepared statements, portals */

static void keep_text_field(void *context, struct bytes name, struct bytes value)
{
    struct transcript_text *text = context;
    struct {
        const char *name;
        struct bytes *place;
    } places[] = { { "text", &text->text },       { "decision", &text->decision },
                   { "policy", &text->policy },   { "rule", &text->rule },
                   { "message", &text->message }, { "reason", &text->reason },
                   { "would", &text->would },     { "tags", &text->tags },
                   { "effects", &text->effects }, { "relations", &text->relations },
                   { "where", &text->where } };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (bytes_is(name, places[i].name)) *places[i].place = value;
}

bool transcript_field_is_seen(struct bytes name)
{
    static const char *const names[] = { "masked", "clear", "untraced", "outputs" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (bytes_starts_with(name, names[i]) && (name.n == n || name.p[n] == '.')) return true;
    }
    return false;
}

/* "as": all but the text itself is what was said of an earlier text. */
static const struct transcript_text *text_alike(struct transcript *t, struct bytes fields)
{
    int64_t number;
    struct bytes as = frame_fields_get(fields, "as");
    return as.p && bytes_to_int64(as, &number) ? transcript_text_find(t, (uint32_t)number) : NULL;
}

/* The text with the edits of `of`, in the scratch arena; nothing where there are none, or none of this text.
 */
static struct bytes text_sent(struct transcript *t, struct bytes edits, struct bytes of, struct bytes text)
{
    struct bytes sent = { 0 };
    struct buf out;
    if (!edits.n) return sent;
    buf_init(&out, t->ceiling / 4);
    if (sent_text_make(edits, of, text, &out)) sent = arena_copy(&t->scratch, buf_bytes(&out));
    buf_free(&out);
    return sent;
}

struct bytes transcript_output_next(struct bytes *outputs)
{
    ptrdiff_t at = bytes_find(*outputs, BYTES_LITERAL(", "));
    struct bytes next = bytes_slice(*outputs, 0, at < 0 ? outputs->n : (size_t)at);
    *outputs = at < 0 ? (struct bytes){ 0 } : bytes_slice(*outputs, (size_t)at + 2, outputs->n);
    return next;
}

struct bytes transcript_text_list(const struct transcript_text *text, const char *name, uint32_t statement)
{
    char numbered[32];
    if (!text) return (struct bytes){ 0 };
    struct bytes only = frame_fields_get(text->fields, name);
    if (only.n) return only;
    snprintf(numbered, sizeof numbered, "%s.%u", name, statement);
    return frame_fields_get(text->fields, numbered);
}

static bool feed_text(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint32_t number = cursor_u32(&c);
    struct bytes own = cursor_take(&c, cursor_left(&c));
    const struct transcript_text *like = text_alike(t, own);
    struct bytes alike = like ? like->fields : (struct bytes){ 0 };
    struct bytes text = frame_fields_get(own, "text");
    struct bytes sent =
        text_sent(t, frame_fields_get(like ? alike : own, "edits"), like ? like->text : text, text);
    size_t size = sizeof(struct known_text) + own.n + alike.n + sent.n;
    struct known_text *known = c.failed ? NULL : calloc(1, size);
    if (!known) return false;
    memcpy(known->body, own.p, own.n);
    if (alike.n) memcpy(known->body + own.n, alike.p, alike.n);
    own = bytes_make(known->body, own.n);
    alike = bytes_make(known->body + own.n, alike.n);
    if (sent.n) memcpy(known->body + own.n + alike.n, sent.p, sent.n);
    known->text.sent = bytes_make(known->body + own.n + alike.n, sent.n);
    known->text.number = number;
    known->text.fields = alike.n ? alike : own;
    if (alike.n) frame_fields_each(alike, keep_text_field, &known->text);
    if (!frame_fields_each(own, keep_text_field, &known->text)) {
        free(known);
        return false;
    }
    struct transcript_event event = transcript_event_new(t, EVENT_TEXT, 0);
    event.of.text = &known->text;
    show(t, &event);
    put_number(&t->texts, number, known, size);
    return true;
}

/* Keeps a prepared statement's parameter types; the cursor stands before n of them. */
static struct known_statement *statement_new(struct cursor *c, uint16_t n, uint32_t text)
{
    if ((size_t)n * 4 != cursor_left(c)) return NULL;
    struct known_statement *s = calloc(1, sizeof *s + n * sizeof(uint32_t));
    if (!s) return NULL;
    s->text = text;
    s->n_types = n;
    for (uint16_t i = 0; i < n; i++)
        s->types[i] = cursor_u32(c);
    return s;
}

static void keep_statement(struct transcript *t, struct bytes name, struct known_statement *s)
{
    bool kept = keep_put(&t->statements, name, s, sizeof *s + s->n_types * sizeof(uint32_t));
    (void)kept;
}

static void keep_run(struct transcript *t, uint32_t text, bool extended, const struct bind_parts *parts)
{
    size_t n = parts ? parts->n_result_formats : 0;
    struct known_run *run = calloc(1, sizeof *run + n * 2);
    if (!run) return;
    run->text = text;
    run->extended = extended;
    run->has_formats = parts != NULL;
    run->n_formats = n;
    if (n) memcpy(run->formats, parts->result_formats.p, n * 2);
    put_number(&t->runs, t->first_sequence, run, sizeof *run + n * 2);
}

static bool feed_parse(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint32_t text = cursor_u32(&c);
    struct bytes name = cursor_cstring(&c);
    uint16_t n = cursor_u16(&c);
    struct known_statement *s = c.failed ? NULL : statement_new(&c, n, text);
    if (!s) return false;
    struct transcript_event event = transcript_event_new(t, EVENT_PREPARE, 0);
    event.of.prepare = (struct transcript_prepare){
        .text = transcript_text_find(t, text), .name = name, .types = s->types, .n_types = s->n_types
    };
    /* A refusal of the Parse names it as its run. */
    keep_run(t, text, true, NULL);
    show(t, &event);
    keep_statement(t, name, s);
    return true;
}

static bool feed_parameter_description(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct bytes name = cursor_cstring(&c);
    uint16_t n = cursor_u16(&c);
    const struct known_statement *before = c.failed ? NULL : keep_get(&t->statements, name);
    struct known_statement *s = c.failed ? NULL : statement_new(&c, n, before ? before->text : 0);
    if (!s) return false;
    keep_statement(t, name, s);
    return true;
}

static struct known_statement *statement_copy(const struct known_statement *s)
{
    size_t size = sizeof *s + (s ? s->n_types * sizeof(uint32_t) : 0);
    struct known_statement *copy = s ? malloc(size) : NULL;
    if (copy) memcpy(copy, s, size);
    return copy;
}

static bool feed_bind(struct transcript *t, struct bytes body)
{
    struct bind_parts parts;
    if (!transcript_bind_split(body, &parts)) return false;
    struct known_portal *portal = calloc(1, sizeof *portal + body.n);
    if (!portal) return false;
    portal->bind = t->first_sequence;
    portal->statement = statement_copy(keep_get(&t->statements, parts.statement));
    portal->n = body.n;
    memcpy(portal->body, body.p, body.n);
    bool kept = keep_put(&t->portals, parts.portal, portal, sizeof *portal + body.n);
    (void)kept;
    return true;
}

static bool feed_close(struct transcript *t, struct bytes body)
{
    if (body.n < 2 || body.p[body.n - 1] != 0) return false;
    struct transcript_event event = transcript_event_new(t, EVENT_CLOSE, 0);
    event.of.close.kind = (char)body.p[0];
    event.of.close.name = bytes_slice(body, 1, body.n - 2);
    if (body.p[0] == 'S')
        keep_drop(&t->statements, event.of.close.name);
    else
        keep_drop(&t->portals, event.of.close.name);
    show(t, &event);
    return true;
}

/* ---- runs */

/* A run that carries its text: all but the text itself is as in the one it refers to. *number becomes one of
 * the transcript's own, which no text in the record has. */
static bool keep_own_text(struct transcript *t, uint32_t *number, struct bytes own)
{
    const struct transcript_text *like = transcript_text_find(t, *number);
    if (!like) return true; /* forgotten: the run is shown without a text, as any such run is */
    struct bytes sent = text_sent(t, frame_fields_get(like->fields, "edits"), like->text, own);
    size_t n = like->fields.n + own.n + sent.n;
    struct known_text *known = calloc(1, sizeof *known + n);
    if (!known) return false;
    memcpy(known->body, like->fields.p, like->fields.n);
    memcpy(known->body + like->fields.n, own.p, own.n);
    if (sent.n) memcpy(known->body + like->fields.n + own.n, sent.p, sent.n);
    known->text.sent = bytes_make(known->body + like->fields.n + own.n, sent.n);
    known->text.fields = bytes_make(known->body, like->fields.n);
    bool good = frame_fields_each(known->text.fields, keep_text_field, &known->text);
    known->text.number = *number = t->frame->sequence | TRANSCRIPT_OWN_TEXT;
    known->text.text = bytes_make(known->body + like->fields.n, own.n);
    put_number(&t->texts, known->text.number, known, sizeof *known + n);
    return good;
}

static bool feed_query(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint32_t text = cursor_u32(&c);
    struct bytes own = cursor_take(&c, cursor_left(&c));
    if (c.failed || (own.n && !keep_own_text(t, &text, own))) return false;
    keep_run(t, text, false, NULL);
    struct transcript_event event = transcript_event_new(t, EVENT_STATEMENT, t->first_sequence);
    event.of.statement.protocol = PROTOCOL_SIMPLE;
    event.of.statement.text = transcript_text_find(t, text);
    show(t, &event);
    return true;
}

/* The types of a portal's parameters: as they were at its Bind, unless only a later description told them. */
static const struct known_statement *portal_types(struct transcript *t, const struct known_portal *portal,
                                                  struct bytes name, uint32_t text)
{
    const struct known_statement *now = keep_get(&t->statements, name), *then = portal->statement;
    bool complete = then != NULL;
    for (size_t i = 0; then && i < then->n_types; i++)
        complete = complete && then->types[i] != 0;
    if (then && complete && then->n_types) return then;
    return now && now->text == text ? now : then;
}

static bool portal_parameters(struct transcript *t, const struct known_portal *portal, uint32_t text,
                              struct transcript_statement *s, struct bind_parts *parts)
{
    if (!transcript_bind_split(bytes_make(portal->body, portal->n), parts)) return false;
    const struct known_statement *types = portal_types(t, portal, parts->statement, text);
    struct value_source source = { .cursor = &parts->values,
                                   .n = parts->n_parameters,
                                   .types = types ? types->types : NULL,
                                   .n_types = types ? types->n_types : 0,
                                   .formats = parts->parameter_formats,
                                   .n_formats = parts->n_parameter_formats };
    struct transcript_value *values = NULL;
    s->name = parts->statement;
    s->has_parameters = transcript_values(t, &source, &values);
    s->parameters = values;
    s->n_parameters = s->has_parameters ? parts->n_parameters : 0;
    return true;
}

static bool feed_execute(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint32_t text = cursor_u32(&c), bind = cursor_u32(&c);
    struct transcript_event event = transcript_event_new(t, EVENT_STATEMENT, t->first_sequence);
    struct transcript_statement *s = &event.of.statement;
    s->protocol = PROTOCOL_EXTENDED;
    s->portal = cursor_cstring(&c);
    s->most_rows = cursor_u32(&c);
    if (!cursor_done(&c)) return false;
    s->text = transcript_text_find(t, text);
    struct bind_parts parts;
    const struct known_portal *portal = keep_get(&t->portals, s->portal);
    bool known =
        portal && (bind == 0 || portal->bind == bind) && portal_parameters(t, portal, text, s, &parts);
    keep_run(t, text, true, known ? &parts : NULL);
    show(t, &event);
    return true;
}

static bool feed_call(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct transcript_event event = transcript_event_new(t, EVENT_STATEMENT, t->first_sequence);
    struct transcript_statement *s = &event.of.statement;
    s->protocol = PROTOCOL_CALL;
    s->function = cursor_u32(&c);
    struct value_source source = { .cursor = &c };
    source.n_formats = cursor_u16(&c);
    source.formats = cursor_take(&c, (size_t)source.n_formats * 2);
    source.n = cursor_u16(&c);
    struct transcript_value *values = NULL;
    if (c.failed || !transcript_values(t, &source, &values)) return false;
    cursor_u16(&c); /* the result's format */
    if (!cursor_done(&c)) return false;
    s->has_parameters = true;
    s->parameters = values;
    s->n_parameters = source.n;
    keep_run(t, 0, false, NULL);
    show(t, &event);
    return true;
}

/* ---- outcomes */

static bool feed_row_description(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint32_t number = cursor_u32(&c);
    struct known_description *d =
        c.failed ? NULL : transcript_description_decode(number, cursor_take(&c, cursor_left(&c)));
    if (!d) return false;
    put_number(&t->descriptions, number, d, sizeof *d + body.n + d->n * sizeof *d->columns);
    return true;
}

static bool feed_rows(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    uint32_t run = cursor_u32(&c), description = cursor_u32(&c);
    return !c.failed && transcript_rows(t, run, description, cursor_take(&c, cursor_left(&c)));
}

static bool feed_copy(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct transcript_event event = transcript_event_new(t, EVENT_COPY, cursor_u32(&c));
    if (c.failed) return false;
    event.of.copy.in = t->frame->type == FRAME_COPY_IN;
    event.of.copy.data = cursor_take(&c, cursor_left(&c));
    const struct known_run *run = transcript_run_find(t, event.run);
    event.of.copy.text = run ? transcript_text_find(t, run->text) : NULL;
    event.of.copy.statement = run ? run->n_ended + 1 : 0;
    show(t, &event);
    return true;
}

static bool feed_complete(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct transcript_event event = transcript_event_new(t, EVENT_COMPLETE, cursor_u32(&c));
    struct transcript_complete *complete = &event.of.complete;
    complete->rows = cursor_u64(&c);
    complete->bytes = cursor_u64(&c);
    complete->us = cursor_u64(&c);
    uint8_t how = cursor_u8(&c);
    complete->how = (enum run_end)how;
    complete->tag = cursor_cstring(&c);
    if (cursor_left(&c) == 4) complete->of = transcript_text_find(t, cursor_u32(&c));
    if (!cursor_done(&c) || how > RUN_UNDONE) return false;
    complete->outputs = transcript_text_list(complete->of, "outputs", 1);
    struct known_run *run = transcript_run_find(t, event.run);
    complete->text = run ? transcript_text_find(t, run->text) : NULL;
    if (run) complete->statement = ++run->n_ended;
    show(t, &event);
    return true;
}

static bool feed_report(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct transcript_event event = transcript_event_new(t, EVENT_REPORT, cursor_u32(&c));
    struct transcript_report *r = &event.of.report;
    uint8_t origin = cursor_u8(&c);
    struct bytes fields = cursor_take(&c, cursor_left(&c));
    if (c.failed || origin > ORIGIN_GATEWAY || !report_check(fields)) return false;
    const struct known_run *run = transcript_run_find(t, event.run);
    *r = (struct transcript_report){ .is_error = t->frame->type == FRAME_ERROR,
                                     .origin = (enum frame_origin)origin,
                                     .severity = report_field(fields, 'V'),
                                     .sqlstate = report_field(fields, 'C'),
                                     .message = report_field(fields, 'M'),
                                     .detail = report_field(fields, 'D'),
                                     .hint = report_field(fields, 'H'),
                                     .position = report_field(fields, 'P'),
                                     .where = report_field(fields, 'W'),
                                     .schema = report_field(fields, 's'),
                                     .table = report_field(fields, 't'),
                                     .column = report_field(fields, 'c'),
                                     .constraint = report_field(fields, 'n'),
                                     .text = run ? transcript_text_find(t, run->text) : NULL };
    if (!r->severity.n) r->severity = report_field(fields, 'S');
    show(t, &event);
    return true;
}

static bool feed_notification(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct transcript_event event = transcript_event_new(t, EVENT_NOTIFICATION, 0);
    event.of.notification.process = cursor_u32(&c);
    event.of.notification.channel = cursor_cstring(&c);
    event.of.notification.payload = cursor_cstring(&c);
    if (!cursor_done(&c)) return false;
    show(t, &event);
    return true;
}

static bool feed_parameter_status(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct transcript_event event = transcript_event_new(t, EVENT_PARAMETER, 0);
    event.of.parameter.name = cursor_cstring(&c);
    event.of.parameter.value = cursor_cstring(&c);
    if (!cursor_done(&c)) return false;
    show(t, &event);
    return true;
}

static bool feed_digest(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct transcript_event event = transcript_event_new(t, EVENT_DIGEST, cursor_u32(&c));
    event.of.digest.sha256 = cursor_take(&c, 32);
    event.of.digest.rows = cursor_u64(&c);
    event.of.digest.bytes = cursor_u64(&c);
    if (!cursor_done(&c)) return false;
    show(t, &event);
    return true;
}

static bool feed_cut(struct transcript *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct transcript_event event = transcript_event_new(t, EVENT_CUT, cursor_u32(&c));
    event.of.cut_rows = cursor_u64(&c);
    if (!cursor_done(&c)) return false;
    show(t, &event);
    return true;
}

static bool feed_status(struct transcript *t, struct bytes body)
{
    if (body.n != 1) return false;
    struct transcript_event event = transcript_event_new(t, EVENT_STATUS, 0);
    event.of.status = (char)body.p[0];
    show(t, &event);
    return true;
}

/* ---- the table. `front`: bytes in front of the body that each piece repeats. */

static const struct feeder {
    bool (*feed)(struct transcript *t, struct bytes body);
    uint8_t front;
} feeders[] = {
    [FRAME_SESSION_START] = { feed_fields, 0 },
    [FRAME_SESSION_END] = { feed_fields, 0 },
    [FRAME_CONTEXT] = { feed_fields, 0 },
    [FRAME_TEXT] = { feed_text, 0 },
    [FRAME_QUERY] = { feed_query, 0 },
    [FRAME_PARSE] = { feed_parse, 0 },
    [FRAME_BIND] = { feed_bind, 0 },
    [FRAME_EXECUTE] = { feed_execute, 0 },
    [FRAME_CALL] = { feed_call, 0 },
    [FRAME_ROW_DESCRIPTION] = { feed_row_description, 4 },
    [FRAME_PARAMETER_DESCRIPTION] = { feed_parameter_description, 0 },
    [FRAME_ROWS] = { feed_rows, 8 },
    [FRAME_COPY_OUT] = { feed_copy, 4 },
    [FRAME_COPY_IN] = { feed_copy, 4 },
    [FRAME_COMPLETE] = { feed_complete, 0 },
    [FRAME_ERROR] = { feed_report, 5 },
    [FRAME_NOTICE] = { feed_report, 5 },
    [FRAME_NOTIFICATION] = { feed_notification, 0 },
    [FRAME_PARAMETER_STATUS] = { feed_parameter_status, 0 },
    [FRAME_CANCEL] = { feed_fields, 0 },
    [FRAME_DIGEST] = { feed_digest, 0 },
    [FRAME_CUT] = { feed_cut, 0 },
    [FRAME_CLOSE] = { feed_close, 0 },
    [FRAME_REJECTED] = { feed_fields, 0 },
    [FRAME_GATEWAY] = { feed_fields, 0 },
    [FRAME_STATUS] = { feed_status, 0 },
    [FRAME_APPROVAL] = { feed_fields, 0 },
    [FRAME_SEALED] = { feed_run_fields, 4 },
    [FRAME_FOUND] = { feed_run_fields, 0 },
};

static void damaged(struct transcript *t, const char *message)
{
    struct transcript_event event = transcript_event_new(t, EVENT_DAMAGED, 0);
    event.of.message = bytes_of(message);
    show(t, &event);
}

/* COPY data needs no putting together: each piece is shown as it comes. */
static bool comes_whole(const struct frame *frame)
{
    return frame->type == FRAME_COPY_IN || frame->type == FRAME_COPY_OUT;
}

/* Puts pieces together. True: *body_out is whole. */
static bool assemble(struct transcript *t, const struct frame *frame, const struct feeder *feeder,
                     struct bytes *body_out)
{
    bool part = frame->flags & FRAME_PART, going = buf_length(&t->partial) || t->partial_lost;
    if (going && t->partial_type != frame->type) {
        damaged(t, "the rest of the frame before this one is missing");
        buf_consume(&t->partial, buf_length(&t->partial));
        t->partial_lost = going = false;
    }
    *body_out = frame->body;
    if (!going) t->first_sequence = frame->sequence;
    if ((!part && !going) || comes_whole(frame)) return true;
    t->partial_type = frame->type;
    buf_append(&t->partial, going ? bytes_slice(frame->body, feeder->front, frame->body.n) : frame->body);
    if (t->partial.failed) {
        buf_free(&t->partial);
        buf_init(&t->partial, t->ceiling);
        t->partial_lost = true;
    }
    if (part) return false;
    *body_out = buf_bytes(&t->partial);
    if (!t->partial_lost) return true;
    t->partial_lost = false;
    buf_consume(&t->partial, buf_length(&t->partial));
    damaged(t, "this is too large to be shown");
    return false;
}

void transcript_feed(struct transcript *t, const struct frame *frame,
                     void (*visit)(void *context, const struct transcript_event *event), void *context)
{
    struct bytes body;
    if (!t->started) {
        t->started = true;
        t->start_us = frame->time_us;
    }
    t->frame = frame;
    t->visit = visit;
    t->context = context;
    arena_reset(&t->scratch);
    if (frame->type >= sizeof feeders / sizeof feeders[0] || !feeders[frame->type].feed) {
        struct transcript_event event = transcript_event_new(t, EVENT_OTHER, 0);
        show(t, &event);
        return;
    }
    const struct feeder *feeder = &feeders[frame->type];
    bool assembled = buf_length(&t->partial) || t->partial_lost;
    if (!assemble(t, frame, feeder, &body)) return;
    if (!feeder->feed(t, body)) damaged(t, "its body is malformed");
    if (assembled && !(frame->flags & FRAME_PART)) {
        buf_consume(&t->partial, buf_length(&t->partial));
        if (t->partial.size > 1 << 20) buf_release(&t->partial);
    }
}
