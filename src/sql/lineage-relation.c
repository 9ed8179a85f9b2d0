/* Columns of relations, and what hangs on them: a view's column is what it selects, a table's is the same
 * column of its partitions and children and of what it is one of. Relations that the text does not name
 * appear in the statement with `through`. */
#include "sql/lineage.h"
#include "sql/names.h"
#include "sql/scan.h"

static bool is_view(const struct catalog_relation *relation)
{
    return relation->kind == 'v' || relation->kind == 'm';
}

/* UINT32_MAX: there was no memory, or too many. */
static uint32_t add_relation(struct lineage *l, struct sql_relation relation)
{
    struct sql_statement *s = l->walk->statement;
    if (s->n_relations >= SQL_NAMES_CEILING) {
        l->walk->trouble = WALK_MANY;
        return UINT32_MAX;
    }
    if (s->n_relations >= l->walk->relations_size) {
        struct sql_relation *more =
            lineage_larger(l, s->relations, s->n_relations, &l->walk->relations_size, sizeof(*more));
        if (!more) return UINT32_MAX;
        s->relations = more;
    }
    relation.name = arena_copy(l->walk->arena, relation.name);
    if (relation.schema.p) relation.schema = arena_copy(l->walk->arena, relation.schema);
    if (!relation.name.p) l->walk->trouble = WALK_FULL;
    /* Which access it is, is told by who follows the ties; what is met only here has all of it. */
    relation.access = s->effects & (EFFECT_READ | EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE);
    s->relations[s->n_relations] = relation;
    return (uint32_t)s->n_relations++;
}

uint32_t lineage_relation(struct lineage *l, const struct catalog_relation *relation)
{
    uint32_t index;
    if (lineage_number_get(&l->relation_indices, relation->oid, &index)) return index;
    bool own = relation->temporary && bytes_equal(catalog_temporary_schema(l->view), relation->schema);
    index =
        add_relation(l, (struct sql_relation){ .schema = own ? BYTES_LITERAL("pg_temp") : relation->schema,
                                               .name = relation->name,
                                               .resolved = true,
                                               .through = true,
                                               .oid = relation->oid });
    if (index != UINT32_MAX) lineage_number_put(l, &l->relation_indices, relation->oid, index);
    return index;
}

static const struct {
    int attribute;
    const char *name;
} system_columns[] = { { -1, "ctid" }, { -2, "xmin" }, { -3, "cmin" },
                       { -4, "xmax" }, { -5, "cmax" }, { -6, "tableoid" } };

static struct bytes column_name(const struct catalog_relation *relation, int attribute)
{
    if (attribute > 0 && (size_t)attribute <= relation->n_columns)
        return relation->columns[attribute - 1].name;
    for (size_t i = 0; i < sizeof(system_columns) / sizeof(*system_columns); i++)
        if (system_columns[i].attribute == attribute) return bytes_of(system_columns[i].name);
    return BYTES_LITERAL("*");
}

/* What hangs on a relation was read with it; the session may see it otherwise by now. */
static const struct catalog_relation *as_seen(struct lineage *l, const struct catalog_relation *relation)
{
    const struct catalog_relation *seen = catalog_by_oid(l->view, relation->oid);
    return seen ? seen : relation;
}

static bool gather(struct lineage *l, struct lineage_kin *kin, size_t *size, struct lineage_numbers *seen,
                   const struct catalog_relation *relation)
{
    uint32_t ignored;
    if (lineage_number_get(seen, relation->oid, &ignored)) return true;
    if (kin->n >= SQL_NAMES_CEILING) l->gave_up = true;
    if (!lineage_spend(l, 1)) return false;
    if (kin->n == *size) {
        const struct catalog_relation **more =
            lineage_larger(l, kin->items, kin->n, size, sizeof(const struct catalog_relation *));
        if (!more) return false;
        kin->items = more;
    }
    lineage_number_put(l, seen, relation->oid, 0);
    kin->items[kin->n++] = as_seen(l, relation);
    return true;
}

