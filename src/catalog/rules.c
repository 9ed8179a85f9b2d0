/* What rules tell: a view's SELECT rule what it reads and what its columns are made of, other rules what they
 * write. What a view reads is taken from the text of its tree, wherever it names a relation, so that this
 * holds for trees of any version. Where a tree cannot be understood, a view is opaque, and a rule does
 * everything to whatever it names. */
#include "catalog/trace.h"

/* Calls visit with each number behind ":relid " in the text of a tree, whatever else it holds. A name cannot
 * look like that: the server writes a backslash in front of a blank in it. */
static bool each_relid(struct bytes tree, bool (*visit)(void *context, uint32_t oid), void *context)
{
    const struct bytes label = BYTES_LITERAL(":relid ");
    for (size_t at = 0; at < tree.n;) {
        const uint8_t *found = memmem(tree.p + at, tree.n - at, label.p, label.n);
        if (!found) break;
        size_t start = at = (size_t)(found - tree.p) + label.n;
        uint32_t oid;
        while (at < tree.n && tree.p[at] >= '0' && tree.p[at] <= '9')
            at++;
        if (catalog_read_oid(bytes_slice(tree, start, at - start), &oid) && oid && !visit(context, oid))
            return false;
    }
    return true;
}

struct reading {
    struct catalog_builder *b;
    const struct catalog_rule *rule;
    struct arena arena; /* for one rule */
};

static bool tie(struct reading *r, uint32_t to, enum catalog_tie kind, uint32_t writes)
{
    return catalog_build_edge(r->b, (struct catalog_edge){ r->rule->relation, to, kind, false, writes });
}

static bool tie_view(void *context, uint32_t oid)
{
    struct reading *r = context;
    return oid == r->rule->relation || tie(r, oid, CATALOG_TIE_VIEW, 0);
}

static bool tie_update(void *context, uint32_t oid)
{
    struct reading *r = context;
    return oid == r->rule->relation || tie(r, oid, CATALOG_TIE_UPDATE, 0);
}

static bool tie_rule(void *context, uint32_t oid)
{
    return tie(context, oid, CATALOG_TIE_RULE, 15);
}

enum { FIRST_SYSTEM_COLUMN = -6 }; /* tableoid */
/* False: no memory. A relation that is not there is told as opaque. */
static bool keep_sources(struct catalog_builder *b, const struct trace_sources *from,
                         struct catalog_sources *out)
{
    struct catalog_source *items = ARENA_ARRAY(&b->layer->arena, struct catalog_source, from->n);
    if (!items) return false;
    *out = (struct catalog_sources){ .items = items, .opaque = from->opaque };
    for (size_t i = 0; i < from->n; i++) {
        const struct catalog_relation *relation = catalog_build_relation(b, from->items[i].relation);
        struct catalog_source source = { relation, from->items[i].attribute };
        /* A column that its relation does not have: nobody knows what that would be. */
        if (relation && (source.attribute < FIRST_SYSTEM_COLUMN ||
                         (source.attribute > 0 && (size_t)source.attribute > relation->n_columns))) {
            source.attribute = 0;
            out->opaque = true;
        }
        if (relation)
            items[out->n++] = source;
        else
            out->opaque = true;
    }
    out->plain = from->plain && !out->opaque && out->n == 1 && items[0].attribute > 0;
    return true;
}

/* NULL: the rule's tree is not one query that can be read. */
static const struct node *read_query(struct reading *r)
{
    const struct node *root;
    if (!trace_knows(r->b->server_version) || !node_tree_parse(r->rule->action, &r->arena, &root))
        return NULL;
    return root->kind == NODE_LIST && root->first && !root->first->next ? root->first : NULL;
}

static bool on_view(struct reading *r, struct catalog_relation *view)
{
    struct trace_result result;
    const struct node *query = read_query(r);
    if (!each_relid(r->rule->action, tie_view, r)) return false;
    bool traced = query && trace_view(r->b, &r->arena, query, &result) && result.n_columns == view->n_columns;
    if (!traced) return view->kind == 'm' || each_relid(r->rule->action, tie_update, r);
    struct catalog_sources *sources =
        ARENA_ARRAY(&r->b->layer->arena, struct catalog_sources, result.n_columns);
    if (!sources) return false;
    for (size_t i = 0; i < result.n_columns; i++)
        if (!keep_sources(r->b, &result.columns[i], &sources[i])) return false;
    view->sources = sources;
    uint32_t updates = view->kind == 'v' ? trace_updates(query) : 0;
    return keep_sources(r->b, &result.decides, &view->decides) &&
           (!updates || tie(r, updates, CATALOG_TIE_UPDATE, 0));
}

enum { WRITES_INSERT = 1, WRITES_UPDATE = 2, WRITES_DELETE = 4, READS = 8, WRITES_ALL = 15 };
enum outcome { NOT_KNOWN = 0, NO_MEMORY, KNOWN };

