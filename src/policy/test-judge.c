/* Judging over facts that are made by hand: what no text of SQL shows, and what a session is told. */
#include "base/test.h"

#include "base/clock.h"
#include "policy/compile.h"

struct fixture {
    struct yaml_errors errors;
    struct arena arena;
    const struct policy_snapshot *snapshot;
    const struct policy_ruleset *ruleset;
};
static struct fixture f;

static const struct policy_ruleset *rules_for(const char *user)
{
    struct principal who = { .user = bytes_of(user), .claims = BYTES_LITERAL("{}") };
    struct policy_request request = { &who, BYTES_LITERAL("orders"), { 0 } };
    return policy_ruleset_for(f.snapshot, &request, &f.arena);
}

static void given(const char *yaml)
{
    yaml_errors_init(&f.errors);
    arena_init(&f.arena, 4096, 16 << 20);
    const struct yaml_node *list = yaml_tree_parse(bytes_of(yaml), BYTES_LITERAL("p"), &f.arena, &f.errors);
    f.snapshot = policy_compile(list->items, list->n, &f.errors);
    assert_non_null(f.snapshot);
    f.ruleset = rules_for("bot");
}

static void done(void)
{
    policy_snapshot_unref(f.snapshot);
    arena_free(&f.arena);
    yaml_errors_free(&f.errors);
}

static enum policy_decision decide(const struct sql_statement *s)
{
    struct policy_verdict v;
    policy_judge(f.ruleset, s, &f.arena, &v);
    assert_non_null(v.message.p);
    return v.decision;
}

static void the_terms_are_the_smallest_limits_and_the_fullest_recording(void **state)
{
    (void)state;
    given("- { name: b, who: any, login: rw, record: { rows: count, on_failure: allow, retain: 1d, "
          "statements: read },"
          "    limits: { statement: 30s, returned_rows: 5 } }\n"
          "- { name: a, who: any, record: { rows: digest, on_failure: allow, retain: 2d, statements: write },"
          "    limits: { statement: 40s, session: 1h, affected_rows: 9 } }\n"
          "- { name: c, who: any, mode: observe, login: ro, record: { rows: none, on_failure: allow, retain: "
          "3d, statements: read }, limits: { statement: 1s } }\n"
          "- { name: d, who: { users: [eve] } }\n");
    const struct policy_terms *t = policy_ruleset_terms(f.ruleset);
    assert_bytes(t->login, "rw");
    assert_bytes(t->policies, "a,b,c");
    assert_true(t->limits.statement_us == 30000000 && t->limits.session_us == 3600000000);
    assert_true(t->limits.returned_rows == 5 && t->limits.affected_rows == 9);
    assert_int_equal(t->rows, POLICY_ROWS_DIGEST);
    assert_false(t->record_or_refuse);
    assert_true(t->retain_us == 3 * 86400000000);
    assert_int_equal(t->record_effects, EFFECT_READ | EFFECT_WRITE);
    assert_int_equal(t->hash.n, 64);
    /* Eve's policy denies on failure, records all rows, and keeps them for ever. */
    const struct policy_terms *eve = policy_ruleset_terms(rules_for("eve"));
    assert_bytes(eve->policies, "a,b,c,d");
    assert_int_equal(eve->rows, POLICY_ROWS_FULL);
    assert_true(eve->record_or_refuse && eve->retain_us == 0);
    done();
}

static void rulesets_of_the_same_policies_have_one_key(void **state)
{
    (void)state;
    given("- { name: a, who: any }\n- { name: b, who: { users: [eve] } }\n");
    assert_true(policy_ruleset_key(f.ruleset) == policy_ruleset_key(rules_for("other")));
    assert_false(policy_ruleset_key(f.ruleset) == policy_ruleset_key(rules_for("eve")));
    done();
}

static void a_ruleset_is_open_only_where_nothing_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        bool open;
    } cases[] = {
        { "- { name: a, who: any, allow: [all, unknown] }", true },
        { "- { name: a, who: any, allow: all }\n- { name: b, who: any, allow: unknown }", true },
        { "- { name: a, who: any, allow: all }", false },
        { "- { name: a, who: any, allow: [all, unknown], deny: [{ functions: [x] }] }", false },
        { "- { name: a, who: any, allow: [all, unknown] }\n- { name: b, who: any, hold: [{ effects: read, "
          "by: x }] }",
          false },
        { "- { name: a, who: any, allow: [all, unknown] }\n- { name: b, who: any, mode: observe }", false },
        { "- { name: a, who: any, allow: [all, unknown], limits: { affected_rows: 3 } }", false },
        { "- { name: a, who: any, mode: observe, allow: [all, unknown] }", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        given(cases[i].yaml);
        assert_int_equal(policy_ruleset_is_open(f.ruleset), cases[i].open);
        assert_int_equal(policy_ruleset_needs_view(f.ruleset), !cases[i].open);
        done();
    }
}

