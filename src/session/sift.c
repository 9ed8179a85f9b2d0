/* See sift.h. */
#include "session/sift.h"
#include "base/cursor.h"
#include "pgwire/report.h"
#include "session/session-private.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    OUT_CEILING = 4 * SIFT_CEILING,
    OUT_KEPT = 256 << 10,
    FOUND_CEILING = 2048,
    COLUMNS_CEILING = 1 << 16
};

void sift_start(struct session *s)
{
    s->sift.rules = policy_ruleset_values(s->ruleset);
    buf_init(&s->sift.out, OUT_CEILING);
    buf_init(&s->sift.value, OUT_CEILING);
    buf_init(&s->sift.gather.message, SIFT_CEILING + (1 << 20));
}

void sift_free(struct session *s)
{
    free(s->sift.ways);
    free(s->sift.counts);
    buf_free(&s->sift.out);
    buf_free(&s->sift.value);
    buf_free(&s->sift.gather.message);
}

/* ---- columns */

static struct sift_ways *ways_of(struct bytes description)
{
    struct cursor c = cursor_over(description);
    uint16_t n = cursor_u16(&c);
    struct sift_ways *ways = malloc(sizeof *ways + n);
    if (!ways) return NULL;
    ways->n = n;
    for (uint16_t i = 0; i < n; i++) {
        cursor_cstring(&c);
        cursor_take(&c, 4 + 2);
        uint32_t type = cursor_u32(&c);
        cursor_take(&c, 2 + 4);
        uint16_t format = cursor_u16(&c);
        ways->ways[i] = (uint8_t)look_way(type, format != 0);
    }
    return ways;
}

bool sift_describe(struct session *s, struct pending *p, struct bytes description)
{
    if (!s->sift.rules.looked) return true;
    /* What a statement is described as says nothing of the formats that a portal of it has. */
    if (p->kind == PENDING_DESCRIBE && p->statement_described) return true;
    struct sift_ways **place = p->kind == PENDING_QUERY ? &s->sift.ways
                               : p->binding             ? &p->binding->ways
                                                        : NULL;
    if (!place) return true;
    free(*place);
    *place = ways_of(description);
    return *place != NULL;
}

static const struct sift_ways *ways_now(const struct session *s, const struct pending *p)
{
    return p->kind == PENDING_QUERY ? s->sift.ways : p->binding ? p->binding->ways : NULL;
}

static enum look_way way_of(const struct sift_ways *ways, size_t column)
{
    return ways && column < ways->n ? (enum look_way)ways->ways[column] : LOOK_OPAQUE;
}

enum look_way sift_way(const struct session *s, const struct pending *p, size_t column)
{
    return way_of(ways_now(s, p), column);
}

/* ---- counts */

static bool make_counts(struct session *s, size_t n)
{
    if (n <= s->sift.n_counts) return true;
    CHECK(n <= COLUMNS_CEILING + 1);
    struct sift_count *counts = calloc(2 * n, sizeof *counts);
    if (!counts) return false;
    for (size_t i = 0; i < s->sift.n_counts; i++) {
        counts[i] = s->sift.counts[i];
        counts[n + i] = s->sift.counts[s->sift.n_counts + i];
    }
    free(s->sift.counts);
    s->sift.counts = counts;
    s->sift.n_counts = n;
    return true;
}

/* False: no memory. */
static bool count(struct session *s, size_t column, const struct look_tally *tally)
{
    uint32_t any = tally->unseen;
    for (unsigned v = 0; v < POLICY_N_VALUES; v++)
        any |= tally->found[v];
    if (!any) return true;
    if (!make_counts(s, column + 1)) return false;
    struct sift_count *step = &s->sift.counts[s->sift.n_counts + column];
    for (unsigned v = 0; v < POLICY_N_VALUES; v++)
        step->found[v] += tally->found[v];
    step->unseen += tally->unseen;
    s->sift.step_found = true;
    return true;
}

/* A step may be made again where the record had no room: it begins anew. */
static void begin_step(struct session *s)
{
    buf_consume(&s->sift.out, buf_length(&s->sift.out));
    buf_consume(&s->sift.value, buf_length(&s->sift.value));
    if (s->sift.step_found)
        memset(s->sift.counts + s->sift.n_counts, 0, s->sift.n_counts * sizeof *s->sift.counts);
    s->sift.step_found = false;
}

/* What was found in the result of an earlier run is written down before that of another. */
static void is_of_run(struct session *s, uint32_t run)
{
    if (s->sift.found && s->sift.run != run) sift_record(s, s->sift.run);
    s->sift.run = run;
    s->sift.found = true;
}

bool sift_note(struct session *s, const struct pending *p, size_t column, const struct look_tally *tally)
{
    if (!make_counts(s, column + 1)) return false;
    is_of_run(s, p->run);
    for (unsigned v = 0; v < POLICY_N_VALUES; v++)
        s->sift.counts[column].found[v] += tally->found[v];
    s->sift.counts[column].unseen += tally->unseen;
    return true;
}

