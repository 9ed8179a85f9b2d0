/* A transcript a session, fed with everything but rows and COPY data. A run is remembered until it is pushed
 * out by later ones, since a Query has an outcome for each of its statements. */
#include "app/stream-line.h"
#include "base/codec.h"
#include "base/cursor.h"
#include "crypto/hash.h"
#include "record/keep.h"
#include "record/transcript.h"
#include "sql/facts.h"
#include "json/writer.h"
#include <stdlib.h>

enum {
    SESSIONS = 1024,
    TRANSCRIPT = 2 << 20,
    RUNS = 512 * 1024,
    TEXT_MOST = 8 * 1024,
    LIST_MOST = 4 * 1024,
    LINE = 1 << 20,
    SHAPE_MEMORY = 64 << 20
};

/* What a line says of a statement, kept from its beginning to its end. */
struct run {
    uint64_t n_ended;
    struct bytes decision, policy, rule, effects, relations, tags, text, digest;
    char sqlstate[6];
    bool refused, cut;
    uint8_t body[];
};

struct live {
    struct transcript *transcript;
    struct keep runs;
    uint32_t last;  /* fed */
    struct buf who; /* counted: principal, on_behalf_of, connection, database */
};

struct stream_lines {
    struct record_reader *again; /* for sessions that are not remembered */
    struct bytes gateway;
    enum config_stream_text text;
    void (*emit)(void *context, const struct stream_entry *entry);
    void *context;
    struct keep sessions;
    struct arena arena;
    struct buf line;
    /* of the frame that is fed */
    struct live *live;
    uint64_t session;
    bool silent; /* what it says was said before */
    bool failed;
};

static void run_free(void *value)
{
    free(value);
}

static void live_free(void *value)
{
    struct live *l = value;
    transcript_free(l->transcript);
    keep_free(&l->runs);
    buf_free(&l->who);
    free(l);
}

static struct live *live_new(void)
{
    struct live *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->transcript = transcript_new(TRANSCRIPT);
    keep_init(&l->runs, RUNS, run_free);
    buf_init(&l->who, 64 * 1024);
    if (l->transcript) return l;
    live_free(l);
    return NULL;
}

struct stream_lines *stream_lines_new(const char *log, const struct record_keys *keys,
                                      const struct record_far *far, struct bytes gateway,
                                      enum config_stream_text text,
                                      void (*emit)(void *context, const struct stream_entry *entry),
                                      void *context)
{
    struct stream_lines *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    *l = (struct stream_lines){ .gateway = gateway, .text = text, .emit = emit, .context = context };
    keep_init(&l->sessions, SESSIONS, live_free);
    arena_init(&l->arena, 64 * 1024, SHAPE_MEMORY);
    buf_init(&l->line, LINE);
    if (record_reader_open(log, keys, &l->again) == 0) {
        record_reader_reach(l->again, far);
        return l;
    }
    stream_lines_free(l);
    return NULL;
}

void stream_lines_free(struct stream_lines *l)
{
    if (!l) return;
    record_reader_free(l->again);
    keep_free(&l->sessions);
    arena_free(&l->arena);
    buf_free(&l->line);
    free(l);
}

uint32_t stream_lines_types(void)
{
    return ~(frame_type_bit(FRAME_ROWS) | frame_type_bit(FRAME_COPY_IN) | frame_type_bit(FRAME_COPY_OUT) |
             frame_type_bit(FRAME_ROW_DESCRIPTION) | frame_type_bit(FRAME_NOTICE));
}

/* ---- writing a line */

static void member(struct json_writer *w, const char *name, struct bytes value)
{
    if (value.n) json_write_text_member(w, name, value);
}

static void list_member(struct json_writer *w, const char *name, struct bytes list)
{
    if (!list.n) return;
    json_write_name(w, name);
    json_write_array(w);
    while (list.n) {
        struct bytes one = transcript_output_next(&list);
        if (one.n) json_write_text(w, one);
    }
    json_write_end(w);
}

