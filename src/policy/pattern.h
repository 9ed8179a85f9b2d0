/* Patterns over names in SQL: "public.audit_*", "audit_*", "sales.*". A part is folded as PostgreSQL folds an
 * identifier (to lower case, unless it stands in double quotes), and then compared with identifiers that the
 * grammar has folded. */
#ifndef POSTERN_POLICY_PATTERN_H
#define POSTERN_POLICY_PATTERN_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"

enum { PATTERN_PARTS_CEILING = 3, PATTERN_NAME_CEILING = 63 };
struct policy_pattern {
    struct bytes parts[PATTERN_PARTS_CEILING]; /* the last is the name itself */
    size_t n;
};
/* NULL: *pattern_out is the pattern; else why it is none, as the end of a sentence. */
const char *policy_pattern_parse(struct bytes text, struct arena *arena,
                                 struct policy_pattern *pattern_out) MUST_USE;

struct policy_patterns {
    struct policy_pattern *items;
    size_t n;
};
/* Which way a doubt falls: a name without a schema stands for some schema that only the server knows. */
enum policy_doubt {
    POLICY_DOUBT_MISSES = 0, /* for what allows: it matches only where every schema does */
    POLICY_DOUBT_HITS        /* for what denies or holds: it matches where some schema could */
};
/* Whether one of the patterns (of one or two parts; one stands for every schema) matches the name. */
bool policy_patterns_match(const struct policy_patterns *patterns, struct bytes schema, struct bytes name,
                           enum policy_doubt doubt);
/* The same for patterns of one part that are compared with the schema alone. */
bool policy_patterns_match_schema(const struct policy_patterns *patterns, struct bytes schema,
                                  enum policy_doubt doubt);
#endif
