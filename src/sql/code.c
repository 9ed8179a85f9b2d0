/* Which code a text's names could run in a view of the catalogue. The tree has no types, so that every
 * function or operator of a name counts that the name can reach. PostgreSQL's own needs no listing; where a
 * name could be PostgreSQL's own or somebody else's, its schema is put in front of it, and then it is. What
 * is not PostgreSQL's own is listed with its signature: whether it is trusted is for the policy to say. */
#include "sql/functions.h"
#include "sql/names.h"

void code_add(struct walk *walk, struct bytes schema, struct bytes name, struct bytes signature,
              struct bytes extension)
{
    struct sql_code *code = ARENA_NEW(walk->arena, struct sql_code);
    if (!code) {
        walk->trouble = WALK_FULL;
        return;
    }
    *code = (struct sql_code){ walk_copy(walk, signature), walk_copy(walk, extension) };
    functions_add(walk, schema, name, code, 1);
}

/* What could run for one name. */
struct reach {
    struct sql_code *codes;
    size_t n_codes, size;
    bool own;    /* PostgreSQL has it, and can be meant */
    bool others; /* and somebody else has it too, in whatever schema */
    bool writes; /* one of the codes may write: it is neither stable nor immutable */
    bool any;    /* there is something of that name that can be meant */
};

static void reach_code(struct walk *walk, struct reach *reach, struct bytes signature, struct bytes extension)
{
    if (reach->n_codes == reach->size) {
        size_t size = reach->size ? reach->size * 2 : 4;
        struct sql_code *more = ARENA_ARRAY(walk->arena, struct sql_code, size);
        if (!more) {
            walk->trouble = WALK_FULL;
            return;
        }
        if (reach->n_codes) memcpy(more, reach->codes, reach->n_codes * sizeof(*more));
        reach->codes = more;
        reach->size = size;
    }
    reach->codes[reach->n_codes++] =
        (struct sql_code){ walk_copy(walk, signature), walk_copy(walk, extension) };
}

/* Whether a name with that schema in the text (or none) can mean something in this one. Functions and
 * operators without a schema are never looked for among temporary ones. */
static bool can_mean(struct walk *walk, const char *written, struct bytes schema)
{
    const struct catalog_view *view = walk->view;
    if (written && strcmp(written, "pg_temp") == 0)
        return bytes_equal(schema, catalog_temporary_schema(view));
    if (written) return bytes_is(schema, written);
    if (bytes_is(schema, "pg_catalog")) return true;
    /* Where the path is not known any more, every schema could be in it. */
    return walk->names->moved.n > 0 || walk->names->loose.n > 0 || names_in_path(view, schema);
}

static bool is_own_function(const struct catalog_function *f, const char *name)
{
    if (!catalog_is_own(f->oid)) return false;
    if (bytes_is(f->schema, "pg_catalog")) return functions_published(name);
    return bytes_is(f->schema, "information_schema") &&
           !(functions_effects("information_schema", name) & EFFECT_PROCEDURE);
}

static struct reach reach_function(struct walk *walk, const char *schema, const char *name)
{
    struct catalog_functions all = catalog_functions_in(walk->view, bytes_of(name));
    struct reach reach = { 0 };
    for (size_t i = 0; i < all.n && !walk->trouble; i++) {
        const struct catalog_function *f = all.items[i];
        bool own = is_own_function(f, name);
        if (!own) reach.others = true;
        if (!can_mean(walk, schema, f->schema)) continue;
        reach.any = true;
        if (own) {
            reach.own = true;
        } else {
            reach_code(walk, &reach, f->signature, f->extension);
            types_use(walk, f->returns);
            for (size_t k = 0; k < f->n_outputs; k++)
                types_use(walk, f->output_types[k]);
            if (!f->extension.n) walk->names->runs = true;
            if (f->volatility != 'i' && f->volatility != 's') reach.writes = true;
        }
    }
    /* A server that lacks what the lists have says so itself. */
    bool listed = !schema || strcmp(schema, "pg_catalog") == 0;
    if (all.n == 0 && listed && functions_published(name)) reach.own = reach.any = true;
    return reach;
}

static void take_writes(struct walk *walk, const struct reach *reach)
{
    if (reach->n_codes && reach->writes) walk->statement->writes_beside = true;
}

/* Settles a name that PostgreSQL has: true where nothing but its own can run. */
static bool settle_own(struct walk *walk, const void *node, int location, struct tree_name name,
                       struct reach *reach)
{
    if (!reach->own) return false;
    if (name.schema) return reach->n_codes == 0;
    if (reach->others || walk->names->code_made || walk->names->moved.n || walk->names->loose.n) {
        names_edit(walk, node, location, BYTES_LITERAL("pg_catalog"));
        /* What somebody put into pg_catalog itself is still in reach. */
        *reach = reach_function(walk, "pg_catalog", name.name);
    }
    return reach->n_codes == 0;
}

/* Whether it is one of those that take a sequence: nextval('s'), setval('s', 1), currval('s'): a name is
 * looked up as the statement is analysed, or as it runs. Where it is not known, it may be any sequence;
 * currval knows only those that the session has used. */
