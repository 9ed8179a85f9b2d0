/* Policies as they are judged by: effects as bits, patterns folded, names sorted. Only src/policy includes
 * this. */
#ifndef POSTERN_POLICY_SNAPSHOT_H
#define POSTERN_POLICY_SNAPSHOT_H
#include "policy/compile.h"
#include "policy/language.h"
#include "policy/masks.h"
#include "policy/pattern.h"
#include "policy/signature.h"
#include <stdatomic.h>

struct policy_allow {
    struct yaml_place place;
    struct bytes label; /* "allow: read, write" */
    uint32_t effects;
    struct policy_patterns relations, schemas, functions; /* empty: any */
    struct policy_patterns columns;                       /* of three parts; empty: any */
    const struct policy_patterns *scope;                  /* on.schemas of its policy */
};
struct policy_rule {
    struct yaml_place place;
    struct bytes name, message;   /* message may be empty */
    uint32_t effects;             /* 0: any */
    struct yaml_texts statements; /* in upper case */
    enum policy_where where;
    struct policy_patterns relations, functions;
    struct policy_patterns columns; /* of three parts; empty: any */
    uint32_t uses;                  /* of the columns: bits of enum sql_use */
    const struct policy_patterns *scope;
    bool observe; /* its own mode, or its policy's */
    struct yaml_texts by;
    int64_t expires_us, window_us, in_transaction_us;
    uint32_t approvals;
    bool reason, own;
    bool unless; /* it holds only above so many rows */
    uint64_t unless_rows;
};
struct policy_column_set {
    struct policy_patterns columns; /* of three parts */
    struct yaml_texts tags;         /* patterns; behind "tag:" */
};
struct policy_masking {
    struct yaml_place place;
    struct policy_column_set columns;
    struct policy_mask mask;
};
struct policy_valuing {
    struct yaml_place place;
    uint32_t values; /* bits of 1 << enum policy_value */
    struct policy_mask mask;
};
struct policy_trust {
    struct policy_signatures functions;
    struct yaml_texts extensions;
};
struct policy {
    struct bytes name, login;
    struct policy_who who;
    struct yaml_texts connections, databases;
    struct policy_patterns schemas;
    bool observe;
    enum policy_rows rows;
    enum policy_on_failure on_failure;
    int64_t retain_us;
    uint32_t record_effects;
    struct policy_column_set indexed; /* whose values are indexed */
    struct policy_allow *allows;
    struct policy_rule *denies, *holds;
    size_t n_allows, n_denies, n_holds;
    struct policy_masking *masks; /* of columns */
    struct policy_valuing *values;
    size_t n_masks, n_values;
    bool guard;
    struct policy_trust trust;
    struct policy_limits limits;
    struct yaml_place place, login_place, connections_place;
};
struct policy_snapshot {
    struct arena arena;
    atomic_uint n_references;
    struct policy *policies; /* in name order */
    size_t n;
    bool uses_claims;
    struct bytes text, hash;
};
#endif
