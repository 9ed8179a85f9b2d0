/* The walk over one statement's tree; see walk.h. A list costs one item however long it is; so the stack is
 * as deep as the tree, and not as wide. */
#include "sql/names.h"
#include "sql/scan.h"

#include <stddef.h>

struct walk_item {
    const Node *node;
    struct walk_at at;
    int next; /* of a list: which element comes next */
};

enum { ITEMS_FIRST = 64 };

static bool grow(struct walk *walk)
{
    size_t size = walk->items_size * 2;
    struct walk_item *items = ARENA_ARRAY(walk->arena, struct walk_item, size);
    if (!items) {
        walk->trouble = WALK_FULL;
        return false;
    }
    memcpy(items, walk->items, walk->n_items * sizeof(*items));
    walk->items = items;
    walk->items_size = size;
    return true;
}

void walk_push(struct walk *walk, const void *node, struct walk_at at)
{
    if (!node || walk->trouble) return;
    if (at.depth >= SQL_DEPTH_CEILING) {
        walk->trouble = WALK_DEEP;
        return;
    }
    if (walk->n_items == walk->items_size && !grow(walk)) return;
    at.depth++;
    walk->items[walk->n_items++] = (struct walk_item){ .node = node, .at = at };
}

void walk_push_children(struct walk *walk, const void *node, struct walk_at at)
{
    const uint16_t *offsets = tree_children(tree_tag(node));
    size_t n = 0;
    if (!offsets) {
        walk->unknown = tree_tag(node);
        walk_effect(walk, EFFECT_UNKNOWN);
        return;
    }
    while (offsets[n])
        n++;
    while (n > 0) {
        const void *child;
        memcpy(&child, (const char *)node + offsets[--n], sizeof(child));
        walk_push(walk, child, at);
    }
}

struct bytes walk_text(struct walk *walk, const char *text)
{
    if (!text) return (struct bytes){ 0 };
    struct bytes copy = arena_copy(walk->arena, bytes_of(text));
    if (!copy.p) walk->trouble = WALK_FULL;
    return copy;
}

struct bytes walk_copy(struct walk *walk, struct bytes b)
{
    if (!b.p) return b;
    struct bytes copy = arena_copy(walk->arena, b);
    if (!copy.p) walk->trouble = WALK_FULL;
    return copy;
}

/* An UPDATE … SET (a, b) = (SELECT …) has one node for the right-hand side, reached once for each column. */
static void visit_shared(struct walk *walk, const MultiAssignRef *ref, struct walk_at at)
{
    if (ref->colno == 1) walk_push(walk, ref->source, at);
}

static void visit(struct walk *walk, const Node *node, struct walk_at at)
{
    walk->place = tree_tag(node) == T_A_Expr ? ((const A_Expr *)node)->location : -1;
    if (walk->names) code_implied(walk, node);
    switch (tree_tag(node)) {
    case T_RangeVar: relations_visit(walk, (const RangeVar *)node, at); return;
    case T_MultiAssignRef: visit_shared(walk, (const MultiAssignRef *)node, at); return;
    case T_FuncCall:
        functions_visit_call(walk, (const FuncCall *)node);
        if (walk->names && walk->names->scans) scan_definition(walk, (const FuncCall *)node);
        break;
    case T_A_Expr: functions_visit_operator(walk, ((const A_Expr *)node)->name); break;
    case T_RangeTableSample:
        functions_visit_sample(walk, (const RangeTableSample *)node);
        if (walk->names && walk->names->scans) scan_sample(walk, (const RangeTableSample *)node);
        break;
    case T_SubLink: functions_visit_operator(walk, ((const SubLink *)node)->operName); break;
    case T_SortBy: functions_visit_operator(walk, ((const SortBy *)node)->useOp); break;
    case T_ColumnRef: attribute_visit_column(walk, (const ColumnRef *)node); return;
    case T_A_Indirection: attribute_visit_indirection(walk, (const A_Indirection *)node); break;
    case T_DefElem:
        if (((const DefElem *)node)->arg && tree_tag(((const DefElem *)node)->arg) == T_TypeName) {
            if (walk->names) types_visit_option(walk, (const DefElem *)node);
            walk_push_children(walk, ((const DefElem *)node)->arg, at);
            return;
        }
        break;
    case T_RangeFunction:
        attribute_visit_range(walk, (const RangeFunction *)node);
        if (walk->names && walk->names->scans) scan_definition_from(walk, (const RangeFunction *)node);
        break;
    case T_TypeName:
        if (walk->names) types_visit(walk, (const TypeName *)node);
        break;
    default:
        if (query_visit(walk, node, at) || utility_visit(walk, node, at)) return;
    }
    walk_push_children(walk, node, at);
}

/* Takes the top item's next element, and the item itself away behind its last. */
static const Node *next_element(struct walk *walk, struct walk_item *top)
{
    const List *list = (const List *)top->node;
    const Node *element = top->next < list->length ? tree_item(list, top->next) : NULL;
    if (++top->next >= list->length) walk->n_items--;
    return element;
}

void walk_statement(struct walk *walk, const Node *top)
{
    struct walk_item first[ITEMS_FIRST];
    walk->items = first;
    walk->items_size = ITEMS_FIRST;
    walk->n_items = 0;
    walk->statement->tag = utility_tag(walk, top);
    if (walk->names) names_begin(walk, top);
    walk_push(walk, top, (struct walk_at){ 0 });
    while (walk->n_items > 0 && !walk->trouble) {
        struct walk_item *item = &walk->items[walk->n_items - 1];
        struct walk_at at = item->at;
        enum NodeTag tag = tree_tag(item->node);
        if (tag == T_List) {
            const Node *element = next_element(walk, item);
            /* A list of lists goes on the stack, so that it is not deeper than its elements. */
            if (element && tree_tag(element) == T_List)
                walk_push(walk, element, at);
            else if (element)
                visit(walk, element, at);
        } else {
            const Node *node = item->node;
            walk->n_items--;
            if (tag != T_IntList && tag != T_OidList) visit(walk, node, at);
        }
    }
    walk->items = NULL;
    if (!walk->trouble) attribute_finish(walk);
    for (size_t i = 0; i < walk->statement->n_relations; i++) {
        struct sql_relation *relation = &walk->statement->relations[i];
        if (relation->access & EFFECT_READ) relation->access |= walk->spread;
    }
    if (walk->names && !walk->trouble) names_finish(walk, top);
}
