/* Values as a server of PostgreSQL 15 sends them. Numbers are the examples of the standards and of card
 * networks' test pages; no account has them. */
#include "base/test.h"

#include "mask/look.h"

#define CARD "4111111111111111"
enum {
    BYTEA = 17,
    BYTEAS = 1001,
    INT8 = 20,
    TEXT = 25,
    JSON = 114,
    JSONS = 199,
    FLOAT8 = 701,
    TEXTS = 1009,
    INT8S = 1016
};
enum {
    TIMESTAMP = 1114,
    NUMERIC = 1700,
    RECORD = 2249,
    UUID = 2950,
    JSONB = 3802,
    INT8RANGE = 3926,
    OWN = 20001
};

/* All kinds, by one mask as it is written. */
static struct policy_values rules_of(const char *with)
{
    struct policy_values rules = { 0 };
    for (unsigned v = 0; v < POLICY_N_VALUES; v++) {
        assert_null(policy_mask_parse(bytes_of(with), &rules.by[v]));
        rules.looked |= 1U << v;
        if (rules.by[v].kind > POLICY_MASK_REPORT) rules.masked |= 1U << v;
    }
    return rules;
}

/* What becomes of it: NULL for NULL, else what the caller frees with buf_free. */
static struct buf become(const char *with, uint32_t type, bool binary, struct bytes value,
                         enum look_outcome *outcome_out, struct look_tally *tally)
{
    struct policy_values rules = rules_of(with);
    struct buf out;
    buf_init(&out, 4 << 20);
    *outcome_out = look_value(&rules, look_way(type, binary), value, &out, tally);
    assert_false(out.failed);
    if (*outcome_out != LOOK_CHANGED) assert_int_equal(buf_length(&out), 0);
    return out;
}

/* expected: NULL for NULL; "=" for unchanged. */
static void expect(const char *with, uint32_t type, bool binary, struct bytes value, const char *expected,
                   size_t n)
{
    enum look_outcome outcome;
    struct look_tally tally = { 0 };
    struct buf out = become(with, type, binary, value, &outcome, &tally);
    enum look_outcome wanted = !expected                    ? LOOK_HIDDEN
                               : strcmp(expected, "=") == 0 ? LOOK_SAME
                                                            : LOOK_CHANGED;
    if (outcome != wanted) fail_msg("%s of type %u: outcome %d", with, type, outcome);
    if (wanted == LOOK_CHANGED) {
        if (!bytes_equal(buf_bytes(&out), bytes_make(expected, n)))
            fail_msg("%s of type %u: %.*s", with, type, BYTES_FMT(buf_bytes(&out)));
    }
    buf_free(&out);
}

static void expect_text(const char *with, uint32_t type, const char *value, const char *expected)
{
    expect(with, type, false, bytes_of(value), expected, expected ? strlen(expected) : 0);
}

static void each_mask_puts_its_own_in_the_place_of_what_is_found(void **state)
{
    (void)state;
    static const char text[] = "pay " CARD ", or ask j\303\266rg@example.com";
    expect_text("redact", TEXT, text, "pay ****************, or ask *****@*******.***");
    expect_text("constant(--)", TEXT, text, "pay --, or ask --");
    expect_text("partial(6, 4)", TEXT, text, "pay 411111***1111, or ask j\303\266rg@e***.com");
    expect_text("keep_last(4)", TEXT, text, "pay ***1111, or ask ***.com");
    expect_text("partial_email", TEXT, "j\303\266rg@example.com", "***@example.com");
    expect_text("null", TEXT, text, NULL);
    expect_text("report", TEXT, text, "=");
    expect_text("redact", TEXT, "pay nobody", "=");
    expect_text("redact", TEXT, "", "=");
}

static void what_cannot_hold_stars_becomes_null(void **state)
{
    (void)state;
    expect_text("redact", INT8, CARD, NULL);
    expect_text("redact", NUMERIC, CARD ".00", NULL);
    expect_text("redact", INT8S, "{1," CARD "}", NULL);
    expect_text("redact", INT8RANGE, "[" CARD ",)", NULL);
    expect_text("redact", JSONS, "{\"{\\\"a\\\": " CARD "}\"}", NULL);
    expect_text("report", INT8, CARD, "=");
    expect_text("redact", INT8, "4111111111111112", "=");
    expect_text("redact", TEXTS, "{a," CARD "}", "{a,****************}");
    expect_text("redact", OWN, "(1," CARD ")", "(1,****************)");
}

