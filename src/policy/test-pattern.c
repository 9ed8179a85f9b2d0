#include "base/test.h"

#include "policy/glob.h"
#include "policy/pattern.h"

#define B(text) BYTES_LITERAL(text)

static void globs_match_whole_texts(void **state)
{
    (void)state;
    assert_true(policy_glob(B(""), B("")));
    assert_true(policy_glob(B("*"), B("")));
    assert_true(policy_glob(B("a*c"), B("abbc")));
    assert_true(policy_glob(B("*b*b*"), B("abab")));
    assert_true(policy_glob(B("?"), B("ä")));
    assert_true(policy_glob(B("a?c"), B("aäc")));
    assert_false(policy_glob(B("?"), B("")));
    assert_false(policy_glob(B("a*c"), B("abbcd")));
    assert_false(policy_glob(B("A"), B("a")));
    assert_false(policy_glob(B(""), B("a")));
}

static void a_pattern_of_many_stars_takes_no_exponential_time(void **state)
{
    (void)state;
    char text[4097], pattern[1025];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < 1024; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[1024] = 'b';
    assert_false(policy_glob(bytes_make(pattern, 1025), bytes_make(text, sizeof text)));
}

static void parts_are_folded_as_identifiers_are(void **state)
{
    (void)state;
    struct arena a;
    struct policy_pattern p;
    arena_init(&a, 4096, 1 << 20);
    assert_null(policy_pattern_parse(B("Public.\"Au.dit\"\"x\"_*"), &a, &p));
    assert_int_equal(p.n, 2);
    assert_bytes(p.parts[0], "public");
    assert_bytes(p.parts[1], "Au.dit\"x_*");
    assert_null(policy_pattern_parse(B("*.*.SSN"), &a, &p));
    assert_int_equal(p.n, 3);
    assert_bytes(p.parts[2], "ssn");
    assert_string_equal(policy_pattern_parse(B("a.b.c.d"), &a, &p), "a name of too many parts");
    assert_string_equal(policy_pattern_parse(B("a."), &a, &p), "a name with an empty part");
    assert_string_equal(policy_pattern_parse(B(""), &a, &p), "a name with an empty part");
    assert_string_equal(policy_pattern_parse(B("\"a"), &a, &p), "a name whose quotes do not close");
    assert_string_equal(
        policy_pattern_parse(B("a123456789b123456789c123456789d123456789e123456789f123456789g123"), &a, &p),
        "a name longer than 63 bytes");
    arena_free(&a);
}

static void a_name_without_a_schema_is_in_doubt(void **state)
{
    (void)state;
    struct arena a;
    struct policy_pattern one, any;
    arena_init(&a, 4096, 1 << 20);
    assert_null(policy_pattern_parse(B("sales.t"), &a, &one));
    assert_null(policy_pattern_parse(B("t"), &a, &any));
    struct policy_patterns narrow = { &one, 1 }, wide = { &any, 1 };
    struct bytes none = { 0 };
    assert_true(policy_patterns_match(&narrow, none, B("t"), POLICY_DOUBT_HITS));
    assert_false(policy_patterns_match(&narrow, none, B("t"), POLICY_DOUBT_MISSES));
    assert_true(policy_patterns_match(&wide, none, B("t"), POLICY_DOUBT_MISSES));
    assert_false(policy_patterns_match(&narrow, B("other"), B("t"), POLICY_DOUBT_HITS));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(globs_match_whole_texts),
        cmocka_unit_test(a_pattern_of_many_stars_takes_no_exponential_time),
        cmocka_unit_test(parts_are_folded_as_identifiers_are),
        cmocka_unit_test(a_name_without_a_schema_is_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
