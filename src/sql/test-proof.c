/* Trees side by side: what differs is seen, whichever field it is in, and a schema counts only where it is
 * expected. */
#include "sql/proof.h"

#include "base/test.h"

#include "sql/parse.h"

/* The node that is to get a schema: the first relation of a SELECT, or the function of its first column. */
static const void *first_relation(const List *list)
{
    const SelectStmt *s = (const SelectStmt *)((const RawStmt *)tree_item(list, 0))->stmt;
    return tree_item(s->fromClause, 0);
}
static const void *first_call(const List *list)
{
    const SelectStmt *s = (const SelectStmt *)((const RawStmt *)tree_item(list, 0))->stmt;
    return ((const ResTarget *)tree_item(s->targetList, 0))->val;
}

static enum proof compare(const char *a, const char *b, const void *(*node)(const List *), const char *schema)
{
    struct arena arena;
    struct parse first, second;
    arena_init(&arena, 1 << 12, 1 << 24);
    parse_begin(bytes_of(a), &arena, &first);
    parse_begin(bytes_of(b), &arena, &second);
    assert_false(first.rejected || second.rejected);
    struct proof_edit edit = { .schema = schema };
    if (node) edit.node = node(first.statements);
    enum proof proof = proof_compare(first.statements, second.statements, NULL, &edit, node ? 1 : 0, &arena);
    parse_end(&second);
    parse_end(&first);
    arena_free(&arena);
    return proof;
}

static void equal_texts_but_for_white_space_are_the_same(void **state)
{
    static const char *const pairs[][2] = {
        { "", "" },
        { "SELECT 1", "select  1 -- x" },
        { "SELECT a, b FROM t WHERE c = 'x' AND d IN (1, 2.5, NULL, true, B'1')",
          "SELECT a,b FROM t\nWHERE c='x' AND d IN (1,2.5,NULL,true,B'1')" },
        { "UPDATE t SET (a, b) = (SELECT 1, 2) WHERE x", "UPDATE t SET (a,b) = (SELECT 1, 2) WHERE x" },
        { "DROP TABLE a, b.c; COMMIT", "drop table a,b.c;commit" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(compare(pairs[i][0], pairs[i][1], NULL, NULL), PROOF_SAME);
}

static void a_difference_is_seen_in_any_kind_of_field(void **state)
{
    static const char *const pairs[][2] = {
        { "SELECT 1", "SELECT 2" },
        { "SELECT 1", "SELECT 1.0" },
        { "SELECT 1.0", "SELECT 1.1" },
        { "SELECT 'a'", "SELECT 'b'" },
        { "SELECT B'1'", "SELECT B'0'" },
        { "SELECT true", "SELECT false" },
        { "SELECT NULL", "SELECT 1" },
        { "SELECT $1", "SELECT $2" },
        { "SELECT 1", "SELECT 1; SELECT 2" },
        { "SELECT a", "SELECT b" },
        { "SELECT a", "SELECT a AS a" },
        { "SELECT a", "SELECT a.a" },
        { "SELECT * FROM t", "SELECT * FROM ONLY t" },
        { "SELECT * FROM t", "SELECT * FROM t AS t" },
        { "SELECT * FROM t", "SELECT * FROM s.t" },
        { "SELECT * FROM t", "SELECT * FROM s.t" },
        { "SELECT * FROM t, u", "SELECT * FROM t" },
        { "SELECT * FROM t WHERE a", "SELECT * FROM t" },
        { "SELECT * FROM t ORDER BY a", "SELECT * FROM t ORDER BY a DESC" },
        { "SELECT count(a)", "SELECT count(DISTINCT a)" },
        { "SELECT f(a)", "SELECT s.f(a)" },
        { "SELECT a::int", "SELECT a::int8" },
        { "SELECT a AND b", "SELECT a OR b" },
        { "SELECT 1 UNION SELECT 2", "SELECT 1 UNION ALL SELECT 2" },
        { "DROP TABLE a", "DROP VIEW a" },
        { "DROP TABLE a", "DROP TABLE a CASCADE" },
        { "DROP TABLE a", "DROP TABLE IF EXISTS a" },
        { "COPY t FROM STDIN", "COPY t TO STDOUT" },
        { "COPY t FROM 'a'", "COPY t FROM 'b'" },
        { "BEGIN", "COMMIT" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_int_equal(compare(pairs[i][0], pairs[i][1], NULL, NULL), PROOF_DIFFERENT);
        assert_int_equal(compare(pairs[i][1], pairs[i][0], NULL, NULL), PROOF_DIFFERENT);
    }
}

static void a_schema_counts_where_it_is_expected_and_nowhere_else(void **state)
{
    (void)state;
    const char *t = "SELECT f(a) FROM t, t u";
    assert_int_equal(compare(t, "SELECT f(a) FROM s.t, t u", first_relation, "s"), PROOF_SAME);
    assert_int_equal(compare(t, "SELECT f(a) FROM \"s\".t, t u", first_relation, "s"), PROOF_SAME);
    assert_int_equal(compare(t, "SELECT f(a) FROM s.t, t u", first_relation, "x"), PROOF_DIFFERENT);
    assert_int_equal(compare(t, "SELECT f(a) FROM s.u, t u", first_relation, "s"), PROOF_DIFFERENT);
    assert_int_equal(compare(t, "SELECT f(a) FROM t, s.t u", first_relation, "s"), PROOF_DIFFERENT);
    assert_int_equal(compare(t, "SELECT f(a) FROM s.t, s.t u", first_relation, "s"), PROOF_DIFFERENT);
    assert_int_equal(compare(t, "SELECT f(a) FROM d.s.t, t u", first_relation, "s"), PROOF_DIFFERENT);
    assert_int_equal(compare(t, t, first_relation, "s"), PROOF_DIFFERENT);
    assert_int_equal(compare(t, "SELECT s.f(a) FROM t, t u", first_call, "s"), PROOF_SAME);
    assert_int_equal(compare(t, "SELECT s.g(a) FROM t, t u", first_call, "s"), PROOF_DIFFERENT);
    assert_int_equal(compare(t, "SELECT d.s.f(a) FROM t, t u", first_call, "s"), PROOF_DIFFERENT);
    assert_int_equal(compare("SELECT s.f(a)", "SELECT s.f(a)", first_call, "s"), PROOF_DIFFERENT);
}

static void an_edit_that_is_nowhere_in_the_tree_is_no_proof(void **state)
{
    struct arena arena;
    struct parse one;
    (void)state;
    arena_init(&arena, 1 << 12, 1 << 24);
    parse_begin(bytes_of("SELECT * FROM t"), &arena, &one);
    struct proof_edit edit = { .node = &arena, .schema = "s" };
    assert_int_equal(proof_compare(one.statements, one.statements, NULL, &edit, 1, &arena), PROOF_DIFFERENT);
    assert_int_equal(proof_compare(one.statements, one.statements, NULL, NULL, 0, &arena), PROOF_SAME);
    parse_end(&one);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_but_for_white_space_are_the_same),
        cmocka_unit_test(a_difference_is_seen_in_any_kind_of_field),
        cmocka_unit_test(a_schema_counts_where_it_is_expected_and_nowhere_else),
        cmocka_unit_test(an_edit_that_is_nowhere_in_the_tree_is_no_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
