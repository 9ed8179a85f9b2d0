#include "base/test.h"

#include "mask/test-masked.h"
#include "sql/edits.h"
#include "sql/facts.h"
#include <sys/types.h>

#define PEOPLE                                                                                               \
    "(SELECT \"id\", \"name\", CAST('***' AS \"pg_catalog\".\"text\") AS \"mail\", CAST('***' AS "           \
    "\"pg_catalog\".\"text\") AS \"ssn\", CAST(0 AS \"pg_catalog\".\"int4\") AS \"pin\", CAST('***' AS "     \
    "\"pg_catalog\".\"text\") AS \"loud\" FROM "
#define LOOKS "{looks like data}"
#define TEXT  "CAST('***' AS \"pg_catalog\".\"text\")"

static const struct {
    const char *text, *masked; /* "!…": it cannot be masked, and why */
} cases[] = {
    { "SELECT mail FROM people",
      "SELECT mail FROM (SELECT " TEXT " AS \"mail\" FROM public.people) AS \"people\"" },
    { "SELECT mail FROM people p", "SELECT mail FROM (SELECT " TEXT " AS \"mail\" FROM public.people) p" },
    { "SELECT a FROM people AS p(a)", "SELECT a FROM " PEOPLE "public.people) AS p(a)" },
    { "SELECT 1 FROM ONLY people", "SELECT 1 FROM (SELECT FROM ONLY public.people) AS \"people\"" },
    { "SELECT 1 FROM ONLY ( people ) x", "SELECT 1 FROM (SELECT FROM ONLY ( public.people )) x" },
    { "SELECT 1 FROM people *, orders",
      "SELECT 1 FROM (SELECT FROM public.people *) AS \"people\", public.orders" },
    { "TABLE people", "SELECT * FROM " PEOPLE "public.people) AS \"people\"" },
    { "SELECT public.people.mail FROM public.people",
      "SELECT people.mail FROM (SELECT " TEXT " AS \"mail\" FROM public.people) AS \"people\"" },
    { "SELECT p.mail FROM people p TABLESAMPLE system (10)",
      "SELECT p.mail FROM (SELECT " TEXT
      " AS \"mail\" FROM public.people p TABLESAMPLE system (10)) AS \"p\"" },
    { "SELECT 1 FROM people AS p(a) TABLESAMPLE system (10)",
      "!columns of people are masked for you: a sample of it cannot have new names for columns" },
    { "SELECT ctid FROM people",
      "!people is masked for you: its rows have no system columns (ctid, xmin, tableoid) for you" },
    { "WITH people AS (SELECT 1) SELECT * FROM people", "WITH people AS (SELECT 1) SELECT * FROM people" },
    { "WITH x AS (SELECT ssn FROM people) SELECT * FROM x",
      "WITH x AS (SELECT ssn FROM (SELECT " TEXT
      " AS \"ssn\" FROM public.people) AS \"people\") SELECT * FROM x" },
    { "SELECT * FROM other.people", "SELECT * FROM other.people" },
    { "SELECT ref FROM contacts",
      "SELECT ref FROM (SELECT " TEXT " AS \"ref\" FROM public.contacts) AS \"contacts\"" },
    { "SELECT a FROM odd", "SELECT a FROM (SELECT " TEXT " AS \"a\" FROM public.odd) AS \"odd\"" },
    { "SELECT * FROM payments",
      "SELECT * FROM (SELECT \"id\", " TEXT " AS \"card\" FROM public.payments) AS \"payments\"" },
    { "SELECT secret FROM tagged",
      "SELECT secret FROM (SELECT " TEXT " AS \"secret\" FROM public.tagged) AS \"tagged\"" },
    { "SELECT * FROM pg_stats", "SELECT * FROM (SELECT \"tablename\", CAST(NULL AS \"pg_catalog\".\"_text\") "
                                "AS \"most_common_vals\" FROM pg_catalog.pg_stats) AS \"pg_stats\"" },
    { "COPY payments_1 TO STDOUT",
      "COPY (SELECT " TEXT " AS \"card\", \"id\" AS \"id\" FROM ONLY \"public\".\"payments_1\") TO STDOUT" },
    { "COPY people (id, ssn) TO STDOUT",
      "COPY (SELECT \"id\" AS \"id\", " TEXT " AS \"ssn\" FROM ONLY \"public\".\"people\") TO STDOUT" },
    { "SELECT public.people.mail, id FROM public.people, other.people",
      "SELECT postern_0.mail, id FROM (SELECT \"id\", " TEXT
      " AS \"mail\" FROM public.people) AS \"postern_0\", other.people" },
    { "SELECT other.people.what, public . people . * FROM other.people JOIN public.people ON "
      "public.people.id = other.people.id /* postern_ */",
      "SELECT other.people.what, postern__0 . * FROM other.people JOIN " PEOPLE
      "public.people) AS \"postern__0\" ON postern__0.id = other.people.id /* postern_ */" },
    { "SELECT 1 FROM public.people JOIN orders ON people.id = person JOIN other.people ON true",
      "SELECT 1 FROM (SELECT \"id\" FROM public.people) AS \"postern_0\" JOIN public.orders ON postern_0.id "
      "= person JOIN other.people ON true" },
    { "SELECT people.name FROM public.people, other.people", "!people stands for more than one table" },
    { "SELECT people FROM public.people, other.people", "!people stands for more than one table" },
    { "SELECT people.* FROM public.people, other.people", "!people stands for more than one table" },
    { "SELECT 1 FROM public.people, other.people FOR UPDATE OF people",
      "!people stands for more than one table" },
    { "SELECT o.what FROM public.people, other.people o",
      "SELECT o.what FROM (SELECT FROM public.people) AS \"people\", other.people o" },
    { "UPDATE people SET name = 'x' WHERE id = 1", "UPDATE public.people SET name = 'x' WHERE id = 1" },
    { "UPDATE people SET name = 'x' RETURNING mail, upper(ssn) AS u, id",
      "UPDATE public.people SET name = 'x' RETURNING " TEXT " AS \"mail\", upper((" TEXT ")) AS u, id" },
    { "DELETE FROM payments_1 RETURNING *",
      "DELETE FROM public.payments_1 RETURNING " TEXT " AS \"card\", \"payments_1\".\"id\"" },
    { "UPDATE people SET name = 'x' WHERE ssn = '1'",
      "!ssn is masked for you: in a statement that writes it may stand in RETURNING alone" },
    { "UPDATE people SET name = ssn",
      "!ssn is masked for you: in a statement that writes it may stand in RETURNING alone" },
    { "DELETE FROM people p WHERE p.* IS NULL",
      "!people is masked for you: a statement that writes cannot use its whole row" },
    { "UPDATE people SET name = 'x' RETURNING people",
      "!people is masked for you: RETURNING cannot give its row as one value" },
    { "SELECT name, count(*) FROM people p GROUP BY id",
      "SELECT name, count(*) FROM (SELECT \"id\", \"name\" FROM public.people) p GROUP BY \"p\".\"name\", "
      "id" },
    { "SELECT name, ssn FROM people GROUP BY people.id, 1 ORDER BY name",
      "SELECT name, ssn FROM (SELECT \"id\", \"name\", " TEXT
      " AS \"ssn\" FROM public.people) AS \"people\" GROUP BY \"people\".\"ssn\", people.id, 1 ORDER BY "
      "name" },
    { "SELECT count(*) FROM people GROUP BY name",
      "SELECT count(*) FROM (SELECT \"name\" FROM public.people) AS \"people\" GROUP BY name" },
    { "SELECT p.*, sum(o.id) FROM people p JOIN orders o ON o.person = p.id GROUP BY p.id",
      "SELECT p.*, sum(o.id) FROM " PEOPLE
      "public.people) p JOIN public.orders o ON o.person = p.id GROUP BY \"p\".\"name\", \"p\".\"mail\", "
      "\"p\".\"ssn\", \"p\".\"pin\", \"p\".\"loud\", p.id" },
    { "SELECT name FROM people GROUP BY public.people.id",
      "SELECT name FROM (SELECT \"id\", \"name\" FROM public.people) AS \"people\" GROUP BY "
      "\"people\".\"name\", people.id" },
    { "SELECT name FROM public.people, other.people GROUP BY public.people.id",
      "SELECT name FROM (SELECT \"id\", \"name\" FROM public.people) AS \"postern_0\", other.people GROUP BY "
      "\"postern_0\".\"name\", postern_0.id" },
    { "SELECT pg_get_viewdef ( 1 )",
      "SELECT (SELECT pg_catalog.regexp_replace(pg_get_viewdef ( 1 ), " LOOKS ") AS \"pg_get_viewdef\")" },
    { "SELECT max(PG_CATALOG . \"pg_get_expr\"(x, (SELECT id FROM people))) FROM (SELECT 1) y(x)",
      "SELECT max((SELECT pg_catalog.regexp_replace(PG_CATALOG . \"pg_get_expr\"(x, (SELECT id "
      "FROM "
      "(SELECT \"id\" FROM public.people) AS \"people\")), " LOOKS
      ") AS \"pg_get_expr\")) FROM (SELECT 1) y(x)" },
    { "SELECT obj_description(obj_description(1)::oid)",
      "SELECT (SELECT pg_catalog.regexp_replace(obj_description((SELECT "
      "pg_catalog.regexp_replace(obj_description(1), " LOOKS ") AS \"obj_description\")::oid), " LOOKS
      ") AS \"obj_description\")" },
    { "SELECT 1 FROM pg_get_viewdef(1)",
      "!pg_get_viewdef cannot stand in FROM where columns are masked for you" },
    { "SELECT prosrc, xmin FROM pg_proc",
      "SELECT prosrc, xmin FROM (SELECT CAST(pg_catalog.regexp_replace(CAST(\"prosrc\" AS "
      "pg_catalog.text), " LOOKS
      ") AS \"pg_catalog\".\"text\") AS \"prosrc\", xmin FROM pg_catalog.pg_proc) AS \"pg_proc\"" },
    { "SELECT *, xmin FROM pg_proc",
      "!columns of pg_proc are masked for you: xmin does not go with all its columns" },
    { "SELECT ctid FROM pg_proc",
      "!pg_proc is masked for you: its rows have no system columns (ctid, xmin, tableoid) for you" },
    { "SELECT 1 FROM people GROUP BY id FOR UPDATE OF people",
      "SELECT 1 FROM (SELECT \"id\" FROM public.people) AS \"people\" GROUP BY id FOR UPDATE OF people" },
};

