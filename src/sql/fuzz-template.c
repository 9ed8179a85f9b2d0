/* Two texts of one template must be the same to everybody who judges. The bytes choose a statement by a small
 * grammar, with two sets of literals; or they are a text themselves, of which a second one is made by
 * changing its literals. Oracles: where both texts have one template and the facts of the first fit it, the
 * second is understood, its facts are the same, and it holds no secret. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "sql/edits.h"
#include "sql/facts.h"
#include "sql/safe.h"
#include "sql/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct choices {
    const uint8_t *p, *end;
};

static unsigned choose(struct choices *c, unsigned n)
{
    return c->p < c->end ? *c->p++ % n : 0;
}

static const char *const literals[] = {
    "0",
    "1",
    "5",
    "05",
    "2147483647",
    "2147483648",
    "1.0",
    "1.00",
    ".5",
    "1.",
    "1e5",
    "''",
    "'t'",
    "'f'",
    "'%'",
    "'abc'",
    "'1'",
    "'0'",
    "'it''s'",
    "'on'",
    "E'\\\\n'",
    "'x secret ''y'''",
    "'password=x'",
    "'pg://a:b@c'",
    "'a$$b$$'",
    "'api_key ''hunter2'''",
    "'\x01'",
    "'user'",
    "99999999999999999999",
    "0x1F",
    "'set_config'",
};
static const char *const names[] = { "a",    "b",     "t.a",   "\"where\"", "true", "null", "current_date",
                                     "ctid", "\"a\"", "s.t.b", "id",        "not_a" };
static const char *const comparisons[] = { " = ", " <> ",   " < ",  "<=",   ">=",   " != ",
                                           ">",   " LIKE ", " ~~ ", " || ", " IN ", " IS DISTINCT FROM ",
                                           "=",   " @> " };

/* Both texts grow together; they differ in literals only. */
struct pair {
    struct choices *c;
    struct buf one, other;
};

static void both(struct pair *p, const char *text)
{
    buf_append_text(&p->one, text);
    buf_append_text(&p->other, text);
}

static void literal(struct pair *p)
{
    unsigned n = sizeof literals / sizeof *literals, pick = choose(p->c, 2 * n);
    buf_append_text(&p->one, literals[pick % n]);
    buf_append_text(&p->other, literals[pick < n ? choose(p->c, n) : pick % n]);
}

static void expression(struct pair *p, int depth);

static void call(struct pair *p, const char *head, int depth)
{
    both(p, head);
    expression(p, depth - 1);
    both(p, ")");
}

static void operand(struct pair *p, int depth)
{
    static const char *const heads[] = { "(",         "f(",        "NOT (",    "set_config('a', ",
                                         "COALESCE(", "interval(", "nextval(", "float(" };
    static const char *const casts[] = { "::int", "::text", "::bool", "::interval(3)" };
    switch (choose(p->c, depth > 0 ? 6 : 3)) {
    case 0:
    case 1: literal(p); break;
    case 2: both(p, names[choose(p->c, sizeof names / sizeof *names)]); break;
    case 3: call(p, heads[choose(p->c, sizeof heads / sizeof *heads)], depth); break;
    case 4:
        operand(p, depth - 1);
        both(p, casts[choose(p->c, 4)]);
        break;
    case 5:
        both(p, "(SELECT ");
        expression(p, depth - 1);
        both(p, " FROM u WHERE ");
        expression(p, depth - 1);
        both(p, ")");
        break;
    default: break;
    }
}

static void expression(struct pair *p, int depth)
{
    static const char *const joins[] = { " AND ", " OR ", " OR NOT ", " AND NOT " };
    unsigned terms = choose(p->c, 3) + 1;
    for (unsigned i = 0; i < terms; i++) {
        if (i) both(p, joins[choose(p->c, 4)]);
        operand(p, depth);
        if (choose(p->c, 4) == 0) continue;
        both(p, comparisons[choose(p->c, sizeof comparisons / sizeof *comparisons)]);
        operand(p, depth);
    }
}

static void statement(struct pair *p)
{
    static const char *const heads[] = {
        "DELETE FROM t WHERE ",
        "UPDATE t SET a = 1 WHERE ",
        "SELECT * FROM t WHERE ",
        "INSERT INTO t SELECT ",
        "DELETE FROM t USING u WHERE t.a = u.a AND ",
        "WITH x AS (DELETE FROM t RETURNING a) SELECT ",
        "UPDATE t SET a = u.a FROM (SELECT 1 AS a WHERE 1 = 1) u WHERE ",
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2 WHERE ",
        "SET a = ",
        "SELECT "
    };
    static const char *const tails[] = { "",         ";",     " RETURNING a", " AND a IS NULL",
                                         " LIMIT 1", " -- x", " OR true" };
    both(p, heads[choose(p->c, sizeof heads / sizeof *heads)]);
    expression(p, 3);
    both(p, tails[choose(p->c, sizeof tails / sizeof *tails)]);
}

