/* Taking blocks in. A block is of one session; what its frames say is gathered in memory (runs that are
 * open, counts by shape and minute) and written at the block's end, so that a thousand executions of one
 * statement cost a row and not a thousand.
 *
 * What is read is only what the index keeps: the rest of a frame is not looked at. A frame that is malformed
 * is counted and passed over: the log is the evidence, and `audit verify` speaks about it. */
#include "base/arena.h"
#include "base/cursor.h"
#include "base/map.h"
#include "pgwire/report.h"
#include "record/index-approvals.h"
#include "record/index-erase.h"
#include "record/index-gateway.h"
#include "record/index-private.h"
#include "record/index-seen.h"
#include "record/index-shapes.h"
#include "record/index.h"
#include <errno.h>

enum { MINUTE_US = 60000000, RUNS_CEILING = 1 << 16, MEMORY_CEILING = 256 << 20 };

struct known_text {
    uint32_t number;
    int64_t shape;
    struct bytes decision, policy, rule;
    struct index_seen *seen; /* what its results show */
    size_t n_seen;
};

/* One row of `execution` in the making. */
struct tally {
    struct tally *next;
    const struct known_text *text;
    int64_t minute, us;
    uint64_t errors, rows, most_rows;
    int64_t most_us; /* most_rows, most_us: of one outcome */
    int64_t n;       /* below 0: runs of earlier blocks turned out to be skipped */
    uint32_t first_sequence, last_sequence;
    struct index_seen_count *seen; /* for each of the text's; NULL: none came out yet */
};

struct open_run {
    struct open_run *next;
    uint32_t run;
    uint32_t ended; /* how many of its statements have */
    struct tally *tally;
    bool counted_error, completed;
    bool prepared; /* a text that is refused where it is prepared: no run, but an attempt */
};

/* A block being taken in. */
struct taking {
    struct index *index;
    uint64_t session;
    uint32_t seen; /* frames up to here are in the index already */
    uint32_t last_sequence;
    struct bytes principal;
    int64_t last_us;
    int64_t statements;
    uint64_t refused, errors, rows, damaged;
    struct arena arena;
    struct map texts, tallies, runs;
    struct tally *all_tallies;
    struct open_run *all_runs;
    int error; /* the first; everything after it does nothing */
};

static struct sqlite_query *statement(struct taking *t, enum index_statement which)
{
    if (t->error) return NULL;
    struct sqlite_query *q = index_statement(t->index, which, &t->error);
    return q;
}

static void finish(struct taking *t, struct sqlite_query *q)
{
    int error = sqlite_query_finish(q);
    if (!t->error) t->error = error;
}

static struct bytes keep_bytes(struct taking *t, struct bytes b)
{
    struct bytes copy = arena_copy(&t->arena, b);
    if (!copy.p && !t->error) t->error = -ENOMEM;
    return copy;
}

static struct bytes key32(const uint32_t *number)
{
    return bytes_make(number, sizeof *number);
}

/* ---- shapes and texts */

struct text_fields {
    struct bytes text, as, shape, decision, policy, rule, would, tags, effects, relations;
    bool has_values; /* some of its results have columns whose values are indexed */
};

static void pick_text_field(void *context, struct bytes name, struct bytes value)
{
    struct text_fields *f = context;
    struct {
        const char *name;
        struct bytes *place;
    } places[] = { { "text", &f->text },          { "as", &f->as },         { "shape", &f->shape },
                   { "decision", &f->decision },  { "policy", &f->policy }, { "rule", &f->rule },
                   { "would", &f->would },        { "tags", &f->tags },     { "effects", &f->effects },
                   { "relations", &f->relations } };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (bytes_is(name, places[i].name)) *places[i].place = value;
    f->has_values |= bytes_is(name, "values") || bytes_starts_with(name, "values.");
}

