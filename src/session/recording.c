/* What a session writes into the record. Intents may be refused; outcomes have their room reserved. What is
 * recorded here is what the reader of doc/log-format.md finds: numbers are big-endian, texts and row
 * descriptions are defined once and referred to. */
#include "base/cursor.h"
#include "base/log.h"
#include "base/map.h"
#include "crypto/hash.h"
#include "pgwire/report.h"
#include "session/session-private.h"

enum {
    PIECE = 512 * 1024,
    REPORT_CEILING = 60 * 1024 /* what a reservation surely covers */,
    FIELD_CEILING = 16 * 1024
};

static enum record_outcome append(struct session *s, enum record_urgency urgency, enum frame_type type,
                                  uint8_t flags, const struct bytes *parts, size_t n, uint32_t *sequence_out)
{
    static const uint32_t messages = 1u << FRAME_SESSION_START | 1u << FRAME_QUERY | 1u << FRAME_PARSE |
                                     1u << FRAME_BIND | 1u << FRAME_EXECUTE | 1u << FRAME_CALL |
                                     1u << FRAME_CLOSE;
    if (s->synced && frame_type_bit(type) & messages) flags |= FRAME_SYNCED;
    enum record_outcome outcome = record_append(s->world->lane, &s->record, urgency, type, flags,
                                                clock_wall_us(s->world->stamps), parts, n, sequence_out);
    if (flags & FRAME_SYNCED && outcome == RECORD_OK) s->synced = false;
    return outcome;
}

static struct bytes number(uint32_t *space, uint32_t value)
{
    *space = __builtin_bswap32(value);
    return bytes_make(space, 4);
}

/* The record says where it ends: a cut without a run. What ran before still gets its outcome, for which room
 * is reserved. */
static void go_unrecorded(struct session *s)
{
    uint32_t raw;
    uint64_t none = 0;
    if (s->unrecorded) return;
    log_line(LOG_ERROR, "the log has no room: session %lu goes on UNRECORDED, as its policy says",
             (unsigned long)s->record.id);
    struct bytes cut[] = { number(&raw, 0), bytes_make(&none, 8) };
    recording_outcome(s, FRAME_CUT, 0, cut, 2);
    s->unrecorded = true;
}

enum record_outcome recording_intent(struct session *s, enum frame_type type, uint8_t flags,
                                     const struct bytes *parts, size_t n, uint32_t *run_out)
{
    uint32_t run = 0;
    enum record_outcome outcome =
        s->unrecorded ? RECORD_FULL : append(s, RECORD_INTENT, type, flags, parts, n, &run);
    if (run_out) *run_out = run;
    if (outcome == RECORD_WAIT) s->waits_for_room = true;
    if (outcome != RECORD_FULL || s->terms->record_or_refuse) return outcome;
    go_unrecorded(s);
    return RECORD_OK;
}

enum record_outcome recording_reserve(struct session *s, bool *reserved_out)
{
    *reserved_out = false;
    if (s->unrecorded) return RECORD_OK;
    enum record_outcome outcome = record_reserve(s->world->lane, &s->record);
    if (outcome == RECORD_WAIT) s->waits_for_room = true;
    *reserved_out = outcome == RECORD_OK;
    if (outcome != RECORD_FULL || s->terms->record_or_refuse) return outcome;
    go_unrecorded(s);
    return RECORD_OK;
}

void recording_outcome(struct session *s, enum frame_type type, uint8_t flags, const struct bytes *parts,
                       size_t n)
{
    /* Who goes on unrecorded takes no room from others but for what was begun before. */
    if (s->unrecorded && type != FRAME_COMPLETE && type != FRAME_SESSION_END) return;
    if (s->recording && append(s, RECORD_OUTCOME, type, flags, parts, n, NULL) != RECORD_OK)
        log_line(LOG_ERROR, "an outcome could not be recorded in session %lu: its reserve was too small",
                 (unsigned long)s->record.id);
}

