/* SQL at random under masks that show nothing: it is refused, or what goes to the server uses no masked
 * column, as lineage sees that text by itself (in conditions alone where values may be asked for), and
 * returns columns of the same number and names as the client's; and what is understood without masks can be
 * proven with them. The text mostly changes by words, and by pieces of statements that love masked columns,
 * so that much of it parses. */
#include "base/check.h"
#include "mask/test-masked.h"
#include "sql/edits.h"
#include "sql/facts.h"
#include "sql/token.h"
#include <stdlib.h>

static struct masked compared, equal;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    masked_init(&compared, NULL);
    masked_init(&equal, "[{ columns: [\"public.people.*\"], with: \"null\", predicates: equality }]");
    return 0;
}

/* ---- what is tried */

static const char *const pieces[] = { "SELECT",
                                      "FROM",
                                      "WHERE",
                                      "people",
                                      "public.people",
                                      "ONLY",
                                      "p",
                                      "p.mail",
                                      "people.ssn",
                                      "mail",
                                      "id",
                                      "*",
                                      "p.*",
                                      "people.*",
                                      "(people).ssn",
                                      "public.people.pin",
                                      ",",
                                      "(",
                                      ")",
                                      ".",
                                      "=",
                                      "AS",
                                      "AS p",
                                      "AS p(a, b)",
                                      "JOIN",
                                      "LEFT JOIN",
                                      "ON true",
                                      "NATURAL JOIN orders",
                                      "USING (id)",
                                      "CROSS JOIN LATERAL",
                                      "GROUP BY id",
                                      "GROUP BY people.id",
                                      "GROUP BY ROLLUP (1)",
                                      "ORDER BY 1",
                                      "ORDER BY p",
                                      "HAVING true",
                                      "DISTINCT",
                                      "DISTINCT ON (id)",
                                      "LIMIT 1",
                                      "FOR UPDATE",
                                      "FOR UPDATE OF p",
                                      "WINDOW w AS (ORDER BY id)",
                                      "OVER w",
                                      "count(*)",
                                      "max(mail)",
                                      "row_to_json(p)",
                                      "UNION ALL",
                                      "EXCEPT",
                                      "INTERSECT",
                                      "VALUES (1)",
                                      "TABLE people",
                                      "WITH p AS (SELECT * FROM people)",
                                      "WITH RECURSIVE r AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM r)",
                                      "(SELECT ssn FROM people LIMIT 1)",
                                      "EXISTS (SELECT 1 FROM people q WHERE q.ssn = p.ssn)",
                                      "ARRAY(SELECT pin FROM people)",
                                      "(SELECT * FROM people) x",
                                      "x",
                                      "contacts",
                                      "cards",
                                      "cards_deep",
                                      "odd",
                                      "payments",
                                      "payments_1",
                                      "tagged",
                                      "secret",
                                      "pg_stats",
                                      "other.people",
                                      "orders",
                                      "person",
                                      "orders o",
                                      "o.person",
                                      "o",
                                      "loud",
                                      "UPDATE people SET name = 'x'",
                                      "UPDATE",
                                      "SET",
                                      "name = mail",
                                      "DELETE FROM people",
                                      "INSERT INTO orders (id, person)",
                                      "INSERT INTO people (id, name) VALUES (1, 'x')",
                                      "DEFAULT VALUES",
                                      "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
                                      "ON CONFLICT DO NOTHING",
                                      "RETURNING",
                                      "RETURNING *",
                                      "RETURNING people",
                                      "MERGE INTO orders o USING people p ON o.person = p.id",
                                      "WHEN MATCHED THEN UPDATE SET memo = p.name",
                                      "WHEN NOT MATCHED THEN DO NOTHING",
                                      "COPY people TO STDOUT",
                                      "COPY (",
                                      ") TO STDOUT",
                                      "COPY people (id, mail) TO STDOUT",
                                      "EXPLAIN",
                                      "EXPLAIN ANALYZE",
                                      "PREPARE a AS",
                                      "DECLARE c CURSOR FOR",
                                      "TABLESAMPLE system (10)",
                                      "TABLESAMPLE bernoulli (5) REPEATABLE (1)",
                                      "ctid",
                                      "tableoid",
                                      "xmin",
                                      "CASE WHEN",
                                      "THEN",
                                      "ELSE",
                                      "END",
                                      "IS NULL",
                                      "IN (SELECT id FROM people)",
                                      "::text",
                                      "::people",
                                      "CAST(p AS text)",
                                      "NULL",
                                      "1",
                                      "'x'",
                                      "$1",
                                      "\"people\"",
                                      "\"Mail\"",
                                      "U&\"people\"",
                                      "/* people */",
                                      "-- people\n",
                                      ";",
                                      "AND",
                                      "OR",
                                      "NOT",
                                      "ANY",
                                      "ALL",
                                      "ROW(p.*)",
                                      "[1]",
                                      "[1:2]",
                                      "||",
                                      "COLLATE \"C\"",
                                      "AT TIME ZONE 'UTC'",
                                      "FILTER (WHERE true)",
                                      "WITHIN GROUP (ORDER BY pin)",
                                      "GROUPING SETS ((id), ())",
                                      "LATERAL (SELECT p.ssn) y",
                                      "y",
                                      "y.ssn",
                                      "generate_series(1, 2) g",
                                      "unnest(ARRAY[p])",
                                      "people p",
                                      "people p JOIN people q ON p.id = q.id",
                                      "q.mail",
                                      "FETCH FIRST 1 ROWS WITH TIES",
                                      "MATERIALIZED",
                                      "NOT MATERIALIZED",
                                      "SEARCH DEPTH FIRST BY id SET s" };
