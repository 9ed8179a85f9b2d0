#include "base/test.h"

#include "pgwire/message.h"

#define RAW(text) BYTES_LITERAL(text)

struct body_case {
    bool good;
    struct bytes body;
    const char *about;
};
#define EACH(cases, i) for (size_t i = 0; i < sizeof(cases) / sizeof *(cases); i++)

static void judge(const struct body_case *c, bool found)
{
    if (found != c->good) print_error("%s\n", c->about);
    assert_int_equal(found, c->good);
}

static void a_message_is_whole_when_its_last_byte_is_here(void **state)
{
    (void)state;
    static const uint8_t in[] = "Q\0\0\0\x0Dselect 1\0Z\0\0\0\x05I";
    struct message m = { 0 };
    for (size_t n = 0; n < MESSAGE_HEADER; n++)
        assert_int_equal(message_peek(bytes_make(in, n), &m), MESSAGE_MORE);
    for (size_t n = MESSAGE_HEADER; n < 14; n++) {
        assert_int_equal(message_peek(bytes_make(in, n), &m), MESSAGE_PARTIAL);
        assert_int_equal(m.type, MESSAGE_QUERY);
        assert_int_equal(m.body_length, 9);
        assert_int_equal(m.body.n, n - MESSAGE_HEADER);
        assert_int_equal(m.whole.n, n);
    }
    for (size_t n = 14; n < sizeof in; n++) {
        assert_int_equal(message_peek(bytes_make(in, n), &m), MESSAGE_WHOLE);
        assert_int_equal(m.body.n, 9);
        assert_ptr_equal(m.body.p, in + 5);
        assert_ptr_equal(m.whole.p, in);
        assert_int_equal(m.whole.n, 14);
    }
}

static void a_length_counts_itself_and_so_is_at_least_four(void **state)
{
    (void)state;
    struct message m = { 0 };
    for (uint8_t length = 0; length < 4; length++) {
        uint8_t in[] = { 'S', 0, 0, 0, length, 0, 0, 0 };
        assert_int_equal(message_peek(bytes_make(in, sizeof in), &m), MESSAGE_BAD);
    }
    assert_int_equal(message_peek(RAW("S\0\0\0\4"), &m), MESSAGE_WHOLE);
    assert_int_equal(m.body.n, 0);
    assert_int_equal(message_peek(RAW("d\xFF\xFF\xFF\xFFxy"), &m), MESSAGE_PARTIAL);
    assert_true(m.body_length == 0xFFFFFFFBu);
    assert_int_equal(m.body.n, 2);
}

static void what_is_built_is_framed(void **state)
{
    (void)state;
    struct buf b;
    struct message m = { 0 };
    buf_init(&b, 100);
    message_put(&b, MESSAGE_SYNC, (struct bytes){ 0 });
    message_put(&b, MESSAGE_COPY_DATA, RAW("ab"));
    size_t at = message_begin(&b, MESSAGE_QUERY);
    assert_int_equal(at, 12);
    buf_put_cstring(&b, RAW("x"));
    message_finish(&b, at);
    struct bytes expected = RAW("S\0\0\0\4d\0\0\0\6abQ\0\0\0\6x\0");
    assert_true(bytes_equal(buf_bytes(&b), expected));
    buf_consume(&b, 12);
    at = message_begin(&b, MESSAGE_FLUSH);
    assert_int_equal(at, 7);
    message_finish(&b, at);
    assert_int_equal(message_peek(bytes_slice(buf_bytes(&b), 7, 100), &m), MESSAGE_WHOLE);
    assert_int_equal(m.type, MESSAGE_FLUSH);
    buf_free(&b);
}

static void past_its_ceiling_a_buffer_fails_and_no_length_is_written(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    size_t at = message_begin(&b, MESSAGE_QUERY);
    buf_put_cstring(&b, RAW("too long for it"));
    message_finish(&b, at);
    assert_true(b.failed);
    buf_free(&b);
}

static void a_parse_message_comes_back_as_it_was_built(void **state)
{
    (void)state;
    struct buf b;
    struct message m = { 0 };
    struct message_parse parse;
    buf_init(&b, 1000);
    message_parse_encode(&b, RAW("s1"), RAW("select $1"), RAW("\0\0\0\x17\0\0\0\x19"));
    assert_int_equal(message_peek(buf_bytes(&b), &m), MESSAGE_WHOLE);
    assert_int_equal(m.type, MESSAGE_PARSE);
    assert_true(message_parse_decode(m.body, &parse));
    assert_bytes(parse.name, "s1");
    assert_bytes(parse.text, "select $1");
    assert_int_equal(parse.n_types, 2);
    assert_true(bytes_equal(parse.types, RAW("\0\0\0\x17\0\0\0\x19")));
    buf_free(&b);
}

