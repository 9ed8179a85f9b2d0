/* A snapshot's life, and what of it others may see. */
#include "policy/snapshot.h"
#include <stdlib.h>

static struct policy_snapshot *mutable(const struct policy_snapshot *snapshot)
{
    return (struct policy_snapshot *)(uintptr_t)snapshot;
}

const struct policy_snapshot *policy_snapshot_ref(const struct policy_snapshot *snapshot)
{
    atomic_fetch_add_explicit(&mutable(snapshot)->n_references, 1, memory_order_relaxed);
    return snapshot;
}

void policy_snapshot_unref(const struct policy_snapshot *snapshot)
{
    if (!snapshot) return;
    struct policy_snapshot *s = mutable(snapshot);
    if (atomic_fetch_sub_explicit(&s->n_references, 1, memory_order_acq_rel) != 1) return;
    arena_free(&s->arena);
    free(s);
}

struct bytes policy_snapshot_text(const struct policy_snapshot *snapshot)
{
    return snapshot->text;
}

struct bytes policy_snapshot_hash(const struct policy_snapshot *snapshot)
{
    return snapshot->hash;
}

bool policy_snapshot_uses_claims(const struct policy_snapshot *snapshot)
{
    return snapshot->uses_claims;
}

size_t policy_snapshot_n(const struct policy_snapshot *snapshot)
{
    return snapshot->n;
}

void policy_snapshot_reach(const struct policy_snapshot *snapshot, size_t index,
                           struct policy_reach *reach_out)
{
    CHECK(index < snapshot->n);
    const struct policy *p = &snapshot->policies[index];
    const struct policy_budget *budget = &p->limits.budget;
    bool limits = p->limits.affected_rows || p->limits.returned_bytes || budget->statements || budget->rows ||
                  budget->affected_rows || budget->bytes || budget->lookups;
    *reach_out = (struct policy_reach){ p->name,  p->login,         p->connections,
                                        p->place, p->login_place,   p->connections_place,
                                        limits,   p->retain_us != 0 };
}
