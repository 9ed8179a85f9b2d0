/* The tables of the language: keys, types, defaults and meanings. What a key may not hold besides its type is
 * checked here where it concerns one map alone, and in compile.c where names must be understood. */
#include "policy/language.h"
#include "policy/compile.h"

#define N(array) (sizeof(array) / sizeof *(array))

static const char *const any_choices[] = { "false", "true", "any", NULL };
static const char *const machine_choices[] = { "either", "true", "false", NULL };
static const char *const mode_choices[] = { "enforce", "observe", NULL };
static const char *const rows_choices[] = { "none", "count", "digest", "full", NULL };
static const char *const failure_choices[] = { "deny", "allow", NULL };
static const char *const where_choices[] = { "any", "missing", "trivial", NULL };
static const char *const period_choices[] = { "day", NULL };
static const char *const predicates_choices[] = { "refuse", "masked", "equality", NULL };
static const char *const guard_choices[] = { "on", "off", NULL };
static const char *const write_choices[] = { "refuse", "allow", NULL };
static const char *const reason_choices[] = { "optional", "required", NULL };
static const char *const four_eyes_choices[] = { "on", "off", NULL };

static void check_who(struct yaml_reader *reader, void *object)
{
    const struct policy_who *who = object;
    bool named = who->users.n || who->groups.n || who->claims.n || who->machine != POLICY_MACHINE_EITHER;
    if (who->any == POLICY_ANY_NOT && !named)
        yaml_errors_add(reader->errors, who->at ? who->at->place : (struct yaml_place){ 0 },
                        "\"who\" names nobody; write who: any for everybody");
}

static const struct yaml_field who_fields[] = {
    { "any", YAML_CHOICE, YAML_AT(policy_who, any), "Everybody who can prove who they are.",
      .choices = any_choices },
    { "users", YAML_TEXTS, YAML_AT(policy_who, users), "Patterns of users' names.",
      .example = "[alice, \"svc-*\"]" },
    { "groups", YAML_TEXTS, YAML_AT(policy_who, groups), "Patterns of groups' names.",
      .example = "[ai-agents]" },
    { "claims", YAML_TEXT_MAP, YAML_AT(policy_who, claims),
      "Claims of the verified token, each with a value or a list of values.",
      .example = "{ department: [sales, support] }" },
    { "machine", YAML_CHOICE, YAML_AT(policy_who, machine), "Only machines (true) or only people (false).",
      .choices = machine_choices },
};
static const struct yaml_shape who_shape = { "who",      sizeof(struct policy_who),
                                             who_fields, N(who_fields),
                                             "any",      check_who };

static const struct yaml_field on_fields[] = {
    { "connections", YAML_TEXTS, YAML_AT(policy_on, connections), "Patterns of connections' names.",
      .example = "[orders]" },
    { "databases", YAML_TEXTS, YAML_AT(policy_on, databases),
      "Patterns of the database name that the client asked for.", .example = "[\"orders_*\"]" },
    { "schemas", YAML_TEXTS, YAML_AT(policy_on, schemas),
      "Patterns of the schemas that the policy speaks of.", .example = "[sales]" },
};
static const struct yaml_shape on_shape = { "on", sizeof(struct policy_on), on_fields, N(on_fields), NULL,
                                            NULL };

static const struct yaml_field record_fields[] = {
    { "rows", YAML_CHOICE, YAML_AT(policy_recording, rows), "How much of the results is recorded.",
      .fallback = "full", .choices = rows_choices },
    { "on_failure", YAML_CHOICE, YAML_AT(policy_recording, on_failure),
      "What becomes of a statement that cannot be recorded.", .choices = failure_choices },
    { "retain", YAML_DURATION, YAML_AT(policy_recording, retain_us),
      "How long the record's content is kept; without it, for ever.", .min = 1000000, .example = "400d" },
    { "statements", YAML_TEXTS, YAML_AT(policy_recording, statements),
      "Which statements' results are recorded: effects, or all.", .fallback = "all" },
    { "values", YAML_TEXTS, YAML_AT(policy_recording, values),
      "Columns, or tags, whose values the index knows by a keyed hash: who saw this card number?",
      .example = "[public.customers.card_number, \"tag:pii\"]" },
};
static const struct yaml_shape record_shape = { "record",      sizeof(struct policy_recording),
                                                record_fields, N(record_fields),
                                                NULL,          NULL };

