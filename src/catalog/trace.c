/* A query is a scope: range table entries, of which sub-queries and CTEs are traced when something in it
 * first refers to them. An expression adds its sources to a set. Every node that is not in the table of
 * labels ends the trace, since a field that is not known might hold a column. Work, memory and depth are
 * bounded: a tree of a few kB can stand for exponentially many paths.
 *
 * Labels and fields: PostgreSQL's nodes/primnodes.h, nodes/parsenodes.h. */
#include "catalog/trace.h"

enum { MAX_DEPTH = 1500, MAX_STEPS = 2000000, MAX_ROUNDS = 64, MAX_SOURCES = 20000, MAX_ALIASES = 100 };
enum { RTE_RELATION, RTE_SUBQUERY, RTE_JOIN, RTE_FUNCTION, RTE_TABLEFUNC, RTE_VALUES, RTE_CTE };
enum { SUBLINK_EXPR = 4, SUBLINK_MULTIEXPR = 5, SUBLINK_ARRAY = 6 };

enum progress { NOT_YET = 0, RUNNING, DONE };
struct entry { /* of a range table */
    const struct node *node;
    int64_t kind;
    enum progress progress;
    struct trace_result result; /* of a sub-query */
};
struct cte {
    const struct node *node;
    enum progress progress;
    bool recursive, extended; /* extended: SEARCH or CYCLE adds columns that its query does not have */
    struct trace_result result;
};
struct scope {
    struct scope *parent;
    struct entry *entries;
    struct cte *ctes;
    size_t n_entries, n_ctes;
    struct trace_sources *decides;
};
struct trace {
    struct catalog_builder *b;
    struct arena *arena;
    size_t depth, steps;
    bool own_suffices; /* any of PostgreSQL's own functions is plain */
};

static bool trace_expression(struct trace *t, struct scope *scope, const struct node *node,
                             struct trace_sources *into);
static bool trace_query(struct trace *t, struct scope *parent, const struct node *query,
                        struct trace_result *out);

bool trace_knows(int server_version)
{
    return server_version >= 140000 && server_version < 160000;
}

static bool add_source(struct trace *t, struct trace_sources *into, struct trace_source source)
{
    for (size_t i = 0; i < into->n; i++)
        if (into->items[i].relation == source.relation && into->items[i].attribute == source.attribute)
            return true;
    if (into->n == into->room) {
        size_t room = into->room ? into->room * 2 : 4;
        struct trace_source *items =
            room <= MAX_SOURCES ? ARENA_ARRAY(t->arena, struct trace_source, room) : NULL;
        if (!items) return false;
        if (into->n) memcpy(items, into->items, into->n * sizeof *items);
        into->items = items;
        into->room = room;
    }
    into->items[into->n++] = source;
    return true;
}

static bool add_sources(struct trace *t, struct trace_sources *into, const struct trace_sources *from)
{
    into->opaque |= from->opaque;
    t->steps += from->n;
    for (size_t i = 0; i < from->n; i++)
        if (!add_source(t, into, from->items[i])) return false;
    return true;
}

static bool add_columns(struct trace *t, struct trace_sources *into, const struct trace_result *from)
{
    for (size_t i = 0; i < from->n_columns; i++)
        if (!add_sources(t, into, &from->columns[i])) return false;
    return true;
}

/* Column `number` of a result; 0: all of them. */
static bool add_column(struct trace *t, struct trace_sources *into, const struct trace_result *from,
                       int64_t number)
{
    if (number == 0) return add_columns(t, into, from);
    if (number < 1 || (uint64_t)number > from->n_columns) return false;
    return add_sources(t, into, &from->columns[number - 1]);
}

static size_t count(const struct node *list)
{
    size_t n = 0;
    for (const struct node *i = list && list->kind == NODE_LIST ? list->first : NULL; i; i = i->next)
        n++;
    return n;
}

