#include "base/test.h"

#include "policy/compile.h"
#include <stdio.h>

/* What compiling says of a list of policies; "" where it is good. */
static void expect_errors(const char *yaml, const char *expected)
{
    struct yaml_errors errors;
    struct arena arena;
    struct buf said;
    yaml_errors_init(&errors);
    arena_init(&arena, 4096, YAML_ARENA_CEILING);
    buf_init(&said, 65536);
    const struct yaml_node *list = yaml_tree_parse(bytes_of(yaml), BYTES_LITERAL("p"), &arena, &errors);
    const struct policy_snapshot *s = list ? policy_compile(list->items, list->n, &errors) : NULL;
    yaml_errors_print(&errors, &said);
    buf_put_u8(&said, 0);
    assert_string_equal((const char *)buf_bytes(&said).p, expected);
    assert_int_equal(s == NULL, expected[0] != 0);
    policy_snapshot_unref(s);
    buf_free(&said);
    arena_free(&arena);
    yaml_errors_free(&errors);
}

static void a_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    expect_errors("- {}", "p:1:3: a policy needs \"name\"\np:1:3: a policy needs \"who\"\n");
    expect_errors("- { name: a, who: {} }", "p:1:19: \"who\" names nobody; write who: any for everybody\n");
    expect_errors("- { name: a, who: { groups: [] } }", "p:1:29: \"groups\" is an empty list\n");
    expect_errors("- { name: a, who: nobody }", "p:1:19: \"any\" is false, true or any\n");
    expect_errors("- name: a\n  who: any\n  alow: read\n",
                  "p:3:3: unknown key \"alow\"; did you mean \"allow\"?\n");
    expect_errors("- name: a\n  who: any\n  allow: [read, wirte]\n",
                  "p:3:17: unknown effect \"wirte\"; did you mean \"write\"?\n");
    expect_errors("- name: a\n  who: any\n  allow: [{ effects: [read], relations: [a.b.c] }]\n",
                  "p:3:42: this is a name of too many parts\n");
    expect_errors("- { name: a, who: any, deny: [{ name: x }] }",
                  "p:1:31: a rule needs \"effects\", \"statements\", \"where\", \"relations\", \"columns\" "
                  "or \"functions\"\n");
    expect_errors("- { name: a, who: any, hold: [{ effects: [delete] }] }",
                  "p:1:31: an item of hold needs \"by\"\n");
    expect_errors("- { name: a, who: any, deny: [{ effects: [delete], by: [dba] }] }",
                  "p:1:52: unknown key \"by\"\n");
    expect_errors("- { name: a, who: any, deny: [{ effects: [read], where: missing }] }",
                  "p:1:57: \"where\" goes with effects: update or delete\n");
    expect_errors(
        "- { name: a, who: any, hold: [{ where: missing, by: [x], unless: { affected_rows: many } }] }",
        "p:1:83: \"affected_rows\" is written as \"<= 100\"\n");
    expect_errors("- { name: a, who: any, allow: { effects: [read, procedure], functions: [f] } }",
                  "p:1:72: \"functions\" goes with effects: procedure alone\n");
    expect_errors("- { name: a, who: any, allow: { effects: [read, delete], columns: [a.b.c] } }",
                  "p:1:67: \"columns\" goes with effects: read, write, update, bulk_in or bulk_out\n");
    expect_errors("- { name: a, who: any, deny: [{ columns: [customers.email] }] }",
                  "p:1:43: this is no schema.relation.column\n");
    expect_errors("- { name: a, who: any, deny: [{ columns: [a.b.c], uses: [output, wirtten] }] }",
                  "p:1:66: \"uses\" are output, predicate, stored, written and read\n");
    expect_errors("- { name: a, who: any, deny: [{ effects: [read], uses: [output] }] }",
                  "p:1:56: \"uses\" goes with \"columns\"\n");
    expect_errors("- { name: a, who: any, trust: { functions: [f] } }",
                  "p:1:45: this is no schema.function, and trust is for one that is told\n");
    expect_errors("- { name: a, who: any, trust: { functions: [\"s.f(int\"] } }",
                  "p:1:45: this is a signature that does not end in )\n");
    expect_errors("- { name: a, who: any, limits: { budget: { per: week } } }", "p:1:49: \"per\" is day\n");
    expect_errors(
        "- { name: a, who: any, on: { schemas: [s] }, allow: unknown }",
        "p:1:53: \"unknown\" cannot be allowed for some relations only: nobody knows what it touches\n");
    expect_errors("- { name: a, who: any, limits: { statement: 30 } }",
                  "p:1:45: \"statement\" is a duration like 30s, 15m, 8h or 400d of at least 1ms\n");
    expect_errors("- { name: a, who: any, limits: { returned_rows: 0 } }",
                  "p:1:49: \"returned_rows\" is a whole number of at least 1\n");
    expect_errors("- { name: a, who: any }\n- { name: a, who: any }\n",
                  "p:2:11: two policies are named \"a\"\n");
    expect_errors(
        "- { name: a, who: any, deny: [{ name: x, effects: [read] }, { name: x, effects: [write] }] }",
        "p:1:69: two rules are named \"x\"\n");
}

