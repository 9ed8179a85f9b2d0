/* Texts: their shapes, what judging said of them, what their results show; and those that came in pieces. */
#include "base/cursor.h"
#include "record/index-seen.h"
#include "record/index-shapes.h"
#include "record/index-taking.h"
#include <errno.h>

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
static void taking_has_values(struct taking *t)
{
    struct sqlite_query *q = taking_statement(t, INDEX_VALUE_SESSION_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    taking_finish(t, q);
}

static struct known_text *text_keep(struct taking *t, const struct known_text *text)
{
    struct known_text *copy = ARENA_NEW(&t->arena, struct known_text);
    if (copy) {
        *copy = *text;
        copy->n_seen = 0;
        for (const struct index_seen *seen = text->seen; seen; seen = seen->next)
            copy->n_seen++;
        copy->decision = taking_keep(t, text->decision);
        copy->policy = taking_keep(t, text->policy);
        copy->rule = taking_keep(t, text->rule);
    }
    if (!copy || map_put(&t->texts, taking_key(&copy->number), copy, NULL) == MAP_FULL) t->error = -ENOMEM;
    return t->error ? NULL : copy;
}

const struct known_text *taking_text(struct taking *t, uint32_t number)
{
    struct known_text *known = map_get(&t->texts, taking_key(&number));
    struct sqlite_query *q = known ? NULL : taking_statement(t, INDEX_TEXT_FIND);
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
    struct sqlite_query *q = taking_statement(t, INDEX_TEXT_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, text->number);
    sqlite_query_bind_int(q, 3, text->shape);
    sqlite_query_bind_text(q, 4, text->decision);
    sqlite_query_bind_text(q, 5, text->policy);
    sqlite_query_bind_text(q, 6, text->rule);
    taking_finish(t, q);
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
        f.as.p && bytes_to_int64(f.as, &first) ? taking_text(t, (uint32_t)first) : NULL;
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
    if (f.has_values) taking_has_values(t);
    text_save(t, &text);
}

static void part_save(struct taking *t, struct bytes body)
{
    struct sqlite_query *q = taking_statement(t, INDEX_PART_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_blob(q, 2, body);
    taking_finish(t, q);
}

static struct bytes part_load(struct taking *t)
{
    struct bytes body = { 0 };
    struct sqlite_query *q = taking_statement(t, INDEX_PART_GET);
    if (!q) return body;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    switch (sqlite_query_step(q)) {
    case SQLITE_STEP_ROW: body = taking_keep(t, sqlite_query_text(q, 0)); break;
    case SQLITE_STEP_FAILED: t->error = sqlite_query_error(q); break;
    case SQLITE_STEP_DONE: break;
    }
    sqlite_query_reset(q);
    return body;
}

static void part_drop(struct taking *t)
{
    struct sqlite_query *q = taking_statement(t, INDEX_PART_DROP);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    taking_finish(t, q);
}

void taking_text_frame(struct taking *t, const struct frame *frame)
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