void sift_step_done(struct session *s, const struct pending *p)
{
    if (s->sift.out.size > OUT_KEPT) buf_free(&s->sift.out);
    if (s->sift.value.size > OUT_KEPT) buf_free(&s->sift.value);
    if (!s->sift.step_found) return;
    is_of_run(s, p->run);
    for (size_t i = 0; i < s->sift.n_counts; i++) {
        struct sift_count *sum = &s->sift.counts[i], *step = &s->sift.counts[s->sift.n_counts + i];
        for (unsigned v = 0; v < POLICY_N_VALUES; v++)
            sum->found[v] += step->found[v];
        sum->unseen += step->unseen;
        *step = (struct sift_count){ 0 };
    }
    s->sift.step_found = false;
}

static void add_count(struct frame_fields *f, size_t column, const char *what, const char *how, uint64_t n)
{
    char name[48];
    snprintf(name, sizeof name, "%zu.%s.%s", column, what, how);
    frame_fields_add_number(f, name, (int64_t)n);
}

void sift_record(struct session *s, uint32_t run)
{
    struct buf fields;
    struct sifting *sift = &s->sift;
    if (!sift->found || sift->run != run) return;
    uint32_t raw = __builtin_bswap32(run), more = 0;
    const char *unseen = sift->rules.masked ? "masked" : "shown";
    buf_init(&fields, 2 * FOUND_CEILING);
    struct frame_fields f = frame_fields_begin(&fields);
    for (size_t i = 0; i < sift->n_counts; i++) {
        const struct sift_count *c = &sift->counts[i];
        bool room = buf_length(&fields) < FOUND_CEILING;
        for (enum policy_value v = 0; v < POLICY_N_VALUES; v++) {
            bool masked = sift->rules.masked & 1U << v;
            if (c->found[v] && room)
                add_count(&f, i, policy_value_name(v), masked ? "masked" : "shown", c->found[v]);
            more += c->found[v] && !room;
        }
        if (c->unseen && room) add_count(&f, i, "unseen", unseen, c->unseen);
        more += c->unseen && !room;
    }
    if (more) frame_fields_add_number(&f, "more", more);
    struct bytes parts[] = { bytes_make(&raw, 4), buf_bytes(&fields) };
    if (!fields.failed) recording_outcome(s, FRAME_FOUND, 0, parts, 2);
    buf_free(&fields);
    memset(sift->counts, 0, sift->n_counts * sizeof *sift->counts);
    sift->found = false;
}

/* ---- rows */

/* What is rewritten of some messages; `from` is where what was not copied yet begins. */
struct rewriting {
    struct bytes in;
    size_t from, message_at;
    bool in_message; /* the header of the message that is read is in `out`, at message_at */
    bool any;
};

static void copy_to(struct session *s, struct rewriting *w, size_t to)
{
    if (to > w->from) buf_append(&s->sift.out, bytes_slice(w->in, w->from, to - w->from));
    w->from = to;
}

/* In the place of what stands at [at, at + n) of a message that begins at `message`. */
static void replace(struct session *s, struct rewriting *w, size_t message, size_t at, size_t n)
{
    if (!w->in_message) {
        copy_to(s, w, message);
        w->message_at = buf_length(&s->sift.out);
    }
    w->in_message = w->any = true;
    copy_to(s, w, at);
    w->from = at + n;
}

static void end_message(struct session *s, struct rewriting *w, size_t end)
{
    if (!w->in_message) return;
    copy_to(s, w, end);
    if (!s->sift.out.failed)
        buf_patch_u32(&s->sift.out, w->message_at + 1,
                      (uint32_t)(buf_length(&s->sift.out) - w->message_at - 1));
    w->in_message = false;
}

/* The n bytes behind a length at `at`; false: no memory. */
static bool sift_value(struct session *s, struct rewriting *w, size_t message, size_t at, uint32_t n,
                       enum look_way way, size_t column)
{
    enum { LENGTH = 4 };
    struct look_tally tally = { 0 };
    struct sifting *sift = &s->sift;
    enum look_outcome outcome =
        look_value(&sift->rules, way, bytes_slice(w->in, at + LENGTH, n), &sift->value, &tally);
    if (sift->value.failed || !count(s, column, &tally)) return false;
    if (outcome == LOOK_SAME) return true;
    replace(s, w, message, at, LENGTH + n);
    if (outcome == LOOK_CHANGED)
        buf_put_counted(&sift->out, buf_bytes(&sift->value));
    else
        buf_put_u32(&sift->out, UINT32_MAX);
    buf_consume(&sift->value, buf_length(&sift->value));
    return true;
}

static struct bytes rewritten(struct session *s, struct rewriting *w)
{
    if (!w->any) return w->in;
    copy_to(s, w, w->in.n);
    return s->sift.out.failed ? (struct bytes){ 0 } : buf_bytes(&s->sift.out);
}