static bool gather_tied(struct lineage *l, struct lineage_kin *kin, size_t *size,
                        struct lineage_numbers *seen, const struct catalog_relation *relation,
                        enum catalog_tie tie)
{
    for (size_t i = 0; i < relation->n_ties; i++)
        if (relation->ties[i].tie == tie && !gather(l, kin, size, seen, relation->ties[i].relation))
            return false;
    return true;
}

/* Itself first; then what it holds the rows of, at any depth; then what any of these is a part of. */
static struct lineage_kin find_kin(struct lineage *l, const struct catalog_relation *relation, bool only)
{
    struct lineage_kin kin = { .of = relation, .only = only };
    struct lineage_numbers seen = { 0 };
    size_t size = 0;
    gather(l, &kin, &size, &seen, relation);
    for (size_t i = 0; !only && i < kin.n; i++)
        if (!gather_tied(l, &kin, &size, &seen, kin.items[i], CATALOG_TIE_CHILD)) break;
    for (size_t i = 0; i < kin.n; i++)
        if (!gather_tied(l, &kin, &size, &seen, kin.items[i], CATALOG_TIE_PARENT)) break;
    return kin;
}

static bool has_kin(const struct catalog_relation *relation)
{
    for (size_t i = 0; i < relation->n_ties; i++)
        if (relation->ties[i].tie == CATALOG_TIE_CHILD || relation->ties[i].tie == CATALOG_TIE_PARENT)
            return true;
    return false;
}

static struct lineage_kin kin_of(struct lineage *l, const struct catalog_relation *relation, bool only)
{
    for (size_t i = 0; i < l->n_kin; i++)
        if (l->kin[i].of == relation && l->kin[i].only == only) return l->kin[i];
    struct lineage_kin kin = find_kin(l, relation, only);
    if (l->n_kin == l->kin_size) {
        struct lineage_kin *more = lineage_larger(l, l->kin, l->n_kin, &l->kin_size, sizeof(*more));
        if (!more) return kin;
        l->kin = more;
    }
    l->kin[l->n_kin++] = kin;
    return kin;
}

static struct value one(const uint32_t *id)
{
    return (struct value){ .ids = { id, 1 } };
}

static struct value closure(struct lineage *l, const struct catalog_relation *relation, int attribute,
                            bool only);

static void add_relatives(struct lineage *l, struct sum *sum, const struct catalog_relation *relation,
                          int attribute, bool only)
{
    if (!has_kin(relation)) return;
    struct lineage_kin kin = kin_of(l, relation, only);
    struct bytes name = column_name(relation, attribute);
    for (size_t i = 0; i < kin.n && !l->walk->trouble; i++) {
        const struct catalog_relation *other = kin.items[i];
        int theirs = attribute > 0 ? catalog_column_number(other, name) : attribute;
        if (other == relation || (attribute > 0 && theirs == 0)) continue;
        uint32_t index = lineage_relation(l, other);
        uint32_t id = index == UINT32_MAX ? UINT32_MAX : lineage_column(l, index, name, (int16_t)theirs);
        if (id != UINT32_MAX) lineage_add(l, sum, one(&id));
    }
}

static void add_sources(struct lineage *l, struct sum *sum, const struct catalog_sources *sources)
{
    sum->opaque |= sources->opaque;
    for (size_t i = 0; i < sources->n; i++)
        lineage_add(l, sum, closure(l, sources->items[i].relation, sources->items[i].attribute, false));
}

/* A view that could not be read: all of everything that it reads. */
static void add_tied(struct lineage *l, struct sum *sum, const struct catalog_relation *view)
{
    sum->opaque = true;
    for (size_t i = 0; i < view->n_ties; i++)
        if (view->ties[i].tie == CATALOG_TIE_VIEW)
            lineage_add(l, sum, closure(l, view->ties[i].relation, 0, false));
}

static void add_viewed(struct lineage *l, struct sum *sum, const struct catalog_relation *view, int attribute)
{
    if (!view->sources) {
        add_tied(l, sum, view);
        return;
    }
    for (size_t i = 0; i < view->n_columns; i++)
        if (attribute == 0 || (size_t)attribute == i + 1) add_sources(l, sum, &view->sources[i]);
}

