/* Values: their normal form and hash, and COPY data taken apart, whole and piece by piece. */
#include "base/test.h"

#include "record/copy-rows.h"
#include "record/value-form.h"
#include <stdio.h>

static void normal_is(const char *value, const char *expected)
{
    uint8_t room[128];
    assert_bytes(value_normal(bytes_of(value), room), expected);
}

static void a_value_has_one_form_however_it_is_written(void **state)
{
    (void)state;
    normal_is("4111 1111 1111 1111", "4111111111111111");
    normal_is(" 4111-1111-1111-1111\n", "4111111111111111");
    normal_is("4111--1111-1111-1111", "4111--1111-1111-1111");
    normal_is("-4111111111111111", "-4111111111111111");
    normal_is("2026-11-22", "2026-11-22"); /* too short for a number that is written in groups */
    normal_is("Ada@Example.COM", "ada@example.com");
    normal_is("\xC3\x84", "\xC3\x84");
    normal_is("  ", "");
}

static void the_hash_is_hmac_sealed_by_the_column(void **state)
{
    (void)state;
    static const uint8_t key[VALUE_KEY] = { 1, 2, 3 };
    struct value_hasher h;
    uint8_t sealed[SHA256_SIZE], expected[SHA256_SIZE], a[VALUE_HASH], b[VALUE_HASH];
    assert_true(value_hasher_init(&h, key));
    value_seal(&h, BYTES_LITERAL("value"), sealed);
    hmac_sha256(bytes_make(key, sizeof key), BYTES_LITERAL("value"), expected);
    assert_memory_equal(sealed, expected, sizeof expected);
    value_hash(&h, sealed, BYTES_LITERAL("public.t.a"), a);
    value_hash(&h, sealed, BYTES_LITERAL("public.t.b"), b);
    assert_memory_not_equal(a, b, sizeof a);
    value_hasher_free(&h);
}

static void told(void *context, uint64_t row, size_t place, struct bytes field)
{
    buf_printf(context, "%llu.%zu=%.*s;", (unsigned long long)row, place, BYTES_FMT(field));
}

/* In pieces of each length up to the whole. */
static void rows_are(const char *statement, struct bytes data, const char *expected)
{
    struct copy_options options = copy_options_of(bytes_of(statement));
    for (size_t piece = 1; piece <= data.n; piece++) {
        struct copy_rows rows;
        struct buf out;
        buf_init(&out, 4096);
        copy_rows_init(&rows, &options);
        for (size_t at = 0; at < data.n; at += piece)
            copy_rows_feed(&rows, bytes_slice(data, at, piece), told, &out);
        assert_bytes(buf_bytes(&out), expected);
        assert_false(rows.lost);
        copy_rows_free(&rows);
        buf_free(&out);
    }
}
#define ROWS(statement, data, expected) rows_are(statement, BYTES_LITERAL(data), expected)

static void copy_is_taken_apart_as_its_options_say(void **state)
{
    (void)state;
    ROWS("COPY t TO STDOUT", "1\ta\\tb\n2\t\\N\n\\\\N\t\\x41\\102\n", "1.0=1;1.1=a\tb;2.0=2;3.0=\\N;3.1=AB;");
    ROWS("COPY t TO STDOUT DELIMITER '|' NULL ''", "1||x\n", "1.0=1;1.2=x;");
    ROWS("COPY t TO STDOUT (FORMAT csv, HEADER)", "id,v\n1,\"a,\"\"b\nc\"\n2,\n3,\"\"\n",
         "1.0=1;1.1=a,\"b\nc;2.0=2;3.0=3;3.1=;");
    ROWS("COPY (SELECT ';' AS \"stdout\") TO STDOUT WITH (FORMAT 'csv', DELIMITER E';', QUOTE '''', ESCAPE "
         "'\\', NULL 'x')",
         "1;'a\\'b;c'\nx;y\n", "1.0=1;1.1=a'b;c;2.1=y;");
    ROWS("COPY t TO STDOUT CSV HEADER DELIMITER AS ';'", "a;b\n1;2\n", "1.0=1;1.1=2;");
    ROWS("COPY t TO STDOUT (FORMAT csv, HEADER false)", "1,2\n", "1.0=1;1.1=2;");
    ROWS("COPY t TO STDOUT (FORMAT binary)",
         "PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0"
         "\0\3\0\0\0\4\0\0\0\7\xFF\xFF\xFF\xFF\0\0\0\2hi\0\1\0\0\0\10\0\0\0\1\xA1\x3B\x86\x01\xFF\xFF",
         "1.0=7;1.2=hi;2.0=7000000001;");
}

static void a_row_without_end_is_given_up(void **state)
{
    (void)state;
    struct copy_options options = copy_options_of(BYTES_LITERAL("COPY t TO STDOUT"));
    struct copy_rows rows;
    struct buf out;
    static uint8_t piece[1 << 20];
    memset(piece, 'x', sizeof piece);
    buf_init(&out, 4096);
    copy_rows_init(&rows, &options);
    for (int i = 0; i < 10; i++)
        copy_rows_feed(&rows, bytes_make(piece, sizeof piece), told, &out);
    assert_true(rows.lost && buf_length(&out) == 0);
    copy_rows_free(&rows);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_has_one_form_however_it_is_written),
        cmocka_unit_test(the_hash_is_hmac_sealed_by_the_column),
        cmocka_unit_test(copy_is_taken_apart_as_its_options_say),
        cmocka_unit_test(a_row_without_end_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
