/* INSERT, UPDATE, DELETE, MERGE and COPY of a table: what is written, from what, and what RETURNING gives. */
#include "sql/scan.h"

static void use_row(struct lineage *l, const struct row *row, uint32_t uses)
{
    for (size_t i = 0; i < row->n; i++)
        lineage_use(l, lineage_take(l, &row->fields[i]), uses);
    lineage_use(l, row->rest, uses);
}

/* The attribute of a name that stands at that place (-1: not known); 0 where it has none of that name (the
 * server says so). */
static int attribute_of(struct lineage *l, const struct range *target, struct bytes name, int place)
{
    l->walk->place = place;
    int attribute = target->relation ? catalog_column_number(target->relation, name) : 0;
    if (attribute == 0 && target->relation) {
        struct bytes says =
            arena_printf(l->walk->arena, "column \"%.*s\" of relation \"%.*s\" does not exist",
                         BYTES_FMT(name), BYTES_FMT(target->relation->name));
        lineage_unresolved(l, "42703", (const char *)name.p, says);
    }
    return attribute;
}

static struct value column_of(struct lineage *l, const struct range *target, int attribute)
{
    if (!target->relation) return target->row.rest;
    return lineage_of(l, target, attribute);
}

static void write_column(struct lineage *l, const struct range *target, const ResTarget *to)
{
    int attribute = attribute_of(l, target, bytes_of(to->name), to->location);
    lineage_use(l, column_of(l, target, attribute), SQL_USE_WRITTEN);
}

/* Subscripts and fields of what is assigned: the rest of the old value is kept, and the subscript picks. */
static void write_part(struct lineage *l, const struct scope *scope, const struct range *target,
                       const ResTarget *to)
{
    if (!to->indirection) return;
    int attribute = attribute_of(l, target, bytes_of(to->name), to->location);
    lineage_use(l, column_of(l, target, attribute), SQL_USE_STORED);
    for (int i = 0; i < tree_length(to->indirection); i++) {
        const Node *part = tree_item(to->indirection, i);
        if (tree_tag(part) != T_A_Indices) continue;
        struct value value = lineage_expression(l, scope, part);
        lineage_use(l, value, SQL_USE_STORED | SQL_USE_PREDICATE);
    }
}

/* The columns that an INSERT gives values, and what each is made of: a row of the target's own shape, which
 * is also what `excluded` is. */
static struct row inserted(struct lineage *l, const struct range *target, const List *columns,
                           const struct row *source)
{
    struct row row = lineage_live(l, target), out = { 0 };
    size_t named = (size_t)tree_length(columns);
    if (!target->relation || source->open) {
        out.open = true;
        out.rest = lineage_row_value(l, source);
    }
    for (size_t i = 0; i < row.n; i++) {
        struct field field = { .name = row.fields[i].name };
        size_t at = i;
        for (at = columns ? 0 : i; columns && at < named; at++)
            if (bytes_is(field.name, ((const ResTarget *)tree_item(columns, (int)at))->name)) break;
        if (out.open)
            field.value = out.rest;
        else if (at < source->n)
            field.value = lineage_take(l, &source->fields[at]);
        field.attribute = row.fields[i].attribute;
        lineage_append(l, &out, field);
    }
    return out;
}

static void mark_inserted(struct lineage *l, const struct scope *scope, const struct range *target,
                          const List *columns, const struct row *source, uint32_t uses)
{
    struct row row = lineage_live(l, target);
    if (!target->relation) lineage_use(l, target->row.rest, uses);
    for (int i = 0; columns && i < tree_length(columns); i++) {
        const ResTarget *to = tree_item(columns, i);
        int attribute = attribute_of(l, target, bytes_of(to->name), to->location);
        if (attribute != 0) lineage_use(l, column_of(l, target, attribute), uses);
        if (scope) write_part(l, scope, target, to);
    }
    for (size_t i = 0; !columns && i < row.n && target->relation; i++)
        if (source->open || i < source->n) lineage_use(l, lineage_take(l, &row.fields[i]), uses);
}

/* Columns that are computed from those that are inserted. */
static void mark_generated(struct lineage *l, const struct range *target, uint32_t uses)
{
    const struct catalog_relation *relation = target->relation;
    for (size_t i = 0; relation && i < relation->n_columns; i++)
        if (relation->columns[i].name.p && relation->columns[i].generated)
            lineage_use(l, lineage_of(l, target, (int)i + 1), uses);
}

static struct value excluded_value(struct lineage *l, const struct row *excluded, struct bytes name)
{
    size_t n;
    const struct field *field = lineage_named(excluded, name, &n);
    return field ? lineage_take(l, field) : excluded->rest;
}

