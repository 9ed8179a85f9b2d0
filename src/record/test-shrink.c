#include "base/test.h"

#include "crypto/random.h"
#include "record/shrink.h"
#include <stdlib.h>

struct fixture {
    struct shrink shrink;
    ZSTD_DCtx *zstd;
    uint8_t *body, *back;
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f || !shrink_init(&f->shrink)) return -1;
    f->zstd = ZSTD_createDCtx();
    f->body = malloc(FORMAT_BODY_MAX);
    f->back = malloc(FORMAT_BODY_MAX);
    *state = f;
    return f->zstd && f->body && f->back ? 0 : -1;
}

static int end(void **state)
{
    struct fixture *f = *state;
    shrink_free(&f->shrink);
    ZSTD_freeDCtx(f->zstd);
    free(f->body);
    free(f->back);
    free(f);
    return 0;
}

static void fill(struct fixture *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        f->body[i] = (uint8_t)("0123456789\tname\t2026-11-21\n"[i % 27] + (i / 27 % 11 == 0));
}

static void what_was_shrunk_expands_to_what_it_was(void **state)
{
    struct fixture *f = *state;
    const size_t sizes[] = { SHRINK_LEAST, SHRINK_LEAST + 1, SHRINK_BULK, FORMAT_BODY_MAX };
    for (size_t i = 0; i < 4; i++) {
        size_t n = 0;
        fill(f, sizes[i]);
        struct bytes small = shrink_body(&f->shrink, bytes_make(f->body, sizes[i]));
        assert_true(small.n > 0 && small.n < sizes[i] / 2);
        assert_true(shrink_expand(f->zstd, small, f->back, &n));
        assert_true(bytes_equal(bytes_make(f->back, n), bytes_make(f->body, sizes[i])));
    }
}

static void a_short_body_is_left_to_its_block(void **state)
{
    struct fixture *f = *state;
    fill(f, SHRINK_LEAST);
    assert_int_equal(shrink_body(&f->shrink, bytes_make(f->body, SHRINK_LEAST - 1)).n, 0);
    assert_int_equal(shrink_body(&f->shrink, (struct bytes){ 0 }).n, 0);
}

static void noise_is_tried_ever_less_and_rows_behind_it_are_shrunk_again(void **state)
{
    struct fixture *f = *state;
    unsigned tries = 0, passed = 0;
    random_bytes(f->body, SHRINK_BULK);
    for (int i = 0; i < 200; i++) {
        unsigned pass = f->shrink.pass;
        assert_int_equal(shrink_body(&f->shrink, bytes_make(f->body, SHRINK_BULK)).n, 0);
        if (pass == 0) tries++;
    }
    assert_true(tries >= 10 && tries < 20);
    fill(f, SHRINK_BULK);
    while (shrink_body(&f->shrink, bytes_make(f->body, SHRINK_BULK)).n == 0)
        assert_true(++passed <= 16);
    assert_true(shrink_body(&f->shrink, bytes_make(f->body, SHRINK_BULK)).n > 0);
}

static void what_is_not_one_whole_body_does_not_expand(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;
    fill(f, SHRINK_BULK);
    struct bytes small = shrink_body(&f->shrink, bytes_make(f->body, SHRINK_BULK));
    uint8_t *twice = malloc(small.n * 2 + FORMAT_BODY_MAX);
    assert_non_null(twice);
    assert_false(shrink_expand(f->zstd, (struct bytes){ 0 }, f->back, &n));
    for (size_t cut = 1; cut < small.n; cut += 7)
        assert_false(shrink_expand(f->zstd, bytes_make(small.p, small.n - cut), f->back, &n));
    memcpy(twice, small.p, small.n);
    memcpy(twice + small.n, small.p, small.n);
    assert_false(shrink_expand(f->zstd, bytes_make(twice, small.n * 2), f->back, &n));
    assert_false(shrink_expand(f->zstd, bytes_make(twice, small.n + 1), f->back, &n));
    /* One byte more than a body may have. */
    uint8_t *large = calloc(1, FORMAT_BODY_MAX + 1);
    assert_non_null(large);
    size_t packed = ZSTD_compress(twice, FORMAT_BODY_MAX, large, FORMAT_BODY_MAX + 1, 1);
    assert_false(ZSTD_isError(packed));
    assert_false(shrink_expand(f->zstd, bytes_make(twice, packed), f->back, &n));
    packed = ZSTD_compress(twice, FORMAT_BODY_MAX, large, FORMAT_BODY_MAX, 1);
    assert_true(shrink_expand(f->zstd, bytes_make(twice, packed), f->back, &n));
    assert_int_equal(n, FORMAT_BODY_MAX);
    free(large);
    free(twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_shrunk_expands_to_what_it_was, begin, end),
        cmocka_unit_test_setup_teardown(a_short_body_is_left_to_its_block, begin, end),
        cmocka_unit_test_setup_teardown(noise_is_tried_ever_less_and_rows_behind_it_are_shrunk_again, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_is_not_one_whole_body_does_not_expand, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
