/* Any bytes as SQL in a view. Oracles: every relation that is named is resolved, made, or may be missing, or
 * else the statement says that it is unresolved; the edited text, understood in the same view, needs no
 * edits, and tells of the same relations, effects and functions, so that nothing is left to the search path;
 * in a view with another path it still means the same. */
#include "base/arena.h"
#include "catalog/test-catalog.h"
#include "sql/edits.h"
#include "sql/safe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char world[] = "table public.t id:int4! a:text b:text\n"
                            "table public.u id:int4 c:int4\n"
                            "table other.t x:int4\n"
                            "table other.u id:int4\n"
                            "sequence public.s\n"
                            "view public.v id:int4=public.t.id updates=public.t\n"
                            "cascade public.t public.u\n"
                            "child other.u public.u\n"
                            "rule public.u other.t 1\n"
                            "trigger public.u\n"
                            "function pg_catalog.length(text) -> int4 immutable\n"
                            "function pg_catalog.count(any) -> int8 immutable\n"
                            "function public.length(int4) -> int4\n"
                            "function public.f(int4) -> int4\n"
                            "function other.f(public.t) -> int4\n"
                            "type public.mood kind=e\n"
                            "function public.eq(public.mood,public.mood) -> bool\n"
                            "operator public.=(public.mood,public.mood) function=public.eq\n";

static bool optional(const struct sql_statement *s, const struct sql_relation *r)
{
    /* IF EXISTS, and what nextval and its kin take. */
    return (r->access & (EFFECT_SCHEMA | EFFECT_WRITE | EFFECT_READ)) && s->in_view;
}

static void check_statement(const struct sql_statement *s)
{
    CHECK(s->in_view && s->effects != 0);
    CHECK(!s->unresolved_code == !s->unresolved_says.p);
    for (size_t i = 0; i < s->n_relations; i++) {
        const struct sql_relation *r = &s->relations[i];
        CHECK(r->resolved || s->unresolved_code || optional(s, r));
        CHECK(!r->resolved || r->schema.n > 0);
        CHECK(!r->resolved || r->oid || r->made);
        CHECK(!r->through || r->resolved);
        CHECK(r->through || (r->access & ~s->effects) == 0);
    }
}

static void check_same(const struct sql_facts *a, const struct sql_facts *b)
{
    CHECK(a->n_statements == b->n_statements);
    for (size_t i = 0; i < a->n_statements; i++) {
        const struct sql_statement *s = &a->statements[i], *t = &b->statements[i];
        CHECK(s->effects == t->effects && s->n_relations == t->n_relations);
        CHECK(s->writes_beside == t->writes_beside && s->whereless == t->whereless);
        for (size_t r = 0; r < s->n_relations; r++) {
            CHECK(bytes_equal(s->relations[r].name, t->relations[r].name));
            CHECK(bytes_equal(s->relations[r].schema, t->relations[r].schema));
            CHECK(s->relations[r].oid == t->relations[r].oid &&
                  s->relations[r].access == t->relations[r].access);
        }
    }
}

static const struct catalog *catalog;
static struct bytes path[16];

static void check_edited(struct bytes text, const struct sql_facts *facts, const struct catalog_view *view,
                         struct arena *arena)
{
    const struct sql_facts *again;
    struct buf edited;
    buf_init(&edited, 1 << 26);
    sql_edits_apply(text, facts->edits, facts->n_edits, &edited);
    CHECK(sql_understand_in(buf_bytes(&edited), view, arena, &again) == SQL_UNDERSTOOD);
    CHECK(again->n_edits == 0);
    check_same(facts, again);
    buf_free(&edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_make(data, size);
    const struct sql_facts *facts;
    struct arena arena;
    if (!catalog) catalog = catalog_from_text(world);
    struct catalog_view view = catalog_view_of(catalog, "pg_catalog public other", path);
    arena_init(&arena, 1 << 16, 1 << 28);
    if (sql_understand_in(text, &view, &arena, &facts) == SQL_UNDERSTOOD) {
        bool resolves = true;
        for (size_t i = 0; i < facts->n_statements; i++) {
            check_statement(&facts->statements[i]);
            if (facts->statements[i].unresolved_code) resolves = false;
        }
        CHECK(resolves || facts->n_edits == 0);
        if (resolves) check_edited(text, facts, &view, &arena);
    }
    CHECK(facts);
    arena_free(&arena);
    return 0;
}