/* What a column is made of, itself first. */
static struct value closure(struct lineage *l, const struct catalog_relation *relation, int attribute,
                            bool only)
{
    relation = as_seen(l, relation);
    uint32_t index = lineage_relation(l, relation);
    if (index == UINT32_MAX) return (struct value){ 0 };
    uint32_t id = lineage_column(l, index, column_name(relation, attribute), (int16_t)attribute);
    if (id == UINT32_MAX) return (struct value){ 0 };
    if (!l->notes[id].done[only]) {
        if (!lineage_enter(l)) return (struct value){ 0 };
        struct sum sum = lineage_sum(l);
        lineage_add(l, &sum, one(&id));
        if (is_view(relation)) add_viewed(l, &sum, relation, attribute);
        add_relatives(l, &sum, relation, attribute, only);
        struct value total = lineage_total(l, &sum);
        lineage_leave(l);
        struct lineage_note *note = &l->notes[id];
        note->done[only] = true;
        note->closure[only] = total.ids;
        note->opaque[only] = total.opaque;
    }
    return (struct value){ .ids = l->notes[id].closure[only], .opaque = l->notes[id].opaque[only] };
}

/* What decides which rows a view has counts as soon as the view is used. */
static void decide(struct lineage *l, const struct catalog_relation *relation)
{
    uint32_t ignored;
    relation = as_seen(l, relation);
    if (!is_view(relation) || lineage_number_get(&l->decided, relation->oid, &ignored)) return;
    lineage_number_put(l, &l->decided, relation->oid, 0);
    if (!lineage_enter(l)) return;
    struct sum sum = lineage_sum(l);
    add_sources(l, &sum, &relation->decides);
    if (relation->decides.opaque || !relation->sources) add_tied(l, &sum, relation);
    lineage_use(l, lineage_total(l, &sum), SQL_USE_PREDICATE);
    for (size_t i = 0; i < relation->n_ties; i++)
        if (relation->ties[i].tie == CATALOG_TIE_VIEW) decide(l, relation->ties[i].relation);
    lineage_leave(l);
}

struct value lineage_of(struct lineage *l, const struct range *range, int attribute)
{
    const struct catalog_relation *relation = range->relation;
    struct value value = closure(l, relation, attribute, range->only);
    value.plain = attribute != 0 && value.ids.n > 0;
    if (attribute > 0 && (size_t)attribute <= relation->n_columns)
        value.type = relation->columns[attribute - 1].type;
    return value;
}

struct row lineage_live(struct lineage *l, const struct range *range)
{
    const struct catalog_relation *relation = range->relation;
    if (!relation) return range->row;
    struct row row = { .fields = LINEAGE_ARRAY(l, struct field, relation->n_columns + 1),
                       .size = relation->n_columns + 1 };
    if (!row.fields || !lineage_spend(l, relation->n_columns)) return (struct row){ .open = true };
    for (size_t i = 0; i < relation->n_columns; i++) {
        struct bytes name = relation->columns[i].name;
        if (!name.p) continue;
        if ((int)row.n < tree_length(range->names)) name = lineage_string(range->names, (int)row.n);
        row.fields[row.n++] = (struct field){ .name = name, .of = range, .attribute = (int16_t)(i + 1) };
    }
    return row;
}

struct value lineage_take(struct lineage *l, const struct field *field)
{
    return field->of ? lineage_of(l, field->of, field->attribute) : field->value;
}

struct value lineage_row_value(struct lineage *l, const struct row *row)
{
    struct sum sum = lineage_sum(l);
    for (size_t i = 0; i < row->n; i++)
        lineage_add(l, &sum, lineage_take(l, &row->fields[i]));
    lineage_add(l, &sum, row->rest);
    return lineage_total(l, &sum);
}

struct value lineage_whole(struct lineage *l, const struct range *range)
{
    struct row *row = LINEAGE_ARRAY(l, struct row, 1);
    if (!row) return (struct value){ 0 };
    *row = lineage_live(l, range);
    struct value whole;
    if (range->relation) {
        whole = lineage_of(l, range, 0);
        whole.type = range->relation->type;
    } else {
        whole = lineage_row_value(l, row);
    }
    whole.row = row;
    return whole;
}