static const struct node *item_at(const struct node *list, int64_t number)
{
    const struct node *i = list && list->kind == NODE_LIST ? list->first : NULL;
    for (; i && number > 1; number--)
        i = i->next;
    return number == 1 ? i : NULL;
}

/* Whether a function's answer is made of its arguments alone. */
static bool is_plain(const struct trace *t, uint32_t oid)
{
    const struct catalog_function *f = catalog_is_own(oid) ? catalog_build_function(t->b, oid) : NULL;
    if (!f) return false;
    if (t->own_suffices) return true;
    return t->b->trust.is_plain ? t->b->trust.is_plain(t->b->trust.context, f) : f->volatility == 'i';
}

static bool call(struct trace *t, const struct node *node, const char *field, struct trace_sources *into)
{
    int64_t oid;
    if (!node_number(node, field, &oid) || oid < 0 || oid > UINT32_MAX) return false;
    if (!is_plain(t, (uint32_t)oid)) into->opaque = true;
    return true;
}

static void operate(struct trace *t, int64_t oid, struct trace_sources *into)
{
    bool is_oid = oid > 0 && oid <= UINT32_MAX;
    const struct catalog_operator *o = is_oid ? catalog_build_operator(t->b, (uint32_t)oid) : NULL;
    if (!o || !is_plain(t, o->function)) into->opaque = true;
}

/* ROWCOMPAREEXPR: an operator for each pair of columns, as "(o 96 98)". */
static bool compare_rows(struct trace *t, const struct node *node, struct trace_sources *into)
{
    const struct node *list = node_field(node, "opnos");
    if (!list || list->kind != NODE_LIST || !list->first || !bytes_is(list->first->text, "o")) return false;
    for (const struct node *i = list->first->next; i; i = i->next) {
        int64_t oid;
        if (!bytes_to_int64(i->text, &oid)) return false;
        operate(t, oid, into);
    }
    return true;
}

static bool check_domain(struct trace *t, const struct node *node, struct trace_sources *into)
{
    int64_t oid;
    if (!node_number(node, "resulttype", &oid) || oid < 0 || oid > UINT32_MAX) return false;
    const struct catalog_type *type = catalog_build_type(t->b, (uint32_t)oid);
    if (!type || type->runs_code) into->opaque = true;
    return true;
}

static bool trace_cte(struct trace *t, struct scope *scope, struct cte *cte);

/* The CTE that an entry of a range table refers to, traced; NULL: not known. */
static struct cte *find_cte(struct trace *t, struct scope *scope, const struct node *entry)
{
    int64_t up;
    const struct node *name = node_field(entry, "ctename");
    if (!name || !node_number(entry, "ctelevelsup", &up)) return NULL;
    for (; scope && up > 0; up--)
        scope = scope->parent;
    for (size_t i = 0; scope && i < scope->n_ctes; i++) {
        struct cte *cte = &scope->ctes[i];
        const struct node *its = node_field(cte->node, "ctename");
        if (its && bytes_equal(its->text, name->text)) return trace_cte(t, scope, cte) ? cte : NULL;
    }
    return NULL;
}

static bool var_of_cte(struct trace *t, struct scope *scope, const struct node *entry, int64_t number,
                       struct trace_sources *into)
{
    struct cte *cte = find_cte(t, scope, entry);
    if (!cte) return false;
    bool beyond = number > 0 && (uint64_t)number > cte->result.n_columns;
    if (beyond && cte->progress == RUNNING) return true; /* nothing is known of it in the first round */
    if (beyond && cte->extended) number = 0;
    return add_column(t, into, &cte->result, number);
}

static bool trace_subquery(struct trace *t, struct scope *scope, struct entry *e)
{
    if (e->progress == DONE) return true;
    if (e->progress == RUNNING) return false;
    e->progress = RUNNING;
    if (!trace_query(t, scope, node_field(e->node, "subquery"), &e->result)) return false;
    e->progress = DONE;
    return true;
}

