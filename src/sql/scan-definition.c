/* Definitions may hold data: literals in views, defaults, checks, bounds of partitions, bodies of functions.
 * What looks like data there is hidden: pg_get_viewdef(v) becomes (SELECT
 * pg_catalog.regexp_replace(pg_get_viewdef(v), …) AS "pg_get_viewdef"), a scalar sub-select, so that an
 * output has the name that it had wherever the call stands. */
#include "sql/names.h"
#include "sql/scan.h"

/* The name of one that gives a definition; NULL: it gives none. */
static const char *defining(struct walk *walk, const Node *node, int *parts_out)
{
    const struct sql_masking *masking = walk->names->scans->masking;
    struct tree_name name;
    if (!node || tree_tag(node) != T_FuncCall) return NULL;
    const FuncCall *call = (const FuncCall *)node;
    if (!tree_name(call->funcname, &name)) return NULL;
    if (name.schema && strcmp(name.schema, "pg_catalog") != 0) return NULL;
    *parts_out = tree_length(call->funcname);
    return masking->defines && masking->defines(bytes_of(name.name)) ? name.name : NULL;
}

void scan_definition(struct walk *walk, const FuncCall *call)
{
    struct scans *scans = walk->names->scans;
    int parts;
    const char *name = walk->trouble ? NULL : defining(walk, (const Node *)call, &parts);
    if (!name) return;
    if (!scan_tokens(scans)) {
        walk->trouble = WALK_FULL;
        return;
    }
    size_t first = scan_token_at(scans, call->location), open = scan_name_end(scans, first, parts);
    size_t end = open < scans->n_tokens && scan_mark(scans, open, '(') ? scan_closing(scans, open)
                                                                       : scans->n_tokens + 1;
    if (end > scans->n_tokens) {
        scan_unmaskable(walk,
                        BYTES_LITERAL("a definition is asked for where it could not be found in the text"),
                        BYTES_LITERAL("Write it in another way."));
        return;
    }
    struct bytes behind =
        arena_printf(walk->arena, ", %.*s) AS \"%s\")", BYTES_FMT(scans->masking->definition), name);
    struct bytes before = BYTES_LITERAL("(SELECT pg_catalog.regexp_replace(");
    if (!behind.p) walk->trouble = WALK_FULL;
    if (walk->trouble) return;
    scan_edit_add(walk, scans->tokens[first].from, 0, SCAN_RANK_BEFORE, before);
    scan_edit_add(walk, scans->tokens[end - 1].to, 0, SCAN_RANK_BEHIND, behind);
    scan_node_add(walk, (struct proof_edit){ .kind = PROOF_AROUND, .node = call },
                  arena_printf(walk->arena, "%.*sNULL%.*s", BYTES_FMT(before), BYTES_FMT(behind)));
}

void scan_definition_from(struct walk *walk, const RangeFunction *from)
{
    int parts;
    for (int i = 0; i < tree_length(from->functions); i++) {
        const List *item = tree_item(from->functions, i);
        const char *name =
            item && tree_tag(item) == T_List ? defining(walk, tree_item(item, 0), &parts) : NULL;
        if (name)
            scan_unmaskable(
                walk,
                arena_printf(walk->arena, "%s cannot stand in FROM where columns are masked for you", name),
                BYTES_LITERAL("Select it."));
    }
}
