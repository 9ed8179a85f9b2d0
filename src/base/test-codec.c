#include "base/test.h"

#include "base/codec.h"

static void base64_round_trips_and_is_strict(void **state)
{
    (void)state;
    /* RFC 4648, section 10. */
    const char *plain[] = { "", "f", "fo", "foo", "foob", "fooba", "foobar" };
    const char *coded[] = { "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
    struct buf b;
    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        codec_base64(CODEC_BASE64, bytes_of(plain[i]), &b);
        assert_bytes(buf_bytes(&b), coded[i]);
        buf_consume(&b, buf_length(&b));
        assert_true(codec_unbase64(CODEC_BASE64, bytes_of(coded[i]), &b));
        assert_bytes(buf_bytes(&b), plain[i]);
        buf_consume(&b, buf_length(&b));
    }
    const char *bad[] = { "Zg=", "Zg", "Zh==", "Zm9=", "Z===", "Zm9v!", "====", "Zg==Zg==" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(codec_unbase64(CODEC_BASE64, bytes_of(bad[i]), &b));
    assert_false(codec_unbase64(CODEC_BASE64URL, bytes_of("Zg=="), &b));
    assert_false(codec_unbase64(CODEC_BASE64URL, bytes_of("a+b/"), &b));
    assert_true(codec_unbase64(CODEC_BASE64URL, bytes_of("-_-_"), &b));
    buf_free(&b);
}

static void crc32c_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t zeros[32] = { 0 };
    assert_int_equal(codec_crc32c(0, bytes_make(zeros, 32)), 0x8A9136AAU); /* RFC 3720, B.4 */
    assert_int_equal(codec_crc32c(0, bytes_of("123456789")), 0xE3069283U);
    assert_int_equal(codec_crc32c(codec_crc32c(0, bytes_of("1234")), bytes_of("56789")), 0xE3069283U);
}

/* The definition, a bit at a time. */
static uint32_t crc32c_by_definition(uint32_t crc, const uint8_t *p, size_t n)
{
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78U : 0);
    }
    return ~crc;
}

static void crc32c_is_right_for_every_length_and_alignment(void **state)
{
    (void)state;
    enum { MOST = 10000 };
    static uint8_t text[MOST + 16];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof text; i++) {
        seed = seed * 1103515245 + 12345;
        text[i] = (uint8_t)(seed >> 16);
    }
    for (size_t shift = 0; shift < 16; shift++) {
        uint32_t expected = (uint32_t)shift; /* goes on from any value, a byte further each time */
        for (size_t n = 0; n <= MOST; n++) {
            if (codec_crc32c((uint32_t)shift, bytes_make(text + shift, n)) != expected)
                fail_msg("%zu bytes at %zu", n, shift);
            expected = crc32c_by_definition(expected, text + shift + n, 1);
        }
    }
    uint8_t ones[32], up[32], down[32]; /* RFC 3720, B.4 */
    for (uint8_t i = 0; i < 32; i++) {
        ones[i] = 0xFF;
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(codec_crc32c(0, bytes_make(ones, 32)), 0x62A8AB43U);
    assert_int_equal(codec_crc32c(0, bytes_make(up, 32)), 0x46DD794EU);
    assert_int_equal(codec_crc32c(0, bytes_make(down, 32)), 0x113FDB5CU);
}

static void hexadecimal_round_trips(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    codec_hex(bytes_make("\x00\xFF\x1a", 3), &b);
    assert_bytes(buf_bytes(&b), "00ff1a");
    assert_false(codec_unhex(bytes_of("0"), &b));
    assert_false(codec_unhex(bytes_of("0g"), &b));
    assert_true(codec_unhex(bytes_of("6F6b"), &b));
    assert_bytes(buf_bytes(&b), "00ff1aok");
    buf_free(&b);
}

static void times_are_written_in_utc(void **state)
{
    (void)state;
    char text[28];
    codec_time(1795250712123456, text);
    assert_string_equal(text, "2026-11-21T08:45:12.123456Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_round_trips_and_is_strict),
        cmocka_unit_test(crc32c_gives_the_published_values),
        cmocka_unit_test(crc32c_is_right_for_every_length_and_alignment),
        cmocka_unit_test(hexadecimal_round_trips),
        cmocka_unit_test(times_are_written_in_utc),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
