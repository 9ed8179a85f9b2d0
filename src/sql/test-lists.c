/* The published lists: in the order that the look-ups rely on, and complete. */
#include "sql/tree.h"

#include "base/test.h"
#include "sql/facts.h"
#include "sql/functions.h"

static const char *const functions[] = {
#define FUNCTION(name, effects) name,
#include "sql/functions.def"
#undef FUNCTION
};
static const uint32_t function_effects[] = {
#define FUNCTION(name, effects) effects,
#include "sql/functions.def"
#undef FUNCTION
};
static const char *const catalogue[] = {
#define FUNCTION(name) name,
#define OPERATOR(name)
#include "sql/catalogue.def"
#undef OPERATOR
#undef FUNCTION
};
static const char *const operators[] = {
#define FUNCTION(name)
#define OPERATOR(name) name,
#include "sql/catalogue.def"
#undef OPERATOR
#undef FUNCTION
};
static const char *const settings[] = {
#define SETTING(name, kind, pinned) name,
#include "sql/settings.def"
#undef SETTING
};
static const enum NodeTag nodes[] = {
#define NODE(T, fields, strings, places) T_##T,
#include "sql/nodes.def"
#undef NODE
};
static const bool utilities[] = {
#define UTILITY(T, tag, effects) [T_##T] = true,
#include "sql/utility.def"
#undef UTILITY
};

static void check_sorted(const char *const *names, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) >= 0) fail_msg("%s stands before %s", names[i - 1], names[i]);
}
#define CHECK_SORTED(names) check_sorted(names, sizeof(names) / sizeof(*names))

static void every_list_is_in_order(void **state)
{
    (void)state;
    CHECK_SORTED(functions);
    CHECK_SORTED(catalogue);
    CHECK_SORTED(operators);
    CHECK_SORTED(settings);
}

static bool in_catalogue(const char *name)
{
    for (size_t i = 0; i < sizeof(catalogue) / sizeof(*catalogue); i++)
        if (strcmp(catalogue[i], name) == 0) return true;
    return false;
}

static void a_listed_function_is_pg_catalogs_or_a_procedure(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        if (strncmp(functions[i], "_pg_", 4) == 0) {
            assert_int_equal(functions_effects("information_schema", functions[i]), 0);
            continue;
        }
        if (!in_catalogue(functions[i]) && !(function_effects[i] & EFFECT_PROCEDURE))
            fail_msg("%s is in no pg_catalog, and listed without EFFECT_PROCEDURE", functions[i]);
        assert_int_equal(functions_effects(NULL, functions[i]), function_effects[i]);
    }
}

static void every_name_of_pg_catalog_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(catalogue) / sizeof(*catalogue); i++) {
        uint32_t bare = functions_effects(NULL, catalogue[i]);
        assert_int_equal(functions_effects("pg_catalog", catalogue[i]), bare);
        assert_true(functions_effects("public", catalogue[i]) & EFFECT_PROCEDURE);
    }
    for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++)
        assert_int_equal(functions_operator_effects(NULL, operators[i]), 0);
    assert_int_equal(functions_operator_effects(NULL, "@@@@"), EFFECT_PROCEDURE);
    assert_int_equal(functions_effects(NULL, "zzz"), EFFECT_PROCEDURE);
    assert_int_equal(functions_effects(NULL, ""), EFFECT_PROCEDURE);
}

/* The names end in Stmt; those that are no statement of their own, or are read by query.c, are named here. */
static void every_statement_of_the_grammar_is_in_a_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        const char *name = tree_tag_name(nodes[i]);
        size_t n = strlen(name);
        if (n < 4 || strcmp(name + n - 4, "Stmt") != 0) continue;
        if (nodes[i] == T_SelectStmt || nodes[i] == T_InsertStmt || nodes[i] == T_UpdateStmt ||
            nodes[i] == T_DeleteStmt || nodes[i] == T_MergeStmt || nodes[i] == T_ReturnStmt ||
            nodes[i] == T_PLAssignStmt || nodes[i] == T_ReplicaIdentityStmt)
            continue;
        if ((size_t)nodes[i] >= sizeof(utilities) || !utilities[nodes[i]])
            fail_msg("%s is in no table", name);
    }
}

static void effects_have_the_names_that_policies_use(void **state)
{
    (void)state;
    assert_string_equal(sql_effect_name(EFFECT_SCHEMA_DROP), "schema.drop");
    assert_string_equal(sql_effect_name(EFFECT_UNKNOWN), "unknown");
    assert_string_equal(sql_effect_name(3), "?");
    assert_int_equal(sql_effect_parse(BYTES_LITERAL("schema")), EFFECT_SCHEMA);
    assert_int_equal(sql_effect_parse(BYTES_LITERAL("all")) & EFFECT_UNKNOWN, 0);
    assert_int_equal(sql_effect_parse(BYTES_LITERAL("READ")), 0);
    for (unsigned bit = 0; bit < SQL_N_EFFECTS; bit++)
        assert_int_equal(sql_effect_parse(bytes_of(sql_effect_name(1u << bit))), 1u << bit);
}

static void settings_are_found_in_any_case(void **state)
{
    (void)state;
    struct bytes none = { 0 };
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
        assert_int_not_equal(sql_setting_kind(bytes_of(settings[i]), none), SQL_SETTING_OTHER);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("DATESTYLE"), none), SQL_SETTING_HARMLESS);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("Client_Encoding"), none), SQL_SETTING_PINNED);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("client_encoding"), BYTES_LITERAL("")),
                     SQL_SETTING_PINNED);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("client_encoding"), BYTES_LITERAL("Unicode")),
                     SQL_SETTING_HARMLESS);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("client_encoding"), BYTES_LITERAL("UTF-8-MAC-LONG")),
                     SQL_SETTING_PINNED);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("POSTERN.x"), none), SQL_SETTING_CONTEXT);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("postern."), none), SQL_SETTING_OTHER);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("datestyl"), none), SQL_SETTING_OTHER);
    assert_int_equal(sql_setting_kind(BYTES_LITERAL("datestyles"), none), SQL_SETTING_OTHER);
    assert_int_equal(sql_setting_kind(none, none), SQL_SETTING_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_list_is_in_order),
        cmocka_unit_test(a_listed_function_is_pg_catalogs_or_a_procedure),
        cmocka_unit_test(every_name_of_pg_catalog_is_found),
        cmocka_unit_test(every_statement_of_the_grammar_is_in_a_table),
        cmocka_unit_test(effects_have_the_names_that_policies_use),
        cmocka_unit_test(settings_are_found_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