/* The session is one whose rows are looked at, by index-values.c. */
static void has_values(struct taking *t)
{
    struct sqlite_query *q = statement(t, INDEX_VALUE_SESSION_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    finish(t, q);
}

static struct known_text *text_keep(struct taking *t, const struct known_text *text)
{
    struct known_text *copy = ARENA_NEW(&t->arena, struct known_text);
    if (copy) {
        *copy = *text;
        copy->n_seen = 0;
        for (const struct index_seen *seen = text->seen; seen; seen = seen->next)
            copy->n_seen++;
        copy->decision = keep_bytes(t, text->decision);
        copy->policy = keep_bytes(t, text->policy);
        copy->rule = keep_bytes(t, text->rule);
    }
    if (!copy || map_put(&t->texts, key32(&copy->number), copy, NULL) == MAP_FULL) t->error = -ENOMEM;
    return t->error ? NULL : copy;
}

static const struct known_text *text_find(struct taking *t, uint32_t number)
{
    struct known_text *known = map_get(&t->texts, key32(&number));
    struct sqlite_query *q = known ? NULL : statement(t, INDEX_TEXT_FIND);
    if (!q) return known;
    struct known_text text = { .number = number };
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, number);
    if (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        text.shape = sqlite_query_int(q, 0);
        text.decision = sqlite_query_text(q, 1);
        text.policy = sqlite_query_text(q, 2);
        text.rule = sqlite_query_text(q, 3);
        if (!t->error) t->error = index_seen_load(t->index, t->session, number, &t->arena, &text.seen);
        known = text_keep(t, &text);
    } else if (sqlite_query_error(q))
        t->error = sqlite_query_error(q);
    sqlite_query_reset(q);
    return known;
}

static void text_save(struct taking *t, const struct known_text *text)
{
    struct sqlite_query *q = statement(t, INDEX_TEXT_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, text->number);
    sqlite_query_bind_int(q, 3, text->shape);
    sqlite_query_bind_text(q, 4, text->decision);
    sqlite_query_bind_text(q, 5, text->policy);
    sqlite_query_bind_text(q, 6, text->rule);
    finish(t, q);
    if (!t->error) t->error = index_seen_save(t->index, t->session, text->number, text->seen);
    text_keep(t, text);
}

/* A policy that only observes lets the statement through: what it would have said is what one looks for.
 * "deny by agents/no-drop: a sentence", without a policy where none allows it. */
static void judge_observed(const struct text_fields *f, struct known_text *text)
{
    ptrdiff_t by = bytes_find(f->would, BYTES_LITERAL(" by ")),
              end = bytes_find(f->would, BYTES_LITERAL(": "));
    text->decision = BYTES_LITERAL("observed");
    if (by < 0 || end < by + 4) return;
    struct bytes name = bytes_slice(f->would, (size_t)by + 4, (size_t)(end - by - 4));
    ptrdiff_t slash = bytes_find(name, BYTES_LITERAL("/"));
    text->policy = bytes_slice(name, 0, slash < 0 ? 0 : (size_t)slash);
    text->rule = bytes_slice(name, (size_t)(slash + 1), name.n);
}

static void take_text(struct taking *t, struct bytes body)
{
    struct cursor c = cursor_over(body);
    struct text_fields f = { 0 };
    struct known_text text = { .number = cursor_u32(&c) };
    uint32_t number = text.number;
    int64_t first;
    struct bytes fields = cursor_take(&c, cursor_left(&c));
    if (!frame_fields_each(fields, pick_text_field, &f)) {
        t->damaged++;
        return;
    }
    /* "as": all but the text is what was said of an earlier text, of which this one is another instance. */
    const struct known_text *alike =
        f.as.p && bytes_to_int64(f.as, &first) ? text_find(t, (uint32_t)first) : NULL;
    if (alike) {
        text = *alike;
        text.number = number;
    } else {
        const struct index_shape shape = { f.shape, f.text, f.tags, f.effects, f.relations };
        t->error = index_shape_of(t->index, &t->arena, &shape, &text.shape);
        text.decision = f.decision;
        text.policy = f.policy;
        text.rule = f.rule;
        if (f.would.n) judge_observed(&f, &text);
        if (!index_seen_read(fields, &t->arena, &text.seen)) t->error = -ENOMEM;
    }
    if (f.has_values) has_values(t);
    text_save(t, &text);
}

/* ---- runs */

