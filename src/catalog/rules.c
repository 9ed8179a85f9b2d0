/* What rules tell: a view's SELECT rule its sources and what it reads, other rules what they write. Where the
 * tree of a rule cannot be read, every relation that its text names is tied, in every way. */
#include "catalog/build.h"

/* Calls visit with each number behind ":relid " in the text of a tree, whatever else it holds. */
static bool each_relid(struct bytes tree, bool (*visit)(void *context, uint32_t oid), void *context)
{
    const struct bytes label = BYTES_LITERAL(":relid ");
    ptrdiff_t found;
    while ((found = bytes_find(tree, label)) >= 0) {
        size_t at = (size_t)found + label.n, end = at;
        uint32_t oid;
        while (end < tree.n && tree.p[end] >= '0' && tree.p[end] <= '9')
            end++;
        if (catalog_read_oid(bytes_slice(tree, at, end - at), &oid) && oid && !visit(context, oid))
            return false;
        tree = bytes_slice(tree, end, tree.n);
    }
    return true;
}

struct worst {
    struct catalog_builder *b;
    const struct catalog_rule *rule;
};

static bool tie_worst(void *context, uint32_t oid)
{
    const struct worst *w = context;
    struct catalog_edge edge = { .from = w->rule->relation, .to = oid, .tie = CATALOG_TIE_VIEW };
    if (w->rule->event == '1') {
        if (oid == w->rule->relation) return true;
        if (!catalog_build_edge(w->b, edge)) return false;
        edge.tie = CATALOG_TIE_UPDATE;
    } else {
        edge.tie = CATALOG_TIE_RULE;
        edge.writes = 15;
    }
    return catalog_build_edge(w->b, edge);
}

bool catalog_build_rules(struct catalog_builder *b)
{
    const struct catalog_rule *rules = b->rules.items;
    for (size_t i = 0; i < b->rules.n; i++) {
        struct catalog_relation *r = catalog_layer_relation_by_oid(b->layer, rules[i].relation);
        if (!r) continue;
        if (rules[i].event != '1') r->has_rules = true;
        struct worst w = { b, &rules[i] };
        if (!each_relid(rules[i].action, tie_worst, &w)) return false;
    }
    return true;
}

bool catalog_build_check_runs_code(struct catalog_builder *b, struct bytes expression)
{
    (void)b;
    (void)expression;
    return true;
}
