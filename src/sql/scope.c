/* Names of columns and of ranges, looked up from the inner scope outwards, as the server does it
 * (PostgreSQL's documentation, "Column References", "Scope of Rows"). A name that some range with unknown
 * columns may have is taken for all of these, and for what it would mean further out. */
#include "sql/lineage.h"
#include "sql/names.h"
#include "sql/scan.h"

void scope_push(struct lineage *l, struct scope *scope, const struct range *range, bool named, bool columns)
{
    if (!range) return;
    if (named) scan_beside(l, scope, range);
    if (scope->n == scope->size) {
        struct scope_item *more = lineage_larger(l, scope->items, scope->n, &scope->size, sizeof(*more));
        if (!more) return;
        scope->items = more;
    }
    scope->items[scope->n++] = (struct scope_item){ range, named, columns };
}

/* How many columns of that name a range has; *field_out is the first. */
static size_t find(struct lineage *l, const struct range *range, struct bytes name, struct field *field_out)
{
    const struct catalog_relation *relation = range->relation;
    size_t n = 0;
    if (!relation) {
        if (!lineage_spend(l, range->row.n / 8 + 1)) return 0;
        const struct field *field = lineage_named(&range->row, name, &n);
        if (field) *field_out = *field;
        return n;
    }
    if (!range->names) {
        int attribute = catalog_column_number(relation, name);
        *field_out = (struct field){ .name = name, .of = range, .attribute = (int16_t)attribute };
        return attribute != 0;
    }
    struct row row = lineage_live(l, range);
    const struct field *field = lineage_named(&row, name, &n);
    if (field) *field_out = *field;
    if (field) return n;
    int attribute = catalog_column_number(relation, name);
    *field_out = (struct field){ .name = name, .of = range, .attribute = (int16_t)attribute };
    return attribute < 0;
}

/* All columns of that name which can be seen without a range's name in one scope. */
static size_t find_here(struct lineage *l, const struct scope *scope, struct bytes name, struct sum *sum,
                        struct value *value_out)
{
    size_t n = 0;
    for (size_t i = 0; i < scope->n; i++) {
        struct field field;
        if (!scope->items[i].columns) continue;
        size_t here = find(l, scope->items[i].range, name, &field);
        if (here == 0) continue;
        n += here;
        scan_refer(l, field.of ? field.of : scope->items[i].range, field.of ? field.attribute : 0);
        *value_out = lineage_take(l, &field);
        if (here > 1) *value_out = lineage_whole(l, scope->items[i].range);
        lineage_add(l, sum, *value_out);
    }
    return n;
}

bool scope_has_column(struct lineage *l, const struct scope *scope, struct bytes name)
{
    struct field ignored;
    for (size_t i = 0; i < scope->n; i++)
        if (scope->items[i].columns && find(l, scope->items[i].range, name, &ignored) > 0) return true;
    return false;
}

/* True where some range of the scope has columns that are not known: they are added. */
static bool add_open(struct lineage *l, const struct scope *scope, struct sum *sum)
{
    bool open = false;
    for (size_t i = 0; i < scope->n; i++) {
        const struct range *range = scope->items[i].range;
        if (!scope->items[i].columns || range->relation || !range->row.open) continue;
        lineage_add(l, sum, range->row.rest);
        open = true;
    }
    return open;
}

static bool is_meant(struct lineage *l, const struct range *range, struct tree_name name)
{
    if (!bytes_equal(range->alias, bytes_of(name.name))) return false;
    if (!name.schema) return true;
    if (range->aliased) return false;
    struct bytes schema = bytes_of(name.schema);
    if (bytes_is(schema, "pg_temp")) schema = catalog_temporary_schema(l->view);
    return range->schema.n == 0 || bytes_equal(range->schema, schema);
}

size_t scope_ranges(struct lineage *l, const struct scope *scope, struct tree_name name,
                    const struct range **ranges, size_t size)
{
    size_t n = 0;
    for (; scope && n == 0 && lineage_spend(l, scope->n + 1); scope = scope->outer)
        for (size_t i = 0; i < scope->n; i++)
            if (scope->items[i].named && is_meant(l, scope->items[i].range, name) && n < size)
                ranges[n++] = scope->items[i].range;
    return n;
}