static struct tally *tally_for(struct taking *t, uint32_t text_number, int64_t minute)
{
    struct {
        int64_t minute;
        uint32_t text, zero;
    } key = { minute, text_number, 0 };
    struct tally *tally = map_get(&t->tallies, bytes_make(&key, sizeof key));
    const struct known_text *text = tally ? NULL : text_find(t, text_number);
    if (tally || !text) return tally;
    tally = ARENA_NEW(&t->arena, struct tally);
    if (!tally || map_put(&t->tallies, bytes_make(&key, sizeof key), tally, NULL) == MAP_FULL) {
        t->error = -ENOMEM;
        return NULL;
    }
    tally->text = text;
    tally->minute = minute;
    tally->next = t->all_tallies;
    t->all_tallies = tally;
    return tally;
}

static struct open_run *run_open(struct taking *t, uint32_t run, uint32_t text, int64_t minute)
{
    struct tally *tally = tally_for(t, text, minute);
    struct open_run *open = tally ? ARENA_NEW(&t->arena, struct open_run) : NULL;
    if (!open) return NULL;
    *open = (struct open_run){ .next = t->all_runs, .run = run, .tally = tally };
    t->all_runs = open;
    if (map_put(&t->runs, key32(&open->run), open, NULL) == MAP_FULL)
        return NULL; /* its outcome is not counted */
    return open;
}

static struct open_run *take_run(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t text = cursor_u32(&c);
    if (c.failed) {
        t->damaged++;
        return NULL;
    }
    struct open_run *open = run_open(t, frame->sequence, text, frame->time_us / MINUTE_US);
    struct tally *tally = open ? open->tally : NULL;
    if (!tally) return NULL;
    tally->n++;
    if (!tally->first_sequence) tally->first_sequence = frame->sequence;
    tally->last_sequence = frame->sequence;
    return open;
}

/* A text that is refused where it is prepared never becomes a run: the attempt counts all the same. */
static void take_parse(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t number = cursor_u32(&c);
    const struct known_text *text = c.failed ? NULL : text_find(t, number);
    if (!text || (!bytes_is(text->decision, "deny") && !bytes_is(text->decision, "hold"))) return;
    struct open_run *open = take_run(t, frame);
    if (open) open->prepared = true;
}

/* COPY … TO has messages for rows, and more of them than rows: a header, a trailer. Its tag counts rows. */
static uint64_t rows_shown(uint64_t rows, struct bytes tag)
{
    int64_t copied;
    bool copy = bytes_starts_with(tag, "COPY ") && bytes_to_int64(bytes_slice(tag, 5, tag.n), &copied);
    return copy && copied > 0 ? (uint64_t)copied : rows;
}

static bool shows_something(uint8_t how, uint64_t rows, struct bytes tag)
{
    if (how == RUN_REFUSED || how == RUN_SKIPPED || how == RUN_UNDONE || how == RUN_EMPTY) return false;
    if (bytes_is(tag, "PREPARE") || bytes_is(tag, "DECLARE CURSOR")) return false; /* EXECUTE and FETCH do */
    return rows || how == RUN_COMPLETED || how == RUN_SUSPENDED;
}

/* statement: of the text, from 1; 0: any. */
static void count_seen(struct taking *t, struct tally *tally, const struct frame *frame, uint32_t statement,
                       uint64_t rows)
{
    size_t i = 0;
    if (!tally->text->n_seen) return;
    if (!tally->seen) {
        tally->seen = ARENA_ARRAY(&t->arena, struct index_seen_count, tally->text->n_seen);
        if (!tally->seen) {
            t->error = -ENOMEM;
            return;
        }
        memset(tally->seen, 0, tally->text->n_seen * sizeof *tally->seen);
    }
    for (const struct index_seen *seen = tally->text->seen; seen; seen = seen->next, i++) {
        struct index_seen_count *count = &tally->seen[i];
        if (statement && seen->statement && seen->statement != statement) continue;
        if (!count->n) count->first_sequence = frame->sequence;
        count->n++;
        count->rows += rows;
        count->last_sequence = frame->sequence;
    }
}

/* One statement of the run has ended. What is refused, skipped or undone shows nothing; what fails may have
 * shown some rows before. of: the text whose rows they were; 0: the run's own. */
