/* Two raw trees side by side: see proof.h. Every field counts but places in the text: numbers, flags and
 * enums are compared as bytes (nodes are made zeroed, padding included), strings as strings, nodes by going
 * into them, with a stack of its own. */
#include "sql/proof.h"

#include "sql/facts.h"

#include <stdlib.h>

struct pair {
    const Node *a, *b;
    int next, next_b; /* of two lists: which elements come next */
};
struct proving {
    struct arena *arena;
    struct proof_edit *edits;
    size_t n_edits, n_found;
    const List *templates;
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
    p->pairs[p->n_pairs++] = (struct pair){ a, b, 0, 0 };
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

/* A node may have something around it or before it, and another edit besides. */
static int place_of(enum proof_kind kind)
{
    return kind == PROOF_AROUND ? 2 : kind == PROOF_BEFORE;
}

static int compare_edits(const void *a, const void *b)
{
    const struct proof_edit *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return place_of(x->kind) - place_of(y->kind);
}

static const struct proof_edit *find_edit(struct proving *p, const void *node, enum proof_kind kind)
{
    struct proof_edit key = { .node = node, .kind = kind };
    if (p->n_edits == 0) return NULL;
    struct proof_edit *edit = bsearch(&key, p->edits, p->n_edits, sizeof(*p->edits), compare_edits);
    if (!edit) return NULL;
    if (!edit->found) p->n_found++;
    edit->found = true;
    return edit;
}

static const struct proof_edit *edit_of(struct proving *p, const void *node)
{
    return find_edit(p, node, PROOF_SCHEMA);
}

/* The schema that the node is to get; NULL: none. */
static const char *schema_of(struct proving *p, const void *node)
{
    const struct proof_edit *edit = edit_of(p, node);
    return edit && edit->kind == PROOF_SCHEMA ? edit->schema : NULL;
}

static const SelectStmt *template_of(const struct proving *p, const struct proof_edit *edit)
{
    if (edit->template <0 || edit->template >= tree_length(p->templates)) return NULL;
    const RawStmt *raw = tree_item(p->templates, edit->template);
    return tree_tag(raw->stmt) == T_SelectStmt ? (const SelectStmt *)raw->stmt : NULL;
}

/* The sub-select's own tree is the template's; the sample stands in it as it stood in the text. */
static bool same_sub_select(struct proving *p, const Node *a, const SelectStmt *template, const SelectStmt *b)
{
    if (tree_tag(a) == T_RangeVar) {
        push(p, template, b);
        return true;
    }
    SelectStmt *left = ARENA_NEW(p->arena, SelectStmt), *right = ARENA_NEW(p->arena, SelectStmt);
    if (!left || !right) {
        p->full = true;
        return true;
    }
    if (tree_length(b->fromClause) != 1) return false;
    *left = *template;
    *right = *b;
    left->fromClause = right->fromClause = NULL;
    push(p, left, right);
    const Node *sample = tree_item(b->fromClause, 0);
    if (tree_tag(sample) != T_RangeTableSample) return false;
    push(p, a, sample);
    return true;
}

static bool same_scan(struct proving *p, const struct proof_edit *edit, const Node *a, const Node *b)
{
    const SelectStmt *template = template_of(p, edit);
    if (tree_tag(b) != T_RangeSubselect || !template) return false;
    const RangeSubselect *sub = (const RangeSubselect *)b;
    const Alias *own = tree_tag(a) == T_RangeVar ? ((const RangeVar *)a)->alias : NULL;
    if (sub->lateral || !sub->alias || tree_tag(sub->subquery) != T_SelectStmt) return false;
    if (own)
        push(p, own, sub->alias);
    else if (!same_string(edit->name, sub->alias->aliasname) || sub->alias->colnames)
        return false;
    return same_sub_select(p, a, template, (const SelectStmt *)sub->subquery);
}

/* What is copied is the query; everything else of the two is the same. */
static bool same_copy(struct proving *p, const struct proof_edit *edit, const CopyStmt *a, const CopyStmt *b)
{
    const SelectStmt *template = template_of(p, edit);
    CopyStmt *left = ARENA_NEW(p->arena, CopyStmt), *right = ARENA_NEW(p->arena, CopyStmt);
    if (!left || !right) {
        p->full = true;
        return true;
    }
    if (!template || !b->query || b->relation || b->attlist || a->is_from || b->is_from) return false;
    *left = *a;
    *right = *b;
    left->relation = NULL;
    left->attlist = NULL;
    right->query = NULL;
    push(p, template, b->query);
    push(p, left, right);
    return true;
}

static bool same_value(struct proving *p, const struct proof_edit *edit, const Node *b)
{
    const SelectStmt *template = template_of(p, edit);
    if (!template || tree_length(template->targetList) != 1) return false;
    const ResTarget *only = tree_item(template->targetList, 0);
    push(p, only->val, b);
    return true;
}

/* The arguments of two calls but the first, which is the node itself in the second. */
static bool same_arguments(struct proving *p, const Node *a, const FuncCall *template, const FuncCall *b)
{
    FuncCall *left = ARENA_NEW(p->arena, FuncCall), *right = ARENA_NEW(p->arena, FuncCall);
    if (!left || !right) {
        p->full = true;
        return true;
    }
    *left = *template;
    *right = *b;
    left->args = right->args = NULL;
    push(p, left, right);
    int n = tree_length(template->args);
    if (n == 0 || n != tree_length(b->args)) return false;
    for (int i = 1; i < n; i++)
        push(p, tree_item(template->args, i), tree_item(b->args, i));
    push(p, a, tree_item(b->args, 0));
    return true;
}

/* (SELECT f(a, …) AS name), all of it the template's but a. */
static bool same_around(struct proving *p, const struct proof_edit *edit, const Node *a, const SubLink *b)
{
    const SelectStmt *template = template_of(p, edit);
    const ResTarget *only = template ? tree_item(template->targetList, 0) : NULL;
    const SubLink *link =
        only && only->val && tree_tag(only->val) == T_SubLink ? (const SubLink *)only->val : NULL;
    SubLink *left = ARENA_NEW(p->arena, SubLink), *right = ARENA_NEW(p->arena, SubLink);
    SelectStmt *inner = ARENA_NEW(p->arena, SelectStmt), *other = ARENA_NEW(p->arena, SelectStmt);
    if (!left || !right || !inner || !other) {
        p->full = true;
        return true;
    }
    if (!link || !b->subselect || tree_tag(b->subselect) != T_SelectStmt) return false;
    *left = *link, *right = *b;
    left->subselect = right->subselect = NULL;
    push(p, left, right);
    *inner = *(const SelectStmt *)link->subselect, *other = *(const SelectStmt *)b->subselect;
    const List *wanted = inner->targetList, *given = other->targetList;
    inner->targetList = other->targetList = NULL;
    push(p, inner, other);
    if (tree_length(wanted) != 1 || tree_length(given) != 1) return false;
    const ResTarget *x = tree_item(wanted, 0), *y = tree_item(given, 0);
    if (!same_string(x->name, y->name) || x->indirection || y->indirection) return false;
    if (!y->val || tree_tag(x->val) != T_FuncCall || tree_tag(y->val) != T_FuncCall) return false;
    return same_arguments(p, a, (const FuncCall *)x->val, (const FuncCall *)y->val);
}

/* A name without its first parts, the first that is left being another one. */
static bool same_trimmed(const struct proof_edit *edit, const ColumnRef *a, const Node *b)
{
    if (tree_tag(b) != T_ColumnRef) return false;
    const List *left = a->fields, *right = ((const ColumnRef *)b)->fields;
    if (tree_length(left) != tree_length(right) + edit->trim) return false;
    for (int i = 0; i < tree_length(right); i++) {
        const Node *x = tree_item(left, i + edit->trim), *y = tree_item(right, i);
        const char *string = i == 0 && edit->name ? edit->name : tree_string(x);
        if (tree_tag(x) != tree_tag(y) || !same_string(string, tree_string(y))) return false;
    }
    return true;
}

static bool same_edited(struct proving *p, const struct proof_edit *edit, const Node *a, const Node *b)
{
    switch (edit->kind) {
    case PROOF_SCAN: return same_scan(p, edit, a, b);
    case PROOF_COPY:
        return tree_tag(b) == T_CopyStmt && same_copy(p, edit, (const CopyStmt *)a, (const CopyStmt *)b);
    case PROOF_VALUE: return same_value(p, edit, b);
    case PROOF_TRIM: return same_trimmed(edit, (const ColumnRef *)a, b);
    case PROOF_AROUND: return same_around(p, edit, a, (const SubLink *)b);
    case PROOF_SCHEMA:
    case PROOF_BEFORE:
    case PROOF_ITEMS: break;
    }
    return false;
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
    const char *schema = named ? schema_of(p, a) : NULL;
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

/* One element of the first list that is several of the second. */
static bool step_items(struct proving *p, struct pair *top, const struct proof_edit *edit)
{
    const SelectStmt *template = template_of(p, edit);
    const List *b = (const List *)top->b;
    int n = template ? tree_length(template->targetList) : 0, from = top->next_b;
    if (n == 0 || from + n > b->length) return false;
    top->next++;
    top->next_b += n;
    for (int i = 0; i < n; i++)
        push(p, tree_item(template->targetList, i), tree_item(b, from + i));
    return true;
}

/* One element of the first list, with others in front of it in the second. */
static bool step_before(struct proving *p, struct pair *top, const struct proof_edit *edit,
                        const void *element)
{
    const SelectStmt *template = template_of(p, edit);
    const List *b = (const List *)top->b;
    int n = template ? tree_length(template->targetList) : 0, from = top->next_b;
    if (n == 0 || from + n >= b->length) return false;
    top->next++;
    top->next_b += n + 1;
    push(p, element, tree_item(b, from + n));
    for (int i = 0; i < n; i++) {
        const ResTarget *item = tree_item(template->targetList, i);
        push(p, item->val, tree_item(b, from + i));
    }
    return true;
}

/* The next elements of two lists, and away with the pair behind the last. */
static bool step_lists(struct proving *p)
{
    struct pair *top = &p->pairs[p->n_pairs - 1];
    const List *a = (const List *)top->a, *b = (const List *)top->b;
    if (tree_tag(a) != T_List) {
        p->n_pairs--;
        return a->length == b->length && same_numbers(a, b);
    }
    if (top->next >= a->length) {
        p->n_pairs--;
        return top->next_b == b->length;
    }
    if (top->next_b >= b->length) return false;
    const void *in_a = tree_item(a, top->next), *in_b = tree_item(b, top->next_b);
    const struct proof_edit *before = in_a ? find_edit(p, in_a, PROOF_BEFORE) : NULL;
    if (before) return step_before(p, top, before, in_a);
    const struct proof_edit *edit = in_a ? edit_of(p, in_a) : NULL;
    if (edit && edit->kind == PROOF_ITEMS) return step_items(p, top, edit);
    top->next++;
    top->next_b++;
    if (in_a && in_b) push(p, in_a, in_b);
    return !in_a == !in_b;
}

/* What stands in a list was looked at there; so was a sample that is compared once more inside its
 * sub-select. */
static const struct proof_edit *edit_here(struct proving *p, const struct pair *pair)
{
    if (tree_tag(pair->a) == T_FuncCall && tree_tag(pair->b) == T_SubLink)
        return find_edit(p, pair->a, PROOF_AROUND);
    const struct proof_edit *edit = p->n_edits ? edit_of(p, pair->a) : NULL;
    bool again = edit && edit->kind == PROOF_SCAN && tree_tag(pair->a) == T_RangeTableSample &&
                 tree_tag(pair->b) == T_RangeTableSample;
    return edit && edit->kind != PROOF_SCHEMA && edit->kind != PROOF_ITEMS && edit->kind != PROOF_BEFORE &&
                   !again
               ? edit
               : NULL;
}

static bool step(struct proving *p)
{
    struct pair pair = p->pairs[p->n_pairs - 1];
    enum NodeTag tag = tree_tag(pair.a);
    const struct proof_edit *edit = edit_here(p, &pair);
    if (edit) {
        p->n_pairs--;
        return same_edited(p, edit, pair.a, pair.b);
    }
    if (tag != tree_tag(pair.b)) return false;
    if (tag == T_List || tag == T_IntList || tag == T_OidList) return step_lists(p);
    p->n_pairs--;
    if (tag != T_RawStmt) return same_node(p, pair.a, pair.b);
    push(p, ((const RawStmt *)pair.a)->stmt, ((const RawStmt *)pair.b)->stmt);
    return true;
}

enum proof proof_compare(const List *first, const List *second, const List *templates,
                         struct proof_edit *edits, size_t n_edits, struct arena *arena)
{
    struct proving p = { .arena = arena, .edits = edits, .n_edits = n_edits, .templates = templates };
    if (!first || !second) return first == second ? PROOF_SAME : PROOF_DIFFERENT;
    if (n_edits) qsort(edits, n_edits, sizeof(*edits), compare_edits);
    push(&p, first, second);
    while (p.n_pairs > 0 && !p.full)
        if (!step(&p)) return PROOF_DIFFERENT;
    if (p.full) return PROOF_FULL;
    return p.n_found == n_edits ? PROOF_SAME : PROOF_DIFFERENT;
}
