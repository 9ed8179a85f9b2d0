/* Facts over a pipe. All numbers in network byte order; a run of bytes is a length and its bytes (an absent
 * one, p == NULL, has length 2^32 - 1); a statement's text and inner text are offset and length into the text
 * that both sides have. The reader trusts nothing: counts are checked against what is left before memory is
 * taken. */
#include "base/cursor.h"
#include "sql/facts.h"
#include "sql/safe.h"

enum { FORMAT = 1, ABSENT = -1 };

static void put_optional(struct buf *out, struct bytes b)
{
    if (b.p)
        buf_put_counted(out, b);
    else
        buf_put_u32(out, (uint32_t)ABSENT);
}

static void put_part(struct buf *out, struct bytes text, struct bytes part)
{
    bool absent = !part.p;
    buf_put_u32(out, absent ? (uint32_t)ABSENT : (uint32_t)(part.p - text.p));
    buf_put_u32(out, absent ? 0 : (uint32_t)part.n);
}

static void put_statement(struct buf *out, struct bytes text, const struct sql_statement *s)
{
    put_part(out, text, s->text);
    put_part(out, text, s->inner);
    buf_put_counted(out, s->tag);
    buf_put_u32(out, s->effects);
    buf_put_u32(out, s->whereless);
    buf_put_u8(out, (uint8_t)s->where);
    buf_put_u8(out, (uint8_t)s->action);
    buf_put_u8(out, (uint8_t)s->setting);
    buf_put_u8(out, s->pinned_setting);
    buf_put_u8(out, s->cascades);
    put_optional(out, s->subject);
    put_optional(out, s->value);
    buf_put_u32(out, (uint32_t)s->n_relations);
    for (size_t i = 0; i < s->n_relations; i++) {
        put_optional(out, s->relations[i].database);
        put_optional(out, s->relations[i].schema);
        put_optional(out, s->relations[i].name);
        buf_put_u32(out, s->relations[i].access);
        buf_put_u8(out, s->relations[i].whereless);
    }
    buf_put_u32(out, (uint32_t)s->n_functions);
    for (size_t i = 0; i < s->n_functions; i++) {
        put_optional(out, s->functions[i].schema);
        put_optional(out, s->functions[i].name);
    }
}

void sql_facts_encode(struct bytes text, enum sql_outcome outcome, const struct sql_facts *facts,
                      struct buf *out)
{
    buf_put_u8(out, FORMAT);
    buf_put_u8(out, (uint8_t)outcome);
    buf_put_u8(out, facts->holds_secret);
    put_optional(out, facts->error);
    buf_put_u64(out, (uint64_t)facts->error_at);
    buf_put_u32(out, (uint32_t)facts->n_statements);
    for (size_t i = 0; i < facts->n_statements; i++)
        put_statement(out, text, &facts->statements[i]);
}

struct reading {
    struct cursor cursor;
    struct bytes text;
    struct arena *arena;
    bool bad;
};

static struct bytes get_optional(struct reading *r)
{
    uint32_t n = cursor_u32(&r->cursor);
    if (n == (uint32_t)ABSENT) return (struct bytes){ 0 };
    struct bytes b = cursor_take(&r->cursor, n);
    if (r->cursor.failed) return (struct bytes){ 0 };
    struct bytes copy = arena_copy(r->arena, b);
    if (!copy.p) r->bad = true;
    return copy;
}

static struct bytes get_part(struct reading *r)
{
    uint32_t at = cursor_u32(&r->cursor), n = cursor_u32(&r->cursor);
    if (at == (uint32_t)ABSENT) {
        if (n != 0) r->bad = true;
        return (struct bytes){ 0 };
    }
    if (at > r->text.n || n > r->text.n - at) {
        r->bad = true;
        return (struct bytes){ 0 };
    }
    return bytes_make(r->text.p + at, n);
}

static bool get_bool(struct reading *r)
{
    uint8_t value = cursor_u8(&r->cursor);
    if (value > 1) r->bad = true;
    return value == 1;
}

static uint8_t get_enum(struct reading *r, uint8_t last)
{
    uint8_t value = cursor_u8(&r->cursor);
    if (value > last) r->bad = true;
    return value;
}

static uint32_t get_effects(struct reading *r)
{
    uint32_t effects = cursor_u32(&r->cursor);
    if (effects & ~(uint32_t)(EFFECT_ALL_BUT_UNKNOWN | EFFECT_UNKNOWN)) r->bad = true;
    return effects;
}

