/* What policies say of a connection before anybody comes. */
#include "base/test.h"

#include "policy/compile.h"
#include "policy/standing.h"

static struct yaml_errors errors;
static struct arena arena;
static const struct policy_snapshot *snapshot;

static void given(const char *yaml)
{
    yaml_errors_init(&errors);
    arena_init(&arena, 4096, 1 << 20);
    const struct yaml_node *list = yaml_tree_parse(bytes_of(yaml), BYTES_LITERAL("p"), &arena, &errors);
    snapshot = policy_compile(list->items, list->n, &errors);
    assert_non_null(snapshot);
}

static void done(void)
{
    policy_snapshot_unref(snapshot);
    arena_free(&arena);
    yaml_errors_free(&errors);
}

static void rows_are_counted_where_a_limit_a_budget_or_a_hold_needs_it(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        bool counts;
    } cases[] = {
        { "[{ name: p, who: any, allow: [all] }]", false },
        { "[{ name: p, who: any, limits: { returned_rows: 5 } }]", false },
        { "[{ name: p, who: any, limits: { affected_rows: 5 } }]", true },
        { "[{ name: p, who: { users: [x] }, limits: { affected_rows: 5 } }]", true },
        { "[{ name: p, who: any, on: { connections: [other] }, limits: { affected_rows: 5 } }]", false },
        { "[{ name: p, who: any, limits: { budget: { affected_rows: 5 } } }]", true },
        { "[{ name: p, who: any, hold: [{ effects: [delete], by: [dba] }] }]", false },
        { "[{ name: p, who: any, hold: [{ effects: [delete], by: [dba], unless: { affected_rows: \"<= 9\" } "
          "}] }]",
          true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        given(cases[i].yaml);
        assert_int_equal(policy_snapshot_counts_rows(snapshot, bytes_of("orders")), cases[i].counts);
        done();
    }
}

static void trust_is_more_than_an_allowed_call(void **state)
{
    (void)state;
    static const struct {
        const char *signature, *extension, *policy;
        enum policy_regard regard;
    } cases[] = {
        { "public.f(integer)", "", "b", POLICY_REGARD_TRUSTED },
        { "public.f(text)", "", "a", POLICY_REGARD_CALLED },
        { "public.g(text)", "", "", POLICY_REGARD_NONE },
        { "public.g(text)", "postgis", "b", POLICY_REGARD_TRUSTED },
        { "other.h()", "", "", POLICY_REGARD_NONE },
    };
    given("- { name: a, who: any, allow: [read, { effects: procedure, functions: [public.f] }] }\n"
          "- { name: b, who: any, trust: { functions: [public.f(int)], extensions: [postgis] } }\n"
          "- { name: c, who: any, on: { connections: [elsewhere] }, allow: [{ effects: procedure, functions: "
          "[g] }] }\n"
          "- { name: d, who: any, allow: [all] }\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes policy;
        assert_int_equal(policy_snapshot_regards(snapshot, bytes_of("orders"), bytes_of(cases[i].signature),
                                                 bytes_of(cases[i].extension), &policy),
                         cases[i].regard);
        assert_bytes(policy, cases[i].policy);
    }
    struct bytes policy;
    assert_int_equal(policy_snapshot_regards(snapshot, bytes_of("elsewhere"), bytes_of("public.g()"),
                                             (struct bytes){ 0 }, &policy),
                     POLICY_REGARD_CALLED);
    done();
}

static void masks_count_wherever_a_policy_that_enforces_speaks_of_the_connection(void **state)
{
    (void)state;
    struct bytes orders = bytes_of("orders"), public = bytes_of("public"), t = bytes_of("t"), none = { 0 };
    given("[{ name: a, who: { users: [x] }, mask: [{ columns: [public.t.a], with: redact, write: allow }] },"
          " { name: b, who: any, mask: [{ columns: [public.t.a], with: \"null\" }] },"
          " { name: c, who: any, mode: observe, mask: [{ columns: [public.t.b], with: redact }] },"
          " { name: d, who: any, on: { connections: [other] }, mask: [{ columns: [public.t.b], with: redact "
          "}] }]");
    assert_true(policy_snapshot_masks(snapshot, orders));
    struct policy_mask mask = policy_snapshot_mask_of(snapshot, orders, public, t, bytes_of("a"), none);
    assert_int_equal(mask.kind, POLICY_MASK_NULL);
    assert_true(mask.written); /* somebody may come whom policy a alone is about */
    assert_int_equal(policy_snapshot_mask_of(snapshot, orders, public, t, bytes_of("b"), none).kind,
                     POLICY_MASK_NONE);
    done();
    given("[{ name: c, who: any, mode: observe, mask: [{ columns: [public.t.b], with: redact }] }]");
    assert_false(policy_snapshot_masks(snapshot, orders));
    done();
}

static void a_column_is_hidden_where_nobody_who_may_come_sees_anything_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *policies;
        bool hidden;
    } cases[] = {
        { "[{ name: a, who: any, allow: [read], mask: [{ columns: [public.t.a], with: redact }] }]", true },
        { "[{ name: a, who: any, allow: [read], mask: [{ columns: [public.t.a], with: \"keep_last(4)\" }] }]",
          false },
        { "[{ name: a, who: any, allow: [read], mask: [{ columns: [public.t.a], with: redact }] },"
          " { name: b, who: any, allow: [read] }]",
          false },
        { "[{ name: a, who: any, allow: [read], mask: [{ columns: [public.t.a], with: redact }] },"
          " { name: b, who: any, deny: [{ name: d, effects: [delete] }] },"
          " { name: c, who: any, on: { connections: [other] }, allow: [read] }]",
          true },
        { "[{ name: b, who: any, deny: [{ name: d, effects: [delete] }] }]", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        given(cases[i].policies);
        assert_int_equal(policy_snapshot_hides(snapshot, bytes_of("orders"), bytes_of("public"),
                                               bytes_of("t"), bytes_of("a"), (struct bytes){ 0 }),
                         cases[i].hidden);
        done();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_counted_where_a_limit_a_budget_or_a_hold_needs_it),
        cmocka_unit_test(trust_is_more_than_an_allowed_call),
        cmocka_unit_test(masks_count_wherever_a_policy_that_enforces_speaks_of_the_connection),
        cmocka_unit_test(a_column_is_hidden_where_nobody_who_may_come_sees_anything_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