static bool var_of_values(struct trace *t, struct scope *scope, const struct node *entry, int64_t number,
                          struct trace_sources *into)
{
    const struct node *rows = node_field(entry, "values_lists");
    if (!rows || rows->kind != NODE_LIST) return false;
    for (const struct node *row = rows->first; row; row = row->next) {
        const struct node *value = number ? item_at(row, number) : row;
        if (!value || !trace_expression(t, scope, value, into)) return false;
    }
    return true;
}

static bool var_of_entry(struct trace *t, struct scope *scope, struct entry *e, int64_t number,
                         struct trace_sources *into)
{
    int64_t relation;
    const struct node *list;
    switch (e->kind) {
    case RTE_RELATION:
        if (!node_number(e->node, "relid", &relation) || relation < 1 || relation > UINT32_MAX) return false;
        if (number < -10 || number > 1664) return false;
        return add_source(t, into, (struct trace_source){ (uint32_t)relation, (int16_t)number });
    case RTE_SUBQUERY: return trace_subquery(t, scope, e) && add_column(t, into, &e->result, number);
    case RTE_JOIN:
        list = node_field(e->node, "joinaliasvars");
        if (number) list = item_at(list, number);
        return list && trace_expression(t, scope, list, into);
    case RTE_FUNCTION:
        list = node_field(e->node, "functions");
        return list && trace_expression(t, scope, list, into);
    case RTE_TABLEFUNC:
        list = node_field(e->node, "tablefunc");
        return list && trace_expression(t, scope, list, into);
    case RTE_VALUES: return var_of_values(t, scope, e->node, number, into);
    case RTE_CTE: return var_of_cte(t, scope, e->node, number, into);
    default: return false;
    }
}

static bool trace_var(struct trace *t, struct scope *scope, const struct node *node,
                      struct trace_sources *into)
{
    int64_t entry, number, up;
    if (!node_number(node, "varno", &entry) || !node_number(node, "varattno", &number) ||
        !node_number(node, "varlevelsup", &up))
        return false;
    for (; scope && up > 0; up--)
        scope = scope->parent;
    if (!scope || up || entry < 1 || (uint64_t)entry > scope->n_entries) return false;
    return var_of_entry(t, scope, &scope->entries[entry - 1], number, into);
}

/* A scalar sub-query's value is its column's; of the others the value is whether there are such rows. */
static bool trace_sublink(struct trace *t, struct scope *scope, const struct node *node,
                          struct trace_sources *into)
{
    int64_t type;
    struct trace_result result = { 0 };
    if (!scope || !node_number(node, "subLinkType", &type)) return false;
    bool is_value = type == SUBLINK_EXPR || type == SUBLINK_MULTIEXPR || type == SUBLINK_ARRAY;
    return trace_query(t, scope, node_field(node, "subselect"), &result) && add_columns(t, into, &result) &&
           add_sources(t, is_value ? scope->decides : into, &result.decides) &&
           trace_expression(t, scope, node_field(node, "testexpr"), into);
}

