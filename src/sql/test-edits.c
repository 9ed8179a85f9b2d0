/* Edits: inserted, places mapped back, moved to another text of the same template. */
#include "sql/edits.h"

#include "base/test.h"
#include "sql/safe.h"

static const struct sql_edit two[] = { { 14, BYTES_LITERAL("public.") },
                                       { 21, BYTES_LITERAL("\"\xc3\xa9\".") } };
static const char text[] = "SELECT * FROM orders, \xc3\xa9 x";

static void assert_applied(const char *in, const struct sql_edit *edits, size_t n, const char *expected)
{
    struct buf out;
    buf_init(&out, 1000);
    sql_edits_apply(bytes_of(in), edits, n, &out);
    assert_bytes(buf_bytes(&out), expected);
    buf_free(&out);
}

static void edits_stand_in_front_of_their_bytes(void **state)
{
    (void)state;
    assert_applied(text, two, 0, text);
    assert_applied(text, two, 2, "SELECT * FROM public.orders,\"\xc3\xa9\". \xc3\xa9 x");
    struct sql_edit ends[] = { { 0, BYTES_LITERAL("a.") }, { 3, BYTES_LITERAL("b.") } };
    assert_applied("xyz", ends, 2, "a.xyzb.");
    assert_applied("", ends, 1, "a.");
}

static void places_of_errors_come_back_to_the_clients_text(void **state)
{
    struct bytes t = bytes_of("SELECT f(x) FROM t");
    struct sql_edit edits[] = { { 7, BYTES_LITERAL("pg_catalog.") }, { 17, BYTES_LITERAL("public.") } };
    (void)state;
    assert_int_equal(sql_edits_place_back(t, edits, 2, 0), 0);
    assert_int_equal(sql_edits_place_back(t, edits, 2, 1), 1);
    assert_int_equal(sql_edits_place_back(t, edits, 2, 7), 7);
    /* SELECT pg_catalog.f: whatever points into what was inserted points at f. */
    for (uint32_t i = 8; i <= 19; i++)
        assert_int_equal(sql_edits_place_back(t, edits, 2, i), 8);
    assert_int_equal(sql_edits_place_back(t, edits, 2, 20), 9);
    assert_int_equal(sql_edits_place_back(t, edits, 2, 28), 17);
    for (uint32_t i = 29; i <= 36; i++)
        assert_int_equal(sql_edits_place_back(t, edits, 2, i), 18);
    assert_int_equal(sql_edits_place_back(t, edits, 2, 37), 19);
    assert_int_equal(sql_edits_place_back(t, edits, 2, 1000), 19);
    assert_int_equal(sql_edits_place_back(t, NULL, 0, 12), 12);
}

static void places_count_characters_and_not_bytes(void **state)
{
    struct bytes t = bytes_of("\xc3\xa9\xe2\x86\x92 t u");
    struct sql_edit edits[] = { { 6, BYTES_LITERAL("\"\xc3\xa9\".") } };
    (void)state;
    assert_int_equal(sql_edits_place_back(t, edits, 1, 1), 1);
    assert_int_equal(sql_edits_place_back(t, edits, 1, 2), 2);
    assert_int_equal(sql_edits_place_back(t, edits, 1, 4), 4);
    assert_int_equal(sql_edits_place_back(t, edits, 1, 8), 4);
    assert_int_equal(sql_edits_place_back(t, edits, 1, 10), 6);
}

static void edits_move_to_a_text_that_differs_in_literals(void **state)
{
    struct bytes one = bytes_of("SELECT 1, 'a' FROM t WHERE x = 5 AND f(y)");
    struct bytes other = bytes_of("SELECT 12345, 'a longer one' FROM t WHERE x = 5 AND f(y)");
    struct sql_edit edits[] = { { 19, BYTES_LITERAL("public.") }, { 37, BYTES_LITERAL("pg_catalog.") } },
                    moved[2];
    (void)state;
    assert_true(sql_edits_move(one, edits, 2, other, moved));
    assert_applied((const char *)other.p, moved, 2,
                   "SELECT 12345, 'a longer one' FROM public.t WHERE x = 5 AND pg_catalog.f(y)");
    assert_true(sql_edits_move(one, NULL, 0, other, NULL));
}

static void edits_do_not_move_to_a_text_of_other_tokens(void **state)
{
    struct bytes one = bytes_of("SELECT 1 FROM t");
    struct sql_edit edits[] = { { 14, BYTES_LITERAL("public.") } },
                    inside[] = { { 10, BYTES_LITERAL("x.") } }, moved[1];
    (void)state;
    assert_false(sql_edits_move(one, edits, 1, bytes_of("SELECT 'x' FROM t"), moved));
    assert_false(sql_edits_move(one, edits, 1, bytes_of("SELECT 1 FROM"), moved));
    assert_false(sql_edits_move(one, edits, 1, bytes_of("SELECT 1/**/FROM t"), moved));
    assert_false(sql_edits_move(one, inside, 1, one, moved));
}

static void edits_stand_where_only_what_is_behind_them_differs(void **state)
{
    struct bytes one = bytes_of("SELECT a FROM t WHERE x = 5");
    struct sql_edit edits[] = { { 14, BYTES_LITERAL("public.") } };
    (void)state;
    assert_true(sql_edits_stand(one, edits, 1, bytes_of("SELECT a FROM t WHERE x = 1234")));
    assert_true(sql_edits_stand(one, NULL, 0, bytes_of("SELECT 1")));
    assert_false(sql_edits_stand(one, edits, 1, bytes_of("SELECT b FROM t WHERE x = 5")));
    /* Too little behind it to tell. */
    assert_false(sql_edits_stand(bytes_of("SELECT a FROM t"), edits, 1, bytes_of("SELECT a FROM t")));
    /* What is replaced counts, too. */
    edits[0].remove = 8;
    assert_false(sql_edits_stand(one, edits, 1, bytes_of("SELECT a FROM t WHERe x = 5")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_stand_in_front_of_their_bytes),
        cmocka_unit_test(places_of_errors_come_back_to_the_clients_text),
        cmocka_unit_test(places_count_characters_and_not_bytes),
        cmocka_unit_test(edits_move_to_a_text_that_differs_in_literals),
        cmocka_unit_test(edits_do_not_move_to_a_text_of_other_tokens),
        cmocka_unit_test(edits_stand_where_only_what_is_behind_them_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
