/* The edits of a whole text, put together: schemas and what masks. A mention that is masked has its schema by
 * the template of its sub-select; what COPY copies is replaced with the schema that was put before it. */
#include "sql/names.h"
#include "sql/scan.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct scan_edit *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static bool is_scanned(const struct scans *scans, const void *node)
{
    for (size_t i = 0; scans && i < scans->n_items; i++)
        if (scans->items[i].node == node) return true;
    return false;
}

/* Whether the proof of a mention's schema is in the template. */
static bool in_template(const struct scans *scans, const void *node)
{
    for (size_t i = 0; is_scanned(scans, node) && i < scans->n_nodes; i++) {
        const struct proof_edit *n = &scans->nodes[i];
        if (n->node == node) return true;
        if (n->kind == PROOF_COPY && (const void *)((const CopyStmt *)n->node)->relation == node) return true;
    }
    return false;
}

static bool settle_nodes(struct names *names)
{
    const struct scans *scans = names->scans;
    size_t n = 0, more = scans ? scans->n_nodes : 0;
    struct proof_edit *nodes = ARENA_ARRAY(names->arena, struct proof_edit, names->n_edits + more + 1);
    if (!nodes) return false;
    for (size_t i = 0; i < names->n_edits; i++)
        if (!in_template(scans, names->nodes[i].node)) nodes[n++] = names->nodes[i];
    for (size_t i = 0; i < more; i++)
        nodes[n++] = scans->nodes[i];
    names->nodes = nodes;
    names->n_nodes = n;
    return true;
}

/* In order; what lies inside something that is replaced goes with it. 0: two stand in one another's way. */
static size_t join(struct names *names, const struct scan_edit *all, size_t n, struct bytes text,
                   struct sql_edit *out, bool *good_out)
{
    size_t kept = 0;
    uint64_t end = 0; /* of what is replaced so far */
    *good_out = false;
    for (size_t i = 0; i < n; i++) {
        const struct scan_edit *e = &all[i];
        if (e->at > text.n || e->remove > text.n - e->at) return 0;
        bool inside = e->at<end, same = kept> 0 && out[kept - 1].at == e->at;
        if ((inside || (same && out[kept - 1].remove)) && e->rank == SCAN_RANK_NAME) continue;
        if (inside && !same) return 0;
        if (same && (out[kept - 1].remove || e->rank == SCAN_RANK_NAME) && e->remove) return 0;
        if (e->at + (uint64_t)e->remove > end) end = e->at + (uint64_t)e->remove;
        if (!same) {
            out[kept++] = (struct sql_edit){ e->at, e->insert, e->remove };
            continue;
        }
        struct sql_edit *before = &out[kept - 1];
        struct bytes both =
            arena_printf(names->arena, "%.*s%.*s", BYTES_FMT(before->insert), BYTES_FMT(e->insert));
        if (!both.p) return 0;
        before->insert = both;
        before->remove += e->remove;
    }
    *good_out = true;
    return kept;
}

bool edits_settle(struct names *names, struct bytes text)
{
    const struct scans *scans = names->scans;
    size_t own = names->n_edits, more = scans ? scans->n_edits : 0, n = own + more;
    struct scan_edit *all = ARENA_ARRAY(names->arena, struct scan_edit, n + 1);
    struct sql_edit *out = ARENA_ARRAY(names->arena, struct sql_edit, n + 1);
    bool good = true;
    if (!all || !out || !settle_nodes(names)) return false;
    for (size_t i = 0; i < own; i++) {
        /* A name without a place. */
        if (names->edits[i].at >= text.n) return false;
        all[i] = (struct scan_edit){ names->edits[i].at, 0, SCAN_RANK_NAME, names->edits[i].insert };
    }
    for (size_t i = 0; i < more; i++)
        all[own + i] = scans->edits[i];
    qsort(all, n, sizeof *all, compare);
    for (size_t i = 1; i < n; i++)
        if (all[i].at == all[i - 1].at && all[i].rank == all[i - 1].rank && all[i].rank != SCAN_RANK_BEHIND)
            return false;
    names->n_edits = join(names, all, n, text, out, &good);
    names->edits = out;
    return good;
}