/* What a node does besides holding others. Some labels differ between releases of one version. */
enum role { HOLDS, IS_VAR, IS_SUBLINK, CALLS, OPERATES, COMPARES_ROWS, CHECKS, HIDES };
static const struct {
    const char *label, *field;
    enum role role;
} roles[] = {
    { "VAR", NULL, IS_VAR },
    { "CONST", NULL, HOLDS },
    { "OPEXPR", "opno", OPERATES },
    { "FUNCEXPR", "funcid", CALLS },
    { "RELABELTYPE", NULL, HOLDS },
    { "TARGETENTRY", NULL, HOLDS },
    { "BOOLEXPR", NULL, HOLDS },
    /* Text in and out of a type: base types are a superuser's, and their own functions are plain. */
    { "COERCEVIAIO", NULL, HOLDS },
    { "SCALARARRAYOPEXPR", "opno", OPERATES },
    { "CASE", NULL, HOLDS },
    { "CASEEXPR", NULL, HOLDS },
    { "WHEN", NULL, HOLDS },
    { "CASEWHEN", NULL, HOLDS },
    { "CASETESTEXPR", NULL, HOLDS },
    { "NULLTEST", NULL, HOLDS },
    { "AGGREF", "aggfnoid", CALLS },
    { "COALESCE", NULL, HOLDS },
    { "COALESCEEXPR", NULL, HOLDS },
    { "SUBLINK", NULL, IS_SUBLINK },
    { "PARAM", NULL, HOLDS }, /* of a sublink's own columns */
    { "DISTINCTEXPR", "opno", OPERATES },
    { "NULLIFEXPR", "opno", OPERATES },
    { "ARRAY", NULL, HOLDS },
    { "ARRAYEXPR", NULL, HOLDS },
    { "ARRAYCOERCEEXPR", NULL, HOLDS },
    { "CONVERTROWTYPEEXPR", NULL, HOLDS },
    { "COLLATE", NULL, HOLDS },
    { "COLLATEEXPR", NULL, HOLDS },
    { "ROW", NULL, HOLDS },
    { "ROWEXPR", NULL, HOLDS },
    { "ROWCOMPARE", NULL, COMPARES_ROWS },
    { "ROWCOMPAREEXPR", NULL, COMPARES_ROWS },
    { "MINMAX", NULL, HOLDS }, /* by the type's operator class, which only a superuser makes */
    { "MINMAXEXPR", NULL, HOLDS },
    { "SQLVALUEFUNCTION", NULL, HOLDS },
    { "XMLEXPR", NULL, HOLDS },
    { "BOOLEANTEST", NULL, HOLDS },
    { "COERCETODOMAIN", NULL, CHECKS },
    { "COERCETODOMAINVALUE", NULL, HOLDS },
    { "FIELDSELECT", NULL, HOLDS },
    { "FIELDSTORE", NULL, HOLDS },
    { "SUBSCRIPTINGREF", NULL, HOLDS },
    { "NAMEDARGEXPR", NULL, HOLDS },
    { "GROUPINGFUNC", NULL, HOLDS },
    { "WINDOWFUNC", "winfnoid", CALLS },
    { "WINDOWCLAUSE", NULL, HOLDS },
    { "SORTGROUPCLAUSE", NULL, HOLDS },
    { "RANGETBLFUNCTION", NULL, HOLDS },
    { "TABLEFUNC", NULL, HOLDS },
    { "TABLESAMPLECLAUSE", "tsmhandler", CALLS },
    { "NEXTVALUEEXPR", NULL, HIDES },
};

static bool trace_children(struct trace *t, struct scope *scope, const struct node *node,
                           struct trace_sources *into)
{
    for (const struct node *i = node->first; i; i = i->next)
        if (!trace_expression(t, scope, i, into)) return false;
    return true;
}

static bool trace_object(struct trace *t, struct scope *scope, const struct node *node,
                         struct trace_sources *into)
{
    int64_t oid;
    size_t i = 0;
    while (i < sizeof roles / sizeof *roles && !bytes_is(node->text, roles[i].label))
        i++;
    if (i == sizeof roles / sizeof *roles) return false;
    switch (roles[i].role) {
    case IS_VAR: return trace_var(t, scope, node, into);
    case IS_SUBLINK: return trace_sublink(t, scope, node, into);
    case CALLS:
        if (!call(t, node, roles[i].field, into)) return false;
        break;
    case OPERATES:
        if (!node_number(node, roles[i].field, &oid)) return false;
        operate(t, oid, into);
        break;
    case COMPARES_ROWS:
        if (!compare_rows(t, node, into)) return false;
        break;
    case CHECKS:
        if (!check_domain(t, node, into)) return false;
        break;
    case HIDES: into->opaque = true; break;
    case HOLDS: break;
    }
    return trace_children(t, scope, node, into);
}