static void take_seen(struct taking *t, const struct frame *frame, struct open_run *open, uint8_t how,
                      uint64_t rows, struct bytes tag, uint32_t of)
{
    uint32_t statement = ++open->ended;
    rows = rows_shown(rows, tag);
    if (!shows_something(how, rows, tag)) return;
    struct tally *tally = of ? tally_for(t, of, open->tally->minute) : open->tally;
    if (tally) count_seen(t, tally, frame, of ? 0 : statement, rows);
}

static void take_complete(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t run = cursor_u32(&c);
    uint64_t rows = cursor_u64(&c);
    cursor_u64(&c);
    uint64_t us = cursor_u64(&c);
    uint8_t how = cursor_u8(&c);
    struct bytes tag = cursor_cstring(&c);
    uint32_t of = cursor_left(&c) == 4 ? cursor_u32(&c) : 0;
    if (c.failed) {
        t->damaged++;
        return;
    }
    struct open_run *open = map_get(&t->runs, key32(&run));
    t->rows += rows;
    if (!open) return;
    take_seen(t, frame, open, how, rows, tag, of);
    open->tally->rows += rows;
    open->tally->us += (int64_t)us;
    if (rows > open->tally->most_rows) open->tally->most_rows = rows;
    if ((int64_t)us > open->tally->most_us) open->tally->most_us = (int64_t)us;
    open->completed = true;
    if (how != RUN_SKIPPED) return;
    open->tally->n--; /* an earlier statement of the pipeline failed: it never ran */
    if (!open->prepared) t->statements--;
}

static void take_found(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t run = cursor_u32(&c);
    struct bytes fields = cursor_take(&c, cursor_left(&c));
    struct open_run *open = map_get(&t->runs, key32(&run));
    if (c.failed) t->damaged++;
    if (c.failed || !open || t->error) return;
    t->error = index_seen_found(t->index, t->session, open->tally->text->shape, open->tally->minute,
                                frame->sequence, fields);
}

static void take_error(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t run = cursor_u32(&c);
    uint8_t origin = cursor_u8(&c);
    struct bytes body = cursor_take(&c, cursor_left(&c)), sqlstate = report_field(body, 'C');
    if (c.failed || !sqlstate.p) {
        t->damaged++;
        return;
    }
    struct open_run *open = run ? map_get(&t->runs, key32(&run)) : NULL;
    if (origin == ORIGIN_GATEWAY && bytes_is(report_field(body, 'V'), "ERROR")) {
        t->refused++;
        if (run && (!open || open->prepared)) t->statements++; /* a Parse that was refused */
    } else {
        t->errors++;
    }
    if (open && !open->counted_error) {
        open->tally->errors++;
        open->counted_error = true;
    }
    struct sqlite_query *q = statement(t, INDEX_FAILURE_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, frame->sequence);
    sqlite_query_bind_int(q, 3, frame->time_us);
    if (open) sqlite_query_bind_int(q, 4, open->tally->text->shape);
    sqlite_query_bind_int(q, 5, origin);
    sqlite_query_bind_text(q, 6, bytes_slice(sqlstate, 0, 5));
    finish(t, q);
}

/* ---- the session itself */

static void bind_claim(struct sqlite_query *q, int i, struct bytes fields, const char *name)
{
    char full[40];
    snprintf(full, sizeof full, "claim.%s", name);
    struct bytes value = frame_fields_get(fields, full);
    if (!value.p) value = frame_fields_get(fields, name);
    sqlite_query_bind_text(q, i, bytes_slice(value, 0, 400));
}

static void take_start(struct taking *t, const struct frame *frame)
{
    static const char *const names[] = { "principal",    "subject",    "issuer",     "groups", NULL,
                                         "on_behalf_of", "connection", "database",   "login",  "client",
                                         "application",  "policies",   "policy_hash" };
    struct sqlite_query *q = statement(t, INDEX_SESSION_START);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, frame->time_us);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i]) sqlite_query_bind_text(q, (int)i + 3, frame_fields_get(frame->body, names[i]));
    sqlite_query_bind_int(q, 7, bytes_is(frame_fields_get(frame->body, "machine"), "true"));
    bind_claim(q, 16, frame->body, "task");
    bind_claim(q, 17, frame->body, "agent");
    int64_t retain_us = 0;
    (void)!bytes_to_int64(frame_fields_get(frame->body, "retain_us"), &retain_us);
    sqlite_query_bind_int(q, 18, retain_us > 0 ? retain_us : 0);
    finish(t, q);
    t->principal = keep_bytes(t, frame_fields_get(frame->body, "principal"));
}

