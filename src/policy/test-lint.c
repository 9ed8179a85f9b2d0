#include "base/test.h"

#include "catalog/test-catalog.h"
#include "policy/compile.h"
#include "policy/lint.h"
#include <stdio.h>

static void print(void *context, const struct policy_finding *f)
{
    struct buf *said = context;
    buf_printf(said, "%u %s %.*s/%.*s: %.*s\n", f->place.line, f->code, BYTES_FMT(f->policy),
               BYTES_FMT(f->rule), BYTES_FMT(f->text));
}

static void lint(const char *yaml, const struct catalog *catalog, struct buf *said)
{
    struct yaml_errors errors;
    struct arena arena;
    yaml_errors_init(&errors);
    arena_init(&arena, 4096, YAML_ARENA_CEILING);
    const struct yaml_node *list = yaml_tree_parse(bytes_of(yaml), BYTES_LITERAL("p"), &arena, &errors);
    const struct policy_snapshot *s = list ? policy_compile(list->items, list->n, &errors) : NULL;
    yaml_errors_print(&errors, said);
    if (s) assert_true(catalog ? policy_lint_names(s, catalog, print, said) : policy_lint(s, print, said));
    policy_snapshot_unref(s);
    arena_free(&arena);
    yaml_errors_free(&errors);
}

/* What is found in a list of policies, a line each: "line code policy/rule: text". */
static void expect_findings(const char *yaml, const struct catalog *catalog, const char *expected)
{
    struct buf said;
    buf_init(&said, 65536);
    lint(yaml, catalog, &said);
    buf_put_u8(&said, 0);
    assert_string_equal((const char *)buf_bytes(&said).p, expected);
    buf_free(&said);
}

static void expect_of(const char *allow, const char *rules, const char *expected)
{
    char yaml[2048];
    snprintf(yaml, sizeof yaml, "- name: p\n  who: any\n  allow: %s\n%s", allow, rules);
    expect_findings(yaml, NULL, expected);
}

/* The same of one policy for everybody that allows reading and changing. */
static void expect_of_rules(const char *rules, const char *expected)
{
    expect_of("[read, write, update, delete]", rules, expected);
}

static void a_policy_that_means_what_it_says_is_left_alone(void **state)
{
    (void)state;
    expect_of_rules("  deny:\n"
                    "    - { name: a, effects: [delete], relations: [\"public.orders\"] }\n"
                    "    - { name: b, effects: [delete], relations: [\"public.*\"], where: missing }\n"
                    "    - { name: c, columns: [\"public.orders.note\"] }\n"
                    "  hold:\n"
                    "    - { name: d, effects: [update], unless: { affected_rows: '<= 5' }, by: [x] }\n",
                    "");
}

static void a_tag_that_no_statement_has_never_matches(void **state)
{
    (void)state;
    expect_of_rules("  deny:\n    - { name: a, statements: [\"DORP *\"] }\n",
                    "5 never-matches p/a: no statement's tag matches \"DORP *\"\n");
    expect_of_rules("  deny:\n    - { name: a, statements: [\"DROP *\", TRUNCATE] }\n", "");
}

static void a_name_outside_of_the_schemas_that_a_policy_is_about_never_matches(void **state)
{
    (void)state;
    expect_findings(
        "- name: p\n  who: any\n  on: { schemas: [sales, \"arch_*\"] }\n"
        "  allow:\n    - { effects: [read], relations: [\"sales.x\", \"hr.x\", \"arch_1.x\", x] }\n"
        "  deny:\n    - { name: a, columns: [\"hr.people.pay\"] }\n",
        NULL,
        "5 never-matches p/allow: read: schema \"hr\" is none of on.schemas\n"
        "7 never-matches p/a: schema \"hr\" is none of on.schemas\n");
    expect_of_rules("", "");
    expect_findings("- name: p\n  who: any\n  allow:\n"
                    "    - { effects: [read], schemas: [sales], relations: [\"hr.x\"] }\n",
                    NULL, "4 never-matches p/allow: read: schema \"hr\" is none of \"schemas\"\n");
}

