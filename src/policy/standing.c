/* Policies that speak of other connections do not count; those for some databases or people do, since
 * somebody may come to whom they apply. */
#include "policy/standing.h"
#include "policy/snapshot.h"
#include "policy/who.h"

static bool is_about(const struct policy *p, struct bytes connection)
{
    return !p->connections.n || policy_texts_match(&p->connections, connection);
}

bool policy_snapshot_counts_rows(const struct policy_snapshot *snapshot, struct bytes connection)
{
    for (size_t i = 0; i < snapshot->n; i++) {
        const struct policy *p = &snapshot->policies[i];
        if (!is_about(p, connection)) continue;
        if (p->limits.affected_rows || p->limits.budget.affected_rows) return true;
        for (size_t k = 0; k < p->n_holds; k++)
            if (p->holds[k].unless) return true;
    }
    return false;
}

bool policy_snapshot_masks(const struct policy_snapshot *snapshot, struct bytes connection)
{
    for (size_t i = 0; i < snapshot->n; i++) {
        const struct policy *p = &snapshot->policies[i];
        if (is_about(p, connection) && !p->observe && p->n_masks) return true;
    }
    return false;
}

/* Somebody may come to whom one of them applies alone: what any lets be written may be written. */
struct policy_mask policy_snapshot_mask_of(const struct policy_snapshot *snapshot, struct bytes connection,
                                           struct bytes schema, struct bytes relation, struct bytes column,
                                           struct bytes tags)
{
    struct policy_mask found = { 0 };
    bool written = false;
    for (size_t i = 0; i < snapshot->n; i++) {
        const struct policy *p = &snapshot->policies[i];
        if (!is_about(p, connection)) continue;
        struct policy_mask mask = policy_mask_by(p, schema, relation, column, tags);
        written |= mask.kind && mask.written;
        found = policy_mask_stricter(found, mask);
    }
    found.written = written;
    return found;
}

static bool trusts(const struct policy *p, struct bytes signature, struct bytes extension)
{
    for (size_t i = 0; extension.n && i < p->trust.extensions.n; i++)
        if (bytes_equal(p->trust.extensions.items[i], extension)) return true;
    return policy_signatures_match(&p->trust.functions, signature);
}

static bool lets_call(const struct policy *p, struct bytes signature)
{
    struct policy_code_name name;
    for (size_t i = 0; i < p->n_allows; i++) {
        const struct policy_allow *allow = &p->allows[i];
        if ((allow->effects & EFFECT_PROCEDURE) && allow->functions.n && policy_code_name(signature, &name) &&
            policy_patterns_match(&allow->functions, name.schema, name.name, POLICY_DOUBT_HITS))
            return true;
    }
    return false;
}

enum policy_regard policy_snapshot_regards(const struct policy_snapshot *snapshot, struct bytes connection,
                                           struct bytes signature, struct bytes extension,
                                           struct bytes *policy_out)
{
    enum policy_regard most = POLICY_REGARD_NONE;
    *policy_out = (struct bytes){ 0 };
    for (size_t i = 0; i < snapshot->n && most != POLICY_REGARD_TRUSTED; i++) {
        const struct policy *p = &snapshot->policies[i];
        if (!is_about(p, connection)) continue;
        enum policy_regard regard = trusts(p, signature, extension) ? POLICY_REGARD_TRUSTED
                                    : lets_call(p, signature)       ? POLICY_REGARD_CALLED
                                                                    : POLICY_REGARD_NONE;
        if (regard <= most) continue;
        most = regard;
        *policy_out = p->name;
    }
    return most;
}