static void what_cannot_hold_a_value_is_not_looked_at(void **state)
{
    (void)state;
    static const uint32_t none[] = { FLOAT8, TIMESTAMP, UUID };
    for (size_t i = 0; i < 3; i++) {
        expect_text("redact", none[i], CARD, "=");
        expect("redact", none[i], true, BYTES_LITERAL(CARD), "=", 1);
    }
}

static void json_stays_json(void **state)
{
    (void)state;
    expect_text("redact", JSON, "{\"a\\\"b\": " CARD ", \"" CARD "\": \"x " CARD "\"}",
                "{\"a\\\"b\": null, \"****************\": \"x ****************\"}");
    expect_text("constant(x)", JSONB, "[-" CARD ".5e3, \"ann@example.com\"]", "[null, \"x\"]");
    expect_text("null", JSONB, "[" CARD "]", NULL);
    expect("redact", JSONB, true, BYTES_LITERAL("\1[" CARD "]"), "\1[null]", 7);
    expect("redact", JSONB, true, BYTES_LITERAL("\1[1]"), "=", 1);
    expect("redact", JSONB, true, (struct bytes){ 0 }, "=", 1);
}

static void bytea_is_looked_at_as_what_it_stands_for(void **state)
{
    (void)state;
    expect_text("redact", BYTEA, "\\x00616e6e40622e6300", "\\x002a2a2a402a2e2a00");
    expect_text("redact", BYTEA, "\\x00", "=");
    expect_text("redact", BYTEA, "\\x6140622e63", "\\x2a402a2e2a");
    /* Digits that are none of a number: nothing of them is looked at as text. */
    expect_text("redact", BYTEA, "\\xff4111111111111111ff", "=");
    expect_text("redact", OWN, "(\"\\\\x6140622e63\",a@b.c)", "(\"\\\\x2a402a2e2a\",*@*.*)");
    expect_text("redact", JSON, "{\"a\": \"\\\\x6140622e63\", \"b\": " CARD "}",
                "{\"a\": \"\\\\x2a402a2e2a\", \"b\": null}");
    expect_text("null", BYTEA, "\\x6140622e63", NULL);
    expect_text("redact", BYTEAS, "{\"\\\\x6140622e63\"}", NULL);
    expect("redact", BYTEA, true, BYTES_LITERAL("\0ann@b.c\n"), "\0***@*.*\n", 9);
}

static void numbers_in_binary_are_read(void **state)
{
    (void)state;
    expect("redact", INT8, true, BYTES_LITERAL("\x00\x0e\x9b\x08\xa5\x68\xf1\xc7"), NULL, 0);
    expect("redact", INT8, true, BYTES_LITERAL("\0\0\0\0\0\0\0\7"), "=", 1);
    /* 4111 1111 1111 1111: four digits of base 10,000 */
    struct bytes numeric = BYTES_LITERAL("\0\4\0\3\0\0\0\0\x10\x0f\x04\x57\x04\x57\x04\x57");
    expect("redact", NUMERIC, true, numeric, NULL, 0);
    expect("redact", NUMERIC, true, BYTES_LITERAL("\0\1\0\0\0\0\0\0\0\7"), "=", 1);
    expect("redact", INT8RANGE, true, BYTES_LITERAL("\x12\0\0\0\x08\x00\x0e\x9b\x08\xa5\x68\xf1\xc7"), NULL,
           0);
}

static void arrays_and_rows_in_binary_are_put_together_again(void **state)
{
    (void)state;
    /* text[]: { a@b.c, NULL, x } */
#define HEAD(flags, type, n) "\0\0\0\1\0\0\0" flags "\0\0\0" type "\0\0\0" n "\0\0\0\1"
    struct bytes texts = BYTES_LITERAL(HEAD("\1", "\x19", "\3") "\0\0\0\5a@b.c\377\377\377\377\0\0\0\1x");
    static const char starred[] = HEAD("\1", "\x19", "\3") "\0\0\0\5*@*.*\377\377\377\377\0\0\0\1x";
    static const char shorter[] = HEAD("\1", "\x19", "\3") "\0\0\0\1-\377\377\377\377\0\0\0\1x";
    expect("redact", TEXTS, true, texts, starred, sizeof starred - 1);
    expect("constant(-)", TEXTS, true, texts, shorter, sizeof shorter - 1);
    /* bigint[]: the flag for NULLs is set */
    struct bytes numbers =
        BYTES_LITERAL(HEAD("\0", "\x14", "\1") "\0\0\0\x08\x00\x0e\x9b\x08\xa5\x68\xf1\xc7");
    static const char nulled[] = HEAD("\1", "\x14", "\1") "\377\377\377\377";
    expect("redact", INT8S, true, numbers, nulled, sizeof nulled - 1);
    /* a row of an int4 and the text[] */
    struct bytes row = BYTES_LITERAL(
        "\0\0\0\2\0\0\0\x17\0\0\0\4"
        "4111\0\0\3\xf1\0\0\0\x26" HEAD("\1", "\x19", "\3") "\0\0\0\5a@b.c\377\377\377\377\0\0\0\1x");
    static const char changed[] =
        "\0\0\0\2\0\0\0\x17\0\0\0\4"
        "4111\0\0\3\xf1\0\0\0\x26" HEAD("\1", "\x19", "\3") "\0\0\0\5*@*.*\377\377\377\377\0\0\0\1x";
    expect("redact", RECORD, true, row, changed, sizeof changed - 1);
    expect("redact", OWN, true, row, changed, sizeof changed - 1);
    expect("report", OWN, true, row, "=", 1);
}

