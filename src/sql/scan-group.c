/* GROUP BY a primary key: the server lets a query then use the other columns of the table as they are, and
 * does not where a sub-select stands in its place. Those columns are added in front of what is grouped by,
 * which makes no other groups. */
#include "sql/names.h"
#include "sql/scan.h"

enum {
    JSON = 114,
    XML = 142,
    POINT = 600,
    LSEG = 601,
    PATH = 602,
    BOX = 603,
    POLYGON = 604,
    LINE = 628,
    CIRCLE = 718
};

/* Types that cannot be grouped by. */
static bool has_no_equal(uint32_t type)
{
    static const uint32_t types[] = { JSON, XML, POINT, LSEG, PATH, BOX, POLYGON, LINE, CIRCLE };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == type) return true;
    return false;
}

/* What an element of GROUP BY is, where it is a column: itself, or what is selected at that place. */
static const ColumnRef *grouped_column(const SelectStmt *s, const Node *element)
{
    if (tree_tag(element) == T_ColumnRef) return (const ColumnRef *)element;
    if (tree_tag(element) != T_A_Const) return NULL;
    const A_Const *constant = (const A_Const *)element;
    if (constant->isnull || constant->val.node.type != T_Integer) return NULL;
    int at = constant->val.ival.ival;
    for (int i = 0; i < tree_length(s->targetList) && i < at; i++) {
        const ResTarget *target = tree_item(s->targetList, i);
        if (lineage_is_star(target->val)) return NULL;
        if (i == at - 1 && tree_tag(target->val) == T_ColumnRef) return (const ColumnRef *)target->val;
    }
    return NULL;
}

static bool means(const struct scans *scans, const ColumnRef *ref, const struct range *range, int attribute)
{
    for (size_t i = 0; i < scans->n_found; i++)
        if (scans->found[i].ref == ref && scans->found[i].range == range &&
            scans->found[i].attribute == attribute)
            return true;
    return false;
}

static bool is_grouped(const struct scans *scans, const SelectStmt *s, const struct range *range,
                       int attribute)
{
    for (int i = 0; i < tree_length(s->groupClause); i++) {
        const ColumnRef *ref = grouped_column(s, tree_item(s->groupClause, i));
        if (ref && means(scans, ref, range, attribute)) return true;
    }
    return false;
}

static bool is_grouped_by_key(const struct scans *scans, const SelectStmt *s, const struct range *range,
                              const struct scan_item *item)
{
    bool any = false;
    for (size_t i = 0; i < item->relation->n_columns; i++) {
        const struct catalog_column *column = &item->relation->columns[i];
        if (!column->name.p || !column->key) continue;
        if (item->masked[i] || !is_grouped(scans, s, range, (int)i + 1)) return false;
        any = true;
    }
    return any;
}

static bool is_used(const struct scans *scans, const struct range *range, int attribute)
{
    for (size_t i = 0; i < scans->n_found; i++)
        if (scans->found[i].range == range &&
            (scans->found[i].attribute == attribute || scans->found[i].attribute == SCAN_ALL))
            return true;
    return false;
}

static void put_used(struct lineage *l, const SelectStmt *s, const struct range *range,
                     const struct scan_item *item, struct buf *out)
{
    const struct scans *scans = l->walk->names->scans;
    struct bytes alias = scan_quoted(l->walk, scan_alias(l->walk, range));
    for (size_t i = 0; i < item->relation->n_columns && !l->walk->trouble; i++) {
        const struct catalog_column *column = &item->relation->columns[i];
        if (!column->name.p || has_no_equal(column->type) || !is_used(scans, range, (int)i + 1)) continue;
        if (is_grouped(scans, s, range, (int)i + 1)) continue;
        struct bytes name = scan_quoted(l->walk, column->name);
        buf_printf(out, "%s%.*s.%.*s", buf_length(out) ? ", " : "", BYTES_FMT(alias), BYTES_FMT(name));
    }
}

/* Where the first element begins, if nothing but BY stands before it. */
static bool find_first(struct scans *scans, const Node *first, uint32_t *at_out)
{
    int location = tree_tag(first) == T_ColumnRef ? ((const ColumnRef *)first)->location
                   : tree_tag(first) == T_A_Const ? ((const A_Const *)first)->location
                                                  : -1;
    if (location < 0 || !scan_tokens(scans)) return false;
    size_t at = scan_token_at(scans, location);
    if (at == scans->n_tokens || at == 0 || !scan_word(scans, at - 1, "by")) return false;
    *at_out = scans->tokens[at].from;
    return true;
}

void scan_group(struct lineage *l, const struct scope *scope, const SelectStmt *s)
{
    struct scans *scans = l->walk->names ? l->walk->names->scans : NULL;
    struct buf added;
    uint32_t at;
    if (!scans || !scope || l->walk->trouble) return;
    scan_locks(l, scope, s);
    if (tree_length(s->groupClause) == 0) return;
    const Node *first = tree_item(s->groupClause, 0);
    buf_init(&added, 1 << 20);
    for (size_t i = 0; i < scope->n; i++) {
        const struct range *range = scope->items[i].range;
        struct scan_item *item =
            range->node && scope->items[i].named ? scan_item_of(scans, range->node) : NULL;
        if (item && !item->target && !range->names && is_grouped_by_key(scans, s, range, item))
            put_used(l, s, range, item, &added);
    }
    if (buf_length(&added) && find_first(scans, first, &at) && !scan_node_has(scans, first, PROOF_BEFORE)) {
        struct bytes text =
            added.failed ? (struct bytes){ 0 } : arena_copy(l->walk->arena, buf_bytes(&added));
        scan_edit_add(l->walk, at, 0, SCAN_RANK_BEHIND,
                      text.p ? arena_printf(l->walk->arena, "%.*s, ", BYTES_FMT(text)) : text);
        scan_node_add(l->walk, (struct proof_edit){ .kind = PROOF_BEFORE, .node = first }, text);
    }
    buf_free(&added);
}