static void no_policies_let_nobody_in(void **state)
{
    (void)state;
    given("");
    assert_null(f.ruleset);
    done();
}

/* Facts that contradict themselves must not open a hole. */
static void an_effect_of_a_statement_counts_where_no_relation_bears_it(void **state)
{
    (void)state;
    struct sql_relation t = { .schema = BYTES_LITERAL("public"),
                              .name = BYTES_LITERAL("t"),
                              .access = EFFECT_READ };
    struct sql_statement s = { .tag = BYTES_LITERAL("SELECT"),
                               .effects = EFFECT_READ | EFFECT_LOCK,
                               .relations = &t,
                               .n_relations = 1 };
    given("- { name: a, who: any, allow: [{ effects: [read, lock], relations: [public.t] }] }");
    assert_int_equal(decide(&s), POLICY_ALLOW);
    s.effects |= EFFECT_PRIVILEGE;
    assert_int_equal(decide(&s), POLICY_DENY);
    done();
    given("- { name: a, who: any, allow: all, deny: [{ effects: [lock], relations: [public.t] }] }");
    assert_int_equal(decide(&s), POLICY_DENY);
    done();
}

static void an_effect_that_only_a_relation_bears_counts(void **state)
{
    (void)state;
    struct sql_relation t = { .schema = BYTES_LITERAL("public"),
                              .name = BYTES_LITERAL("t"),
                              .access = EFFECT_DELETE };
    struct sql_statement s = {
        .tag = BYTES_LITERAL("X"), .effects = EFFECT_READ, .relations = &t, .n_relations = 1
    };
    given("- { name: a, who: any, allow: read }");
    assert_int_equal(decide(&s), POLICY_DENY);
    done();
}

static void an_empty_statement_is_allowed(void **state)
{
    (void)state;
    struct sql_statement s = { 0 };
    given("- { name: a, who: any }");
    assert_int_equal(decide(&s), POLICY_ALLOW);
    done();
}

static void a_verdict_says_who_may_approve(void **state)
{
    (void)state;
    struct sql_statement s = { .tag = BYTES_LITERAL("SELECT"), .effects = EFFECT_READ };
    struct policy_verdict v;
    given(
        "- { name: a, who: any, allow: all, limits: { statement: 3s }, hold: [{ effects: read, by: [x, y] }, "
        "{ statements: SELECT, by: z }] }");
    policy_judge(f.ruleset, &s, &f.arena, &v);
    assert_int_equal(v.decision, POLICY_HOLD);
    assert_int_equal(v.n_by, 3);
    assert_bytes(v.by[2], "z");
    assert_bytes(v.rule, "hold 1");
    assert_true(v.limits.statement_us == 3000000);
    done();
}

static struct sql_relation target = { .schema = BYTES_LITERAL("public"), .name = BYTES_LITERAL("t") };

static struct sql_statement changing(const char *tag, uint32_t effects)
{
    target.access = effects;
    return (struct sql_statement){
        .tag = bytes_of(tag), .effects = effects, .relations = &target, .n_relations = 1
    };
}

