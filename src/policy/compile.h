/* From policies as they are written to a snapshot. */
#ifndef POSTERN_POLICY_COMPILE_H
#define POSTERN_POLICY_COMPILE_H
#include "policy/policy.h"
#include "yaml/shape.h"

/* The shape of one policy, for the published schema. */
extern const struct yaml_shape policy_shape;

/* Each node is one policy (a map). NULL: errors says why. The snapshot borrows nothing from the nodes; the
 * caller holds one reference of it. No policy at all makes a snapshot that lets nobody in. */
const struct policy_snapshot *policy_compile(const struct yaml_node *const *nodes, size_t n,
                                             struct yaml_errors *errors) MUST_USE;
/* One reference more, and one less; from any thread. A ruleset borrows from its snapshot. */
const struct policy_snapshot *policy_snapshot_ref(const struct policy_snapshot *snapshot);
void policy_snapshot_unref(const struct policy_snapshot *snapshot);

/* The policies in name order, in one form for all ways of writing them, without comments: what the hash in
 * the terms is the SHA-256 of. */
struct bytes policy_snapshot_text(const struct policy_snapshot *snapshot);
struct bytes policy_snapshot_hash(const struct policy_snapshot *snapshot);

/* What a policy says about connections, for whoever knows which exist. */
struct policy_reach {
    struct bytes name, login;      /* login: may be empty */
    struct yaml_texts connections; /* patterns; empty: every connection */
    struct yaml_place place, login_place, connections_place;
    bool limits_changes; /* limits: affected_rows, bytes or budget */
    bool retains;        /* record.retain */
};
/* Whether some policy asks for claims: a principal's then have to be known. */
bool policy_snapshot_uses_claims(const struct policy_snapshot *snapshot);
size_t policy_snapshot_n(const struct policy_snapshot *snapshot);
void policy_snapshot_reach(const struct policy_snapshot *snapshot, size_t index,
                           struct policy_reach *reach_out);
#endif