static void put_who(struct json_writer *w, const struct live *live)
{
    static const char *const names[] = { "principal", "on_behalf_of", "connection", "database" };
    struct cursor c = cursor_over(live ? buf_bytes(&live->who) : (struct bytes){ 0 });
    for (size_t i = 0; i < sizeof names / sizeof *names && cursor_left(&c); i++)
        member(w, names[i], cursor_counted(&c));
}

static struct json_writer begin(struct stream_lines *l, const char *kind, uint64_t session, uint32_t entry,
                                int64_t time_us)
{
    char id[14];
    session_id_format(session, id);
    buf_consume(&l->line, buf_length(&l->line));
    struct json_writer w = json_writer_over(&l->line);
    json_write_object(&w);
    json_write_int_member(&w, "v", 1);
    json_write_time_member(&w, "time", time_us);
    json_write_text_member(&w, "gateway", l->gateway);
    json_write_text_member(&w, "kind", bytes_of(kind));
    json_write_text_member(&w, "session", bytes_of(id));
    json_write_int_member(&w, "entry", entry);
    return w;
}

static void end(struct stream_lines *l, struct json_writer *w, const char *kind,
                enum stream_severity severity, int64_t time_us)
{
    json_write_end(w);
    struct stream_entry entry = { severity, time_us, kind, buf_bytes(&l->line) };
    if (l->line.failed)
        l->failed = true;
    else if (!l->silent)
        l->emit(l->context, &entry);
}

/* ---- runs */

static struct bytes put(uint8_t **at, struct bytes from)
{
    struct bytes copy = bytes_make(*at, from.n);
    if (from.n) memcpy(*at, from.p, from.n);
    *at += from.n;
    return copy;
}

static struct bytes cut(struct bytes text, size_t most, bool *cut_out)
{
    if (text.n <= most) return text;
    *cut_out = true;
    text.n = most;
    while (text.n && (text.p[text.n] & 0xc0) == 0x80) /* not in the middle of a character */
        text.n--;
    return text;
}

static struct bytes text_of(struct stream_lines *l, struct bytes text, struct bytes shape, bool *cut_out)
{
    switch (l->text) {
    case CONFIG_STREAM_TEXT_SHAPE: return cut(shape, TEXT_MOST, cut_out);
    case CONFIG_STREAM_TEXT_FULL: return cut(text, TEXT_MOST, cut_out);
    case CONFIG_STREAM_TEXT_NONE: break;
    }
    return (struct bytes){ 0 };
}

static void run_begins(struct stream_lines *l, uint32_t number, const struct transcript_text *t)
{
    struct transcript_text none = { 0 };
    uint8_t hash[SHA256_SIZE];
    struct buf hex;
    bool was_cut = false;
    if (!t) t = &none;
    arena_reset(&l->arena);
    struct bytes shape = sql_shape(t->text, &l->arena);
    if (!shape.p) shape = BYTES_LITERAL("");
    sha256_once(shape, hash);
    buf_init(&hex, 64);
    codec_hex(bytes_make(hash, 16), &hex);
    struct bytes parts[] = { t->decision,
                             t->policy,
                             t->rule,
                             cut(t->effects, LIST_MOST, &was_cut),
                             cut(t->relations, LIST_MOST, &was_cut),
                             cut(t->tags, LIST_MOST, &was_cut),
                             text_of(l, t->text, shape, &was_cut),
                             t->text.n ? buf_bytes(&hex) : (struct bytes){ 0 } };
    size_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        n += parts[i].n;
    struct run *run = calloc(1, sizeof *run + n);
    if (run) {
        uint8_t *at = run->body;
        struct bytes *places[] = { &run->decision,  &run->policy, &run->rule, &run->effects,
                                   &run->relations, &run->tags,   &run->text, &run->digest };
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            *places[i] = put(&at, parts[i]);
        run->cut = was_cut;
    }
    if (!run || !keep_put(&l->live->runs, bytes_make(&number, 4), run, sizeof *run + n)) l->failed = true;
    buf_free(&hex);
}

static struct run *find_run(struct stream_lines *l, uint32_t number)
{
    return number ? keep_get(&l->live->runs, bytes_make(&number, 4)) : NULL;
}