uint32_t lineage_type(struct lineage *l, const TypeName *name)
{
    struct tree_name parts;
    if (!name || !tree_name(name->names, &parts) || name->setof || name->pct_type) return 0;
    const struct catalog_type *type =
        catalog_type_find(l->view, bytes_of(parts.schema), bytes_of(parts.name));
    return type && !name->arrayBounds ? type->oid : 0;
}

const struct row *lineage_fields(struct lineage *l, struct value value)
{
    const struct catalog_type *type = NULL;
    if (value.row) return value.row;
    for (uint32_t oid = value.type, n = 0; oid && n < LINEAGE_DEPTH; n++) {
        type = catalog_type_by_oid(l->view, oid);
        oid = type ? type->base : 0;
    }
    const struct catalog_relation *relation =
        type && type->relation ? catalog_by_oid(l->view, type->relation) : NULL;
    struct row *row = relation ? LINEAGE_ARRAY(l, struct row, 1) : NULL;
    if (!row) return NULL;
    value.plain = false;
    for (size_t i = 0; i < relation->n_columns; i++) {
        if (!relation->columns[i].name.p) continue;
        value.type = relation->columns[i].type;
        lineage_append(l, row, (struct field){ .name = relation->columns[i].name, .value = value });
    }
    return row;
}

/* The whole of every entry that the name may stand for. */
static void add_named(struct lineage *l, struct sum *sum, const RangeVar *var)
{
    const struct sql_statement *s = l->walk->statement;
    struct bytes schema = bytes_of(var->schemaname), name = bytes_of(var->relname);
    size_t n = s->n_relations, found = 0;
    for (uint32_t i = 0; i < n && !l->walk->trouble; i++) {
        const struct sql_relation *r = &s->relations[i];
        if (!bytes_equal(r->name, name) || r->through) continue;
        if (schema.n && r->schema.n && !bytes_equal(r->schema, schema)) continue;
        lineage_add(l, sum, lineage_entry(l, i));
        found++;
    }
    if (found > 0) return;
    uint32_t index = add_relation(l, (struct sql_relation){ .schema = schema, .name = name });
    if (index != UINT32_MAX) lineage_add(l, sum, lineage_entry(l, index));
}

static void open_range(struct lineage *l, struct range *range, const RangeVar *var)
{
    struct sum sum = lineage_sum(l);
    add_named(l, &sum, var);
    if (range->relation) lineage_add(l, &sum, closure(l, range->relation, 0, false));
    range->relation = NULL;
    range->row.open = true;
    range->row.rest = lineage_total(l, &sum);
    for (int i = 0; var->alias && i < tree_length(var->alias->colnames); i++)
        lineage_append(
            l, &range->row,
            (struct field){ .name = lineage_string(var->alias->colnames, i), .value = range->row.rest });
}

struct range *lineage_range(struct lineage *l, const RangeVar *var)
{
    struct range *range = LINEAGE_ARRAY(l, struct range, 1);
    if (!range) return NULL;
    /* Nothing is known of the columns of what an earlier statement of the text makes. */
    bool made = names_look(l->walk, var, &range->relation);
    range->node = var;
    struct scan_item *item = l->walk->names->scans ? scan_item_of(l->walk->names->scans, var) : NULL;
    if (item) item->looked = true;
    range->alias = bytes_of(var->alias ? var->alias->aliasname : var->relname);
    range->aliased = var->alias != NULL;
    range->only = !var->inh;
    range->names = var->alias ? var->alias->colnames : NULL;
    if (range->relation) {
        range->schema = range->relation->schema;
        decide(l, range->relation);
    } else {
        range->schema = bytes_of(var->schemaname);
    }
    if (!range->relation || made) open_range(l, range, var);
    return range;
}

struct value lineage_entry(struct lineage *l, uint32_t relation)
{
    const struct sql_relation *r = &l->walk->statement->relations[relation];
    const struct catalog_relation *known = r->oid ? catalog_by_oid(l->view, r->oid) : NULL;
    struct sum sum = lineage_sum(l);
    uint32_t id = lineage_column(l, relation, BYTES_LITERAL("*"), 0);
    if (id != UINT32_MAX) lineage_add(l, &sum, one(&id));
    if (known) lineage_add(l, &sum, closure(l, known, 0, false));
    return lineage_total(l, &sum);
}
