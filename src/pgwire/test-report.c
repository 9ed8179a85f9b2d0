#include "base/test.h"

#include "pgwire/message.h"
#include "pgwire/report.h"

#define RAW(text) BYTES_LITERAL(text)

static struct bytes put(struct buf *b, const struct report *report)
{
    buf_free(b);
    report_put_body(b, report);
    assert_true(report_check(buf_bytes(b)));
    return buf_bytes(b);
}

static void a_report_says_what_it_was_given(void **state)
{
    (void)state;
    struct buf b;
    struct message m;
    struct report report = { "FATAL", "28000", RAW("no"), RAW("because"), RAW("ask") };
    buf_init(&b, 1000);
    report_put(&b, MESSAGE_ERROR_RESPONSE, &report);
    assert_int_equal(message_peek(buf_bytes(&b), &m), MESSAGE_WHOLE);
    assert_int_equal(m.type, MESSAGE_ERROR_RESPONSE);
    assert_int_equal(m.whole.n, buf_length(&b));
    assert_true(bytes_equal(m.body, RAW("SFATAL\0VFATAL\0C28000\0Mno\0Dbecause\0Hask\0\0")));
    assert_bytes(report_field(m.body, 'S'), "FATAL");
    assert_bytes(report_field(m.body, 'V'), "FATAL");
    assert_bytes(report_field(m.body, 'C'), "28000");
    assert_bytes(report_field(m.body, 'M'), "no");
    assert_bytes(report_field(m.body, 'D'), "because");
    assert_bytes(report_field(m.body, 'H'), "ask");
    assert_null(report_field(m.body, 'P').p);
    buf_free(&b);
}

static void what_is_empty_is_left_out_but_a_message_there_always_is(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    struct bytes body = put(&b, &(struct report){ "ERROR", "42501" });
    assert_true(bytes_equal(body, RAW("SERROR\0VERROR\0C42501\0Mrefused\0\0")));
    buf_free(&b);
}

static void a_nul_inside_ends_a_text_and_begins_no_field(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    struct report report = { "ERROR", "42501", RAW("a\0C00000"), RAW("\0Hx"), RAW("h") };
    struct bytes body = put(&b, &report);
    assert_bytes(report_field(body, 'C'), "42501");
    assert_bytes(report_field(body, 'M'), "a");
    assert_bytes(report_field(body, 'D'), "");
    assert_bytes(report_field(body, 'H'), "h");
    buf_free(&b);
}

static void only_a_list_of_fields_with_its_end_is_a_report(void **state)
{
    (void)state;
    static const struct {
        bool good;
        struct bytes body;
    } cases[] = {
        { true, RAW("C1\0M2\0\0") },     /* what it takes at least */
        { true, RAW("M2\0qx\0C1\0\0") }, /* in any order, with fields nobody knows */
        { false, RAW("") },              /* nothing */
        { false, RAW("\0") },            /* no fields */
        { false, RAW("M2\0\0") },        /* no SQLSTATE */
        { false, RAW("C1\0\0") },        /* no message */
        { false, RAW("C1\0M2\0") },      /* no end */
        { false, RAW("C1\0M2") },        /* a field without an end */
        { false, RAW("C1\0M2\0\0\0") },  /* something behind it */
        { false, RAW("C1\0\0M2\0\0") },  /* a message behind the end */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(report_check(cases[i].body), cases[i].good);
    assert_false(report_check((struct bytes){ 0 }));
}

static void a_field_is_the_first_of_its_code_before_the_end(void **state)
{
    (void)state;
    assert_bytes(report_field(RAW("Cone\0Ctwo\0\0"), 'C'), "one");
    assert_null(report_field(RAW("Cone\0\0Mtwo\0\0"), 'M').p);
    assert_null(report_field(RAW("Cone\0Mtwo"), 'M').p);
    struct bytes empty = report_field(RAW("M\0\0"), 'M');
    assert_non_null(empty.p);
    assert_int_equal(empty.n, 0);
    assert_null(report_field((struct bytes){ 0 }, 'M').p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_says_what_it_was_given),
        cmocka_unit_test(what_is_empty_is_left_out_but_a_message_there_always_is),
        cmocka_unit_test(a_nul_inside_ends_a_text_and_begins_no_field),
        cmocka_unit_test(only_a_list_of_fields_with_its_end_is_a_report),
        cmocka_unit_test(a_field_is_the_first_of_its_code_before_the_end),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