static const struct yaml_field allow_fields[] = {
    { "effects", YAML_TEXTS, YAML_AT(policy_allow_text, effects),
      "The effects that are allowed; see doc/effects.md.", .required = true, .example = "[read, write]" },
    { "relations", YAML_TEXTS, YAML_AT(policy_allow_text, relations),
      "Only on relations that match one of these patterns.", .example = "[\"sales.*\"]" },
    { "schemas", YAML_TEXTS, YAML_AT(policy_allow_text, schemas), "Only on relations of these schemas.",
      .example = "[sales]" },
    { "columns", YAML_TEXTS, YAML_AT(policy_allow_text, columns),
      "Only these columns, schema.relation.column; goes with read, write, update, bulk_in and bulk_out.",
      .example = "[\"public.customers.name\"]" },
    { "functions", YAML_TEXTS, YAML_AT(policy_allow_text, functions),
      "Only these functions; goes with effects: procedure.", .example = "[\"sales.next_offer\"]" },
};
static const struct yaml_shape allow_shape = { "an item of allow", sizeof(struct policy_allow_text),
                                               allow_fields,       N(allow_fields),
                                               "effects",          NULL };

static const struct yaml_field unless_fields[] = {
    { "affected_rows", YAML_TEXT, YAML_AT(policy_unless, affected_rows),
      "Up to so many affected rows need no approval.", .required = true, .example = "<= 100" },
};
static const struct yaml_shape unless_shape = { "unless",      sizeof(struct policy_unless),
                                                unless_fields, N(unless_fields),
                                                NULL,          NULL };

static void check_rule(struct yaml_reader *reader, void *object)
{
    const struct policy_rule_text *rule = object;
    bool any = rule->effects.n || rule->statements.n || rule->relations.n || rule->columns.n ||
               rule->functions.n || rule->where != POLICY_WHERE_ANY;
    if (!any)
        yaml_errors_add(reader->errors, rule->at ? rule->at->place : (struct yaml_place){ 0 },
                        "a rule needs \"effects\", \"statements\", \"where\", \"relations\", \"columns\" or "
                        "\"functions\"");
}

#define RULE_FIELDS                                                                                          \
    { "name", YAML_TEXT, YAML_AT(policy_rule_text, name), "The rule's name in messages and records.",        \
      .example = "no-drop" },                                                                                \
        { "effects", YAML_TEXTS, YAML_AT(policy_rule_text, effects),                                         \
          "Statements with one of these effects.", .example = "[delete]" },                                  \
        { "statements", YAML_TEXTS, YAML_AT(policy_rule_text, statements),                                   \
          "Statements whose command tag matches one of these patterns.",                                     \
          .example = "[\"DROP *\", TRUNCATE]" },                                                             \
        { "where", YAML_CHOICE, YAML_AT(policy_rule_text, where),                                            \
          "UPDATE and DELETE without a WHERE clause, or with one that is always true (trivial: only the "    \
          "latter).",                                                                                        \
          .choices = where_choices },                                                                        \
        { "relations", YAML_TEXTS, YAML_AT(policy_rule_text, relations),                                     \
          "Statements that touch one of these relations.", .example = "[\"public.audit_*\"]" },              \
        { "columns", YAML_TEXTS, YAML_AT(policy_rule_text, columns),                                         \
          "Statements that use one of these columns, schema.relation.column.",                               \
          .example = "[\"public.customers.email\"]" },                                                       \
        { "uses", YAML_TEXTS, YAML_AT(policy_rule_text, uses),                                               \
          "Which uses of the columns: output, predicate, stored, written, or read for the first three; any " \
          "without it.",                                                                                     \
          .example = "[output]" },                                                                           \
        { "functions", YAML_TEXTS, YAML_AT(policy_rule_text, functions),                                     \
          "Statements that call one of these functions.", .example = "[\"pg_sleep*\"]" },                    \
        { "message", YAML_TEXT, YAML_AT(policy_rule_text, message), "What the caller is told besides.",      \
          .example = "ask the data team" },                                                                  \
    {                                                                                                        \
        "mode", YAML_CHOICE, YAML_AT(policy_rule_text, mode),                                                \
            "observe: only record what the rule would have done.", .choices = mode_choices                   \
    }

static const struct yaml_field deny_fields[] = { RULE_FIELDS };
static const struct yaml_shape deny_shape = { "an item of deny", sizeof(struct policy_rule_text),
                                              deny_fields,       N(deny_fields),
                                              "effects",         check_rule };
