/* From the frames of a session to the steps of a script. The transcript resolves what refers to what; bodies
 * that it does not hand on (of Bind, of a function call, of rows) are taken from the frames themselves.
 *
 * Outcomes are recorded by run. An error without a run is of a message that is none: of the Bind in front of
 * the runs that were skipped for it, or, from the gateway, of something refused before it was recorded. */
#include "base/cursor.h"
#include "cli/rerun.h"
#include "cli/session-feed.h"
#include "sql/facts.h"
#include <stdlib.h>

enum { TRANSCRIPT_CEILING = 512 << 20, BODY_CEILING = 1 << 30, RUNS_CEILING = 16 << 20 };
#define SCRIPT_CEILING ((size_t)4 << 30)

const char *rerun_left_out_says(enum rerun_left_out why)
{
    static const char *const says[] = {
        [RERUN_RUNS] = "",
        [RERUN_REFUSED] = "the gateway refused it",
        [RERUN_UNDONE] = "it passed a limit, and was undone",
        [RERUN_STOPPED] = "it was stopped while it ran",
        [RERUN_UNKNOWN] = "it is not whole in the record",
        [RERUN_SECRET] = "it held a password, which is not in the record",
        [RERUN_NO_DATA] = "the data of its COPY is not in the record",
        [RERUN_SKIPPED] = "an error came before it in its batch",
        [RERUN_LOST_NOW] = "the connection is gone",
    };
    return (size_t)why < sizeof says / sizeof *says && says[why] ? says[why] : "";
}

struct reading {
    struct rerun_script *script;
    struct map runs, descriptions, texts; /* by number; texts: copies that were made already */
    const struct frame *frame;
    struct buf partial; /* pieces of a body so far */
    bool synced;        /* of the body's first piece */
    uint32_t first;     /* its number */
    bool batch;         /* messages of the extended protocol wait for a Sync */
    bool executed;      /* an Execute is among them */
    size_t n_open;      /* runs without an outcome */
    struct rerun_run *last_bind, *last_run;
    struct rerun_outcome *loose; /* an error without a run, and the first of the runs skipped for it */
    uint32_t loose_before;
    bool failed; /* no memory */
};

/* ---- building */

static void *grown(struct arena *arena, const void *old, size_t n, size_t *size, size_t element)
{
    if (n < *size) return (void *)(uintptr_t)old;
    size_t larger = *size ? *size * 2 : 8;
    void *items = arena_alloc_array(arena, larger, element);
    if (!items) return NULL;
    if (n) memcpy(items, old, n * element);
    *size = larger;
    return items;
}

bool rerun_chunk_add(struct arena *arena, struct rerun_chunks *chunks, struct bytes copy_of)
{
    struct bytes copy = arena_copy(arena, copy_of);
    struct bytes *items = grown(arena, chunks->items, chunks->n, &chunks->size, sizeof *items);
    if (!items || !copy.p) return false;
    chunks->items = items;
    chunks->items[chunks->n++] = copy;
    return true;
}

struct rerun_result *rerun_result_open(struct arena *arena, struct rerun_outcome *outcome)
{
    if (outcome->n && !outcome->results[outcome->n - 1].ended) return &outcome->results[outcome->n - 1];
    struct rerun_result *results =
        grown(arena, outcome->results, outcome->n, &outcome->size, sizeof *results);
    if (!results) return NULL;
    outcome->results = results;
    results[outcome->n] = (struct rerun_result){ 0 };
    return &results[outcome->n++];
}

bool rerun_error_set(struct arena *arena, struct rerun_outcome *outcome, struct bytes sqlstate,
                     struct bytes message)
{
    if (outcome->has_error) return true; /* the first one counts */
    outcome->has_error = true;
    outcome->sqlstate = arena_copy(arena, sqlstate);
    outcome->message = arena_copy(arena, message);
    return outcome->sqlstate.p && outcome->message.p;
}

void rerun_script_free(struct rerun_script *script)
{
    arena_free(&script->arena);
}