static void take_context(struct taking *t, const struct frame *frame)
{
    struct sqlite_query *q = statement(t, INDEX_SESSION_CONTEXT);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    bind_claim(q, 2, frame->body, "task");
    bind_claim(q, 3, frame->body, "agent");
    finish(t, q);
}

static void take_end(struct taking *t, const struct frame *frame)
{
    struct sqlite_query *q = statement(t, INDEX_SESSION_END);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, frame->time_us);
    sqlite_query_bind_text(q, 3, frame_fields_get(frame->body, "reason"));
    finish(t, q);
    t->all_runs = NULL;
}

static void take_rejected(struct taking *t, const struct frame *frame)
{
    static const char *const names[] = { "reason", "sqlstate", "principal", "client" };
    struct sqlite_query *q = statement(t, INDEX_REJECTION_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, frame->sequence);
    sqlite_query_bind_int(q, 3, frame->time_us);
    for (size_t i = 0; i < 4; i++)
        sqlite_query_bind_text(q, (int)i + 4, frame_fields_get(frame->body, names[i]));
    finish(t, q);
}

/* ---- pieces of texts, which may lie blocks apart */

static void part_save(struct taking *t, struct bytes body)
{
    struct sqlite_query *q = statement(t, INDEX_PART_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_blob(q, 2, body);
    finish(t, q);
}

static struct bytes part_load(struct taking *t)
{
    struct bytes body = { 0 };
    struct sqlite_query *q = statement(t, INDEX_PART_GET);
    if (!q) return body;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    switch (sqlite_query_step(q)) {
    case SQLITE_STEP_ROW: body = keep_bytes(t, sqlite_query_text(q, 0)); break;
    case SQLITE_STEP_FAILED: t->error = sqlite_query_error(q); break;
    case SQLITE_STEP_DONE: break;
    }
    sqlite_query_reset(q);
    return body;
}

static void part_drop(struct taking *t)
{
    struct sqlite_query *q = statement(t, INDEX_PART_DROP);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    finish(t, q);
}

static void take_text_frame(struct taking *t, const struct frame *frame)
{
    struct bytes before = part_load(t);
    bool part = frame->flags & FRAME_PART;
    if (!part && !before.p) {
        take_text(t, frame->body);
        return;
    }
    struct buf whole;
    buf_init(&whole, MEMORY_CEILING / 4);
    buf_append(&whole, before);
    buf_append(&whole, frame->body);
    if (whole.failed)
        t->damaged++;
    else if (part)
        part_save(t, buf_bytes(&whole));
    else
        take_text(t, buf_bytes(&whole));
    buf_free(&whole);
    if (!part) part_drop(t);
}

uint32_t index_types(void)
{
    return frame_type_bit(FRAME_SESSION_START) | frame_type_bit(FRAME_SESSION_END) |
           frame_type_bit(FRAME_CONTEXT) | frame_type_bit(FRAME_TEXT) | frame_type_bit(FRAME_QUERY) |
           frame_type_bit(FRAME_EXECUTE) | frame_type_bit(FRAME_CALL) | frame_type_bit(FRAME_PARSE) |
           frame_type_bit(FRAME_COMPLETE) | frame_type_bit(FRAME_ERROR) | frame_type_bit(FRAME_REJECTED) |
           frame_type_bit(FRAME_FOUND) | frame_type_bit(FRAME_APPROVAL) | frame_type_bit(FRAME_GATEWAY) |
           frame_type_bit(FRAME_CUT);
}

/* What index_types says, and nothing else. */
static void take_frame(struct taking *t, const struct frame *frame)
{
    switch ((enum frame_type)frame->type) {
    case FRAME_SESSION_START: take_start(t, frame); break;
    case FRAME_SESSION_END: take_end(t, frame); break;
    case FRAME_CONTEXT: take_context(t, frame); break;
    case FRAME_TEXT: take_text_frame(t, frame); break;
    case FRAME_QUERY:
    case FRAME_EXECUTE:
        t->statements++;
        (void)take_run(t, frame);
        break;
    case FRAME_CALL: t->statements++; break;
    case FRAME_PARSE: take_parse(t, frame); break;
    case FRAME_COMPLETE: take_complete(t, frame); break;
    case FRAME_ERROR:
        /* The rest of a long report holds nothing that is kept. */
        if (bytes_slice(frame->body, 5, 1).n) take_error(t, frame);
        break;
    case FRAME_REJECTED: take_rejected(t, frame); break;
    case FRAME_FOUND: take_found(t, frame); break;
    case FRAME_GATEWAY:
    case FRAME_CUT:
        if (!t->error) t->error = index_gateway_take(t->index, t->session, frame);
        if (!t->error && frame->type == FRAME_GATEWAY && !t->session)
            t->error = index_erasure_take(t->index, frame);
        break;
    case FRAME_APPROVAL:
        if (!t->error) t->error = index_approval_take(t->index, t->session, frame);
        break;
    default: break;
    }
}

/* ---- a block's beginning and end */

static void taking_begin(struct taking *t, struct index *index, uint64_t session)
{
    *t = (struct taking){ .index = index, .session = session };
    arena_init(&t->arena, 64 * 1024, MEMORY_CEILING);
    map_init(&t->texts, RUNS_CEILING, index->seed);
    map_init(&t->tallies, RUNS_CEILING, index->seed);
    map_init(&t->runs, RUNS_CEILING, index->seed);
    struct sqlite_query *q = statement(t, INDEX_SESSION_GET);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)session);
    if (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        t->seen = t->last_sequence = (uint32_t)sqlite_query_int(q, 0);
        t->principal = keep_bytes(t, sqlite_query_text(q, 1));
    }
    if (!t->error) t->error = sqlite_query_error(q);
    sqlite_query_reset(q);
}