static void a_hold_on_what_nobody_is_allowed_never_holds(void **state)
{
    (void)state;
    expect_of_rules(
        "  hold:\n    - { name: a, effects: [truncate], by: [x] }\n",
        "5 never-matches p/a: it never holds: no policy allows truncate, and what nobody allows is "
        "refused before\n");
    expect_of_rules("  hold:\n    - { name: a, effects: [truncate], by: [x] }\n"
                    "- { name: q, who: { users: [ada] }, allow: [truncate] }\n",
                    "");
    /* A foreign key's action may bear it where nobody allows it. */
    expect_findings(
        "- { name: p, who: any, allow: [delete], hold: [{ name: a, effects: [update], by: [x] }] }", NULL,
        "");
}

static void a_rule_behind_one_that_matches_whatever_it_matches_is_shadowed(void **state)
{
    (void)state;
    static const char *const shadowed[] = {
        "{ name: a, effects: [delete] }, { name: b, effects: [delete], where: missing }",
        "{ name: a, effects: [delete, update] }, { name: b, effects: [delete], relations: [orders] }",
        "{ name: a, relations: [\"public.*\"] }, { name: b, relations: [\"public.orders\", \"public.l*\"] }",
        "{ name: a, relations: [orders] }, { name: b, relations: [\"public.orders\"], effects: [read] }",
        "{ name: a, relations: [\"public.orders\"] }, { name: b, columns: [\"public.orders.note\"] }",
        ("{ name: a, columns: [\"public.orders.*\"] }, { name: b, columns: [\"public.orders.note\"], uses: "
         "[read] }"),
        "{ name: a, where: missing }, { name: b, effects: [delete], where: trivial, relations: [orders] }",
        "{ name: a, functions: [\"pg_*\"] }, { name: b, functions: [\"pg_sleep*\"] }",
        "{ name: a, statements: [\"DROP *\"] }, { name: b, statements: [\"DROP TABLE\"] }",
        "{ name: a, effects: [delete] }, { name: b, effects: [delete], mode: observe }",
    };
    for (size_t i = 0; i < sizeof shadowed / sizeof *shadowed; i++) {
        char rules[512];
        snprintf(rules, sizeof rules, "  deny: [%s]\n", shadowed[i]);
        expect_of("all", rules,
                  "4 shadowed p/b: it never decides: deny \"a\" is judged before it and covers it\n");
    }
}

static void a_rule_that_may_decide_something_is_not_shadowed(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "{ name: a, effects: [delete] }, { name: b, effects: [delete, update], where: missing }",
        "{ name: a, effects: [delete] }, { name: b, relations: [orders] }",
        "{ name: a, relations: [\"public.orders\"] }, { name: b, relations: [orders] }",
        "{ name: a, relations: [\"public.order?\"] }, { name: b, relations: [\"public.order*\"] }",
        "{ name: a, columns: [\"public.orders.note\"] }, { name: b, relations: [\"public.orders\"] }",
        ("{ name: a, columns: [\"public.orders.*\"], uses: [output] }, { name: b, columns: "
         "[\"public.orders.note\"] }"),
        "{ name: a, effects: [delete], mode: observe }, { name: b, effects: [delete], where: missing }",
        "{ name: a, where: trivial }, { name: b, where: missing }",
        "{ name: a, functions: [\"pg_sleep\"] }, { name: b, effects: [procedure] }",
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char rules[512];
        snprintf(rules, sizeof rules, "  deny: [%s]\n", needed[i]);
        expect_of("all", rules, "");
    }
}

static void a_policy_shadows_another_only_where_it_is_for_all_of_the_same_people_and_places(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool shadowed;
    } reach[] = {
        { "who: any", "who: { users: [ada] }", true },
        { "who: { groups: [g] }", "who: { groups: [g], machine: true }", true },
        { "who: { groups: [g, h] }", "who: { groups: [g] }", true },
        { "who: any, on: { connections: [\"shop*\"] }", "who: any, on: { connections: [shop] }", true },
        { "who: any, on: { connections: [shop] }", "who: any", false },
        { "who: { groups: [g] }", "who: { groups: [g, h] }", false },
        { "who: { groups: [g], machine: true }", "who: { groups: [g] }", false },
        { "who: { claims: { a: b } }", "who: { claims: { a: b } }", false },
        { "who: any, mode: observe", "who: any", false },
    };
    for (size_t i = 0; i < sizeof reach / sizeof *reach; i++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml,
                 "- { name: p, %s, deny: [{ name: a, effects: [delete] }] }\n"
                 "- { name: q, %s, deny: [{ name: b, effects: [delete] }] }\n",
                 reach[i].first, reach[i].second);
        expect_findings(yaml, NULL,
                        reach[i].shadowed
                            ? "2 shadowed q/b: it never decides: deny \"a\" of policy \"p\" is judged "
                              "before it and covers it\n"
                            : "");
    }
}

