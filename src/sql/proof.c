/* Two raw trees side by side: see proof.h. Every field counts but places in the text: numbers, flags and
 * enums are compared as bytes (nodes are made zeroed, padding included), strings as strings, nodes by going
 * into them, with a stack of its own. */
#include "sql/proof.h"

#include "sql/facts.h"

#include <stdlib.h>

struct pair {
    const Node *a, *b;
    int next; /* of two lists: which element comes next */
};
struct proving {
    struct arena *arena;
    struct proof_edit *edits;
    size_t n_edits, n_found;
    struct pair *pairs;
    size_t n_pairs, size;
    bool full;
};

/* More than a tree of SQL_DEPTH_CEILING can leave on the stack: each node leaves its fields. */
enum { PAIRS_CEILING = 64 * SQL_DEPTH_CEILING };

static void push(struct proving *p, const void *a, const void *b)
{
    if (p->n_pairs == p->size) {
        size_t size = p->size ? p->size * 2 : 256;
        struct pair *more = size > PAIRS_CEILING ? NULL : ARENA_ARRAY(p->arena, struct pair, size);
        if (!more) {
            p->full = true;
            return;
        }
        if (p->n_pairs) memcpy(more, p->pairs, p->n_pairs * sizeof(*more));
        p->pairs = more;
        p->size = size;
    }
    p->pairs[p->n_pairs++] = (struct pair){ a, b, 0 };
}

static const void *pointer_at(const void *node, uint16_t offset)
{
    const void *p;
    memcpy(&p, (const char *)node + offset, sizeof(p));
    return p;
}