static void run_ends(struct stream_lines *l, const struct transcript_event *e)
{
    static const char *const ends[] = { "completed", "failed",  "suspended", "skipped",
                                        "lost",      "refused", "empty",     "undone" };
    const struct transcript_complete *c = &e->of.complete;
    struct run none = { 0 }, *run = find_run(l, e->run);
    if (!run) run = &none;
    struct json_writer w = begin(l, "statement", l->session, e->run, e->time_us);
    put_who(&w, l->live);
    if (run->n_ended++) json_write_int_member(&w, "part", (int64_t)run->n_ended);
    member(&w, "verdict", run->decision);
    member(&w, "policy", run->policy);
    member(&w, "rule", run->rule);
    json_write_text_member(&w, "outcome", bytes_of(ends[c->how]));
    member(&w, "sqlstate", bytes_of(run->sqlstate));
    member(&w, "tag", c->tag);
    list_member(&w, "statements", run->tags);
    list_member(&w, "effects", run->effects);
    list_member(&w, "relations", run->relations);
    json_write_int_member(&w, "rows", (int64_t)c->rows);
    json_write_int_member(&w, "us", (int64_t)c->us);
    member(&w, "digest", run->digest);
    member(&w, "text", run->text);
    if (run->cut) json_write_bool_member(&w, "cut", true);
    bool bad = c->how == RUN_REFUSED || c->how == RUN_UNDONE;
    end(l, &w, "statement", bad ? STREAM_WARNING : STREAM_INFORMATION, e->time_us);
}

/* ---- the others */

struct fields_to {
    struct json_writer *w;
    const char *const *names; /* NULL: all */
};

static void put_field(void *context, struct bytes name, struct bytes value)
{
    struct fields_to *to = context;
    bool wanted = !to->names;
    for (size_t i = 0; !wanted && to->names[i]; i++)
        wanted = bytes_is(name, to->names[i]);
    if (!wanted) return;
    json_write_name_bytes(to->w, name);
    json_write_text(to->w, bytes_slice(value, 0, LIST_MOST));
}

static void fields_line(struct stream_lines *l, const struct transcript_event *e, const char *kind,
                        enum stream_severity severity, const char *const *names)
{
    struct json_writer w = begin(l, kind, l->session, e->sequence, e->time_us);
    put_who(&w, l->live);
    struct fields_to to = { &w, names };
    json_write_name(&w, "fields");
    json_write_object(&w);
    frame_fields_each(e->of.fields, put_field, &to);
    json_write_end(&w);
    end(l, &w, kind, severity, e->time_us);
}

static void session_starts(struct stream_lines *l, const struct transcript_event *e)
{
    static const char *const who[] = { "principal", "on_behalf_of", "connection", "database" };
    static const char *const names[] = { "subject", "issuer",   "groups",      "machine",     "client", "tls",
                                         "login",   "policies", "policy_hash", "application", NULL };
    buf_consume(&l->live->who, buf_length(&l->live->who));
    for (size_t i = 0; i < sizeof who / sizeof *who; i++)
        buf_put_counted(&l->live->who, frame_fields_get(e->of.fields, who[i]));
    fields_line(l, e, "session-start", STREAM_INFORMATION, names);
}

static void on_report(struct stream_lines *l, const struct transcript_event *e)
{
    const struct transcript_report *p = &e->of.report;
    struct run *run = find_run(l, e->run);
    if (!p->is_error) return;
    if (run && !bytes_is(p->severity, "FATAL")) {
        snprintf(run->sqlstate, sizeof run->sqlstate, "%.*s", BYTES_FMT(bytes_slice(p->sqlstate, 0, 5)));
        return;
    }
    bool ours = p->origin == ORIGIN_GATEWAY;
    const char *kind = ours ? "refusal" : "error";
    struct json_writer w = begin(l, kind, l->session, e->sequence, e->time_us);
    put_who(&w, l->live);
    member(&w, "severity", p->severity);
    member(&w, "sqlstate", p->sqlstate);
    end(l, &w, kind, ours ? STREAM_WARNING : STREAM_INFORMATION, e->time_us);
}

