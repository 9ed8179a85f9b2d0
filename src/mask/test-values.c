/* Numbers in these tests are the examples of the standards and of card networks' test pages; no account has
 * them. */
#include "base/test.h"

#include "mask/values.h"

enum { ALL = VALUES_CARD | VALUES_IBAN | VALUES_EMAIL | VALUES_US_SSN };

static const struct {
    const char *text, *redacted; /* NULL: nothing is found */
} cases[] = {
    { "4111111111111111", "****************" },
    { "pay 4111 1111 1111 1111 now", "pay **** **** **** **** now" },
    { "3782-822463-10005.", "****-******-*****." },
    { "{\"card\":\"5555555555554444\",\"n\":1}", "{\"card\":\"****************\",\"n\":1}" },
    { "x4111111111111111y", "x****************y" },
    { "1 4111111111111111 7", "1 **************** 7" },
    { "4111111111111112", NULL },
    { "1111111111111117", NULL },
    { "4111  1111 1111 1111", NULL },
    { "41111111111111114111111111111111", NULL },
    { "1700000000000", NULL },
    { "4222222222222", "*************" },
    { "422222222222", NULL },
    { "DE89370400440532013000", "**********************" },
    { "to GB82 WEST 1234 5698 7654 32, please", "to **** **** **** **** **** **, please" },
    { "NO93 8601 1117 947", "**** **** **** ***" },
    { "AA93 8601 1117 947", NULL },
    { "from 2024-05-07 2024-05-08 on", NULL },
    { "4111-1111-1111-1111 1", "****-****-****-**** 1" },
    { "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", NULL },
    { "0.4111111111111111", NULL },
    { "owed.4111111111111111", "owed.****************" },
    { "{ann@example.com,bob@example.org}", "{***@*******.***,***@*******.***}" },
    { "mail=ann@example.com?x", "mail=***@*******.***?x" },
    { "ann@example.com@example.org", "***@*******.***@example.org" },
    { "4111111111111111@example.com", "****************@*******.***" },
    { "gb82west12345698765432", "**********************" },
    { "GB82 WEST 1234 5698 7654 33", NULL },
    { "XGB82WEST12345698765432", NULL },
    { "GB82", NULL },
    { "ann@example.com", "***@*******.***" },
    { "<ann.b+c@mail.example.co>, x", "<***.*+*@****.*******.**>, x" },
    { "a@b", NULL },
    { "@example.com", NULL },
    { "ann@.com", NULL },
    { "j\303\266rg@example.com and bob@example.org", "*****@*******.*** and ***@*******.***" },
    { "078-05-1120", "***-**-****" },
    { "secret-literal-219-09-9999.", "secret-literal-***-**-****." },
    { "{\"n\":\"219-09-9999\"}", "{\"n\":\"***-**-****\"}" },
    { "1078-05-1120", NULL },
    { "1-078-05-1120", NULL },
    { "078-05-11200", NULL },
    { "078-05-1120-1", NULL },
    { "000-05-1120", NULL },
    { "666-05-1120", NULL },
    { "978-05-1120", NULL },
    { "078-00-1120", NULL },
    { "078-05-0000", NULL },
    { "078-5-11200", NULL },
    { "", NULL },
};

static void what_looks_like_a_value_is_starred_and_the_rest_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        size_t n = strlen(cases[i].text);
        memcpy(text, cases[i].text, n + 1);
        bool found = values_redact((uint8_t *)text, n, ALL) != 0;
        const char *expected = cases[i].redacted ? cases[i].redacted : cases[i].text;
        if (strcmp(text, expected) != 0) fail_msg("%s: %s, and not %s", cases[i].text, text, expected);
        assert_int_equal(found, cases[i].redacted != NULL);
    }
}

static struct values_found first_of(struct bytes text, uint32_t kinds)
{
    struct values_walk walk = values_begin(text, kinds);
    return values_next(&walk);
}

static void only_what_is_asked_for_is_found(void **state)
{
    (void)state;
    struct bytes text = BYTES_LITERAL("4111111111111111 DE89370400440532013000 ann@example.com");
    struct values_found f = first_of(text, VALUES_IBAN);
    assert_true(f.kind == VALUES_IBAN && f.at == 17 && f.n == 22);
    f = first_of(text, VALUES_EMAIL);
    assert_true(f.kind == VALUES_EMAIL && f.at == 40 && f.n == 15);
    assert_int_equal(first_of(bytes_slice(text, 1, text.n), VALUES_CARD).kind, 0);
    assert_int_equal(first_of(text, 0).kind, 0);
}

static void each_changed_digit_of_a_number_breaks_its_sum(void **state)
{
    (void)state;
    static const char *const numbers[] = { "4111111111111111", "DE89370400440532013000" };
    for (size_t k = 0; k < 2; k++)
        for (size_t i = k ? 2 : 1; numbers[k][i]; i++) {
            char text[32];
            memcpy(text, numbers[k], strlen(numbers[k]) + 1);
            text[i] = text[i] == '9' ? '0' : (char)(text[i] + 1);
            assert_int_equal(first_of(bytes_of(text), k ? VALUES_IBAN : VALUES_CARD).kind, 0);
        }
}

/* In binary an array's element stands behind its length, whose last byte may be a digit. */
static void a_length_in_binary_is_no_digit_of_a_number(void **state)
{
    (void)state;
    struct values_found f = first_of(BYTES_LITERAL("\0\0\0"
                                                   "04111111111111111"),
                                     VALUES_CARD);
    assert_true(f.kind == VALUES_CARD && f.at == 4);
    assert_int_equal(first_of(BYTES_LITERAL("abc04111111111111111"), VALUES_CARD).kind, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_looks_like_a_value_is_starred_and_the_rest_stays),
        cmocka_unit_test(only_what_is_asked_for_is_found),
        cmocka_unit_test(each_changed_digit_of_a_number_breaks_its_sum),
        cmocka_unit_test(a_length_in_binary_is_no_digit_of_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
