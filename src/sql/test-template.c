/* Which texts share a template: a table of pairs. */
#include "base/arena.h"
#include "base/test.h"
#include "sql/facts.h"
#include "sql/safe.h"

static bool template_of(struct bytes text, uint8_t out[SQL_TEMPLATE_BYTES], size_t *n_out)
{
    size_t n_literals;
    return sql_template(text, out, n_out, &n_literals);
}

static bool share(const char *one, const char *other)
{
    uint8_t a[SQL_TEMPLATE_BYTES], b[SQL_TEMPLATE_BYTES];
    size_t n, m;
    if (!template_of(bytes_of(one), a, &n) || !template_of(bytes_of(other), b, &m)) return false;
    return bytes_equal(bytes_make(a, n), bytes_make(b, m));
}

static const struct {
    const char *one, *other;
} together[] = {
    { "SELECT * FROM t WHERE a = 1", "SELECT * FROM t WHERE a = 200" },
    { "SELECT * FROM t WHERE a = 'x'", "SELECT * FROM t WHERE a = ''" },
    { "SELECT a, 1.5 FROM t LIMIT 10", "SELECT a, 2.25 FROM t LIMIT 0" },
    { "INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (1, 'b')" },
    { "UPDATE t SET a = 1 WHERE id = 1", "UPDATE t SET a = 7 WHERE id = 3" },
    { "DELETE FROM t WHERE a = 1 OR a <> 2", "DELETE FROM t WHERE a = 5 OR a <> 6" },
    { "DELETE FROM t WHERE (a = 1) = (a = 2)", "DELETE FROM t WHERE (a = 3) = (a = 4)" },
    { "SELECT a FROM t ORDER BY a LIMIT 1", "SELECT a FROM t ORDER BY a LIMIT 2" },
    { "SELECT a FROM t WHERE a IN (1, 2) ORDER BY a", "SELECT a FROM t WHERE a IN (3, 4) ORDER BY a" },
};

static const struct {
    const char *one, *other;
} apart[] = {
    { "SELECT 1", "SELECT '1'" },
    { "SELECT 1", "SELECT  1" },
    { "SELECT a FROM t WHERE a = 1", "SELECT b FROM t WHERE a = 1" },
    { "SELECT 1", "SELECT 1.0" },
    { "SELECT interval(3) 'x'", "SELECT interval(3.0) 'x'" },
    { "SELECT 2147483647", "SELECT 2147483648" },
    /* What is true of all rows must not hide behind what is not. */
    { "DELETE FROM t WHERE a = 1 OR a <> 2", "DELETE FROM t WHERE a = 1 OR a <> 1" },
    { "DELETE FROM t WHERE a = 1 OR a <> 2", "DELETE FROM t WHERE a = 1 OR a <> 01" },
    { "DELETE FROM t WHERE a = 'x' OR a <> 'y'", "DELETE FROM t WHERE a = 'x' OR a <> 'x'" },
    { "DELETE FROM t WHERE (a = 1) = (a = 2)", "DELETE FROM t WHERE (a = 1) = (a = 1)" },
    { "UPDATE t SET b = 1 WHERE a = 5 OR NOT (a = 6)", "UPDATE t SET b = 1 WHERE a = 5 OR NOT (a = 5)" },
    { "DELETE FROM t WHERE a = 1 + 1", "DELETE FROM t WHERE a = 1 + 2" },
    { "DELETE FROM t WHERE 1 = 2", "DELETE FROM t WHERE 1 = 1" },
    { "DELETE FROM t WHERE a LIKE 'x'", "DELETE FROM t WHERE a LIKE '%'" },
    { "DELETE FROM t WHERE 'f'", "DELETE FROM t WHERE 't'" },
    /* A place in the output is a column. */
    { "SELECT a, b FROM t ORDER BY 1", "SELECT a, b FROM t ORDER BY 2" },
    { "SELECT a, b FROM t ORDER BY b, 1", "SELECT a, b FROM t ORDER BY b, 2" },
    { "SELECT a, b FROM t GROUP BY ROLLUP (1)", "SELECT a, b FROM t GROUP BY ROLLUP (2)" },
    { "SELECT DISTINCT ON (1) a, b FROM t", "SELECT DISTINCT ON (2) a, b FROM t" },
    /* No literal that may be a password, or hold one. */
    { "SELECT dblink('x')", "SELECT dblink('host=h password=p')" },
    { "SELECT f('x')", "SELECT f('OPTIONS (secret ''p'')')" },
    { "SELECT f('x')", "SELECT f('api_key $$p$$')" },
    { "SELECT f('x')", "SELECT f('pg://u:p@h')" },
    /* What another server reads differently. */
    { "SELECT 1", "SELECT 0x1F" },
    { "SELECT 1", "SELECT 1_000" },
    { "SELECT 'x'", "SELECT E'x'" },
    { "SELECT a::float(10)", "SELECT a::float(100)" },
};

static void texts_that_differ_in_plain_literals_share_a_template(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof together / sizeof *together; i++)
        if (!share(together[i].one, together[i].other))
            fail_msg("%s\n%s", together[i].one, together[i].other);
}

static void texts_that_may_mean_different_things_do_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
        if (share(apart[i].one, apart[i].other)) fail_msg("%s\n%s", apart[i].one, apart[i].other);
}

static void too_many_comparisons_are_no_template(void **state)
{
    struct buf text;
    uint8_t template[SQL_TEMPLATE_BYTES];
    size_t n;
    (void)state;
    buf_init(&text, 8192);
    buf_append_text(&text, "DELETE FROM t WHERE a = 1");
    for (int i = 2; i <= 64; i++)
        buf_printf(&text, " OR a = %d", i);
    assert_true(template_of(buf_bytes(&text), template, &n));
    buf_append_text(&text, " OR a = 65");
    assert_false(template_of(buf_bytes(&text), template, &n));
    buf_free(&text);
}

static void a_literal_that_is_a_name_makes_no_template(void **state)
{
    static const char *const texts[] = { "SELECT nextval('s')", "SELECT setval('s', 1)",
                                         "SELECT currval('s')",
                                         "INSERT INTO t VALUES (pg_catalog.nextval('s'))",
                                         "SELECT set_config('work_mem', '1', false)" };
    struct arena arena;
    (void)state;
    arena_init(&arena, 4096, 1 << 20);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct sql_facts *facts;
        assert_int_equal(sql_understand(bytes_of(texts[i]), &arena, &facts), SQL_UNDERSTOOD);
        if (sql_facts_fit_template(facts)) fail_msg("%s", texts[i]);
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_differ_in_plain_literals_share_a_template),
        cmocka_unit_test(texts_that_may_mean_different_things_do_not),
        cmocka_unit_test(a_literal_that_is_a_name_makes_no_template),
        cmocka_unit_test(too_many_comparisons_are_no_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
