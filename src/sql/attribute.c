/* Calls that are written like columns: t.f is f(t) where t has no column f, and (expression).f is
 * f(expression), whatever the expression's type; so is x.f where x is a function in FROM whose answer is no
 * row. What could be a column and could be a call counts as both.
 */
#include "sql/functions.h"
#include "sql/names.h"

#include <stdlib.h>

/* One of a list that grows in the walk's arena. Strings are the tree's, which outlives the walk. */
struct attribute {
    const char *range, *name;
};
struct attribute_list {
    struct attribute *items;
    size_t n, size;
};
struct attributes {
    struct attribute_list ranges;  /* functions in FROM, by alias; no name */
    struct attribute_list columns; /* x.f where f could be a call */
};
enum { RANGES_CEILING = SQL_NAMES_CEILING };

/* One identifier at *rest, perhaps quoted, without its quotes; *rest is left behind it. */
static struct bytes take_identifier(struct walk *walk, struct bytes *rest)
{
    uint8_t *out = arena_alloc(walk->arena, rest->n + 1);
    size_t n = 0, i = 0;
    if (!out) {
        walk->trouble = WALK_FULL;
        return (struct bytes){ 0 };
    }
    bool in_quotes = rest->n > 0 && rest->p[0] == '"';
    for (i = in_quotes; i < rest->n; i++) {
        uint8_t c = rest->p[i];
        if (in_quotes && c == '"') {
            i++;
            if (i >= rest->n || rest->p[i] != '"') break;
        } else if (!in_quotes && (c == '.' || c == '(' || c == ',' || c == ')')) {
            break;
        }
        out[n++] = c;
    }
    *rest = bytes_slice(*rest, i, rest->n);
    return bytes_make(out, n);
}

static bool take_byte(struct bytes *rest, char c)
{
    if (!rest->n || rest->p[0] != (uint8_t)c) return false;
    *rest = bytes_slice(*rest, 1, rest->n);
    return true;
}

/* What a function of that signature takes first. */
enum taken { TAKES_NOTHING = 0, TAKES_VALUE, TAKES_ROW };

static bool is_any_row(struct bytes type)
{
    static const char *const rows[] = { "record",      "any",           "anyelement",
                                        "anynonarray", "anycompatible", "anycompatiblenonarray" };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (bytes_is(type, rows[i])) return true;
    return false;
}

/* "schema.name(schema.type, …)": TAKES_ROW for a row that has no column of this name, or any row. */
static enum taken first_argument(struct walk *walk, struct bytes signature, struct bytes column)
{
    struct bytes rest = signature;
    take_identifier(walk, &rest);
    if (take_byte(&rest, '.')) take_identifier(walk, &rest);
    if (!take_byte(&rest, '(')) return TAKES_ROW;
    if (take_byte(&rest, ')')) return TAKES_NOTHING;
    struct bytes schema = { 0 }, name = take_identifier(walk, &rest);
    if (take_byte(&rest, '.')) {
        schema = name;
        name = take_identifier(walk, &rest);
    }
    if (!schema.n && is_any_row(name)) return TAKES_ROW;
    if (!schema.n) return TAKES_VALUE;
    const struct catalog_type *type = catalog_type_find(walk->view, schema, name);
    for (int depth = 0; type && type->kind == 'd' && depth < 32; depth++)
        type = catalog_type_by_oid(walk->view, type->base);
    if (!type) return TAKES_ROW;
    if (type->kind != 'c') return TAKES_VALUE;
    const struct catalog_relation *row = catalog_by_oid(walk->view, type->relation);
    return row && catalog_column_number(row, column) != 0 ? TAKES_NOTHING : TAKES_ROW;
}

/* row: only what takes a row can be meant. */
static void visit_name(struct walk *walk, const char *name, bool row)
{
    struct catalog_functions all = catalog_functions_in(walk->view, bytes_of(name));
    for (size_t i = 0; i < all.n && !walk->trouble; i++) {
        const struct catalog_function *f = all.items[i];
        if (catalog_is_own(f->oid) && functions_published(name)) continue;
        bool moved = walk->names->moved.n || walk->names->loose.n;
        if (!bytes_is(f->schema, "pg_catalog") && !moved && !names_in_path(walk->view, f->schema)) continue;
        enum taken takes = first_argument(walk, f->signature, bytes_of(name));
        if (takes == TAKES_NOTHING || (row && takes == TAKES_VALUE)) continue;
        if (f->volatility != 'i' && f->volatility != 's') walk->statement->writes_beside = true;
        types_use(walk, f->returns);
        if (!f->extension.n) walk->names->runs = true;
        /* Each by its signature: the name itself may stand for other calls of the statement. */
        code_add(walk, (struct bytes){ 0 }, f->signature, f->signature, f->extension);
    }
}