/* Any text, and the same with other literals. */
static void change_literals(struct pair *p, struct bytes text)
{
    size_t at = 0;
    for (;;) {
        struct token t = token_at(text, at);
        if (t.kind == TOKEN_END) return;
        at += t.text.n;
        buf_append(&p->one, t.text);
        if ((t.kind == TOKEN_NUMBER || t.kind == TOKEN_STRING) && choose(p->c, 3))
            buf_append_text(&p->other, literals[choose(p->c, sizeof literals / sizeof *literals)]);
        else
            buf_append(&p->other, t.text);
    }
}

static void check_relations(const struct sql_statement *a, const struct sql_statement *b)
{
    CHECK(a->n_relations == b->n_relations);
    for (size_t i = 0; i < a->n_relations; i++) {
        const struct sql_relation *r = &a->relations[i], *q = &b->relations[i];
        CHECK(bytes_equal(r->database, q->database) && bytes_equal(r->schema, q->schema) &&
              bytes_equal(r->name, q->name));
        CHECK(r->access == q->access && r->whereless == q->whereless);
    }
    CHECK(a->n_functions == b->n_functions);
    for (size_t i = 0; i < a->n_functions; i++)
        CHECK(bytes_equal(a->functions[i].schema, b->functions[i].schema) &&
              bytes_equal(a->functions[i].name, b->functions[i].name));
}

static void check_statement(const struct sql_statement *a, const struct sql_statement *b)
{
    CHECK(bytes_equal(a->tag, b->tag));
    CHECK(a->effects == b->effects);
    CHECK(a->where == b->where && a->whereless == b->whereless);
    CHECK(a->action == b->action && a->setting == b->setting && a->pinned_setting == b->pinned_setting);
    CHECK(bytes_equal(a->subject, b->subject) && bytes_equal(a->value, b->value));
    CHECK(a->inner.n == b->inner.n);
    check_relations(a, b);
}

/* An edit in front of each token of one that is no literal: where it is said to stand in the other, the slow
 * way finds it there too. */
static void check_edits(struct bytes one, struct bytes other)
{
    for (size_t at = 0;;) {
        struct token t = token_at(one, at);
        if (t.kind == TOKEN_END) return;
        struct sql_edit edit = { .at = (uint32_t)at, .insert = BYTES_LITERAL("x.") }, moved;
        bool literal = t.kind == TOKEN_NUMBER || t.kind == TOKEN_STRING;
        if (!literal && sql_edits_stand(one, &edit, 1, other))
            CHECK(sql_edits_move(one, &edit, 1, other, &moved) && moved.at == edit.at);
        at += t.text.n;
    }
}

/* As the cache does it: the facts of one are kept, and found for the other. */
static void check_pair(struct bytes one, struct bytes other, struct arena *arena)
{
    static uint8_t template[2][SQL_TEMPLATE_BYTES];
    size_t n[2], n_literals[2], n_secrets;
    struct bytes *secrets;
    const struct sql_facts *kept, *found;
    if (!sql_template(one, template[0], &n[0], &n_literals[0]) ||
        !sql_template(other, template[1], &n[1], &n_literals[1]))
        return;
    if (!bytes_equal(bytes_make(template[0], n[0]), bytes_make(template[1], n[1]))) return;
    check_edits(one, other);
    if (sql_understand(one, arena, &kept) != SQL_UNDERSTOOD || !sql_facts_fit_template(kept)) return;
    CHECK(sql_understand(other, arena, &found) == SQL_UNDERSTOOD);
    CHECK(sql_facts_fit_template(found));
    check_statement(&kept->statements[0], &found->statements[0]);
    CHECK(sql_redact(other, arena, &secrets, &n_secrets).p && n_secrets == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choices c = { data, data + size };
    struct pair p = { .c = &c };
    struct arena arena;
    arena_init(&arena, 1 << 16, 1 << 27);
    buf_init(&p.one, 1 << 16);
    buf_init(&p.other, 1 << 16);
    if (choose(&c, 4) == 0) {
        size_t n = (size_t)(c.end - c.p);
        struct bytes text = bytes_make(c.p, n - n / 4);
        c.p += text.n;
        change_literals(&p, text);
    } else {
        statement(&p);
    }
    if (!p.one.failed && !p.other.failed) {
        check_pair(buf_bytes(&p.one), buf_bytes(&p.other), &arena);
        check_pair(buf_bytes(&p.other), buf_bytes(&p.one), &arena);
    }
    buf_free(&p.one);
    buf_free(&p.other);
    arena_free(&arena);
    return 0;
}