enum record_outcome recording_long(struct session *s, enum frame_type type, struct bytes prefix,
                                   struct bytes body, uint32_t *first_out)
{
    enum record_outcome outcome = RECORD_OK;
    do {
        struct bytes parts[] = { prefix, bytes_slice(body, s->long_at, PIECE) };
        uint8_t flags = s->long_at + PIECE < body.n ? FRAME_PART : 0;
        outcome = recording_intent(s, type, flags, parts, 2, s->long_at ? NULL : &s->long_first);
        if (outcome == RECORD_WAIT) return outcome; /* and goes on from here when it is called again */
        /* What is cut short must not take in the parts of what comes next. */
        if (outcome == RECORD_FULL && s->long_at) recording_outcome(s, type, 0, parts, 1);
        s->long_at += PIECE;
    } while (outcome == RECORD_OK && s->long_at < body.n);
    s->long_at = 0;
    if (first_out) *first_out = s->unrecorded ? 0 : s->long_first;
    return outcome;
}

/* The text, what else is known of it, and where another was sent, how that one differs. */
static enum record_outcome define_text(struct session *s, const struct understood *u, struct bytes text)
{
    struct bytes fields = u->record, edits = understood_edits(u, text, &s->scratch);
    uint32_t raw_number, raw_length = __builtin_bswap32((uint32_t)text.n),
                         raw_edits = __builtin_bswap32((uint32_t)edits.n);
    uint16_t count = __builtin_bswap16((uint16_t)(u->n_record + 1 + (edits.n > 0)));
    struct bytes parts[] = { number(&raw_number, s->n_texts + 1),
                             bytes_make(&count, 2),
                             bytes_make("text", 5),
                             bytes_make(&raw_length, 4),
                             text,
                             fields,
                             bytes_make("edits", 6),
                             bytes_make(&raw_edits, 4),
                             edits };
    size_t n = edits.n ? 9 : 6;
    if (text.n + fields.n + edits.n < PIECE) return recording_intent(s, FRAME_TEXT, 0, parts, n, NULL);
    struct buf body;
    buf_init(&body, text.n + fields.n + edits.n + 128);
    for (size_t i = 0; i < n; i++)
        buf_append(&body, parts[i]);
    enum record_outcome outcome =
        body.failed ? RECORD_FULL
                    : recording_long(s, FRAME_TEXT, (struct bytes){ 0 }, buf_bytes(&body), NULL);
    buf_free(&body);
    return outcome;
}

enum record_outcome recording_text(struct session *s, const struct understood *u, struct bytes text,
                                   bool inline_is_fine, uint32_t *number_out, bool *inline_out)
{
    /* What stands for many texts is known by each text, but for a run that carries its own. */
    uint64_t key =
        u->is_template && !inline_is_fine ? map_hash(text, s->world->seed) << 1 : u->serial << 1 | 1;
    struct known *known = &s->texts[(key ^ key >> 32) % KNOWN_TEXTS];
    *inline_out = false;
    if (known->serial == key && key) {
        *inline_out = u->is_template && inline_is_fine;
        *number_out = known->number;
        return RECORD_OK;
    }
    enum record_outcome outcome = define_text(s, u, u->is_template ? text : u->recorded_text);
    if (outcome != RECORD_OK) return outcome;
    *known = (struct known){ key, ++s->n_texts };
    *number_out = known->number;
    return RECORD_OK;
}

uint32_t recording_description(struct session *s, struct bytes body)
{
    uint64_t hash = map_hash(body, s->world->seed) | 1;
    struct known *known = &s->descriptions[hash >> 32 & (KNOWN_DESCRIPTIONS - 1)];
    uint32_t raw;
    if (known->serial == hash) return known->number;
    struct bytes parts[] = { number(&raw, s->n_descriptions + 1), body };
    recording_outcome(s, FRAME_ROW_DESCRIPTION, 0, parts, 2);
    *known = (struct known){ hash, ++s->n_descriptions };
    return known->number;
}

