/* The doctor's table, its words, and what becomes of rows; what the queries find is tested on a real server.
 */
#include "base/test.h"

#include "app/doctor-fill.h"
#include "app/doctor-print.h"
#include "policy/compile.h"
#include <stdio.h>
#include <stdlib.h>

static const struct doctor_facts facts = { .connection = BYTES_LITERAL("orders"),
                                           .login = BYTES_LITERAL("rw"),
                                           .role = BYTES_LITERAL("app"),
                                           .database = BYTES_LITERAL("\"Or ders\""),
                                           .owner = BYTES_LITERAL("app_owner"),
                                           .version_text = BYTES_LITERAL("15.1"),
                                           .version = 150001 };

static bool is_sentence(const char *text)
{
    size_t n = strlen(text);
    return n > 20 && text[0] >= 'A' && text[0] <= 'z' && (text[n - 1] == '.' || text[n - 1] == ')');
}

static void every_row_of_the_table_is_whole(void **state)
{
    (void)state;
    struct bytes columns[15];
    struct buf out;
    for (size_t i = 0; i < 15; i++)
        columns[i] = BYTES_LITERAL("x");
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < doctor_n_checks; i++) {
        const struct doctor_check *c = &doctor_checks[i];
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(c->id, doctor_checks[k].id);
        if (!is_sentence(c->what) || !is_sentence(c->why)) fail_msg("%s: what and why are sentences", c->id);
        assert_true(c->n_columns >= 1 && c->n_columns <= 15);
        if (c->flags & DOCTOR_IF_REGARDED) assert_true(c->n_columns >= 3);
        if (c->flags & DOCTOR_IF_MASKED) assert_true(c->n_columns >= 5);
        if (c->flags & DOCTOR_UNLESS_BOTH) assert_true(c->n_columns >= 9 && c->flags & DOCTOR_IF_MASKED);
        struct doctor_values v = { .facts = &facts, .columns = columns, .n = c->n_columns };
        assert_true(doctor_fill(c->object, &v, DOCTOR_FILL_WORDS, &out)); /* a place too many would abort */
        assert_true(doctor_fill(c->mend, &v, DOCTOR_FILL_SQL, &out));
        const char *end = c->mend + strlen(c->mend) - 1;
        if (c->place == DOCTOR_SQL && *end != ';' && *end != '}') fail_msg("%s: the mend has no end", c->id);
        doctor_query(c, &facts, &out);
        assert_false(out.failed);
        buf_consume(&out, buf_length(&out));
    }
    buf_free(&out);
}

