/* Which columns a sub-select lists. A login may have the right to read some columns of a table and not the
 * others: only those that the statement refers to are listed. That they are all is certain where lineage has
 * looked up each reference that stands anywhere in the statement's tree; else all columns are listed. */
#include "sql/names.h"
#include "sql/scan.h"

#include <stdlib.h>

enum { SEEN_CEILING = 1 << 16, FOUND_CEILING = 1 << 20 };

void scan_saw(struct lineage *l, const ColumnRef *ref)
{
    struct scans *scans = l->walk->names ? l->walk->names->scans : NULL;
    if (!scans || l->lenient || l->walk->trouble || scans->n_seen > SEEN_CEILING) return;
    if (scans->n_seen == scans->seen_size) {
        size_t size = scans->seen_size ? scans->seen_size * 2 : 64;
        const ColumnRef **more = ARENA_ARRAY(l->walk->arena, const ColumnRef *, size);
        if (!more) {
            l->walk->trouble = WALK_FULL;
            return;
        }
        if (scans->n_seen) memcpy(more, scans->seen, scans->n_seen * sizeof *more);
        scans->seen = more;
        scans->seen_size = size;
    }
    scans->seen[scans->n_seen++] = ref;
}

void scan_whole(struct lineage *l, const struct scope_item *items, size_t n)
{
    struct scans *scans = l->walk->names ? l->walk->names->scans : NULL;
    for (size_t i = 0; scans && i < n; i++) {
        struct scan_item *item = items[i].range->node ? scan_item_of(scans, items[i].range->node) : NULL;
        if (item) item->whole = true;
    }
}

static int by_address(const void *a, const void *b)
{
    const ColumnRef *x = *(const ColumnRef *const *)a, *y = *(const ColumnRef *const *)b;
    return x < y ? -1 : x > y;
}

/* The nodes that are still to be looked at. */
struct stack {
    struct arena *arena;
    const Node **nodes;
    size_t n, size;
    bool full;
};

static void push(struct stack *s, const void *node)
{
    if (!node || s->full) return;
    if (s->n == s->size) {
        size_t size = s->size ? s->size * 2 : 256;
        const Node **more = ARENA_ARRAY(s->arena, const Node *, size);
        if (!more) {
            s->full = true;
            return;
        }
        if (s->n) memcpy(more, s->nodes, s->n * sizeof *more);
        s->nodes = more;
        s->size = size;
    }
    s->nodes[s->n++] = node;
}

static void push_children(struct stack *s, const Node *node)
{
    enum NodeTag tag = tree_tag(node);
    if (tag == T_List) {
        for (int i = 0; i < tree_length((const List *)node); i++)
            push(s, tree_item((const List *)node, i));
        return;
    }
    if (tag == T_MultiAssignRef && ((const MultiAssignRef *)node)->colno != 1) return;
    for (const uint16_t *offsets = tree_children(tag); offsets && *offsets; offsets++) {
        const void *child;
        memcpy(&child, (const char *)node + *offsets, sizeof child);
        push(s, child);
    }
}

static bool saw_all(struct scans *scans, const Node *top)
{
    struct stack s = { .arena = scans->arena };
    push(&s, top);
    while (s.n > 0 && !s.full) {
        const Node *node = s.nodes[--s.n];
        if (tree_tag(node) != T_ColumnRef) {
            push_children(&s, node);
            continue;
        }
        const ColumnRef *ref = (const ColumnRef *)node;
        if (scans->n_seen == 0 || !bsearch(&ref, scans->seen, scans->n_seen, sizeof ref, by_address))
            return false;
    }
    return !s.full;
}

void scan_need(struct walk *walk, const Node *top, bool gave_up)
{
    struct scans *scans = walk->names->scans;
    scans->prunes = false;
    if (gave_up || walk->trouble || scans->n_seen > SEEN_CEILING) return;
    if (scans->n_found * scans->n_items > FOUND_CEILING) return;
    if (scans->n_seen) qsort(scans->seen, scans->n_seen, sizeof *scans->seen, by_address);
    scans->prunes = saw_all(scans, top);
}

bool scan_needs_xmin(const struct scans *scans, const struct scan_item *item)
{
    for (size_t i = 0; i < scans->n_found; i++)
        if (scans->found[i].attribute == SCAN_XMIN && scans->found[i].range->node == item->node) return true;
    return false;
}

const bool *scan_needed(struct walk *walk, const struct scan_item *item)
{
    struct scans *scans = walk->names->scans;
    size_t n = item->relation->n_columns;
    if (!scans->prunes || !item->met || item->whole || (item->node->alias && item->node->alias->colnames))
        return NULL;
    bool *needed = ARENA_ARRAY(walk->arena, bool, n + 1);
    if (!needed) {
        walk->trouble = WALK_FULL;
        return NULL;
    }
    memset(needed, 0, (n + 1) * sizeof *needed);
    for (size_t i = 0; i < scans->n_found; i++) {
        const struct scan_found *found = &scans->found[i];
        if (found->range->node != item->node) continue;
        if (found->attribute == 0 || found->attribute == SCAN_ALL) return NULL;
        if (found->attribute > 0 && (size_t)found->attribute <= n) needed[found->attribute - 1] = true;
    }
    return needed;
}