/* A result that cannot be recorded is not delivered: the session ends, and says up to where it is recorded.
 */
static enum record_outcome cut_result(struct session *s, uint32_t run)
{
    uint32_t raw_run;
    uint64_t none = 0;
    if (!s->terms->record_or_refuse) {
        go_unrecorded(s);
        return RECORD_OK;
    }
    struct bytes cut[] = { number(&raw_run, run), bytes_make(&none, 8) };
    recording_outcome(s, FRAME_CUT, 0, cut, 2);
    s->wants.cancel = true;
    session_fail(s, REFUSAL_RECORD, BYTES_LITERAL("the result cannot be recorded, so it cannot be delivered"),
                 BYTES_LITERAL("The log has no room left. The rows up to here are recorded."));
    return RECORD_FULL;
}

/* Whether the data itself is recorded; where only its digest is, it is added to that. */
static bool keeps_rows(struct session *s, const struct bytes *data, size_t n)
{
    if (!s->recording || s->unrecorded) return false;
    if (s->terms->rows == POLICY_ROWS_FULL) return true;
    if (s->terms->rows != POLICY_ROWS_DIGEST) return false;
    if (!s->digest) s->digest = sha256_new();
    CHECK(s->digest != NULL);
    if (!s->digesting) sha256_begin(s->digest);
    s->digesting = true;
    for (size_t i = 0; i < n; i++)
        sha256_add(s->digest, data[i]);
    return false;
}

static void record_digest(struct session *s, const struct pending *p)
{
    uint8_t hash[SHA256_SIZE];
    uint32_t raw_run;
    uint64_t rows = __builtin_bswap64(p->rows), bytes = __builtin_bswap64(p->bytes);
    if (!s->digesting) return;
    s->digesting = false;
    sha256_end(s->digest, hash);
    struct bytes parts[] = { number(&raw_run, p->run), bytes_make(hash, sizeof hash), bytes_make(&rows, 8),
                             bytes_make(&bytes, 8) };
    recording_outcome(s, FRAME_DIGEST, 0, parts, 4);
}

static enum record_outcome append_result(struct session *s, enum frame_type type, uint8_t flags, uint32_t run,
                                         const struct bytes *parts, size_t n)
{
    enum record_outcome outcome = append(s, RECORD_INTENT, type, flags, parts, n, NULL);
    if (outcome == RECORD_WAIT) s->waits_for_room = true;
    return outcome == RECORD_FULL ? cut_result(s, run) : outcome;
}

enum record_outcome recording_rows(struct session *s, enum frame_type type, uint8_t flags, uint32_t run,
                                   uint32_t description, struct bytes data)
{
    uint32_t raw_run, raw_description;
    struct bytes parts[3] = { number(&raw_run, run) };
    size_t n = 1;
    if (!keeps_rows(s, &data, 1)) return RECORD_OK;
    if (type == FRAME_ROWS) parts[n++] = number(&raw_description, description);
    parts[n++] = data;
    return append_result(s, type, flags, run, parts, n);
}

enum record_outcome recording_copy(struct session *s, enum frame_type type, uint32_t run, struct bytes *parts,
                                   size_t n)
{
    uint32_t raw_run;
    if (!keeps_rows(s, parts + 1, n)) return RECORD_OK;
    parts[0] = number(&raw_run, run);
    return append_result(s, type, 0, run, parts, n + 1);
}

static enum record_outcome aside(struct session *s, enum frame_type type, const struct bytes *parts, size_t n)
{
    if (!s->recording || s->unrecorded) return RECORD_OK;
    enum record_outcome outcome = recording_intent(s, type, 0, parts, n, NULL);
    if (outcome == RECORD_FULL)
        session_fail(s, REFUSAL_RECORD, BYTES_LITERAL("what the server says cannot be recorded"),
                     BYTES_LITERAL("The log has no room left."));
    return outcome;
}

