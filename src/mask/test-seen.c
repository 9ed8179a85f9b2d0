/* Which lists a statement of somebody gets who is masked by `mask`, while somebody else is masked by
 * `others`. */
#include "base/test.h"

#include "mask/seen.h"
#include "mask/test-masked.h"
#include <stdio.h>

static void check(const char *mask, const char *others, const char *text, const char *expected)
{
    struct masked m;
    struct arena arena;
    const struct sql_facts *facts;
    struct mask_seen seen;
    char told[4096];
    masked_init_beside(&m, mask, others);
    arena_init(&arena, 4096, 16 << 20);
    struct sql_masking masking = mask_masking(m.ruleset);
    bool masks = policy_ruleset_masks(m.ruleset);
    assert_int_equal(sql_understand_masked(bytes_of(text), &m.view, (struct bytes){ 0 },
                                           masks ? &masking : NULL, &arena, &facts),
                     SQL_UNDERSTOOD);
    assert_true(mask_seen_of(m.ruleset, &m.view, &facts->statements[0], &arena, &seen));
    assert_int_equal(seen.n_left_out, 0);
    snprintf(told, sizeof told, "masked %.*s; clear %.*s; outputs %.*s", BYTES_FMT(seen.masked),
             BYTES_FMT(seen.clear), BYTES_FMT(seen.outputs));
    assert_int_equal(seen.untraced.n, 0);
    assert_string_equal(told, expected);
    arena_free(&arena);
    masked_free(&m);
}

#define OTHERS "[{ columns: [\"public.people.mail\", \"public.payments.card\"], with: redact }]"

static void what_is_masked_is_marked_with_the_output_that_shows_it(void **state)
{
    (void)state;
    check(NULL, "[]", "SELECT id, upper(mail) FROM people",
          "masked public.people.mail; clear ; outputs -, masked");
    check(NULL, "[]", "SELECT ref FROM contacts",
          "masked public.contacts.ref, public.people.ssn; clear ; outputs masked");
    check(NULL, "[]", "SELECT count(*) FROM people", "masked ; clear ; outputs ");
    check(NULL, "[]", "SELECT id FROM people WHERE ssn = 'x' ORDER BY mail", "masked ; clear ; outputs ");
    check(NULL, "[]", "UPDATE people SET name = 'x' RETURNING mail",
          "masked public.people.mail; clear ; outputs masked");
    check(NULL, "[]", "COPY payments_1 TO STDOUT",
          "masked public.payments_1.card, public.payments.card; clear ; outputs masked, -");
}

static void what_others_see_masked_is_marked_where_it_comes_out_clear(void **state)
{
    (void)state;
    check("[]", OTHERS, "SELECT id, mail FROM people", "masked ; clear public.people.mail; outputs -, clear");
    check("[]", OTHERS, "SELECT k FROM contacts", "masked ; clear ; outputs ");
    check("[]", OTHERS, "SELECT length(p.mail || 'x') FROM (SELECT * FROM people) p",
          "masked ; clear public.people.mail; outputs clear");
    check("[]", OTHERS, "SELECT id FROM people WHERE mail = 'x'", "masked ; clear ; outputs ");
    check("[]", OTHERS, "SELECT card FROM payments_1",
          "masked ; clear public.payments_1.card, public.payments.card; outputs clear");
    check("[]", "[]", "SELECT mail FROM people", "masked ; clear ; outputs ");
}

static void a_whole_row_is_each_of_its_columns(void **state)
{
    (void)state;
    check("[]", OTHERS, "SELECT p FROM people p",
          "masked ; clear public.people.mail, public.people.loud; outputs clear");
    check("[]", OTHERS, "SELECT mail, p FROM people p",
          "masked ; clear public.people.mail, public.people.loud; outputs clear, clear");
    check(NULL, OTHERS, "SELECT p FROM people p",
          "masked public.people.mail, public.people.ssn, public.people.pin, public.people.loud; clear ; "
          "outputs masked");
}

static void a_tag_makes_a_column_worth_telling(void **state)
{
    (void)state;
    check("[]", "[]", "SELECT id, secret FROM tagged",
          "masked ; clear public.tagged.secret; outputs -, clear");
    check("[{ columns: [\"public.people.mail\"], with: redact, predicates: masked }]", "[]",
          "SELECT mail, secret, people.id FROM people, tagged",
          "masked public.people.mail; clear public.tagged.secret; outputs masked, clear, -");
}

static void without_a_catalogue_relations_are_told_where_somebody_is_masked(void **state)
{
    struct masked m;
    struct arena arena;
    const struct sql_facts *facts;
    struct mask_seen seen;
    (void)state;
    for (int masks = 0; masks < 2; masks++) {
        masked_init_beside(&m, "[]", masks ? OTHERS : "[]");
        arena_init(&arena, 4096, 16 << 20);
        struct bytes text = BYTES_LITERAL("SELECT * FROM public.\"Odd, \"\"one\", people; DELETE FROM x");
        assert_int_equal(sql_understand(text, &arena, &facts), SQL_UNDERSTOOD);
        assert_true(mask_seen_of(m.ruleset, NULL, &facts->statements[0], &arena, &seen));
        assert_true(bytes_is(seen.untraced, masks ? "public.\"Odd, \"\"one\", people" : ""));
        assert_int_equal(seen.masked.n + seen.clear.n + seen.outputs.n, 0);
        arena_free(&arena);
        masked_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_masked_is_marked_with_the_output_that_shows_it),
        cmocka_unit_test(what_others_see_masked_is_marked_where_it_comes_out_clear),
        cmocka_unit_test(a_whole_row_is_each_of_its_columns),
        cmocka_unit_test(a_tag_makes_a_column_worth_telling),
        cmocka_unit_test(without_a_catalogue_relations_are_told_where_somebody_is_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
