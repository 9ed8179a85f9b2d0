#include "base/test.h"

#include "json/read.h"

static enum json_outcome outcome_of(struct bytes text)
{
    json_t *object;
    enum json_outcome outcome = json_read_object(text, 64, 4, &object);
    assert_true((outcome == JSON_READ) == (object != NULL));
    json_decref(object);
    return outcome;
}

static void only_whole_strict_objects_are_read(void **state)
{
    (void)state;
    const struct {
        struct bytes text;
        enum json_outcome expected;
    } cases[] = {
        { BYTES_LITERAL("{}"), JSON_READ },
        { BYTES_LITERAL(" {\"a\":[{\"b\":[]}]} "), JSON_READ },
        { BYTES_LITERAL(""), JSON_MALFORMED },
        { BYTES_LITERAL("[]"), JSON_MALFORMED },
        { BYTES_LITERAL("null"), JSON_MALFORMED },
        { BYTES_LITERAL("{} x"), JSON_MALFORMED },
        { BYTES_LITERAL("{}\0"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":1,\"a\":1}"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":1,\"\\u0061\":1}"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":{\"b\":1,\"b\":2}}"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":\"\\u0000\"}"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":\"\xff\"}"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":1,}"), JSON_MALFORMED },
        { BYTES_LITERAL("{'a':1}"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":NaN}"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":99999999999999999999}"), JSON_MALFORMED },
        { BYTES_LITERAL("{\"a\":[[[[]]]]}"), JSON_TOO_DEEP },
        { BYTES_LITERAL("{\"a\":\"[[[[{{{{\\\"[[[[\"}"), JSON_READ },
        { BYTES_LITERAL("{\"a\":\"0123456789012345678901234567890123456789012345678901234567\"}"),
          JSON_TOO_LONG },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(outcome_of(cases[i].text), cases[i].expected);
}

static void a_member_of_another_type_is_not_taken_for_text(void **state)
{
    (void)state;
    json_t *object;
    struct bytes text;
    assert_int_equal(json_read_object(bytes_of("{\"a\":\"x\",\"b\":1}"), 64, 4, &object), JSON_READ);
    assert_int_equal(json_member_text(object, "a", &text), JSON_MEMBER_FOUND);
    assert_bytes(text, "x");
    assert_int_equal(json_member_text(object, "b", &text), JSON_MEMBER_WRONG_TYPE);
    assert_int_equal(text.n, 0);
    assert_int_equal(json_member_text(object, "c", &text), JSON_MEMBER_ABSENT);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_strict_objects_are_read),
        cmocka_unit_test(a_member_of_another_type_is_not_taken_for_text),
    };
    return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