/* A count of things of at least `least` bytes each: no more than can follow. */
static size_t get_count(struct reading *r, size_t ceiling, size_t least)
{
    uint32_t n = cursor_u32(&r->cursor);
    if (n > ceiling || n > cursor_left(&r->cursor) / least) {
        r->bad = true;
        return 0;
    }
    return n;
}

static void get_relations(struct reading *r, struct sql_statement *s)
{
    size_t n = get_count(r, SQL_NAMES_CEILING, 17);
    if (n == 0 || r->bad) return;
    s->relations = ARENA_ARRAY(r->arena, struct sql_relation, n);
    if (!s->relations) {
        r->bad = true;
        return;
    }
    for (s->n_relations = 0; s->n_relations < n && !r->bad && !r->cursor.failed; s->n_relations++) {
        struct sql_relation *relation = &s->relations[s->n_relations];
        relation->database = get_optional(r);
        relation->schema = get_optional(r);
        relation->name = get_optional(r);
        relation->access = get_effects(r);
        relation->whereless = get_bool(r);
    }
}

static void get_functions(struct reading *r, struct sql_statement *s)
{
    size_t n = get_count(r, SQL_NAMES_CEILING, 8);
    if (n == 0 || r->bad) return;
    s->functions = ARENA_ARRAY(r->arena, struct sql_function, n);
    if (!s->functions) {
        r->bad = true;
        return;
    }
    for (s->n_functions = 0; s->n_functions < n && !r->bad && !r->cursor.failed; s->n_functions++) {
        s->functions[s->n_functions].schema = get_optional(r);
        s->functions[s->n_functions].name = get_optional(r);
    }
}

static void get_statement(struct reading *r, struct sql_statement *s)
{
    s->text = get_part(r);
    s->inner = get_part(r);
    s->tag = get_optional(r);
    if (!s->text.p || !s->tag.p) r->bad = true;
    s->effects = get_effects(r);
    s->whereless = get_effects(r);
    if (s->whereless & ~(uint32_t)(EFFECT_UPDATE | EFFECT_DELETE)) r->bad = true;
    s->where = get_enum(r, SQL_WHERE_MISSING);
    s->action = get_enum(r, SQL_ACTION_COPY_OUT);
    s->setting = get_enum(r, SQL_SETTING_PRIVILEGE);
    s->pinned_setting = get_bool(r);
    s->cascades = get_bool(r);
    s->subject = get_optional(r);
    s->value = get_optional(r);
    get_relations(r, s);
    get_functions(r, s);
    /* What does nothing would be allowed to everybody. */
    if (s->effects == 0) r->bad = true;
}

static void get_statements(struct reading *r, struct sql_facts *facts)
{
    size_t n = get_count(r, SQL_STATEMENTS_CEILING, 49);
    if (n == 0 || r->bad) return;
    facts->statements = ARENA_ARRAY(r->arena, struct sql_statement, n);
    if (!facts->statements) {
        r->bad = true;
        return;
    }
    for (; facts->n_statements < n && !r->bad && !r->cursor.failed; facts->n_statements++)
        get_statement(r, &facts->statements[facts->n_statements]);
}

enum sql_outcome sql_facts_decode(struct bytes text, struct bytes encoded, struct arena *arena,
                                  const struct sql_facts **facts_out)
{
    struct reading r = { .cursor = cursor_over(encoded), .text = text, .arena = arena };
    struct sql_facts *facts = ARENA_NEW(arena, struct sql_facts);
    *facts_out = facts;
    if (!facts) return SQL_HOSTILE;
    if (cursor_u8(&r.cursor) != FORMAT) r.bad = true;
    enum sql_outcome outcome = get_enum(&r, SQL_UNDERSTOOD);
    facts->holds_secret = get_bool(&r);
    facts->error = get_optional(&r);
    facts->error_at = (int64_t)cursor_u64(&r.cursor);
    if (facts->error_at < -1 || (facts->error_at >= 0 && (uint64_t)facts->error_at > text.n)) r.bad = true;
    get_statements(&r, facts);
    if (outcome == SQL_UNKNOWN &&
        (facts->n_statements != 1 || facts->statements[0].effects != EFFECT_UNKNOWN))
        r.bad = true;
    if (outcome == SQL_HOSTILE && facts->n_statements != 0) r.bad = true;
    if (!r.bad && cursor_done(&r.cursor)) return outcome;
    *facts = (struct sql_facts){ .error = BYTES_LITERAL("the parser child sent something else than facts"),
                                 .error_at = -1 };
    return SQL_HOSTILE;
}