enum { N_PIECES = sizeof pieces / sizeof *pieces, WORDS_MOST = 256 };

struct words {
    struct bytes items[WORDS_MOST];
    size_t n;
};

static struct words cut(struct bytes text)
{
    struct words w = { .n = 0 };
    size_t at = 0;
    while (w.n < WORDS_MOST) {
        struct token t = token_next(text, &at);
        if (t.kind == TOKEN_END) break;
        w.items[w.n++] = t.text;
    }
    return w;
}

static unsigned draw(unsigned *state, unsigned below)
{
    *state = *state * 1103515245U + 12345U;
    return below ? (*state >> 8) % below : 0;
}

static void insert(struct words *w, size_t at, struct bytes word)
{
    if (w->n == WORDS_MOST) return;
    memmove(&w->items[at + 1], &w->items[at], (w->n - at) * sizeof *w->items);
    w->items[at] = word;
    w->n++;
}

static void change(struct words *w, unsigned *state)
{
    struct bytes piece = bytes_of(pieces[draw(state, N_PIECES)]);
    size_t at = draw(state, (unsigned)w->n + 1);
    switch (draw(state, 6)) {
    case 0:
    case 1: insert(w, at, piece); break;
    case 2:
        if (at < w->n) w->items[at] = piece;
        break;
    case 3:
        if (at >= w->n) break;
        memmove(&w->items[at], &w->items[at + 1], (w->n - at - 1) * sizeof *w->items);
        w->n--;
        break;
    case 4:
        if (w->n) insert(w, at, w->items[draw(state, (unsigned)w->n)]);
        break;
    default:
        if (at + 1 < w->n) {
            struct bytes other = w->items[at];
            w->items[at] = w->items[at + 1];
            w->items[at + 1] = other;
        }
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    unsigned state = seed * 2654435761U;
    uint8_t *copy = malloc(size + 1);
    struct buf out;
    if (!copy || draw(&state, 16) == 0) {
        free(copy);
        return LLVMFuzzerMutate(data, size, most);
    }
    if (size) memcpy(copy, data, size);
    struct words w = cut(bytes_make(copy, size));
    for (unsigned i = 1 + draw(&state, 4); i > 0; i--)
        change(&w, &state);
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < w.n; i++) {
        if (i) buf_append_text(&out, " ");
        buf_append(&out, w.items[i]);
    }
    size_t n = buf_length(&out) < most ? buf_length(&out) : most;
    if (n) memcpy(data, buf_bytes(&out).p, n);
    buf_free(&out);
    free(copy);
    return n;
}

