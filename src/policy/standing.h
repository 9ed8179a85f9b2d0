/* What policies say of a connection whoever comes: for looking at a database before anybody is there. */
#ifndef POSTERN_POLICY_STANDING_H
#define POSTERN_POLICY_STANDING_H
#include "policy/masks.h"

/* Whether a policy about the connection needs changed rows to be counted: a limit, a budget, or a hold with
 * `unless`. */
bool policy_snapshot_counts_rows(const struct policy_snapshot *snapshot, struct bytes connection);

/* Whether a policy about the connection masks anything, and what they mask a column with: the most hiding of
 * all; kind NONE: nothing. tags: of its comment, comma-separated. */
bool policy_snapshot_masks(const struct policy_snapshot *snapshot, struct bytes connection);
struct policy_mask policy_snapshot_mask_of(const struct policy_snapshot *snapshot, struct bytes connection,
                                           struct bytes schema, struct bytes relation, struct bytes column,
                                           struct bytes tags);

/* Whether nobody who may come sees anything of the column: each policy about the connection that allows
 * anything masks it by what is made without looking at it (redact, null, a constant). */
bool policy_snapshot_hides(const struct policy_snapshot *snapshot, struct bytes connection,
                           struct bytes schema, struct bytes relation, struct bytes column,
                           struct bytes tags);

/* Whether the extension is of the published list (extensions.def): its code is trusted everywhere. */
bool policy_extension_is_harmless(struct bytes extension);

/* The most that some policy about the connection does with code (struct sql_code's signature and extension).
 */
enum policy_regard {
    POLICY_REGARD_NONE = 0,
    POLICY_REGARD_CALLED, /* it allows procedures by name, and this one is among them */
    POLICY_REGARD_TRUSTED /* it says trust: a call needs no allow at all */
};
/* *policy_out: its name, borrowed from the snapshot; empty for NONE. */
enum policy_regard policy_snapshot_regards(const struct policy_snapshot *snapshot, struct bytes connection,
                                           struct bytes signature, struct bytes extension,
                                           struct bytes *policy_out);
#endif