static void on_event(void *context, const struct transcript_event *e)
{
    static const char *const ends[] = { "reason", "sqlstate", "statements", "refused",
                                        "rows",   "bytes_in", "bytes_out",  NULL };
    static const char *const rejected[] = { "reason",     "sqlstate",       "client",      "principal",
                                            "user_asked", "database_asked", "application", NULL };
    static const char *const approval[] = { "request",    "event",     "state", "decision", "by_user",
                                            "by_subject", "by_issuer", "via",   "digest",   "approvals",
                                            "rows",       "rule",      "run",   "expires",  NULL };
    static const char *const cancel[] = { "client", "run", NULL };
    struct stream_lines *l = context;
    switch (e->kind) {
    case EVENT_START: session_starts(l, e); break;
    case EVENT_END: fields_line(l, e, "session-end", STREAM_INFORMATION, ends); break;
    case EVENT_PREPARE: run_begins(l, e->sequence, e->of.prepare.text); break;
    case EVENT_STATEMENT: run_begins(l, e->run, e->of.statement.text); break;
    case EVENT_COMPLETE: run_ends(l, e); break;
    case EVENT_REPORT: on_report(l, e); break;
    case EVENT_REJECTED: fields_line(l, e, "rejected", STREAM_WARNING, rejected); break;
    case EVENT_APPROVAL: fields_line(l, e, "approval", STREAM_NOTICE, approval); break;
    case EVENT_GATEWAY: fields_line(l, e, "gateway", STREAM_NOTICE, NULL); break;
    case EVENT_CANCEL: fields_line(l, e, "cancel", STREAM_NOTICE, cancel); break;
    default: break;
    }
}

/* ---- blocks */

static void feed(struct stream_lines *l, const struct frame *frame)
{
    static const uint32_t bulk = 1u << FRAME_ROWS | 1u << FRAME_COPY_IN | 1u << FRAME_COPY_OUT |
                                 1u << FRAME_ROW_DESCRIPTION | 1u << FRAME_NOTICE | 1u << FRAME_BIND;
    if (!(frame_type_bit(frame->type) & bulk)) transcript_feed(l->live->transcript, frame, on_event, l);
}

/* What the session said before the block: not told again, but remembered. */
static void read_again(struct stream_lines *l, uint32_t before)
{
    struct frame frame;
    l->silent = true;
    if (record_reader_session(l->again, l->session, 1) == RECORD_READ_FRAME)
        while (record_reader_next(l->again, &frame) == RECORD_READ_FRAME && frame.sequence < before)
            feed(l, &frame);
    l->silent = false;
}

static struct live *find_live(struct stream_lines *l, const struct record_block *block)
{
    struct bytes key = bytes_make(&block->session, 8);
    struct live *live = keep_get(&l->sessions, key);
    if (live && (block->session == 0 || live->last + 1 == block->first_sequence)) return live;
    live = live_new();
    if (!live || !keep_put(&l->sessions, key, live, 1)) return NULL;
    l->live = live;
    if (block->session && block->first_sequence > 1) read_again(l, block->first_sequence);
    return live;
}

static void unreadable(struct stream_lines *l, const struct record_block *block)
{
    struct json_writer w = begin(l, "unreadable", block->session, block->first_sequence, block->time_us);
    json_write_int_member(&w, "last_entry", block->last_sequence);
    end(l, &w, "unreadable", STREAM_WARNING, block->time_us);
}

bool stream_lines_block(struct stream_lines *l, struct record_reader *reader,
                        const struct record_block *block)
{
    struct frame frame;
    enum record_read got;
    bool ended = false;
    l->session = block->session;
    l->live = find_live(l, block);
    if (!l->live) return false;
    while ((got = record_reader_next(reader, &frame)) == RECORD_READ_FRAME) {
        feed(l, &frame);
        ended |= frame.type == FRAME_SESSION_END;
    }
    if (got == RECORD_READ_BAD) unreadable(l, block);
    l->live->last = block->last_sequence;
    if (ended) keep_drop(&l->sessions, bytes_make(&block->session, 8));
    return !l->failed;
}