static void a_hold_is_shadowed_by_a_deny(void **state)
{
    (void)state;
    expect_of_rules("  hold: [{ name: h, effects: [delete], relations: [orders], by: [x] }]\n"
                    "  deny: [{ name: d, effects: [delete], relations: [orders, lines] }]\n",
                    "4 shadowed p/h: it never holds: deny \"d\" is judged before it and covers it\n");
}

static void a_mask_of_values_that_hides_nothing_more_is_told(void **state)
{
    (void)state;
    expect_of_rules("  mask:\n    - { values: [email, iban], with: report }\n"
                    "    - { values: email, with: redact }\n    - { values: card_number, with: redact }\n",
                    "");
    expect_of_rules(
        "  mask:\n    - { values: [email, iban], with: report }\n"
        "    - { values: [email, iban], with: redact }\n",
        "5 no-effect p/mask: it masks nothing: others of this policy hide these values as much or more\n");
    expect_findings(
        "- name: p\n  who: any\n  allow: read\n  on: { schemas: [sales] }\n"
        "  mask: [{ values: iban, with: redact }]\n",
        NULL,
        "5 misleading p/mask: on.schemas does not narrow it: nobody can say where a value of a result "
        "comes from\n");
}

static void an_allow_that_allows_nothing_or_nothing_more_is_told(void **state)
{
    (void)state;
    expect_findings("- { name: p, who: any, allow: [read, delete], deny: [delete] }\n", NULL,
                    "1 shadowed p/allow: delete: it allows nothing: the policy denies all of it\n");
    expect_findings("- name: p\n  who: any\n  allow:\n    - { effects: [read], relations: [\"public.*\"] }\n"
                    "    - { effects: [read], relations: [\"public.orders\"] }\n",
                    NULL, "5 no-effect p/allow: read: it adds nothing to \"allow: read\"\n");
    /* Columns narrow what UPDATE may look at: such an item does something. */
    expect_findings("- name: p\n  who: any\n  allow:\n    - { effects: [read, update] }\n"
                    "    - { effects: [update], columns: [\"public.orders.note\"] }\n",
                    NULL, "");
    expect_findings(
        "- { name: p, who: any, allow: [{ effects: [read, procedure], relations: [x] }] }\n", NULL,
        "1 no-effect p/allow: read, procedure: procedure is nothing that is done to a relation, and is "
        "never allowed for some only\n");
}

static void what_has_no_effect_or_misleads_is_told(void **state)
{
    (void)state;
    expect_of_rules("  deny:\n    - { name: a, statements: [DELETE] }\n",
                    "5 misleading p/a: \"statements: DELETE\" does not see one in WITH, EXPLAIN ANALYZE or "
                    "PREPARE; use \"effects\"\n");
    expect_findings(
        "- { name: p, who: any, allow: [truncate], hold: [{ name: a, effects: [truncate], by: [x], "
        "unless: { affected_rows: '<= 5' } }] }",
        NULL, "1 no-effect p/a: \"unless\" has no effect: nobody counts the rows of truncate\n");
    expect_of_rules("  trust: { extensions: [citext, dblink] }\n",
                    "1 no-effect p/trust: extension \"citext\" is always trusted\n"
                    "1 misleading p/trust: extension \"dblink\" runs text as SQL, or reaches files or other "
                    "servers: trusting it undoes the policy\n");
}

