#include "base/test.h"

#include "base/buf.h"
#include "base/cursor.h"

static void it_is_a_queue(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    uint8_t next_in = 0, next_out = 0;
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 37; i++)
            buf_put_u8(&b, next_in++);
        for (int i = 0; i < 36; i++) {
            assert_int_equal(buf_bytes(&b).p[0], next_out++);
            buf_consume(&b, 1);
        }
    }
    assert_int_equal(buf_length(&b), 500);
    assert_true(b.size <= 2048);
    buf_free(&b);
}

static void past_the_ceiling_it_fails_and_says_so_until_freed(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 300);
    buf_append(&b, bytes_make("0123456789", 10));
    assert_null(buf_room(&b, 291));
    assert_true(b.failed);
    buf_append_text(&b, "x");
    assert_int_equal(buf_length(&b), 10);
    buf_free(&b);
    assert_false(b.failed);
    assert_non_null(buf_room(&b, 300));
    buf_free(&b);
}

static void what_is_put_a_cursor_reads(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    buf_put_u32(&b, 0);
    buf_put_u16(&b, 0xBEEF);
    buf_put_u64(&b, 0x0123456789ABCDEFULL);
    buf_put_cstring(&b, bytes_of("name"));
    buf_put_counted(&b, bytes_of("value"));
    buf_patch_u32(&b, 0, (uint32_t)buf_length(&b));
    struct cursor c = cursor_over(buf_bytes(&b));
    assert_int_equal(cursor_u32(&c), buf_length(&b));
    assert_int_equal(cursor_u16(&c), 0xBEEF);
    assert_true(cursor_u64(&c) == 0x0123456789ABCDEFULL);
    assert_bytes(cursor_cstring(&c), "name");
    assert_bytes(cursor_counted(&c), "value");
    assert_true(cursor_done(&c));
    assert_int_equal(cursor_u8(&c), 0);
    assert_false(cursor_done(&c));
    buf_free(&b);
}

static void a_failed_cursor_stays_failed(void **state)
{
    (void)state;
    struct cursor c = cursor_over(bytes_make("\xFF\xFF\xFF\xFFxy", 6));
    assert_int_equal(cursor_counted(&c).n, 0);
    assert_true(c.failed);
    assert_int_equal(cursor_u8(&c), 0);
    struct cursor d = cursor_over(bytes_of("no nul"));
    assert_int_equal(cursor_cstring(&d).n, 0);
    assert_false(cursor_done(&d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_a_queue),
        cmocka_unit_test(past_the_ceiling_it_fails_and_says_so_until_freed),
        cmocka_unit_test(what_is_put_a_cursor_reads),
        cmocka_unit_test(a_failed_cursor_stays_failed),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