enum record_outcome recording_aside(struct session *s, enum frame_type type, struct bytes body)
{
    return aside(s, type, &body, 1);
}

void recording_result_end(struct session *s, const struct pending *p)
{
    sift_record(s, p->run);
    record_digest(s, p);
}

/* The text whose rows an EXECUTE or FETCH delivers: what was prepared or declared by that name. 0: none. */
static uint32_t text_delivered(const struct session *s, const struct pending *p)
{
    const struct understood *u = p->understood ? p->understood : p->binding ? p->binding->understood : NULL;
    size_t statement = p->kind == PENDING_QUERY ? p->statement : 0;
    if (!u || !u->has_names || !u->facts || statement >= u->facts->n_statements) return 0;
    const struct sql_statement *st = &u->facts->statements[statement];
    if (st->action != SQL_ACTION_EXECUTE && st->action != SQL_ACTION_FETCH) return 0;
    const struct binding *b = binding_find(&s->bindings, st->action == SQL_ACTION_FETCH, st->subject);
    return b ? b->text : 0;
}

void recording_complete(struct session *s, struct pending *p, enum run_end how, struct bytes tag)
{
    uint8_t raw[4 + 8 + 8 + 8 + 1];
    uint64_t rows = __builtin_bswap64(p->rows), bytes = __builtin_bswap64(p->bytes);
    uint64_t took = __builtin_bswap64((uint64_t)(session_stamp_us(s) - p->started_us));
    uint32_t run = __builtin_bswap32(p->run);
    memcpy(raw, &run, 4);
    memcpy(raw + 4, &rows, 8);
    memcpy(raw + 12, &bytes, 8);
    memcpy(raw + 20, &took, 8);
    raw[28] = (uint8_t)how;
    s->n_rows += p->rows;
    sift_record(s, p->run);
    record_digest(s, p);
    if (p->run) {
        uint32_t raw_text, text = text_delivered(s, p);
        struct bytes parts[] = { bytes_make(raw, sizeof raw), tag, bytes_make("", 1),
                                 number(&raw_text, text) };
        recording_outcome(s, FRAME_COMPLETE, 0, parts, text ? 4 : 3);
    }
    p->rows = p->bytes = 0;
}

/* A server may quote what the client wrote: literals that were cut out of the text are cut out here too. */
static struct bytes without_secrets(struct session *s, struct bytes body, const struct understood *u)
{
    struct buf out;
    if (!u || u->n_secrets == 0) return body;
    s->wants.wipe = true; /* the server quotes it perhaps */
    buf_init(&out, 4 * REPORT_CEILING);
    for (size_t at = 0; at < body.n;) {
        struct bytes rest = bytes_slice(body, at, body.n);
        size_t longest = 0;
        for (size_t i = 0; i < u->n_secrets; i++) {
            struct bytes secret = u->secrets[i];
            if (secret.n > longest && bytes_equal(bytes_slice(rest, 0, secret.n), secret)) longest = secret.n;
        }
        buf_append(&out, longest ? BYTES_LITERAL("***") : bytes_slice(rest, 0, 1));
        at += longest ? longest : 1;
    }
    struct bytes clean = out.failed ? (struct bytes){ 0 } : arena_copy(&s->scratch, buf_bytes(&out));
    buf_free(&out);
    return clean;
}

/* The parts of the frame of a report; a report too long for one is cut. */
static size_t report_parts(struct session *s, uint32_t *raw, uint8_t *from, struct bytes body,
                           const struct understood *u, struct bytes parts[4])
{
    body = without_secrets(s, bytes_slice(body, 0, REPORT_CEILING), u);
    parts[0] = bytes_make(raw, 4);
    parts[1] = bytes_make(from, 1);
    parts[2] = bytes_slice(body, 0, REPORT_CEILING - 2);
    parts[3] = bytes_make("\0", parts[2].n < body.n ? 2 : 0);
    return 4;
}