/* What an ON CONFLICT compares: the target's columns, and what was to go there. */
static void conflict_target(struct lineage *l, const struct scope *scope, const struct range *target,
                            const InsertStmt *s, const struct row *source, const struct row *excluded)
{
    const InferClause *infer = s->onConflictClause->infer;
    if (!infer || infer->conname) {
        mark_inserted(l, NULL, target, s->cols, source, SQL_USE_PREDICATE);
        mark_generated(l, target, SQL_USE_PREDICATE);
        use_row(l, source, SQL_USE_PREDICATE);
        return;
    }
    for (int i = 0; i < tree_length(infer->indexElems); i++) {
        const IndexElem *element = tree_item(infer->indexElems, i);
        if (element->expr) use_row(l, source, SQL_USE_PREDICATE);
        lineage_predicate(l, scope, element->expr);
        if (!element->name) continue;
        struct bytes name = bytes_of(element->name);
        int attribute = attribute_of(l, target, name, -1);
        scan_conflict(l, target, attribute);
        lineage_use(l, column_of(l, target, attribute), SQL_USE_PREDICATE);
        lineage_use(l, excluded_value(l, excluded, name), SQL_USE_PREDICATE);
    }
    lineage_predicate(l, scope, infer->whereClause);
}

/* SET …: what goes where. */
static void assign(struct lineage *l, const struct scope *scope, const struct range *target,
                   const List *targets)
{
    struct row several = { 0 };
    for (int i = 0; i < tree_length(targets); i++) {
        const ResTarget *to = tree_item(targets, i);
        write_column(l, target, to);
        write_part(l, scope, target, to);
        if (!to->val || tree_tag(to->val) != T_MultiAssignRef) {
            lineage_use(l, lineage_expression(l, scope, to->val), SQL_USE_STORED);
            continue;
        }
        /* (a, b) = (…): one source, reached once for each column. */
        const MultiAssignRef *ref = (const MultiAssignRef *)to->val;
        if (ref->colno != 1 || !ref->source) continue;
        if (tree_tag(ref->source) == T_SubLink)
            several = lineage_query(l, ((const SubLink *)ref->source)->subselect, scope, scope->with);
        else
            several = (struct row){ .rest = lineage_expression(l, scope, ref->source) };
        use_row(l, &several, SQL_USE_STORED);
    }
}

static void on_conflict(struct lineage *l, struct scope *scope, const struct range *target,
                        const InsertStmt *s, const struct row *source)
{
    const OnConflictClause *conflict = s->onConflictClause;
    const Alias alias = { .aliasname = (char *)(uintptr_t) "excluded" };
    struct row row = inserted(l, target, s->cols, source);
    conflict_target(l, scope, target, s, source, &row);
    size_t before = scope->n;
    scope_push(l, scope, scope_of_row(l, row, &alias), true, true);
    assign(l, scope, target, conflict->targetList);
    lineage_predicate(l, scope, conflict->whereClause);
    scope->n = before;
}

struct row lineage_insert(struct lineage *l, const InsertStmt *s, const struct scope *outer,
                          const struct with *with)
{
    struct row source = { 0 }, out = { 0 };
    struct scope *scope = LINEAGE_ARRAY(l, struct scope, 1);
    if (!scope) return out;
    with = lineage_with(l, s->withClause, outer, with);
    *scope = (struct scope){ .outer = outer, .with = with };
    const struct range *target = lineage_range(l, s->relation);
    if (!target) return out;
    if (s->selectStmt) source = lineage_query(l, s->selectStmt, outer, with);
    use_row(l, &source, SQL_USE_STORED);
    mark_inserted(l, scope, target, s->cols, &source, SQL_USE_WRITTEN);
    scope_push(l, scope, target, true, true);
    if (s->onConflictClause) on_conflict(l, scope, target, s, &source);
    lineage_returning(l, scope, target, s->returningList, &out);
    return out;
}

struct row lineage_update(struct lineage *l, const UpdateStmt *s, const struct scope *outer,
                          const struct with *with)
{
    struct row out = { 0 };
    struct scope *scope = LINEAGE_ARRAY(l, struct scope, 1);
    if (!scope) return out;
    *scope = (struct scope){ .outer = outer, .with = lineage_with(l, s->withClause, outer, with) };
    const struct range *target = lineage_range(l, s->relation);
    if (!target) return out;
    scope_push(l, scope, target, true, true);
    for (int i = 0; i < tree_length(s->fromClause); i++)
        scope_from(l, scope, tree_item(s->fromClause, i));
    assign(l, scope, target, s->targetList);
    lineage_predicate(l, scope, s->whereClause);
    lineage_returning(l, scope, target, s->returningList, &out);
    return out;
}