static void a_hold_up_to_a_number_of_rows_is_a_limit(void **state)
{
    (void)state;
    struct policy_verdict v;
    struct sql_statement s = changing("DELETE", EFFECT_DELETE);
    given(
        "- name: a\n  who: any\n  allow: all\n  limits: { affected_rows: 1000 }\n  hold:\n"
        "    - { name: big, effects: [delete], unless: { affected_rows: \"<= 100\" }, by: [x], message: m }\n"
        "    - { name: small, relations: [t], unless: { affected_rows: 10 }, by: [y, z] }\n"
        "    - { name: also, relations: [t], unless: { affected_rows: 10 }, by: [w] }\n"
        "    - { name: huge, statements: [UPDATE], unless: { affected_rows: 5000 }, by: [x] }\n");
    policy_judge(f.ruleset, &s, &f.arena, &v);
    assert_true(v.decision == POLICY_ALLOW && v.limit_is_hold && v.limits.affected_rows == 10);
    assert_bytes(v.rule, "allow: all");
    assert_bytes(v.held.policy, "a");
    assert_bytes(v.held.rule, "small");
    assert_bytes(v.held.message,
                 "DELETE on public.t of more than 10 rows needs approval, by y or z, and by w");
    assert_bytes(v.held.hint, "Up to 10 rows need no approval.");
    assert_int_equal(v.n_by, 3);
    target.name = BYTES_LITERAL("u");
    policy_judge(f.ruleset, &s, &f.arena, &v);
    assert_true(v.limit_is_hold && v.limits.affected_rows == 100);
    assert_bytes(v.held.message, "DELETE of more than 100 rows needs approval, by x: m");
    /* The terms' own limit is smaller: it stays a limit. */
    s = changing("UPDATE", EFFECT_UPDATE);
    policy_judge(f.ruleset, &s, &f.arena, &v);
    assert_true(v.decision == POLICY_ALLOW && !v.limit_is_hold && v.limits.affected_rows == 1000);
    target.name = BYTES_LITERAL("t");
    done();
}

static void rows_that_no_tag_counts_are_held_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        uint32_t effects;
        enum sql_action action;
        enum policy_decision decision;
    } cases[] = {
        { "DELETE", EFFECT_DELETE, 0, POLICY_ALLOW },
        { "SELECT", EFFECT_READ, 0, POLICY_ALLOW },
        { "COPY", EFFECT_WRITE | EFFECT_BULK_IN, SQL_ACTION_COPY_IN, POLICY_ALLOW },
        { "TRUNCATE", EFFECT_TRUNCATE, 0, POLICY_HOLD },
        { "DROP TABLE", EFFECT_SCHEMA_DROP, 0, POLICY_HOLD },
        { "DELETE", EFFECT_DELETE | EFFECT_PROCEDURE, 0, POLICY_HOLD },
        { "PREPARE", EFFECT_DELETE, SQL_ACTION_PREPARE, POLICY_HOLD },
        { "EXPLAIN", EFFECT_DELETE, 0, POLICY_HOLD },
        { "EXPLAIN", EFFECT_READ, 0, POLICY_ALLOW },
    };
    given("- { name: a, who: any, allow: all, hold: [{ relations: [t], unless: { affected_rows: 5 }, by: x "
          "}] }");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_statement s = changing(cases[i].tag, cases[i].effects);
        s.action = cases[i].action;
        assert_int_equal(decide(&s), cases[i].decision);
    }
    done();
}

static struct policy_verdict judge_all(const char *sql, size_t *index_out)
{
    const struct sql_facts *facts;
    struct policy_verdict v;
    assert_int_equal(sql_understand(bytes_of(sql), &f.arena, &facts), SQL_UNDERSTOOD);
    policy_judge_text(f.ruleset, facts, &f.arena, &v, index_out);
    return v;
}

static void a_text_is_judged_as_a_whole(void **state)
{
    (void)state;
    size_t index;
    given("- name: a\n  who: any\n  allow: [read, update, delete]\n  deny: [truncate, { mode: observe, "
          "relations: "
          "[log] }]\n  hold:\n"
          "    - { effects: [update], by: [x] }\n"
          "    - { effects: [delete], unless: { affected_rows: 7 }, by: [y] }\n"
          "    - { relations: [u], unless: { affected_rows: 3 }, by: [z] }\n");
    struct policy_verdict v = judge_all("SELECT 1; UPDATE t SET a = 1; TRUNCATE t", &index);
    assert_true(v.decision == POLICY_DENY && index == 2);
    v = judge_all("SELECT 1; UPDATE t SET a = 1; SELECT 2", &index);
    assert_true(v.decision == POLICY_HOLD && index == 1);
    v = judge_all("DELETE FROM t WHERE id = 1; SELECT 1; DELETE FROM u WHERE id = 1", &index);
    assert_true(v.decision == POLICY_ALLOW && v.limit_is_hold && v.limits.affected_rows == 3 && index == 0);
    assert_bytes(v.held.rule, "hold 3");
    assert_bytes(v.by[0], "z");
    v = judge_all("SELECT 1; DELETE FROM t WHERE id = 1", &index);
    assert_true(v.limit_is_hold && v.limits.affected_rows == 7 && v.n_by == 1);
    v = judge_all("DELETE FROM t WHERE id = 1; SELECT * FROM public.log", &index);
    assert_true(v.observed && v.limit_is_hold && v.limits.affected_rows == 7 && index == 1);
    v = judge_all(" -- nothing", &index);
    assert_true(v.decision == POLICY_ALLOW && index == 0);
    assert_bytes(v.rule, "empty");
    done();
}