void recording_report(struct session *s, enum frame_type type, uint32_t run, enum frame_origin origin,
                      struct bytes body, const struct understood *u)
{
    uint32_t raw = __builtin_bswap32(run);
    uint8_t from = (uint8_t)origin;
    struct bytes parts[4];
    size_t n = report_parts(s, &raw, &from, body, u, parts);
    if (type == FRAME_ERROR && origin == ORIGIN_GATEWAY && bytes_is(report_field(body, 'V'), "ERROR")) {
        s->n_refused++;
        session_counts_add(&s->world->counts.refused);
    }
    recording_outcome(s, type, 0, parts, n);
}

enum record_outcome recording_notice(struct session *s, uint32_t run, struct bytes body,
                                     const struct understood *u)
{
    uint32_t raw = __builtin_bswap32(run);
    uint8_t from = ORIGIN_SERVER;
    struct bytes parts[4];
    size_t n = report_parts(s, &raw, &from, body, u, parts);
    return aside(s, FRAME_NOTICE, parts, n);
}

static void add_parameters(struct frame_fields *f, const struct session *s)
{
    for (size_t i = 0; i < s->startup.n_parameters; i++) {
        const struct startup_parameter *p = &s->startup.parameters[i];
        if (bytes_is(p->name, "user"))
            frame_fields_add(f, "user_asked", p->value);
        else if (bytes_is(p->name, "application_name"))
            frame_fields_add(f, "application", p->value);
        else if (bytes_is(p->name, "database"))
            frame_fields_add(f, "database_asked", p->value);
    }
}

static void add_principal(struct frame_fields *f, const struct session *s, struct buf *scratch)
{
    frame_fields_add(f, "principal", s->principal.user);
    frame_fields_add(f, "subject", s->principal.subject);
    frame_fields_add(f, "issuer", s->principal.issuer);
    for (size_t i = 0; i < s->principal.n_groups; i++) {
        if (i) buf_append_text(scratch, ",");
        buf_append(scratch, s->principal.groups[i]);
    }
    frame_fields_add(f, "groups", buf_bytes(scratch));
    frame_fields_add_text(f, "machine", s->principal.machine ? "true" : "false");
    if (s->principal.on_behalf_of.n) frame_fields_add(f, "on_behalf_of", s->principal.on_behalf_of);
    if (s->minted.n) frame_fields_add(f, "minted", s->minted);
    if (s->principal.token_id.n) frame_fields_add(f, "token_id", s->principal.token_id);
    if (s->principal.expires_us) frame_fields_add_number(f, "token_expires_us", s->principal.expires_us);
}

/* Claims of the start-up packet: -c postern.prompt=… in options, or the parameters themselves. */
static void add_claim(struct frame_fields *f, struct arena *arena, struct startup_parameter p)
{
    if (!bytes_starts_with(p.name, "postern.")) return;
    struct bytes name = arena_printf(arena, "claim.%.*s", BYTES_FMT(bytes_slice(p.name, 8, 64)));
    if (name.p) frame_fields_add(f, (const char *)name.p, p.value);
}

static void add_claims(struct frame_fields *f, struct session *s)
{
    struct startup_parameter *options;
    size_t n = 0;
    for (size_t i = 0; i < s->startup.n_parameters; i++)
        add_claim(f, &s->scratch, s->startup.parameters[i]);
    struct bytes text = startup_get(&s->startup, "options");
    if (text.n && startup_options_split(text, &s->scratch, &options, &n))
        for (size_t i = 0; i < n; i++)
            add_claim(f, &s->scratch, options[i]);
}

/* As they went to the server. */
static void add_settings(struct frame_fields *f, struct session *s)
{
    struct cursor c = cursor_over(buf_bytes(&s->logging_in->settings));
    while (cursor_left(&c)) {
        struct bytes name = cursor_counted(&c), value = cursor_counted(&c);
        if (c.failed) return;
        name = arena_printf(&s->scratch, "setting.%.*s", BYTES_FMT(bytes_slice(name, 0, 128)));
        if (name.p) frame_fields_add(f, (const char *)name.p, bytes_slice(value, 0, FIELD_CEILING));
    }
}