static bool trace_expression(struct trace *t, struct scope *scope, const struct node *node,
                             struct trace_sources *into)
{
    if (!node || node->kind == NODE_ATOM || node->kind == NODE_NULL) return true;
    if (++t->steps > MAX_STEPS || t->depth >= MAX_DEPTH) return false;
    t->depth++;
    bool traced =
        node->kind == NODE_LIST ? trace_children(t, scope, node, into) : trace_object(t, scope, node, into);
    t->depth--;
    return traced;
}

static size_t total(const struct trace_result *r)
{
    size_t n = r->decides.n + r->decides.opaque + r->n_columns;
    for (size_t i = 0; i < r->n_columns; i++)
        n += r->columns[i].n + r->columns[i].opaque;
    return n;
}

static bool merge_result(struct trace *t, struct trace_result *into, const struct trace_result *from)
{
    if (!into->columns) {
        into->columns = ARENA_ARRAY(t->arena, struct trace_sources, from->n_columns);
        into->n_columns = from->n_columns;
    }
    if (!into->columns || into->n_columns != from->n_columns) return false;
    for (size_t i = 0; i < from->n_columns; i++)
        if (!add_sources(t, &into->columns[i], &from->columns[i])) return false;
    return add_sources(t, &into->decides, &from->decides);
}

/* A recursive one is traced until a round adds nothing; within itself it is what the rounds before found. */
static bool trace_cte(struct trace *t, struct scope *scope, struct cte *cte)
{
    if (cte->progress == DONE) return true;
    if (cte->progress == RUNNING) return cte->recursive;
    cte->progress = RUNNING;
    for (int round = 0; round < MAX_ROUNDS; round++) {
        struct trace_result result = { 0 };
        size_t before = total(&cte->result);
        if (!trace_query(t, scope, node_field(cte->node, "ctequery"), &result) ||
            !merge_result(t, &cte->result, &result))
            return false;
        if (cte->recursive && total(&cte->result) != before) continue;
        cte->progress = DONE;
        return true;
    }
    return false;
}

static bool is_null(const struct node *object, const char *field)
{
    const struct node *n = node_field(object, field);
    return n && n->kind == NODE_NULL;
}

static bool make_entries(struct trace *t, struct scope *scope, const struct node *query)
{
    const struct node *list = node_field(query, "rtable");
    if (!list) return false;
    scope->n_entries = count(list);
    scope->entries = ARENA_ARRAY(t->arena, struct entry, scope->n_entries);
    if (!scope->entries) return false;
    const struct node *n = scope->n_entries ? list->first : NULL;
    for (size_t i = 0; n; n = n->next, i++) {
        if (!node_is(n, "RANGETBLENTRY") && !node_is(n, "RTE")) return false;
        scope->entries[i].node = n;
        if (!node_number(n, "rtekind", &scope->entries[i].kind) || !is_null(n, "securityQuals")) return false;
    }
    return true;
}

static bool make_ctes(struct trace *t, struct scope *scope, const struct node *query)
{
    const struct node *list = node_field(query, "cteList");
    if (!list) return false;
    scope->n_ctes = count(list);
    scope->ctes = ARENA_ARRAY(t->arena, struct cte, scope->n_ctes);
    if (!scope->ctes) return false;
    const struct node *n = scope->n_ctes ? list->first : NULL;
    for (size_t i = 0; n; n = n->next, i++) {
        if (!node_is(n, "COMMONTABLEEXPR") || !node_field(n, "search_clause") ||
            !node_field(n, "cycle_clause") || !node_field(n, "cterecursive"))
            return false;
        scope->ctes[i].node = n;
        scope->ctes[i].recursive = node_true(n, "cterecursive");
        scope->ctes[i].extended = !is_null(n, "search_clause") || !is_null(n, "cycle_clause");
    }
    return true;
}