/* What a query does to its result relation, by commandType (PostgreSQL's nodes/nodes.h), which has MERGE from
 * version 15 on. WRITES_ALL: not known. */
static uint32_t writes_of(const struct reading *r, const struct node *query)
{
    int64_t command;
    const struct node *conflict = node_field(query, "onConflict");
    if (!conflict || !node_number(query, "commandType", &command)) return WRITES_ALL;
    switch (command) {
    case 1: return READS;
    case 2: return WRITES_UPDATE;
    case 3: return WRITES_INSERT | (conflict->kind == NODE_NULL ? 0 : WRITES_UPDATE);
    case 4: return WRITES_DELETE;
    case 5: /* MERGE, or in version 14 NOTIFY */
        return r->b->server_version < 150000 ? 0 : WRITES_INSERT | WRITES_UPDATE | WRITES_DELETE;
    case 6: /* NOTIFY, or in version 14 NOTHING */ return 0;
    case 7: /* NOTHING */ return r->b->server_version < 150000 ? WRITES_ALL : 0;
    default: return WRITES_ALL;
    }
}

/* Ties a query's own range table: its result relation is written, and what it asks SELECT of is read. */
static enum outcome tie_query(struct reading *r, const struct node *query)
{
    int64_t result, kind, relation, permissions;
    uint32_t writes = writes_of(r, query);
    const struct node *table = node_field(query, "rtable");
    if (writes == WRITES_ALL || !table || !node_number(query, "resultRelation", &result)) return NOT_KNOWN;
    int64_t number = 0;
    for (const struct node *n = table->kind == NODE_LIST ? table->first : NULL; n; n = n->next) {
        number++;
        if (!node_number(n, "rtekind", &kind)) return NOT_KNOWN;
        if (kind != 0) continue;
        if (!node_number(n, "relid", &relation) || relation < 1 || relation > UINT32_MAX ||
            !node_number(n, "requiredPerms", &permissions))
            return NOT_KNOWN;
        bool is_self = relation == r->rule->relation;
        uint32_t does = number == result ? writes : 0;
        if (!is_self && (permissions & 2 || !does)) does |= READS;
        if (does && !tie(r, (uint32_t)relation, CATALOG_TIE_RULE, does)) return NO_MEMORY;
    }
    return result > number ? NOT_KNOWN : KNOWN;
}

/* Every query in a tree, at any depth; the parser bounds it. */
static enum outcome tie_queries(struct reading *r, const struct node *node)
{
    enum outcome outcome = node_is(node, "QUERY") ? tie_query(r, node) : KNOWN;
    for (const struct node *n = node->first; n && outcome == KNOWN; n = n->next)
        outcome = tie_queries(r, n);
    return outcome;
}

static bool on_rule(struct reading *r, struct catalog_relation *relation)
{
    const struct node *root;
    enum outcome outcome = NOT_KNOWN;
    relation->has_rules = true;
    if (trace_knows(r->b->server_version) && node_tree_parse(r->rule->action, &r->arena, &root))
        outcome = tie_queries(r, root);
    /* The condition may have sub-queries. */
    if (outcome == KNOWN && node_tree_parse(r->rule->condition, &r->arena, &root))
        outcome = tie_queries(r, root);
    else if (outcome == KNOWN)
        outcome = NOT_KNOWN;
    if (outcome == KNOWN) return true;
    return outcome == NOT_KNOWN && each_relid(r->rule->action, tie_rule, r) &&
           each_relid(r->rule->condition, tie_rule, r);
}

bool catalog_build_rules(struct catalog_builder *b)
{
    enum { CHUNK = 1 << 20, CEILING = 256 << 20 };
    const struct catalog_rule *rules = b->rules.items;
    struct reading r = { .b = b };
    bool done = true;
    /* Until a rule says better, also where there is none. */
    for (size_t i = 0; i < b->layer->n_relations; i++) {
        char kind = b->layer->relations[i]->kind;
        b->layer->relations[i]->decides.opaque = kind == 'v' || kind == 'm';
    }
    arena_init(&r.arena, CHUNK, CEILING);
    for (size_t i = 0; i < b->rules.n && done; i++) {
        struct catalog_relation *relation = catalog_layer_relation_by_oid(b->layer, rules[i].relation);
        if (!relation) continue;
        r.rule = &rules[i];
        done = rules[i].event == '1' ? on_view(&r, relation) : on_rule(&r, relation);
        arena_reset(&r.arena);
    }
    arena_free(&r.arena);
    return done;
}

bool catalog_build_check_runs_code(struct catalog_builder *b, struct bytes expression)
{
    enum { CHUNK = 64 << 10, CEILING = 64 << 20 };
    struct arena arena;
    const struct node *root;
    arena_init(&arena, CHUNK, CEILING);
    bool own = trace_knows(b->server_version) && node_tree_parse(expression, &arena, &root) &&
               (root->kind == NODE_OBJECT || root->kind == NODE_NULL) && trace_is_own_code(b, &arena, root);
    arena_free(&arena);
    return !own;
}