enum record_outcome recording_start(struct session *s)
{
    struct buf body, scratch;
    buf_init(&body, 256 * 1024);
    buf_init(&scratch, 64 * 1024);
    if (!s->record.id) s->record = record_session_begin(s->world->lane);
    s->recording = true;
    struct frame_fields f = frame_fields_begin(&body);
    add_principal(&f, s, &scratch);
    frame_fields_add(&f, "client", s->peer.address);
    if (s->tls.n) frame_fields_add(&f, "tls", s->tls);
    frame_fields_add(&f, "connection", s->target->name);
    frame_fields_add(&f, "database", s->database);
    frame_fields_add(&f, "login", s->login->user);
    frame_fields_add(&f, "policies", s->terms->policies);
    frame_fields_add(&f, "policy_hash", s->terms->hash);
    if (s->terms->retain_us) frame_fields_add_number(&f, "retain_us", s->terms->retain_us);
    add_parameters(&f, s);
    add_claims(&f, s);
    add_settings(&f, s);
    s->synced = true;
    struct bytes parts[] = { buf_bytes(&body) };
    enum record_outcome outcome =
        body.failed ? RECORD_FULL : append(s, RECORD_INTENT, FRAME_SESSION_START, 0, parts, 1, NULL);
    s->recording = outcome == RECORD_OK;
    if (outcome == RECORD_WAIT) s->waits_for_room = true;
    if (outcome == RECORD_FULL && !s->terms->record_or_refuse) {
        log_line(LOG_ERROR, "the log has no room: a session of %.*s goes on UNRECORDED, as its policy says",
                 BYTES_FMT(s->principal.user));
        s->unrecorded = true;
        outcome = RECORD_OK;
    }
    buf_free(&body);
    buf_free(&scratch);
    return outcome;
}

void recording_rejected(struct session *s, enum refusal_reason reason, struct bytes message,
                        struct bytes detail)
{
    struct buf body;
    buf_init(&body, 64 * 1024);
    if (!s->record.id) s->record = record_session_begin(s->world->lane);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "reason", refusal_code(reason));
    frame_fields_add_text(&f, "sqlstate", refusal_sqlstate(reason));
    frame_fields_add(&f, "message", bytes_slice(message, 0, FIELD_CEILING));
    frame_fields_add(&f, "detail", bytes_slice(detail, 0, FIELD_CEILING));
    frame_fields_add(&f, "client", s->peer.address);
    if (s->principal.user.n) frame_fields_add(&f, "principal", s->principal.user);
    add_parameters(&f, s);
    struct bytes parts[] = { buf_bytes(&body) };
    s->recording = !body.failed && append(s, RECORD_INTENT, FRAME_REJECTED, 0, parts, 1, NULL) == RECORD_OK;
    buf_free(&body);
}

void recording_end(struct session *s, const char *reason)
{
    if (!s->recording) return;
    struct buf body;
    buf_init(&body, 64 * 1024);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "reason", reason);
    frame_fields_add_number(&f, "statements", (int64_t)s->n_statements);
    frame_fields_add_number(&f, "refused", (int64_t)s->n_refused);
    frame_fields_add_number(&f, "rows", (int64_t)s->n_rows);
    frame_fields_add_number(&f, "bytes_in", (int64_t)s->bytes_in);
    frame_fields_add_number(&f, "bytes_out", (int64_t)s->bytes_out);
    struct bytes parts[] = { buf_bytes(&body) };
    recording_outcome(s, FRAME_SESSION_END, 0, parts, 1);
    s->recording = false;
    buf_free(&body);
    while (s->record.n_reserved)
        record_release(s->world->lane, &s->record);
}