static const struct yaml_field hold_fields[] = {
    RULE_FIELDS,
    { "by", YAML_TEXTS, YAML_AT(policy_rule_text, by), "The groups that may approve.", .required = true,
      .example = "[dba]" },
    { "expires", YAML_DURATION, YAML_AT(policy_rule_text, expires_us), "How long it waits for approval.",
      .fallback = "15m", .min = 1000000, .max = 30 * 86400000000 },
    { "approvals", YAML_NUMBER, YAML_AT(policy_rule_text, approvals),
      "How many different people must approve.", .fallback = "1", .min = 1, .max = POLICY_APPROVALS_MOST },
    { "reason", YAML_CHOICE, YAML_AT(policy_rule_text, reason), "Whether who approves must say why.",
      .choices = reason_choices },
    { "four_eyes", YAML_CHOICE, YAML_AT(policy_rule_text, four_eyes),
      "off: who asks, and the person whom an agent verifiably acts for, may approve as well.",
      .choices = four_eyes_choices },
    { "window", YAML_DURATION, YAML_AT(policy_rule_text, window_us),
      "How long an approval may be used by a statement that did not wait for it (SET postern.on_hold = "
      "fail).",
      .fallback = "15m", .min = 1000000, .max = 30 * 86400000000 },
    { "hold_in_transaction", YAML_DURATION, YAML_AT(policy_rule_text, in_transaction_us),
      "How long it waits in an open transaction, whose locks are held meanwhile; without it, it is refused "
      "there.",
      .min = 1000000, .max = 3600000000, .example = "30s" },
    { "unless", YAML_OBJECT, YAML_AT(policy_rule_text, unless), "When no approval is needed after all.",
      .shape = &unless_shape },
};
static const struct yaml_shape hold_shape = {
    "an item of hold", sizeof(struct policy_rule_text), hold_fields, N(hold_fields), NULL, check_rule
};

static const struct yaml_field budget_fields[] = {
    { "statements", YAML_NUMBER, YAML_AT(policy_budget_text, statements), "How many statements.", .min = 1,
      .example = "10000" },
    { "rows", YAML_NUMBER, YAML_AT(policy_budget_text, rows), "How many rows returned.", .min = 1,
      .example = "1000000" },
    { "affected_rows", YAML_NUMBER, YAML_AT(policy_budget_text, affected_rows), "How many rows changed.",
      .min = 1, .example = "10000" },
    { "bytes", YAML_SIZE, YAML_AT(policy_budget_text, bytes), "How many bytes of values returned.", .min = 1,
      .example = "1GB" },
    { "lookups", YAML_NUMBER, YAML_AT(policy_budget_text, lookups),
      "How many values of masked columns may be asked for; 100 without it.", .min = 1, .example = "20" },
    { "per", YAML_CHOICE, YAML_AT(policy_budget_text, per), "The time that it is for: a day of UTC.",
      .choices = period_choices },
};
static const struct yaml_shape budget_shape = { "a budget",    sizeof(struct policy_budget_text),
                                                budget_fields, N(budget_fields),
                                                NULL,          NULL };

static const struct yaml_field limits_fields[] = {
    { "statement", YAML_DURATION, YAML_AT(policy_limits_text, statement_us), "How long a statement may run.",
      .min = 1000, .example = "30s" },
    { "session", YAML_DURATION, YAML_AT(policy_limits_text, session_us), "How long a session may last.",
      .min = 1000000, .example = "8h" },
    { "returned_rows", YAML_NUMBER, YAML_AT(policy_limits_text, returned_rows),
      "How many rows a statement may return.", .min = 1, .example = "100000" },
    { "affected_rows", YAML_NUMBER, YAML_AT(policy_limits_text, affected_rows),
      "How many rows a statement may change.", .min = 1, .example = "10000" },
    { "bytes", YAML_SIZE, YAML_AT(policy_limits_text, bytes),
      "How many bytes of values a statement may return.", .min = 1, .example = "64MB" },
    { "budget", YAML_OBJECT, YAML_AT(policy_limits_text, budget),
      "What a principal may do on a connection in a day, over all its sessions.", .shape = &budget_shape },
};
static const struct yaml_shape limits_shape = { "limits",      sizeof(struct policy_limits_text),
                                                limits_fields, N(limits_fields),
                                                NULL,          NULL };

