#include "base/test.h"

#include "json/read.h"
#include "json/writer.h"

static void an_object_of_everything_reads_as_written(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    struct json_writer w = json_writer_over(&out);
    json_write_object(&w);
    json_write_text_member(&w, "a", bytes_of("x"));
    json_write_name(&w, "list");
    json_write_array(&w);
    json_write_int(&w, INT64_MIN);
    json_write_uint(&w, UINT64_MAX);
    json_write_double(&w, 0.1);
    json_write_double(&w, 1.0 / 0.0);
    json_write_object(&w);
    json_write_end(&w);
    json_write_array(&w);
    json_write_end(&w);
    json_write_null(&w);
    json_write_end(&w);
    json_write_bool_member(&w, "yes", true);
    json_write_int_member(&w, "zero", 0);
    json_write_time_member(&w, "at", 0);
    json_write_end(&w);
    assert_bytes(buf_bytes(&out),
                 "{\"a\":\"x\",\"list\":[-9223372036854775808,18446744073709551615,0.1,null,{},[],null],"
                 "\"yes\":true,\"zero\":0,\"at\":\"1970-01-01T00:00:00.000000Z\"}");
    buf_free(&out);
}

static void what_is_no_text_comes_as_hex(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    struct json_writer w = json_writer_over(&out);
    json_write_object(&w);
    json_write_bytes_member(&w, "text", bytes_of("gr\xC3\xBC\xC3\x9F"));
    json_write_bytes_member(&w, "none", (struct bytes){ 0 });
    json_write_bytes_member(&w, "raw", bytes_of("\xFF\x01"));
    json_write_end(&w);
    assert_bytes(buf_bytes(&out),
                 "{\"text\":\"gr\xC3\xBC\xC3\x9F\",\"none\":\"\",\"raw\":{\"hex\":\"ff01\"}}");
    buf_free(&out);
}

static void what_could_mislead_a_reader_is_escaped(void **state)
{
    (void)state;
    const struct {
        struct bytes in;
        const char *out;
    } cases[] = {
        { BYTES_LITERAL("plain"), "plain" },
        { BYTES_LITERAL("\"\\\n\r\t"), "\\\"\\\\\\n\\r\\t" },
        { BYTES_LITERAL("\0\x01\x1b[2J\x7f"), "\\u0000\\u0001\\u001b[2J\\u007f" },
        { BYTES_LITERAL("\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0"), "\\u0080\\u009b\\u009f\xC2\xA0" },
        { BYTES_LITERAL("\xE2\x80\xA8\xE2\x80\xAE\xE2\x81\xA6"), "\\u2028\\u202e\\u2066" },
        { BYTES_LITERAL("\xEF\xBB\xBF"), "\\ufeff" },
        { BYTES_LITERAL("gr\xC3\xBC\xC3\x9F \xF0\x9F\x90\x98"), "gr\xC3\xBC\xC3\x9F \xF0\x9F\x90\x98" },
        /* Not UTF-8: a lone continuation, an overlong slash, a surrogate, past the end, cut short. */
        { BYTES_LITERAL("a\x80z"), "a\\ufffdz" },
        { BYTES_LITERAL("\xC0\xAF"), "\\ufffd\\ufffd" },
        { BYTES_LITERAL("\xED\xA0\x80"), "\\ufffd\\ufffd\\ufffd" },
        { BYTES_LITERAL("\xF4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { BYTES_LITERAL("\xE2\x82"), "\\ufffd\\ufffd" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;
        buf_init(&out, 4096);
        json_escape(&out, cases[i].in);
        assert_bytes(buf_bytes(&out), cases[i].out);
        buf_free(&out);
    }
}

static void every_character_reads_back_as_itself(void **state)
{
    (void)state;
    for (uint32_t point = 1; point <= 0xFFFF; point++) {
        if (point >= 0xD800 && point < 0xE000) continue;
        uint8_t text[3];
        size_t n = 0;
        if (point < 0x80) {
            text[n++] = (uint8_t)point;
        } else if (point < 0x800) {
            text[n++] = (uint8_t)(0xC0 | point >> 6);
            text[n++] = (uint8_t)(0x80 | (point & 63));
        } else {
            text[n++] = (uint8_t)(0xE0 | point >> 12);
            text[n++] = (uint8_t)(0x80 | (point >> 6 & 63));
            text[n++] = (uint8_t)(0x80 | (point & 63));
        }
        struct buf out;
        buf_init(&out, 4096);
        struct json_writer w = json_writer_over(&out);
        json_write_object(&w);
        json_write_text_member(&w, "x", bytes_make(text, n));
        json_write_end(&w);
        json_t *object;
        assert_int_equal(json_read_object(buf_bytes(&out), 4096, 2, &object), JSON_READ);
        struct bytes back;
        assert_int_equal(json_member_text(object, "x", &back), JSON_MEMBER_FOUND);
        assert_true(bytes_equal(back, bytes_make(text, n)));
        json_decref(object);
        buf_free(&out);
    }
}

static void a_full_buffer_shows_as_failed(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8);
    struct json_writer w = json_writer_over(&out);
    json_write_array(&w);
    json_write_text(&w, bytes_of("longer than eight"));
    json_write_end(&w);
    assert_true(out.failed);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_of_everything_reads_as_written),
        cmocka_unit_test(what_is_no_text_comes_as_hex),
        cmocka_unit_test(what_could_mislead_a_reader_is_escaped),
        cmocka_unit_test(every_character_reads_back_as_itself),
        cmocka_unit_test(a_full_buffer_shows_as_failed),
    };
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