static struct bytes keep(struct reading *r, struct bytes b)
{
    struct bytes copy = arena_copy(&r->script->arena, b);
    if (!copy.p) r->failed = true;
    return copy;
}

static struct rerun_step *step_add(struct reading *r, enum rerun_step_kind kind)
{
    struct rerun_script *s = r->script;
    struct rerun_step *steps = grown(&s->arena, s->steps, s->n_steps, &s->steps_size, sizeof *steps);
    if (!steps) {
        r->failed = true;
        return NULL;
    }
    s->steps = steps;
    s->steps[s->n_steps] = (struct rerun_step){ .kind = kind };
    return &s->steps[s->n_steps++];
}

static void sync(struct reading *r)
{
    if (!r->batch) return;
    r->batch = r->executed = false;
    struct rerun_step *step = step_add(r, RERUN_STEP_SYNC);
    (void)step; /* it failed, or is all there is to say */
}

/* Before each message of the client. A record that marks no Syncs: there was one behind an Execute whose
 * outcome was there before anything else was sent. */
static void before_message(struct reading *r, bool synced)
{
    if (r->script->marks_syncs ? synced : r->executed && r->n_open == 0) sync(r);
}

static struct bytes number_key(const uint32_t *number)
{
    return bytes_make(number, sizeof *number);
}

static struct rerun_run *find_run(struct reading *r, uint32_t run)
{
    return run ? map_get(&r->runs, number_key(&run)) : NULL;
}

static struct rerun_step *run_add(struct reading *r, enum rerun_kind kind, uint32_t sequence,
                                  int64_t offset_us)
{
    struct rerun_run *run = ARENA_NEW(&r->script->arena, struct rerun_run);
    struct rerun_step *step = run ? step_add(r, RERUN_STEP_RUN) : NULL;
    if (!step || (sequence && !map_put(&r->runs, number_key(&sequence), run, NULL))) {
        r->failed = true;
        return NULL;
    }
    run->kind = kind;
    run->sequence = sequence;
    run->offset_us = offset_us;
    step->run = run;
    if (kind == RERUN_PARSE || kind == RERUN_BIND || kind == RERUN_EXECUTE) r->batch = true;
    r->last_run = run;
    return step;
}

/* ---- texts. A text is copied once, however often it ran. */

struct kept_text {
    struct bytes text, sent, decision, policy, rule, effects, relations, tags;
};

static const struct kept_text *keep_text(struct reading *r, const struct transcript_text *t)
{
    struct kept_text *k = map_get(&r->texts, number_key(&t->number));
    if (k) return k;
    k = ARENA_NEW(&r->script->arena, struct kept_text);
    if (!k) return NULL;
    *k = (struct kept_text){ keep(r, t->text), keep(r, t->sent),    keep(r, t->decision),  keep(r, t->policy),
                             keep(r, t->rule), keep(r, t->effects), keep(r, t->relations), keep(r, t->tags) };
    bool own = t->number & TRANSCRIPT_OWN_TEXT;
    if (!own && !map_put(&r->texts, number_key(&t->number), k, NULL)) return NULL;
    return k;
}

static bool holds_cut_secret(struct bytes text)
{
    return bytes_find(text, BYTES_LITERAL("'***'")) >= 0 && sql_may_hold_secret(text);
}

static void set_text(struct reading *r, struct rerun_run *run, const struct transcript_text *t)
{
    const struct kept_text *k = t ? keep_text(r, t) : NULL;
    if (t && !k) r->failed = true;
    if (!k) {
        if (run->kind == RERUN_QUERY || run->kind == RERUN_PARSE) run->left_out = RERUN_UNKNOWN;
        return;
    }
    run->text = k->text;
    run->sent = k->sent;
    run->decision = k->decision;
    run->policy = k->policy;
    run->rule = k->rule;
    run->effects = k->effects;
    run->relations = k->relations;
    run->tags = k->tags;
    if (run->kind != RERUN_EXECUTE && holds_cut_secret(k->text)) run->left_out = RERUN_SECRET;
}