static void a_parse_body_is_two_strings_and_as_many_types_as_it_says(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        { true, RAW("\0\0\0\0"), "no name, no text, no types" },
        { true, RAW("n\0t\0\0\1abcd"), "one type" },
        { false, RAW(""), "nothing" },
        { false, RAW("n\0t"), "a text without an end" },
        { false, RAW("n\0t\0"), "no count" },
        { false, RAW("n\0t\0\0"), "half a count" },
        { false, RAW("n\0t\0\0\1abc"), "a type cut short" },
        { false, RAW("n\0t\0\0\0a"), "something behind it" },
        { false, RAW("n\0t\0\xFF\xFF"), "a count and no types" },
    };
    struct message_parse parse;
    EACH(cases, i) judge(&cases[i], message_parse_decode(cases[i].body, &parse));
}

static void the_names_of_a_bind_are_read_before_the_rest_is_here(void **state)
{
    (void)state;
    struct message_bind bind;
    assert_true(message_bind_decode_names(RAW("p\0s\0\0"), &bind));
    assert_bytes(bind.portal, "p");
    assert_bytes(bind.statement, "s");
    assert_true(message_bind_decode_names(RAW("\0\0"), &bind));
    assert_int_equal(bind.portal.n + bind.statement.n, 0);
    assert_false(message_bind_decode_names(RAW("p\0s"), &bind));
    assert_false(message_bind_decode_names(RAW(""), &bind));
}

static void a_bind_is_checked_to_its_last_byte(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        { true, RAW("\0\0\0\0\0\0\0\0"), "all empty" },
        { true, RAW("p\0s\0\0\1\0\1\0\1\0\0\0\2hi\0\1\0\0"), "one of each" },
        { true, RAW("\0\0\0\0\0\1\xFF\xFF\xFF\xFF\0\0"), "NULL" },
        { true, RAW("\0\0\0\0\0\1\0\0\0\0\0\0"), "an empty value" },
        { false, RAW("\0\0\0\0\0\1\xFF\xFF\xFF\xFE\0\0"), "a length of -2" },
        { false, RAW("\0\0\0\0\0\1\x80\0\0\0\0\0"), "the smallest length" },
        { false, RAW("\0\0\0\0\0\1\0\0\0\3hi\0\0"), "a value that takes from what follows" },
        { false, RAW("\0\0\0\0\0\2\0\0\0\2hi\0\0"), "a value too few" },
        { false, RAW("\0\0\0\2\0\1\0\0\0\0"), "a format too few" },
        { false, RAW("\0\0\0\0\0\0"), "no result formats" },
        { false, RAW("\0\0\0\0\0\0\0\0\0"), "something behind it" },
        { false, RAW("ps"), "no names" },
        { false, RAW(""), "nothing" },
    };
    EACH(cases, i) judge(&cases[i], message_bind_check(cases[i].body));
}

static void execute_names_a_portal_and_how_many_rows(void **state)
{
    (void)state;
    struct message_execute execute;
    assert_true(message_execute_decode(RAW("p\0\0\0\1\2"), &execute));
    assert_bytes(execute.portal, "p");
    assert_int_equal(execute.most_rows, 258);
    assert_false(message_execute_decode(RAW("p\0\0\0\1"), &execute));
    assert_false(message_execute_decode(RAW("p\0\0\0\1\2\3"), &execute));
    assert_false(message_execute_decode(RAW("p"), &execute));
}

static void a_target_is_a_statement_or_a_portal_and_nothing_else(void **state)
{
    (void)state;
    struct message_target t;
    struct message m = { 0 };
    struct buf b;
    assert_true(message_target_decode(RAW("Sname\0"), &t));
    assert_int_equal(t.kind, 'S');
    assert_bytes(t.name, "name");
    assert_true(message_target_decode(RAW("P\0"), &t));
    assert_false(message_target_decode(RAW("T\0"), &t));
    assert_false(message_target_decode(RAW("\0\0"), &t));
    assert_false(message_target_decode(RAW("S"), &t));
    assert_false(message_target_decode(RAW("Sname"), &t));
    assert_false(message_target_decode(RAW("Sname\0\0"), &t));
    assert_false(message_target_decode(RAW(""), &t));
    buf_init(&b, 100);
    message_target_encode(&b, MESSAGE_CLOSE, (struct message_target){ 'P', RAW("q") });
    assert_int_equal(message_peek(buf_bytes(&b), &m), MESSAGE_WHOLE);
    assert_int_equal(m.type, MESSAGE_CLOSE);
    assert_true(bytes_equal(m.body, RAW("Pq\0")));
    buf_free(&b);
}