static void a_mask_that_is_not_understood_is_refused(void **state)
{
    (void)state;
    expect_errors("- name: a\n  who: any\n  mask:\n    - { columns: [email], with: redact }\n",
                  "p:4:19: this is no schema.relation.column\n");
    expect_errors("- { name: a, who: any, mask: [{ columns: [\"a.b.c\"], with: \"range(1)\" }] }",
                  "p:1:59: this is a range that is no number from 2 to 1000000000\n");
    expect_errors("- { name: a, who: any, mask: [{ columns: [\"a.b.c\"], with: stars }] }",
                  "p:1:59: this is no mask; masks are redact, null, constant(…), partial(first, last), "
                  "keep_first(n), keep_last(n), partial_email, partial_phone, year and range(n)\n");
    expect_errors(
        "- { name: a, who: any, mask: [{ columns: [\"a.b.c\"], with: redact, predicates: equal }] }",
        "p:1:79: \"predicates\" is refuse, masked or equality\n");
    expect_errors("- { name: a, who: any, mask: [{ columns: [\"a.b.c\"], with: report }] }",
                  "p:1:59: this is a mask for values, and not for columns\n");
    expect_errors("- { name: a, who: any, mask: [{ with: redact }] }",
                  "p:1:31: a mask is for \"columns\" or for \"values\"\n");
}

static void a_mask_of_values_that_is_not_understood_is_refused(void **state)
{
    (void)state;
    expect_errors("- { name: a, who: any, mask: [{ values: [iban, cvc], with: redact }] }",
                  "p:1:48: this is no kind of value; those are card_number, iban, email and us_ssn\n");
    static const char none[] = "this is no mask for values; those are report, redact, null, constant(…), "
                               "partial(first, last), keep_first(n), keep_last(n) and, of email, "
                               "partial_email\n";
    static const char *const unfit[] = { "year", "\"range(10)\"", "partial_phone" };
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++) {
        char yaml[200], expected[400];
        snprintf(yaml, sizeof yaml, "- { name: a, who: any, mask: [{ values: iban, with: %s }] }", unfit[i]);
        snprintf(expected, sizeof expected, "p:1:53: %s", none);
        expect_errors(yaml, expected);
    }
    expect_errors("- { name: a, who: any, mask: [{ values: [email, iban], with: partial_email }] }",
                  "p:1:62: this is a mask for values: email alone\n");
    expect_errors("- { name: a, who: any, mask: [{ values: iban, with: \"partial(7, 4)\" }] }",
                  "p:1:53: this is more of a value than is shown: its first six characters and last four at "
                  "most\n");
    expect_errors("- { name: a, who: any, mask: [{ values: iban, with: 'constant(a\"b)' }] }",
                  "p:1:53: this is a constant of other characters than letters, *, - and _, or of more than "
                  "16\n");
    expect_errors("- { name: a, who: any, mask: [{ values: iban, with: redact, predicates: masked }] }",
                  "p:1:73: \"predicates\" goes with \"columns\"\n");
    expect_errors("- { name: a, who: any, mask: [{ values: iban, with: redact, write: allow }] }",
                  "p:1:68: \"write\" goes with \"columns\"\n");
    expect_errors("- { name: a, who: any, mask: [{ values: iban, columns: [a.b.c], with: redact }] }",
                  "p:1:31: a mask is for \"columns\" or for \"values\"\n");
    expect_errors(
        "- { name: a, who: any, mask: [{ values: [card_number, iban, email], with: report },\n"
        "  { values: email, with: partial_email }, { values: card_number, with: \"partial(6, 4)\" },\n"
        "  { values: iban, with: \"constant(***)\" }] }",
        "");
}