/* ---- messages of the client */

static void on_prepare(struct reading *r, const struct transcript_event *e)
{
    before_message(r, r->synced);
    struct rerun_step *step = run_add(r, RERUN_PARSE, e->sequence, e->offset_us);
    if (!step) return;
    struct buf types;
    buf_init(&types, 65536 * 4);
    for (size_t i = 0; i < e->of.prepare.n_types; i++)
        buf_put_u32(&types, e->of.prepare.types[i]);
    step->body = keep(r, buf_bytes(&types));
    step->name = keep(r, e->of.prepare.name);
    buf_free(&types);
    set_text(r, step->run, e->of.prepare.text);
}

static void keep_parameters(struct reading *r, struct rerun_run *run, const struct transcript_statement *s)
{
    struct transcript_value *values =
        ARENA_ARRAY(&r->script->arena, struct transcript_value, s->n_parameters);
    if (!values) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < s->n_parameters; i++) {
        values[i] = s->parameters[i];
        values[i].text = keep(r, values[i].text);
    }
    run->parameters = values;
    run->n_parameters = s->n_parameters;
}

static void on_statement(struct reading *r, const struct transcript_event *e)
{
    const struct transcript_statement *s = &e->of.statement;
    static const enum rerun_kind kinds[] = { RERUN_QUERY, RERUN_EXECUTE, RERUN_CALL };
    before_message(r, r->synced);
    struct rerun_step *step = run_add(r, kinds[s->protocol], e->run, e->offset_us);
    if (!step) return;
    r->n_open++;
    set_text(r, step->run, s->text);
    if (s->n_parameters) keep_parameters(r, step->run, s);
    if (s->protocol != PROTOCOL_EXTENDED) return;
    r->executed = true;
    step->name = keep(r, s->portal);
    step->most_rows = s->most_rows;
}

/* The whole body of a frame that may come in pieces; false: more is to come. */
static bool whole_body(struct reading *r, size_t front, struct bytes *body_out)
{
    const struct frame *f = r->frame;
    bool going = buf_length(&r->partial) > 0;
    *body_out = f->body;
    if (!going) r->first = f->sequence;
    if (!(f->flags & FRAME_PART) && !going) return true;
    buf_append(&r->partial, going ? bytes_slice(f->body, front, f->body.n) : f->body);
    if (r->partial.failed) r->failed = true;
    if (f->flags & FRAME_PART) return false;
    *body_out = keep(r, buf_bytes(&r->partial));
    buf_consume(&r->partial, buf_length(&r->partial));
    return true;
}

static void take_bind(struct reading *r)
{
    struct bytes body;
    if (!whole_body(r, 0, &body)) return;
    before_message(r, r->synced);
    struct rerun_step *step = run_add(r, RERUN_BIND, r->first, 0);
    if (!step) return;
    step->body = keep(r, body);
    r->last_bind = step->run;
}

/* The event told of it when its last piece came, and made the step. */
static void take_call(struct reading *r)
{
    struct bytes body;
    if (whole_body(r, 0, &body) && r->script->n_steps)
        r->script->steps[r->script->n_steps - 1].body = keep(r, body);
}

static void take_close(struct reading *r)
{
    before_message(r, r->synced);
    struct rerun_step *step = step_add(r, RERUN_STEP_CLOSE);
    r->batch = true;
    if (step) step->body = keep(r, r->frame->body);
}

/* An Execute names the frame of its Bind. */
static void take_execute(struct reading *r)
{
    struct cursor c = cursor_over(r->frame->body);
    cursor_u32(&c);
    struct rerun_run *bind = find_run(r, cursor_u32(&c));
    if (r->script->n_steps && bind && r->last_run && r->last_run->kind == RERUN_EXECUTE)
        r->last_run->bind = bind;
}

/* ---- outcomes */

