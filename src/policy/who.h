/* Whether a policy is about a principal. */
#ifndef POSTERN_POLICY_WHO_H
#define POSTERN_POLICY_WHO_H
#include "identity/principal.h"
#include "policy/language.h"
#include <jansson.h>

/* All conditions that are given must hold; of a list, one item. claims: the token's payload, or NULL. */
bool policy_who_matches(const struct policy_who *who, const struct principal *principal,
                        const json_t *claims);
bool policy_texts_match(const struct yaml_texts *patterns, struct bytes text);
#endif
