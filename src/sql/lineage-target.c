/* Target lists: what each entry is called and made of, and what a star stands for. */
#include "sql/scan.h"

static bool ends_in_star(const List *list)
{
    return tree_length(list) > 0 && tree_tag(tree_item(list, tree_length(list) - 1)) == T_A_Star;
}

bool lineage_is_star(const Node *node)
{
    if (!node) return false;
    if (tree_tag(node) == T_ColumnRef) return ends_in_star(((const ColumnRef *)node)->fields);
    if (tree_tag(node) == T_A_Indirection) return ends_in_star(((const A_Indirection *)node)->indirection);
    return false;
}

/* All fields of a row, taken. */
static void add_row(struct lineage *l, const struct row *row, struct row *out)
{
    for (size_t i = 0; i < row->n; i++) {
        struct field field = { .name = row->fields[i].name, .value = lineage_take(l, &row->fields[i]) };
        if (!lineage_append(l, out, field)) return;
    }
    if (!row->open) return;
    out->open = true;
    out->rest = lineage_union(l, out->rest, row->rest);
}

static void add_range(struct lineage *l, const struct range *range, struct row *out)
{
    struct row row = lineage_live(l, range);
    add_row(l, &row, out);
}

static void add_unknown(struct lineage *l, struct value value, struct row *out)
{
    value.plain = false;
    out->open = true;
    out->rest = lineage_union(l, out->rest, value);
}

/* `*` and `t.*`. */
static void add_reference(struct lineage *l, const struct scope *scope, const ColumnRef *ref, struct row *out)
{
    const struct range *ranges[SCOPE_RANGES];
    struct tree_name name;
    scan_refer_star(l, scope, ref);
    if (tree_length(ref->fields) == 1) {
        for (size_t i = 0; scope && i < scope->n; i++)
            if (scope->items[i].columns) add_range(l, scope->items[i].range, out);
        return;
    }
    size_t n =
        tree_name_before(ref->fields, 1, &name) ? scope_ranges(l, scope, name, ranges, SCOPE_RANGES) : 0;
    if (n == 1)
        add_range(l, ranges[0], out);
    else
        add_unknown(l, scope_column(l, scope, ref), out);
}

void lineage_star(struct lineage *l, const struct scope *scope, const Node *node, struct row *out)
{
    if (tree_tag(node) == T_ColumnRef) {
        add_reference(l, scope, (const ColumnRef *)node, out);
        return;
    }
    struct value value = lineage_expression(l, scope, node);
    const struct row *row = lineage_fields(l, value);
    if (row)
        add_row(l, row, out);
    else
        add_unknown(l, value, out);
}

void lineage_targets(struct lineage *l, const struct scope *scope, const List *targets, struct row *out)
{
    for (int i = 0; i < tree_length(targets); i++) {
        const ResTarget *target = tree_item(targets, i);
        l->returned = target;
        if (lineage_is_star(target->val)) {
            lineage_star(l, scope, target->val, out);
            continue;
        }
        struct field field = { .name = target->name ? bytes_of(target->name) : lineage_name(target->val),
                               .value = lineage_expression(l, scope, target->val) };
        if (!lineage_append(l, out, field)) return;
    }
}

void lineage_returning(struct lineage *l, const struct scope *scope, const struct range *target,
                       const List *targets, struct row *out)
{
    const struct range *before = l->returning;
    const ResTarget *item = l->returned;
    l->returning = target;
    lineage_targets(l, scope, targets, out);
    l->returning = before;
    l->returned = item;
}