struct row lineage_delete(struct lineage *l, const DeleteStmt *s, const struct scope *outer,
                          const struct with *with)
{
    struct row out = { 0 };
    struct scope *scope = LINEAGE_ARRAY(l, struct scope, 1);
    if (!scope) return out;
    *scope = (struct scope){ .outer = outer, .with = lineage_with(l, s->withClause, outer, with) };
    const struct range *target = lineage_range(l, s->relation);
    if (!target) return out;
    scope_push(l, scope, target, true, true);
    for (int i = 0; i < tree_length(s->usingClause); i++)
        scope_from(l, scope, tree_item(s->usingClause, i));
    lineage_use(l, column_of(l, target, 0), SQL_USE_WRITTEN);
    lineage_predicate(l, scope, s->whereClause);
    lineage_returning(l, scope, target, s->returningList, &out);
    return out;
}

static void merge_branch(struct lineage *l, const struct scope *both, const struct scope *source,
                         const struct range *target, const MergeWhenClause *when)
{
    const struct scope *scope = when->matched ? both : source;
    lineage_predicate(l, scope, when->condition);
    if (when->commandType == CMD_DELETE) lineage_use(l, column_of(l, target, 0), SQL_USE_WRITTEN);
    if (when->commandType == CMD_UPDATE) assign(l, both, target, when->targetList);
    if (when->commandType != CMD_INSERT) return;
    struct row row = { 0 };
    for (int i = 0; i < tree_length(when->values); i++) {
        const Node *node = tree_item(when->values, i);
        if (lineage_is_star(node))
            lineage_star(l, scope, node, &row);
        else
            lineage_append(l, &row, (struct field){ .value = lineage_expression(l, scope, node) });
    }
    use_row(l, &row, SQL_USE_STORED);
    mark_inserted(l, scope, target, when->targetList, &row, SQL_USE_WRITTEN);
}

struct row lineage_merge_into(struct lineage *l, const MergeStmt *s, const struct scope *outer,
                              const struct with *with)
{
    struct scope *both = LINEAGE_ARRAY(l, struct scope, 1), *source = LINEAGE_ARRAY(l, struct scope, 1);
    if (!both || !source) return (struct row){ 0 };
    with = lineage_with(l, s->withClause, outer, with);
    *both = *source = (struct scope){ .outer = outer, .with = with };
    const struct range *target = lineage_range(l, s->relation);
    if (!target) return (struct row){ 0 };
    scope_from(l, source, s->sourceRelation);
    scope_push(l, both, target, true, true);
    for (size_t i = 0; i < source->n; i++)
        scope_push(l, both, source->items[i].range, source->items[i].named, source->items[i].columns);
    lineage_predicate(l, both, s->joinCondition);
    for (int i = 0; i < tree_length(s->mergeWhenClauses); i++)
        merge_branch(l, both, source, target, tree_item(s->mergeWhenClauses, i));
    return (struct row){ 0 };
}

/* COPY t (a, b): the columns, in that order; generated ones are not copied where none are named. */
static struct row copied(struct lineage *l, const CopyStmt *s, const struct range *target)
{
    struct row row = lineage_live(l, target), out = { 0 };
    if (!target->relation) return row;
    for (int i = 0; i < tree_length(s->attlist); i++) {
        struct bytes name = lineage_string(s->attlist, i);
        int attribute = attribute_of(l, target, name, -1);
        if (attribute == 0) continue;
        lineage_append(l, &out,
                       (struct field){ .name = name, .of = target, .attribute = (int16_t)attribute });
    }
    for (size_t i = 0; !s->attlist && i < row.n; i++)
        if (!target->relation->columns[row.fields[i].attribute - 1].generated)
            lineage_append(l, &out, row.fields[i]);
    return out;
}

void lineage_copy(struct lineage *l, const CopyStmt *s, struct row *out)
{
    struct scope scope = { 0 };
    if (s->query) {
        *out = lineage_query(l, s->query, NULL, NULL);
        return;
    }
    struct range *target = lineage_range(l, s->relation);
    if (!target) return;
    /* COPY t TO reads the table alone, and not its children. */
    if (!s->is_from) target->only = target->relation && target->relation->kind == 'r';
    scope_push(l, &scope, target, true, true);
    struct row row = copied(l, s, target);
    if (!s->is_from) {
        *out = row;
        return;
    }
    use_row(l, &row, SQL_USE_WRITTEN);
    lineage_predicate(l, &scope, s->whereClause);
}
