/* What src/sql asks, answered from a ruleset. */
#include "mask/mask.h"

static const uint8_t *columns(const struct sql_masking *masking, const struct catalog_view *view,
                              const struct catalog_relation *relation, struct arena *arena)
{
    uint8_t *bits = arena_alloc(arena, relation->n_columns + 1);
    if (!bits) return NULL;
    memset(bits, 0, relation->n_columns + 1);
    for (size_t i = 0; i < relation->n_columns; i++) {
        struct mask_choice choice = mask_choose(masking->context, view, relation, (int)i + 1);
        if (!choice.reason) continue;
        bits[i] = (uint8_t)(SQL_MASKED | (choice.mask.compared ? SQL_MASKED_COMPARED : 0) |
                            (choice.mask.written ? SQL_MASKED_WRITTEN : 0));
    }
    return bits;
}

static struct bytes expression(const struct sql_masking *masking, const struct catalog_view *view,
                               const struct catalog_relation *relation, int attribute, struct bytes reference,
                               struct arena *arena)
{
    struct mask_choice choice = mask_choose(masking->context, view, relation, attribute);
    const struct catalog_column *column = &relation->columns[attribute - 1];
    return mask_expression(&choice.mask, view, column, reference, arena);
}

struct sql_masking mask_masking(const struct policy_ruleset *ruleset)
{
    return (struct sql_masking){ .context = ruleset,
                                 .columns = columns,
                                 .expression = expression,
                                 .defines = mask_definition_given,
                                 .definition = mask_definition_arguments(),
                                 .guard = policy_ruleset_guards(ruleset) };
}
