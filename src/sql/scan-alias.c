/* The names of sub-selects. Each has the alias or the name that the relation had, so that what refers to it
 * finds it: only a schema before it has to go. Two relations of one name may stand beside each other where
 * neither has an alias, and two sub-selects may not: these get aliases that nobody else uses. */
#include "sql/names.h"
#include "sql/scan.h"

/* postern_0, postern_1, …, with as many underscores as the text does not have. */
struct bytes scan_alias_of(struct walk *walk, const struct scan_item *item)
{
    struct scans *scans = walk->names->scans;
    char prefix[64] = "postern_";
    for (size_t n = strlen(prefix); bytes_find(scans->text, bytes_of(prefix)) >= 0 && n + 1 < sizeof prefix;
         n++)
        prefix[n] = '_', prefix[n + 1] = 0;
    return arena_printf(walk->arena, "%s%zu", prefix, (size_t)(item - scans->items));
}

struct bytes scan_alias(struct walk *walk, const struct range *range)
{
    const struct scan_item *item = range->node ? scan_item_of(walk->names->scans, range->node) : NULL;
    return item && item->shared && !item->target ? scan_alias_of(walk, item) : range->alias;
}

void scan_beside(struct lineage *l, const struct scope *scope, const struct range *range)
{
    struct scans *scans = l->walk->names ? l->walk->names->scans : NULL;
    struct scan_item *item = scans && range->node ? scan_item_of(scans, range->node) : NULL;
    if (item) item->met = true;
    if (!scans || !range->node || range->aliased || !range->relation) return;
    for (size_t i = 0; i < scope->n; i++) {
        const struct range *other = scope->items[i].range;
        if (!scope->items[i].named || !other->node || other->aliased || !other->relation) continue;
        if (other->relation->oid == range->relation->oid || !bytes_equal(other->alias, range->alias))
            continue;
        struct scan_item *one = scan_item_of(scans, range->node), *two = scan_item_of(scans, other->node);
        if (one) one->shared = true;
        if (two) two->shared = true;
    }
}

void scan_ambiguous(struct lineage *l, const struct range *const *ranges, size_t n)
{
    struct scans *scans = l->walk->names ? l->walk->names->scans : NULL;
    for (size_t i = 0; scans && i < n; i++) {
        if (!ranges[i]->node || !scan_item_of(scans, ranges[i]->node)) continue;
        scan_unmaskable(
            l->walk,
            arena_printf(l->walk->arena, "%.*s stands for more than one table", BYTES_FMT(ranges[i]->alias)),
            BYTES_LITERAL("Give the tables aliases."));
    }
}

void scan_locks(struct lineage *l, const struct scope *scope, const SelectStmt *s)
{
    struct scans *scans = l->walk->names ? l->walk->names->scans : NULL;
    for (int i = 0; scans && i < tree_length(s->lockingClause); i++) {
        const LockingClause *lock = tree_item(s->lockingClause, i);
        for (size_t k = 0; k < scope->n && tree_length(lock->lockedRels); k++) {
            const struct range *range = scope->items[k].range;
            const struct scan_item *item = range->node ? scan_item_of(scans, range->node) : NULL;
            if (item && item->shared) scan_ambiguous(l, &range, 1);
        }
    }
}

/* db.schema.relation.column: what stands before the column goes, or becomes the alias. */
static void settle(struct walk *walk, const ColumnRef *ref, const struct scan_item *item)
{
    struct scans *scans = walk->names->scans;
    int n = tree_length(ref->fields);
    int kept = item->shared ? 1 : 2, extra = n > kept ? n - kept : 0;
    struct scan_place place;
    if (scan_is_done(walk, ref) || !scan_place_of(walk, ref, &place)) return;
    struct bytes alias = item->shared ? scan_alias_of(walk, item) : BYTES_LITERAL("");
    size_t last = scan_name_end(scans, place.first, item->shared && n > 1 ? n - 1 : item->shared ? 1 : extra);
    uint32_t to = item->shared ? scans->tokens[last - 1].to : scans->tokens[last + 1].from;
    scan_edit_add(walk, place.from, to - place.from, SCAN_RANK_BEFORE, alias);
    scan_node_add(
        walk,
        (struct proof_edit){ .kind = PROOF_TRIM,
                             .node = ref,
                             .trim = item->shared ? (n > 1 ? n - 2 : 0) : extra,
                             .name = item->shared ? (const char *)arena_string(walk->arena, alias) : NULL },
        BYTES_LITERAL(""));
}

void scan_settle(struct walk *walk)
{
    struct scans *scans = walk->names->scans;
    for (; scans->n_settled < scans->n_found && !walk->trouble; scans->n_settled++) {
        const struct scan_found *found = &scans->found[scans->n_settled];
        const struct scan_item *item = scan_item_of(scans, found->range->node);
        int n = tree_length(found->ref->fields);
        bool whole = n == 1 && found->attribute == 0; /* of a lone name */
        if (item && (n > 2 || (item->shared && (n == 2 || whole)))) settle(walk, found->ref, item);
    }
}