static void a_string_ends_where_its_body_does(void **state)
{
    (void)state;
    struct bytes text;
    assert_true(message_string_decode(RAW("select 1\0"), &text));
    assert_bytes(text, "select 1");
    assert_true(message_string_decode(RAW("\0"), &text));
    assert_int_equal(text.n, 0);
    assert_false(message_string_decode(RAW(""), &text));
    assert_false(message_string_decode((struct bytes){ 0 }, &text));
    assert_false(message_string_decode(RAW("select 1"), &text));
    assert_false(message_string_decode(RAW("select 1\0; drop\0"), &text));
}

#define EIGHTEEN "\0\0\0\1\0\2\0\0\0\3\0\4\0\0\0\5\0\1"
static void a_row_description_has_as_many_columns_as_it_says(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        { true, RAW("\0\0"), "no columns" },
        { true, RAW("\0\2a\0" EIGHTEEN "\0" EIGHTEEN), "two columns" },
        { false, RAW("\0\2a\0" EIGHTEEN), "a column too few" },
        { false, RAW("\0\1a\0" EIGHTEEN "\0"), "something behind it" },
        { false, RAW("\0\1a\0\0\0\0\1\0\2\0\0\0\3\0\4\0\0\0\5\0"), "a column cut short" },
        { false, RAW("\0\1abcdefghijklmnopqrstuvwxyz"), "a name without an end" },
        { false, RAW("\0"), "half a count" },
        { false, RAW(""), "nothing" },
    };
    uint16_t n;
    EACH(cases, i) judge(&cases[i], message_row_description_check(cases[i].body, &n));
    assert_true(message_row_description_check(cases[1].body, &n));
    assert_int_equal(n, 2);
}

static void the_values_of_a_row_fill_it_exactly(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        { true, RAW("\0\0"), "no values" },
        { true, RAW("\0\3\0\0\0\1a\xFF\xFF\xFF\xFF\0\0\0\0"), "a value, NULL, and an empty one" },
        { false, RAW("\0\1\xFF\xFF\xFF\xFE"), "a length of -2" },
        { false, RAW("\0\1\0\0\0\2a"), "a value cut short" },
        { false, RAW("\0\1\0\0\0\1ab"), "something behind it" },
        { false, RAW("\0\1\0\0\0"), "half a length" },
        { false, RAW("\xFF\xFF"), "values promised" },
        { false, RAW(""), "nothing" },
    };
    EACH(cases, i) judge(&cases[i], message_data_row_check(cases[i].body));
}

static void a_copy_response_is_text_or_binary(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        { true, RAW("\0\0\0"), "text, no columns" },
        { true, RAW("\1\0\2\0\1\0\1"), "binary, two columns" },
        { false, RAW("\2\0\0"), "a third format" },
        { false, RAW("\0\0\2\0\0"), "a column too few" },
        { false, RAW("\0\0\0\0"), "something behind it" },
        { false, RAW("\0\0"), "half a count" },
        { false, RAW(""), "nothing" },
    };
    EACH(cases, i) judge(&cases[i], message_copy_response_check(cases[i].body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_whole_when_its_last_byte_is_here),
        cmocka_unit_test(a_length_counts_itself_and_so_is_at_least_four),
        cmocka_unit_test(what_is_built_is_framed),
        cmocka_unit_test(past_its_ceiling_a_buffer_fails_and_no_length_is_written),
        cmocka_unit_test(a_parse_message_comes_back_as_it_was_built),
        cmocka_unit_test(a_parse_body_is_two_strings_and_as_many_types_as_it_says),
        cmocka_unit_test(the_names_of_a_bind_are_read_before_the_rest_is_here),
        cmocka_unit_test(a_bind_is_checked_to_its_last_byte),
        cmocka_unit_test(execute_names_a_portal_and_how_many_rows),
        cmocka_unit_test(a_target_is_a_statement_or_a_portal_and_nothing_else),
        cmocka_unit_test(a_string_ends_where_its_body_does),
        cmocka_unit_test(a_row_description_has_as_many_columns_as_it_says),
        cmocka_unit_test(the_values_of_a_row_fill_it_exactly),
        cmocka_unit_test(a_copy_response_is_text_or_binary),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