static struct rerun_result *open_result(struct reading *r, struct rerun_run *run)
{
    struct rerun_result *result = run ? rerun_result_open(&r->script->arena, &run->then) : NULL;
    if (run && !result) r->failed = true;
    return result;
}

static void take_description(struct reading *r)
{
    struct bytes body;
    if (!whole_body(r, 4, &body)) return;
    struct cursor c = cursor_over(body);
    uint32_t number = cursor_u32(&c);
    struct bytes *kept = ARENA_NEW(&r->script->arena, struct bytes);
    if (kept) *kept = keep(r, cursor_take(&c, cursor_left(&c)));
    if (!kept || !map_put(&r->descriptions, number_key(&number), kept, NULL)) r->failed = true;
}

static void take_rows(struct reading *r)
{
    struct bytes body;
    if (!whole_body(r, 8, &body)) return;
    struct cursor c = cursor_over(body);
    uint32_t run = cursor_u32(&c), number = cursor_u32(&c);
    struct rerun_result *result = open_result(r, find_run(r, run));
    const struct bytes *description = map_get(&r->descriptions, number_key(&number));
    if (!result) return;
    if (description) result->description = *description;
    while (cursor_left(&c) && !c.failed && !r->failed) {
        cursor_u8(&c);
        uint32_t n = cursor_u32(&c);
        struct bytes row = cursor_take(&c, n < 4 ? 0 : n - 4);
        if (!c.failed && !rerun_chunk_add(&r->script->arena, &result->rows, row)) r->failed = true;
    }
}

static void take_copy(struct reading *r)
{
    struct cursor c = cursor_over(r->frame->body);
    struct rerun_result *result = open_result(r, find_run(r, cursor_u32(&c)));
    struct bytes data = cursor_take(&c, cursor_left(&c));
    if (!result || c.failed) return;
    bool in = r->frame->type == FRAME_COPY_IN;
    if (!rerun_chunk_add(&r->script->arena, in ? &result->copy_in : &result->copy_out, data))
        r->failed = true;
}

static bool settled(const struct rerun_run *run)
{
    return run->left_out != RERUN_RUNS;
}

static void on_complete(struct reading *r, const struct transcript_event *e)
{
    const struct transcript_complete *c = &e->of.complete;
    struct rerun_run *run = find_run(r, e->run);
    struct rerun_result *result = open_result(r, run);
    if (!result) return;
    if (c->how == RUN_SKIPPED && r->loose && (!r->loose_before || e->run < r->loose_before))
        r->loose_before = e->run;
    if (c->how == RUN_REFUSED) run->left_out = RERUN_REFUSED;
    if (c->how == RUN_UNDONE && !settled(run)) run->left_out = RERUN_UNDONE;
    result->ended = true;
    result->how = c->how;
    result->tag = keep(r, c->tag);
    result->n_rows = c->rows;
    result->us = c->us;
    if (c->of) result->of_text = keep(r, c->of->text);
    /* A Query has several; only its first outcome counts it as answered, which is all that is asked. */
    if (run->kind != RERUN_PARSE && run->then.n == 1 && r->n_open) r->n_open--;
}

static void poison_add(struct reading *r)
{
    struct rerun_step *step = run_add(r, RERUN_PARSE, 0, 0);
    if (!step) return;
    step->kind = RERUN_STEP_POISON;
    step->run->left_out = RERUN_REFUSED;
}

static bool is_cancel(const struct transcript_report *p)
{
    return bytes_is(p->sqlstate, "57014") && bytes_find(p->message, BYTES_LITERAL("user request")) >= 0;
}

static void on_report(struct reading *r, const struct transcript_event *e)
{
    const struct transcript_report *p = &e->of.report;
    struct arena *arena = &r->script->arena;
    struct rerun_run *run = find_run(r, e->run);
    bool gateway = p->origin == ORIGIN_GATEWAY;
    if (!p->is_error || bytes_is(p->severity, "FATAL")) return;
    if (!run && gateway) {
        poison_add(r);
        run = r->last_run;
    }
    struct rerun_outcome *outcome = run ? &run->then : NULL;
    if (!run) outcome = r->loose = ARENA_NEW(arena, struct rerun_outcome);
    if (!outcome || !rerun_error_set(arena, outcome, p->sqlstate, p->message)) {
        r->failed = true;
        return;
    }
    outcome->by_gateway = gateway;
    if (run && (gateway || is_cancel(p)) && !settled(run)) run->left_out = RERUN_STOPPED;
}

