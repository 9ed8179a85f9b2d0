/* The language of policies as it is written: the structs that its shapes fill (yaml/shape.h). compile.c makes
 * a snapshot of them. doc/policy.md is its reference. */
#ifndef POSTERN_POLICY_LANGUAGE_H
#define POSTERN_POLICY_LANGUAGE_H
#include "policy/policy.h"
#include "yaml/shape.h"

enum policy_any { POLICY_ANY_NOT = 0, POLICY_ANY_TRUE, POLICY_ANY };
enum policy_machine { POLICY_MACHINE_EITHER = 0, POLICY_MACHINE_TRUE, POLICY_MACHINE_FALSE };
struct policy_who {
    const struct yaml_node *at;
    enum policy_any any;
    struct yaml_texts users, groups; /* patterns */
    struct yaml_map claims;          /* claim → values, of which one must be there */
    enum policy_machine machine;
};
struct policy_on {
    const struct yaml_node *at;
    struct yaml_texts connections, databases, schemas; /* patterns; empty: all */
};
enum policy_mode { POLICY_ENFORCE = 0, POLICY_OBSERVE };
enum policy_on_failure { POLICY_FAILURE_DENY = 0, POLICY_FAILURE_ALLOW };
struct policy_recording {
    const struct yaml_node *at;
    enum policy_rows rows;
    enum policy_on_failure on_failure;
    int64_t retain_us;
    struct yaml_texts statements; /* effects */
    struct yaml_texts values;     /* columns, as in masks */
};
struct policy_allow_text {
    const struct yaml_node *at;
    struct yaml_texts effects, relations, schemas, columns, functions;
};
enum policy_where { POLICY_WHERE_ANY = 0, POLICY_WHERE_MISSING, POLICY_WHERE_TRIVIAL };
struct policy_unless {
    const struct yaml_node *at;
    struct bytes affected_rows; /* "<= 100" */
};
enum policy_reason { POLICY_REASON_OPTIONAL = 0, POLICY_REASON_REQUIRED };
enum policy_four_eyes { POLICY_FOUR_EYES_ON = 0, POLICY_FOUR_EYES_OFF };
/* An item of deny or hold. */
struct policy_rule_text {
    const struct yaml_node *at;
    struct bytes name;
    struct yaml_texts effects, statements, relations, columns, uses, functions;
    enum policy_where where;
    struct bytes message;
    enum policy_mode mode;
    struct yaml_texts by; /* hold only, as what follows */
    int64_t expires_us, window_us, in_transaction_us, approvals;
    enum policy_reason reason;
    enum policy_four_eyes four_eyes;
    struct policy_unless unless;
};
enum policy_period { POLICY_PER_DAY = 0 };
struct policy_budget_text {
    const struct yaml_node *at;
    int64_t statements, rows, affected_rows, bytes, lookups;
    enum policy_period per;
};
struct policy_limits_text {
    const struct yaml_node *at;
    int64_t statement_us, session_us, returned_rows, affected_rows, bytes;
    struct policy_budget_text budget;
};
enum policy_mask_predicates {
    POLICY_PREDICATES_REFUSE = 0,
    POLICY_PREDICATES_MASKED,
    POLICY_PREDICATES_EQUALITY
};
enum policy_mask_write { POLICY_MASK_WRITE_REFUSE = 0, POLICY_MASK_WRITE_ALLOW };
enum policy_guard { POLICY_GUARD_ON = 0, POLICY_GUARD_OFF };
struct policy_mask_text {
    const struct yaml_node *at;
    struct yaml_texts columns, values;
    struct bytes with;
    enum policy_mask_predicates predicates;
    enum policy_mask_write write;
};
struct policy_trust_text {
    const struct yaml_node *at;
    struct yaml_texts functions, extensions;
};
struct policy_text {
    const struct yaml_node *at;
    struct bytes name;
    struct policy_who who;
    struct policy_on on;
    enum policy_mode mode;
    struct bytes login;
    struct policy_recording record;
    struct {
        struct policy_allow_text *items;
        size_t n;
    } allow;
    struct {
        struct policy_rule_text *items;
        size_t n;
    } deny, hold;
    struct policy_trust_text trust;
    struct policy_limits_text limits;
    struct {
        struct policy_mask_text *items;
        size_t n;
    } mask;
    enum policy_guard guard;
};
#endif
