/* Only what the token proves counts here: user, groups, claims, and whether it is a machine's. */
#include "policy/who.h"
#include "policy/glob.h"
#include <inttypes.h>
#include <stdio.h>

bool policy_texts_match(const struct yaml_texts *patterns, struct bytes text)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (policy_glob(patterns->items[i], text)) return true;
    return false;
}

static bool groups_match(const struct yaml_texts *patterns, const struct principal *principal)
{
    for (size_t i = 0; i < principal->n_groups; i++)
        if (policy_texts_match(patterns, principal->groups[i])) return true;
    return false;
}

static bool scalar_matches(const json_t *value, const struct yaml_texts *patterns)
{
    char number[24];
    if (json_is_string(value))
        return policy_texts_match(patterns, bytes_make(json_string_value(value), json_string_length(value)));
    if (json_is_boolean(value))
        return policy_texts_match(patterns, bytes_of(json_is_true(value) ? "true" : "false"));
    if (!json_is_integer(value)) return false;
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return policy_texts_match(patterns, bytes_of(number));
}

/* A claim that is a list matches by any of its items. */
static bool claim_matches(const json_t *claims, const struct yaml_map_item *wanted)
{
    const json_t *value = json_object_get(claims, (const char *)wanted->key.p);
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; value && i < n; i++)
        if (scalar_matches(json_is_array(value) ? json_array_get(value, i) : value, &wanted->values))
            return true;
    return false;
}

bool policy_who_matches(const struct policy_who *who, const struct principal *principal, const json_t *claims)
{
    if (who->machine != POLICY_MACHINE_EITHER && principal->machine != (who->machine == POLICY_MACHINE_TRUE))
        return false;
    if (who->users.n && !policy_texts_match(&who->users, principal->user)) return false;
    if (who->groups.n && !groups_match(&who->groups, principal)) return false;
    for (size_t i = 0; i < who->claims.n; i++)
        if (!claims || !claim_matches(claims, &who->claims.items[i])) return false;
    return true;
}