/* An entry that is joined: what decides its rows decides the query's. */
static bool decide_by_entry(struct trace *t, struct scope *scope, int64_t number)
{
    if (number < 1 || (uint64_t)number > scope->n_entries) return false;
    struct entry *e = &scope->entries[number - 1];
    struct cte *cte;
    switch (e->kind) {
    case RTE_SUBQUERY:
        return trace_subquery(t, scope, e) && add_sources(t, scope->decides, &e->result.decides);
    case RTE_CTE:
        cte = find_cte(t, scope, e->node);
        return cte && add_sources(t, scope->decides, &cte->result.decides);
    case RTE_FUNCTION:
    case RTE_TABLEFUNC: return var_of_entry(t, scope, e, 0, scope->decides);
    case RTE_RELATION: return trace_expression(t, scope, node_field(e->node, "tablesample"), scope->decides);
    default: return true;
    }
}

static bool decide_by_join(struct trace *t, struct scope *scope, const struct node *node)
{
    int64_t number;
    bool traced = true;
    if (++t->steps > MAX_STEPS || t->depth >= MAX_DEPTH) return false;
    t->depth++;
    if (node_is(node, "RANGETBLREF")) {
        traced = node_number(node, "rtindex", &number) && decide_by_entry(t, scope, number);
    } else if (node_is(node, "JOINEXPR")) {
        traced = decide_by_join(t, scope, node_field(node, "larg")) &&
                 decide_by_join(t, scope, node_field(node, "rarg")) && node_field(node, "quals") &&
                 trace_expression(t, scope, node_field(node, "quals"), scope->decides);
    } else if (node_is(node, "FROMEXPR")) {
        const struct node *list = node_field(node, "fromlist");
        traced = list && node_field(node, "quals") &&
                 trace_expression(t, scope, node_field(node, "quals"), scope->decides);
        for (const struct node *n = traced && list->kind == NODE_LIST ? list->first : NULL; n && traced;
             n = n->next)
            traced = decide_by_join(t, scope, n);
    } else {
        traced = false;
    }
    t->depth--;
    return traced;
}

/* The arms of a set operation, column by column; any but UNION ALL compares whole rows. */
static bool trace_arms(struct trace *t, struct scope *scope, const struct node *node,
                       struct trace_result *out)
{
    int64_t number, operation;
    if (++t->steps > MAX_STEPS || t->depth >= MAX_DEPTH) return false;
    if (node_is(node, "RANGETBLREF")) {
        if (!node_number(node, "rtindex", &number) || number < 1 || (uint64_t)number > scope->n_entries)
            return false;
        struct entry *e = &scope->entries[number - 1];
        return e->kind == RTE_SUBQUERY && trace_subquery(t, scope, e) && merge_result(t, out, &e->result);
    }
    struct trace_result arms = { 0 };
    if (!node_is(node, "SETOPERATIONSTMT") || !node_number(node, "op", &operation)) return false;
    t->depth++;
    bool traced = trace_arms(t, scope, node_field(node, "larg"), &arms) &&
                  trace_arms(t, scope, node_field(node, "rarg"), &arms);
    t->depth--;
    if (!traced) return false;
    bool is_union_all = operation == 1 && node_true(node, "all");
    return (is_union_all || add_columns(t, &arms.decides, &arms)) && merge_result(t, out, &arms);
}

/* Whether an expression that was traced is one column as it is: of a relation, or of a sub-query or join that
 * hands on such a column. */
static bool is_column(struct scope *scope, const struct node *node)
{
    int64_t entry, number, up;
    for (int i = 0; i < MAX_ALIASES; i++) {
        if (!node_is(node, "VAR") || !node_number(node, "varno", &entry) ||
            !node_number(node, "varattno", &number) || !node_number(node, "varlevelsup", &up) || up ||
            entry < 1 || (uint64_t)entry > scope->n_entries || number < 1)
            return false;
        const struct entry *e = &scope->entries[entry - 1];
        if (e->kind == RTE_RELATION) return true;
        if (e->kind == RTE_SUBQUERY)
            return (uint64_t)number <= e->result.n_columns && e->result.columns[number - 1].plain;
        if (e->kind != RTE_JOIN) return false;
        node = item_at(node_field(e->node, "joinaliasvars"), number);
    }
    return false;
}

