/* Any bytes as SQL in a view of a small catalogue. Oracles: every index is in range; "*" is attribute 0 and
 * nothing else; what an output is made of has the use for it, each column once; a plain output has a column.
 * And one that knows what is right: a SELECT around a query, as a sub-select, as a CTE and as an arm of a
 * UNION ALL with itself, gives outputs of the same names, made of the same columns. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "catalog/test-catalog.h"
#include "sql/facts.h"
#include "sql/safe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char world[] = "table public.t a:int4! b:text c:text d:_text\n"
                            "table public.u a:int4! e:text\n"
                            "composite public.r x:text y:text\n"
                            "table public.w k:int4! r:public.r g:text^\n"
                            "partitioned public.p a:int4 b:text\n"
                            "table public.p1 b:text a:int4\n"
                            "child public.p1 public.p\n"
                            "view public.v a:int4=public.t.a z:text=public.t.b+public.u.e decides=public.u.a "
                            "reads=public.t reads=public.u\n"
                            "view public.vv z:text=public.v.z decides=public.v.a reads=public.v\n"
                            "view public.o x:text opaque reads=public.t\n"
                            "function public.f(text) -> text\n"
                            "function public.s() -> public.t set\n"
                            "function public.q(int4) -> record out=m:int4,n:text\n"
                            "operator public.@@@(text,text) function=public.f\n";

static void check_statement(const struct sql_statement *s)
{
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct sql_column *c = &s->columns[i];
        CHECK(c->relation < s->n_relations && c->name.n > 0);
        CHECK(
            !(c->uses & ~(uint32_t)(SQL_USE_OUTPUT | SQL_USE_PREDICATE | SQL_USE_WRITTEN | SQL_USE_STORED)));
        CHECK(c->attribute != 0 || bytes_is(c->name, "*"));
        for (size_t k = 0; k < i && i < 64; k++)
            CHECK(s->columns[k].relation != c->relation || s->columns[k].attribute != c->attribute);
    }
    CHECK(!s->outputs_open || s->n_outputs == 0);
    for (size_t i = 0; i < s->n_outputs; i++) {
        const struct sql_output *o = &s->outputs[i];
        CHECK(!o->plain || o->n_columns > 0);
        for (size_t k = 0; k < o->n_columns; k++) {
            CHECK(o->columns[k] < s->n_columns);
            CHECK(s->columns[o->columns[k]].uses & SQL_USE_OUTPUT);
            for (size_t m = 0; m < k && k < 64; m++)
                CHECK(o->columns[m] != o->columns[k]);
        }
    }
}

/* Whether every column of an output of one statement is in an output of another. */
static bool holds(const struct sql_statement *a, const struct sql_output *of, const struct sql_statement *b,
                  const struct sql_output *in)
{
    for (size_t i = 0; i < of->n_columns; i++) {
        const struct sql_column *c = &a->columns[of->columns[i]];
        bool found = false;
        for (size_t k = 0; k < in->n_columns && !found; k++) {
            const struct sql_column *d = &b->columns[in->columns[k]];
            found = d->attribute == c->attribute &&
                    a->relations[c->relation].oid == b->relations[d->relation].oid;
        }
        if (!found) return false;
    }
    return true;
}

static void check_same(const struct sql_statement *a, const struct sql_statement *b)
{
    CHECK(a->n_outputs == b->n_outputs);
    for (size_t i = 0; i < a->n_outputs; i++) {
        CHECK(bytes_equal(a->outputs[i].name, b->outputs[i].name));
        CHECK(a->outputs[i].opaque == b->outputs[i].opaque);
        CHECK(holds(a, &a->outputs[i], b, &b->outputs[i]));
        CHECK(holds(b, &b->outputs[i], a, &a->outputs[i]));
    }
    for (size_t i = 0; i < a->n_columns; i++)
        if (a->columns[i].uses & SQL_USE_PREDICATE) {
            bool found = false;
            for (size_t k = 0; k < b->n_columns && !found; k++)
                found =
                    a->columns[i].attribute == b->columns[k].attribute &&
                    a->relations[a->columns[i].relation].oid == b->relations[b->columns[k].relation].oid &&
                    (b->columns[k].uses & SQL_USE_PREDICATE);
            CHECK(found);
        }
}

static const struct sql_statement *only(enum sql_outcome outcome, const struct sql_facts *facts)
{
    CHECK(facts);
    if (outcome != SQL_UNDERSTOOD || facts->n_statements != 1) return NULL;
    const struct sql_statement *s = &facts->statements[0];
    return s->unresolved_code || s->outputs_open || !bytes_is(s->tag, "SELECT") ? NULL : s;
}

/* Names must be told apart for the second and third way: `*` takes any. */
static void check_around(struct bytes text, const struct catalog_view *view, const struct sql_statement *s,
                         struct arena *arena)
{
    static const char *const ways[][2] = { { "SELECT * FROM (", "\n) fuzz_x" },
                                           { "WITH fuzz_x AS (", "\n) SELECT * FROM fuzz_x" },
                                           { "SELECT * FROM LATERAL (", "\n) fuzz_x" } };
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        const struct sql_facts *facts;
        struct bytes around = arena_printf(arena, "%s%.*s%s", ways[i][0], BYTES_FMT(text), ways[i][1]);
        CHECK(around.p);
        const struct sql_statement *outer = only(sql_understand_in(around, view, arena, &facts), facts);
        if (outer) check_same(s, outer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct catalog *catalog;
    static struct bytes path[16];
    static struct catalog_view view;
    struct bytes text = bytes_make(data, size);
    struct arena arena;
    const struct sql_facts *facts;
    if (!catalog) {
        catalog = catalog_from_text(world);
        view = catalog_view_of(catalog, "pg_catalog public", path);
    }
    arena_init(&arena, 1 << 16, 1 << 28);
    enum sql_outcome outcome = sql_understand_in(text, &view, &arena, &facts);
    CHECK(facts);
    for (size_t i = 0; i < facts->n_statements; i++)
        if (outcome == SQL_UNDERSTOOD) check_statement(&facts->statements[i]);
    const struct sql_statement *s = only(outcome, facts);
    if (s && size < 4000) check_around(s->text, &view, s, &arena);
    arena_free(&arena);
    return 0;
}
