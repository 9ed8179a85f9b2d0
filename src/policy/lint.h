/* What is allowed to be written and cannot be meant: rules that match nothing, or nothing that another rule
 * does not decide before, and allows that allow nothing. */
#ifndef POSTERN_POLICY_LINT_H
#define POSTERN_POLICY_LINT_H
#include "catalog/catalog.h"
#include "policy/policy.h"
#include "yaml/errors.h"

struct policy_finding {
    struct yaml_place place;
    const char *code;    /* "never-matches", "shadowed", "no-effect", "unknown-name", "misleading",
                            "re-exported" (the command's own) */
    struct bytes policy; /* its name */
    struct bytes rule;   /* the rule's name, or "allow: read" */
    struct bytes text;   /* one sentence without a full stop; borrowed until visit returns */
};
/* All that is found, policy by policy in name order. False: there is no memory. */
bool policy_lint(const struct policy_snapshot *snapshot,
                 void (*visit)(void *context, const struct policy_finding *finding), void *context) MUST_USE;
/* Patterns of relations, columns, schemas and code that no name of this database matches. */
bool policy_lint_names(const struct policy_snapshot *snapshot, const struct catalog *catalog,
                       void (*visit)(void *context, const struct policy_finding *finding),
                       void *context) MUST_USE;
#endif