static bool same_string(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_constant(const A_Const *a, const A_Const *b)
{
    if (a->isnull != b->isnull) return false;
    if (a->isnull) return true;
    if (a->val.node.type != b->val.node.type) return false;
    switch (a->val.node.type) {
    case T_Integer: return a->val.ival.ival == b->val.ival.ival;
    case T_Float: return same_string(a->val.fval.fval, b->val.fval.fval);
    case T_Boolean: return a->val.boolval.boolval == b->val.boolval.boolval;
    case T_String: return same_string(a->val.sval.sval, b->val.sval.sval);
    case T_BitString: return same_string(a->val.bsval.bsval, b->val.bsval.bsval);
    default: return false;
    }
}

static int compare_edits(const void *a, const void *b)
{
    const void *x = ((const struct proof_edit *)a)->node, *y = ((const struct proof_edit *)b)->node;
    return x < y ? -1 : x > y;
}

/* The schema that the node is to get; NULL: none. */
static const char *edit_of(struct proving *p, const void *node)
{
    struct proof_edit key = { .node = node };
    struct proof_edit *edit = bsearch(&key, p->edits, p->n_edits, sizeof(*p->edits), compare_edits);
    if (!edit) return NULL;
    if (!edit->found) p->n_found++;
    edit->found = true;
    return edit->schema;
}

/* The first name with the schema in front is the second one. */
static bool same_but_schema(const List *a, const List *b, const char *schema)
{
    if (tree_length(a) != 1 || tree_length(b) != 2) return false;
    return same_string(tree_string(tree_item(b, 0)), schema) &&
           same_string(tree_string(tree_item(a, 0)), tree_string(tree_item(b, 1)));
}

static uint16_t name_field(const Node *node)
{
    switch (tree_tag(node)) {
    case T_RangeVar: return offsetof(RangeVar, schemaname);
    case T_FuncCall: return offsetof(FuncCall, funcname);
    case T_RangeTableSample: return offsetof(RangeTableSample, method);
    default: return 0;
    }
}

/* The fields that are no pointers and no places: what lies between those that are. */
static bool same_rest(const struct tree_fields *fields, const Node *a, const Node *b)
{
    const uint16_t *lists[] = { fields->nodes, fields->strings, fields->places };
    size_t at = 0;
    while (at < fields->size) {
        size_t next = fields->size, width = 0;
        for (int i = 0; i < 3; i++) {
            /* Each list is in the order of the struct. */
            while (*lists[i] && *lists[i] < at)
                lists[i]++;
            if (!*lists[i] || *lists[i] >= next) continue;
            next = *lists[i];
            width = i == 2 ? sizeof(int) : sizeof(void *);
        }
        if (memcmp((const char *)a + at, (const char *)b + at, next - at) != 0) return false;
        at = next + width;
    }
    return true;
}

static bool same_node(struct proving *p, const Node *a, const Node *b)
{
    enum NodeTag tag = tree_tag(a);
    const struct tree_fields *fields = tree_fields(tag);
    if (!fields) return false;
    if (tag == T_A_Const) return same_constant((const A_Const *)a, (const A_Const *)b);
    uint16_t named = name_field(a);
    const char *schema = named ? edit_of(p, a) : NULL;
    for (const uint16_t *s = fields->strings; *s; s++) {
        const char *in_a = pointer_at(a, *s), *in_b = pointer_at(b, *s);
        if (schema && *s == named ? in_a || !same_string(schema, in_b) : !same_string(in_a, in_b))
            return false;
    }
    if (!same_rest(fields, a, b)) return false;
    /* Reached once for each column that it is assigned to. */
    if (tag == T_MultiAssignRef && ((const MultiAssignRef *)a)->colno != 1) return true;
    for (const uint16_t *n = fields->nodes; *n; n++) {
        const void *in_a = pointer_at(a, *n), *in_b = pointer_at(b, *n);
        if (schema && *n == named) {
            if (!same_but_schema(in_a, in_b, schema)) return false;
        } else if (in_a && in_b) {
            push(p, in_a, in_b);
        } else if (in_a || in_b) {
            return false;
        }
    }
    return true;
}

static bool same_numbers(const List *a, const List *b)
{
    for (int i = 0; i < a->length; i++)
        if (a->elements[i].int_value != b->elements[i].int_value) return false;
    return true;
}

/* The next elements of two lists, and away with the pair behind the last. */
static bool step_lists(struct proving *p)
{
    struct pair *top = &p->pairs[p->n_pairs - 1];
    const List *a = (const List *)top->a, *b = (const List *)top->b;
    if (a->length != b->length) return false;
    if (tree_tag(a) != T_List || top->next >= a->length) {
        p->n_pairs--;
        return tree_tag(a) == T_List || same_numbers(a, b);
    }
    const void *in_a = tree_item(a, top->next), *in_b = tree_item(b, top->next);
    top->next++;
    if (in_a && in_b) push(p, in_a, in_b);
    return !in_a == !in_b;
}

static bool step(struct proving *p)
{
    struct pair pair = p->pairs[p->n_pairs - 1];
    enum NodeTag tag = tree_tag(pair.a);
    if (tag != tree_tag(pair.b)) return false;
    if (tag == T_List || tag == T_IntList || tag == T_OidList) return step_lists(p);
    p->n_pairs--;
    if (tag != T_RawStmt) return same_node(p, pair.a, pair.b);
    push(p, ((const RawStmt *)pair.a)->stmt, ((const RawStmt *)pair.b)->stmt);
    return true;
}

enum proof proof_compare(const List *first, const List *second, struct proof_edit *edits, size_t n_edits,
                         struct arena *arena)
{
    struct proving p = { .arena = arena, .edits = edits, .n_edits = n_edits };
    if (!first || !second) return first == second ? PROOF_SAME : PROOF_DIFFERENT;
    if (n_edits) qsort(edits, n_edits, sizeof(*edits), compare_edits);
    push(&p, first, second);
    while (p.n_pairs > 0 && !p.full)
        if (!step(&p)) return PROOF_DIFFERENT;
    if (p.full) return PROOF_FULL;
    return p.n_found == n_edits ? PROOF_SAME : PROOF_DIFFERENT;
}
