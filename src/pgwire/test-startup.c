#include "base/test.h"

#include "pgwire/startup.h"
#include <stdio.h>

#define RAW(text) BYTES_LITERAL(text)

struct fixture {
    struct arena arena;
    struct buf buf;
    struct startup s;
};

static int begin(void **state)
{
    static struct fixture f;
    arena_init(&f.arena, 4096, 1 << 20);
    buf_init(&f.buf, 1 << 20);
    *state = &f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    arena_free(&f->arena);
    buf_free(&f->buf);
    return 0;
}

/* A packet with that code or version and what is behind it. */
static enum startup_kind decode(struct fixture *f, uint32_t version, struct bytes rest)
{
    buf_free(&f->buf);
    buf_put_u32(&f->buf, (uint32_t)(8 + rest.n));
    buf_put_u32(&f->buf, version);
    buf_append(&f->buf, rest);
    return startup_decode(buf_bytes(&f->buf), &f->arena, &f->s);
}

static void parameters_come_in_their_order(void **state)
{
    struct fixture *f = *state;
    const struct startup_parameter given[] = { { RAW("user"), RAW("agent") },
                                               { RAW("database"), RAW("shop") },
                                               { RAW("options"), RAW("") } };
    startup_encode(&f->buf, given, 3);
    buf_append(&f->buf, RAW("more"));
    struct bytes in = buf_bytes(&f->buf);
    for (size_t n = 0; n < in.n - 4; n++)
        assert_int_equal(startup_decode(bytes_make(in.p, n), &f->arena, &f->s), STARTUP_MORE);
    assert_int_equal(startup_decode(in, &f->arena, &f->s), STARTUP_SESSION);
    assert_int_equal(f->s.length, in.n - 4);
    assert_int_equal(f->s.version, STARTUP_VERSION_3_0);
    assert_int_equal(f->s.n_parameters, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(bytes_equal(f->s.parameters[i].name, given[i].name));
        assert_true(bytes_equal(f->s.parameters[i].value, given[i].value));
    }
    assert_false(f->s.duplicate);
    assert_bytes(startup_get(&f->s, "database"), "shop");
    assert_non_null(startup_get(&f->s, "options").p);
    assert_null(startup_get(&f->s, "data").p);
    assert_null(startup_get(&f->s, "agent").p);
}

static void a_length_out_of_bounds_is_bad_before_anything_else_is_here(void **state)
{
    struct fixture *f = *state;
    static const uint8_t bad[][4] = {
        { 0, 0, 0, 0 }, { 0, 0, 0, 7 }, { 0, 0, 0x27, 0x11 }, { 0x80, 0, 0, 0x20 }, { 'G', 'E', 'T' }
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(startup_decode(bytes_make(bad[i], 4), &f->arena, &f->s), STARTUP_BAD);
        assert_int_equal(startup_decode(bytes_make(bad[i], 3), &f->arena, &f->s), STARTUP_MORE);
    }
    assert_int_equal(startup_decode(RAW("\0\0\x27\x10"), &f->arena, &f->s), STARTUP_MORE);
}

static void requests_for_encryption_are_eight_bytes(void **state)
{
    struct fixture *f = *state;
    startup_encode_ssl_request(&f->buf);
    assert_true(bytes_equal(buf_bytes(&f->buf), RAW("\0\0\0\x08\x04\xd2\x16\x2f")));
    assert_int_equal(startup_decode(buf_bytes(&f->buf), &f->arena, &f->s), STARTUP_SSL);
    assert_int_equal(f->s.length, 8);
    assert_int_equal(decode(f, 80877103, RAW("x")), STARTUP_BAD);
    assert_int_equal(decode(f, 80877104, RAW("")), STARTUP_GSSENC);
    assert_int_equal(decode(f, 80877104, RAW("x")), STARTUP_BAD);
}