void lineage_unresolved(struct lineage *l, const char *code, const char *name, struct bytes says)
{
    if (l->lenient || l->gave_up) return;
    names_miss(l->walk, arena_copy(l->walk->arena, bytes_of(name)), code, says);
}

static struct value whole_of(struct lineage *l, const struct range *const *ranges, size_t n)
{
    if (n > 1) scan_ambiguous(l, ranges, n);
    for (size_t i = 0; i < n; i++)
        scan_refer(l, ranges[i], 0);
    if (n == 1) return lineage_whole(l, ranges[0]);
    struct sum sum = lineage_sum(l);
    for (size_t i = 0; i < n; i++)
        lineage_add(l, &sum, lineage_whole(l, ranges[i]));
    return lineage_total(l, &sum);
}

/* A name alone: a column, or a range's whole row. */
static struct value find_alone(struct lineage *l, const struct scope *scope, const char *name)
{
    const struct range *ranges[SCOPE_RANGES];
    struct value value = { 0 };
    struct sum sum = lineage_sum(l);
    bool open = false;
    size_t n = 0;
    const struct scope *at = scope;
    for (; at && n == 0; at = at->outer) {
        n = find_here(l, at, bytes_of(name), &sum, &value);
        if (n == 0) open |= add_open(l, at, &sum);
    }
    if (n == 0 || open) {
        size_t whole = scope_ranges(l, scope, (struct tree_name){ .name = name }, ranges, SCOPE_RANGES);
        if (n == 0 && whole > 0) value = whole_of(l, ranges, whole);
        if (whole > 0) lineage_add(l, &sum, whole_of(l, ranges, whole));
        if (whole == 0 && n == 0 && !open)
            lineage_unresolved(l, "42703", name,
                               arena_printf(l->walk->arena, "column \"%s\" does not exist", name));
        n += whole;
    }
    struct value all = lineage_total(l, &sum);
    return n == 1 && !open ? value : all;
}

/* range.name: a column, or a function of the row. */
static struct value find_in(struct lineage *l, const struct range *range, const char *of, const char *name,
                            struct sum *sum)
{
    struct field field;
    size_t n = find(l, range, bytes_of(name), &field);
    scan_refer(l, range, n == 1 && field.of == range ? field.attribute : 0);
    struct value value = n == 1 ? lineage_take(l, &field) : lineage_whole(l, range);
    if (n == 0) {
        bool call = lineage_is_function(l, bytes_of(name));
        value.row = NULL;
        value.type = 0;
        value.plain = false;
        value.opaque |= call;
        if (!call && (range->relation || !range->row.open))
            lineage_unresolved(l, "42703", name,
                               arena_printf(l->walk->arena, "column %s.%s does not exist", of, name));
    }
    lineage_add(l, sum, value);
    return value;
}

static struct value look_up(struct lineage *l, const struct scope *scope, const ColumnRef *ref)
{
    struct tree_name name;
    const struct range *ranges[SCOPE_RANGES];
    int n = tree_length(ref->fields);
    l->walk->place = ref->location;
    const char *last = n > 0 ? tree_string(tree_item(ref->fields, n - 1)) : NULL;
    if (n == 1 && last) return find_alone(l, scope, last);
    if (!tree_name_before(ref->fields, 1, &name)) {
        l->gave_up = true;
        return (struct value){ 0 };
    }
    size_t found = scope_ranges(l, scope, name, ranges, SCOPE_RANGES);
    if (found == 0) {
        lineage_unresolved(
            l, "42P01", name.name,
            arena_printf(l->walk->arena, "missing FROM-clause entry for table \"%s\"", name.name));
        /* Where that was not said (a function's parameters), it may be anything. */
        l->gave_up = true;
        return (struct value){ 0 };
    }
    if (!last) return whole_of(l, ranges, found); /* x.* as a value */
    if (found > 1) scan_ambiguous(l, ranges, found);
    struct sum sum = lineage_sum(l);
    struct value value = { 0 };
    for (size_t i = 0; i < found; i++)
        value = find_in(l, ranges[i], name.name, last, &sum);
    struct value all = lineage_total(l, &sum);
    return found == 1 ? value : all;
}

struct value scope_column(struct lineage *l, const struct scope *scope, const ColumnRef *ref)
{
    const ColumnRef *before = l->ref;
    l->ref = ref;
    scan_saw(l, ref);
    struct value value = look_up(l, scope, ref);
    l->ref = before;
    return value;
}