bool code_sequence(struct walk *walk, const char *function, const Node *argument)
{
    static const struct {
        const char *name;
        uint32_t access;
        bool any;
    } takers[] = { { "nextval", EFFECT_WRITE, true },
                   { "setval", EFFECT_WRITE, true },
                   { "currval", EFFECT_READ, false },
                   { "pg_sequence_last_value", EFFECT_READ, true } };
    const char *text = NULL;
    for (size_t i = 0; i < sizeof(takers) / sizeof(*takers); i++) {
        if (strcmp(function, takers[i].name) != 0) continue;
        walk_effect(walk, takers[i].access);
        bool known = functions_constant(argument, &text);
        if (known && text && names_resolve_text(walk, text, takers[i].access)) return true;
        if (takers[i].any && !(known && !text)) names_any(walk, takers[i].access);
        return true;
    }
    return false;
}

/* f(x) may also be a cast to a type f, or the column f of a row x. */
static bool is_no_function(struct walk *walk, const FuncCall *call, struct tree_name name)
{
    if (tree_length(call->args) != 1) return false;
    if (walk->names->is_type) return true;
    return !name.schema && tree_tag(tree_item(call->args, 0)) == T_ColumnRef;
}

static void miss_function(struct walk *walk, const FuncCall *call, struct tree_name name)
{
    if (walk->names->code_made || is_no_function(walk, call, name)) return;
    struct bytes written = name.schema ? arena_printf(walk->arena, "%s.%s", name.schema, name.name)
                                       : arena_copy(walk->arena, bytes_of(name.name));
    names_miss(walk, written, "42883",
               arena_printf(walk->arena, "function %.*s(%s) does not exist", BYTES_FMT(written),
                            tree_length(call->args) ? "…" : ""));
}

void code_call(struct walk *walk, const FuncCall *call, struct tree_name name)
{
    walk->place = call->location;
    if (name.database) {
        walk_effect(walk, EFFECT_PROCEDURE);
        return;
    }
    struct reach reach = reach_function(walk, name.schema, name.name);
    /* f('x') may be a cast to a type f, although there is a function f. */
    walk->names->is_type =
        tree_length(call->args) == 1 && types_named(walk, bytes_of(name.schema), bytes_of(name.name));
    walk_effect(walk, functions_listed(name.name));
    if (settle_own(walk, call, call->location, name, &reach)) {
        functions_add(walk, BYTES_LITERAL("pg_catalog"), bytes_of(name.name), NULL, 0);
        if (strcmp(name.name, "set_config") == 0) functions_visit_set_config(walk, call);
        if (!code_sequence(walk, name.name, tree_length(call->args) ? tree_item(call->args, 0) : NULL))
            names_unnamed(walk, name.name);
        return;
    }
    take_writes(walk, &reach);
    if (!reach.any) miss_function(walk, call, name);
    functions_add(walk, bytes_of(name.schema), bytes_of(name.name), reach.codes, reach.n_codes);
}

/* A function that the statement hands to the server for later: whoever fires the trigger calls it. */
static void code_named(struct walk *walk, const List *list)
{
    struct tree_name name;
    if (!list || !tree_name(list, &name)) return;
    struct reach reach = reach_function(walk, name.schema, name.name);
    if (reach.n_codes)
        functions_add(walk, bytes_of(name.schema), bytes_of(name.name), reach.codes, reach.n_codes);
}

void code_sample(struct walk *walk, const RangeTableSample *sample, struct tree_name name)
{
    walk->place = sample->location;
    struct reach reach = reach_function(walk, name.schema, name.name);
    if (settle_own(walk, sample, sample->location, name, &reach)) return;
    functions_add(walk, bytes_of(name.schema), bytes_of(name.name), reach.codes, reach.n_codes);
}

/* Two literals, whose types nobody tells, are texts for an operator that takes texts, before anything else
 * (PostgreSQL's documentation, "Operator Type Resolution", rule 3.e). */
static bool takes_texts(struct catalog_operators all)
{
    enum { TEXT = 25 };
    for (size_t i = 0; i < all.n; i++)
        if (catalog_is_own(all.items[i]->oid) && all.items[i]->left == TEXT && all.items[i]->right == TEXT)
            return true;
    return false;
}

/* The operators of a name are put off once, however often it stands in the statement. */
static bool is_put_off(struct walk *walk, const char *name)
{
    struct names_put_off *p = walk->names->put_off;
    while (p && !bytes_is(p->name, name))
        p = p->next;
    if (p) return true;
    p = ARENA_NEW(walk->arena, struct names_put_off);
    if (!p) {
        walk->trouble = WALK_FULL;
        return true;
    }
    *p = (struct names_put_off){ walk->names->put_off, walk_text(walk, name) };
    walk->names->put_off = p;
    return false;
}

