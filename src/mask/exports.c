#include "mask/exports.h"
#include "base/buf.h"

enum { COLUMNS_CEILING = 8 << 10 };

struct exports {
    const struct policy_ruleset *ruleset;
    const struct catalog_view *view;
    void (*visit)(void *context, const struct mask_export *found);
    void *context;
};

/* Not what a mask names, nor what nobody can tell: that is no news of this column. */
static bool comes_from_elsewhere(enum mask_reason reason)
{
    switch (reason) {
    case MASK_BY_VIEW:
    case MASK_BY_OPAQUE:
    case MASK_BY_RELATIVE:
    case MASK_BY_TYPE:
    case MASK_BY_GENERATED: return true;
    case MASK_CLEAR:
    case MASK_BY_POLICY:
    case MASK_BY_DEFINITION:
    case MASK_BY_CATALOGUE: break;
    }
    return false;
}

static bool look(void *context, const struct catalog_relation *relation)
{
    struct exports *e = context;
    struct mask_export found = { .relation = relation };
    struct buf columns;
    if (catalog_is_own(relation->oid)) return true;
    buf_init(&columns, COLUMNS_CEILING);
    for (size_t i = 0; i < relation->n_columns; i++) {
        const struct catalog_column *c = &relation->columns[i];
        if (!c->name.p) continue;
        struct mask_choice choice = mask_choose(e->ruleset, e->view, relation, (int)i + 1);
        if (!comes_from_elsewhere(choice.reason)) continue;
        if (policy_ruleset_mask_of(e->ruleset, relation->schema, relation->name, c->name, c->tags).kind)
            continue;
        if (!found.choice.reason) found.choice = choice;
        buf_printf(&columns, "%s%.*s", buf_length(&columns) ? ", " : "", BYTES_FMT(c->name));
    }
    found.columns = buf_bytes(&columns);
    if (found.choice.reason) e->visit(e->context, &found);
    buf_free(&columns);
    return true;
}

void mask_exports(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                  void (*visit)(void *context, const struct mask_export *found), void *context)
{
    struct exports e = { ruleset, view, visit, context };
    catalog_each_relation(view->catalog, look, &e);
}