static struct attributes *attributes(struct walk *walk)
{
    if (!walk->attributes) walk->attributes = ARENA_NEW(walk->arena, struct attributes);
    if (!walk->attributes) walk->trouble = WALK_FULL;
    return walk->attributes;
}

static void append(struct walk *walk, struct attribute_list *list, struct attribute one)
{
    if (list->n == list->size) {
        size_t size = list->size ? list->size * 2 : 8;
        struct attribute *more = ARENA_ARRAY(walk->arena, struct attribute, size);
        if (!more) {
            walk->trouble = WALK_FULL;
            return;
        }
        if (list->n) memcpy(more, list->items, list->n * sizeof(*more));
        list->items = more;
        list->size = size;
    }
    list->items[list->n++] = one;
}

/* Whether a call of that name would be anything to speak of. */
static bool could_do(const struct walk *walk, const char *name)
{
    if (functions_listed(name)) return true;
    if (!walk->names) return !functions_published(name);
    struct catalog_functions all = catalog_functions_in(walk->view, bytes_of(name));
    for (size_t i = 0; i < all.n; i++)
        if (!catalog_is_own(all.items[i]->oid)) return true;
    return false;
}

void attribute_visit_column(struct walk *walk, const ColumnRef *column)
{
    int n = tree_length(column->fields);
    const char *name = n > 1 ? tree_string(tree_item(column->fields, n - 1)) : NULL;
    const char *range = n == 2 ? tree_string(tree_item(column->fields, 0)) : NULL;
    if (name && walk->names) visit_name(walk, name, true);
    if (!name || !range || !could_do(walk, name)) return;
    struct attributes *all = attributes(walk);
    if (all) append(walk, &all->columns, (struct attribute){ range, name });
}

/* f(…) AS x, or f(…), which is called f. Of several in one ROWS FROM, a row comes out. */
void attribute_visit_range(struct walk *walk, const RangeFunction *function)
{
    const List *item = tree_item(function->functions, 0);
    const FuncCall *call = item && tree_tag(item) == T_List ? tree_item(item, 0) : NULL;
    struct tree_name name = { 0 };
    struct attributes *all = attributes(walk);
    if (!all) return;
    if (function->alias)
        name.name = function->alias->aliasname;
    else if (call && tree_tag(call) == T_FuncCall && !tree_name(call->funcname, &name))
        return;
    /* CURRENT_USER and its kin are called after what the server makes of them. */
    if (!name.name) name.name = "";
    if (all->ranges.n >= RANGES_CEILING) {
        walk->trouble = WALK_MANY;
        return;
    }
    append(walk, &all->ranges, (struct attribute){ name.name, NULL });
}

static int compare_ranges(const void *a, const void *b)
{
    return strcmp(((const struct attribute *)a)->range, ((const struct attribute *)b)->range);
}

/* The value goes into the function, whatever it is. */
static void call_by_name(struct walk *walk, const char *name)
{
    uint32_t effects = functions_listed(name);
    walk_effect(walk, effects);
    if (walk->names) {
        code_sequence(walk, name, NULL);
        visit_name(walk, name, false);
        if (effects) functions_add(walk, BYTES_LITERAL("pg_catalog"), bytes_of(name), NULL, 0);
    } else {
        walk_effect(walk, functions_effects(NULL, name));
        functions_add(walk, (struct bytes){ 0 }, bytes_of(name), NULL, 0);
    }
}

void attribute_finish(struct walk *walk)
{
    struct attributes *all = walk->attributes;
    if (!all || all->ranges.n == 0) return;
    qsort(all->ranges.items, all->ranges.n, sizeof(*all->ranges.items), compare_ranges);
    bool any = !all->ranges.items[0].range[0]; /* one is called nobody knows what */
    for (size_t i = 0; i < all->columns.n && !walk->trouble; i++)
        if (any || bsearch(&all->columns.items[i], all->ranges.items, all->ranges.n,
                           sizeof(*all->ranges.items), compare_ranges))
            call_by_name(walk, all->columns.items[i].name);
}

void attribute_visit_indirection(struct walk *walk, const A_Indirection *indirection)
{
    for (int i = 0; i < tree_length(indirection->indirection); i++) {
        const char *name = tree_string(tree_item(indirection->indirection, i));
        if (!name) continue;
        uint32_t effects = functions_listed(name);
        walk_effect(walk, effects);
        if (walk->names) {
            if (!code_sequence(walk, name, i == 0 ? indirection->arg : NULL)) names_unnamed(walk, name);
            visit_name(walk, name, false);
        } else if (effects)
            functions_add(walk, (struct bytes){ 0 }, bytes_of(name), NULL, 0);
    }
}