static void everything_of_the_language_is_taken(void **state)
{
    (void)state;
    expect_errors("", "");
    expect_errors(
        "- name: a\n"
        "  who: { any: true, users: [u], groups: g, claims: { c: [v, w] }, machine: either }\n"
        "  on: { connections: [orders], databases: [\"*\"], schemas: [sales] }\n"
        "  mode: observe\n"
        "  login: ro\n"
        "  record: { rows: digest, on_failure: allow, retain: 400d, statements: [read, schema] }\n"
        "  allow:\n"
        "    - read\n"
        "    - { effects: [write], relations: [t], schemas: [s] }\n"
        "    - { effects: procedure, functions: [f] }\n"
        "    - { effects: [read, bulk_out], columns: [\"*.t.a\", s.t.b] }\n"
        "  deny: [schema, { name: d, statements: DROP, where: any, functions: f, message: m, mode: "
        "observe }, { columns: [a.b.c], uses: [read, written] }]\n"
        "  hold: [{ where: trivial, relations: [r], by: dba, expires: 1h, unless: { affected_rows: "
        "\"100\" } }]\n"
        "  trust: { functions: [s.f, \"s.g(int, text[])\", \"s.=\"], extensions: vector }\n"
        "  limits: { statement: 1s, session: 1d, returned_rows: 1, affected_rows: 2, bytes: 1MB,\n"
        "    budget: { statements: 1, rows: 2, affected_rows: 3, bytes: 4kB, lookups: 5, per: day } }\n"
        "  mask: [{ columns: [a.b.c], with: redact, predicates: equality }]\n",
        "");
}

static struct bytes hash_of(const char *yaml, struct arena *arena)
{
    struct yaml_errors errors;
    yaml_errors_init(&errors);
    const struct yaml_node *list = yaml_tree_parse(bytes_of(yaml), BYTES_LITERAL("p"), arena, &errors);
    const struct policy_snapshot *s = policy_compile(list->items, list->n, &errors);
    assert_non_null(s);
    struct bytes hash = arena_copy(arena, policy_snapshot_hash(s));
    assert_int_equal(hash.n, 64);
    policy_snapshot_unref(policy_snapshot_ref(s));
    policy_snapshot_unref(s);
    yaml_errors_free(&errors);
    return hash;
}

static void the_hash_is_of_what_the_policies_say(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096, 1 << 20);
    struct bytes one = hash_of("- { name: a, who: any }\n- { name: b, who: any }\n", &a);
    struct bytes same =
        hash_of("# moved\n- name: b\n  who: \"any\"\n- name: a\n  who: any # everybody\n", &a);
    struct bytes other = hash_of("- { name: a, who: any }\n- { name: c, who: any }\n", &a);
    assert_true(bytes_equal(one, same));
    assert_false(bytes_equal(one, other));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_is_told_with_its_place),
        cmocka_unit_test(a_mask_that_is_not_understood_is_refused),
        cmocka_unit_test(a_mask_of_values_that_is_not_understood_is_refused),
        cmocka_unit_test(everything_of_the_language_is_taken),
        cmocka_unit_test(the_hash_is_of_what_the_policies_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