static void a_name_that_the_database_does_not_have_is_told(void **state)
{
    (void)state;
    const struct catalog *c = catalog_from_text("table public.customers id:int4! email:text\n"
                                                "table hr.people pay:numeric\n"
                                                "function public.slug(text) -> text immutable\n"
                                                "operator public.=(text,text) function=public.slug\n"
                                                "domain public.mail text checked code\n");
    expect_findings(
        "- name: p\n  who: any\n  on: { schemas: [public, hr, salse] }\n  allow:\n"
        "    - { effects: [read], relations: [\"public.custmers\", customers, \"hr.*\", \"sales.*\"] }\n"
        "    - { effects: [read], schemas: [publik] }\n"
        "    - { effects: [update], columns: [\"public.customers.mail\", \"public.customers.e*\"] }\n"
        "    - { effects: [procedure], functions: [\"public.slug\", slugg, \"hr.slug\", \"pg_*\"] }\n"
        "  deny:\n"
        "    - { name: a, columns: [\"public.nobody.x\", \"*.people.pay\", \"*.*.phone\"] }\n"
        "  hold:\n"
        "    - { name: b, relations: [\"hr.*\", nothing], by: [x] }\n"
        "  trust: { functions: [\"public.slug(text)\", \"public.slug(int)\", \"public.=\", \"public.mail\", "
        "\"public.<>\", \"util.*\"] }\n",
        c,
        "1 unknown-name p/on: the database has no relation in a schema \"salse\"\n"
        "5 unknown-name p/allow: read: the database has no relation \"public.custmers\"\n"
        "5 unknown-name p/allow: read: the database has no relation \"sales.*\"\n"
        "6 unknown-name p/allow: read: the database has no relation in a schema \"publik\"\n"
        "7 unknown-name p/allow: update: the database has no column \"public.customers.mail\"\n"
        "8 unknown-name p/allow: procedure: the database has no function \"slugg\"\n"
        "8 unknown-name p/allow: procedure: the database has no function \"hr.slug\"\n"
        "10 unknown-name p/a: the database has no relation \"public.nobody.x\"\n"
        "10 unknown-name p/a: the database has no column \"*.*.phone\"\n"
        "12 unknown-name p/b: the database has no relation \"nothing\"\n"
        "1 unknown-name p/trust: the database has no function or operator \"public.slug(integer)\"\n"
        "1 unknown-name p/trust: the database has no function or operator \"public.<>\"\n");
    catalog_release(c);
}

static void a_mask_on_what_is_not_there_is_found(void **state)
{
    (void)state;
    const struct catalog *catalog =
        catalog_from_text("table public.people id:int4 mail:text\ntag public.people.mail pii\n");
    expect_findings("- name: p\n  who: any\n  allow: [read]\n  mask:\n"
                    "    - { columns: [\"public.people.mail\", \"tag:pii\"], with: redact }\n"
                    "    - { columns: [\"public.people.email\", \"tag:secret\"], with: redact }\n",
                    catalog,
                    "6 unknown-name p/mask: the database has no column \"public.people.email\"\n"
                    "6 unknown-name p/mask: no column's comment has the tag \"secret\"\n");
    catalog_release(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_that_means_what_it_says_is_left_alone),
        cmocka_unit_test(a_tag_that_no_statement_has_never_matches),
        cmocka_unit_test(a_name_outside_of_the_schemas_that_a_policy_is_about_never_matches),
        cmocka_unit_test(a_hold_on_what_nobody_is_allowed_never_holds),
        cmocka_unit_test(a_rule_behind_one_that_matches_whatever_it_matches_is_shadowed),
        cmocka_unit_test(a_rule_that_may_decide_something_is_not_shadowed),
        cmocka_unit_test(a_policy_shadows_another_only_where_it_is_for_all_of_the_same_people_and_places),
        cmocka_unit_test(a_hold_is_shadowed_by_a_deny),
        cmocka_unit_test(a_mask_of_values_that_hides_nothing_more_is_told),
        cmocka_unit_test(an_allow_that_allows_nothing_or_nothing_more_is_told),
        cmocka_unit_test(what_has_no_effect_or_misleads_is_told),
        cmocka_unit_test(a_mask_on_what_is_not_there_is_found),
        cmocka_unit_test(a_name_that_the_database_does_not_have_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