static void a_cancel_request_without_a_sound_key_has_none(void **state)
{
    struct fixture *f = *state;
    uint8_t key[300] = { 1, 2, 3 };
    static const struct {
        size_t n;
        bool good;
    } cases[] = { { 0, false }, { 3, false }, { 4, true }, { 32, true }, { 256, true }, { 257, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_free(&f->buf);
        startup_encode_cancel(&f->buf, -7, bytes_make(key, cases[i].n));
        assert_int_equal(startup_decode(buf_bytes(&f->buf), &f->arena, &f->s), STARTUP_CANCEL);
        assert_int_equal(f->s.cancel_pid, -7);
        assert_int_equal(f->s.cancel_key.n, cases[i].good ? cases[i].n : 0);
        if (cases[i].good) assert_memory_equal(f->s.cancel_key.p, key, cases[i].n);
    }
    assert_int_equal(decode(f, 80877102, RAW("\1\2")), STARTUP_CANCEL);
    assert_int_equal(f->s.cancel_key.n, 0);
}

static void another_major_version_is_told_from_a_newer_minor_one(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, 2 << 16, RAW("anything")), STARTUP_VERSION);
    assert_int_equal(decode(f, 4 << 16, RAW("")), STARTUP_VERSION);
    assert_int_equal(decode(f, 0, RAW("\0")), STARTUP_VERSION);
    assert_int_equal(decode(f, (3 << 16) + 2, RAW("\0")), STARTUP_SESSION);
    assert_int_equal(f->s.version, (3 << 16) + 2);
}

static void a_list_ends_in_a_nul_with_nothing_behind_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, 3 << 16, RAW("\0")), STARTUP_SESSION);
    assert_int_equal(f->s.n_parameters, 0);
    assert_int_equal(decode(f, 3 << 16, RAW("")), STARTUP_BAD);
    assert_int_equal(decode(f, 3 << 16, RAW("user\0x\0")), STARTUP_BAD);
    assert_int_equal(decode(f, 3 << 16, RAW("user\0x\0\0\0")), STARTUP_BAD);
    assert_int_equal(decode(f, 3 << 16, RAW("user\0\0")), STARTUP_BAD);
    assert_int_equal(decode(f, 3 << 16, RAW("user\0x\0\0database\0y\0\0")), STARTUP_BAD);
    assert_int_equal(decode(f, 3 << 16, RAW("user")), STARTUP_BAD);
}

static void a_name_that_comes_twice_is_told(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, 3 << 16, RAW("user\0a\0database\0d\0user\0b\0\0")), STARTUP_SESSION);
    assert_true(f->s.duplicate);
    assert_int_equal(decode(f, 3 << 16, RAW("user\0a\0User\0a\0\0")), STARTUP_SESSION);
    assert_false(f->s.duplicate);
}

static void parameters_have_a_ceiling_and_so_has_the_arena(void **state)
{
    struct fixture *f = *state;
    struct startup_parameter given[STARTUP_PARAMETERS + 1];
    char names[STARTUP_PARAMETERS + 1][8];
    for (size_t i = 0; i <= STARTUP_PARAMETERS; i++) {
        snprintf(names[i], sizeof names[i], "n%zu", i);
        given[i] = (struct startup_parameter){ bytes_of(names[i]), RAW("v") };
    }
    startup_encode(&f->buf, given, STARTUP_PARAMETERS);
    assert_int_equal(startup_decode(buf_bytes(&f->buf), &f->arena, &f->s), STARTUP_SESSION);
    assert_int_equal(f->s.n_parameters, STARTUP_PARAMETERS);
    struct arena small;
    arena_init(&small, 64, 128);
    assert_int_equal(startup_decode(buf_bytes(&f->buf), &small, &f->s), STARTUP_BAD);
    arena_free(&small);
    buf_free(&f->buf);
    startup_encode(&f->buf, given, STARTUP_PARAMETERS + 1);
    assert_int_equal(startup_decode(buf_bytes(&f->buf), &f->arena, &f->s), STARTUP_BAD);
}

