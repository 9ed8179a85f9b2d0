#include "base/test.h"

#include "record/frame.h"

static void every_type_has_the_name_in_the_table(void **state)
{
    (void)state;
    assert_string_equal(frame_type_name(FRAME_QUERY), "query");
    assert_string_equal(frame_type_name(FRAME_SEALED), "sealed");
    assert_string_equal(frame_type_name(0), "unknown");
    assert_string_equal(frame_type_name(255), "unknown");
}

static void fields_come_back_as_they_went_in(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_put_u32(&b, 7); /* a list may stand behind something else */
    struct frame_fields f = frame_fields_begin(&b);
    frame_fields_add(&f, "raw", bytes_make("a\0b", 3));
    frame_fields_add_text(&f, "user", "an agent");
    frame_fields_add_text(&f, "absent", NULL);
    frame_fields_add_text(&f, "empty", "");
    frame_fields_add_number(&f, "n", INT64_MIN);
    frame_fields_add_text(&f, "user", "a second one");
    struct bytes fields = bytes_slice(buf_bytes(&b), 4, SIZE_MAX);
    assert_true(bytes_equal(frame_fields_get(fields, "raw"), bytes_make("a\0b", 3)));
    assert_bytes(frame_fields_get(fields, "user"), "an agent");
    assert_null(frame_fields_get(fields, "absent").p);
    assert_non_null(frame_fields_get(fields, "empty").p);
    assert_int_equal(frame_fields_get(fields, "empty").n, 0);
    assert_bytes(frame_fields_get(fields, "n"), "-9223372036854775808");
    buf_free(&b);
}

static void a_cut_or_padded_list_gives_nothing(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 16);
    struct frame_fields f = frame_fields_begin(&b);
    frame_fields_add_text(&f, "one", "1");
    frame_fields_add_text(&f, "two", "2");
    struct bytes whole = buf_bytes(&b);
    for (size_t n = 0; n < whole.n; n++)
        assert_null(frame_fields_get(bytes_slice(whole, 0, n), "one").p);
    assert_bytes(frame_fields_get(whole, "one"), "1");
    buf_put_u8(&b, 0);
    assert_null(frame_fields_get(buf_bytes(&b), "one").p);
    buf_free(&b);
}

static void session_numbers_are_thirteen_characters_in_order(void **state)
{
    (void)state;
    const uint64_t some[] = { 0, 1, 31, 32, 1ULL << 22, 1795250000000ULL << 22, UINT64_MAX - 1, UINT64_MAX };
    char last[14] = "";
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        char text[14];
        uint64_t back = 0;
        session_id_format(some[i], text);
        assert_int_equal(strlen(text), 13);
        assert_true(strcmp(last, text) < 0);
        memcpy(last, text, sizeof last);
        assert_true(session_id_parse(bytes_of(text), &back));
        assert_true(back == some[i]);
    }
    assert_string_equal(last, "fzzzzzzzzzzzz");
}

static void a_session_number_is_read_as_people_write_it_and_nothing_else(void **state)
{
    (void)state;
    uint64_t n = 9;
    assert_true(session_id_parse(bytes_of("000000000001O"), &n));
    assert_true(n == 32);
    assert_true(session_id_parse(bytes_of("00000000000iL"), &n));
    assert_true(n == 33);
    assert_true(session_id_parse(bytes_of("FZZZZZZZZZZZZ"), &n));
    n = 9;
    assert_false(session_id_parse(bytes_of("gzzzzzzzzzzzz"), &n));
    assert_false(session_id_parse(bytes_of("000000000000u"), &n));
    assert_false(session_id_parse(bytes_of("000000000000"), &n));
    assert_false(session_id_parse(bytes_of("00000000000000"), &n));
    assert_false(session_id_parse(bytes_make("000000000000\0", 13), &n));
    assert_true(n == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_the_name_in_the_table),
        cmocka_unit_test(fields_come_back_as_they_went_in),
        cmocka_unit_test(a_cut_or_padded_list_gives_nothing),
        cmocka_unit_test(session_numbers_are_thirteen_characters_in_order),
        cmocka_unit_test(a_session_number_is_read_as_people_write_it_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