/* Runs of earlier blocks whose outcome may stand in this one. */
static void load_runs(struct taking *t)
{
    struct loaded {
        uint32_t run, text;
        int64_t minute;
        uint32_t ended;
    } *loaded = ARENA_ARRAY(&t->arena, struct loaded, 1024);
    size_t n = 0;
    struct sqlite_query *q = loaded ? statement(t, INDEX_OPEN_EACH) : NULL;
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    while (n < 1024 && sqlite_query_step(q) == SQLITE_STEP_ROW)
        loaded[n++] = (struct loaded){ (uint32_t)sqlite_query_int(q, 0), (uint32_t)sqlite_query_int(q, 1),
                                       sqlite_query_int(q, 2), (uint32_t)sqlite_query_int(q, 3) };
    t->error = sqlite_query_error(q);
    sqlite_query_reset(q);
    for (size_t i = 0; i < n && !t->error; i++) {
        struct open_run *open = run_open(t, loaded[i].run, loaded[i].text, loaded[i].minute);
        if (open) open->ended = loaded[i].ended;
    }
    q = n ? statement(t, INDEX_OPEN_DROP) : NULL;
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    finish(t, q);
}

/* Runs without an outcome, the newest first, and the newest in any case: a simple query has an outcome for
 * each of its statements. */
static void save_runs(struct taking *t)
{
    size_t n = 0;
    for (struct open_run *open = t->all_runs; open && n < 1024; open = open->next) {
        if (open->completed && open != t->all_runs) continue;
        n++;
        struct sqlite_query *q = statement(t, INDEX_OPEN_ADD);
        if (!q) return;
        sqlite_query_bind_int(q, 1, (int64_t)t->session);
        sqlite_query_bind_int(q, 2, open->run);
        sqlite_query_bind_int(q, 3, open->tally->text->number);
        sqlite_query_bind_int(q, 4, open->tally->minute);
        sqlite_query_bind_int(q, 5, open->ended);
        finish(t, q);
    }
}

static void save_seen(struct taking *t, const struct tally *tally)
{
    const struct index_seen *seen = tally->seen ? tally->text->seen : NULL;
    for (size_t i = 0; seen && !t->error; seen = seen->next, i++)
        if (tally->seen[i].n)
            t->error = index_seen_add(t->index, t->session, tally->text->shape, tally->minute, seen,
                                      &tally->seen[i]);
}