static void the_page_has_each_check_with_its_weight(void **state)
{
    (void)state;
    char path[4096], row[256];
    static char page[1 << 16];
    snprintf(path, sizeof path, "%s/doc/doctor.md", getenv("POSTERN_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    fclose(f);
    size_t n = 0;
    for (const char *at = page; (at = strstr(at, "\n| `")); at++)
        n++;
    assert_int_equal(n, doctor_n_checks);
    for (size_t i = 0; i < doctor_n_checks; i++) {
        snprintf(row, sizeof row, "\n| `%s` | %s | ", doctor_checks[i].id,
                 doctor_severity_name(doctor_checks[i].severity));
        if (!strstr(page, row)) fail_msg("doc/doctor.md does not say%s", row);
    }
}

static void names_that_do_not_show_as_they_are_are_written_in_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *shown, *plain; /* NULL: refused */
    } cases[] = {
        { "", "", "" },
        { "app", "app", "app" },
        { "\"Or ders\".\"a\"\"b\"", "\"Or ders\".\"a\"\"b\"", "\"Or ders\".\"a\"\"b\"" },
        { "\"\xC3\x9Cni\".t", "\"\xC3\x9Cni\".t", "\"\xC3\x9Cni\".t" },
        { "f(\"a\nb\", text)", "f(U&\"a\\000Ab\", text)", NULL },
        { "\"a\"\"\n\\\"", "U&\"a\"\"\\000A\\\\\"", NULL },
        { "\"a\\\"", "\"a\\\"", "\"a\\\"" },
        { "\"\x1b[2J\"", "U&\"\\001B[2J\"", NULL },
        { "\"\xE2\x80\xAEx\"", "U&\"\\202Ex\"", NULL }, /* turned */
        { "\"\xF0\x9F\x98\x80\n\"", "U&\"\\+01F600\\000A\"", NULL },
        { "\"\xFF\"", NULL, NULL }, /* no UTF-8 */
        { "a\nb", NULL, NULL },     /* outside of a name */
        { "\"open", NULL, NULL },
        { "a\"", NULL, NULL },
        { "\"a\"\"", NULL, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int plain = 0; plain < 2; plain++) {
            struct buf out;
            buf_init(&out, 4096);
            const char *expected = plain ? cases[i].plain : cases[i].shown;
            bool good =
                doctor_fill_sql(bytes_of(cases[i].sql), plain ? DOCTOR_FILL_PLAIN : DOCTOR_FILL_SQL, &out);
            if (good != (expected != NULL)) fail_msg("case %zu: %d", i, good);
            if (good) assert_bytes(buf_bytes(&out), expected);
            buf_free(&out);
        }
}

/* ---- rows */

static const struct policy_snapshot *policies(const char *yaml)
{
    struct yaml_errors errors;
    struct arena arena;
    yaml_errors_init(&errors);
    arena_init(&arena, 4096, 1 << 20);
    const struct yaml_node *list = yaml_tree_parse(bytes_of(yaml), BYTES_LITERAL("p"), &arena, &errors);
    const struct policy_snapshot *snapshot = policy_compile(list->items, list->n, &errors);
    assert_non_null(snapshot);
    arena_free(&arena);
    yaml_errors_free(&errors);
    return snapshot;
}

static struct doctor_report *report_on(const struct policy_snapshot *snapshot, const char *superuser)
{
    struct doctor_report *r = doctor_report_new(BYTES_LITERAL("orders"), BYTES_LITERAL("rw"), snapshot);
    struct bytes values[] = { BYTES_LITERAL("150001"), BYTES_LITERAL("15.1"),   BYTES_LITERAL("app"),
                              bytes_of(superuser),     BYTES_LITERAL("orders"), BYTES_LITERAL("app_owner"),
                              BYTES_LITERAL("false") };
    assert_non_null(r);
    assert_true(doctor_report_facts(r, values, DOCTOR_FACTS));
    return r;
}

static const struct doctor_check *check_of(const char *id)
{
    for (size_t i = 0; i < doctor_n_checks; i++)
        if (strcmp(doctor_checks[i].id, id) == 0) return &doctor_checks[i];
    fail_msg("there is no check %s", id);
    return NULL;
}

static bool add(struct doctor_report *r, const char *id, const char *a, const char *b, const char *c,
                const char *d, const char *e)
{
    struct bytes values[] = { bytes_of(a), bytes_of(b), bytes_of(c), bytes_of(d), bytes_of(e) };
    return doctor_report_row(r, check_of(id), values, check_of(id)->n_columns);
}

static void findings_stand_by_their_weight_and_then_by_the_table(void **state)
{
    (void)state;
    const struct policy_snapshot *snapshot = policies("[]");
    struct doctor_report *r = report_on(snapshot, "false");
    static const char *const order[] = { "role-limit",    "role-createdb",    "role-createrole",
                                         "owns-database", "role-replication", "timeout-idle",
                                         "role-bypassrls" };
    static const char *const expected[] = { "role-createrole", "role-replication", "role-createdb",
                                            "owns-database",   "role-bypassrls",   "role-limit",
                                            "timeout-idle" };
    for (size_t i = 0; i < 7; i++)
        assert_true(add(r, order[i], "app", "", "", "", ""));
    const struct doctor_finding *f = r->findings;
    for (size_t i = 0; i < 7; i++, f = f->next)
        assert_string_equal(f->check->id, expected[i]);
    assert_null(f);
    assert_int_equal(r->n_found[DOCTOR_CRITICAL], 2);
    assert_int_equal(r->n_found[DOCTOR_WARNING], 3);
    doctor_report_free(r);
    policy_snapshot_unref(snapshot);
}

static void a_row_of_another_shape_is_refused(void **state)
{
    (void)state;
    const struct policy_snapshot *snapshot = policies("[]");
    struct doctor_report *r = report_on(snapshot, "false");
    struct bytes values[DOCTOR_FACTS + 1] = { BYTES_LITERAL("app"), BYTES_LITERAL("x") };
    assert_false(doctor_report_row(r, check_of("role-createrole"), values, 2));
    assert_false(doctor_report_row(r, check_of("role-createrole"), values, 0));
    assert_null(r->findings);
    assert_false(doctor_report_facts(r, values, DOCTOR_FACTS)); /* NULLs */
    assert_false(doctor_report_facts(r, values, DOCTOR_FACTS + 1));
    for (size_t i = 0; i < DOCTOR_FACTS; i++)
        values[i] = BYTES_LITERAL("x");
    assert_false(doctor_report_facts(r, values, DOCTOR_FACTS)); /* no version */
    doctor_report_free(r);
    policy_snapshot_unref(snapshot);
}

static void of_a_superuser_only_what_is_flagged_is_looked_at(void **state)
{
    (void)state;
    const struct policy_snapshot *snapshot = policies("[]"),
                                 *counting =
                                     policies("[{ name: p, who: any, limits: { affected_rows: 5 } }]");
    struct doctor_report *r = report_on(snapshot, "true");
    size_t n = 0;
    for (size_t i = 0; i < doctor_n_checks; i++)
        n += doctor_check_applies(&doctor_checks[i], &r->facts);
    assert_true(n > 5 && n < 20);
    assert_true(doctor_check_applies(check_of("role-superuser"), &r->facts));
    assert_false(doctor_check_applies(check_of("owns-schema"), &r->facts));
    assert_false(doctor_check_applies(check_of("track-counts"), &r->facts));
    r->facts.policies = counting;
    assert_true(doctor_check_applies(check_of("track-counts"), &r->facts));
    r->facts.superuser = false;
    assert_true(doctor_check_applies(check_of("parameter"), &r->facts));
    r->facts.version = 140010;
    assert_false(doctor_check_applies(check_of("parameter"), &r->facts));
    doctor_report_free(r);
    policy_snapshot_unref(snapshot);
    policy_snapshot_unref(counting);
}

static void code_counts_as_policies_regard_it(void **state)
{
    (void)state;
    const struct policy_snapshot *snapshot =
        policies("[{ name: p, who: any, trust: { functions: [public.f] } }]");
    struct doctor_report *r = report_on(snapshot, "false");
    assert_true(add(r, "regarded-replaceable", "public.g()", "app", "", "public.g()", ""));
    assert_null(r->findings);
    assert_true(add(r, "regarded-replaceable", "public.f()", "app", "", "public.f()", ""));
    assert_bytes(r->findings->object, "policy \"p\" trusts public.f(), which app owns");
    assert_bytes(r->findings->mend, "ALTER ROUTINE public.f() OWNER TO app_owner;");
    doctor_report_free(r);
    policy_snapshot_unref(snapshot);
}

static bool add_column(struct doctor_report *r, const char *id, const char *relation, const char *column,
                       const char *tags)
{
    struct bytes values[] = { bytes_of(relation), bytes_of(column), BYTES_LITERAL("public"),
                              bytes_of(relation), bytes_of(column), bytes_of(tags) };
    return doctor_report_row(r, check_of(id), values, 6);
}

static void what_undermines_masks_counts_where_a_column_is_masked(void **state)
{
    (void)state;
    const struct policy_snapshot *snapshot = policies(
        "[{ name: p, who: any, mask: [{ columns: [\"public.people.mail\", \"tag:pii\"], with: redact }, "
        "{ columns: [\"public.people.nick\"], with: redact, write: allow }] }]");
    const struct policy_snapshot *other = policies("[{ name: p, who: any, allow: [all] }]");
    struct doctor_report *r = report_on(snapshot, "false");
    assert_true(add_column(r, "mask-partition", "people", "name", ""));
    assert_null(r->findings);
    assert_true(add_column(r, "mask-partition", "people", "mail", ""));
    assert_true(add_column(r, "mask-partition", "others", "mail", "x, pii"));
    assert_int_equal(r->n_found[DOCTOR_NOTE], 2);
    assert_true(add_column(r, "mask-unique", "people", "mail", ""));
    assert_int_equal(r->n_found[DOCTOR_WARNING], 0);
    assert_true(add_column(r, "mask-unique", "people", "nick", ""));
    assert_bytes(r->findings->object, "people.nick");
    assert_true(doctor_check_applies(check_of("mask-view"), &r->facts));
    r->facts.policies = other;
    assert_false(doctor_check_applies(check_of("mask-view"), &r->facts));
    doctor_report_free(r);
    policy_snapshot_unref(snapshot);
    policy_snapshot_unref(other);
}

/* ---- print */

static char text[1 << 16];

static void print(void (*how)(const struct doctor_report *reports, const struct doctor_style *style,
                              struct buf *out),
                  const struct doctor_report *r, const struct doctor_style *style)
{
    struct buf out;
    buf_init(&out, sizeof text - 1);
    how(r, style, &out);
    assert_false(out.failed);
    struct bytes b = buf_bytes(&out);
    memcpy(text, b.p, b.n);
    text[b.n] = 0;
    buf_free(&out);
}

static size_t count(const char *needle)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, needle)); at++)
        n++;
    return n;
}