/* With what looks like data. */
static void put_expected(const char *expected, struct buf *out)
{
    struct bytes rest = bytes_of(expected);
    for (ssize_t at; (at = bytes_find(rest, BYTES_LITERAL(LOOKS))) >= 0;
         rest = bytes_slice(rest, (size_t)at + sizeof LOOKS - 1, rest.n)) {
        buf_append(out, bytes_slice(rest, 0, (size_t)at));
        buf_append(out, mask_definition_arguments());
    }
    buf_append(out, rest);
    buf_put_u8(out, 0);
}

static void check(const struct masked *m, const char *text, const char *expected)
{
    struct arena arena;
    const struct sql_facts *facts;
    struct buf out;
    arena_init(&arena, 4096, 16 << 20);
    buf_init(&out, 1 << 20);
    struct sql_masking masking = mask_masking(m->ruleset);
    assert_int_equal(
        sql_understand_masked(bytes_of(text), &m->view, (struct bytes){ 0 }, &masking, &arena, &facts),
        SQL_UNDERSTOOD);
    const struct sql_statement *s = &facts->statements[0];
    if (s->unmaskable.n) {
        buf_printf(&out, "!%.*s", BYTES_FMT(s->unmaskable));
        assert_int_equal(facts->n_edits, 0);
    } else {
        sql_edits_apply(bytes_of(text), facts->edits, facts->n_edits, &out);
        assert_false(masked_is_used(m, buf_bytes(&out), &arena));
    }
    buf_put_u8(&out, 0);
    struct buf wanted;
    buf_init(&wanted, 1 << 20);
    put_expected(expected, &wanted);
    assert_string_equal((const char *)buf_bytes(&out).p, (const char *)buf_bytes(&wanted).p);
    buf_free(&wanted);
    buf_free(&out);
    arena_free(&arena);
}