static void of_an_unknown_type_all_goes_where_its_bytes_hold_a_value(void **state)
{
    (void)state;
    expect("redact", OWN, true, BYTES_LITERAL("\1\2ann@example.com"), NULL, 0);
    expect("redact", OWN, true,
           BYTES_LITERAL("\0\0\0\1\0\0\0"
                         "1" CARD),
           NULL, 0);
    expect("redact", OWN, true, BYTES_LITERAL("\1\2ann"), "=", 1);
}

static void what_is_too_long_is_null_and_counted(void **state)
{
    (void)state;
    static uint8_t much[LOOK_CEILING + 1];
    enum look_outcome outcome;
    struct look_tally tally = { 0 };
    memset(much, 'x', sizeof much);
    struct buf out = become("redact", TEXT, false, bytes_make(much, sizeof much), &outcome, &tally);
    assert_int_equal(outcome, LOOK_HIDDEN);
    assert_int_equal(tally.unseen, 1);
    out = become("report", TEXT, false, bytes_make(much, sizeof much), &outcome, &tally);
    assert_int_equal(outcome, LOOK_SAME);
    assert_int_equal(tally.unseen, 2);
    out = become("redact", FLOAT8, false, bytes_make(much, sizeof much), &outcome, &tally);
    assert_int_equal(outcome, LOOK_SAME);
    assert_int_equal(tally.unseen, 2);
    buf_free(&out);
}

static void each_value_is_counted_by_its_kind(void **state)
{
    (void)state;
    static const char *const masks[] = { "report", "redact", "null", "constant(x)" };
    for (size_t i = 0; i < 4; i++) {
        enum look_outcome outcome;
        struct look_tally tally = { 0 };
        struct buf out =
            become(masks[i], TEXT, false, BYTES_LITERAL(CARD " a@b.c " CARD " GB82WEST12345698765432"),
                   &outcome, &tally);
        assert_int_equal(tally.found[POLICY_VALUE_CARD], 2);
        assert_int_equal(tally.found[POLICY_VALUE_IBAN], 1);
        assert_int_equal(tally.found[POLICY_VALUE_EMAIL], 1);
        buf_free(&out);
    }
}

/* What is only reported does not hide from a mask what stands in it. */
static void a_card_number_in_an_address_is_masked_where_addresses_are_reported(void **state)
{
    (void)state;
    struct policy_values rules = rules_of("redact");
    struct look_tally tally = { 0 };
    struct buf out;
    buf_init(&out, 4096);
    rules.by[POLICY_VALUE_EMAIL].kind = POLICY_MASK_REPORT;
    rules.masked &= ~(1U << POLICY_VALUE_EMAIL);
    assert_int_equal(look_value(&rules, LOOK_BYTES, BYTES_LITERAL(CARD "@example.com"), &out, &tally),
                     LOOK_CHANGED);
    assert_true(bytes_is(buf_bytes(&out), "****************@example.com"));
    assert_int_equal(tally.found[POLICY_VALUE_EMAIL], 1);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mask_puts_its_own_in_the_place_of_what_is_found),
        cmocka_unit_test(what_cannot_hold_stars_becomes_null),
        cmocka_unit_test(what_cannot_hold_a_value_is_not_looked_at),
        cmocka_unit_test(json_stays_json),
        cmocka_unit_test(bytea_is_looked_at_as_what_it_stands_for),
        cmocka_unit_test(numbers_in_binary_are_read),
        cmocka_unit_test(arrays_and_rows_in_binary_are_put_together_again),
        cmocka_unit_test(of_an_unknown_type_all_goes_where_its_bytes_hold_a_value),
        cmocka_unit_test(what_is_too_long_is_null_and_counted),
        cmocka_unit_test(each_value_is_counted_by_its_kind),
        cmocka_unit_test(a_card_number_in_an_address_is_masked_where_addresses_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