static void budgets_are_the_smallest_of_all_policies(void **state)
{
    (void)state;
    given("- { name: a, who: any, limits: { bytes: 2MB, budget: { rows: 10, statements: 5 } } }\n"
          "- { name: b, who: any, limits: { bytes: 1MB, budget: { rows: 20, affected_rows: 3, bytes: 1kB } } "
          "}\n"
          "- { name: c, who: any, mode: observe, limits: { bytes: 1kB, budget: { rows: 1 } } }\n");
    const struct policy_limits *l = &policy_ruleset_terms(f.ruleset)->limits;
    assert_true(l->returned_bytes == 1 << 20 && l->budget.rows == 10 && l->budget.statements == 5);
    assert_true(l->budget.affected_rows == 3 && l->budget.bytes == 1024);
    done();
}

static void a_full_arena_denies(void **state)
{
    (void)state;
    struct sql_statement s = { .tag = BYTES_LITERAL("SELECT"), .effects = EFFECT_READ };
    struct policy_verdict v;
    struct arena none;
    given("- { name: a, who: any, allow: all }");
    arena_init(&none, 64, 0);
    policy_judge(f.ruleset, &s, &none, &v);
    assert_int_equal(v.decision, POLICY_DENY);
    assert_null(v.message.p);
    done();
}

/* Not a benchmark: it fails only where judging has become something else. */
static void judging_a_simple_statement_is_cheap(void **state)
{
    (void)state;
    struct sql_relation t = { .schema = BYTES_LITERAL("public"),
                              .name = BYTES_LITERAL("t"),
                              .access = EFFECT_READ };
    struct sql_statement s = {
        .tag = BYTES_LITERAL("SELECT"), .effects = EFFECT_READ, .relations = &t, .n_relations = 1
    };
    struct policy_verdict v;
    struct arena scratch;
    enum { TRIES = 10, ROUNDS = 10000 };
    int64_t least = INT64_MAX;
    given("- name: a\n  who: any\n  allow: [read, write, update, delete]\n"
          "  deny: [schema, { statements: [\"DROP *\"] }, { where: missing, relations: [\"public.audit_*\"] "
          "}]\n"
          "  hold: [{ where: missing, by: [dba] }]\n");
    arena_init(&scratch, 4096, 1 << 20);
    for (int try = 0; try < TRIES; try++) {
        int64_t start = clock_monotonic_us(&clock_system);
        for (int i = 0; i < ROUNDS; i++) {
            policy_judge(f.ruleset, &s, &scratch, &v);
            assert_true(v.decision == POLICY_ALLOW);
            arena_reset(&scratch);
        }
        int64_t took = clock_monotonic_us(&clock_system) - start;
        if (took < least) least = took;
    }
    print_message("judging: %lld ns\n", (long long)(least * 1000 / ROUNDS));
    assert_true(least < ROUNDS * 1000); /* a thousandth of a second, where it takes a millionth or two */
    arena_free(&scratch);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_terms_are_the_smallest_limits_and_the_fullest_recording),
        cmocka_unit_test(rulesets_of_the_same_policies_have_one_key),
        cmocka_unit_test(a_ruleset_is_open_only_where_nothing_is_refused),
        cmocka_unit_test(no_policies_let_nobody_in),
        cmocka_unit_test(an_effect_of_a_statement_counts_where_no_relation_bears_it),
        cmocka_unit_test(an_effect_that_only_a_relation_bears_counts),
        cmocka_unit_test(an_empty_statement_is_allowed),
        cmocka_unit_test(a_verdict_says_who_may_approve),
        cmocka_unit_test(a_hold_up_to_a_number_of_rows_is_a_limit),
        cmocka_unit_test(rows_that_no_tag_counts_are_held_at_once),
        cmocka_unit_test(a_text_is_judged_as_a_whole),
        cmocka_unit_test(budgets_are_the_smallest_of_all_policies),
        cmocka_unit_test(a_full_arena_denies),
        cmocka_unit_test(judging_a_simple_statement_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