static void what_was_found_is_told_three_ways(void **state)
{
    (void)state;
    const struct policy_snapshot *snapshot = policies("[]");
    struct doctor_report *r = report_on(snapshot, "false"), *broken = report_on(snapshot, "false");
    struct doctor_style style = { .least = DOCTOR_NOTE };
    char name[16];
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "\"s\n%02d\"", i);
        assert_true(add(r, "owns-schema", name, "app", "", "", ""));
    }
    assert_true(add(r, "owns-database", "app", "", "", "", ""));
    assert_true(add(r, "role-limit", "app", "", "", "", ""));
    doctor_report_problem(broken, check_of("rule"), BYTES_LITERAL("42501: no\x1b[2J"));
    r->next = broken;
    print(doctor_print_text, r, &style);
    assert_int_equal(count("CREATE ROLE app_owner NOLOGIN;"), 1);
    assert_int_equal(count("ALTER SCHEMA U&\"s\\000A"), 8);
    assert_int_equal(count("and 22 more"), 2);
    assert_non_null(strstr(text, "unknown: rule could not be looked at: 42501: no\\x1b[2J"));
    assert_non_null(strstr(text, "0 critical findings, 31 warnings, 1 note; "));
    style = (struct doctor_style){ .least = DOCTOR_WARNING, .all = true };
    print(doctor_print_text, r, &style);
    assert_int_equal(count("ALTER SCHEMA U&\"s\\000A"), 30);
    assert_null(strstr(text, "[role-limit]"));
    print(doctor_print_sql, r, &style);
    assert_int_equal(count("CREATE ROLE app_owner NOLOGIN;"), 1);
    assert_int_equal(count("\nALTER SCHEMA U&\"s\\000A"), 30);
    print(doctor_print_json, r, &style);
    assert_int_equal(count("\n"), 32);
    assert_int_equal(count("\"before\":\"CREATE ROLE app_owner NOLOGIN;\""), 1);
    assert_int_equal(count("\"severity\":\"unknown\""), 1);
    doctor_report_free(r);
    doctor_report_free(broken);
    policy_snapshot_unref(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_is_whole),
        cmocka_unit_test(the_page_has_each_check_with_its_weight),
        cmocka_unit_test(names_that_do_not_show_as_they_are_are_written_in_escapes),
        cmocka_unit_test(findings_stand_by_their_weight_and_then_by_the_table),
        cmocka_unit_test(a_row_of_another_shape_is_refused),
        cmocka_unit_test(of_a_superuser_only_what_is_flagged_is_looked_at),
        cmocka_unit_test(code_counts_as_policies_regard_it),
        cmocka_unit_test(what_undermines_masks_counts_where_a_column_is_masked),
        cmocka_unit_test(what_was_found_is_told_three_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
