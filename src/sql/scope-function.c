/* Functions in FROM, and XMLTABLE. What goes into a function can be in every column that comes out, and
 * decides how many rows there are. */
#include "sql/lineage.h"

/* Columns that the text itself describes: AS (a integer, b text). */
static void described(struct lineage *l, const List *definitions, struct value value, struct row *out)
{
    for (int i = 0; i < tree_length(definitions); i++) {
        const ColumnDef *column = tree_item(definitions, i);
        value.type = lineage_type(l, column->typeName);
        lineage_append(l, out, (struct field){ .name = bytes_of(column->colname), .value = value });
    }
}

/* Whether what unnest() takes apart is known to hold no rows, which would come out as several columns. */
static bool holds_values(struct lineage *l, const Node *node, struct value value)
{
    if (tree_tag(node) == T_ParamRef || tree_tag(node) == T_A_Const) return true;
    if (tree_tag(node) == T_TypeCast) {
        const TypeName *name = ((const TypeCast *)node)->typeName;
        struct tree_name parts;
        if (!name->arrayBounds || !tree_name(name->names, &parts)) return false;
        const struct catalog_type *type =
            catalog_type_find(l->view, bytes_of(parts.schema), bytes_of(parts.name));
        return type && type->kind == 'b';
    }
    if (tree_tag(node) == T_A_ArrayExpr) {
        const List *elements = ((const A_ArrayExpr *)node)->elements;
        for (int i = 0; i < tree_length(elements); i++) {
            enum NodeTag tag = tree_tag(tree_item(elements, i));
            if (tag != T_A_Const && tag != T_ParamRef) return false;
        }
        return true;
    }
    const struct catalog_type *array = value.type ? catalog_type_by_oid(l->view, value.type) : NULL;
    const struct catalog_type *element =
        array && array->element ? catalog_type_by_oid(l->view, array->element) : NULL;
    return element && (element->kind == 'b' || element->kind == 'e');
}

static struct value flow(struct lineage *l, const struct scope *scope, const void *node)
{
    struct value value = lineage_expression(l, scope, node);
    lineage_use(l, value, SQL_USE_PREDICATE);
    lineage_computed(l, value);
    value.plain = false;
    value.row = NULL;
    return value;
}

/* unnest(a, b) is one column for each. */
static void unnested(struct lineage *l, const struct scope *scope, const FuncCall *call, struct bytes name,
                     struct row *out)
{
    for (int i = 0; i < tree_length(call->args); i++) {
        const Node *argument = tree_item(call->args, i);
        struct value value = flow(l, scope, argument);
        if (!holds_values(l, argument, value)) out->open = true;
        value.type = 0;
        if (out->open)
            out->rest = lineage_union(l, out->rest, value);
        else
            lineage_append(l, out, (struct field){ .name = name, .value = value });
    }
}

static bool is_unnest(const FuncCall *call)
{
    struct tree_name name;
    return tree_name(call->funcname, &name) && strcmp(name.name, "unnest") == 0 &&
           (!name.schema || strcmp(name.schema, "pg_catalog") == 0);
}

/* scalar: what a column is called that is not named by the function. */
static void called(struct lineage *l, const struct scope *scope, const FuncCall *call, struct bytes scalar,
                   struct row *out)
{
    struct lineage_shape shape = lineage_function(l, call->funcname);
    if (is_unnest(call)) {
        unnested(l, scope, call, scalar, out);
        return;
    }
    struct value value = flow(l, scope, call);
    value.opaque |= shape.opaque;
    if (shape.open) {
        out->open = true;
        out->rest = lineage_union(l, out->rest, value);
        return;
    }
    if (shape.n_names > 0) {
        for (size_t i = 0; i < shape.n_names; i++) {
            value.type = shape.types ? shape.types[i] : 0;
            struct bytes name =
                shape.names[i].n > 0 ? shape.names[i] : arena_printf(l->walk->arena, "column%zu", i + 1);
            lineage_append(l, out, (struct field){ .name = name, .value = value });
        }
        return;
    }
    value.type = shape.type;
    const struct row *fields = lineage_fields(l, value);
    if (!fields) lineage_append(l, out, (struct field){ .name = scalar, .value = value });
    for (size_t i = 0; fields && i < fields->n; i++)
        lineage_append(l, out, fields->fields[i]);
}

/* A function in FROM that is no FuncCall: CURRENT_DATE, COALESCE (…), CAST (…). */
static void computed(struct lineage *l, const struct scope *scope, const Node *node, struct bytes name,
                     struct row *out)
{
    struct value value = flow(l, scope, node);
    value.type = 0;
    lineage_append(l, out, (struct field){ .name = name, .value = value });
}

void scope_function(struct lineage *l, struct scope *scope, const RangeFunction *function)
{
    struct row row = { 0 };
    int n = tree_length(function->functions);
    struct bytes first = { 0 };
    for (int i = 0; i < n; i++) {
        const List *pair = tree_item(function->functions, i);
        const Node *call = tree_length(pair) > 0 ? tree_item(pair, 0) : NULL;
        const List *definitions = tree_length(pair) > 1 ? tree_item(pair, 1) : NULL;
        if (!call) continue;
        struct bytes name = lineage_name(call);
        if (i == 0) first = name;
        if (n == 1 && function->alias) name = bytes_of(function->alias->aliasname);
        if (!definitions && n == 1) definitions = function->coldeflist;
        if (definitions)
            described(l, definitions, flow(l, scope, call), &row);
        else if (tree_tag(call) == T_FuncCall)
            called(l, scope, (const FuncCall *)call, name, &row);
        else
            computed(l, scope, call, name, &row);
    }
    if (function->ordinality) lineage_append(l, &row, (struct field){ .name = BYTES_LITERAL("ordinality") });
    struct range *range = scope_of_row(l, row, function->alias);
    if (range && !function->alias) range->alias = first;
    scope_push(l, scope, range, true, true);
}

void scope_table_function(struct lineage *l, struct scope *scope, const RangeTableFunc *table)
{
    struct row row = { 0 };
    struct sum sum = lineage_sum(l);
    lineage_add(l, &sum, flow(l, scope, table->docexpr));
    lineage_add(l, &sum, flow(l, scope, table->rowexpr));
    for (int i = 0; i < tree_length(table->namespaces); i++)
        lineage_add(l, &sum, flow(l, scope, ((const ResTarget *)tree_item(table->namespaces, i))->val));
    struct value all = lineage_total(l, &sum);
    for (int i = 0; i < tree_length(table->columns); i++) {
        const RangeTableFuncCol *column = tree_item(table->columns, i);
        struct value value = all;
        if (column->for_ordinality) value = (struct value){ 0 };
        value = lineage_union(l, value, flow(l, scope, column->colexpr));
        value = lineage_union(l, value, flow(l, scope, column->coldefexpr));
        value.plain = false;
        lineage_append(l, &row, (struct field){ .name = bytes_of(column->colname), .value = value });
    }
    struct range *range = scope_of_row(l, row, table->alias);
    if (range && !table->alias) range->alias = BYTES_LITERAL("xmltable");
    scope_push(l, scope, range, true, true);
}