/* Rows were checked before: their fields fill them. */
struct bytes sift_rows(struct session *s, const struct pending *p, struct bytes rows)
{
    const struct sift_ways *ways = ways_now(s, p);
    uint32_t kinds = s->sift.rules.looked;
    struct rewriting w = { .in = rows };
    begin_step(s);
    for (size_t at = 0; at < rows.n;) {
        struct message m;
        enum message_peek peek = message_peek(bytes_slice(rows, at, rows.n), &m);
        CHECK(peek == MESSAGE_WHOLE);
        struct cursor c = cursor_over(m.body);
        uint16_t n = cursor_u16(&c);
        for (uint16_t i = 0; i < n; i++) {
            size_t value_at = at + m.whole.n - cursor_left(&c);
            uint32_t length = cursor_u32(&c);
            if (length == UINT32_MAX) continue;
            struct bytes value = cursor_take(&c, length);
            enum look_way way = way_of(ways, i);
            bool text = way == LOOK_BYTES || way == LOOK_JSON || way == LOOK_WHOLE;
            if (way == LOOK_NOT || (text && !values_may_hold(value, kinds))) continue;
            if (!sift_value(s, &w, at, value_at, length, way, i + 1U)) return (struct bytes){ 0 };
        }
        at += m.whole.n;
        end_message(s, &w, at);
    }
    return rewritten(s, &w);
}

struct bytes sift_call(struct session *s, struct bytes answer)
{
    struct cursor c = cursor_over(bytes_slice(answer, MESSAGE_HEADER, answer.n));
    struct rewriting w = { .in = answer };
    begin_step(s);
    uint32_t n = cursor_u32(&c);
    if (c.failed || n != cursor_left(&c)) return answer; /* NULL; or it is for the client to find wrong */
    if (!sift_value(s, &w, 0, MESSAGE_HEADER, n, LOOK_OPAQUE, 0)) return (struct bytes){ 0 };
    end_message(s, &w, answer.n);
    return rewritten(s, &w);
}

/* ---- COPY */

bool sift_takes_copy(struct bytes response)
{
    struct cursor c = cursor_over(response);
    bool binary = cursor_u8(&c) != 0;
    for (uint16_t n = cursor_u16(&c); n > 0; n--)
        binary |= cursor_u16(&c) != 0;
    return !binary && !c.failed;
}

/* A server sends each row in a message of its own: one that goes on in the next could hide a value. */
bool sift_is_whole_row(struct bytes data)
{
    return data.n > 0 && data.p[data.n - 1] == '\n';
}

struct bytes sift_copy(struct session *s, struct bytes messages)
{
    struct rewriting w = { .in = messages };
    begin_step(s);
    for (size_t at = 0; at < messages.n;) {
        struct message m;
        struct look_tally tally = { 0 };
        enum message_peek peek = message_peek(bytes_slice(messages, at, messages.n), &m);
        CHECK(peek == MESSAGE_WHOLE);
        enum look_outcome outcome = look_words(&s->sift.rules, m.body, &s->sift.value, &tally);
        if (s->sift.value.failed || !count(s, 0, &tally)) return (struct bytes){ 0 };
        if (outcome != LOOK_SAME) {
            replace(s, &w, at, at + MESSAGE_HEADER, m.body.n);
            buf_append(&s->sift.out, buf_bytes(&s->sift.value));
            buf_consume(&s->sift.value, buf_length(&s->sift.value));
        }
        at += m.whole.n;
        end_message(s, &w, at);
    }
    return rewritten(s, &w);
}

/* ---- words */

struct bytes sift_words(struct session *s, struct bytes words)
{
    struct buf out;
    struct look_tally tally = { 0 };
    if (!s->sift.rules.masked) return words;
    buf_init(&out, 4 * words.n + 64);
    enum look_outcome outcome = look_words(&s->sift.rules, words, &out, &tally);
    struct bytes copy = outcome == LOOK_SAME ? words : arena_copy(&s->scratch, buf_bytes(&out));
    if (out.failed) copy = (struct bytes){ 0 };
    buf_free(&out);
    return copy;
}

struct bytes sift_report(struct session *s, struct bytes body)
{
    struct buf out;
    bool same = true;
    if (!s->sift.rules.masked) return body;
    buf_init(&out, 4 * body.n + 64);
    for (struct bytes rest = body; rest.n > 1;) {
        const uint8_t *end = memchr(rest.p + 1, 0, rest.n - 1);
        if (!end) break;
        size_t n = (size_t)(end - rest.p) - 1;
        struct bytes value = bytes_slice(rest, 1, n);
        bool kept = memchr("SVCPpLFR", rest.p[0], 8) != NULL;
        struct bytes told = kept ? value : sift_words(s, value);
        same &= told.p == value.p;
        buf_put_u8(&out, rest.p[0]);
        buf_append(&out, told);
        buf_put_u8(&out, 0);
        rest = bytes_slice(rest, n + 2, rest.n);
    }
    buf_put_u8(&out, 0);
    struct bytes copy = same ? body : arena_copy(&s->scratch, buf_bytes(&out));
    if (out.failed || !copy.p)
        copy = BYTES_LITERAL("SERROR\0VERROR\0CXX000\0Mthe server reports an error\0\0");
    buf_free(&out);
    return copy;
}
