/* Which functions and operators a statement calls, and what they do by the published lists. A name that is
 * not pg_catalog's, or stands in another schema, is EFFECT_PROCEDURE: nobody here knows what it does.
 * Operators are functions too: one that pg_catalog does not have is named among the functions. */
#include "sql/functions.h"

#include "sql/names.h"

#include <stdlib.h>

struct entry {
    const char *name;
    uint32_t effects;
};
static const struct entry listed[] = {
#define FUNCTION(name, effects) { name, effects },
#include "sql/functions.def"
#undef FUNCTION
};
static const char *const catalogue_functions[] = {
#define FUNCTION(name) name,
#define OPERATOR(name)
#include "sql/catalogue.def"
#undef OPERATOR
#undef FUNCTION
};
static const char *const catalogue_operators[] = {
#define FUNCTION(name)
#define OPERATOR(name) name,
#include "sql/catalogue.def"
#undef OPERATOR
#undef FUNCTION
};

static int compare_entry(const void *key, const void *element)
{
    return strcmp(key, ((const struct entry *)element)->name);
}
static int compare_name(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

static bool in_catalogue(const char *name)
{
    return bsearch(name, catalogue_functions, sizeof(catalogue_functions) / sizeof(*catalogue_functions),
                   sizeof(*catalogue_functions), compare_name) != NULL;
}

uint32_t functions_listed(const char *name)
{
    const struct entry *e =
        bsearch(name, listed, sizeof(listed) / sizeof(*listed), sizeof(*listed), compare_entry);
    return e ? e->effects : 0;
}

bool functions_published(const char *name)
{
    return in_catalogue(name);
}

uint32_t functions_effects(const char *schema, const char *name)
{
    const struct entry *e =
        bsearch(name, listed, sizeof(listed) / sizeof(*listed), sizeof(*listed), compare_entry);
    uint32_t effects = e ? e->effects : 0;
    if (schema && strcmp(schema, "information_schema") == 0)
        return e && strncmp(name, "_pg_", 4) == 0 ? effects : effects | EFFECT_PROCEDURE;
    if (schema && strcmp(schema, "pg_catalog") != 0) return effects | EFFECT_PROCEDURE;
    return in_catalogue(name) ? effects : effects | EFFECT_PROCEDURE;
}

uint32_t functions_operator_effects(const char *schema, const char *name)
{
    if (schema && strcmp(schema, "pg_catalog") != 0) return EFFECT_PROCEDURE;
    return bsearch(name, catalogue_operators, sizeof(catalogue_operators) / sizeof(*catalogue_operators),
                   sizeof(*catalogue_operators), compare_name)
               ? 0
               : EFFECT_PROCEDURE;
}

static bool grow(struct walk *walk)
{
    struct sql_statement *s = walk->statement;
    if (s->n_functions < walk->functions_size) return true;
    size_t size = walk->functions_size ? walk->functions_size * 2 : 4;
    struct sql_function *more = ARENA_ARRAY(walk->arena, struct sql_function, size);
    if (!more) {
        walk->trouble = WALK_FULL;
        return false;
    }
    if (s->n_functions) memcpy(more, s->functions, s->n_functions * sizeof(*more));
    s->functions = more;
    walk->functions_size = size;
    return true;
}

void functions_add(struct walk *walk, struct bytes schema, struct bytes name, const struct sql_code *codes,
                   size_t n_codes)
{
    struct sql_statement *s = walk->statement;
    for (size_t i = 0; i < s->n_functions; i++) {
        struct sql_function *f = &s->functions[i];
        if (!bytes_equal(f->name, name) || !bytes_equal(f->schema, schema)) continue;
        /* What one name could call is the same wherever it stands, or it is told twice. */
        if (n_codes == 0 || f->n_codes == n_codes) return;
        if (f->n_codes == 0) {
            f->codes = codes;
            f->n_codes = n_codes;
            return;
        }
    }
    if (s->n_functions >= SQL_NAMES_CEILING) {
        walk->trouble = WALK_MANY;
        return;
    }
    if (!grow(walk)) return;
    s->functions[s->n_functions++] = (struct sql_function){
        .schema = walk_copy(walk, schema), .name = walk_copy(walk, name), .codes = codes, .n_codes = n_codes
    };
}

static void add(struct walk *walk, const char *schema, const char *name)
{
    functions_add(walk, bytes_of(schema), bytes_of(name), NULL, 0);
}

/* A string constant, perhaps with a cast ('x'::text); false for anything else. NULL is a constant without
 * text. */
bool functions_constant(const Node *node, const char **text_out)
{
    while (node && tree_tag(node) == T_TypeCast)
        node = ((const TypeCast *)node)->arg;
    if (!node || tree_tag(node) != T_A_Const) return false;
    const A_Const *constant = (const A_Const *)node;
    *text_out = NULL;
    if (constant->isnull) return true;
    if (constant->val.node.type != T_String) return false;
    *text_out = constant->val.sval.sval;
    return true;
}

/* The setting that a set_config is about; NULL: it is none in particular. */
static const char *setting_of(const struct walk *walk, const FuncCall *call)
{
    const char *name = NULL;
    if (call == walk->picking) return walk->picked;
    return functions_constant(tree_item(call->args, 0), &name) ? name : NULL;
}

void functions_visit_set_config(struct walk *walk, const FuncCall *call)
{
    const char *name = NULL, *value = NULL;
    if (tree_length(call->args) == 3 && !call->func_variadic && (name = setting_of(walk, call)) &&
        functions_constant(tree_item(call->args, 1), &value)) {
        setting_note(walk, bytes_of(name), bytes_of(value));
        if (walk->names) names_setting(walk, bytes_of(name));
        return;
    }
    if (walk->names) names_setting(walk, (struct bytes){ 0 });
    walk_effect(walk, EFFECT_SESSION);
    walk->statement->pinned_setting = true;
}

static bool is_column(const Node *node, const char *column)
{
    if (!node || tree_tag(node) != T_ColumnRef || tree_length(((const ColumnRef *)node)->fields) != 1)
        return false;
    const char *name = tree_string(tree_item(((const ColumnRef *)node)->fields, 0));
    return name && strcmp(name, column) == 0;
}

/* FROM pg_settings alone, and the server's own. */
static bool reads_settings(struct walk *walk, const SelectStmt *select, struct walk_at at)
{
    if (select->withClause || at.scope || tree_length(select->fromClause) != 1) return false;
    const RangeVar *from = tree_item(select->fromClause, 0);
    if (tree_tag(from) != T_RangeVar || from->catalogname || from->alias || !from->relname ||
        strcmp(from->relname, "pg_settings") != 0)
        return false;
    if (from->schemaname) return strcmp(from->schemaname, "pg_catalog") == 0;
    const struct catalog_relation *found = NULL;
    if (!walk->names) return true;
    return !names_look(walk, from, &found) && found && bytes_is(found->schema, "pg_catalog");
}

void functions_visit_settings(struct walk *walk, const SelectStmt *select, struct walk_at at)
{
    const A_Expr *where = (const A_Expr *)select->whereClause;
    struct tree_name operator, function;
    const char *name = NULL;
    if (!where || tree_tag(where) != T_A_Expr || where->kind != AEXPR_OP ||
        tree_length(select->targetList) != 1)
        return;
    const ResTarget *target = tree_item(select->targetList, 0);
    const FuncCall *call = tree_tag(target) == T_ResTarget ? (const FuncCall *)target->val : NULL;
    if (!call || tree_tag(call) != T_FuncCall || !tree_name(call->funcname, &function) ||
        strcmp(function.name, "set_config") != 0 || tree_length(call->args) != 3)
        return;
    if (!tree_name(where->name, &operator) || strcmp(operator.name, "=") != 0 ||
        (operator.schema && strcmp(operator.schema, "pg_catalog") != 0))
        return;
    if (!is_column(where->lexpr, "name") || !is_column(tree_item(call->args, 0), "name") ||
        !functions_constant(where->rexpr, &name) || !name || !reads_settings(walk, select, at))
        return;
    walk->picking = call;
    walk->picked = name;
}

void functions_visit_call(struct walk *walk, const FuncCall *call)
{
    struct tree_name name;
    if (!tree_name(call->funcname, &name)) {
        walk_effect(walk, EFFECT_PROCEDURE);
        return;
    }
    if (walk->names) {
        code_call(walk, call, name);
        return;
    }
    uint32_t effects = functions_effects(name.schema, name.name);
    walk_effect(walk, effects);
    if (strcmp(name.name, "set_config") == 0 && !(effects & EFFECT_PROCEDURE))
        functions_visit_set_config(walk, call);
    add(walk, name.schema, name.name);
}

void functions_visit_operator(struct walk *walk, const List *list)
{
    struct tree_name name;
    if (!list || !tree_name(list, &name)) return;
    /* BETWEEN is written as an operator's name in the tree. */
    if (strncmp(name.name, "BETWEEN", 7) == 0 || strncmp(name.name, "NOT BETWEEN", 11) == 0) return;
    if (walk->names) {
        code_operator(walk, name.schema, name.name);
        return;
    }
    if (functions_operator_effects(name.schema, name.name) == 0) return;
    walk_effect(walk, EFFECT_PROCEDURE);
    add(walk, name.schema, name.name);
}

void functions_visit_sample(struct walk *walk, const RangeTableSample *sample)
{
    struct tree_name name;
    if (!tree_name(sample->method, &name)) return;
    if (walk->names) {
        code_sample(walk, sample, name);
        return;
    }
    if (functions_effects(name.schema, name.name) == 0) return;
    walk_effect(walk, functions_effects(name.schema, name.name));
    add(walk, name.schema, name.name);
}