static void save_tally(struct taking *t, const struct tally *tally)
{
    save_seen(t, tally);
    if (!tally->n && !tally->errors && !tally->rows && !tally->us) return;
    const struct known_text *text = tally->text;
    struct rollup_add add = { .minute = tally->minute,
                              .shape = text->shape,
                              .n = tally->n,
                              .errors = (int64_t)tally->errors,
                              .rows = (int64_t)tally->rows,
                              .us = tally->us,
                              .principal = t->principal,
                              .decision = text->decision };
    if (!t->error) t->error = rollups_add(t->index, &add);
    struct sqlite_query *q = statement(t, INDEX_EXECUTION_ADD);
    if (!q) return;
    const int64_t numbers[] = { tally->n,
                                (int64_t)tally->errors,
                                (int64_t)tally->rows,
                                tally->us,
                                tally->first_sequence ? tally->first_sequence : UINT32_MAX,
                                tally->last_sequence,
                                tally->most_us,
                                (int64_t)tally->most_rows };
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, text->shape);
    sqlite_query_bind_int(q, 3, tally->minute);
    sqlite_query_bind_text(q, 4, text->decision.p ? text->decision : BYTES_LITERAL(""));
    sqlite_query_bind_text(q, 5, text->policy.p ? text->policy : BYTES_LITERAL(""));
    sqlite_query_bind_text(q, 6, text->rule.p ? text->rule : BYTES_LITERAL(""));
    for (int i = 0; i < 8; i++)
        sqlite_query_bind_int(q, 7 + i, numbers[i]);
    finish(t, q);
}

static void taking_save(struct taking *t)
{
    for (struct tally *tally = t->all_tallies; tally; tally = tally->next)
        save_tally(t, tally);
    save_runs(t);
    struct sqlite_query *q = statement(t, INDEX_SESSION_COUNT);
    if (!q) return;
    const uint64_t numbers[] = { t->last_sequence, (uint64_t)t->statements, t->refused, t->errors, t->rows };
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, t->last_us);
    for (int i = 0; i < 5; i++)
        sqlite_query_bind_int(q, 3 + i, (int64_t)numbers[i]);
    finish(t, q);
}

static int taking_end(struct taking *t)
{
    map_free(&t->texts, NULL);
    map_free(&t->tallies, NULL);
    map_free(&t->runs, NULL);
    arena_free(&t->arena);
    return t->error;
}

static void save_position(struct taking *t, const struct record_block *block)
{
    struct sqlite_query *q = statement(t, INDEX_POSITION_SET);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)block->next_position);
    sqlite_query_bind_int(q, 2, block->time_us);
    finish(t, q);
}

/* Frames that stand about the gateway itself, or that a connection which was turned away has as well. */
static bool makes_session(uint8_t type)
{
    return type != FRAME_REJECTED && type != FRAME_GATEWAY && type != FRAME_SESSION_END &&
           type != FRAME_ERROR && type != FRAME_NOTICE;
}

int index_batch_block(struct index *index, const struct record_block *block,
                      int (*next)(void *context, struct frame *frame_out), void *context,
                      struct index_progress *progress)
{
    struct frame frame;
    struct taking t;
    int more = 1;
    bool real = false; /* a session, and not the gateway itself nor a connection that was turned away */
    if (block->next_position <= index->position) return 0;
    taking_begin(&t, index, block->session);
    load_runs(&t);
    while (!t.error && (more = next(context, &frame)) > 0) {
        if (frame.sequence <= t.seen) continue;
        t.last_sequence = frame.sequence;
        t.last_us = frame.time_us;
        real |= block->session && makes_session(frame.type);
        progress->frames++;
        take_frame(&t, &frame);
    }
    if (!t.error && more < 0) t.error = more;
    if (real || t.seen) taking_save(&t);
    save_position(&t, block);
    progress->damaged += t.damaged;
    if (taking_end(&t)) return t.error;
    index->position = progress->position = block->next_position;
    progress->last_us = block->time_us;
    progress->blocks++;
    return 0;
}
