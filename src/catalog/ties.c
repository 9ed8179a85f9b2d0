/* Edges to ties: sorted by where they begin, equal ones made one. Two that differ in what they tell of one
 * tie add up to the worse of both. */
#include "catalog/build.h"
#include <stdlib.h>

static int by_edge(const void *left, const void *right)
{
    const struct catalog_edge *a = left, *b = right;
    if (a->from != b->from) return a->from < b->from ? -1 : 1;
    if (a->tie != b->tie) return a->tie < b->tie ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

static size_t merge_equal(struct catalog_edge *edges, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept && by_edge(&edges[kept - 1], &edges[i]) == 0) {
            edges[kept - 1].deletes |= edges[i].deletes;
            edges[kept - 1].writes |= edges[i].writes;
        } else {
            edges[kept++] = edges[i];
        }
    }
    return kept;
}

/* The ties of one relation, out of n edges that begin there. Indices are partitioned too, and no statement
 * touches one through another: they are tied to their tables alone. */
static bool put_ties(struct catalog_builder *b, struct catalog_relation *r, const struct catalog_edge *edges,
                     size_t n)
{
    struct catalog_tie_to *ties = ARENA_ARRAY(&b->layer->arena, struct catalog_tie_to, n);
    if (!ties) return false;
    bool index = r->kind == 'i' || r->kind == 'I';
    for (size_t i = 0; i < n; i++) {
        const struct catalog_relation *to = catalog_build_relation(b, edges[i].to);
        if (to && (edges[i].tie == CATALOG_TIE_TABLE || !index))
            ties[r->n_ties++] =
                (struct catalog_tie_to){ edges[i].tie, edges[i].deletes, edges[i].writes, to };
    }
    r->ties = ties;
    return true;
}

bool catalog_build_ties(struct catalog_builder *b)
{
    struct catalog_edge *edges = b->edges.items;
    if (b->edges.n) qsort(edges, b->edges.n, sizeof *edges, by_edge);
    size_t n = merge_equal(edges, b->edges.n);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && edges[end].from == edges[i].from; end++)
            continue;
        struct catalog_relation *r = catalog_layer_relation_by_oid(b->layer, edges[i].from);
        if (r && !put_ties(b, r, edges + i, end - i)) return false;
    }
    return true;
}
