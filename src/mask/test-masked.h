/* A catalogue and policies that mask, for tests and the fuzzer. */
#ifndef POSTERN_MASK_TEST_MASKED_H
#define POSTERN_MASK_TEST_MASKED_H
#include "catalog/test-catalog.h"
#include "mask/mask.h"
#include "policy/compile.h"

struct masked {
    const struct catalog *catalog;
    struct bytes path[16];
    struct catalog_view view;
    const struct policy_snapshot *policies;
    const struct policy_ruleset *ruleset;
    struct arena arena;
};
/* Everybody is masked by what stands under `mask:`, a YAML list of one line; NULL: what is used mostly. */
void masked_init(struct masked *m, const char *mask);
/* And somebody else by others. */
void masked_init_beside(struct masked *m, const char *mask, const char *others);
void masked_free(struct masked *m);
/* Whether some statement of the text could show a column that is masked: by what lineage says of the text
 * alone. */
bool masked_is_used(const struct masked *m, struct bytes text, struct arena *arena);
#endif