/* Whether it is meant hangs on types, which are known behind the walk. */
static void put_off(struct walk *walk, const struct catalog_operator *operator)
{
    struct names_operator *one = ARENA_NEW(walk->arena, struct names_operator);
    if (!one) {
        walk->trouble = WALK_FULL;
        return;
    }
    *one = (struct names_operator){ walk->names->operators, operator};
    walk->names->operators = one;
}

void code_add_operator(struct walk *walk, const struct names_operator *o)
{
    struct reach reach = { 0 };
    reach_code(walk, &reach, o->operator->signature, o->operator->extension);
    functions_add(walk, (struct bytes){ 0 }, o->operator->name, reach.codes, reach.n_codes);
}

/* A value of a type of somebody's can only come from where the type is in play. An operator that takes two
 * such values is meant with them alone, where PostgreSQL's own of that name takes every literal. */
void code_operator(struct walk *walk, const char *schema, const char *name)
{
    struct catalog_operators all = catalog_operators_in(walk->view, bytes_of(name));
    struct reach reach = { 0 };
    bool texts = !schema && takes_texts(all), again = texts && is_put_off(walk, name);
    for (size_t i = 0; i < all.n && !walk->trouble; i++) {
        const struct catalog_operator *o = all.items[i];
        if (!can_mean(walk, schema, o->schema)) continue;
        reach.any = true;
        if (catalog_is_own(o->oid)) continue;
        if (texts && o->left && !catalog_is_own(o->left) && !catalog_is_own(o->right)) {
            if (!again) put_off(walk, o);
        } else {
            reach_code(walk, &reach, o->signature, o->extension);
        }
    }
    bool own = all.n == 0 && functions_operator_effects(schema, name) == 0;
    if (reach.n_codes)
        functions_add(walk, bytes_of(schema), bytes_of(name), reach.codes, reach.n_codes);
    else if (!reach.any && !own && !walk->names->code_made)
        names_miss(walk, arena_copy(walk->arena, bytes_of(name)), "42883",
                   arena_printf(walk->arena, "operator does not exist: %s", name));
}

static void between(struct walk *walk, bool negated, bool symmetric)
{
    if (!negated || symmetric) {
        code_operator(walk, NULL, ">=");
        code_operator(walk, NULL, "<=");
    }
    if (negated || symmetric) {
        code_operator(walk, NULL, "<");
        code_operator(walk, NULL, ">");
    }
}

/* EXCLUDE (column WITH operator, …) compares as rows are written. */
static void exclusion(struct walk *walk, const Constraint *constraint)
{
    for (int i = 0; i < tree_length(constraint->exclusions); i++) {
        const List *pair = tree_item(constraint->exclusions, i);
        struct tree_name name;
        if (tree_name(tree_item(pair, 1), &name))
            code_operator(walk, name.schema, name.name);
        else
            walk_effect(walk, EFFECT_PROCEDURE);
    }
}

/* ORDER BY, GROUP BY, DISTINCT, UNION and their kin compare by what the type itself brings along. */
static bool sorts(const Node *node)
{
    switch (tree_tag(node)) {
    case T_SelectStmt: {
        const SelectStmt *s = (const SelectStmt *)node;
        return s->distinctClause || s->groupClause || (s->op != SETOP_NONE && !s->all);
    }
    case T_FuncCall: return ((const FuncCall *)node)->agg_distinct || ((const FuncCall *)node)->agg_order;
    case T_WindowDef: return ((const WindowDef *)node)->partitionClause != NULL;
    case T_SortBy:
    case T_MinMaxExpr:
    case T_OnConflictClause:
    case T_JoinExpr:
    case T_CTECycleClause:
    case T_CommonTableExpr:
    case T_IndexStmt: return true;
    default: return false;
    }
}

void code_implied(struct walk *walk, const Node *node)
{
    switch (tree_tag(node)) {
    case T_A_Expr:
        switch (((const A_Expr *)node)->kind) {
        case AEXPR_BETWEEN: between(walk, false, false); break;
        case AEXPR_NOT_BETWEEN: between(walk, true, false); break;
        case AEXPR_BETWEEN_SYM: between(walk, false, true); break;
        case AEXPR_NOT_BETWEEN_SYM: between(walk, true, true); break;
        default: break;
        }
        break;
    case T_SubLink: {
        const SubLink *link = (const SubLink *)node;
        if (link->testexpr && !link->operName) code_operator(walk, NULL, "=");
        break;
    }
    case T_CaseExpr:
        if (((const CaseExpr *)node)->arg) code_operator(walk, NULL, "=");
        break;
    case T_JoinExpr: {
        const JoinExpr *join = (const JoinExpr *)node;
        if (join->usingClause || join->isNatural) code_operator(walk, NULL, "=");
        break;
    }
    case T_Constraint: exclusion(walk, (const Constraint *)node); break;
    case T_CreateTrigStmt: code_named(walk, ((const CreateTrigStmt *)node)->funcname); break;
    case T_CreateEventTrigStmt: code_named(walk, ((const CreateEventTrigStmt *)node)->funcname); break;
    case T_ExecuteStmt:
    case T_FetchStmt: walk->names->runs = true; break;
    default: break;
    }
    if (sorts(node)) walk->names->sorts = true;
}