static const struct yaml_field trust_fields[] = {
    { "functions", YAML_TEXTS, YAML_AT(policy_trust_text, functions),
      "Functions and operators that do nothing besides what the statement says: schema.name, or with types.",
      .example = "[\"public.slug(text)\", \"util.*\"]" },
    { "extensions", YAML_TEXTS, YAML_AT(policy_trust_text, extensions),
      "Extensions all of whose code is such, besides the list in doc/policy.md.", .example = "[vector]" },
};
static const struct yaml_shape trust_shape = { "trust",      sizeof(struct policy_trust_text),
                                               trust_fields, N(trust_fields),
                                               NULL,         NULL };

static void check_mask(struct yaml_reader *reader, void *object)
{
    const struct policy_mask_text *mask = object;
    if (!mask->columns.n == !mask->values.n)
        yaml_errors_add(reader->errors, mask->at ? mask->at->place : (struct yaml_place){ 0 },
                        "a mask is for \"columns\" or for \"values\"");
    if (mask->values.n && mask->predicates != POLICY_PREDICATES_REFUSE)
        yaml_errors_add(reader->errors, yaml_place_of(mask->at, "predicates"),
                        "\"predicates\" goes with \"columns\"");
    if (mask->values.n && mask->write != POLICY_MASK_WRITE_REFUSE)
        yaml_errors_add(reader->errors, yaml_place_of(mask->at, "write"), "\"write\" goes with \"columns\"");
}

static const struct yaml_field mask_fields[] = {
    { "columns", YAML_TEXTS, YAML_AT(policy_mask_text, columns),
      "Columns: schema.relation.column, or tag:name.", .example = "[\"public.customers.email\"]" },
    { "values", YAML_TEXTS, YAML_AT(policy_mask_text, values),
      "Kinds of values, found by looking at results: card_number, iban, email, us_ssn.",
      .example = "[card_number, iban]" },
    { "with", YAML_TEXT, YAML_AT(policy_mask_text, with),
      "The mask; for values also report: they are shown, and counted in the record.", .required = true,
      .example = "redact" },
    { "predicates", YAML_CHOICE, YAML_AT(policy_mask_text, predicates),
      "What becomes of a masked column in a predicate.", .choices = predicates_choices },
    { "write", YAML_CHOICE, YAML_AT(policy_mask_text, write), "Whether a masked column may be written.",
      .choices = write_choices },
};
static const struct yaml_shape mask_shape = { "a mask",    sizeof(struct policy_mask_text),
                                              mask_fields, N(mask_fields),
                                              NULL,        check_mask };

static const struct yaml_field policy_fields[] = {
    { "name", YAML_TEXT, YAML_AT(policy_text, name), "The policy's name in messages and records.",
      .required = true, .example = "agents-on-orders" },
    { "who", YAML_OBJECT, YAML_AT(policy_text, who), "Whom it is about: all conditions must hold.",
      .required = true, .shape = &who_shape },
    { "on", YAML_OBJECT, YAML_AT(policy_text, on), "Where it applies; everywhere without it.",
      .shape = &on_shape },
    { "mode", YAML_CHOICE, YAML_AT(policy_text, mode),
      "observe: allow everything, and record what would have happened.", .choices = mode_choices },
    { "login", YAML_TEXT, YAML_AT(policy_text, login), "Which of the connection's logins is used.",
      .example = "ro" },
    { "record", YAML_OBJECT, YAML_AT(policy_text, record), "What is recorded.", .shape = &record_shape },
    { "allow", YAML_OBJECTS, YAML_AT(policy_text, allow), "What is allowed: effects, or maps.",
      .shape = &allow_shape },
    { "deny", YAML_OBJECTS, YAML_AT(policy_text, deny), "What is denied all the same: effects, or maps.",
      .shape = &deny_shape },
    { "hold", YAML_OBJECTS, YAML_AT(policy_text, hold), "What waits for approval.", .shape = &hold_shape },
    { "trust", YAML_OBJECT, YAML_AT(policy_text, trust),
      "Code that is not PostgreSQL's own, and calling it is no procedure.", .shape = &trust_shape },
    { "limits", YAML_OBJECT, YAML_AT(policy_text, limits), "Limits; the smallest of all policies that apply.",
      .shape = &limits_shape },
    { "mask", YAML_OBJECTS, YAML_AT(policy_text, mask),
      "Which columns are masked, and how; see doc/masking.md.", .shape = &mask_shape },
    { "guard", YAML_CHOICE, YAML_AT(policy_text, guard),
      "Whether each masked read makes sure at the server that its columns are what they were.",
      .choices = guard_choices },
};
const struct yaml_shape policy_shape = { "a policy",    sizeof(struct policy_text),
                                         policy_fields, N(policy_fields),
                                         NULL,          NULL };
