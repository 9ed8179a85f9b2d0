#include "base/test.h"

#include "api/tables.h"

static bool is_shape(const char *name)
{
    const struct api_member *members;
    const char *text;
    return api_shape(name, &members, &text) > 0;
}

static void every_shape_that_is_named_is_there(void **state)
{
    (void)state;
    static const char *const words[] = { "TEXT", "NDJSON", "TAR", "EVENTS", "REDIRECT", "ANY" };
    struct api_route route;
    for (size_t i = 0; api_route_at(i, &route); i++) {
        bool known = is_shape(route.answer);
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            known = known || strcmp(words[k], route.answer) == 0;
        if (!known) fail_msg("%s answers %s", route.path, route.answer);
        if (strcmp(route.body, "NONE") != 0 && !is_shape(route.body))
            fail_msg("%s takes %s", route.path, route.body);
    }
    for (size_t i = 0; api_shape_name(i); i++) {
        const struct api_member *members;
        const char *text;
        size_t n = api_shape(api_shape_name(i), &members, &text);
        for (size_t k = 0; k < n; k++)
            if (members[k].of && !is_shape(members[k].of))
                fail_msg("%s.%s", api_shape_name(i), members[k].name);
    }
}

static void every_route_has_its_own_parameters_and_no_more_than_fit(void **state)
{
    (void)state;
    struct api_route route;
    size_t n = 0;
    for (; api_route_at(n, &route); n++) {
        assert_true(route.n_query <= API_QUERY_MOST && route.handler && route.summary[0]);
        if (strcmp(route.path, "/v1/me") == 0) assert_int_equal(route.n_query, 0);
        if (strcmp(route.path, "/v1/events") == 0) {
            assert_int_equal(route.n_query, 1);
            assert_string_equal(route.query[0].name, "session");
        }
        if (strcmp(route.path, "/v1/overview") == 0) assert_int_equal(route.n_query, 2);
    }
    assert_true(n > 20);
}

/* What anybody may ask for is a short list, and stays one. */
static void only_these_routes_are_for_nobody(void **state)
{
    (void)state;
    static const char *const open[] = { "/healthz",    "/readyz",       "/metrics",      "/v1/openapi.json",
                                        "/v1/sign-in", "/auth/sign-in", "/auth/callback" };
    struct api_route route;
    for (size_t i = 0; api_route_at(i, &route); i++) {
        bool listed = false;
        for (size_t k = 0; k < sizeof open / sizeof *open; k++)
            listed = listed || strcmp(open[k], route.path) == 0;
        assert_int_equal(listed, route.role == API_NOBODY);
        if (route.role == API_NOBODY) assert_string_equal(route.method, "GET");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_that_is_named_is_there),
        cmocka_unit_test(every_route_has_its_own_parameters_and_no_more_than_fit),
        cmocka_unit_test(only_these_routes_are_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
