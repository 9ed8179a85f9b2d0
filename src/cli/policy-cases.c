/* The table of a file of cases. */
#include "cli/policy-cases.h"

#define N(array) (sizeof(array) / sizeof *(array))

static const char *const expect_choices[] = { "allow", "deny", "hold", "observed", "nobody", NULL };
static const char *const machine_choices[] = { "either", "true", "false", NULL };

/* Who asks: the same keys for a case and for the defaults. */
#define WHO_FIELDS(type)                                                                                     \
    { "as", YAML_TEXT, YAML_AT(type, as), "Who asks: the user's name.", .example = "alice" },                \
        { "on", YAML_TEXT, YAML_AT(type, on), "The connection.", .example = "orders" },                      \
        { "database", YAML_TEXT, YAML_AT(type, database), "The database that is asked for.",                 \
          .example = "orders" },                                                                             \
        { "groups", YAML_TEXTS, YAML_AT(type, groups), "Their groups.", .example = "[ai-agents]" },          \
        { "claims", YAML_TEXT_MAP, YAML_AT(type, claims), "Claims of their token.",                          \
          .example = "{ department: sales }" },                                                              \
    {                                                                                                        \
        "machine", YAML_CHOICE, YAML_AT(type, machine), "Whether they are a machine; false without it.",     \
            .choices = machine_choices                                                                       \
    }

static const struct yaml_field who_fields[] = { WHO_FIELDS(case_who) };
static const struct yaml_shape who_shape = { "defaults", sizeof(struct case_who),
                                             who_fields, N(who_fields),
                                             NULL,       NULL };
static const struct yaml_field case_fields[] = {
    { "name", YAML_TEXT, YAML_AT(case_text, name), "What the case shows.", .required = true,
      .example = "agents may read" },
    WHO_FIELDS(case_text),
    { "sql", YAML_TEXTS, YAML_AT(case_text, sql), "The text, or several, each for itself.",
      .example = "SELECT 1" },
    { "expect", YAML_CHOICE, YAML_AT(case_text, expect), "What is judged of each.", .required = true,
      .choices = expect_choices },
    { "policy", YAML_TEXT, YAML_AT(case_text, policy), "The policy that decides.", .example = "agents" },
    { "rule", YAML_TEXT, YAML_AT(case_text, rule), "The rule that decides.", .example = "no-drop" },
    { "message", YAML_TEXT, YAML_AT(case_text, message), "Is in the message.", .example = "is denied" },
    { "hint", YAML_TEXT, YAML_AT(case_text, hint), "Is in the hint.", .example = "WHERE" },
    { "would", YAML_TEXT, YAML_AT(case_text, would), "Is in what enforcing would have said.",
      .example = "no-drop" },
    { "effects", YAML_TEXTS, YAML_AT(case_text, effects), "The effects of the text, all of them.",
      .example = "[read]" },
    { "up_to", YAML_NUMBER, YAML_AT(case_text, up_to), "How many rows it may change without approval.",
      .min = 1, .example = "100" },
};
static void check_case(struct yaml_reader *reader, void *object)
{
    const struct case_text *c = object;
    if (!c->sql.n && c->expect != CASE_NOBODY)
        yaml_errors_add(reader->errors, c->at->place, "a case needs \"sql\"");
    for (size_t i = 0; i < c->effects.n; i++)
        if (!sql_effect_parse(c->effects.items[i]))
            yaml_errors_add(reader->errors, yaml_place_of(c->at, "effects"), "unknown effect \"%.*s\"",
                            BYTES_FMT(c->effects.items[i]));
}
static const struct yaml_shape case_shape = { "a case",    sizeof(struct case_text),
                                              case_fields, N(case_fields),
                                              NULL,        check_case };
static const struct yaml_field file_fields[] = {
    { "policies", YAML_TEXTS, YAML_AT(case_file, policies),
      "Files or folders of policies, or configurations, from this file's folder.", .example = "[team.yaml]" },
    { "catalog", YAML_TEXT, YAML_AT(case_file, catalog),
      "A catalogue file to resolve names in, from this file's folder.", .example = "orders.catalog" },
    { "defaults", YAML_OBJECT, YAML_AT(case_file, defaults), "What a case leaves out.", .shape = &who_shape },
    { "cases", YAML_OBJECTS, YAML_AT(case_file, cases), "The cases.", .required = true,
      .shape = &case_shape },
};
const struct yaml_shape case_file_shape = {
    "a file of cases", sizeof(struct case_file), file_fields, N(file_fields), NULL, NULL
};