static void each_mention_of_a_masked_relation_becomes_a_sub_select(void **state)
{
    struct masked m;
    (void)state;
    masked_init(&m, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&m, cases[i].text, cases[i].masked);
    masked_free(&m);
}

static void expect_choice(const struct masked *m, const char *relation, const char *column,
                          enum mask_reason reason, enum policy_mask_kind kind)
{
    const struct catalog_relation *r = catalog_find(&m->view, BYTES_LITERAL("public"), bytes_of(relation));
    assert_non_null(r);
    struct mask_choice choice =
        mask_choose(m->ruleset, &m->view, r, catalog_column_number(r, bytes_of(column)));
    assert_int_equal(choice.reason, reason);
    assert_int_equal(choice.mask.kind, kind);
}

static void what_is_made_of_a_masked_column_is_redacted(void **state)
{
    struct masked m;
    (void)state;
    masked_init(&m, "[{ columns: [\"public.people.ssn\"], with: \"keep_last(4)\", predicates: masked }]");
    expect_choice(&m, "people", "ssn", MASK_BY_POLICY, POLICY_MASK_PARTIAL);
    expect_choice(&m, "people", "name", MASK_CLEAR, POLICY_MASK_NONE);
    expect_choice(&m, "people", "loud", MASK_BY_GENERATED, POLICY_MASK_REDACT);
    expect_choice(&m, "contacts", "ref", MASK_BY_VIEW, POLICY_MASK_REDACT);
    expect_choice(&m, "contacts", "who", MASK_CLEAR, POLICY_MASK_NONE);
    expect_choice(&m, "odd", "a", MASK_BY_OPAQUE, POLICY_MASK_REDACT);
    masked_free(&m);
}