/* The error belongs to the Bind of the first run that was skipped for it; with none, to the last Bind. */
static void place_loose(struct reading *r)
{
    const struct rerun_run *skipped = find_run(r, r->loose_before);
    const struct rerun_run *bind = skipped ? skipped->bind : r->last_bind;
    struct rerun_run *run = bind ? find_run(r, bind->sequence) : NULL;
    if (run && !run->then.has_error) run->then = *r->loose;
    r->loose = NULL;
    r->loose_before = 0;
}

struct found {
    struct rerun_run *run;
};

/* COLUMN.KIND.HOW: only where HOW is "masked" is what was recorded not what the server had sent. */
static void on_found_field(void *context, struct bytes name, struct bytes value)
{
    struct found *f = context;
    ptrdiff_t dot = bytes_find(name, BYTES_LITERAL("."));
    int64_t column;
    (void)value;
    if (dot < 0 || name.n < 7 || !bytes_is(bytes_slice(name, name.n - 7, 7), ".masked")) return;
    if (!bytes_to_int64(bytes_slice(name, 0, (size_t)dot), &column) || column < 0 || column > RERUN_COLUMNS)
        return;
    if (column == 0)
        f->run->copy_masked = true;
    else
        f->run->masked[(column - 1) / 8] |= (uint8_t)(1u << (column - 1) % 8);
}

static void on_found(struct rerun_run *run, struct bytes fields)
{
    struct found f = { run };
    if (run) frame_fields_each(fields, on_found_field, &f);
}

static void on_digest(struct reading *r, const struct transcript_event *e)
{
    struct rerun_result *result = open_result(r, find_run(r, e->run));
    if (!result || e->of.digest.sha256.n != sizeof result->digest) return;
    memcpy(result->digest, e->of.digest.sha256.p, sizeof result->digest);
    result->has_digest = true;
}

/* ---- the session */

static void on_start_field(void *context, struct bytes name, struct bytes value)
{
    struct reading *r = context;
    struct rerun_script *s = r->script;
    struct {
        const char *name;
        struct bytes *place;
    } places[] = { { "principal", &s->principal },
                   { "connection", &s->connection },
                   { "database", &s->database },
                   { "login", &s->login },
                   { "application", &s->application } };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (bytes_is(name, places[i].name)) *places[i].place = keep(r, value);
    if (!bytes_starts_with(name, "setting.") || s->n_settings == sizeof s->settings / sizeof *s->settings)
        return;
    name = bytes_slice(name, 8, name.n);
    if (bytes_is(name, "application_name")) return; /* who looks at the server should see what this is */
    s->settings[s->n_settings].name = keep(r, name);
    s->settings[s->n_settings++].value = keep(r, value);
}

static void on_event(void *context, const struct transcript_event *e)
{
    struct reading *r = context;
    struct rerun_run *run = find_run(r, e->run);
    struct rerun_result *result;
    switch (e->kind) {
    case EVENT_START:
        r->script->marks_syncs = r->frame->flags & FRAME_SYNCED;
        frame_fields_each(e->of.fields, on_start_field, r);
        break;
    case EVENT_END: r->script->whole = true; break;
    case EVENT_PREPARE: on_prepare(r, e); break;
    case EVENT_STATEMENT: on_statement(r, e); break;
    case EVENT_COMPLETE: on_complete(r, e); break;
    case EVENT_REPORT: on_report(r, e); break;
    case EVENT_FOUND: on_found(run, e->of.fields); break;
    case EVENT_SEALED:
        if (run) run->then.veiled = true;
        break;
    case EVENT_DIGEST: on_digest(r, e); break;
    case EVENT_CUT:
        if ((result = open_result(r, run))) result->cut = true;
        break;
    case EVENT_DAMAGED: r->script->n_damaged++; break;
    default: break;
    }
}