/* ---- what must hold */

/* Whether the judge would let it pass. */
static bool is_sent(const struct sql_facts *facts, bool in_conditions)
{
    uint32_t plain =
        EFFECT_READ | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_WRITE | EFFECT_LOCK | EFFECT_BULK_OUT;
    uint32_t refused = SQL_USE_WRITTEN | SQL_USE_STORED | (in_conditions ? 0 : SQL_USE_PREDICATE);
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        if (s->unresolved_code || s->unmaskable.n || s->effects & ~plain) return false;
        for (size_t k = 0; k < s->n_columns; k++) {
            uint32_t uses = s->columns[k].uses;
            if (s->columns[k].attribute == 0) uses &= ~(uint32_t)SQL_USE_WRITTEN;
            if (s->columns[k].masked && uses & refused) return false;
        }
    }
    return true;
}

/* COPY of a table becomes one of a query, which alone has outputs. */
static bool is_copy(const struct sql_statement *s)
{
    return s->effects & EFFECT_BULK_OUT;
}

static void check_outputs(const struct masked *world, const struct sql_facts *sent, struct bytes edited,
                          struct arena *arena)
{
    const struct sql_facts *got;
    CHECK(sql_understand_in(edited, &world->view, arena, &got) == SQL_UNDERSTOOD);
    CHECK(got->n_statements == sent->n_statements);
    for (size_t i = 0; i < sent->n_statements; i++) {
        const struct sql_statement *a = &sent->statements[i], *b = &got->statements[i];
        /* f(column) may be a field's name; f(mask) is a function, which there may be none of. */
        if (is_copy(a) || a->outputs_open || b->outputs_open || b->unresolved_code) continue;
        CHECK(a->n_outputs == b->n_outputs);
        /* In RETURNING a mask that is a part of an expression may give it another name: mail::name. */
        bool writes = a->effects & (EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE);
        for (size_t k = 0; k < a->n_outputs && !writes; k++)
            CHECK(bytes_equal(a->outputs[k].name, b->outputs[k].name));
    }
}

/* What is understood without masks and not with them has edits that could not be proven: none should be. */
static void check_proven(const struct masked *world, struct bytes text, struct arena *arena)
{
    const struct sql_facts *facts;
    CHECK(sql_understand_in(text, &world->view, arena, &facts) != SQL_UNDERSTOOD);
}

static void look(const struct masked *world, struct bytes text, bool in_conditions)
{
    struct arena arena;
    struct buf edited;
    const struct sql_facts *facts;
    struct sql_masking masking = mask_masking(world->ruleset);
    arena_init(&arena, 1 << 16, 64 << 20);
    buf_init(&edited, 16 << 20);
    enum sql_outcome outcome =
        sql_understand_masked(text, &world->view, (struct bytes){ 0 }, &masking, &arena, &facts);
    if (outcome == SQL_HOSTILE) check_proven(world, text, &arena);
    if (outcome == SQL_UNDERSTOOD && is_sent(facts, in_conditions)) {
        sql_edits_apply(text, facts->edits, facts->n_edits, &edited);
        if (in_conditions)
            CHECK(!masked_is_used(world, buf_bytes(&edited), &arena));
        else
            CHECK(!masked_is_shown(world, buf_bytes(&edited), &arena));
        check_outputs(world, facts, buf_bytes(&edited), &arena);
    }
    buf_free(&edited);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    look(&compared, bytes_make(data, size), true);
    look(&equal, bytes_make(data, size), false);
    return 0;
}
