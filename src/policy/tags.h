/* The command tags that facts give. Only src/policy includes this. */
#ifndef POSTERN_POLICY_TAGS_H
#define POSTERN_POLICY_TAGS_H
#include "yaml/shape.h"

/* Whether a pattern of `statements` (in upper case) matches the tag: "DROP" and "DROP *" match "DROP TABLE".
 */
bool policy_tag_matches(struct bytes pattern, struct bytes tag);
/* Whether there is a statement whose tag the pattern matches. */
bool policy_tag_exists(struct bytes pattern);
#endif