static void take_frame(struct reading *r)
{
    switch (r->frame->type) {
    case FRAME_BIND: take_bind(r); break;
    case FRAME_CALL: take_call(r); break;
    case FRAME_EXECUTE: take_execute(r); break;
    case FRAME_CLOSE: take_close(r); break;
    case FRAME_ROW_DESCRIPTION: take_description(r); break;
    case FRAME_ROWS: take_rows(r); break;
    case FRAME_COPY_IN:
    case FRAME_COPY_OUT: take_copy(r); break;
    default: break;
    }
}

static void feed(struct reading *r, struct transcript *t, const struct frame *frame)
{
    bool skipped = frame->type == FRAME_COMPLETE || frame->type == FRAME_FOUND || frame->type == FRAME_DIGEST;
    r->frame = frame;
    if (r->loose && !skipped) place_loose(r);
    if (!buf_length(&r->partial)) r->synced = frame->flags & FRAME_SYNCED;
    transcript_feed(t, frame, on_event, r);
    take_frame(r);
}

/* COPY FROM STDIN whose data was not kept, as `rows: count` says. */
static bool lacks_data(const struct rerun_run *run)
{
    const struct rerun_result *first = run->then.n ? &run->then.results[0] : NULL;
    return first && bytes_starts_with(first->tag, "COPY ") && !bytes_is(first->tag, "COPY 0") &&
           !first->copy_in.n && !first->copy_out.n && bytes_is(run->tags, "COPY") &&
           bytes_find(run->effects, BYTES_LITERAL("write")) >= 0;
}

static void finish(struct reading *r)
{
    if (r->loose) place_loose(r);
    sync(r);
    for (size_t i = 0; i < r->script->n_steps; i++) {
        struct rerun_run *run = r->script->steps[i].run;
        if (run && run->left_out == RERUN_RUNS && lacks_data(run)) run->left_out = RERUN_NO_DATA;
    }
}

static bool read_frames(const struct cli_call *call, struct evidence *e, struct reading *r,
                        struct transcript *t)
{
    enum record_read got = record_reader_session(e->reader, r->script->session, 1);
    struct frame frame;
    if (got == RECORD_READ_END) {
        cli_fail(call, "the log has no frame of this session");
        return false;
    }
    while (got == RECORD_READ_FRAME && !r->failed)
        if ((got = record_reader_next(e->reader, &frame)) == RECORD_READ_FRAME) feed(r, t, &frame);
    if (got == RECORD_READ_BAD)
        cli_fail(call, "the log cannot be read: %s", record_reader_message(e->reader));
    if (got == RECORD_READ_BAD) return false;
    finish(r);
    if (r->failed) cli_fail(call, "the session is too large to be run again: 4 GiB of what was recorded");
    return !r->failed;
}

bool rerun_read(const struct cli_call *call, struct evidence *e, uint64_t session,
                struct rerun_script *script)
{
    struct reading r = { .script = script };
    struct transcript *t = transcript_new(TRANSCRIPT_CEILING);
    *script = (struct rerun_script){ .session = session };
    arena_init(&script->arena, 1 << 20, SCRIPT_CEILING);
    map_init(&r.runs, RUNS_CEILING, session);
    map_init(&r.descriptions, RUNS_CEILING, session);
    map_init(&r.texts, RUNS_CEILING, session);
    buf_init(&r.partial, BODY_CEILING);
    bool good = t && read_frames(call, e, &r, t);
    if (!t) cli_fail(call, "there is no memory");
    transcript_free(t);
    buf_free(&r.partial);
    map_free(&r.runs, NULL);
    map_free(&r.descriptions, NULL);
    map_free(&r.texts, NULL);
    return good;
}