/* Columns of the answer, and those that sort, group or make sets of rows. */
static bool trace_targets(struct trace *t, struct scope *scope, const struct node *query,
                          struct trace_result *out)
{
    const struct node *list = node_field(query, "targetList");
    size_t n = count(list);
    if (!list || !node_field(query, "hasTargetSRFs")) return false;
    out->columns = ARENA_ARRAY(t->arena, struct trace_sources, n);
    if (!out->columns) return false;
    for (const struct node *i = n ? list->first : NULL; i; i = i->next) {
        int64_t group;
        struct trace_sources sources = { 0 };
        if (!node_is(i, "TARGETENTRY") || !node_number(i, "ressortgroupref", &group) ||
            !node_field(i, "resjunk") || !trace_expression(t, scope, node_field(i, "expr"), &sources))
            return false;
        if ((group || node_true(query, "hasTargetSRFs")) && !add_sources(t, &out->decides, &sources))
            return false;
        sources.plain = sources.n == 1 && !sources.opaque && is_column(scope, node_field(i, "expr"));
        if (!node_true(i, "resjunk")) out->columns[out->n_columns++] = sources;
    }
    return true;
}

static bool trace_clauses(struct trace *t, struct scope *scope, const struct node *query)
{
    static const char *const clauses[] = { "havingQual", "limitOffset", "limitCount", "windowClause" };
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++) {
        const struct node *clause = node_field(query, clauses[i]);
        if (!clause || !trace_expression(t, scope, clause, scope->decides)) return false;
    }
    return true;
}

static bool trace_query(struct trace *t, struct scope *parent, const struct node *query,
                        struct trace_result *out)
{
    int64_t command;
    struct scope scope = { .parent = parent, .decides = &out->decides };
    if (++t->steps > MAX_STEPS || t->depth >= MAX_DEPTH) return false;
    if (!node_is(query, "QUERY") || !node_number(query, "commandType", &command) || command != 1 ||
        !is_null(query, "utilityStmt"))
        return false;
    if (!make_entries(t, &scope, query) || !make_ctes(t, &scope, query)) return false;
    t->depth++;
    const struct node *operations = node_field(query, "setOperations");
    bool traced = operations && decide_by_join(t, &scope, node_field(query, "jointree")) &&
                  trace_clauses(t, &scope, query) && trace_targets(t, &scope, query, out);
    if (traced && operations->kind != NODE_NULL) {
        struct trace_result arms = { 0 };
        traced = trace_arms(t, &scope, operations, &arms) && merge_result(t, out, &arms);
        for (size_t i = 0; i < out->n_columns; i++)
            out->columns[i].plain = false;
    }
    t->depth--;
    return traced;
}

bool trace_view(struct catalog_builder *b, struct arena *arena, const struct node *query,
                struct trace_result *out)
{
    struct trace t = { .b = b, .arena = arena };
    *out = (struct trace_result){ 0 };
    return trace_query(&t, NULL, query, out);
}

uint32_t trace_updates(const struct node *query)
{
    int64_t number, kind, relation;
    const struct node *from = node_field(node_field(query, "jointree"), "fromlist");
    if (count(from) != 1 || !node_number(from->first, "rtindex", &number)) return 0;
    const struct node *entry = item_at(node_field(query, "rtable"), number);
    if (!node_number(entry, "rtekind", &kind) || kind != RTE_RELATION) return 0;
    if (!node_number(entry, "relid", &relation) || relation < 1 || relation > UINT32_MAX) return 0;
    return (uint32_t)relation;
}

bool trace_is_own_code(struct catalog_builder *b, struct arena *arena, const struct node *expression)
{
    struct trace t = { .b = b, .arena = arena, .own_suffices = true };
    struct trace_sources sources = { 0 };
    return trace_expression(&t, NULL, expression, &sources) && !sources.opaque;
}