static void options_are_split_as_a_server_splits_them(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *options, *expected; /* NAME=VALUE| each; NULL: refused */
    } cases[] = {
        { "", "" },
        { " \t\n\v\f\r ", "" },
        { "-c a=b", "a=b|" },
        { "-ca=b", "a=b|" },
        { "--a=b", "a=b|" },
        { "  -c   a=b --c=d\t-ce=f ", "a=b|c=d|e=f|" },
        { "--statement-timeout=5", "statement_timeout=5|" },
        { "-c a-b=c-d", "a_b=c-d|" },
        { "-c a=", "a=|" },
        { "-c a=b=c", "a=b=c|" },
        { "-c a=b\\ c", "a=b c|" },
        { "-c a=b\\\\c", "a=b\\c|" },
        { "-c\\ a=b", " a=b|" },
        { "\\-c a=b", "a=b|" },
        { "-c a=b\\", "a=b|" },
        { "-c --a=b", "__a=b|" },
        { "-c a=1 -c a=2", "a=1|a=2|" },
        { "-c", NULL },
        { "-c ", NULL },
        { "-c a", NULL },
        { "-c =b", NULL },
        { "--", NULL },
        { "--a", NULL },
        { "--=b", NULL },
        { "-d 5", NULL },
        { "-C a=b", NULL },
        { "a=b", NULL },
        { "-c a=b c", NULL },
        { "\\", NULL },
        { "-c \\", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct startup_parameter *out;
        size_t n;
        bool good = startup_options_split(bytes_of(cases[i].options), &f->arena, &out, &n);
        buf_free(&f->buf);
        for (size_t j = 0; good && j < n; j++)
            buf_printf(&f->buf, "%.*s=%.*s|", BYTES_FMT(out[j].name), BYTES_FMT(out[j].value));
        if (good != (cases[i].expected != NULL)) print_error("%s\n", cases[i].options);
        assert_int_equal(good, cases[i].expected != NULL);
        if (good) assert_bytes(buf_bytes(&f->buf), cases[i].expected);
    }
}

static void what_is_added_to_options_is_split_again(void **state)
{
    struct fixture *f = *state;
    static const struct startup_parameter given[] = { { RAW("search_path"), RAW("a b, c\\d\t\n") },
                                                      { RAW("x.y"), RAW("") },
                                                      { RAW("role"), RAW(" -c role=postgres") },
                                                      { RAW("z"), RAW("\\") } };
    struct startup_parameter *out;
    size_t n;
    for (size_t i = 0; i < 4; i++)
        startup_options_add(&f->buf, given[i].name, given[i].value);
    assert_true(startup_options_split(buf_bytes(&f->buf), &f->arena, &out, &n));
    assert_int_equal(n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(bytes_equal(out[i].name, given[i].name));
        assert_true(bytes_equal(out[i].value, given[i].value));
    }
    buf_free(&f->buf);
    startup_options_add(&f->buf, RAW("a"), RAW("b c"));
    assert_bytes(buf_bytes(&f->buf), "-c a=b\\ c");
    startup_options_add(&f->buf, RAW("d"), RAW("e"));
    assert_bytes(buf_bytes(&f->buf), "-c a=b\\ c -c d=e");
}

static void options_have_a_ceiling_and_so_has_the_arena(void **state)
{
    struct fixture *f = *state;
    struct startup_parameter *out;
    size_t n;
    for (size_t i = 0; i < STARTUP_PARAMETERS; i++)
        startup_options_add(&f->buf, RAW("a"), RAW("b"));
    assert_true(startup_options_split(buf_bytes(&f->buf), &f->arena, &out, &n));
    assert_int_equal(n, STARTUP_PARAMETERS);
    startup_options_add(&f->buf, RAW("a"), RAW("b"));
    assert_false(startup_options_split(buf_bytes(&f->buf), &f->arena, &out, &n));
    struct arena small;
    for (size_t ceiling = 0; ceiling < 7000; ceiling += 16) {
        arena_init(&small, 16, ceiling);
        if (startup_options_split(RAW("-c a=b"), &small, &out, &n)) {
            assert_int_equal(n, 1);
            assert_bytes(out[0].value, "b");
            assert_true(ceiling > 6400);
        }
        arena_free(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(parameters_come_in_their_order),
        TEST(a_length_out_of_bounds_is_bad_before_anything_else_is_here),
        TEST(requests_for_encryption_are_eight_bytes),
        TEST(a_cancel_request_without_a_sound_key_has_none),
        TEST(another_major_version_is_told_from_a_newer_minor_one),
        TEST(a_list_ends_in_a_nul_with_nothing_behind_it),
        TEST(a_name_that_comes_twice_is_told),
        TEST(parameters_have_a_ceiling_and_so_has_the_arena),
        TEST(options_are_split_as_a_server_splits_them),
        TEST(what_is_added_to_options_is_split_again),
        TEST(options_have_a_ceiling_and_so_has_the_arena),
    };
    return cmocka_run_group_tests_name("startup", tests, NULL, NULL);
}