static void what_is_a_masked_column_as_it_is_has_its_mask(void **state)
{
    struct masked m;
    (void)state;
    masked_init(&m, "[{ columns: [\"public.people.ssn\"], with: \"keep_last(4)\", predicates: masked }]");
    expect_choice(&m, "cards", "k", MASK_CLEAR, POLICY_MASK_NONE);
    expect_choice(&m, "cards", "number", MASK_BY_VIEW, POLICY_MASK_PARTIAL);
    expect_choice(&m, "cards", "again", MASK_BY_VIEW, POLICY_MASK_REDACT);
    expect_choice(&m, "cards_deep", "n", MASK_BY_VIEW, POLICY_MASK_PARTIAL);
    expect_choice(&m, "cards_deep", "of", MASK_BY_VIEW, POLICY_MASK_REDACT);
    masked_free(&m);
    masked_init(&m, "[{ columns: [\"public.people.ssn\"], with: \"keep_last(4)\" }, "
                    "{ columns: [\"public.cards.number\"], with: \"null\" }]");
    expect_choice(&m, "people", "ssn", MASK_BY_POLICY, POLICY_MASK_PARTIAL);
    expect_choice(&m, "cards", "number", MASK_BY_POLICY, POLICY_MASK_NULL);
    masked_free(&m);
}

static void a_mask_on_a_partition_is_one_on_the_whole_and_the_other_way_round(void **state)
{
    struct masked m;
    (void)state;
    masked_init(&m, "[{ columns: [\"public.payments_1.card\"], with: \"null\" }]");
    expect_choice(&m, "payments", "card", MASK_BY_RELATIVE, POLICY_MASK_NULL);
    masked_free(&m);
    masked_init(&m, "[{ columns: [\"public.payments.card\"], with: \"null\" }]");
    expect_choice(&m, "payments_1", "card", MASK_BY_RELATIVE, POLICY_MASK_NULL);
    expect_choice(&m, "payments_1", "id", MASK_CLEAR, POLICY_MASK_NONE);
    masked_free(&m);
}

static void of_two_masks_the_more_hiding_counts_and_allows_only_what_both_allow(void **state)
{
    struct masked m;
    (void)state;
    masked_init(
        &m,
        "[{ columns: [\"public.people.ssn\"], with: \"keep_last(4)\", predicates: masked, write: allow }, "
        "{ columns: [\"*.*.ssn\"], with: redact, predicates: masked }]");
    struct policy_mask mask =
        policy_ruleset_mask_of(m.ruleset, BYTES_LITERAL("public"), BYTES_LITERAL("people"),
                               BYTES_LITERAL("ssn"), (struct bytes){ 0 });
    assert_int_equal(mask.kind, POLICY_MASK_REDACT);
    assert_true(mask.compared);
    assert_false(mask.written);
    masked_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mention_of_a_masked_relation_becomes_a_sub_select),
        cmocka_unit_test(what_is_made_of_a_masked_column_is_redacted),
        cmocka_unit_test(what_is_a_masked_column_as_it_is_has_its_mask),
        cmocka_unit_test(a_mask_on_a_partition_is_one_on_the_whole_and_the_other_way_round),
        cmocka_unit_test(of_two_masks_the_more_hiding_counts_and_allows_only_what_both_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
